//! What of an archive's answers somebody may see: the permits that hold for one request, the values from outside
//! filled in.
//!
//! [`Policy::decide`](super::Policy::decide) makes a [`Narrowing`] where every permit that holds narrows. Visible is what any
//! of them shows; an attribute is hidden only if every permit that shows an answer hides it. Pure: whoever asks the
//! archive, counts answers or charges budgets asks here what holds. It never sees bytes of the wire.

mod fits;
mod given;
mod sent;
mod shown;

#[cfg(test)]
mod tests;

pub use shown::Shown;

pub(super) use given::{Givens, Lacking};

use super::model::{Budget, LIMIT_STATUS, Rule, Unit};
use crate::dicom::Tag;
use crate::dicom::matching::Attributes;
use dicom_core::VR;
use fits::Fits;
use std::sync::Arc;

/// The most permits that one narrowing combines; further ones are left out, which shows less, never more.
pub const MOST_PERMITS: usize = 64;

/// What somebody may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Narrowing {
    permits: Vec<Narrowed>,
}

/// One permit that narrows, its values filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Narrowed {
    /// The rule.
    pub rule: Arc<str>,
    /// Answers end after so many, with this status (PS3.4 C.4.1.1.4); `None`: no end.
    pub max_results: Option<(u32, u16)>,
    /// How much may be seen in a time.
    pub budget: Option<Budget>,
    /// It holds because emergency access was asked for, for so many seconds.
    pub emergency: Option<u32>,
    lens: Arc<Lens>,
}

/// What one permit shows of the answers.
#[derive(Debug, PartialEq, Eq)]
struct Lens {
    answer: Fits,
    patient: Option<Fits>,
    /// Ascending.
    hide: Vec<Tag>,
    in_objects: bool,
}

/// A key that may be sent to an archive so that it leaves out what would not be shown anyway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentKey {
    /// The attribute, at the top level.
    pub tag: Tag,
    /// Its value representation.
    pub vr: VR,
    /// The key as text (PS3.4 C.2.2.2), wild cards of the administrator's included.
    pub text: String,
}

impl Narrowed {
    /// Fills a rule's values in. An error names the value that is absent or cannot be compared literally: then the rule
    /// does not hold.
    pub(super) fn of(rule: &Rule, givens: &Givens<'_>) -> Result<Self, Lacking> {
        let answer = Fits::of(&rule.r#where, givens)?;
        let patient = match rule.where_patient.as_slice() {
            [] => None,
            wanted => Some(Fits::of(wanted, givens)?),
        };
        let mut hide = rule.hide.clone();
        hide.sort_unstable();
        hide.dedup();
        let status = rule.limit_status.unwrap_or(LIMIT_STATUS);
        Ok(Self {
            rule: Arc::clone(&rule.name),
            max_results: rule.max_results.map(|most| (most, status)),
            budget: rule.budget,
            emergency: rule.break_glass,
            lens: Arc::new(Lens { answer, patient, hide, in_objects: rule.hide_in_objects }),
        })
    }

    /// Whether its budget, if it has one, can count this answer.
    fn counts(&self, answer: &dyn Attributes) -> bool {
        let said = |tag| answer.text(tag).is_some_and(|text| !text.trim().is_empty());
        self.budget.is_none_or(|budget| match budget.unit {
            Unit::Studies => said(STUDY),
            Unit::Patients => said(PATIENT_ID),
        })
    }
}

impl Narrowing {
    /// The union of these permits, in the order of the file; beyond [`MOST_PERMITS`] they are left out.
    pub(super) fn of(mut permits: Vec<Narrowed>) -> Self {
        permits.truncate(MOST_PERMITS);
        Self { permits }
    }

    /// The permits, in the order of the file.
    pub fn permits(&self) -> &[Narrowed] {
        &self.permits
    }

    /// Attributes at the top level that an answer must bring so that it can be judged: what `where` looks at, and what
    /// tells its study and patient apart where a budget counts them or `where_patient` asks for them. Ascending.
    pub fn wanted(&self) -> Vec<Tag> {
        let mut tags: Vec<Tag> = self.permits.iter().flat_map(|permit| permit.lens.answer.tags()).collect();
        let counts = |unit| self.permits.iter().any(|permit| permit.budget.is_some_and(|budget| budget.unit == unit));
        if counts(Unit::Patients) || self.permits.iter().any(|permit| permit.lens.patient.is_some()) {
            tags.push(PATIENT_ID);
        }
        if counts(Unit::Studies) {
            tags.push(STUDY);
        }
        ascending(tags)
    }

