//! What can be wrong with a log.

use std::fmt;

/// Something wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Which file.
    pub file: String,
    /// Which line of it, from 1; 0: the file as a whole.
    pub line: u64,
    /// What.
    pub kind: FaultKind,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.kind),
            line => write!(f, "{}:{line}: {}", self.file, self.kind),
        }
    }
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultKind {
    /// Not a line of ours.
    #[error("not a record")]
    Unreadable,
    /// The last line has no end.
    #[error("the last line is cut")]
    Incomplete,
    /// Its hash is not that of its bytes.
    #[error("record {0} was edited: its hash is not that of its bytes")]
    Edited(u64),
    /// It names another predecessor.
    #[error("record {0} does not follow the record before it: that one was replaced, or this one comes from elsewhere")]
    Link(u64),
    /// Records are missing.
    #[error("records {0} to {1} are missing")]
    Missing(u64, u64),
    /// Records are out of order.
    #[error("record {found} stands where record {expected} belongs: records were reordered or repeated")]
    Order {
        /// What belongs here.
        expected: u64,
        /// What is here.
        found: u64,
    },
    /// The file's name promises another record.
    #[error("the file begins with record {0} and not with the one that it is named for: files were swapped or renamed")]
    Swapped(u64),
    /// The file does not begin by introducing itself.
    #[error("the file does not begin with a `file` record")]
    Introduction,
    /// A file's key or gateway is another than the log's first.
    #[error("the file names another gateway or public key than the log began with")]
    OtherKey,
    /// The public key is not the expected one.
    #[error("the log is signed with another public key than the expected one")]
    UnexpectedKey,
    /// A checkpoint's fields are not there or contradict its place.
    #[error("checkpoint {0} does not state the record before it")]
    Misplaced(u64),
    /// A checkpoint's signature is bad.
    #[error("checkpoint {0} is not signed by the gateway: records before it were rewritten")]
    Signature(u64),
    /// A checkpoint's MAC is bad.
    #[error(
        "checkpoint {0} was not made with the seed's key: records before it were rewritten and signed anew on the machine"
    )]
    Mac(u64),
    /// Checkpoints are missing.
    #[error("checkpoint {found} stands where checkpoint {expected} belongs: records with checkpoints were taken out")]
    CheckpointOrder {
        /// What belongs here.
        expected: u64,
        /// What is here.
        found: u64,
    },
    /// The log ends before something that it held.
    #[error(
        "the tail was cut or rewritten: the log held record {held} when checkpoint {checkpoint} was made, and ends at record {last}"
    )]
    Cut {
        /// Its checkpoint.
        checkpoint: u64,
        /// A record that it held.
        held: u64,
        /// Its last record.
        last: u64,
    },
    /// The ratchet file is not the seed's.
    #[error("the ratchet file does not hold the seed's key: it was replaced, and a cut tail cannot be told")]
    Ratchet,
    /// The ratchet file is older than the log.
    #[error("the ratchet file is older than the log: it was put back from a copy")]
    RatchetOld,
    /// The anchored record is another.
    #[error("record {0} is not the one that the anchor names: the log was rewritten")]
    Anchor(u64),
    /// The anchored record is not there.
    #[error("record {0}, which the anchor names, is not there: the tail was cut")]
    AnchorMissing(u64),
    /// There is no record at all.
    #[error("there is no record")]
    Empty,
}
