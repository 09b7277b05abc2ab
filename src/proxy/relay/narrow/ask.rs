//! What the archive is asked in place of what the caller asked.

use super::super::outstanding::{Outstanding, Purpose};
use super::super::stage::DataSet;
use super::super::{Ending, Relay};
use super::querying::{By, Querying, Way};
use crate::dicom::dataset::Level;
use crate::dicom::dataset::record::RecordLimits;
use crate::dicom::query::{self, Identifier, PATIENT_ID};
use crate::dicom::{Tag, Uid};
use crate::gate::Permit;
use crate::policy::Narrowing;
use crate::proxy::lookup::{LookupFault, fresh_uid};
use std::sync::Arc;

/// Issuer of Patient ID.
const ISSUER: Tag = Tag(0x0010, 0x0021);

/// Asks for all that judging an answer takes, and for nothing that could not be shown, as far as the archive can tell.
pub fn ask_for_answers(identifier: &mut Identifier, narrowing: &Narrowing, of_patients: bool) {
    for path in narrowing.wanted_paths() {
        identifier.return_path(&path);
    }
    if of_patients {
        identifier.return_key(PATIENT_ID);
        identifier.return_key(ISSUER);
    }
    for key in narrowing.sent() {
        // What the query cannot carry is checked in the answers alone.
        identifier.matching_key(key.tag, key.vr, &key.text);
    }
}

/// Asks for what is nowhere: series and images of a study that may not be seen, or is not there.
///
/// # Errors
/// The system gives no random numbers.
pub fn ask_for_nothing(identifier: &mut Identifier) -> Result<Uid, LookupFault> {
    let study = fresh_uid()?;
    for (tag, fresh) in [(query::STUDY, study), (query::SERIES, fresh_uid()?), (query::INSTANCE, fresh_uid()?)] {
        if identifier.asked().narrows(&[tag]) && !identifier.set_uids(tag, &[fresh]) {
            return Err(LookupFault::Malformed);
        }
    }
    Ok(study)
}

impl Relay {
    /// The query goes to the archive as the identifier stands now.
    pub(super) fn ask_archive(
        &mut self,
        data: &DataSet,
        permit: Permit,
        narrowing: Option<Arc<Narrowing>>,
        mut identifier: Identifier,
        by: By,
    ) -> Result<(), Ending> {
        let truths = self.truths.take().map(|mut truths| {
            truths.ask(&mut identifier);
            truths
        });
        match &by {
            By::Answer(patients) => {
                if let Some(narrowing) = &narrowing {
                    ask_for_answers(&mut identifier, narrowing, patients.is_some());
                }
                if !self.snapshot.policy.canaries().is_empty() && identifier.level().is_some() {
                    identifier.return_key(query::STUDY);
                    identifier.return_key(PATIENT_ID);
                }
            }
            // By their study they have been judged already.
            By::Study(..) => {}
        }
        let way = Way { context: data.context, longest: self.longest };
        let read = (identifier.record().encoding(), self.answer_limits());
        let query = Querying::new(narrowing, identifier.asked().clone(), by, read, way).with_truths(truths);
        self.called.asked.push(Outstanding::new(data.context, &data.command, permit, Purpose::Query(Box::new(query))));
        self.say_whole(data.context, &data.command, &identifier.write());
        Ok(())
    }

    /// How large an answer may be that is looked into.
    pub(super) fn answer_limits(&self) -> RecordLimits {
        let limits = &self.snapshot.settings.limits;
        RecordLimits { bytes: u32::try_from(limits.narrow_answer).unwrap_or(u32::MAX), ..self.record_limits() }
    }

    /// How large an identifier may be that is looked into.
    pub(super) fn record_limits(&self) -> RecordLimits {
        let limits = &self.snapshot.settings.limits;
        RecordLimits {
            bytes: u32::try_from(limits.inspect).unwrap_or(u32::MAX),
            elements: u32::try_from(limits.data_set_elements).unwrap_or(u32::MAX),
            depth: u16::try_from(limits.data_set_depth).unwrap_or(u16::MAX),
        }
    }
}

/// Whether a level lies below the study.
pub const fn is_below_study(level: Level) -> bool {
    matches!(level, Level::Series | Level::Image)
}
