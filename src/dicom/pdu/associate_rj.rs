//! A-ASSOCIATE-RJ (PS3.8 9.3.4).

use super::fault::{FaultKind, PduFault};
use super::head::{Head, Kind};

/// An A-ASSOCIATE-RJ PDU: result, source and reason of table 9-21.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AssociateRj {
    /// 1: rejected-permanent, 2: rejected-transient.
    pub result: u8,
    /// 1: service user, 2: service provider (ACSE), 3: service provider (presentation).
    pub source: u8,
    /// Meaning by source.
    pub reason: u8,
}

impl AssociateRj {
    /// Reads a whole A-ASSOCIATE-RJ. The three codes are kept as they are: a rejection ends it whatever it says.
    pub fn decode(bytes: &[u8]) -> Result<Self, PduFault> {
        match Head::open(bytes, Kind::AssociateRj)?.rest() {
            &[_, result, source, reason] => Ok(Self { result, source, reason }),
            _ => Err(PduFault::new(FaultKind::Length, "an A-ASSOCIATE-RJ whose length is not 4", 2)),
        }
    }

    /// The ten bytes on the wire.
    pub const fn to_bytes(self) -> [u8; 10] {
        [3, 0, 0, 0, 0, 4, 0, self.result, self.source, self.reason]
    }

    /// The bytes on the wire.
    pub fn encode(&self) -> Vec<u8> {
        self.to_bytes().to_vec()
    }
}
