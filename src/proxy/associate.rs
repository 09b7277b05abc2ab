//! Negotiation: who asks, whether it may, what the archive says; then data transfer or a rejection.

use super::connection::{Asking, LAST_WORDS, Newcomer, framer_limits, say_last};
use super::negotiate::{Sifted, choose_archive, sift};
use super::refusal::{self, Known};
use super::relay::{CalledSide, CallerSide, Errand, Established, Relay, Routes};
use super::snapshot::ArchiveWiring;
use super::{bare, clock};
use crate::archive::{ArchiveFault, Call, Leg, open};
use crate::audit::event::Cause;
use crate::config::Calling;
use crate::dicom::AeTitle;
use crate::dicom::association::{Association, Event, Outgoing};
use crate::dicom::negotiation::{answer, propose, reject};
use crate::dicom::pdu::{AssociateAc, AssociateRj, AssociateRq};
use crate::gate::{Basis, Entry, How, Opening, Visit};
use crate::identity;
use crate::net::slots::Slot;
use crate::policy::request::Known as Fact;
use crate::policy::{Moment, Principal, Request};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Instant;

/// Why an association is rejected, and what the caller is told.
struct No<'a> {
    rj: AssociateRj,
    cause: Cause,
    words: String,
    to: Option<&'a str>,
    principal: Option<&'a Principal>,
}

/// Answers an association request.
pub(super) async fn associate(asking: Asking) -> Option<Box<Relay>> {
    let snapshot = Arc::clone(&asking.newcomer.snapshot);
    let called = asking.rq.called.parse().ok();
    let calling = asking.rq.calling.parse().ok();
    // Both questions are always asked, so that neither the bytes nor the work tell an unknown called title from an
    // unknown calling one.
    let identified = identity::identify(&snapshot.policy, &asking.presented, calling);
    let archive = called.and_then(|called: AeTitle| choose_archive(&snapshot, &called, &asking.rq));
    let principal = match (identified, &archive) {
        (Err(fault), _) => {
            let no =
                No { rj: reject::REFUSED, cause: Cause::Identity, words: fault.to_string(), to: None, principal: None };
            return refuse(asking, no).await;
        }
        (Ok(principal), None) => {
            let words = "no archive answers to the called title".to_owned();
            let principal = Some(&principal);
            let no = No { rj: reject::REFUSED, cause: Cause::Identity, words, to: None, principal };
            return refuse(asking, no).await;
        }
        (Ok(principal), Some(_)) => principal,
    };
    let archive = archive?;
    admit(asking, archive, principal).await
}

async fn admit(asking: Asking, archive: &ArchiveWiring, principal: Principal) -> Option<Box<Relay>> {
    let snapshot = Arc::clone(&asking.newcomer.snapshot);
    let shared = Arc::clone(&asking.newcomer.shared);
    let title = archive.settings.ae_title;
    let to = Some(title.as_str());
    let no = |rj, cause, words: String| No { rj, cause, words, to, principal: Some(&principal) };
    if let Err(fault) = identity::user(asking.rq.user.identity.as_ref()) {
        return refuse(asking, no(reject::REFUSED, Cause::UserIdentity, fault.to_string())).await;
    }
    if let Some(rj) = reject::by_provider(&asking.rq).or_else(|| reject::by_user(&asking.rq)) {
        let words =
            "the protocol version, the application context or the maximum length is none to talk with".to_owned();
        return refuse(asking, no(rj, Cause::Negotiation, words)).await;
    }
    let moment = clock::moment();
    if shared.live.draining() != super::live::Drain::No {
        return refuse(asking, no(reject::ARCHIVE_AWAY, Cause::Draining, "the gateway is stopping".to_owned())).await;
    }
    let limits = &snapshot.settings.limits;
    let most = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
    let taken = shared.associations.take(
        Arc::clone(&principal.name),
        most(limits.associations_per_peer),
        most(limits.associations),
    );
    let Ok(slot) = taken else {
        let words = "as many associations are open as `associations` or `associations_per_peer` allows".to_owned();
        return refuse(asking, no(reject::FULL, Cause::Limit, words)).await;
    };
    let mut sifted = Sifted::default();
    let calling = match archive.settings.calling {
        Calling::Peer => principal.calling,
        Calling::Title(title) => title,
    };
    let proposed = propose(
        &asking.rq,
        |candidate| sift(&snapshot, archive, &principal, candidate, moment, &mut sifted),
        &snapshot.own,
        title,
        calling,
    );
    go_on(asking, archive, principal, slot, Proposal { proposed, sifted, moment }).await
}

