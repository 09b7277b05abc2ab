//! A C-MOVE under way: what ties deliveries to whoever asked for them.

use crate::dicom::{AeTitle, Uid};
use std::sync::Arc;

/// Identity of a grant: 128 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GrantId(pub [u8; 16]);

impl std::fmt::Debug for GrantId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A grant before it has its identity and message id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGrant {
    /// The archive asked, by its `ae_title`.
    pub archive: AeTitle,
    /// The calling title that the archive saw: what deliveries name as (0000,1030).
    pub title: AeTitle,
    /// Where the archive was told to send: the called title of its deliveries.
    pub told: AeTitle,
    /// Where the requester asked to send: where deliveries really go.
    pub destination: AeTitle,
    /// The requester, by its name in the policy.
    pub requester: Arc<str>,
    /// The title that it called with.
    pub requester_title: AeTitle,
    /// The person who asked from there, as whoever made the grant wrote it; empty: nobody said who they are.
    pub person: String,
    /// (0000,0110) of its C-MOVE.
    pub requester_message: u16,
    /// The message id that the archive must see; `None`: the state picks one that is free at this archive for `title`.
    pub message: Option<u16>,
    /// SOP class and transfer syntax of the presentation context of the C-MOVE.
    pub context: (Uid, Uid),
    /// `dicom::retrieve::Scope`, encoded.
    pub scope: Vec<u8>,
    /// Audit id of the requester's association, in words.
    pub association: String,
    /// Deliveries may come after the final response.
    pub lags: bool,
    /// Seconds since 1970 after which it is no more, unless prolonged.
    pub expires: i64,
}

/// A grant in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its identity.
    pub id: GrantId,
    /// What the archive sees as (0000,0110), and names as (0000,1031).
    pub message: u16,
    /// The rest.
    pub grant: NewGrant,
}

/// An instance that a gateway delivered for a grant of another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// SOP instance.
    pub instance: Uid,
    /// The destination's status, final.
    pub status: u16,
}
