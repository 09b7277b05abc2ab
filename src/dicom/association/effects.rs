//! What comes out of the machine.

use crate::dicom::pdu::{Abort, AssociateRj, release};

/// What to do after an event, in this order: send, indicate, close.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Effects {
    /// Which action of table 9-10 was taken; `None`: the event is not possible in this state, nothing happened.
    pub action: Option<Action>,
    /// What to send.
    pub send: Option<Outgoing>,
    /// What to tell the local user.
    pub indicate: Option<Indication>,
    /// Whether to close the transport connection.
    pub close: bool,
}

/// The actions of PS3.8 tables 9-6 to 9-9.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is described at the function of its name in `actions`")]
pub enum Action {
    Ae1,
    Ae2,
    Ae3,
    Ae4,
    Ae5,
    Ae6,
    Ae7,
    Ae8,
    Dt1,
    Dt2,
    Ar1,
    Ar2,
    Ar3,
    Ar4,
    Ar5,
    Ar6,
    Ar7,
    Ar8,
    Ar9,
    Ar10,
    Aa1,
    Aa2,
    Aa3,
    Aa4,
    Aa5,
    Aa6,
    Aa7,
    Aa8,
}

impl Action {
    /// The name that table 9-10 gives it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ae1 => "AE-1",
            Self::Ae2 => "AE-2",
            Self::Ae3 => "AE-3",
            Self::Ae4 => "AE-4",
            Self::Ae5 => "AE-5",
            Self::Ae6 => "AE-6",
            Self::Ae7 => "AE-7",
            Self::Ae8 => "AE-8",
            Self::Dt1 => "DT-1",
            Self::Dt2 => "DT-2",
            Self::Ar1 => "AR-1",
            Self::Ar2 => "AR-2",
            Self::Ar3 => "AR-3",
            Self::Ar4 => "AR-4",
            Self::Ar5 => "AR-5",
            Self::Ar6 => "AR-6",
            Self::Ar7 => "AR-7",
            Self::Ar8 => "AR-8",
            Self::Ar9 => "AR-9",
            Self::Ar10 => "AR-10",
            Self::Aa1 => "AA-1",
            Self::Aa2 => "AA-2",
            Self::Aa3 => "AA-3",
            Self::Aa4 => "AA-4",
            Self::Aa5 => "AA-5",
            Self::Aa6 => "AA-6",
            Self::Aa7 => "AA-7",
            Self::Aa8 => "AA-8",
        }
    }
}

/// A PDU to send. Those that the driver made itself (request, acceptance, data) are only named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outgoing {
    /// The driver's A-ASSOCIATE-RQ.
    AssociateRq,
    /// The driver's A-ASSOCIATE-AC.
    AssociateAc,
    /// A rejection.
    AssociateRj(AssociateRj),
    /// The driver's P-DATA-TF.
    PData,
    /// A-RELEASE-RQ.
    ReleaseRq,
    /// A-RELEASE-RP.
    ReleaseRp,
    /// An abort.
    Abort(Abort),
}

impl Outgoing {
    /// The bytes, unless the driver has them.
    pub const fn bytes(self) -> Option<[u8; 10]> {
        match self {
            Self::AssociateRj(rj) => Some(rj.to_bytes()),
            Self::ReleaseRq => Some(release::RQ),
            Self::ReleaseRp => Some(release::RP),
            Self::Abort(abort) => Some(abort.to_bytes()),
            Self::AssociateRq | Self::AssociateAc | Self::PData => None,
        }
    }
}

/// What the local user is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Indication {
    /// A-ASSOCIATE indication: somebody asks.
    Associate,
    /// A-ASSOCIATE confirmation: accepted.
    Accepted,
    /// A-ASSOCIATE confirmation: rejected.
    Rejected,
    /// P-DATA indication.
    Data,
    /// A-RELEASE indication; `collision` if both sides asked at once.
    Release {
        /// Both sides asked at once.
        collision: bool,
    },
    /// A-RELEASE confirmation.
    Released,
    /// A-ABORT indication: the peer's user ended it.
    Abort,
    /// A-P-ABORT indication: a provider or the transport ended it, with the reason of table 9-26.
    ProviderAbort(u8),
}
