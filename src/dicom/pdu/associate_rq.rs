//! A-ASSOCIATE-RQ (PS3.8 9.3.2).

use super::associate::{self, Fixed, Ids, Skipped, once};
use super::context::ProposedContext;
use super::fault::{FaultKind, PduFault};
use super::head::Kind;
use super::item;
use super::limits;
use super::title::RawTitle;
use super::user_items::{Side, UserItems};
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
    /// Reads a whole A-ASSOCIATE-RQ. Faults: a length that does not fit; 10H, 20H, 50H or 51H missing; what may stand
    /// once standing twice; an even or repeated id; more of anything than [`limits`] says. Items of unknown types are
    /// skipped (9.3.1), sub-items of the user information kept.
    pub fn decode(bytes: &[u8]) -> Result<Self, PduFault> {
        let (fixed, mut items) = associate::open(bytes, Kind::AssociateRq)?;
        let (mut application, mut user) = (None, None);
        let (mut contexts, mut ids, mut skipped) = (Vec::new(), Ids::default(), Skipped::default());
        while let Some(item) = items.next()? {
            match item.kind {
                associate::APPLICATION_CONTEXT => {
                    let name = item.uid("an application context name that is no UID")?;
                    once(&mut application, name, &item, "an application context that stands twice")?;
                }
                associate::PROPOSED_CONTEXT => {
                    if contexts.len() >= limits::CONTEXTS {
                        return Err(item.fault(FaultKind::Limit, "more than 128 presentation contexts"));
                    }
                    let context = ProposedContext::decode(&item)?;
                    ids.take(context.id, &item)?;
                    contexts.push(context);
                }
                associate::USER_INFORMATION => {
                    let items = UserItems::decode(&item, Side::Requestor)?;
                    once(&mut user, items, &item, "a user information item that stands twice")?;
                }
                _ => skipped.one(&item)?,
            }
        }
        let missing = |what| PduFault::new(FaultKind::Missing, what, 74);
        if contexts.is_empty() {
            return Err(missing("no presentation context"));
        }
        let Fixed { protocol_version, called, calling, reserved } = fixed;
        Ok(Self {
            protocol_version,
            called,
            calling,
            reserved,
            application_context: application.ok_or(missing("no application context"))?,
            contexts,
            user: user.ok_or(missing("no user information item"))?,
        })
    }

    /// The bytes on the wire.
    pub fn encode(&self) -> Vec<u8> {
        let fixed = Fixed {
            protocol_version: self.protocol_version,
            called: self.called,
            calling: self.calling,
            reserved: self.reserved,
        };
        associate::close(Kind::AssociateRq, &fixed, |out| {
            item::put_uid(out, associate::APPLICATION_CONTEXT, &self.application_context);
            for context in &self.contexts {
                context.encode(out);
            }
            self.user.encode(out);
        })
    }
}
