//! Release, abort, and the end on both sides.

use super::{End, Ending, Relay};
use crate::dicom::association::{Effects, Event, Indication, Outgoing, StateName};
use crate::dicom::pdu::{Abort, Pdu};
use crate::gate::How;
use crate::policy::{Caller, Credential, Transport};
use crate::proxy::clock;
use crate::proxy::negotiate::{keep_roles, name_of};
use std::time::{Duration, Instant};

/// How long the last bytes of an association may take to go out.
const LAST_WORDS: Duration = Duration::from_secs(5);

impl Relay {
    /// The peer releases or aborts.
    pub(super) fn peer_control(&mut self, pdu: &Pdu, now: Instant) -> Result<(), Ending> {
        if *pdu == Pdu::ReleaseRq && !self.up.stage.is_between() {
            return Err(release_in_message(End::Peer));
        }
        // What waited for the end of a message goes before a release: behind it no data may go.
        self.send_own_answers();
        let effects = self.peer_machine.on(Event::from(pdu), now);
        self.say_to_peer(effects);
        match effects.indicate {
            // A release goes on to the archive, whose answer comes back: nothing under way is lost.
            Some(Indication::Release { collision: false }) => {
                let effects = self.leg.machine.on(Event::Evt11, now);
                self.say_to_archive(effects);
                Ok(())
            }
            // Both ends of this association asked at once (9.2.3): the archive asked too, and waits for its answer.
            // We are the acceptor here, so the peer confirms first.
            Some(Indication::Release { collision: true }) => {
                let effects = self.leg.machine.on(Event::Evt14, now);
                self.say_to_archive(effects);
                Ok(())
            }
            Some(Indication::Released) => self.released(End::Peer, now),
            _ => self.ended(End::Peer, pdu, effects),
        }
    }

    /// The archive releases or aborts.
    pub(super) fn archive_control(&mut self, pdu: &Pdu, now: Instant) -> Result<(), Ending> {
        if *pdu == Pdu::ReleaseRq && !self.down.stage.is_between() {
            return Err(release_in_message(End::Archive));
        }
        self.send_own_answers();
        let effects = self.leg.machine.on(Event::from(pdu), now);
        self.say_to_archive(effects);
        match effects.indicate {
            Some(Indication::Release { collision: false }) => {
                let effects = self.peer_machine.on(Event::Evt11, now);
                self.say_to_peer(effects);
                Ok(())
            }
            // The peer's release is on its way to the archive, and the archive's own came: as the requestor we confirm
            // first (AR-9); the archive's confirmation then answers the peer.
            Some(Indication::Release { collision: true }) => {
                let effects = self.leg.machine.on(Event::Evt14, now);
                self.say_to_archive(effects);
                Ok(())
            }
            Some(Indication::Released) => self.released(End::Archive, now),
            _ => self.ended(End::Archive, pdu, effects),
        }
    }

    /// That end has confirmed the release; the other one, if it still waits, is answered.
    fn released(&mut self, by: End, now: Instant) -> Result<(), Ending> {
        if by == End::Archive {
            let effects = self.peer_machine.on(Event::Evt14, now);
            self.say_to_peer(effects);
        } else {
            // On a collision the peer, having asked too, is owed our confirmation (AR-4 from Sta12).
            let owed = self.peer_machine.on(Event::Evt14, now);
            self.say_to_peer(owed);
            let effects = self.leg.machine.on(Event::Evt14, now);
            self.say_to_archive(effects);
        }
        Err(Ending::Released)
    }

