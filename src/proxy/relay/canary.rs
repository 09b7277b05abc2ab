//! Patients and studies that exist nowhere: a request that names one, an answer or object that carries one, ends the
//! association before it goes on.

use super::inspect::is_retrieval;
use super::stage::{DataSet, Fate, Stage, Walk};
use super::{Ending, Errand, Relay};
use crate::dicom::Uid;
use crate::dicom::dataset::Leading;
use crate::dicom::dataset::record::{Record, RecordLimits};
use crate::dicom::dimse::{Command, Field, Tolerances};
use crate::dicom::matching::Attributes as _;
use crate::dicom::query::{PATIENT_ID, STUDY};
use crate::dicom::transfer_syntax::encoding_of;
use crate::gate::Tripwire;
use crate::policy::Policy;
use crate::proxy::lookup::StudyFacts;
use std::sync::Arc;

/// The canary that a request, answer or object carries, by its name.
pub(super) fn carried(policy: &Policy, leading: &Leading) -> Option<Arc<str>> {
    if policy.canaries().is_empty() {
        return None;
    }
    let patient = leading.patient_id().map(|id| String::from_utf8_lossy(id.reveal()));
    found(policy, leading.study(), patient.as_deref())
}

/// The canary that an answer carries, by its name.
pub(super) fn answered(policy: &Policy, answer: &Record) -> Option<Arc<str>> {
    if policy.canaries().is_empty() {
        return None;
    }
    found(policy, answer.uid(STUDY).as_ref(), answer.text(PATIENT_ID).as_deref())
}

/// The canary that an identifier names beside others.
fn listed(policy: &Policy, identifier: &Record) -> Option<Arc<str>> {
    let studies = identifier.text(STUDY);
    let mut studies = studies.iter().flat_map(|list| list.split('\\'));
    let by_study =
        studies.find_map(|uid| found(policy, Uid::new(uid.trim_matches([' ', '\0']).as_bytes()).ok().as_ref(), None));
    let patients = identifier.text(PATIENT_ID);
    by_study.or_else(|| patients.iter().flat_map(|list| list.split('\\')).find_map(|id| found(policy, None, Some(id))))
}

fn found(policy: &Policy, study: Option<&Uid>, patient: Option<&str>) -> Option<Arc<str>> {
    let by_study = study.and_then(|study| policy.canary_study(study));
    let canary = by_study.or_else(|| policy.canary_patient(patient?))?;
    Some(Arc::clone(&canary.name))
}

impl Relay {
    /// Whether what the caller says names a canary: then that was its last word.
    pub(super) fn ask_canaries(&self, walk: &Walk) -> Result<(), Ending> {
        let policy = &self.snapshot.policy;
        if policy.canaries().is_empty() || !matches!(self.errand, Errand::Outward) {
            return Ok(());
        }
        carried(policy, &walk.leading).map_or(Ok(()), |name| Err(self.trip(&Tripwire::Canary(name))))
    }

    /// The same for identifiers, where canaries may stand in lists.
    pub(super) fn ask_listed_canaries(&self, data: &DataSet) -> Result<(), Ending> {
        let policy = &self.snapshot.policy;
        let whole = data.kept.as_deref().filter(|_| is_retrieval(data.command.field) && !policy.canaries().is_empty());
        let Some((whole, accepted)) = whole.zip(self.contexts.get(data.context)) else { return Ok(()) };
        let encoding = encoding_of(accepted.transfer_syntax);
        let limits = RecordLimits { bytes: u32::MAX, ..RecordLimits::default() };
        // What cannot be read is told apart where it is decided on.
        let Ok(identifier) = Record::read(whole, encoding, Tolerances::ALL, limits) else { return Ok(()) };
        listed(policy, &identifier).map_or(Ok(()), |name| Err(self.trip(&Tripwire::Canary(name))))
    }

    /// Objects of a retrieve would be about these studies: whether one is a canary's.
    pub(super) fn ask_resolved_canaries(&self, studies: &[Arc<StudyFacts>]) -> Result<(), Ending> {
        let mut answers = studies.iter().flat_map(|facts| facts.answers());
        let canary = answers.find_map(|answer| answered(&self.snapshot.policy, answer));
        canary.map_or(Ok(()), |name| Err(self.trip(&Tripwire::Canary(name))))
    }

    /// What the system in focus shows is held back until it is known to carry no canary, where there are any.
    pub(super) fn watch_down(&mut self, command: &Command) {
        let shows = command.data_set && matches!(command.field, Field::FindRsp | Field::StoreRq);
        let watched = shows && !self.snapshot.policy.canaries().is_empty() && matches!(self.errand, Errand::Outward);
        if watched && self.called.down.fate == Fate::Forward {
            self.called.down.fate = Fate::Hold;
        }
    }

    /// What was held back for that is known now, as far as it tells who it is about.
    pub(super) fn watched_down(&mut self, walk: Option<&Walk>) -> Result<(), Ending> {
        let of_stage = || match &self.called.down.stage {
            Stage::Data(data) => data.walk.as_ref(),
            Stage::Between | Stage::Command(_) => None,
        };
        if let Some(walk) = walk.or_else(of_stage) {
            self.ask_canaries(walk)?;
        }
        // What waits for anything else goes on when that has come.
        if self.called.down.lead.is_none() && self.called.down.wait.is_none() {
            self.called.down.fate = Fate::Forward;
        }
        Ok(())
    }
}
