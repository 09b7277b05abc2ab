//! Studies that fit somebody's keys, one after the other.

use super::LookupFault;
use super::ask::Question;
use super::link::Lookups;
use crate::dicom::Tag;
use crate::dicom::dataset::Level;
use crate::dicom::dataset::record::Record;
use crate::dicom::query::STUDY;
use dicom_core::VR;

impl Lookups {
    /// The studies that fit these keys, each handed over as it comes. An archive may answer with more than fits. Never from
    /// memory.
    ///
    /// # Errors
    /// Nothing can be found out now, the archive refuses the keys, or `take` does.
    pub async fn studies(
        &self,
        keys: Vec<(Tag, VR, String)>,
        returns: &[Tag],
        take: &mut (dyn FnMut(Record) -> Result<(), LookupFault> + Send),
    ) -> Result<(), LookupFault> {
        let mut question = Question::at(Level::Study).uids(STUDY, &[]);
        for (tag, vr, text) in &keys {
            question = question.text(*tag, *vr, text);
        }
        self.ask(&question.returns(returns), false, take).await
    }
}
