//! Queries for patients: those with a study that may be seen. Their studies are asked for in a lookup, and those that may
//! be seen are grouped by patient; an attribute of a patient is hidden only if every permit that shows one of these
//! studies hides it.

use super::super::canary::answered;
use super::super::stage::{DataSet, Fate};
use super::super::{Ending, Relay};
use super::begin::Found;
use super::charge::{Due, Granted, charge, named};
use super::querying::without;
use crate::dicom::Tag;
use crate::dicom::dataset::record::{Record, RecordLimits};
use crate::dicom::dimse::{Status, Tolerances};
use crate::dicom::matching::Attributes as _;
use crate::dicom::pdu::pdata;
use crate::dicom::query::{Identifier, LEVEL, PATIENT_ID};
use crate::dicom::transfer_syntax::Encoding;
use crate::gate::{Outcome, Permit, Tripwire};
use crate::policy::Narrowing;
use crate::policy::model::Unit;
use crate::policy::narrow::Shown;
use crate::proxy::lookup::{LookupFault, Lookups, Patient};
use crate::proxy::snapshot::Snapshot;
use crate::state::State;
use crate::transform::narrow::{Narrow, narrow};
use bytes::Bytes;
use dicom_core::VR;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

/// Specific Character Set.
const CHARACTER_SET: Tag = Tag(0x0008, 0x0005);
/// Issuer of Patient ID.
const ISSUER: Tag = Tag(0x0010, 0x0021);
/// Attributes that archives keep of patients stand in this group (PS3.4 C.6.1.1.2).
const OF_PATIENTS: u16 = 0x0010;
/// So many bytes of answers are gathered before they go.
const GATHERED: usize = 64 * 1024;

/// Patients that may be seen, ready to be shown.
#[derive(Debug)]
pub struct Listed {
    answers: Vec<Vec<u8>>,
    withheld: u32,
    end: ListEnd,
}

/// How the list ends.
#[derive(Debug)]
enum ListEnd {
    Whole,
    /// More may be seen than is shown: with this status.
    TooMany(u16),
    /// A study that would be shown is about this canary.
    Canary(Arc<str>),
    /// The next one would have to be paid for by these permits, which have no room.
    Blown(Shown),
}

/// What a list is made from.
struct Wanted {
    narrowing: Arc<Narrowing>,
    identifier: Identifier,
    encoding: Encoding,
    lookups: Arc<Lookups>,
    state: State,
    subject: Arc<str>,
    snapshot: Arc<Snapshot>,
}

/// Patients with a study that may be seen, in the order they come, each with the permits that show one of them.
#[derive(Default)]
struct Groups {
    found: Vec<(Record, Shown)>,
    /// Studies that may not be seen.
    withheld: u32,
    canary: Option<Arc<str>>,
}

impl Relay {
    /// The studies are asked for, and those that may be seen are grouped by their patients.
    pub(super) fn begin_patients(
        &mut self,
        permit: Permit,
        narrowing: Arc<Narrowing>,
        identifier: Identifier,
    ) -> Result<(), Ending> {
        let wanted = Wanted {
            narrowing: Arc::clone(&narrowing),
            encoding: identifier.record().encoding(),
            identifier: identifier.clone(),
            lookups: self.lookups(),
            state: self.shared.state.clone(),
            subject: self.subject(),
            snapshot: Arc::clone(&self.snapshot),
        };
        self.find_out(permit, narrowing, identifier, async move { wanted.list().await.map(Found::Listed) });
        Ok(())
    }

    /// The list is shown; nothing of the query has gone to the archive on this association.
    pub(super) fn show_patients(
        &mut self,
        data: &DataSet,
        permit: Permit,
        narrowing: &Narrowing,
        listed: Listed,
    ) -> Result<(), Ending> {
        let Listed { answers, withheld, end } = listed;
        let command = &data.command;
        let mut tripped = None;
        let end = match end {
            ListEnd::Whole => command.response(Status::SUCCESS),
            ListEnd::Canary(name) => return Err(self.trip(&Tripwire::Canary(name))),
            ListEnd::TooMany(status) => command.refusal(Status(status), "more matches than may be shown"),
            ListEnd::Blown(blown) => {
                let (words, ending) = self.blown(&permit, narrowing, blown);
                tripped = ending;
                command.refusal(Status::OUT_OF_RESOURCES, &words)
            }
        };
        let (Some(end), Some(pending)) = (end, command.response(Status::PENDING)) else { return Ok(()) };
        let pending = pending.with_data_set().encode();
        let mut gathered = Vec::new();
        for answer in &answers {
            pdata::append_message(&mut gathered, data.context, &pending, Some(answer), self.longest);
            if gathered.len() >= GATHERED {
                self.show_caller(Bytes::from(std::mem::take(&mut gathered)));
            }
        }
        if !gathered.is_empty() {
            self.show_caller(Bytes::from(gathered));
        }
        let outcome = Outcome {
            status: end.status.map_or(0, |status| status.0),
            bytes: data.bytes,
            answers: u32::try_from(answers.len()).unwrap_or(u32::MAX),
            withheld,
            ..Outcome::default()
        };
        permit.close(outcome).map_err(|_| Ending::Unrecorded)?;
        self.up.fate = Fate::Drop;
        self.show_caller(Bytes::from(pdata::write_message(data.context, &end.encode(), None, self.longest)));
        tripped.map_or(Ok(()), Err)
    }
}

