//! C-GET on the same association and C-MOVE to somewhere else (PS3.4 C.4.2, C.4.3).

use super::find::{LEVEL, UNIQUE_KEYS};
use super::native;
use super::negotiate::Accepted;
use super::serve::{Session, encoded, identifier};
use super::store::Stored;
use crate::demo::client::{self, Call};
use crate::demo::elements::Set;
use crate::demo::link::{Link, LinkFault, Message};
use crate::demo::object::Object;
use crate::dicom::dimse::{Command, Counters, Field, Status, StatusKind};
use crate::dicom::matching::{Extended, Identifier};
use crate::dicom::{Tag, Uid};
use crate::net::{Wire, dial};
use dicom_core::VR;
use std::sync::Arc;
use std::time::Duration;

/// How long a C-MOVE destination may take to take the connection.
const DIAL: Duration = Duration::from_secs(10);
const FAILED_LIST: Tag = Tag(0x0008, 0x0058);

/// The objects that a retrieve asks for; `None` if it names none. Only unique keys count (PS3.4 C.4.2.2.1).
fn selected(asked: &Set, objects: Vec<Arc<Stored>>) -> Option<Vec<Arc<Stored>>> {
    let level = asked.plain(LEVEL);
    let depth = UNIQUE_KEYS.iter().position(|(name, _)| *name == level)?;
    let mut keys = Identifier::new(Extended::default());
    for (at, (_, tag)) in UNIQUE_KEYS.into_iter().enumerate().take(depth + 1) {
        let value = asked.plain(tag);
        if at == depth && value.is_empty() {
            return None;
        }
        keys.key(tag, if at == 0 { VR::LO } else { VR::UI }, value).ok()?;
    }
    Some(objects.into_iter().filter(|object| keys.matches(&object.attributes.as_attributes())).collect())
}

/// How a retrieve stands.
#[derive(Default)]
struct Tally {
    remaining: u16,
    completed: u16,
    warning: u16,
    failed: Vec<Uid>,
}

impl Tally {
    fn of(objects: &[Arc<Stored>]) -> Self {
        Self { remaining: u16::try_from(objects.len()).unwrap_or(u16::MAX), ..Self::default() }
    }

    fn count(&mut self, instance: Uid, status: Option<Status>) {
        self.remaining = self.remaining.saturating_sub(1);
        match status.map(Status::kind) {
            Some(StatusKind::Success) => self.completed = self.completed.saturating_add(1),
            Some(StatusKind::Warning) => self.warning = self.warning.saturating_add(1),
            _ => self.failed.push(instance),
        }
    }

    fn counters(&self, remaining: bool) -> Counters {
        Counters {
            remaining: remaining.then_some(self.remaining),
            completed: Some(self.completed),
            failed: Some(u16::try_from(self.failed.len()).unwrap_or(u16::MAX)),
            warning: Some(self.warning),
        }
    }

    fn status(&self) -> Status {
        match (self.failed.is_empty(), self.completed + self.warning) {
            (true, _) if self.warning == 0 => Status::SUCCESS,
            (false, 0) => Status::OUT_OF_RESOURCES_SUB_OPERATIONS,
            _ => Status::SUB_OPERATIONS_WARNING,
        }
    }
}

/// Answers a C-GET.
pub(super) async fn get(session: &mut Session<'_>, message: &Message, context: &Accepted) -> Result<(), LinkFault> {
    let asked = identifier(message, context).ok();
    let Some(objects) = asked.and_then(|asked| selected(&asked, session.shared.store.all())) else {
        return session.respond(message, Status::DATA_SET_MISMATCH).await;
    };
    let mut tally = Tally::of(&objects);
    let mut cancelled = false;
    for (number, stored) in (1..=u16::MAX).cycle().zip(&objects) {
        if session.link.has_news().await? {
            let news = session.link.message().await?;
            cancelled |= news.command.field == Field::CancelRq;
        }
        if cancelled {
            break;
        }
        let status = send_back(session, stored, number, &mut cancelled).await?;
        tally.count(stored.sop_instance, status);
        pending(session, message, &tally).await?;
    }
    conclude(session, message, context, &tally, cancelled).await
}

/// One C-STORE on the requester's own association; `None` if it does not take this kind of object.
async fn send_back(
    session: &mut Session<'_>,
    stored: &Stored,
    number: u16,
    cancelled: &mut bool,
) -> Result<Option<Status>, LinkFault> {
    let of_class = |held: &Accepted| held.requestor_receives && held.sop_class == stored.sop_class;
    let fits = session
        .contexts
        .iter()
        .filter(|(_, held)| of_class(held) && native::can_be(&stored.transfer_syntax, &held.transfer_syntax));
    // As it is held, if the requester takes that.
    let context = fits.min_by_key(|(_, held)| held.transfer_syntax != stored.transfer_syntax);
    let context = context.map(|(id, held)| (*id, held.transfer_syntax));
    let (Some((context, syntax)), Ok(object)) = (context, session.shared.store.read(stored).await) else {
        return Ok(None);
    };
    let Some(object) = native::written(object, syntax) else { return Ok(None) };
    let command = Command::store_rq(number, &object.sop_class, &object.sop_instance);
    session.link.send(context, &command, Some(&object.data_set)).await?;
    loop {
        let answer = session.link.message().await?;
        match answer.command.field {
            Field::StoreRsp if answer.command.responded_to == Some(number) => return Ok(answer.command.status),
            Field::CancelRq => *cancelled = true,
            _ => return Err(LinkFault::Unexpected("no answer to a sub-operation")),
        }
    }
}

