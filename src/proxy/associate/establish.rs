//! Everybody has answered: the caller is accepted, and the relay takes over.

use super::refuse::{No, refuse_visit};
use crate::archive::Leg;
use crate::audit::event::Cause;
use crate::dicom::association::{Event, Outgoing};
use crate::dicom::negotiation::extras::{FromArchive, accepted_extras, with_extras};
use crate::dicom::negotiation::{Extra, Wanted, answer, reject};
use crate::dicom::pdu::user_identity::IdentityAnswer;
use crate::dicom::pdu::{AssociateAc, AssociateRq};
use crate::dicom::{AeTitle, Uid};
use crate::gate::Visit;
use crate::identity::Proof;
use crate::net::slots::Slot;
use crate::proxy::connection::{Asking, framer_limits};
use crate::proxy::relay::{CalledSide, CallerSide, Errand, Established, Further, Natively, Relay, Routes, Way};
use crate::proxy::snapshot::Snapshot;
use crate::proxy::vault::contexts::may_be_sealed;
use bytes::Bytes;
use smallvec::SmallVec;
use std::sync::Arc;
use std::time::Instant;

/// What an association is made of, once all that were dialled have answered.
#[derive(Debug)]
pub(super) struct Joined {
    /// What was asked, and what was answered, as if one system had.
    asked: AssociateRq,
    answered: AssociateAc,
    errand: Errand,
    legs: SmallVec<[CalledSide; 1]>,
    ways: Vec<(u8, Way)>,
    /// What the systems accepted beside the caller's contexts.
    extras: Vec<Extra>,
    /// The numbers of second associations.
    further: Vec<u8>,
    /// An archive sends what may be sealed to who may have it opened.
    delivers: bool,
    /// What a destination may be asked for later.
    asks: Option<Box<Further>>,
    /// What archives may be asked later.
    natively: Vec<Natively>,
}

/// Who has joined.
#[derive(Debug, Clone)]
pub(super) struct System {
    /// How rules and records call it.
    pub(super) to: Arc<str>,
    /// The title that it was called by.
    pub(super) title: AeTitle,
}

impl Joined {
    /// Nobody has joined yet.
    pub(super) fn new(asked: AssociateRq, answered: AssociateAc, errand: Errand) -> Self {
        Self {
            asked,
            answered,
            errand,
            legs: SmallVec::new(),
            ways: Vec::new(),
            extras: Vec::new(),
            further: Vec::new(),
            delivers: false,
            asks: None,
            natively: Vec::new(),
        }
    }

    /// The archive that joins next, which was asked this, may be asked these on one more association.
    pub(super) fn may_ask_natively(&mut self, asked: &AssociateRq, wanted: &[Wanted]) {
        if !wanted.is_empty() {
            let number = u8::try_from(self.legs.len()).unwrap_or(u8::MAX);
            self.natively.push(Natively::new(number, asked, wanted));
        }
    }

    /// The archive that calls sends what may be sealed to a peer.
    pub(super) const fn delivers(&mut self) {
        self.delivers = true;
    }

    /// The destination may be asked for more while the association lasts.
    pub(super) fn may_ask(&mut self, asks: Further) {
        self.asks = Some(Box::new(asks));
    }

    /// A system that was asked these contexts and has answered. `rq`: the caller's request.
    pub(super) fn add(
        &mut self,
        rq: &AssociateRq,
        leg: Leg,
        system: System,
        (asked, ac): (&AssociateRq, &AssociateAc),
    ) {
        // 128 contexts at most, so no more systems.
        let number = u8::try_from(self.legs.len()).unwrap_or(u8::MAX);
        let is_callers = |id: u8| rq.contexts.iter().any(|context| context.id == id);
        let callers = asked.contexts.iter().filter(|context| is_callers(context.id));
        self.ways.extend(callers.map(|context| (context.id, Way::Leg(number))));
        self.extras.extend(accepted_extras(number, rq, asked, ac, false));
        self.push(leg, system, ac);
    }

    /// A second association with a system, for extras alone.
    pub(super) fn add_further(
        &mut self,
        rq: &AssociateRq,
        leg: Leg,
        system: System,
        (asked, ac): (&AssociateRq, &AssociateAc),
    ) {
        let number = u8::try_from(self.legs.len()).unwrap_or(u8::MAX);
        self.extras.extend(accepted_extras(number, rq, asked, ac, true));
        self.further.push(number);
        self.push(leg, system, ac);
    }