impl Wanted {
    async fn list(self) -> Result<Listed, LookupFault> {
        let Groups { found, withheld, canary } = self.groups().await?;
        let mut list = Listed { answers: Vec::new(), withheld, end: ListEnd::Whole };
        if let Some(name) = canary {
            list.end = ListEnd::Canary(name);
            return Ok(list);
        }
        let mut seen = Vec::with_capacity(found.len());
        for (answer, shown) in found {
            match narrow(answer.clone(), &self.narrowing, shown, self.identifier.asked()) {
                Narrow::Answer(bytes) => seen.push((answer, shown, bytes)),
                Narrow::Dropped => list.withheld = list.withheld.saturating_add(1),
            }
        }
        if let Some((most, status)) = self.narrowing.max_results()
            && seen.len() > usize::try_from(most).unwrap_or(usize::MAX)
        {
            seen.truncate(usize::try_from(most).unwrap_or(usize::MAX));
            list.end = ListEnd::TooMany(status);
        }
        let granted = self.charge(&seen).await?;
        if let Some(blown) = granted.blown {
            list.end = ListEnd::Blown(blown);
        }
        for ((answer, shown, bytes), spent) in seen.into_iter().zip(granted.spent) {
            if spent.is_nothing() {
                list.answers.push(bytes);
            } else if let Narrow::Answer(bytes) =
                narrow(answer, &self.narrowing, without(shown, spent), self.identifier.asked())
            {
                list.answers.push(bytes);
            }
        }
        Ok(list)
    }

    /// Asks for the studies, and groups them.
    async fn groups(&self) -> Result<Groups, LookupFault> {
        let narrowing = &self.narrowing;
        let patients = match narrowing.wanted_of_patient().is_empty() {
            true => None,
            false => Some(self.lookups.patients(narrowing).await?),
        };
        let (keys, mut returns) = (self.keys(), narrowing.wanted());
        returns.extend([PATIENT_ID, ISSUER]);
        let most = usize::try_from(self.snapshot.settings.limits.narrow_patients).unwrap_or(usize::MAX);
        let mut places: HashMap<Patient, usize> = HashMap::new();
        let mut groups = Groups::default();
        self.lookups
            .studies(keys, &returns, &mut |study| {
                let patient = Patient::of(&study);
                let of_patient = match &patients {
                    Some(patients) => patients.shown(patient.as_ref()),
                    None => narrowing.without_patient(),
                };
                let shown = narrowing.shows(&study, of_patient);
                let Some(patient) = patient.filter(|_| !shown.is_nothing()) else {
                    groups.withheld = groups.withheld.saturating_add(1);
                    return Ok(());
                };
                if let Some(name) = answered(&self.snapshot.policy, &study) {
                    groups.canary = Some(name);
                }
                match places.entry(patient) {
                    Entry::Occupied(place) => {
                        if let Some((_, all)) = groups.found.get_mut(*place.get()) {
                            *all = all.or(shown);
                        }
                    }
                    Entry::Vacant(_) if groups.found.len() >= most => {
                        return Err(LookupFault::TooMany("narrow_patients"));
                    }
                    Entry::Vacant(place) => {
                        place.insert(groups.found.len());
                        groups.found.push((self.answer_of(&study), shown));
                    }
                }
                Ok(())
            })
            .await?;
        Ok(groups)
    }

    /// What the caller asks of patients.
    fn keys(&self) -> Vec<(Tag, VR, String)> {
        let record = self.identifier.caller();
        let of_patients = record.tags().filter(|(tag, vr)| tag.group() == OF_PATIENTS && *vr != VR::SQ);
        let text = |tag| record.text(tag).map(|text| text.trim().to_owned()).unwrap_or_default();
        let mut keys: Vec<(Tag, VR, String)> = of_patients.map(|(tag, vr)| (tag, vr, text(tag))).collect();
        for key in self.narrowing.sent() {
            match keys.iter_mut().find(|(tag, ..)| *tag == key.tag) {
                None => keys.push((key.tag, key.vr, key.text)),
                Some((.., asked)) if asked.is_empty() => *asked = key.text,
                Some(_) => {}
            }
        }
        keys
    }

    /// A study of a patient as an answer about the patient: what was asked, as far as it is the patient's.
    fn answer_of(&self, study: &Record) -> Record {
        let mut answer = Record::new(self.encoding);
        if let Some(text) = study.text(CHARACTER_SET) {
            // The archive wrote with it.
            let _ = answer.set_text(CHARACTER_SET, VR::CS, &text);
        }
        for (tag, vr) in self.identifier.caller().tags().filter(|(tag, _)| *tag != CHARACTER_SET) {
            let text = match tag {
                LEVEL => Some("PATIENT".into()),
                tag if tag.group() == OF_PATIENTS => study.text(tag),
                _ => None,
            };
            if text.is_none_or(|text| answer.set_text(tag, vr, &text).is_err()) {
                answer.insert_empty(tag);
            }
        }
        // Read again, so that what is cut away later is a part of it like any other.
        let read = Record::read(answer.into_bytes(), self.encoding, Tolerances::ALL, RecordLimits::default());
        read.unwrap_or_else(|_| Record::new(self.encoding))
    }

    async fn charge(&self, seen: &[(Record, Shown, Vec<u8>)]) -> Result<Granted, LookupFault> {
        if self.narrowing.permits().iter().all(|permit| permit.budget.is_none()) {
            return Ok(Granted { spent: vec![Shown::NOTHING; seen.len()], blown: None });
        }
        let name = |unit: Unit, item: &[u8]| named(&self.state, unit, item);
        let due: Vec<Due> =
            seen.iter().map(|(answer, shown, _)| Due::of_patient(&self.narrowing, *shown, answer, name)).collect();
        charge(&self.state, &self.narrowing, &self.subject, &due)
            .await
            .map_err(|fault| LookupFault::Away(fault.to_string()))
    }
}