/// Answers a C-MOVE.
pub(super) async fn moved(session: &mut Session<'_>, message: &Message, context: &Accepted) -> Result<(), LinkFault> {
    let asked = identifier(message, context).ok();
    let Some(objects) = asked.and_then(|asked| selected(&asked, session.shared.store.all())) else {
        return session.respond(message, Status::DATA_SET_MISMATCH).await;
    };
    let known = |title| session.shared.destinations.lock().ok()?.get(&title).cloned();
    let title = message.command.move_destination;
    let (Some(title), Some(address)) = (title, title.and_then(known)) else {
        return session.respond(message, Status::MOVE_DESTINATION_UNKNOWN).await;
    };
    let mut tally = Tally::of(&objects);
    if objects.is_empty() {
        return conclude(session, message, context, &tally, false).await;
    }
    let call = Call { calling: session.shared.title, called: title };
    let Ok((mut out, accepted)) = connect(session, &address, call, &objects).await else {
        return session.respond(message, Status::OUT_OF_RESOURCES_SUB_OPERATIONS).await;
    };
    let mut cancelled = false;
    for (number, stored) in (1..=u16::MAX).cycle().zip(&objects) {
        if session.link.has_news().await? {
            cancelled |= session.link.message().await?.command.field == Field::CancelRq;
        }
        if cancelled {
            break;
        }
        let status = match session.shared.store.read(stored).await {
            Ok(object) => deliver(session, message, &mut out, &accepted, &object, number).await,
            Err(_) => None,
        };
        tally.count(stored.sop_instance, status);
        pending(session, message, &tally).await?;
    }
    // Whether the destination says goodbye changes nothing about what it took.
    let _ = out.release().await;
    conclude(session, message, context, &tally, cancelled).await
}

async fn connect(
    session: &Session<'_>,
    address: &str,
    call: Call,
    objects: &[Arc<Stored>],
) -> Result<(Link, client::Contexts), LinkFault> {
    let tcp = dial::tcp(address, None, DIAL).await.map_err(crate::net::wire::WireFault::Lost)?;
    let remote = tcp.peer_addr().map_err(crate::net::wire::WireFault::Lost)?;
    let wire = Wire::plain(tcp, remote, Arc::clone(&session.shared.pool));
    let wanted = client::storage_contexts(objects.iter().map(|stored| (stored.sop_class, stored.transfer_syntax)));
    client::associate(wire, call, wanted, false).await
}

/// One C-STORE to the destination, saying for whom; `None` if it did not work.
async fn deliver(
    session: &Session<'_>,
    message: &Message,
    out: &mut Link,
    accepted: &client::Contexts,
    object: &Object,
    number: u16,
) -> Option<Status> {
    let context = accepted.id(&object.sop_class, Some(&object.transfer_syntax))?;
    let command = Command::store_rq(number, &object.sop_class, &object.sop_instance);
    let command = match (session.caller, message.command.message_id) {
        (Some(caller), Some(id)) => command.moved_for(caller, id),
        _ => command,
    };
    out.send(context, &command, Some(&object.data_set)).await.ok()?;
    out.message().await.ok()?.command.status
}

async fn pending(session: &mut Session<'_>, message: &Message, tally: &Tally) -> Result<(), LinkFault> {
    if tally.remaining == 0 {
        return Ok(());
    }
    let Some(response) = message.command.response(Status::PENDING) else { return Ok(()) };
    session.link.send(message.context, &response.with_counters(tally.counters(true)), None).await
}

async fn conclude(
    session: &mut Session<'_>,
    message: &Message,
    context: &Accepted,
    tally: &Tally,
    cancelled: bool,
) -> Result<(), LinkFault> {
    let status = if cancelled { Status::CANCEL } else { tally.status() };
    let Some(response) = message.command.response(status) else { return Ok(()) };
    let response = response.with_counters(tally.counters(cancelled));
    if tally.failed.is_empty() {
        return session.link.send(message.context, &response, None).await;
    }
    let mut failed = Set::new();
    let list = tally.failed.iter().map(Uid::as_str).collect::<Vec<_>>().join("\\");
    failed.text(FAILED_LIST, VR::UI, &list);
    session.link.send(message.context, &response.with_data_set(), Some(&encoded(&failed, context))).await
}
