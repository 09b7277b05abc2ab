//! What can be wrong with a PDU, and how the peer is told (PS3.8 table 9-26).

use super::abort::Abort;
use std::fmt;

/// Why some bytes are not a PDU that may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PduFault {
    /// The family of the fault; it decides the reason in the A-ABORT.
    pub kind: FaultKind,
    /// What is wrong, in words of the standard.
    pub what: &'static str,
    /// Where, in bytes from the PDU's first byte.
    pub offset: u32,
}

/// Families of faults, one for each thing a peer may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// A PDU type that does not exist.
    UnrecognizedPdu,
    /// A PDU that may not come here.
    UnexpectedPdu,
    /// Something that may stand once stands twice, or where it may not stand.
    UnexpectedParameter,
    /// A length that does not fit what it counts, or exceeds what was announced.
    Length,
    /// A value that the standard does not know.
    Value,
    /// Something mandatory is not there.
    Missing,
    /// More of something than the gateway takes.
    Limit,
}

impl PduFault {
    /// A fault of a kind at a place.
    pub const fn new(kind: FaultKind, what: &'static str, offset: u32) -> Self {
        Self { kind, what, offset }
    }

    /// The A-ABORT that tells the peer: source 2, the reason by kind. A missing parameter counts as an invalid value;
    /// a limit of the gateway's own has no reason in the table, hence not-specified.
    pub const fn abort(&self) -> Abort {
        let reason = match self.kind {
            FaultKind::UnrecognizedPdu => Abort::UNRECOGNIZED_PDU,
            FaultKind::UnexpectedPdu => Abort::UNEXPECTED_PDU,
            FaultKind::UnexpectedParameter => Abort::UNEXPECTED_PARAMETER,
            FaultKind::Length | FaultKind::Value | FaultKind::Missing => Abort::INVALID_VALUE,
            FaultKind::Limit => Abort::NOT_SPECIFIED,
        };
        Abort::provider(reason)
    }
}

impl fmt::Display for PduFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {} of the PDU", self.what, self.offset)
    }
}

impl std::error::Error for PduFault {}
