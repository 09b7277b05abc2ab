//! What is known of a study.

use crate::dicom::dataset::record::Record;
use crate::dicom::matching::Attributes;
use crate::dicom::query::PATIENT_ID;
use crate::dicom::{Phi, Tag, Uid};
use crate::policy::Narrowing;
use crate::policy::narrow::Shown;

/// Issuer of Patient ID: the same Patient ID of another issuer is another patient.
pub(super) const ISSUER: Tag = Tag(0x0010, 0x0021);

/// A patient, as an archive tells one from another. Both are the same only if they agree in both: an ID without issuer is
/// not every issuer's, as a patient of one would open the studies of another's. An archive with one issuer says it of all
/// its patients or of none, so nothing is lost there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Patient {
    /// (0010,0020), decoded, padding taken off; never empty.
    pub id: Phi<String>,
    /// (0010,0021) likewise; empty where the archive does not say.
    pub issuer: Phi<String>,
}

impl Patient {
    /// Of an answer; `None` where it has no Patient ID.
    pub fn of(answer: &dyn Attributes) -> Option<Self> {
        let text = |tag| answer.text(tag).map(|text| text.trim().to_owned()).unwrap_or_default();
        let id = text(PATIENT_ID);
        (!id.is_empty()).then(|| Self { id: Phi::new(id), issuer: Phi::new(text(ISSUER)) })
    }
}

/// A study of an archive, with what rules want to know of it.
#[derive(Debug)]
pub struct StudyFacts {
    study: Uid,
    patient: Option<Patient>,
    /// What the archive said of it: more than once where it has the study several times.
    answers: Vec<Record>,
    /// The permits whose `where_patient` some study of the same patient fulfils, where a rule asks for them.
    of_patient: Shown,
}

impl StudyFacts {
    /// Of what an archive answered about one study. `None`: nothing, or it has the study with several patients, so that
    /// whose it is cannot be said.
    pub(super) fn of(study: Uid, answers: Vec<Record>) -> Option<Self> {
        let patient = answers.first().and_then(|first| Patient::of(first));
        let one = answers.iter().all(|answer| match (Patient::of(answer), &patient) {
            (Some(this), Some(patient)) => this == *patient,
            (None, None) => true,
            _ => false,
        });
        (one && !answers.is_empty()).then_some(Self { study, patient, answers, of_patient: Shown::NOTHING })
    }

    /// `of_patient`: the permits whose `where_patient` some study of the patient fulfils.
    pub(super) fn with_studies_of_patient(self, of_patient: Shown) -> Self {
        Self { of_patient, ..self }
    }

    /// Its UID.
    pub const fn study(&self) -> &Uid {
        &self.study
    }

    /// Whose it is.
    pub const fn patient(&self) -> Option<&Patient> {
        self.patient.as_ref()
    }

    /// What the archive said of it.
    pub fn answers(&self) -> &[Record] {
        &self.answers
    }

    /// The permits that show it.
    pub fn shown(&self, narrowing: &Narrowing) -> Shown {
        let mut shown = self.answers.iter().map(|answer| narrowing.shows(answer, self.of_patient));
        let first = shown.next().unwrap_or_default();
        shown.fold(first, Shown::and)
    }
}
