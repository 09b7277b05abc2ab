//! One more association with a destination, while the archive's own is under way.
//!
//! It is dialled like the first one: by the same title, at the address that the configuration of the association gives it,
//! over the same TLS, counted and told of in the same places.

use super::super::dial::{Miss, dial};
use super::super::establish::longest;
use super::destination::destination;
use super::{away, dial_of};
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
pub(in super::super::super) struct Asked {
    /// The association; `None`: it took nothing of what it was asked, and the association is over.
    pub(in super::super::super) side: Option<CalledSide>,
    /// Its answer.
    pub(in super::super::super) ac: Box<AssociateAc>,
}

/// Why there is no association.
#[derive(Debug)]
pub(in super::super::super) struct NotHad {
    /// For records.
    pub(in super::super::super) cause: Cause,
    /// In words.
    pub(in super::super::super) words: String,
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
pub(in super::super::super) async fn ask(
    shared: &Shared,
    snapshot: &Snapshot,
    title: AeTitle,
    proposed: &AssociateRq,
) -> Result<Asked, NotHad> {
    let to = destination(snapshot, title).map_err(away)?;
    let dials = vec![dial_of(shared, snapshot, &to, proposed, true)?];
    let outcome = dial(shared, snapshot, Instant::now(), dials).await.pop();
    let (leg, ac) = outcome.unwrap_or_else(|| Err(away("there was nobody to dial".to_owned())))?;
    if !ac.contexts.iter().any(|answered| answered.result.accepted()) {
        let _ = tokio::time::timeout(LAST_WORDS, release(leg)).await;
        return Ok(Asked { side: None, ac });
    }
    let longest = longest(ac.user.max_length);
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
