//! The six bytes that every PDU begins with (PS3.8 9.3.1).

use super::fault::{FaultKind, PduFault};
use super::limits::FramerLimits;
use crate::dicom::cursor::Cursor;

/// Bytes of a PDU head: type, reserved, length.
pub const LENGTH: usize = 6;

/// Bytes of the fixed fields of A-ASSOCIATE-RQ and -AC behind the head.
pub(super) const ASSOCIATE_FIXED: u32 = 68;

/// PDU types (PS3.8 9.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// 01H.
    AssociateRq,
    /// 02H.
    AssociateAc,
    /// 03H.
    AssociateRj,
    /// 04H.
    PData,
    /// 05H.
    ReleaseRq,
    /// 06H.
    ReleaseRp,
    /// 07H.
    Abort,
}

impl Kind {
    /// The type of a PDU by its first byte.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::AssociateRq,
            2 => Self::AssociateAc,
            3 => Self::AssociateRj,
            4 => Self::PData,
            5 => Self::ReleaseRq,
            6 => Self::ReleaseRp,
            7 => Self::Abort,
            _ => return None,
        })
    }

    /// The first byte of such a PDU.
    pub const fn byte(self) -> u8 {
        match self {
            Self::AssociateRq => 1,
            Self::AssociateAc => 2,
            Self::AssociateRj => 3,
            Self::PData => 4,
            Self::ReleaseRq => 5,
            Self::ReleaseRp => 6,
            Self::Abort => 7,
        }
    }
}

/// Type and length of a PDU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Which PDU.
    pub kind: Kind,
    /// Bytes that follow the head.
    pub length: u32,
}

impl Head {
    /// Reads the first six bytes of a PDU. The reserved byte is not tested.
    pub fn decode(bytes: &[u8]) -> Result<Self, PduFault> {
        let mut cursor = Cursor::new(bytes);
        let short = PduFault::new(FaultKind::Length, "a PDU shorter than its head", 0);
        let kind = Kind::from_byte(cursor.u8().ok_or(short)?).ok_or(PduFault::new(
            FaultKind::UnrecognizedPdu,
            "a PDU type that does not exist",
            0,
        ))?;
        cursor.u8().ok_or(short)?;
        Ok(Self { kind, length: cursor.u32_be().ok_or(short)? })
    }

    /// Whether a PDU of this kind may have this length: asked before a byte of it is kept.
    pub fn check(self, limits: &FramerLimits) -> Result<(), PduFault> {
        let what = match self.kind {
            Kind::AssociateRq | Kind::AssociateAc if self.length < ASSOCIATE_FIXED => {
                "an association PDU shorter than its fixed fields"
            }
            Kind::AssociateRq | Kind::AssociateAc if self.length > limits.association_pdu => {
                return Err(PduFault::new(FaultKind::Limit, "an association PDU longer than the gateway takes", 2));
            }
            Kind::PData if self.length == 0 => "a P-DATA PDU without a presentation data value",
            Kind::PData if self.length < 6 => "a P-DATA PDU shorter than one presentation data value",
            Kind::PData if self.length > limits.pdata => "a P-DATA PDU longer than announced",
            Kind::AssociateRj | Kind::ReleaseRq | Kind::ReleaseRp | Kind::Abort if self.length != 4 => {
                "a PDU of fixed form whose length is not 4"
            }
            _ => return Ok(()),
        };
        Err(PduFault::new(FaultKind::Length, what, 2))
    }

    /// Reads the head of a whole PDU that has to be of one kind, and gives a cursor behind the head.
    pub(super) fn open(bytes: &[u8], kind: Kind) -> Result<Cursor<'_>, PduFault> {
        let head = Self::decode(bytes)?;
        if head.kind != kind {
            return Err(PduFault::new(FaultKind::UnexpectedPdu, "another PDU type than expected", 0));
        }
        let mut cursor = Cursor::new(bytes);
        cursor.take(LENGTH);
        if usize::try_from(head.length) != Ok(cursor.remaining()) {
            return Err(PduFault::new(FaultKind::Length, "a PDU length that is not the PDU's length", 2));
        }
        Ok(cursor)
    }
}