    /// The same with the way into sequences: which attributes of their items `where` looks at. Ascending.
    pub fn wanted_paths(&self) -> Vec<Vec<Tag>> {
        let mut paths: Vec<Vec<Tag>> = self.permits.iter().flat_map(|permit| permit.lens.answer.paths()).collect();
        let whole = |tag: &Tag| !paths.iter().any(|path| path.first() == Some(tag));
        let others: Vec<Vec<Tag>> = self.wanted().into_iter().filter(whole).map(|tag| vec![tag]).collect();
        paths.extend(others);
        paths.sort_unstable();
        paths.dedup();
        paths
    }

    /// Attributes at the top level that studies of the patient must bring so that `where_patient` can be judged; empty
    /// where no permit has one. Ascending.
    pub fn wanted_of_patient(&self) -> Vec<Tag> {
        ascending(sent::of_patients(&self.permits).flat_map(Fits::tags).collect())
    }

    /// Keys that every answer that could be shown fits, at an archive that matches by PS3.4 C.2.2.2 or more widely. To be
    /// sent where the query does not ask for the attribute itself (nor, for a date, for the time beside it, where
    /// combined matching was negotiated). Empty: nothing can be said. Never names: see `sent.rs`.
    pub fn sent(&self) -> Vec<SentKey> {
        sent::agreed(self.permits.iter().map(|permit| &permit.lens.answer))
    }

    /// The same for the studies that let a patient's other studies be seen (`where_patient`).
    pub fn sent_of_patient(&self) -> Vec<SentKey> {
        sent::agreed(sent::of_patients(&self.permits))
    }

    /// The permits whose `where_patient` this study of the patient fulfils; all that have none are among them.
    pub fn fits_patient(&self, study: &dyn Attributes) -> Shown {
        self.those(|permit| permit.lens.patient.as_ref().is_none_or(|fits| fits.matches(study)))
    }

    /// The permits that show this answer. `patient`: the permits whose `where_patient` holds for its patient (the union of
    /// [`Narrowing::fits_patient`] over the patient's studies); those that have none are taken to be among them. A permit
    /// whose budget cannot count an answer, which has no UID or Patient ID to tell it by, does not show it.
    pub fn shows(&self, answer: &dyn Attributes, patient: Shown) -> Shown {
        let patient = patient.or(self.without_patient());
        self.those(|permit| permit.counts(answer) && permit.lens.answer.matches(answer)).and(patient)
    }

    /// The permits without `where_patient`: what holds of a patient nothing is known about.
    pub fn without_patient(&self) -> Shown {
        self.those(|permit| permit.lens.patient.is_none())
    }

    /// Whether an attribute, at any depth, is hidden in what these permits show: every one of them hides it.
    pub fn hides(&self, shown: Shown, tag: Tag) -> bool {
        self.among(shown).all(|permit| permit.lens.hide.binary_search(&tag).is_ok())
    }

    /// Attributes to take out of retrieved objects that these permits show, ascending: what every one of them hides with
    /// `hide_in_objects`. Empty: objects stay as they are.
    pub fn hidden_in_objects(&self, shown: Shown) -> Vec<Tag> {
        let mut permits = self.among(shown);
        let hides = |permit: &Narrowed, tag| permit.lens.in_objects && permit.lens.hide.binary_search(&tag).is_ok();
        let Some(first) = permits.next().filter(|permit| permit.lens.in_objects) else { return Vec::new() };
        let mut tags = first.lens.hide.clone();
        for permit in permits {
            tags.retain(|&tag| hides(permit, tag));
        }
        tags
    }

    /// After how many answers the answers end, and with which status: the most generous of the permits.
    pub fn max_results(&self) -> Option<(u32, u16)> {
        let mut most: Option<(u32, u16)> = None;
        for permit in &self.permits {
            let own = permit.max_results?;
            if most.is_none_or(|(count, _)| count < own.0) {
                most = Some(own);
            }
        }
        most
    }

    /// All permits.
    pub fn all(&self) -> Shown {
        self.those(|_| true)
    }

    fn those(&self, holds: impl Fn(&Narrowed) -> bool) -> Shown {
        let places = self.permits.iter().enumerate().filter(|(_, permit)| holds(permit));
        places.fold(Shown::NOTHING, |shown, (place, _)| shown.or(Shown::of(place)))
    }

    fn among(&self, shown: Shown) -> impl Iterator<Item = &Narrowed> {
        self.permits.iter().enumerate().filter(move |(place, _)| shown.has(*place)).map(|(_, permit)| permit)
    }
}

/// (0010,0020)
const PATIENT_ID: Tag = Tag(0x0010, 0x0020);
/// (0020,000D)
const STUDY: Tag = Tag(0x0020, 0x000d);

fn ascending(mut tags: Vec<Tag>) -> Vec<Tag> {
    tags.sort_unstable();
    tags.dedup();
    tags
}
