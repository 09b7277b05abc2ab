//! Release, abort, and the end on both sides.

use super::called::Called;
use super::{End, Ending, Errand, Relay, Way};
use crate::audit::event::Cause;
use crate::dicom::AeTitle;
use crate::dicom::association::{Effects, Event, Indication, Outgoing, StateName};
use crate::dicom::pdu::{Abort, Pdu};
use crate::gate::How;
use crate::policy::{ArchiveCaller, Caller, CertificateFacts, Credential, Principal, Receiver, Transport};
use crate::proxy::clock;
use crate::proxy::negotiate::{keep_roles, name_of};
use crate::proxy::snapshot::Snapshot;
use std::time::{Duration, Instant};

/// How long the last bytes of an association may take to go out.
const LAST_WORDS: Duration = Duration::from_secs(5);

impl Relay {
    /// The peer releases or aborts.
    pub(super) fn caller_control(&mut self, pdu: &Pdu, now: Instant) -> Result<(), Ending> {
        if *pdu == Pdu::ReleaseRq && !self.up.stage.is_between() {
            return Err(release_in_message(End::Caller));
        }
        // What waited for the end of a message goes before a release: behind it no data may go.
        self.send_own_answers();
        let effects = self.caller_machine.on(Event::from(pdu), now);
        self.say_to_caller(effects);
        match effects.indicate {
            // A release goes on to every called system, whose answers come back: nothing under way is lost.
            Some(Indication::Release { collision: false }) => self.each(|relay| {
                let effects = relay.called.leg.machine.on(Event::Evt11, now);
                relay.say_to_called(effects);
                Ok(())
            }),
            // Both ends of this association asked at once (9.2.3): the called system asked too, and waits for its
            // answer. We are the acceptor here, so the caller confirms first.
            Some(Indication::Release { collision: true }) => self.each(|relay| {
                let effects = relay.called.leg.machine.on(Event::Evt14, now);
                relay.say_to_called(effects);
                Ok(())
            }),
            Some(Indication::Released) => self.released(End::Caller, now),
            _ => self.ended(End::Caller, pdu, effects),
        }
    }

    /// The archive releases or aborts.
    pub(super) fn called_control(&mut self, pdu: &Pdu, now: Instant) -> Result<(), Ending> {
        if matches!(pdu, Pdu::ReleaseRq | Pdu::Abort(_)) && self.spares(Some(pdu), now) {
            return Ok(());
        }
        if *pdu == Pdu::ReleaseRq && !self.called.down.stage.is_between() {
            return Err(release_in_message(End::Called));
        }
        self.send_own_answers();
        let effects = self.called.leg.machine.on(Event::from(pdu), now);
        self.say_to_called(effects);
        match effects.indicate {
            Some(Indication::Release { collision: false }) => {
                let effects = self.caller_machine.on(Event::Evt11, now);
                self.say_to_caller(effects);
                Ok(())
            }
            // The peer's release is on its way to the archive, and the archive's own came: as the requestor we confirm
            // first (AR-9); the archive's confirmation then answers the peer.
            Some(Indication::Release { collision: true }) => {
                let effects = self.called.leg.machine.on(Event::Evt14, now);
                self.say_to_called(effects);
                Ok(())
            }
            Some(Indication::Released) => self.released(End::Called, now),
            _ => self.ended(End::Called, pdu, effects),
        }
    }

    /// That end has confirmed the release; whoever still waits is answered. The caller waits for every called system.
    fn released(&mut self, by: End, now: Instant) -> Result<(), Ending> {
        if by == End::Called {
            self.called.released = true;
            if !self.all_called().all(|called| called.released) {
                return Ok(());
            }
            let effects = self.caller_machine.on(Event::Evt14, now);
            self.say_to_caller(effects);
        } else {
            // On a collision the caller, having asked too, is owed our confirmation (AR-4 from Sta12).
            let owed = self.caller_machine.on(Event::Evt14, now);
            self.say_to_caller(owed);
            // A system that did not ask is asked; its answer is not waited for.
            self.each(|relay| {
                let machine = &mut relay.called.leg.machine;
                let asked = machine.state() == StateName::Sta6;
                let effects = machine.on(if asked { Event::Evt11 } else { Event::Evt14 }, now);
                relay.say_to_called(effects);
                Ok(())
            })?;
        }
        Err(Ending::Released)
    }

