//! The user information item, 50H (PS3.8 9.3.2.3 and annex D, PS3.7 annex D.3.3).

use super::user_identity::{IdentityAnswer, UserIdentity};
use crate::dicom::uid::Uid;
use bytes::Bytes;
use std::fmt;

/// What stands in the user information item.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserItems {
    /// 51H: longest P-DATA-TF that its sender takes, in bytes behind the head; 0 = no limit.
    pub max_length: u32,
    /// 52H: which program speaks.
    pub implementation_class: Option<Uid>,
    /// 55H: which version of it.
    pub implementation_version: Option<VersionName>,
    /// 53H: operations invoked and performed at a time; 0 = no limit. Absent: 1 and 1.
    pub async_window: Option<(u16, u16)>,
    /// 54H, one a SOP class.
    pub roles: Vec<Role>,
    /// 56H: SOP class, service class application information.
    pub extended: Vec<(Uid, Bytes)>,
    /// 57H, the whole value, as it came.
    pub common_extended: Vec<Bytes>,
    /// 58H (RQ only).
    pub identity: Option<UserIdentity>,
    /// 59H (AC only).
    pub identity_answer: Option<IdentityAnswer>,
    /// Sub-items of other types, as they came.
    pub unknown: Vec<(u8, Bytes)>,
}

/// SCP/SCU Role Selection (54H, PS3.7 D.3.3.4): the roles of the association's requestor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Role {
    /// For which SOP class.
    pub sop_class: Uid,
    /// The requestor as SCU.
    pub scu: bool,
    /// The requestor as SCP.
    pub scp: bool,
}

/// An Implementation Version Name (55H): at most [`VERSION_NAME`](super::limits::VERSION_NAME) bytes, kept as they
/// came. `Debug` and `Display` escape what is not printable.
#[derive(Clone, PartialEq, Eq)]
pub struct VersionName(Bytes);

impl VersionName {
    /// Takes a name; `None` if it is longer than [`VERSION_NAME`](super::limits::VERSION_NAME) bytes.
    pub fn new(name: &[u8]) -> Option<Self> {
        (name.len() <= super::limits::VERSION_NAME).then(|| Self(Bytes::copy_from_slice(name)))
    }

    /// The bytes, as they came.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for VersionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.escape_ascii(), f)
    }
}

impl fmt::Debug for VersionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VersionName({self})")
    }
}
