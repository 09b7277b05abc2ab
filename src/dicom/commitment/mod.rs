//! Storage commitment: what its two data sets say (PS3.4 J.3.2, J.3.3), read as they stream by and written anew.
//!
//! [`Reader`] is the sink for both; a [`Report`] is what an archive answers, instance by instance. It never decides
//! what a requester may see: [`Report::withhold`] is told.

mod read;
#[cfg(test)]
mod tests;
mod write;

use super::{Tag, Uid};

pub use read::{Reader, ReportFault, read};

/// Storage Commitment Push Model SOP class.
pub const SOP_CLASS: &str = "1.2.840.10008.1.20.1";
/// Its well-known instance, which every N-ACTION and N-EVENT-REPORT is about (PS3.4 J.3.5).
pub const SOP_INSTANCE: &str = "1.2.840.10008.1.20.1.1";
/// (0000,1008) of the N-ACTION (J.3.2).
pub const REQUEST: u16 = 1;
/// (0000,1002): all is committed (J.3.3).
pub const ALL_COMMITTED: u16 = 1;
/// (0000,1002): failures exist (J.3.3).
pub const FAILURES_EXIST: u16 = 2;
/// (0008,1197): no such object instance (PS3.3 C.14.1.1).
pub const NO_SUCH_INSTANCE: u16 = 0x0112;
/// (0008,1197): processing failure (PS3.3 C.14.1.1).
pub const PROCESSING_FAILURE: u16 = 0x0110;
/// References that one data set may have, unless the reader is told otherwise.
pub const MOST_REFERENCES: usize = 100_000;

const RETRIEVE_AE: Tag = Tag(0x0008, 0x0054);
const CLASS: Tag = Tag(0x0008, 0x1150);
const INSTANCE: Tag = Tag(0x0008, 0x1155);
/// Transaction UID: stands before the references, so that it is known before they are.
pub const TRANSACTION: Tag = Tag(0x0008, 0x1195);
const REASON: Tag = Tag(0x0008, 0x1197);
const FAILED: Tag = Tag(0x0008, 0x1198);
const REFERENCED: Tag = Tag(0x0008, 0x1199);
const FILE_SET: Tag = Tag(0x0088, 0x0130);
const FILE_SET_UID: Tag = Tag(0x0088, 0x0140);

/// Whether a (0000,1002) is one of this service: nothing else than 1 and 2 is defined (PS3.4 J.3.3).
pub const fn is_event_type(event_type: u16) -> bool {
    matches!(event_type, ALL_COMMITTED | FAILURES_EXIST)
}

/// An instance and where it can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// (0008,1150)
    pub class: Uid,
    /// (0008,1155)
    pub instance: Uid,
    /// Seldom said.
    pub place: Option<Box<Place>>,
}

/// Where instances can be had; every part is optional (type 3), and one that is not what its VR allows is left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// (0008,0054), titles with `\` between them.
    pub retrieve_ae: Option<Box<str>>,
    /// (0088,0130), ASCII.
    pub file_set: Option<Box<str>>,
    /// (0088,0140)
    pub file_set_uid: Option<Uid>,
}

impl Place {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What an archive says about one transaction (PS3.4 J.3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// (0008,1195)
    pub transaction: Uid,
    /// Where all that is committed can be had.
    pub place: Place,
    /// (0008,1199): what the archive keeps.
    pub committed: Vec<Reference>,
    /// (0008,1198): what it does not keep, with (0008,1197) why.
    pub failed: Vec<(Reference, u16)>,
}

impl Report {
    /// (0000,1002): 1 if all is committed, 2 if failures exist.
    pub const fn event_type(&self) -> u16 {
        if self.failed.is_empty() { ALL_COMMITTED } else { FAILURES_EXIST }
    }

    /// Moves what the requester may not see to what failed, as if the archive had never heard of it: reason 0112H and
    /// no place. What failed already is told with the same reason. Returns how many were committed and are withheld.
    pub fn withhold(&mut self, may_see: impl Fn(&Uid) -> bool) -> usize {
        for (reference, reason) in &mut self.failed {
            if !may_see(&reference.class) {
                *reason = NO_SUCH_INSTANCE;
                reference.place = None;
            }
        }
        let mut withheld = Vec::new();
        self.committed.retain(|reference| {
            let seen = may_see(&reference.class);
            if !seen {
                withheld.push((Reference { place: None, ..reference.clone() }, NO_SUCH_INSTANCE));
            }
            seen
        });
        let count = withheld.len();
        self.failed.append(&mut withheld);
        count
    }
}