    /// A side has closed its connection. That is no loss where it has said its last: the release is confirmed to it, or
    /// it asked for one and does not wait for the answer.
    pub(super) fn hung_up(&mut self, by: End, now: Instant) -> Result<(), Ending> {
        if by == End::Called && self.spares(None, now) {
            return Ok(());
        }
        let (machine, direction) = match by {
            End::Caller => (&mut self.caller_machine, &mut self.up),
            End::Called => (&mut self.called.leg.machine, &mut self.called.down),
        };
        match machine.state() {
            StateName::Sta8 => {}
            StateName::Sta13 => {
                machine.on(Event::Evt17, now);
            }
            _ => return Err(Ending::Lost(by)),
        }
        direction.over = true;
        Ok(())
    }

    fn ended(&self, by: End, pdu: &Pdu, effects: Effects) -> Result<(), Ending> {
        match pdu {
            Pdu::Abort(abort) => Err(Ending::Aborted(by, *abort)),
            _ => Err(self.out_of_state(by, effects)),
        }
    }

    /// A PDU came that does not belong into the state.
    pub(super) fn out_of_state(&self, by: End, effects: Effects) -> Ending {
        let reason = match effects.send {
            Some(Outgoing::Abort(abort)) => abort.reason,
            _ => Abort::UNEXPECTED_PDU,
        };
        Ending::malformed(by, "pdu", "a PDU that does not belong into this state of the association", reason)
    }

    pub(super) fn say_to_caller(&mut self, effects: Effects) {
        if let Some(bytes) = effects.send.and_then(Outgoing::bytes) {
            self.caller.send(bytes::Bytes::copy_from_slice(&bytes));
        }
    }

    pub(super) fn say_to_called(&mut self, effects: Effects) {
        if let Some(bytes) = effects.send.and_then(Outgoing::bytes) {
            self.called.leg.say(&bytes);
        }
    }

    /// Policy, certificates or limits have changed: the association is asked again. A certificate that is no longer
    /// accepted ends it at once, everything else between two messages: when nothing is under way, or `before_message`,
    /// so that a peer whose requests overlap is not decided on by an old policy for ever.
    pub(super) fn ask_again(&mut self, before_message: bool) -> Result<(), Ending> {
        let snapshot = self.shared.snapshot();
        let chain = self.caller.tls().and_then(|tls| tls.peer_certificates());
        let facts = match (&snapshot.material, chain) {
            // During a long message this is asked many times; the certificate is looked at once.
            (Some(_), Some(_)) if !before_message && !self.is_idle() && self.rechecked == snapshot.generation => {
                return Ok(());
            }
            (Some(material), Some(chain)) => match material.verifier.recheck(chain, clock::unix()) {
                Ok(facts) => Some(facts),
                Err(fault) => return Err(Ending::Changed(fault.to_string())),
            },
            _ => None,
        };
        self.rechecked = snapshot.generation;
        if !before_message && !self.is_idle() {
            return Ok(());
        }
        let mut principal = self.identify_again(&snapshot, facts.as_deref())?;
        principal.user = self.person_again(&snapshot, &principal)?;
        let gone = self.all_called().find(|called| !self.is_still_there(&snapshot, called));
        if let Some(gone) = gone {
            return Err(Ending::Changed(format!("`{}` is no longer configured", gone.to)));
        }
        if matches!(self.errand, Errand::Outward) {
            self.may_still_talk(&snapshot, &principal)?;
        }
        if matches!(self.errand, Errand::Outward) {
            self.tolerances = snapshot.tolerances(&principal);
        }
        self.visit.set_generation(snapshot.generation);
        self.principal = principal;
        self.snapshot = snapshot;
        Ok(())
    }

