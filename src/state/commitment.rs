//! Storage commitment: requests that wait for their report, reports that wait for their requester (PS3.4 J).

use crate::dicom::{AeTitle, Uid};
use std::sync::Arc;

/// What a commitment is known by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CommitmentKey {
    /// The system that commits, by its `ae_title`.
    pub archive: AeTitle,
    /// Transaction UID (0008,1195).
    pub transaction: Uid,
    /// The calling title that the system saw; its report on a new association calls this title.
    pub title: AeTitle,
}

/// A request that was let through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commitment {
    /// What it is known by.
    pub key: CommitmentKey,
    /// The requester, by its name in the policy.
    pub requester: Arc<str>,
    /// The person who asked from there, as whoever made it wrote it; empty: nobody said who they are.
    pub person: String,
    /// The title that it called with, and is called back at.
    pub requester_title: AeTitle,
    /// Seconds since 1970 after which it is no more.
    pub expires: i64,
}

/// A report that the archive gave and the requester has not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What it is about.
    pub commitment: Commitment,
    /// (0000,1002): 1 all committed, 2 failures exist.
    pub event_type: u16,
    /// The report's data set in explicit VR little endian.
    pub data_set: Vec<u8>,
    /// How often it was offered in vain.
    pub attempts: u32,
    /// Seconds since 1970 before which it is not offered again.
    pub due: i64,
}

/// Identity of a report that waits: 128 random bits. A report that takes another's place has one of its own.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReportId(pub [u8; 16]);

impl std::fmt::Display for ReportId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for ReportId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ReportId({self})")
    }
}
