//! The header in the plaintext of each segment: text, so that somebody who decrypts by hand can read whose it is.

use super::{PatientIdentity, SealId};
use crate::dicom::{Phi, Uid};

/// What one segment says about itself and its object. Values of patients as they are written: percent-encoded, or
/// `sha256:HEX` if longer than 256 bytes so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The seal it is part of.
    pub seal: SealId,
    /// Its number, from 0.
    pub segment: u32,
    /// Whether none follows.
    pub last: bool,
    /// SOP Class UID.
    pub sop_class: Uid,
    /// SOP Instance UID.
    pub sop_instance: Uid,
    /// Study Instance UID.
    pub study: Option<Uid>,
    /// Patient ID.
    pub patient_id: Phi<String>,
    /// Patient's Name.
    pub patient_name: Phi<String>,
    /// Patient's Birth Date.
    pub birth_date: Phi<String>,
    /// Accession Number.
    pub accession: Phi<String>,
    /// Transfer syntax of the original.
    pub transfer_syntax: Uid,
    /// Specific Character Set (0008,0005) of the original.
    pub character_set: String,
    /// SHA-256 of the DER SET of RecipientInfos of this segment.
    pub recipients: [u8; 32],
}

/// What differs between what was sealed and what stands around it now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drift {
    /// Study Instance UID.
    pub study: bool,
    /// Patient ID.
    pub patient_id: bool,
    /// Patient's Name.
    pub patient_name: bool,
    /// Patient's Birth Date.
    pub birth_date: bool,
    /// Accession Number.
    pub accession: bool,
}

impl SegmentHeader {
    /// What of an object's identity is no longer as it was sealed. Values without padding, as in
    /// [`PatientIdentity`].
    pub fn drift(&self, _study: Option<&Uid>, _patient: &PatientIdentity) -> Drift {
        Drift::default()
    }
}

impl Drift {
    /// Whether anything differs.
    pub fn any(&self) -> bool {
        self.names().next().is_some()
    }

    /// Keywords of the attributes that differ; never their values.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        [
            (self.study, "StudyInstanceUID"),
            (self.patient_id, "PatientID"),
            (self.patient_name, "PatientName"),
            (self.birth_date, "PatientBirthDate"),
            (self.accession, "AccessionNumber"),
        ]
        .into_iter()
        .filter_map(|(differs, name)| differs.then_some(name))
    }
}

/// Why a plaintext does not begin with a header of format 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderFault {
    /// Another version, or none.
    #[error("it is not of sealed format 1")]
    Version,
    /// A length that is none, or runs over the plaintext.
    #[error("its header has an impossible length")]
    Length,
    /// A line is not what must stand there.
    #[error("line `{0}` of its header is not as format 1 has it")]
    Line(&'static str),
}