    fn push(&mut self, leg: Leg, System { to, title }: System, ac: &AssociateAc) {
        self.legs.push(CalledSide { leg, to, title, longest: longest(ac.user.max_length) });
    }

    /// Nobody was dialled, since nobody is needed.
    pub(super) fn add_nobody(&mut self, snapshot: &Snapshot, title: AeTitle) {
        let to = Arc::from(title.as_str());
        let leg = Leg::nobody(framer_limits(snapshot), snapshot.settings.limits.artim, Instant::now());
        self.legs.push(CalledSide { leg, to, title, longest: longest(0) });
    }

    /// These contexts are the gateway's own.
    pub(super) fn add_own(&mut self, ids: impl IntoIterator<Item = u8>) {
        self.ways.extend(ids.into_iter().map(|id| (id, Way::Own)));
    }
}

/// Accepts the caller and hands over.
pub(super) async fn establish(
    mut asking: Asking,
    joined: Joined,
    visit: Visit,
    slot: Slot<Arc<str>>,
) -> Option<Box<Relay>> {
    let snapshot = Arc::clone(&asking.newcomer.snapshot);
    let shared = Arc::clone(&asking.newcomer.shared);
    // An archive is told whom it reached: peers learn what their own archive is only with a certificate.
    let certified = matches!(asking.presented.proof, Proof::Mutual(_)) || joined.errand.inward().is_some();
    let Joined { asked, answered, errand, legs, ways, extras, further, delivers, asks, natively } = joined;
    let (mut mirrored, mut contexts) = match answer(&asking.rq, &asked, &answered, &snapshot.own, certified) {
        Ok(mirrored) => mirrored,
        Err(fault) => {
            let principal = visit.principal().clone();
            let to = legs.first().map(|leg| Arc::clone(&leg.to));
            let (words, cause) = (fault.to_string(), Cause::ArchiveAway);
            let no =
                No { to: to.as_deref(), principal: Some(&principal), ..No::new(reject::ARCHIVE_AWAY, cause, words) };
            return refuse_visit(asking, visit, no).await;
        }
    };
    if delivers || !extras.is_empty() || !further.is_empty() {
        let compressed = errand.inward().map(|inward| {
            let proof = snapshot.vault.as_ref().and_then(|room| room.proof(&inward.archive));
            proof.map(|proof| proof.compresses(None)).unwrap_or_default()
        });
        let may_be_sealed = if delivers { may_be_sealed } else { |_: &Uid| false };
        let from_archive = compressed.as_deref().map(|compresses| FromArchive { compresses, may_be_sealed });
        contexts = with_extras(&asking.rq, &mut mirrored, contexts, extras, further, from_archive);
    }
    mirrored.user.identity_answer = asking.confirm.then(|| IdentityAnswer(Bytes::new()));
    let effects = asking.machine.on(Event::Evt6(None), Instant::now());
    let accepted = asking.machine.on(Event::Evt7, Instant::now());
    if effects.send.is_some() || accepted.send != Some(Outgoing::AssociateAc) {
        return None;
    }
    asking.newcomer.wire.send(Bytes::from(mirrored.encode()));
    shared.metrics.associations_open.inc();
    for leg in &legs {
        shared.metrics.archive_associations.with_label_values(&[&*leg.to]).inc();
    }
    let window = mirrored.user.async_window;
    let Asking { newcomer, machine, mut framer, rq, .. } = asking;
    // Each side keeps to what it was told, which is what the other side takes.
    framer.set_max_pdata(mirrored.user.max_length);
    drop(newcomer.unidentified);
    let established = Established {
        caller: CallerSide { wire: newcomer.wire, machine, framer },
        legs,
        contexts,
        routes: Routes::mixed(ways),
        errand,
        window: (window_of(window.map(|window| window.0)), window_of(window.map(|window| window.1))),
        longest: longest(rq.user.max_length),
        visit,
        slot,
        place: newcomer.place,
        snapshot,
        further: asks,
        natively,
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
pub(super) const fn longest(said: u32) -> u32 {
    if said == 0 { 65_536 } else { said }
}
