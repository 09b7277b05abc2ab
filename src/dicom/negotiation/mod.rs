//! Presentation contexts and user items (PS3.8 annex D, PS3.7 annex D): what to ask the archive, what to answer the caller.
//!
//! [`propose`] makes the request to the archive out of the caller's, [`answer`] the answer to the caller out of the
//! archive's: same ids, mirrored, never a table of its own. [`merge`] makes one answer of several systems', [`extras`] are
//! what a called system is asked beside it. What policy allows comes in as a closure; nothing is decided here.

pub mod answer;
pub mod contexts;
pub mod extras;
pub mod merge;
pub mod plain;
pub mod propose;
pub mod reject;
#[cfg(test)]
pub mod testing;

pub use answer::{NegotiationFault, answer, verify};
pub use contexts::{Context, Contexts};
pub use extras::{Extra, Wanted, is_native};
pub use merge::{Part, merge};
pub use plain::ask_plainly;
pub use propose::{Candidate, candidates, propose};

use super::pdu::{UserItems, VersionName};
use super::uid::Uid;

/// The only application context there is (PS3.7 A.2.1).
pub const APPLICATION_CONTEXT: &str = super::pdu::associate::DICOM_APPLICATION_CONTEXT;

/// Smallest 51H, in bytes, that a peer may announce (0, no limit, aside). The standard names none; a peer that takes a
/// few bytes at a time makes the other side drown in heads.
pub const MIN_MAX_LENGTH: u32 = 128;

/// What the gateway says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    /// Longest P-DATA-TF that the gateway takes, in bytes behind the head; never 0.
    pub max_length: u32,
    /// 52H for callers that are not shown the archive's, and for archives when a caller has none.
    pub implementation_class: Uid,
    /// 55H likewise.
    pub implementation_version: VersionName,
}

/// What the association's requestor may be on a presentation context (PS3.7 D.3.3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Roles {
    /// It may send requests.
    pub scu: bool,
    /// It may be sent requests.
    pub scp: bool,
}

impl Roles {
    /// What holds without a 54H: the requestor is SCU.
    pub const DEFAULT: Self = Self { scu: true, scp: false };

    /// What both allow.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self { scu: self.scu && other.scu, scp: self.scp && other.scp }
    }

    /// Neither.
    pub const fn is_none(self) -> bool {
        !self.scu && !self.scp
    }
}

/// What the requestor asks to be on contexts of a SOP class. A 54H with neither role asks for nothing and counts as
/// absent.
fn asked(user: &UserItems, sop_class: &Uid) -> Roles {
    selected(user, sop_class).filter(|roles| !roles.is_none()).unwrap_or(Roles::DEFAULT)
}

/// What a 54H for a SOP class says, if there is one.
fn selected(user: &UserItems, sop_class: &Uid) -> Option<Roles> {
    let role = user.roles.iter().find(|role| role.sop_class == *sop_class)?;
    Some(Roles { scu: role.scu, scp: role.scp })
}

/// The 51H for one side: what the gateway takes and the other side takes too, so that every fragment fits unchanged.
/// Even, since fragments are.
const fn max_length(own: u32, other_side: u32) -> u32 {
    let least = if other_side == 0 || other_side > own { own } else { other_side };
    least & !1
}

/// Whether a 51H leaves room to talk.
const fn too_small(max_length: u32) -> bool {
    max_length != 0 && max_length < MIN_MAX_LENGTH
}

#[cfg(test)]
mod tests;