    /// A side has closed its connection. That is no loss where it has said its last: the release is confirmed to it, or
    /// it asked for one and does not wait for the answer.
    pub(super) fn hung_up(&mut self, by: End, now: Instant) -> Result<(), Ending> {
        let (machine, direction) = match by {
            End::Peer => (&mut self.peer_machine, &mut self.up),
            End::Archive => (&mut self.leg.machine, &mut self.down),
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

    pub(super) fn say_to_peer(&mut self, effects: Effects) {
        if let Some(bytes) = effects.send.and_then(Outgoing::bytes) {
            self.peer.send(bytes::Bytes::copy_from_slice(&bytes));
        }
    }

    pub(super) fn say_to_archive(&mut self, effects: Effects) {
        if let Some(bytes) = effects.send.and_then(Outgoing::bytes) {
            self.leg.say(&bytes);
        }
    }

    /// Policy, certificates or limits have changed: the association is asked again. A certificate that is no longer
    /// accepted ends it at once, everything else between two messages: when nothing is under way, or `before_message`,
    /// so that a peer whose requests overlap is not decided on by an old policy for ever.
    pub(super) fn ask_again(&mut self, before_message: bool) -> Result<(), Ending> {
        let snapshot = self.shared.snapshot();
        let chain = self.peer.tls().and_then(|tls| tls.peer_certificates());
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
        let before = &self.principal;
        let credential = match (&facts, &before.transport) {
            (Some(facts), _) => Credential::Mutual(facts),
            (None, Transport::Plain) => Credential::Plain,
            (None, _) => Credential::Tls,
        };
        let caller = Caller { calling: Some(before.calling), from: before.from, credential };
        let principal = snapshot.policy.identify(&caller).map_err(|fault| Ending::Changed(fault.to_string()))?;
        if snapshot.archive(&self.archive).is_none() {
            return Err(Ending::Changed(format!("archive `{}` is no longer configured", self.archive)));
        }
        let (at, to) = (clock::moment(), self.archive.as_str());
        let lost = self.contexts.iter().find(|(_, context)| {
            let syntaxes = std::slice::from_ref(context.transfer_syntax);
            let policy = &snapshot.policy;
            let kept = keep_roles(policy, &principal, to, context.abstract_syntax, syntaxes, context.roles, at);
            kept != Some(context.roles)
        });
        if let Some((_, context)) = lost {
            let name = name_of(context.abstract_syntax);
            return Err(Ending::Changed(format!("no rule permits {name} to this peer any more")));
        }
        self.tolerances = snapshot.tolerances(&principal);
        self.visit.set_generation(snapshot.generation);
        self.principal = principal;
        self.snapshot = snapshot;
        Ok(())
    }

    /// Ends the association on both sides and writes its closing record.
    pub(super) async fn finish(mut self, ending: Ending) {
        tracing::debug!(association = %self.visit.id(), %ending, "association ends");
        let now = Instant::now();
        // What was released goes out whole: the other side may have the beginning of a PDU already, and an abort must not
        // land in the middle of it. Answers that came in the same breath as a fault are recorded as given, so they are.
        let Self { down, peer, .. } = &mut self;
        down.lane.hand_out(&mut |bytes| peer.send(bytes));
        self.hand_out_up();
        // What the peer was denied or owed is recorded before it can notice the end.
        self.asked.clear();
        self.asked_back.clear();
        let refusal = match &ending {
            Ending::Malformed(_, broken) => Some(self.shared.gate.malformed(&self.visit, broken.place, &broken.words)),
            Ending::Changed(words) => {
                Some(self.shared.gate.end_by_policy(self.snapshot.generation, &self.visit, words))
            }
            _ => None,
        };
        if let Some(refusal) = refusal {
            let incident = refusal.incident.map(tracing::field::display);
            tracing::info!(association = %self.visit.id(), incident, %ending, "association ended by the gateway");
            self.shared.metrics.refused.with_label_values(&[refusal.cause.as_str()]).inc();
        }
        self.shared.metrics.associations_open.dec();
        self.shared.metrics.archive_associations.with_label_values(&[self.archive.as_str()]).dec();
        self.shared.metrics.associations.with_label_values(&[ending.word()]).inc();
        if ending != Ending::Released {
            let to_peer = self.peer_machine.on(Event::Evt15(ending.abort(End::Peer)), now);
            self.say_to_peer(to_peer);
            let to_archive = self.leg.machine.on(Event::Evt15(ending.abort(End::Archive)), now);
            self.say_to_archive(to_archive);
        }
        let artim = self.snapshot.settings.limits.artim;
        let Self { mut leg, mut peer, place, visit, slot, .. } = self;
        // Whoever reads that it is released may ask for the next association at once.
        drop(slot);
        if visit.close(how(&ending)).is_err() {
            tracing::error!("the closing record of an association could not be written");
        }
        let archive = async {
            // An archive that does not read its last words is not waited for.
            let _ = tokio::time::timeout(LAST_WORDS, leg.close()).await;
            drop(leg);
        };
        let caller = async {
            if tokio::time::timeout(LAST_WORDS, peer.close()).await.is_ok() {
                // ARTIM (PS3.8 9.1.5): the caller closes the connection, so that it has read what was said.
                let _ = tokio::time::timeout(artim.min(LAST_WORDS), peer.linger()).await;
            }
        };
        tokio::join!(archive, caller);
        drop(place);
    }
}

/// A release that goes on after half an object could let the other side take the half for the whole: it is aborted.
fn release_in_message(by: End) -> Ending {
    Ending::malformed(by, "pdu", "a release in the midst of a message", Abort::UNEXPECTED_PDU)
}

/// The ending in the words of the record.
const fn how(ending: &Ending) -> How {
    match ending {
        Ending::Released => How::Released,
        Ending::Aborted(End::Peer, _) => How::AbortedByPeer,
        Ending::Aborted(End::Archive, _) => How::AbortedByArchive,
        Ending::Lost(End::Peer) => How::PeerLost,
        Ending::Lost(End::Archive) => How::ArchiveLost,
        Ending::Malformed(..) | Ending::Mismatch(_) => How::Protocol,
        Ending::TimedOut(timer) => How::Timeout(timer),
        Ending::Changed(_) => How::Policy,
        Ending::Drained => How::Drain,
        Ending::Unrecorded => How::Unrecorded,
    }
}
