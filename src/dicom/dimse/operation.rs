//! What a message wants, in the one vocabulary that rules use for both fronts.

use super::Field;
use crate::dicom::Uid;
use crate::dicom::sop_class::{self, Kind, SopClass};
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

/// The operation that each family of SOP classes means to whoever uses it as a user (SCU).
const fn of_kind(kind: Kind) -> Operation {
    match kind {
        Kind::Verification => Operation::Echo,
        Kind::Storage => Operation::Store,
        Kind::Find => Operation::Find,
        Kind::Move => Operation::Move,
        Kind::Get => Operation::Get,
        Kind::Worklist => Operation::Worklist,
        Kind::Mpps => Operation::Mpps,
        Kind::Commit => Operation::Commit,
        Kind::Print => Operation::Print,
        Kind::Notify => Operation::Notify,
        Kind::Ups => Operation::Ups,
        Kind::Other => Operation::Other,
    }
}

/// Whether PS3.4 has this request for classes of that family. What it does not have is refused: an archive that goes
/// by the command alone would otherwise do what the rule for the class never permitted.
const fn belongs(kind: Kind, field: Field) -> bool {
    use Field::{ActionRq, CreateRq, DeleteRq, EchoRq, EventReportRq, FindRq, GetRq, MoveRq, NGetRq, SetRq, StoreRq};
    match kind {
        Kind::Verification => matches!(field, EchoRq),
        Kind::Storage => matches!(field, StoreRq),
        Kind::Find | Kind::Worklist => matches!(field, FindRq),
        Kind::Move => matches!(field, MoveRq),
        Kind::Get => matches!(field, GetRq),
        Kind::Mpps => matches!(field, CreateRq | SetRq | NGetRq | EventReportRq),
        Kind::Commit => matches!(field, ActionRq | EventReportRq),
        Kind::Print => matches!(field, CreateRq | SetRq | NGetRq | DeleteRq | ActionRq | EventReportRq),
        Kind::Notify => matches!(field, CreateRq | EventReportRq),
        Kind::Ups => matches!(field, CreateRq | SetRq | NGetRq | ActionRq | EventReportRq | FindRq),
        Kind::Other => !matches!(field, EchoRq | StoreRq),
    }
}

impl Operation {
    /// What a request wants. `from_requestor`: it was sent by whoever opened the association; a C-STORE that comes
    /// the other way is a sub-operation of C-GET.
    ///
    /// A C-STORE of a Key Object Selection is `Store` here and may turn out `Reject` once its title has been read
    /// ([`crate::dicom::dataset::Leading::is_rejection`]). A class that the table does not know is stored by
    /// C-STORE, and everything else about it is `Other`.
    ///
    /// `None`: a response, a C-CANCEL (both go with the request that they name), or a request that PS3.4 does not
    /// have for this SOP class, which no rule can permit.
    pub fn of_command(sop_class: &Uid, field: Field, from_requestor: bool) -> Option<Self> {
        if !field.is_request() {
            return None;
        }
        let operation = match sop_class::find(sop_class) {
            Some(class) => belongs(class.kind, field).then(|| of_kind(class.kind))?,
            None if field == Field::StoreRq => Self::Store,
            None if field == Field::EchoRq => return None,
            None => Self::Other,
        };
        Some(if operation == Self::Store && !from_requestor { Self::Get } else { operation })
    }

    /// Everything that a presentation context could be used for, by the roles that the association's requestor
    /// takes in it (PS3.7 D.3.3.4; without role selection: SCU).
    pub fn of_context(sop_class: &Uid, scu: bool, scp: bool) -> OperationSet {
        let mut set = OperationSet::NONE;
        match sop_class::find(sop_class).map(|class| class.kind) {
            Some(Kind::Storage) => {
                if scu {
                    set = set.with(Self::Store);
                    if sop_class.as_str() == sop_class::KEY_OBJECT_SELECTION {
                        set = set.with(Self::Reject);
                    }
                }
                if scp {
                    set = set.with(Self::Get);
                }
            }
            Some(kind) => {
                if scu || scp {
                    set = set.with(of_kind(kind));
                }
            }
            None => {
                if scu {
                    set = set.with(Self::Store);
                }
                if scp {
                    set = set.with(Self::Get);
                }
                if scu || scp {
                    set = set.with(Self::Other);
                }
            }
        }
        set
    }
}

/// Which SOP classes each operation covers, operations in their documented order, classes ascending by UID; what
/// `dicomgate policy operations` prints. Storage classes stand under `store`; sub-operations of C-GET bring the same.
pub fn operations_table() -> impl Iterator<Item = (Operation, &'static SopClass)> {
    Operation::ALL.into_iter().flat_map(|operation| {
        sop_class::all()
            .filter(move |class| match operation {
                Operation::Reject => class.uid == sop_class::KEY_OBJECT_SELECTION,
                operation => of_kind(class.kind) == operation,
            })
            .map(move |class| (operation, class))
    })
}

/// A small set of operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct OperationSet(u16);

impl OperationSet {
    /// No operation.
    pub const NONE: Self = Self(0);

    /// This set and one more.
    #[must_use]
    pub const fn with(self, operation: Operation) -> Self {
        Self(self.0 | 1 << operation as u16)
    }

    /// Whether an operation is in it.
    pub const fn has(self, operation: Operation) -> bool {
        self.0 & 1 << operation as u16 != 0
    }

    /// Whether two sets have an operation in common.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether nothing is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What is in it, in the documented order.
    pub fn iter(self) -> impl Iterator<Item = Operation> {
        Operation::ALL.into_iter().filter(move |operation| self.has(*operation))
    }
}

impl FromIterator<Operation> for OperationSet {
    fn from_iter<I: IntoIterator<Item = Operation>>(operations: I) -> Self {
        operations.into_iter().fold(Self::NONE, Self::with)
    }
}

#[cfg(test)]
mod tests;
