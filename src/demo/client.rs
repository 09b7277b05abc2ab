//! The scanner's and the workstation's side: associate, then C-ECHO, C-STORE, C-FIND, C-GET, C-MOVE.

use super::archive::user_items;
use super::elements::{self, Set};
use super::link::{Link, LinkFault, Message};
use super::object::Object;
use crate::dicom::dimse::{Command, Field, Status, StatusKind};
use crate::dicom::pdu::{AssociateAc, AssociateRq, ContextResult, ProposedContext, Role};
use crate::dicom::{AeTitle, Uid};
use crate::net::Wire;
use bytes::Bytes;

/// Verification.
pub const VERIFICATION: &str = "1.2.840.10008.1.1";
/// Study Root Query/Retrieve Information Model - FIND.
pub const STUDY_FIND: &str = "1.2.840.10008.5.1.4.1.2.2.1";
/// Study Root Query/Retrieve Information Model - MOVE.
pub const STUDY_MOVE: &str = "1.2.840.10008.5.1.4.1.2.2.2";
/// Study Root Query/Retrieve Information Model - GET.
pub const STUDY_GET: &str = "1.2.840.10008.5.1.4.1.2.2.3";
/// Explicit VR Little Endian.
const EXPLICIT_LE: &str = "1.2.840.10008.1.2.1";
/// Implicit VR Little Endian.
const IMPLICIT_LE: &str = "1.2.840.10008.1.2";
/// PS3.7 annex A.
const APPLICATION_CONTEXT: &str = "1.2.840.10008.3.1.1.1";
/// The most presentation contexts of an association: odd ids from 1 to 255.
const MAX_CONTEXTS: usize = 128;

/// Who calls whom.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// The caller's title.
    pub calling: AeTitle,
    /// The title that is called.
    pub called: AeTitle,
}

/// What was proposed and how it was answered.
#[derive(Debug, Clone)]
pub struct Contexts {
    proposed: Vec<ProposedContext>,
    /// The whole answer.
    pub answer: AssociateAc,
}

impl Contexts {
    /// The accepted context of a SOP class, in a given encoding or in any.
    pub fn id(&self, sop_class: &Uid, transfer_syntax: Option<&Uid>) -> Option<u8> {
        self.proposed.iter().filter(|proposed| proposed.abstract_syntax == *sop_class).find_map(|proposed| {
            let answered = self.answer.contexts.iter().find(|answered| answered.id == proposed.id)?;
            let fits = transfer_syntax.is_none() || answered.transfer_syntax.as_ref() == transfer_syntax;
            (answered.result.accepted() && fits).then_some(proposed.id)
        })
    }

    /// How the first context of a SOP class was answered.
    pub fn result(&self, sop_class: &Uid) -> Option<ContextResult> {
        let proposed = self.proposed.iter().find(|proposed| proposed.abstract_syntax == *sop_class)?;
        self.answer.contexts.iter().find(|answered| answered.id == proposed.id).map(|answered| answered.result)
    }

    fn explicit(&self, context: u8) -> bool {
        let syntax = self.answer.contexts.iter().find(|held| held.id == context).and_then(|held| held.transfer_syntax);
        syntax.is_none_or(|syntax| syntax.as_str() != IMPLICIT_LE)
    }

    fn sop_class(&self, context: u8) -> Option<Uid> {
        self.proposed.iter().find(|proposed| proposed.id == context).map(|proposed| proposed.abstract_syntax)
    }
}

/// A SOP class and the encodings proposed for it.
pub type Wanted = (Uid, Vec<Uid>);

/// A service with the two encodings that everybody writes.
pub fn service(sop_class: &str) -> Option<Wanted> {
    Some((Uid::new(sop_class).ok()?, vec![Uid::new(EXPLICIT_LE).ok()?, Uid::new(IMPLICIT_LE).ok()?]))
}

