//! Why a lookup came to nothing.

use crate::dicom::dimse::Status;
use crate::scu::LinkFault;

/// Why a lookup came to nothing. Whatever needed it is refused for now: nothing is shown on a guess.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupFault {
    /// As many associations are open as the archive's `max_associations` allows.
    #[error(
        "the archive bears no further association: raise its `max_associations`, of which lookups take a place too"
    )]
    Full,
    /// The archive is no longer configured.
    #[error("the archive is no longer configured")]
    Gone,
    /// It cannot be reached, or the association broke.
    #[error("a lookup at the archive failed: {0}; `dicomgate check` dials it")]
    Away(String),
    /// It offers no C-FIND that could be asked.
    #[error(
        "the archive offers no C-FIND in the study or patient root, without which no rule can narrow what it holds"
    )]
    NotOffered,
    /// It answers only queries that name everything above their level.
    #[error("the archive takes no relational queries")]
    NotRelational,
    /// It refused the question.
    #[error("the archive refuses a lookup with {0}")]
    Refused(Status),
    /// More answers than the limit of this name.
    #[error("a lookup has more answers than `{0}` allows")]
    TooMany(&'static str),
    /// What it answers cannot be read.
    #[error("the archive's answer to a lookup is malformed")]
    Malformed,
    /// Nothing can be recorded now.
    #[error("the gateway cannot record this now")]
    Unrecorded,
    /// The system has no random numbers.
    #[error("the system gives no random numbers")]
    Random,
}

impl From<LinkFault> for LookupFault {
    fn from(fault: LinkFault) -> Self {
        Self::Away(fault.to_string())
    }
}
