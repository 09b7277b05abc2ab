//! A query is permitted in part: what must be known before the archive is asked.

use super::super::refuse::transient;
use super::super::stage::DataSet;
use super::super::wait::Woken;
use super::super::{Ending, Relay};
use super::ask::{ask_for_nothing, is_below_study};
use super::patients::Listed;
use super::querying::By;
use crate::dicom::Tag;
use crate::dicom::dataset::Level;
use crate::dicom::dimse::Status;
use crate::dicom::query::{self, Identifier, Model};
use crate::dicom::transfer_syntax::encoding_of;
use crate::gate::Permit;
use crate::policy::Narrowing;
use crate::policy::narrow::Shown;
use crate::proxy::lookup::{LookupFault, Patients, StudyFacts};
use std::sync::Arc;

/// A query, and what has been found out for it.
#[derive(Debug)]
pub struct Prepared {
    narrowing: Arc<Narrowing>,
    identifier: Identifier,
    found: Result<Found, LookupFault>,
}

/// What has been found out.
#[derive(Debug)]
pub enum Found {
    /// The patients that fulfil `where_patient`.
    Patients(Arc<Patients>),
    /// The study that is asked about; `None`: it is not there.
    Study(Option<Arc<StudyFacts>>),
    /// The patients that were asked for.
    Listed(Listed),
}

impl Relay {
    /// A query goes on so that only what may be seen comes back.
    pub(in super::super) fn begin_query(
        &mut self,
        data: &DataSet,
        permit: Permit,
        narrowing: Arc<Narrowing>,
    ) -> Result<(), Ending> {
        let Some(accepted) = self.contexts.get(data.context) else { return Ok(()) };
        let encoding = encoding_of(accepted.transfer_syntax);
        let Some(model) = Model::of(accepted.abstract_syntax) else {
            return self.cannot_narrow(data.context, &data.command, permit);
        };
        let bytes = data.kept.clone().unwrap_or_default();
        let identifier = match Identifier::read(bytes, encoding, model, self.tolerances, self.record_limits()) {
            Ok(identifier) => identifier,
            Err(fault) => return self.refuse_query(data, permit, fault.tag(), &fault.to_string()),
        };
        match identifier.level() {
            Some(Level::Patient) => self.begin_patients(permit, narrowing, identifier),
            Some(level) if is_below_study(level) => self.begin_below_study(data, permit, narrowing, identifier),
            // A worklist is judged by its answers alone.
            Some(_) if !narrowing.wanted_of_patient().is_empty() => {
                let lookups = self.lookups();
                let by = Arc::clone(&narrowing);
                let find = async move { lookups.patients(&by).await.map(Found::Patients) };
                self.find_out(permit, narrowing, identifier, find);
                Ok(())
            }
            _ => self.ask_archive(data, permit, Some(narrowing), identifier, By::Answer(None)),
        }
    }

    /// Series and images: whether their study may be seen is found out first.
    fn begin_below_study(
        &mut self,
        data: &DataSet,
        permit: Permit,
        narrowing: Arc<Narrowing>,
        identifier: Identifier,
    ) -> Result<(), Ending> {
        let studies = identifier.uids(query::STUDY);
        let Some(&[study]) = studies.as_deref() else {
            let words = "(0020,000D) must be one UID below the level of studies";
            return self.refuse_query(data, permit, Some(query::STUDY), words);
        };
        let lookups = self.lookups();
        let by = Arc::clone(&narrowing);
        let find = async move { lookups.study(&by, &study).await.map(Found::Study) };
        self.find_out(permit, narrowing, identifier, find);
        Ok(())
    }

    /// Finds something out; the query waits for it.
    pub(super) fn find_out(
        &mut self,
        permit: Permit,
        narrowing: Arc<Narrowing>,
        identifier: Identifier,
        find: impl Future<Output = Result<Found, LookupFault>> + Send + 'static,
    ) {
        self.pending = Some(permit);
        self.up.wait = Some(Box::pin(async move {
            let found = find.await;
            Woken::Query(Box::new(Prepared { narrowing, identifier, found }))
        }));
    }

    /// It has been found out, or could not be.
    pub(in super::super) fn go_on_with_query(&mut self, data: &DataSet, prepared: Prepared) -> Result<(), Ending> {
        let Prepared { narrowing, mut identifier, found } = prepared;
        let Some(permit) = self.pending.take() else { return Ok(()) };
        let by = match found {
            Ok(Found::Listed(listed)) => return self.show_patients(data, permit, &narrowing, listed),
            Ok(Found::Patients(patients)) => By::Answer(Some(patients)),
            Ok(Found::Study(facts)) => {
                let shown = facts.as_ref().map_or(Shown::NOTHING, |facts| facts.shown(&narrowing));
                match (facts, ask_for_nothing_unless(&mut identifier, shown)) {
                    (_, Err(fault)) => return self.refuse_lookup(data, permit, &fault),
                    (_, Ok(Some(nowhere))) => By::Study(nowhere, Shown::NOTHING, None),
                    (Some(facts), Ok(None)) => By::Study(*facts.study(), shown, Some(facts)),
                    (None, Ok(None)) => return Ok(()),
                }
            }
            Err(fault) => return self.refuse_lookup(data, permit, &fault),
        };
        self.ask_archive(data, permit, Some(narrowing), identifier, by)
    }

    /// Nothing is shown on a guess.
    pub(super) fn refuse_lookup(&mut self, data: &DataSet, permit: Permit, fault: &LookupFault) -> Result<(), Ending> {
        if let LookupFault::Refused(status) = fault {
            return self.refuse_permitted(data, permit, *status, "");
        }
        tracing::warn!(%fault, archive = %self.called.to, peer = %self.principal.name, "a query is refused for now");
        let words = "the gateway cannot find out what may be shown now";
        self.refuse_permitted(data, permit, transient(data.command.field), words)
    }

    /// Refuses an identifier, and says which attribute is at fault.
    pub(in super::super) fn refuse_query(
        &mut self,
        data: &DataSet,
        permit: Permit,
        offending: Option<Tag>,
        words: &str,
    ) -> Result<(), Ending> {
        self.refuse_permitted(data, permit, Status::DATA_SET_MISMATCH, words)?;
        if let Some(refused) = &mut self.up.refusal {
            refused.answer.offending = offending.into_iter().collect();
        }
        Ok(())
    }
}

/// Asks for what is nowhere if nobody shows the study.
fn ask_for_nothing_unless(identifier: &mut Identifier, shown: Shown) -> Result<Option<crate::dicom::Uid>, LookupFault> {
    match shown.is_nothing() {
        true => ask_for_nothing(identifier).map(Some),
        false => Ok(None),
    }
}
