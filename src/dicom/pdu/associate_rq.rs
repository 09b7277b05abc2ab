//! A-ASSOCIATE-RQ (PS3.8 9.3.2).

use super::context::ProposedContext;
use super::fault::{FaultKind, PduFault};
use super::title::RawTitle;
use super::user_items::UserItems;
use crate::dicom::uid::Uid;

/// An A-ASSOCIATE-RQ PDU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssociateRq {
    /// Bit 0 set: version 1, the only one. The other bits are not tested.
    pub protocol_version: u16,
    /// Who is called.
    pub called: RawTitle,
    /// Who calls.
    pub calling: RawTitle,
    /// Bytes 43 to 74: reserved, but the answer has to echo them.
    pub reserved: [u8; 32],
    /// 10H.
    pub application_context: Uid,
    /// 20H, one to 128, ids unique and odd.
    pub contexts: Vec<ProposedContext>,
    /// 50H.
    pub user: UserItems,
}

impl AssociateRq {
    /// Reads a whole A-ASSOCIATE-RQ.
    pub fn decode(_bytes: &[u8]) -> Result<Self, PduFault> {
        Err(PduFault::new(FaultKind::Limit, "not yet read", 0))
    }

    /// The bytes on the wire.
    pub fn encode(&self) -> Vec<u8> {
        Vec::new()
    }
}