/// What is asked of the archive, and what of the caller's proposal it leaves out.
struct Proposal {
    proposed: AssociateRq,
    sifted: Sifted,
    moment: Moment,
}

async fn go_on(
    asking: Asking,
    archive: &ArchiveWiring,
    principal: Principal,
    slot: Slot<Arc<str>>,
    proposal: Proposal,
) -> Option<Box<Relay>> {
    let title = archive.settings.ae_title;
    let known = Known { presented: Some(&asking.presented), rq: Some(&asking.rq), principal: Some(&principal) };
    let Proposal { proposed, sifted, moment } = proposal;
    let newcomer = &asking.newcomer;
    let basis = Basis { policy: &newcomer.snapshot.policy, generation: newcomer.snapshot.generation };
    let request = Request {
        principal: &principal,
        to: title.as_str(),
        operation: None,
        sop_class: None,
        transfer_syntax: None,
        destination: None,
        modality: Fact::Unread,
        at: moment,
    };
    let entry = refusal::with_caller(newcomer, known, |caller| {
        let opening = Opening { caller, principal: principal.clone(), kept: &sifted.kept, removed: &sifted.removed };
        newcomer.shared.gate.open_association(basis, opening, &request)
    });
    let (to, known_principal) = (Some(title.as_str()), Some(&principal));
    let visit = match entry {
        Entry::Open(visit) => visit,
        Entry::Denied(denied) => {
            newcomer.shared.metrics.refused.with_label_values(&[denied.cause.as_str()]).inc();
            refusal::said(newcomer, known, denied.cause, denied.incident);
            let Asking { mut newcomer, mut machine, .. } = asking;
            reject(&mut newcomer, &mut machine, reject::REFUSED).await;
            return None;
        }
        Entry::Unrecorded => {
            let words = "the association could not be recorded".to_owned();
            let cause = Cause::Unrecorded;
            let no = No { rj: reject::ARCHIVE_AWAY, cause, words, to, principal: known_principal };
            return refuse(asking, no).await;
        }
    };
    if sifted.kept.is_empty() {
        bare::serve(asking, visit, &proposed).await;
        drop(slot);
        return None;
    }
    dial(asking, archive, visit, slot, proposed, sifted.may_store).await
}

async fn dial(
    asking: Asking,
    archive: &ArchiveWiring,
    visit: Visit,
    slot: Slot<Arc<str>>,
    proposed: AssociateRq,
    may_store: bool,
) -> Option<Box<Relay>> {
    let snapshot = Arc::clone(&asking.newcomer.snapshot);
    let shared = Arc::clone(&asking.newcomer.shared);
    let title = archive.settings.ae_title;
    let to = Some(title.as_str());
    let principal = visit.principal().clone();
    let no = |rj, cause, words: String| No { rj, cause, words, to, principal: Some(&principal) };
    let Ok(place) = shared.capacity.take(&archive.settings, may_store) else {
        let words = "as many associations are open as the archive's `max_associations` allows".to_owned();
        return refuse_visit(asking, visit, no(reject::FULL, Cause::ArchiveFull, words)).await;
    };
    let call = Call {
        archive: &archive.settings,
        tls: archive.tls.as_ref(),
        request: &proposed,
        limits: framer_limits(&snapshot),
        artim: snapshot.settings.limits.artim,
        deadline: asking.since + snapshot.settings.limits.association_answer,
        pool: &shared.pool,
    };
    let (leg, ac) = match open(call, place).await {
        Ok(opened) => opened,
        Err(fault) => {
            shared.metrics.archive_failures.with_label_values(&[title.as_str()]).inc();
            tracing::warn!(archive = %title, %fault, "no association with the archive");
            let (rj, cause) = match &fault {
                // Its own words: what it does not like about this caller, no gateway can mend.
                ArchiveFault::Rejected(rj) => (*rj, Cause::ArchiveAway),
                _ => (reject::ARCHIVE_AWAY, Cause::ArchiveAway),
            };
            return refuse_visit(asking, visit, no(rj, cause, format!("the archive: {fault}"))).await;
        }
    };
    establish(asking, title, visit, slot, &proposed, (leg, &ac)).await
}

