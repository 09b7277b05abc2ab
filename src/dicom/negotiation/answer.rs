//! What to answer the caller.

use super::{Contexts, Own};
use crate::dicom::pdu::{AssociateAc, AssociateRq};

/// Why an archive's answer cannot be mirrored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NegotiationFault {
    /// An id that was not proposed.
    #[error("the archive answers presentation context {0}, which was not proposed")]
    NotProposed(u8),
    /// A transfer syntax that was not proposed.
    #[error("the archive accepts presentation context {0} with a transfer syntax that was not proposed")]
    TransferSyntax(u8),
    /// A 51H that leaves no room.
    #[error("a maximum length of {0} bytes is too small to talk with")]
    MaxLength(u32),
}

/// The answer to the caller, and the contexts that may be used.
pub fn answer(
    _rq: &AssociateRq,
    _proposed: &AssociateRq,
    ac: &AssociateAc,
    _own: &Own,
    _certified: bool,
) -> Result<(AssociateAc, Contexts), NegotiationFault> {
    Err(NegotiationFault::MaxLength(ac.user.max_length))
}
