//! A-ASSOCIATE-AC (PS3.8 9.3.3).

use super::context::AnsweredContext;
use super::fault::{FaultKind, PduFault};
use super::title::RawTitle;
use super::user_items::UserItems;
use crate::dicom::uid::Uid;

/// An A-ASSOCIATE-AC PDU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssociateAc {
    /// Bit 0 set: version 1, the only one. The other bits are not tested.
    pub protocol_version: u16,
    /// As in the request: not an answer, an echo.
    pub called: RawTitle,
    /// As in the request.
    pub calling: RawTitle,
    /// Bytes 43 to 74, as in the request.
    pub reserved: [u8; 32],
    /// 10H.
    pub application_context: Uid,
    /// 21H, ids unique and odd.
    pub contexts: Vec<AnsweredContext>,
    /// 50H.
    pub user: UserItems,
}

impl AssociateAc {
    /// Reads a whole A-ASSOCIATE-AC.
    pub fn decode(_bytes: &[u8]) -> Result<Self, PduFault> {
        Err(PduFault::new(FaultKind::Limit, "not yet read", 0))
    }

    /// The bytes on the wire.
    pub fn encode(&self) -> Vec<u8> {
        Vec::new()
    }
}