    /// The caller is a peer.
    fn is_outward(&self) -> bool {
        matches!(self.errand, Errand::Outward)
    }

    /// Who the caller is under a newer configuration.
    fn identify_again(&self, snapshot: &Snapshot, facts: Option<&CertificateFacts>) -> Result<Principal, Ending> {
        let before = &self.principal;
        let credential = match (facts, &before.transport) {
            (Some(facts), _) => Credential::Mutual(facts),
            (None, Transport::Plain) => Credential::Plain,
            (None, _) => Credential::Tls,
        };
        let (calling, from) = (Some(self.calling()), before.from);
        let identified = match &self.errand {
            Errand::Outward => snapshot.policy.identify(&Caller { calling, from, credential }),
            Errand::Inward(_) => snapshot.policy.identify_archive(&ArchiveCaller { calling, from, credential }),
        };
        identified.map_err(|fault| Ending::Changed(fault.to_string()))
    }

    /// The title that the caller called with.
    fn calling(&self) -> AeTitle {
        match &self.errand {
            Errand::Outward => self.principal.calling,
            Errand::Inward(inward) => inward.calling,
        }
    }

    fn is_still_there(&self, snapshot: &Snapshot, called: &Called) -> bool {
        match &self.errand {
            Errand::Outward => snapshot.archive(&called.title).is_some(),
            Errand::Inward(inward) => inward.destination.as_deref().is_none_or(|name| {
                let archive = snapshot.archives.iter().any(|archive| archive.settings.ae_title.as_str() == name);
                // Rules are asked about the title: it must still be that of whoever was dialled for it.
                let receiver = snapshot.policy.receiver(&called.title);
                archive || matches!(receiver, Some(Receiver::Peer(peer)) if *peer.name == *name)
            }),
        }
    }

    /// Every context must still be permitted at its system.
    fn may_still_talk(&self, snapshot: &Snapshot, principal: &Principal) -> Result<(), Ending> {
        let at = clock::moment();
        let lost = self.contexts.iter().find(|(id, context)| {
            let Way::Leg(number) = self.routes.of(*id) else { return false };
            let Some(called) = self.all_called().find(|called| called.number == number) else { return false };
            let syntaxes = std::slice::from_ref(context.transfer_syntax);
            let policy = &snapshot.policy;
            let kept = keep_roles(policy, principal, &called.to, context.abstract_syntax, syntaxes, context.roles, at);
            kept != Some(context.roles)
        });
        match lost {
            Some((_, context)) => {
                let name = name_of(context.abstract_syntax);
                Err(Ending::Changed(format!("no rule permits {name} to this peer any more")))
            }
            None => Ok(()),
        }
    }

