//! A-ASSOCIATE-AC (PS3.8 9.3.3).

use super::associate::{self, Fixed, Ids, Skipped, once};
use super::context::AnsweredContext;
use super::fault::{FaultKind, PduFault};
use super::head::Kind;
use super::item;
use super::limits;
use super::title::RawTitle;
use super::user_items::{Side, UserItems};
use crate::dicom::uid::Uid;

/// An A-ASSOCIATE-AC PDU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssociateAc {
    /// Bit 0 set: version 1, the only one. The other bits are not tested.
    pub protocol_version: u16,
    /// As in the request: not an answer, an echo, and not tested.
    pub called: RawTitle,
    /// As in the request.
    pub calling: RawTitle,
    /// Bytes 43 to 74, as in the request.
    pub reserved: [u8; 32],
    /// 10H.
    pub application_context: Uid,
    /// 21H, ids unique and odd. None at all is legal.
    pub contexts: Vec<AnsweredContext>,
    /// 50H.
    pub user: UserItems,
}

impl AssociateAc {
    /// Reads a whole A-ASSOCIATE-AC. Old archives are answered with patience: a rejected context may lack its transfer
    /// syntax, 10H or 50H may be absent (then: the DICOM application context, and a maximum length of
    /// [`UserItems::UNSAID_MAX_LENGTH`]).
    pub fn decode(bytes: &[u8]) -> Result<Self, PduFault> {
        let (fixed, mut items) = associate::open(bytes, Kind::AssociateAc)?;
        let (mut application, mut user) = (None, None);
        let (mut contexts, mut ids, mut skipped) = (Vec::new(), Ids::default(), Skipped::default());
        while let Some(item) = items.next()? {
            match item.kind {
                associate::APPLICATION_CONTEXT => {
                    let name = item.uid("an application context name that is no UID")?;
                    once(&mut application, name, &item, "an application context that stands twice")?;
                }
                associate::ANSWERED_CONTEXT => {
                    if contexts.len() >= limits::CONTEXTS {
                        return Err(item.fault(FaultKind::Limit, "more than 128 presentation contexts"));
                    }
                    let context = AnsweredContext::decode(&item)?;
                    ids.take(context.id, &item)?;
                    contexts.push(context);
                }
                associate::USER_INFORMATION => {
                    let items = UserItems::decode(&item, Side::Acceptor)?;
                    once(&mut user, items, &item, "a user information item that stands twice")?;
                }
                _ => skipped.one(&item)?,
            }
        }
        let application_context = match application {
            Some(name) => name,
            None => Uid::new(associate::DICOM_APPLICATION_CONTEXT)
                .map_err(|_| PduFault::new(FaultKind::Missing, "no application context", 74))?,
        };
        let Fixed { protocol_version, called, calling, reserved } = fixed;
        let user =
            user.unwrap_or_else(|| UserItems { max_length: UserItems::UNSAID_MAX_LENGTH, ..UserItems::default() });
        Ok(Self { protocol_version, called, calling, reserved, application_context, contexts, user })
    }

    /// The bytes on the wire.
    pub fn encode(&self) -> Vec<u8> {
        let fixed = Fixed {
            protocol_version: self.protocol_version,
            called: self.called,
            calling: self.calling,
            reserved: self.reserved,
        };
        associate::close(Kind::AssociateAc, &fixed, |out| {
            item::put_uid(out, associate::APPLICATION_CONTEXT, &self.application_context);
            for context in &self.contexts {
                context.encode(out);
            }
            self.user.encode(out);
        })
    }
}
