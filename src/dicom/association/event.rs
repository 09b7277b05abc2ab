//! The events of PS3.8 9.2.1.

use crate::dicom::negotiation::reject;
use crate::dicom::pdu::{Abort, AssociateRj, Pdu, PduFault};

/// What may happen to an association.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A-ASSOCIATE request (local user).
    Evt1,
    /// Transport connection confirmed (local transport).
    Evt2,
    /// A-ASSOCIATE-AC received.
    Evt3,
    /// A-ASSOCIATE-RJ received.
    Evt4,
    /// Transport connection indication (local transport).
    Evt5,
    /// A-ASSOCIATE-RQ received; with the rejection, if the provider itself cannot take it (protocol version).
    Evt6(Option<AssociateRj>),
    /// A-ASSOCIATE response, accept (local user).
    Evt7,
    /// A-ASSOCIATE response, reject (local user).
    Evt8(AssociateRj),
    /// P-DATA request (local user).
    Evt9,
    /// P-DATA-TF received.
    Evt10,
    /// A-RELEASE request (local user).
    Evt11,
    /// A-RELEASE-RQ received.
    Evt12,
    /// A-RELEASE-RP received.
    Evt13,
    /// A-RELEASE response (local user).
    Evt14,
    /// A-ABORT request (local user). Not possible before somebody asked (Sta2): there the driver simply closes.
    Evt15(Abort),
    /// A-ABORT received.
    Evt16(Abort),
    /// Transport connection closed.
    Evt17,
    /// ARTIM timer expired.
    Evt18,
    /// Unrecognized or invalid PDU received; with what the peer is told.
    Evt19(Abort),
}

impl From<&Pdu> for Event {
    fn from(pdu: &Pdu) -> Self {
        match pdu {
            Pdu::AssociateRq(rq) => Self::Evt6(reject::by_provider(rq)),
            Pdu::AssociateAc(_) => Self::Evt3,
            Pdu::AssociateRj(_) => Self::Evt4,
            Pdu::ReleaseRq => Self::Evt12,
            Pdu::ReleaseRp => Self::Evt13,
            Pdu::Abort(abort) => Self::Evt16(*abort),
        }
    }
}

impl From<PduFault> for Event {
    fn from(fault: PduFault) -> Self {
        Self::Evt19(fault.abort())
    }
}
