//! A-ABORT (PS3.8 9.3.8).

use super::fault::{FaultKind, PduFault};
use super::head::{Head, Kind};

/// An A-ABORT PDU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Abort {
    /// 0: the service user; 2: the service provider.
    pub source: u8,
    /// Why; significant only for source 2.
    pub reason: u8,
}

impl Abort {
    /// Source: the application.
    pub const SERVICE_USER: u8 = 0;
    /// Source: the upper layer.
    pub const SERVICE_PROVIDER: u8 = 2;
    /// Reason-not-specified.
    pub const NOT_SPECIFIED: u8 = 0;
    /// Unrecognized-PDU.
    pub const UNRECOGNIZED_PDU: u8 = 1;
    /// Unexpected-PDU.
    pub const UNEXPECTED_PDU: u8 = 2;
    /// Unrecognized-PDU-parameter.
    pub const UNRECOGNIZED_PARAMETER: u8 = 4;
    /// Unexpected-PDU-parameter.
    pub const UNEXPECTED_PARAMETER: u8 = 5;
    /// Invalid-PDU-parameter-value.
    pub const INVALID_VALUE: u8 = 6;

    /// The abort of an application: source 0, and then the reason is 0.
    pub const fn user() -> Self {
        Self { source: Self::SERVICE_USER, reason: 0 }
    }

    /// The abort of an upper layer, with a reason of table 9-26.
    pub const fn provider(reason: u8) -> Self {
        Self { source: Self::SERVICE_PROVIDER, reason }
    }

    /// Reads a whole A-ABORT. Source and reason are kept as they are: an abort ends the association whatever it says.
    pub fn decode(bytes: &[u8]) -> Result<Self, PduFault> {
        match Head::open(bytes, Kind::Abort)?.rest() {
            &[_, _, source, reason] => Ok(Self { source, reason }),
            _ => Err(PduFault::new(FaultKind::Length, "an A-ABORT whose length is not 4", 2)),
        }
    }

    /// The ten bytes on the wire.
    pub const fn to_bytes(self) -> [u8; 10] {
        [7, 0, 0, 0, 0, 4, 0, 0, self.source, self.reason]
    }

    /// The bytes on the wire.
    pub fn encode(&self) -> Vec<u8> {
        self.to_bytes().to_vec()
    }
}