/// One context for each kind of object, so that every object goes in the encoding that it is in.
pub fn storage_contexts(kinds: impl Iterator<Item = (Uid, Uid)>) -> Vec<Wanted> {
    let mut wanted: Vec<Wanted> = Vec::new();
    for (sop_class, transfer_syntax) in kinds {
        let kind = (sop_class, vec![transfer_syntax]);
        if wanted.len() < MAX_CONTEXTS && !wanted.contains(&kind) {
            wanted.push(kind);
        }
    }
    wanted
}

/// The request for an association. With `receives`, the caller offers to take C-STOREs too (C-GET).
pub fn request(call: Call, wanted: Vec<Wanted>, receives: bool) -> Option<AssociateRq> {
    let ids = (1..=u8::MAX).step_by(2);
    let contexts: Vec<ProposedContext> = ids
        .zip(wanted)
        .map(|(id, (abstract_syntax, transfer_syntaxes))| ProposedContext { id, abstract_syntax, transfer_syntaxes })
        .collect();
    let mut roles: Vec<Role> = Vec::new();
    for context in contexts.iter().filter(|_| receives) {
        let sop_class = context.abstract_syntax;
        let storage = super::archive::service_of(&sop_class) == Some(super::archive::Service::Storage);
        if storage && roles.iter().all(|role| role.sop_class != sop_class) {
            roles.push(Role { sop_class, scu: false, scp: true });
        }
    }
    Some(AssociateRq {
        protocol_version: 1,
        called: call.called.into(),
        calling: call.calling.into(),
        reserved: [0; 32],
        application_context: Uid::new(APPLICATION_CONTEXT).ok()?,
        contexts,
        user: user_items(roles),
    })
}

/// Asks for an association on a connected wire.
///
/// # Errors
/// A rejection, or whatever else ends it.
pub async fn associate(
    wire: Wire,
    call: Call,
    wanted: Vec<Wanted>,
    receives: bool,
) -> Result<(Link, Contexts), LinkFault> {
    open(wire, request(call, wanted, receives).ok_or(LinkFault::Unexpected("no request could be made"))?).await
}

/// The same with a request that was made before.
///
/// # Errors
/// A rejection, or whatever else ends it.
pub async fn open(wire: Wire, request: AssociateRq) -> Result<(Link, Contexts), LinkFault> {
    let (link, answer) = Link::request(wire, &request).await?;
    Ok((link, Contexts { proposed: request.contexts, answer }))
}

/// What came back of an operation.
#[derive(Debug)]
pub struct Outcome {
    /// The final status.
    pub status: Status,
    /// Its Error Comment, where it has one.
    pub comment: Option<String>,
}

impl Outcome {
    fn of(command: &Command) -> Option<Self> {
        let comment = command.comment.as_ref().map(|text| String::from_utf8_lossy(text.reveal()).into_owned());
        Some(Self { status: command.status?, comment })
    }
}

const NO_CONTEXT: LinkFault = LinkFault::Unexpected("the presentation context was not accepted");
const NO_STATUS: LinkFault = LinkFault::Unexpected("an answer that answers something else");

/// C-ECHO.
///
/// # Errors
/// Whatever ends the association.
pub async fn echo(link: &mut Link, contexts: &Contexts) -> Result<Outcome, LinkFault> {
    let sop_class = Uid::new(VERIFICATION).map_err(|_| NO_CONTEXT)?;
    let context = contexts.id(&sop_class, None).ok_or(NO_CONTEXT)?;
    link.send(context, &Command::echo_rq(1, &sop_class), None).await?;
    answered(&link.message().await?, 1)
}

/// C-STORE of one object.
///
/// # Errors
/// Whatever ends the association, or a context that was not accepted.
pub async fn store(link: &mut Link, contexts: &Contexts, object: &Object, id: u16) -> Result<Outcome, LinkFault> {
    let context = contexts.id(&object.sop_class, Some(&object.transfer_syntax)).ok_or(NO_CONTEXT)?;
    let command = Command::store_rq(id, &object.sop_class, &object.sop_instance);
    link.send(context, &command, Some(&object.data_set)).await?;
    answered(&link.message().await?, id)
}

