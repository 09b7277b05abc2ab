//! Protocol data units of the upper layer (PS3.8 9.3): bytes in, values out, and back.
//!
//! One PDU a file. [`Framer`] cuts a byte stream into PDUs; P-DATA comes out as slices of what was fed. Lengths are
//! checked before anything is stored. Never a socket, a clock or a decision: what a PDU means is for
//! [`association`](super::association) and [`negotiation`](super::negotiation) to say.

pub mod abort;
pub(super) mod associate;
pub mod associate_ac;
pub mod associate_rj;
pub mod associate_rq;
pub mod chain;
pub mod context;
pub mod fault;
pub mod framer;
pub mod head;
mod item;
pub mod limits;
pub mod pdata;
pub mod release;
pub mod title;
pub mod user_identity;
pub mod user_items;

pub use abort::Abort;
pub use associate_ac::AssociateAc;
pub use associate_rj::AssociateRj;
pub use associate_rq::AssociateRq;
pub use chain::ChainItem;
pub use context::{AnsweredContext, ContextResult, ProposedContext};
pub use fault::{FaultKind, PduFault};
pub use framer::{Event, Fragment, Framer};
pub use limits::FramerLimits;
pub use title::RawTitle;
pub use user_identity::UserIdentity;
pub use user_items::{Role, UserItems, VersionName};

/// A whole PDU other than P-DATA-TF (which never exists as a whole: see [`Fragment`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pdu {
    /// A-ASSOCIATE-RQ (9.3.2).
    AssociateRq(Box<AssociateRq>),
    /// A-ASSOCIATE-AC (9.3.3).
    AssociateAc(Box<AssociateAc>),
    /// A-ASSOCIATE-RJ (9.3.4).
    AssociateRj(AssociateRj),
    /// A-RELEASE-RQ (9.3.6).
    ReleaseRq,
    /// A-RELEASE-RP (9.3.7).
    ReleaseRp,
    /// A-ABORT (9.3.8).
    Abort(Abort),
}

impl Pdu {
    /// Reads one whole PDU, head included. P-DATA-TF is not taken here.
    pub fn decode(bytes: &[u8]) -> Result<Self, PduFault> {
        let head = head::Head::decode(bytes)?;
        Ok(match head.kind {
            head::Kind::AssociateRq => Self::AssociateRq(Box::new(AssociateRq::decode(bytes)?)),
            head::Kind::AssociateAc => Self::AssociateAc(Box::new(AssociateAc::decode(bytes)?)),
            head::Kind::AssociateRj => Self::AssociateRj(AssociateRj::decode(bytes)?),
            head::Kind::ReleaseRq => release::decode(bytes).map(|()| Self::ReleaseRq)?,
            head::Kind::ReleaseRp => release::decode(bytes).map(|()| Self::ReleaseRp)?,
            head::Kind::Abort => Self::Abort(Abort::decode(bytes)?),
            head::Kind::PData => return Err(PduFault::new(FaultKind::UnexpectedPdu, "p-data as a whole", 0)),
        })
    }

    /// The bytes of this PDU, head included.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::AssociateRq(pdu) => pdu.encode(),
            Self::AssociateAc(pdu) => pdu.encode(),
            Self::AssociateRj(pdu) => pdu.encode(),
            Self::ReleaseRq => release::RQ.to_vec(),
            Self::ReleaseRp => release::RP.to_vec(),
            Self::Abort(pdu) => pdu.encode(),
        }
    }
}

#[cfg(test)]
mod tests;
