//! What a seal is bound to: which object it was made of, and whose it was.

use crate::dicom::{Phi, Uid};

/// Identity of one sealing: 128 random bits. A fresh seal of the same instance has another one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SealId(pub [u8; 16]);

impl std::fmt::Display for SealId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for SealId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// Whose object it was when it was sealed. Values as they stood in the data set, without padding, in its character set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PatientIdentity {
    /// Patient ID (0010,0020).
    pub id: Phi<Vec<u8>>,
    /// Patient's Name (0010,0010).
    pub name: Phi<Vec<u8>>,
    /// Patient's Birth Date (0010,0030).
    pub birth_date: Phi<Vec<u8>>,
    /// Accession Number (0008,0050).
    pub accession: Phi<Vec<u8>>,
}

/// What a seal is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// SOP Class UID (0008,0016).
    pub sop_class: Uid,
    /// SOP Instance UID (0008,0018).
    pub sop_instance: Uid,
    /// Study Instance UID (0020,000D); `None` where the object has none.
    pub study: Option<Uid>,
    /// Whose it was.
    pub patient: PatientIdentity,
    /// Transfer syntax of the original.
    pub transfer_syntax: Uid,
}
