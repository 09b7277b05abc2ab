//! Rejections: the record first, then the bytes.

use super::person;
use crate::audit::event::Cause;
use crate::dicom::association::{Event, Outgoing};
use crate::dicom::pdu::{AssociateRj, AssociateRq};
use crate::gate::{How, Refusal, Visit};
use crate::policy::Principal;
use crate::proxy::connection::{Asking, say_last};
use crate::proxy::refusal::{self, Known};
use crate::proxy::relay::Relay;
use std::time::Instant;

/// Why an association is rejected, and what the caller is told.
pub(super) struct No<'a> {
    pub(super) rj: AssociateRj,
    pub(super) cause: Cause,
    pub(super) words: String,
    /// Whom it wanted, once known.
    pub(super) to: Option<&'a str>,
    /// Who it is, once known.
    pub(super) principal: Option<&'a Principal>,
    /// The name of a person that was tried, as a record may show it.
    pub(super) tried: Option<&'a str>,
}

impl No<'_> {
    /// Why; whom it wanted and who it is are not known yet.
    pub(super) const fn new(rj: AssociateRj, cause: Cause, words: String) -> Self {
        Self { rj, cause, words, to: None, principal: None, tried: None }
    }
}

/// What is known of whoever asks.
pub(super) fn known<'a>(asking: &'a Asking, principal: Option<&'a Principal>) -> Known<'a> {
    let rq: &AssociateRq = &asking.rq;
    Known { presented: Some(&asking.presented), rq: Some(rq), principal, tried: None }
}

/// Records and rejects.
pub(super) async fn refuse(mut asking: Asking, no: No<'_>) -> Option<Box<Relay>> {
    record(&asking, &no);
    reject(&mut asking, no.rj).await;
    None
}

/// Like [`refuse`], for an association of which the opening is recorded already.
pub(super) async fn refuse_visit(mut asking: Asking, visit: Visit, no: No<'_>) -> Option<Box<Relay>> {
    record(&asking, &no);
    if visit.close(How::ArchiveRefused).is_err() {
        tracing::error!("the closing record of an association could not be written");
    }
    reject(&mut asking, no.rj).await;
    None
}

/// Rejects what the gate has denied and recorded.
pub(super) async fn refuse_denied(
    mut asking: Asking,
    denied: Refusal,
    principal: &Principal,
    rj: AssociateRj,
) -> Option<Box<Relay>> {
    asking.newcomer.shared.metrics.refused.with_label_values(&[denied.cause.as_str()]).inc();
    refusal::said(&asking.newcomer, known(&asking, Some(principal)), denied.cause, denied.incident);
    reject(&mut asking, rj).await;
    None
}

fn record(asking: &Asking, no: &No<'_>) {
    let known = Known { tried: no.tried, ..known(asking, no.principal) };
    refusal::association(&asking.newcomer, known, no.to, no.cause, &no.words);
}

/// Sends the rejection and waits, within ARTIM, until the caller has closed the connection (AE-8). Where somebody said
/// who they are, not before the moment at which all such rejections are answered.
async fn reject(asking: &mut Asking, rj: AssociateRj) {
    if let Some(after) = asking.answer_after {
        tokio::time::sleep_until(person::moment(asking.since, after, Instant::now()).into()).await;
    }
    asking.machine.on(Event::Evt6(None), Instant::now());
    let effects = asking.machine.on(Event::Evt8(rj), Instant::now());
    if let Some(bytes) = effects.send.and_then(Outgoing::bytes) {
        say_last(&mut asking.newcomer.wire, &bytes).await;
    }
}
