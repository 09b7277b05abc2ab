//! Queries for patients: those with a study that may be seen. Their studies are asked for in a lookup, and those that may
//! be seen are grouped by patient; a value of a patient comes from one of these studies in which it is not hidden.

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
use crate::policy::narrow::{MOST_PERMITS, Shown};
use crate::proxy::lookup::{LookupFault, Lookups, Patient};
use crate::proxy::snapshot::Snapshot;
use crate::state::State;
use crate::transform::narrow::{Narrow, narrow};
use bytes::Bytes;
use dicom_core::VR;
use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

/// Specific Character Set.
const CHARACTER_SET: Tag = Tag(0x0008, 0x0005);
/// The character set that carries everything.
const UTF_8: &str = "ISO_IR 192";
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

/// A patient's studies that may be seen, each with the permits that show it. One stands for all that no more permits show,
/// as less is hidden in it.
struct Studies(Vec<(Record, Shown)>);

/// A patient who is shown.
struct Seen {
    studies: Studies,
    /// The permits that show some study.
    shown: Shown,
    answer: Vec<u8>,
}

/// Patients with a study that may be seen, in the order they come.
#[derive(Default)]
struct Groups {
    found: Vec<Studies>,
    /// Studies that may not be seen.
    withheld: u32,
    canary: Option<Arc<str>>,
}

impl Studies {
    fn add(&mut self, study: Record, shown: Shown) {
        if self.0.iter().any(|(_, known)| known.or(shown) == *known) {
            return;
        }
        if let Some(less) = self.0.iter_mut().find(|(_, known)| known.or(shown) == shown) {
            *less = (study, shown);
        } else if self.0.len() < MOST_PERMITS {
            self.0.push((study, shown));
        }
    }
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
        for studies in found {
            match self.answer_of(&studies, Shown::NOTHING) {
                Some((shown, answer)) => seen.push(Seen { studies, shown, answer }),
                None => list.withheld = list.withheld.saturating_add(1),
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
        for (seen, spent) in seen.into_iter().zip(granted.spent) {
            if spent.is_nothing() {
                list.answers.push(seen.answer);
            } else if let Some((_, answer)) = self.answer_of(&seen.studies, spent) {
                list.answers.push(answer);
            } else {
                list.withheld = list.withheld.saturating_add(1);
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
                        if let Some(studies) = groups.found.get_mut(*place.get()) {
                            studies.add(study, shown);
                        }
                    }
                    Entry::Vacant(_) if groups.found.len() >= most => {
                        return Err(LookupFault::TooMany("narrow_patients"));
                    }
                    Entry::Vacant(place) => {
                        place.insert(groups.found.len());
                        groups.found.push(Studies(vec![(study, shown)]));
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

    /// The answer about a patient, and the permits that show it, but for those that have no room in their budgets.
    fn answer_of(&self, studies: &Studies, spent: Shown) -> Option<(Shown, Vec<u8>)> {
        let asked = self.identifier.asked();
        // A study that was found by what is hidden in it was not found.
        let hidden = |shown: Shown, tag: Tag| self.narrowing.hides(shown, tag);
        let found = |shown: Shown| !asked.narrowing().any(|key| key.iter().any(|tag| hidden(shown, *tag)));
        let left = studies.0.iter().map(|(study, shown)| (study, without(*shown, spent)));
        let left: Vec<(&Record, Shown)> = left.filter(|(_, shown)| !shown.is_nothing() && found(*shown)).collect();
        let shown = left.iter().fold(Shown::NOTHING, |all, (_, shown)| all.or(*shown));
        match narrow(self.composed(&left)?, &self.narrowing, shown, asked) {
            Narrow::Answer(answer) => Some((shown, answer)),
            Narrow::Dropped => None,
        }
    }

    /// What was asked, as far as it is a patient's: each value from the first study that says it and in which it is not
    /// hidden.
    fn composed(&self, studies: &[(&Record, Shown)]) -> Option<Record> {
        let (first, _) = studies.first()?;
        let own = first.text(CHARACTER_SET).unwrap_or_default();
        // Studies of one patient may be written in different characters: then in those that carry all of them.
        let answer = self.composed_in(&own, studies).or_else(|| self.composed_in(UTF_8, studies))?;
        // Read again, so that what is cut away later is a part of it like any other.
        Record::read(answer.into_bytes(), self.encoding, Tolerances::ALL, RecordLimits::default()).ok()
    }

    /// `None`: these characters do not carry every value.
    fn composed_in(&self, characters: &str, studies: &[(&Record, Shown)]) -> Option<Record> {
        let mut answer = Record::new(self.encoding);
        if !characters.is_empty() {
            answer.set_text(CHARACTER_SET, VR::CS, characters).ok()?;
        }
        for (tag, vr) in self.identifier.caller().tags().filter(|(tag, _)| *tag != CHARACTER_SET) {
            let visible = || studies.iter().filter(|(_, shown)| !self.narrowing.hides(*shown, tag));
            let said = |text: &Cow<'_, str>| !text.trim().is_empty();
            let text = match tag {
                LEVEL => Some("PATIENT".into()),
                tag if tag.group() == OF_PATIENTS => visible().find_map(|(study, _)| study.text(tag).filter(said)),
                _ => None,
            };
            match text {
                Some(text) if answer.set_text(tag, vr, &text).is_ok() => {}
                Some(_) if characters != UTF_8 => return None,
                _ => {
                    answer.insert_empty(tag);
                }
            }
        }
        Some(answer)
    }

    async fn charge(&self, seen: &[Seen]) -> Result<Granted, LookupFault> {
        if self.narrowing.permits().iter().all(|permit| permit.budget.is_none()) {
            return Ok(Granted { spent: vec![Shown::NOTHING; seen.len()], blown: None });
        }
        let name = |unit: Unit, item: &[u8]| named(&self.state, unit, item);
        let due = seen.iter().filter_map(|seen| {
            let (study, _) = seen.studies.0.first()?;
            Some(Due::of_patient(&self.narrowing, seen.shown, study, name))
        });
        let due: Vec<Due> = due.collect();
        charge(&self.state, &self.narrowing, &self.subject, &due)
            .await
            .map_err(|fault| LookupFault::Away(fault.to_string()))
    }
}