async fn establish(
    mut asking: Asking,
    title: AeTitle,
    visit: Visit,
    slot: Slot<Arc<str>>,
    proposed: &AssociateRq,
    (mut leg, ac): (Leg, &AssociateAc),
) -> Option<Box<Relay>> {
    let snapshot = Arc::clone(&asking.newcomer.snapshot);
    let shared = Arc::clone(&asking.newcomer.shared);
    let certified = matches!(asking.presented.proof, identity::Proof::Mutual(_));
    let (mirrored, contexts) = match answer(&asking.rq, proposed, ac, &snapshot.own, certified) {
        Ok(mirrored) => mirrored,
        Err(fault) => {
            leg.say(&crate::dicom::pdu::Abort::provider(0).to_bytes());
            let _ = tokio::time::timeout(LAST_WORDS, leg.close()).await;
            let principal = visit.principal().clone();
            let (to, principal) = (Some(title.as_str()), Some(&principal));
            let words = fault.to_string();
            let no = No { rj: reject::ARCHIVE_AWAY, cause: Cause::ArchiveAway, words, to, principal };
            return refuse_visit(asking, visit, no).await;
        }
    };
    let effects = asking.machine.on(Event::Evt6(None), Instant::now());
    let accepted = asking.machine.on(Event::Evt7, Instant::now());
    if effects.send.is_some() || accepted.send != Some(Outgoing::AssociateAc) {
        return None;
    }
    asking.newcomer.wire.send(Bytes::from(mirrored.encode()));
    shared.metrics.associations_open.inc();
    shared.metrics.archive_associations.with_label_values(&[title.as_str()]).inc();
    let window = mirrored.user.async_window;
    let Asking { newcomer, machine, mut framer, rq, .. } = asking;
    // Each side keeps to what it was told, which is what the other side takes.
    framer.set_max_pdata(mirrored.user.max_length);
    leg.set_max_pdata(proposed.user.max_length);
    drop(newcomer.unidentified);
    let established = Established {
        caller: CallerSide { wire: newcomer.wire, machine, framer },
        legs: [CalledSide { leg, to: title.as_str().into(), title, longest: longest(ac.user.max_length) }].into(),
        contexts,
        routes: Routes::ONE,
        errand: Errand::Outward,
        window: (window_of(window.map(|window| window.0)), window_of(window.map(|window| window.1))),
        longest: longest(rq.user.max_length),
        visit,
        slot,
        place: newcomer.place,
        snapshot,
    };
    Relay::new(shared, established)
}

/// PS3.7 D.3.3.3: no item means one; 0 means any number, of which the gateway keeps this many apart.
fn window_of(said: Option<u16>) -> usize {
    match said {
        None => 1,
        Some(0) => 256,
        Some(number) => usize::from(number).min(256),
    }
}

/// 51H: 0 means no limit; the gateway's own answers are short anyway.
const fn longest(said: u32) -> u32 {
    if said == 0 { 65_536 } else { said }
}

async fn refuse(mut asking: Asking, no: No<'_>) -> Option<Box<Relay>> {
    record(&asking, &no);
    reject(&mut asking.newcomer, &mut asking.machine, no.rj).await;
    None
}

/// Like `refuse`, for an association of which the opening is recorded already.
async fn refuse_visit(mut asking: Asking, visit: Visit, no: No<'_>) -> Option<Box<Relay>> {
    record(&asking, &no);
    if visit.close(How::ArchiveRefused).is_err() {
        tracing::error!("the closing record of an association could not be written");
    }
    reject(&mut asking.newcomer, &mut asking.machine, no.rj).await;
    None
}

fn record(asking: &Asking, no: &No<'_>) {
    let known = Known { presented: Some(&asking.presented), rq: Some(&asking.rq), principal: no.principal };
    refusal::association(&asking.newcomer, known, no.to, no.cause, &no.words);
}

/// Sends the rejection and waits, within ARTIM, until the caller has closed the connection (AE-8).
async fn reject(newcomer: &mut Newcomer, machine: &mut Association, rj: AssociateRj) {
    machine.on(Event::Evt6(None), Instant::now());
    let effects = machine.on(Event::Evt8(rj), Instant::now());
    if let Some(bytes) = effects.send.and_then(Outgoing::bytes) {
        say_last(&mut newcomer.wire, &bytes).await;
    }
}
