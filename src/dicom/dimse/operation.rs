//! What a message wants, in the one vocabulary that rules use for both fronts.

use std::fmt;

/// An operation as policies name it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// C-ECHO (PS3.7 9.1.5).
    Echo,
    /// C-STORE of anything but a rejection note.
    Store,
    /// C-STORE of a Key Object whose title is a rejection: 113001, 113037, 113038, 113039 (DCM).
    Reject,
    /// C-FIND of the Patient, Study, Patient/Study Only and Composite Instance roots.
    Find,
    /// C-MOVE of the same roots.
    Move,
    /// C-GET of the same roots, and the sub-operations it causes.
    Get,
    /// C-FIND of the Modality Worklist.
    Worklist,
    /// Modality Performed Procedure Step.
    Mpps,
    /// Storage Commitment.
    Commit,
    /// Basic print management.
    Print,
    /// Instance Availability Notification and other notifications.
    Notify,
    /// Unified Procedure Step.
    Ups,
    /// Everything else that no other word covers.
    Other,
}

impl Operation {
    /// Every operation, in the order of the documentation.
    pub const ALL: [Self; 13] = [
        Self::Echo,
        Self::Store,
        Self::Reject,
        Self::Find,
        Self::Move,
        Self::Get,
        Self::Worklist,
        Self::Mpps,
        Self::Commit,
        Self::Print,
        Self::Notify,
        Self::Ups,
        Self::Other,
    ];

    /// The word as policies write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Store => "store",
            Self::Reject => "reject",
            Self::Find => "find",
            Self::Move => "move",
            Self::Get => "get",
            Self::Worklist => "worklist",
            Self::Mpps => "mpps",
            Self::Commit => "commit",
            Self::Print => "print",
            Self::Notify => "notify",
            Self::Ups => "ups",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
