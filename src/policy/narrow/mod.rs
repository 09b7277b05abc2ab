//! What of an archive's answers somebody may see: the permits that hold for one request, the values from outside
//! filled in.
//!
//! [`Policy::decide`](super::Policy::decide) makes a [`Narrowing`] where every permit that holds narrows. Visible is what any
//! of them shows; an attribute is hidden only if every permit that shows an answer hides it. Pure: whoever asks the
//! archive, counts answers or charges budgets asks here what holds. It never sees bytes of the wire.

mod shown;

pub use shown::Shown;

use super::model::Budget;
use crate::dicom::Tag;
use crate::dicom::matching::Attributes;
use dicom_core::VR;
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

impl Narrowing {
    /// The permits, in the order of the file.
    pub fn permits(&self) -> &[Narrowed] {
        &self.permits
    }

    /// Attributes at the top level that an answer must bring so that it can be judged.
    pub fn wanted(&self) -> Vec<Tag> {
        Vec::new()
    }

    /// Attributes at the top level that studies of the patient must bring so that `where_patient` can be judged; empty
    /// where no permit has one.
    pub fn wanted_of_patient(&self) -> Vec<Tag> {
        Vec::new()
    }

    /// Keys that every answer that could be shown fits. To be sent where the query does not ask for the attribute
    /// itself, and its repertoire can carry the text. Empty: nothing can be said.
    pub fn sent(&self) -> Vec<SentKey> {
        Vec::new()
    }

    /// The same for the studies that let a patient's other studies be seen (`where_patient`).
    pub fn sent_of_patient(&self) -> Vec<SentKey> {
        Vec::new()
    }

    /// The permits whose `where_patient` this study of the patient fulfils; all that have none are among them.
    pub fn fits_patient(&self, _study: &dyn Attributes) -> Shown {
        Shown::NOTHING
    }

    /// The permits that show this answer. `patient`: the permits whose `where_patient` holds for its patient (the union of
    /// [`Narrowing::fits_patient`] over the patient's studies).
    pub fn shows(&self, _answer: &dyn Attributes, _patient: Shown) -> Shown {
        Shown::NOTHING
    }

    /// The permits without `where_patient`: what holds of a patient nothing is known about.
    pub fn without_patient(&self) -> Shown {
        Shown::NOTHING
    }

    /// Whether an attribute, at any depth, is hidden in what these permits show: every one of them hides it.
    pub fn hides(&self, _shown: Shown, _tag: Tag) -> bool {
        true
    }

    /// Attributes to take out of retrieved objects that these permits show; empty: objects stay as they are.
    pub fn hidden_in_objects(&self, _shown: Shown) -> Vec<Tag> {
        Vec::new()
    }

    /// After how many answers the answers end, and with which status: the most generous of the permits.
    pub fn max_results(&self) -> Option<(u32, u16)> {
        None
    }
}

impl super::Policy {
    /// Whether any rule narrows, or hangs on what a query asks.
    pub fn narrows(&self) -> bool {
        false
    }

    /// Whether a rule could narrow what this principal is shown there.
    pub fn may_narrow(&self, _principal: &super::Principal, _to: &str) -> bool {
        false
    }
}
