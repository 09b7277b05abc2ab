//! One more association with a destination, while the archive's own is under way; or with an archive, while the caller's is.
//!
//! It is dialled like the first one: by the same title, at the address that the configuration of the association gives it,
//! over the same TLS, counted and told of in the same places.

use super::destination::{Destination, away, destination};
use super::dial::{Miss, dial};
use super::establish::longest;
use crate::archive::Leg;
use crate::audit::event::Cause;
use crate::dicom::AeTitle;
use crate::dicom::association::{Event, Outgoing};
use crate::dicom::pdu::{AssociateAc, AssociateRq};
use crate::proxy::connection::LAST_WORDS;
use crate::proxy::relay::CalledSide;
use crate::proxy::shared::Shared;
use crate::proxy::snapshot::Snapshot;
use std::future::poll_fn;
use std::time::Instant;

/// What a destination says to being asked for more.
#[derive(Debug)]
pub(in crate::proxy) struct Asked {
    /// The association; `None`: it took nothing of what it was asked, and the association is over.
    pub(in crate::proxy) side: Option<CalledSide>,
    /// Its answer.
    pub(in crate::proxy) ac: Box<AssociateAc>,
}

/// Why there is no association.
#[derive(Debug)]
pub(in crate::proxy) struct NotHad {
    /// For records.
    pub(in crate::proxy) cause: Cause,
    /// In words.
    pub(in crate::proxy) words: String,
}

impl From<Miss> for NotHad {
    fn from(Miss { cause, words, .. }: Miss) -> Self {
        Self { cause, words }
    }
}

/// Asks the destination that is called by this title.
///
/// # Errors
/// There is no association.
pub(in crate::proxy) async fn ask(
    shared: &Shared,
    snapshot: &Snapshot,
    title: AeTitle,
    proposed: &AssociateRq,
) -> Result<Asked, NotHad> {
    let to = destination(snapshot, title).map_err(away)?;
    let takes_any = |ac: &AssociateAc| ac.contexts.iter().any(|answered| answered.result.accepted());
    ask_of(shared, snapshot, &to, proposed, true, takes_any).await
}

/// Asks an archive once more, for a request on this context.
///
/// # Errors
/// There is no association.
pub(in crate::proxy) async fn ask_archive(
    shared: &Shared,
    snapshot: &Snapshot,
    title: AeTitle,
    proposed: &AssociateRq,
    context: u8,
) -> Result<Asked, NotHad> {
    let archive = snapshot.archive(&title).map(Destination::Archive);
    let to = archive.ok_or_else(|| away(format!("`{title}` is no longer configured")))?;
    let takes_request =
        |ac: &AssociateAc| ac.contexts.iter().any(|answered| answered.id == context && answered.result.accepted());
    ask_of(shared, snapshot, &to, proposed, false, takes_request).await
}

/// `may_store`: to store in it; `of_use`: whether the association is.
async fn ask_of(
    shared: &Shared,
    snapshot: &Snapshot,
    to: &Destination<'_>,
    proposed: &AssociateRq,
    may_store: bool,
    of_use: impl Fn(&AssociateAc) -> bool,
) -> Result<Asked, NotHad> {
    let dials = vec![to.dial(shared, snapshot, proposed, may_store)?];
    let outcome = dial(shared, snapshot, Instant::now(), dials).await.pop();
    let (leg, ac) = outcome.unwrap_or_else(|| Err(away("there was nobody to dial".to_owned())))?;
    if !of_use(&ac) {
        let _ = tokio::time::timeout(LAST_WORDS, release(leg)).await;
        return Ok(Asked { side: None, ac });
    }
    let (title, longest) = (to.title(), longest(ac.user.max_length));
    Ok(Asked { side: Some(CalledSide { leg, to: to.name().into(), title, longest }), ac })
}

/// Nothing has been said on it, and nothing can be: whatever comes now, or the end of the connection, is its end.
async fn release(mut leg: Leg) {
    if let Some(bytes) = leg.machine.on(Event::Evt11, Instant::now()).send.and_then(Outgoing::bytes) {
        leg.say(&bytes);
    }
    let said = poll_fn(|cx| leg.poll_flush(cx)).await;
    if said.is_ok() {
        let _ = poll_fn(|cx| leg.poll_recv(cx)).await;
    }
    leg.close().await;
}
