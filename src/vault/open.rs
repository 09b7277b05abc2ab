//! Opening: sealed segments come in pieces of any size, the payload goes out, each part after its segment was authenticated.

use super::escrow::EscrowKey;
use super::segment::{HeaderFault, SegmentHeader};
use super::{KeyId, KeyRing};
use bytes::Bytes;
use std::sync::Arc;

/// What segments are opened with.
#[derive(Debug, Clone)]
pub enum Unlock {
    /// The ring: what opens was sealed by somebody who had the ring.
    Ring(Arc<KeyRing>),
    /// An escrow key: anybody could have made what opens, since the certificate is public. It proves no origin.
    Escrow(Arc<EscrowKey>),
}

impl From<Arc<KeyRing>> for Unlock {
    fn from(ring: Arc<KeyRing>) -> Self {
        Self::Ring(ring)
    }
}

impl From<Arc<EscrowKey>> for Unlock {
    fn from(key: Arc<EscrowKey>) -> Self {
        Self::Escrow(key)
    }
}

/// Why a seal does not open. Segments count from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenFault {
    /// Not what format 1 writes.
    #[error("segment {segment} is not of sealed format 1: {what}")]
    Foreign {
        /// Which segment.
        segment: u32,
        /// What is not as it must be.
        what: String,
    },
    /// A ring key that is not at hand.
    #[error("sealed with ring key {0}, which is not in the ring")]
    UnknownKey(KeyId),
    /// No recipient that the ring could open: who has an escrow certificate can make such a thing.
    #[error("segment {0} has no recipient of the key ring: it proves no origin")]
    NoRing(u32),
    /// None of its recipients has this escrow key.
    #[error("segment {0} is sealed for no such escrow key")]
    NotForKey(u32),
    /// A bit differs from what was sealed.
    #[error("segment {0} was changed after it was sealed, or its key is not the one of that number")]
    Tampered(u32),
    /// Authentic, but its header is not of format 1.
    #[error("segment {segment} is authentic, but {fault}")]
    Header {
        /// Which segment.
        segment: u32,
        /// What is wrong.
        fault: HeaderFault,
    },
    /// Authentic, but of another seal, object or ring key than the first segment.
    #[error("segment {0} belongs to another seal")]
    OtherSeal(u32),
    /// One or more segments are not there.
    #[error("segment {expected} is missing: segment {found} stands in its place")]
    Missing {
        /// What should come.
        expected: u32,
        /// What came.
        found: u32,
    },
    /// A segment comes again, or too late.
    #[error("segment {found} comes again where segment {expected} should be")]
    Reordered {
        /// What should come.
        expected: u32,
        /// What came.
        found: u32,
    },
    /// Something follows the last segment.
    #[error("something follows the last segment")]
    AfterLast,
    /// A recipient was taken away, added or exchanged.
    #[error("the recipients of segment {0} are not those that it was sealed for: escrow may have been stripped")]
    Recipients(u32),
    /// It ends too early.
    #[error("it ends within segment {0} or before the last segment")]
    Truncated(u32),
    /// After a fault.
    #[error("nothing more is opened after a fault")]
    Over,
}

impl OpenFault {
    /// One word for alerts and metrics.
    pub const fn cause(&self) -> &'static str {
        match self {
            Self::Foreign { .. } => "foreign",
            Self::UnknownKey(_) => "unknown-key",
            Self::NoRing(_) => "no-origin",
            Self::NotForKey(_) => "not-for-key",
            Self::Tampered(_) | Self::Header { .. } | Self::Over => "tampered",
            Self::OtherSeal(_) => "other-seal",
            Self::Missing { .. } => "missing",
            Self::Reordered { .. } => "reordered",
            Self::AfterLast => "trailing",
            Self::Recipients(_) => "escrow-stripped",
            Self::Truncated(_) => "truncated",
        }
    }
}

/// Opens one seal.
#[derive(Debug)]
pub struct Opener {
    header: Option<SegmentHeader>,
}

impl Opener {
    /// Before the first byte.
    pub fn new(unlock: impl Into<Unlock>) -> Self {
        let _ = unlock.into();
        Self { header: None }
    }

    /// Takes the next bytes of the segments. Parts of the payload, each authenticated, are appended to `out`. One 00H
    /// behind a segment of odd length is padding (PS3.5 7.1.1).
    ///
    /// # Errors
    /// The first fault; nothing of the segment with the fault comes out, and nothing after it.
    pub fn push(&mut self, _bytes: &[u8], _out: &mut Vec<Bytes>) -> Result<(), OpenFault> {
        Err(OpenFault::Truncated(0))
    }

    /// The header of the segment that was opened last; `None` before the first.
    pub const fn header(&self) -> Option<&SegmentHeader> {
        self.header.as_ref()
    }

    /// The ring key that it is sealed with; `None` before the first segment is opened.
    pub const fn key(&self) -> Option<KeyId> {
        None
    }

    /// Whether the last segment is open.
    pub const fn is_whole(&self) -> bool {
        false
    }

    /// All bytes are in.
    ///
    /// # Errors
    /// The last segment did not come, or a fault came before.
    pub fn finish(&mut self) -> Result<(), OpenFault> {
        Err(OpenFault::Truncated(0))
    }
}
