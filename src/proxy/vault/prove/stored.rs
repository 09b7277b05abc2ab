//! One sample that was stored, and what has become known of it.

use super::judge::Verdict;
use super::patience::is_busy;
use super::result::{Carried, Fate, Trial};
use super::sample::{PATIENT_ID, Sample};
use crate::dicom::dimse::Status;
use crate::dicom::{Phi, Uid};
use crate::proxy::vault::verify::Place;
use crate::state::Repeats;
use crate::vault::SealId;
use crate::vault::carrier::Carrier;

/// One sample, and what is known of it.
#[derive(Debug)]
pub struct Stored {
    pub sample: Sample,
    pub carrier: Carried,
    pub stored: Uid,
    pub bytes: u64,
    /// What the archive said to the first one; why it said nothing of it.
    pub status: Result<Status, String>,
    /// What it said was not about the object: it was busy, or its association ended, each time.
    pub unasked: bool,
    /// What it said to the same again, and to a changed one.
    pub equal: Option<Status>,
    pub changed: Option<Status>,
    pub first: Option<SealId>,
    pub last: Option<SealId>,
    pub got: Option<Fate>,
    pub seal: Option<SealId>,
    pub moved: Vec<(String, Fate)>,
}

impl Stored {
    /// What is known when it was stored.
    pub fn new(sample: Sample, carrier: Carrier, stored: Uid, bytes: u64, status: Result<Status, String>) -> Self {
        let carrier = match carrier {
            Carrier::Pixels => Carried::Pixels,
            Carrier::Attributes => Carried::Attributes,
        };
        let unasked = status.as_ref().is_ok_and(|status| is_busy(*status));
        let (equal, changed, first, last, got, seal, moved) = (None, None, None, None, None, None, Vec::new());
        Self { sample, carrier, stored, bytes, status, unasked, equal, changed, first, last, got, seal, moved }
    }

    /// Whether the archive said that it has it.
    pub fn is_stored(&self) -> bool {
        self.status.as_ref().is_ok_and(|status| status.is_done())
    }

    /// What became of it, if the archive did not say that it has it.
    pub fn refused(&self) -> Option<Fate> {
        let words = match &self.status {
            Ok(status) if status.is_done() => return None,
            Ok(status) => status.to_string(),
            Err(why) => why.clone(),
        };
        Some(if self.unasked { Fate::Unasked(words) } else { Fate::Refused(words) })
    }

    /// Where it was stored.
    pub fn place(&self) -> Place {
        Place {
            class: self.sample.class,
            instance: self.sample.instance,
            study: Some(self.sample.study),
            series: Some(self.sample.series),
            patient: Some(Phi::new(PATIENT_ID.to_owned())),
        }
    }

    /// Whole only if it carries a seal that was stored.
    pub fn fate(&self, verdict: &Verdict) -> Fate {
        match (&verdict.fate, verdict.seal) {
            (Fate::Whole | Fate::Recompressed(_), seal)
                if seal.is_none() || (seal != self.first && seal != self.last) =>
            {
                Fate::Changed("another seal than was stored".to_owned())
            }
            (fate, _) => fate.clone(),
        }
    }

    /// For the result.
    pub fn trial(&self) -> Trial {
        Trial {
            family: self.sample.family.name.to_owned(),
            class: self.sample.class.to_string(),
            carrier: self.carrier,
            sealed: self.sample.syntax().to_owned(),
            stored: self.stored.to_string(),
            bytes: self.bytes,
            get: self.got.clone(),
            moved: self.moved.clone(),
        }
    }

    /// What the archive did with repeats of this one.
    fn repeats(&self) -> Option<Repeats> {
        let (equal, changed) = (self.equal.map(Status::is_done), self.changed.map(Status::is_done));
        match (equal, changed, self.seal) {
            _ if !self.is_stored() || self.first == self.last => None,
            // What is not about the object says nothing of repeats either.
            (None, ..) | (_, None, _) => None,
            (_, Some(true), Some(seal)) if Some(seal) == self.last => Some(Repeats::Replaced),
            (_, Some(true), Some(seal)) if Some(seal) == self.first => Some(Repeats::Kept),
            (Some(true), Some(false), _) => Some(Repeats::Compared),
            (Some(false), Some(false), _) => Some(Repeats::Refused),
            _ => None,
        }
    }
}

/// What the archive does with repeats, if it does the same with all.
pub fn repeats(stored: &[Stored]) -> Repeats {
    let mut all = stored.iter().filter_map(Stored::repeats);
    let Some(first) = all.next() else { return Repeats::Unknown };
    if all.all(|other| other == first) { first } else { Repeats::Unknown }
}
