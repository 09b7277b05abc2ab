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
