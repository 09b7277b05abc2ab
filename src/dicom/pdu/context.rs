//! Presentation contexts as they stand in association PDUs (PS3.8 9.3.2.2, 9.3.3.2).

use super::associate::{self, Skipped, once};
use super::fault::{FaultKind, PduFault};
use super::item::{self, HEAD, Item, Items};
use super::limits;
use crate::dicom::cursor::Cursor;
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

impl ProposedContext {
    pub(super) fn decode(item: &Item<'_>) -> Result<Self, PduFault> {
        let ([id, _, _, _], mut items) = open(item)?;
        let (mut abstract_syntax, mut transfer_syntaxes, mut skipped) = (None, Vec::new(), Skipped::default());
        while let Some(sub) = items.next()? {
            match sub.kind {
                associate::ABSTRACT_SYNTAX => {
                    let name = sub.uid("an abstract syntax name that is no UID")?;
                    once(&mut abstract_syntax, name, &sub, "an abstract syntax that stands twice")?;
                }
                associate::TRANSFER_SYNTAX => {
                    if transfer_syntaxes.len() >= limits::TRANSFER_SYNTAXES {
                        return Err(sub.fault(FaultKind::Limit, "more transfer syntaxes than the gateway takes"));
                    }
                    transfer_syntaxes.push(sub.uid("a transfer syntax name that is no UID")?);
                }
                _ => skipped.one(&sub)?,
            }
        }
        if transfer_syntaxes.is_empty() {
            return Err(item.fault(FaultKind::Missing, "a presentation context without a transfer syntax"));
        }
        let abstract_syntax = abstract_syntax
            .ok_or_else(|| item.fault(FaultKind::Missing, "a presentation context without an abstract syntax"))?;
        Ok(Self { id, abstract_syntax, transfer_syntaxes })
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        item::put(out, associate::PROPOSED_CONTEXT, |out| {
            out.extend_from_slice(&[self.id, 0, 0, 0]);
            item::put_uid(out, associate::ABSTRACT_SYNTAX, &self.abstract_syntax);
            for name in &self.transfer_syntaxes {
                item::put_uid(out, associate::TRANSFER_SYNTAX, name);
            }
        });
    }
}

/// The four bytes that a context begins with, and its sub-items.
fn open<'a>(item: &Item<'a>) -> Result<([u8; 4], Items<'a>), PduFault> {
    let mut cursor = Cursor::new(item.value);
    let fixed = cursor.array().ok_or_else(|| item.fault(FaultKind::Length, "a presentation context cut short"))?;
    Ok((fixed, Items::new(cursor.rest(), item.at.saturating_add(HEAD))))
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

impl AnsweredContext {
    pub(super) fn decode(item: &Item<'_>) -> Result<Self, PduFault> {
        let ([id, _, result, _], mut items) = open(item)?;
        let result = ContextResult::from_byte(result);
        let (mut seen, mut transfer_syntax, mut skipped) = (None, None, Skipped::default());
        while let Some(sub) = items.next()? {
            if sub.kind != associate::TRANSFER_SYNTAX {
                skipped.one(&sub)?;
                continue;
            }
            once(&mut seen, (), &sub, "a transfer syntax that stands twice")?;
            // Not significant, hence not tested, when the context is rejected.
            transfer_syntax = item::uid(sub.value);
            if transfer_syntax.is_none() && result.accepted() {
                return Err(sub.fault(FaultKind::Value, "a transfer syntax name that is no UID"));
            }
        }
        if transfer_syntax.is_none() && result.accepted() {
            return Err(item.fault(FaultKind::Missing, "an accepted presentation context without a transfer syntax"));
        }
        Ok(Self { id, result, transfer_syntax })
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        item::put(out, associate::ANSWERED_CONTEXT, |out| {
            out.extend_from_slice(&[self.id, 0, self.result.byte(), 0]);
            if let Some(name) = &self.transfer_syntax {
                item::put_uid(out, associate::TRANSFER_SYNTAX, name);
            }
        });
    }
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
