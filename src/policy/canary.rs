//! Patients and studies that exist nowhere: who asks for one, or is shown one, is an intruder.

use super::compiled::Policy;
use super::model::Canary;
use crate::dicom::Uid;
use std::collections::HashMap;

/// Canaries by what gives them away.
#[derive(Debug, Default)]
pub(super) struct Canaries {
    patients: HashMap<String, usize>,
    studies: HashMap<Uid, usize>,
}

impl Canaries {
    pub fn of(canaries: &[Canary]) -> Self {
        let mut found = Self::default();
        for (number, canary) in canaries.iter().enumerate() {
            if let Some(id) = &canary.patient_id {
                found.patients.entry(folded(id)).or_insert(number);
            }
            if let Some(study) = canary.study {
                found.studies.entry(study).or_insert(number);
            }
        }
        found
    }
}

/// Nobody has the ID, in whatever case an archive keeps it.
fn folded(id: &str) -> String {
    id.trim_matches([' ', '\0']).to_lowercase()
}

impl Policy {
    /// The canaries, in the order of the file.
    pub fn canaries(&self) -> &[Canary] {
        &self.model.canaries
    }

    /// The canary with this Patient ID, without regard to case and padding.
    pub fn canary_patient(&self, patient_id: &str) -> Option<&Canary> {
        if self.canaries.patients.is_empty() {
            return None;
        }
        self.model.canaries.get(*self.canaries.patients.get(&folded(patient_id))?)
    }

    /// The canary with this Study Instance UID.
    pub fn canary_study(&self, study: &Uid) -> Option<&Canary> {
        self.model.canaries.get(*self.canaries.studies.get(study)?)
    }
}