/// C-FIND; the matches and how it ended.
///
/// # Errors
/// Whatever ends the association.
pub async fn find(link: &mut Link, contexts: &Contexts, keys: &Set) -> Result<(Vec<Set>, Outcome), LinkFault> {
    let sop_class = Uid::new(STUDY_FIND).map_err(|_| NO_CONTEXT)?;
    let context = contexts.id(&sop_class, None).ok_or(NO_CONTEXT)?;
    let explicit = contexts.explicit(context);
    link.send(context, &Command::find_rq(1, &sop_class), Some(&Bytes::from(elements::write(keys, explicit)))).await?;
    let mut matches = Vec::new();
    loop {
        let message = link.message().await?;
        let outcome = answered(&message, 1)?;
        if outcome.status.kind() != StatusKind::Pending {
            return Ok((matches, outcome));
        }
        let encoding = if explicit {
            crate::dicom::transfer_syntax::Encoding::ExplicitLe
        } else {
            crate::dicom::transfer_syntax::Encoding::ImplicitLe
        };
        let found = elements::read(message.data.as_deref().unwrap_or_default(), encoding);
        matches.push(found.map_err(|_| LinkFault::Unexpected("an answer that cannot be read"))?);
    }
}

/// C-GET; the objects that came and how it ended.
///
/// # Errors
/// Whatever ends the association.
pub async fn get(link: &mut Link, contexts: &Contexts, keys: &Set) -> Result<(Vec<Object>, Outcome), LinkFault> {
    let sop_class = Uid::new(STUDY_GET).map_err(|_| NO_CONTEXT)?;
    let context = contexts.id(&sop_class, None).ok_or(NO_CONTEXT)?;
    let keys = Bytes::from(elements::write(keys, contexts.explicit(context)));
    link.send(context, &Command::get_rq(1, &sop_class), Some(&keys)).await?;
    let mut objects = Vec::new();
    loop {
        let message = link.message().await?;
        if message.command.field == Field::StoreRq {
            let status = match received(&message, contexts) {
                Some(object) => {
                    objects.push(object);
                    Status::SUCCESS
                }
                None => Status::CANNOT_UNDERSTAND,
            };
            let response = message.command.response(status).ok_or(NO_STATUS)?;
            link.send(message.context, &response, None).await?;
            continue;
        }
        let outcome = answered(&message, 1)?;
        if outcome.status.kind() != StatusKind::Pending {
            return Ok((objects, outcome));
        }
    }
}

/// C-MOVE; how it ended.
///
/// # Errors
/// Whatever ends the association.
pub async fn move_to(
    link: &mut Link,
    contexts: &Contexts,
    keys: &Set,
    destination: AeTitle,
) -> Result<Outcome, LinkFault> {
    let sop_class = Uid::new(STUDY_MOVE).map_err(|_| NO_CONTEXT)?;
    let context = contexts.id(&sop_class, None).ok_or(NO_CONTEXT)?;
    let keys = Bytes::from(elements::write(keys, contexts.explicit(context)));
    link.send(context, &Command::move_rq(1, &sop_class, destination), Some(&keys)).await?;
    loop {
        let outcome = answered(&link.message().await?, 1)?;
        if outcome.status.kind() != StatusKind::Pending {
            return Ok(outcome);
        }
    }
}

fn received(message: &Message, contexts: &Contexts) -> Option<Object> {
    let answered = contexts.answer.contexts.iter().find(|held| held.id == message.context && held.result.accepted())?;
    Some(Object {
        sop_class: contexts.sop_class(message.context)?,
        sop_instance: message.command.affected_sop_instance?,
        transfer_syntax: answered.transfer_syntax?,
        data_set: message.data.clone()?,
    })
}

fn answered(message: &Message, id: u16) -> Result<Outcome, LinkFault> {
    if message.command.responded_to != Some(id) {
        return Err(NO_STATUS);
    }
    Outcome::of(&message.command).ok_or(NO_STATUS)
}
