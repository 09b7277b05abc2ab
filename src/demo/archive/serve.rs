//! One association of the archive: command by command.

use super::negotiate::{self, Accepted, Service, service_of};
use super::{Shared, find, retrieve};
use crate::demo::elements::{self, ElementFault, Set};
use crate::demo::link::{Link, LinkFault, Message, Received};
use crate::demo::object::Object;
use crate::dicom::AeTitle;
use crate::dicom::dimse::{Field, Status};
use crate::dicom::transfer_syntax::encoding_of;
use crate::net::Wire;
use std::collections::BTreeMap;

/// Who is served, and on what terms.
pub(super) struct Session<'a> {
    pub shared: &'a Shared,
    pub link: Link,
    pub contexts: BTreeMap<u8, Accepted>,
    /// The caller's title, for C-STOREs that a C-MOVE of its causes.
    pub caller: Option<AeTitle>,
}

/// Serves an association from request to release.
pub(super) async fn association(shared: &Shared, wire: Wire) -> Result<(), LinkFault> {
    let (mut link, request) = Link::accept(wire).await?;
    let (answer, contexts) = negotiate::answer(&request);
    link.answer(&answer).await?;
    let mut session = Session { shared, link, contexts, caller: request.calling.parse().ok() };
    loop {
        match session.link.receive().await? {
            Received::Released => return Ok(()),
            Received::Message(message) => session.message(*message).await?,
        }
    }
}

impl Session<'_> {
    async fn message(&mut self, message: Message) -> Result<(), LinkFault> {
        let Some(context) = self.contexts.get(&message.context).copied() else {
            return Err(LinkFault::Unexpected("a message on a presentation context that was not accepted"));
        };
        match (message.command.field, service_of(&context.sop_class)) {
            (Field::EchoRq, Some(Service::Echo)) => self.respond(&message, Status::SUCCESS).await,
            (Field::StoreRq, Some(Service::Storage)) => self.store(&message, &context).await,
            (Field::FindRq, Some(Service::Find)) => find::serve(self, &message, &context).await,
            (Field::GetRq, Some(Service::Get)) => retrieve::get(self, &message, &context).await,
            (Field::MoveRq, Some(Service::Move)) => retrieve::moved(self, &message, &context).await,
            // A C-CANCEL for what is already over is no fault (PS3.7 9.3.2.3).
            (Field::CancelRq, _) => Ok(()),
            _ => self.respond(&message, Status::UNRECOGNIZED_OPERATION).await,
        }
    }

    /// Answers without a data set.
    pub(super) async fn respond(&mut self, message: &Message, status: Status) -> Result<(), LinkFault> {
        let Some(response) = message.command.response(status) else {
            return Err(LinkFault::Unexpected("a response to nothing"));
        };
        self.link.send(message.context, &response, None).await
    }

    async fn store(&mut self, message: &Message, context: &Accepted) -> Result<(), LinkFault> {
        let status = match (&message.data, message.command.affected_sop_instance, message.command.affected_sop_class) {
            (_, _, Some(sop_class)) if sop_class != context.sop_class => Status::SOP_CLASS_NOT_SUPPORTED,
            (Some(data), Some(sop_instance), _) => {
                let object = Object {
                    sop_class: context.sop_class,
                    sop_instance,
                    transfer_syntax: context.transfer_syntax,
                    data_set: data.clone(),
                };
                self.shared.store.put(&object).await.map_or(Status::OUT_OF_RESOURCES, |()| Status::SUCCESS)
            }
            _ => Status::CANNOT_UNDERSTAND,
        };
        self.respond(message, status).await
    }
}

/// The identifier of a query or retrieve.
pub(super) fn identifier(message: &Message, context: &Accepted) -> Result<Set, ElementFault> {
    elements::read(message.data.as_deref().unwrap_or_default(), encoding_of(&context.transfer_syntax))
}

/// Writes an identifier the way the context wants it.
pub(super) fn encoded(set: &Set, context: &Accepted) -> bytes::Bytes {
    let explicit = context.transfer_syntax.as_str() != crate::dicom::transfer_syntax::IMPLICIT_VR_LITTLE_ENDIAN;
    bytes::Bytes::from(elements::write(set, explicit))
}
