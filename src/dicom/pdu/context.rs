//! Presentation contexts as they stand in association PDUs (PS3.8 9.3.2.2, 9.3.3.2).

use crate::dicom::uid::Uid;

/// One presentation context that a requestor proposes (20H).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposedContext {
    /// Odd, unique in its PDU.
    pub id: u8,
    /// What is to be talked about.
    pub abstract_syntax: Uid,
    /// In which encodings, at least one.
    pub transfer_syntaxes: Vec<Uid>,
}

/// The answer to one presentation context (21H).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnsweredContext {
    /// The id proposed.
    pub id: u8,
    /// Accepted, or why not.
    pub result: ContextResult,
    /// The chosen encoding. Always there when accepted; not significant otherwise, and some peers leave it out.
    pub transfer_syntax: Option<Uid>,
}

/// Result/Reason of a presentation context (PS3.8 table 9-18).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContextResult {
    /// 0.
    Acceptance,
    /// 1.
    UserRejection,
    /// 2: no reason, by the provider.
    NoReason,
    /// 3.
    AbstractSyntaxNotSupported,
    /// 4.
    TransferSyntaxesNotSupported,
    /// A value that the table does not have: not accepted.
    Other(u8),
}

impl ContextResult {
    /// From its byte.
    pub const fn from_byte(byte: u8) -> Self {
        match byte {
            0 => Self::Acceptance,
            1 => Self::UserRejection,
            2 => Self::NoReason,
            3 => Self::AbstractSyntaxNotSupported,
            4 => Self::TransferSyntaxesNotSupported,
            other => Self::Other(other),
        }
    }

    /// Its byte.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Acceptance => 0,
            Self::UserRejection => 1,
            Self::NoReason => 2,
            Self::AbstractSyntaxNotSupported => 3,
            Self::TransferSyntaxesNotSupported => 4,
            Self::Other(byte) => byte,
        }
    }

    /// Whether the context may be used.
    pub const fn accepted(self) -> bool {
        matches!(self, Self::Acceptance)
    }
}