    /// Ends the association on both sides and writes its closing record.
    pub(super) async fn finish(mut self: Box<Self>, ending: Ending) {
        tracing::debug!(association = %self.visit.id(), ending = ending.words(self.is_outward()), "association ends");
        let now = Instant::now();
        // What was released goes out whole: the other side may have the beginning of a PDU already, and an abort must not
        // land in the middle of it. Answers that came in the same breath as a fault are recorded as given, so they are.
        let Self { called, others, caller, .. } = &mut *self;
        for called in std::iter::once(called).chain(others) {
            called.down.lane.hand_out(&mut |bytes| caller.send(bytes));
        }
        self.focus_up();
        self.hand_out_up();
        // What the caller was denied or owed is recorded before it can notice the end.
        self.close_mailbox();
        self.settling.clear();
        self.pending = None;
        self.leave_seals();
        for called in std::iter::once(&mut self.called).chain(&mut self.others) {
            called.asked.clear();
            called.asked_back.clear();
        }
        let refusal = match &ending {
            Ending::Malformed(_, broken) => Some(self.shared.gate.malformed(&self.visit, broken.place, &broken.words)),
            Ending::Changed(words) => {
                Some(self.shared.gate.end_by_policy(self.snapshot.generation, &self.visit, Cause::Policy, words))
            }
            Ending::Quarantined(subject) => {
                let (generation, words) = (self.snapshot.generation, format!("`{subject}` is in quarantine"));
                Some(self.shared.gate.end_by_policy(generation, &self.visit, Cause::Quarantine, &words))
            }
            Ending::SessionOver => Some(self.shared.gate.end_by_session(self.snapshot.generation, &self.visit)),
            _ => None,
        };
        if let Some(refusal) = refusal {
            let incident = refusal.incident.map(tracing::field::display);
            tracing::info!(association = %self.visit.id(), incident, ending = ending.words(self.is_outward()), "association ended by the gateway");
            self.shared.metrics.refused.with_label_values(&[refusal.cause.as_str()]).inc();
        }
        self.shared.metrics.associations_open.dec();
        for called in self.all_called().filter(|called| !called.gone) {
            self.shared.metrics.archive_associations.with_label_values(&[&*called.to]).dec();
        }
        self.shared.metrics.associations.with_label_values(&[ending.word(self.is_outward())]).inc();
        if ending != Ending::Released {
            let to_caller = self.caller_machine.on(Event::Evt15(ending.abort(End::Caller)), now);
            self.say_to_caller(to_caller);
            let abort = ending.abort(End::Called);
            // Nothing in there fails.
            let _ = self.each(|relay| {
                let to_called = relay.called.leg.machine.on(Event::Evt15(abort), now);
                relay.say_to_called(to_called);
                Ok(())
            });
        }
        let artim = self.snapshot.settings.limits.artim;
        let Self { called, others, caller: mut wire, place, visit, slot, errand, looking, up, .. } = *self;
        // A lookup that nobody waits for any more is given up.
        drop(up);
        // Whoever reads that it is released may ask for the next association at once.
        drop(slot);
        if visit.close(how(&ending, &errand)).is_err() {
            tracing::error!("the closing record of an association could not be written");
        }
        let legs = std::iter::once(called).chain(others).map(|called| called.leg);
        let systems = async {
            for mut leg in legs {
                // A system that does not read its last words is not waited for.
                let _ = tokio::time::timeout(LAST_WORDS, leg.close()).await;
            }
        };
        let caller = async {
            if tokio::time::timeout(LAST_WORDS, wire.close()).await.is_ok() {
                // ARTIM (PS3.8 9.1.5): the caller closes the connection, so that it has read what was said.
                let _ = tokio::time::timeout(artim.min(LAST_WORDS), wire.linger()).await;
            }
        };
        let lookups = async {
            for lookups in looking {
                let _ = tokio::time::timeout(LAST_WORDS, lookups.release()).await;
            }
        };
        tokio::join!(systems, caller, lookups);
        drop(place);
    }
}

/// A release that goes on after half an object could let the other side take the half for the whole: it is aborted.
fn release_in_message(by: End) -> Ending {
    Ending::malformed(by, "pdu", "a release in the midst of a message", Abort::UNEXPECTED_PDU)
}

/// The ending in the words of the record.
const fn how(ending: &Ending, errand: &Errand) -> How {
    let outward = matches!(errand, Errand::Outward);
    match ending {
        Ending::Released => How::Released,
        Ending::Aborted(end, _) if end.is_peer(outward) => How::AbortedByPeer,
        Ending::Aborted(..) => How::AbortedByArchive,
        Ending::Lost(end) if end.is_peer(outward) => How::PeerLost,
        Ending::Lost(_) => How::ArchiveLost,
        Ending::Malformed(..) | Ending::Mismatch(_) => How::Protocol,
        Ending::TimedOut(timer) => How::Timeout(timer),
        Ending::Changed(_) => How::Policy,
        Ending::SessionOver => How::SessionOver,
        Ending::Quarantined(_) => How::Quarantine,
        Ending::Drained => How::Drain,
        Ending::Unsealed(_) => How::Unsealed,
        Ending::Unrecorded => How::Unrecorded,
    }
}
