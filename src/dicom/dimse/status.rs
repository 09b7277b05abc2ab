//! Statuses of responses (PS3.7 annex C).

use std::fmt;

/// The value of (0000,0900).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Status(pub u16);

/// What a status means to whoever waits for it (PS3.7 C.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StatusKind {
    /// More responses follow.
    Pending,
    /// Done.
    Success,
    /// Done, with something to say about it.
    Warning,
    /// Ended because the requester asked for it.
    Cancel,
    /// Not done.
    Failure,
}

impl Status {
    /// Done.
    pub const SUCCESS: Self = Self(0x0000);
    /// Ended by C-CANCEL.
    pub const CANCEL: Self = Self(0xfe00);
    /// More responses follow.
    pub const PENDING: Self = Self(0xff00);
    /// More responses follow; some optional keys are not supported for matching.
    pub const PENDING_WARNING: Self = Self(0xff01);
    /// Processing failure.
    pub const PROCESSING_FAILURE: Self = Self(0x0110);
    /// The instance is there already.
    pub const DUPLICATE_SOP_INSTANCE: Self = Self(0x0111);
    /// No such instance.
    pub const NO_SUCH_SOP_INSTANCE: Self = Self(0x0112);
    /// A value is not valid.
    pub const INVALID_ATTRIBUTE_VALUE: Self = Self(0x0106);
    /// The SOP instance UID is not valid.
    pub const INVALID_SOP_INSTANCE: Self = Self(0x0117);
    /// The SOP class is not supported.
    pub const SOP_CLASS_NOT_SUPPORTED: Self = Self(0x0122);
    /// The requester may not do that: what policy says no with.
    pub const NOT_AUTHORIZED: Self = Self(0x0124);
    /// The message id is in use.
    pub const DUPLICATE_INVOCATION: Self = Self(0x0210);
    /// The operation is not known.
    pub const UNRECOGNIZED_OPERATION: Self = Self(0x0211);
    /// An argument does not fit.
    pub const MISTYPED_ARGUMENT: Self = Self(0x0212);
    /// Not now; senders may try again.
    pub const OUT_OF_RESOURCES: Self = Self(0xa700);
    /// C-MOVE: the matches could not be counted.
    pub const OUT_OF_RESOURCES_MATCHES: Self = Self(0xa701);
    /// C-MOVE and C-GET: sub-operations could not be done.
    pub const OUT_OF_RESOURCES_SUB_OPERATIONS: Self = Self(0xa702);
    /// C-MOVE: the destination is not known.
    pub const MOVE_DESTINATION_UNKNOWN: Self = Self(0xa801);
    /// The data set does not fit the SOP class; for queries: the identifier does not.
    pub const DATA_SET_MISMATCH: Self = Self(0xa900);
    /// C-MOVE and C-GET: done, some sub-operations failed or warned.
    pub const SUB_OPERATIONS_WARNING: Self = Self(0xb000);
    /// The data set or identifier cannot be understood.
    pub const CANNOT_UNDERSTAND: Self = Self(0xc000);

    /// What it means. A code that no service defines is a failure: nothing may take it for a success.
    pub const fn kind(self) -> StatusKind {
        match self.0 {
            0x0000 => StatusKind::Success,
            0xff00 | 0xff01 => StatusKind::Pending,
            0xfe00 => StatusKind::Cancel,
            0x0001 | 0x0107 | 0x0116 | 0xb000..=0xbfff => StatusKind::Warning,
            _ => StatusKind::Failure,
        }
    }

    /// Whether what was asked for is done: success, or a warning.
    pub const fn is_done(self) -> bool {
        matches!(self.kind(), StatusKind::Success | StatusKind::Warning)
    }

    /// Whether no response follows this one.
    pub const fn is_final(self) -> bool {
        !matches!(self.kind(), StatusKind::Pending)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}H", self.0)
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Status({:04X}H)", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_zero_is_success_and_what_nobody_defines_is_a_failure() {
        let successes: Vec<_> = (0..=u16::MAX).filter(|&code| Status(code).kind() == StatusKind::Success).collect();
        assert_eq!(successes, [0]);
        assert_eq!(Status(0x1234).kind(), StatusKind::Failure);
        assert_eq!(Status(0xfe01).kind(), StatusKind::Failure);
        assert_eq!(Status(0xff02).kind(), StatusKind::Failure);
        assert_eq!(Status::NOT_AUTHORIZED.kind(), StatusKind::Failure);
        assert_eq!(Status(0xb006).kind(), StatusKind::Warning);
        assert!(Status::CANCEL.is_final() && !Status::PENDING_WARNING.is_final());
        assert_eq!(Status::NOT_AUTHORIZED.to_string(), "0124H");
    }
}
