//! Data transfer: messages are looked at, decided on and forwarded; one task owns both connections.
//!
//! What waits to go to one side stops reading from the other, so nothing queues without bound and a slow archive slows
//! its sender. It never answers for the archive, except to refuse.

mod archive_side;
mod control;
mod ending;
mod inspect;
mod lane;
mod outstanding;
mod peer_side;
mod refuse;
mod stage;
mod timers;

use ending::{End, Ending};

use super::live::{Drain, Place};
use super::shared::Shared;
use super::snapshot::Snapshot;
use crate::archive::Leg;
use crate::dicom::AeTitle;
use crate::dicom::association::{Association, StateName};
use crate::dicom::dataset::WalkLimits;
use crate::dicom::dimse::Tolerances;
use crate::dicom::negotiation::Contexts;
use crate::dicom::pdu::Framer;
use crate::gate::Visit;
use crate::net::Wire;
use crate::net::slots::Slot;
use crate::policy::Principal;
use bytes::Bytes;
use lane::Lane;
use outstanding::Outstanding;
use smallvec::SmallVec;
use stage::{Fate, Stage};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;
use timers::Timers;

/// Answers of the gateway's own that wait for the end of a message of the other side.
const OWN_ANSWERS: usize = 256;

/// The connection to the caller, with its half of the association.
#[derive(Debug)]
pub struct PeerSide {
    /// The connection.
    pub wire: Wire,
    /// Where the association stands.
    pub machine: Association,
    /// What has been read of its PDUs.
    pub framer: Framer,
}

/// What negotiation hands over.
#[derive(Debug)]
pub struct Established {
    /// The caller's side.
    pub peer: PeerSide,
    /// The archive's side.
    pub leg: Leg,
    /// What both may talk about.
    pub contexts: Contexts,
    /// Requests that may be under way at once, from the peer and from the archive.
    pub window: (usize, usize),
    /// The longest P-DATA-TF that the peer and the archive take, bytes.
    pub longest: (u32, u32),
    /// The archive, by its title.
    pub archive: AeTitle,
    /// Its standing before the gate.
    pub visit: Visit,
    /// Its place among its peer's associations.
    pub slot: Slot<Arc<str>>,
    /// Its place among the live associations.
    pub place: Place,
    /// The configuration it was admitted under.
    pub snapshot: Arc<Snapshot>,
}

/// One association in data transfer.
pub struct Relay {
    shared: Arc<Shared>,
    snapshot: Arc<Snapshot>,
    place: Place,
    visit: Visit,
    principal: Principal,
    archive: AeTitle,
    slot: Slot<Arc<str>>,
    contexts: Contexts,
    tolerances: Tolerances,
    walk_limits: WalkLimits,
    window: (usize, usize),
    longest: (u32, u32),
    peer: Wire,
    peer_machine: Association,
    leg: Leg,
    up: Direction,
    down: Direction,
    /// What the peer asked and the archive has not answered.
    asked: SmallVec<[Outstanding; 1]>,
    /// What the archive asked and the peer has not answered.
    asked_back: SmallVec<[Outstanding; 1]>,
    /// The gateway's own answers, until the direction stands between messages: to the peer, to the archive.
    own_answers: (VecDeque<Bytes>, VecDeque<Bytes>),
    timers: Timers,
    /// The waker that is registered with [`Place`].
    waker: Option<Waker>,
    /// The generation in which the peer's certificate was last looked at.
    rechecked: u64,
}

/// One direction.
struct Direction {
    lane: Lane,
    stage: Stage,
    fate: Fate,
    /// The next fragment is the first of its PDU.
    fresh: bool,
    /// Refused message: what to answer once all of it has been read.
    refusal: Option<Box<refuse::Refused>>,
    /// The sender has said its last and hung up; nothing is read any more.
    over: bool,
    /// What waits to go to the sender of this direction does not go: it is slow to read.
    stuck: bool,
}

impl Direction {
    fn new(framer: Framer) -> Self {
        Self {
            lane: Lane::new(framer),
            stage: Stage::Between,
            fate: Fate::Hold,
            fresh: true,
            refusal: None,
            over: false,
            stuck: false,
        }
    }

    /// Neither a message nor a PDU is under way.
    fn between(&self) -> bool {
        self.stage.is_between() && !self.lane.mid_pdu()
    }
}

impl Relay {
    /// Takes over what negotiation has established.
    pub fn new(shared: Arc<Shared>, established: Established) -> Option<Box<Self>> {
        let Established { peer, mut leg, contexts, window, longest, archive, visit, slot, place, snapshot } =
            established;
        let down = leg.take_framer()?;
        let limits = &snapshot.settings.limits;
        let rechecked = snapshot.generation;
        let timers = Timers::new(limits, snapshot.archive(&archive).map(|wiring| wiring.settings.response_timeout));
        Some(Box::new(Self {
            tolerances: snapshot.tolerances(visit.principal()),
            principal: visit.principal().clone(),
            slot,
            walk_limits: inspect::walk_limits(limits),
            shared,
            snapshot,
            place,
            visit,
            archive,
            contexts,
            window,
            longest,
            peer: peer.wire,
            peer_machine: peer.machine,
            leg,
            up: Direction::new(peer.framer),
            down: Direction::new(down),
            asked: SmallVec::new(),
            asked_back: SmallVec::new(),
            own_answers: (VecDeque::new(), VecDeque::new()),
            timers,
            waker: None,
            rechecked,
        }))
    }

    /// Runs until the association ends, and ends it on both sides.
    pub async fn run(mut self: Box<Self>) {
        let ending = poll_fn(|cx| self.poll(cx)).await;
        Box::pin(self.finish(ending)).await;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ending> {
        if !self.waker.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            self.place.register(cx.waker());
            self.waker = Some(cx.waker().clone());
        }
        match self.poll_inner(cx) {
            Ok(()) => Poll::Pending,
            Err(ending) => Poll::Ready(ending),
        }
    }

    fn poll_inner(&mut self, cx: &mut Context<'_>) -> Result<(), Ending> {
        loop {
            self.look_around()?;
            let mut progress = self.poll_archive_out(cx)?;
            progress |= self.poll_peer_out(cx)?;
            self.say_what_is_expected();
            if !self.leg.has_pending()
                && self.takes_answers(End::Peer)
                && !self.up.over
                && let Poll::Ready(received) = self.peer.poll_recv(cx)
            {
                let now = Instant::now();
                match received.ok().flatten() {
                    Some(input) => {
                        self.timers.heard(now);
                        self.take_from_peer(input, now)?;
                        self.poll_archive_out(cx)?;
                    }
                    None => self.hung_up(End::Peer, now)?,
                }
                progress = true;
            }
            if !self.peer.has_pending()
                && self.takes_answers(End::Archive)
                && !self.down.over
                && let Poll::Ready(received) = self.leg.poll_recv(cx)
            {
                let now = Instant::now();
                match received.ok().flatten() {
                    Some(input) => {
                        self.timers.heard(now);
                        self.take_from_archive(input, now)?;
                        self.poll_peer_out(cx)?;
                    }
                    None => self.hung_up(End::Archive, now)?,
                }
                progress = true;
            }
            // Reading may have made TLS say something of its own (an answer to a key update): unless the socket is
            // known to be full it goes now, for nothing else would wake this task for it.
            let owed = self.leg.has_pending() && !self.down.stuck || self.peer.has_pending() && !self.up.stuck;
            if !progress && !owed {
                return self.poll_timers(cx);
            }
        }
    }

    /// An end that is in mid message, or has told that more answers follow, has more to send.
    fn say_what_is_expected(&mut self) {
        self.peer.expect_more(self.window.0 > 1 || !self.up.between());
        let answering = self.asked.iter().any(|asked| asked.answers > 0);
        self.leg.expect_more(answering || self.window.0 > 1 || !self.down.between());
    }

    fn poll_archive_out(&mut self, cx: &mut Context<'_>) -> Result<bool, Ending> {
        if !self.leg.has_pending() {
            return Ok(false);
        }
        match self.leg.poll_flush(cx) {
            Poll::Ready(Ok(())) => {
                if std::mem::take(&mut self.down.stuck) {
                    self.timers.resumed(End::Peer, Instant::now());
                }
                Ok(true)
            }
            Poll::Ready(Err(_)) => Err(Ending::Lost(End::Archive)),
            Poll::Pending => {
                self.down.stuck = true;
                Ok(false)
            }
        }
    }

    fn poll_peer_out(&mut self, cx: &mut Context<'_>) -> Result<bool, Ending> {
        if !self.peer.has_pending() {
            return Ok(false);
        }
        match self.peer.poll_flush(cx) {
            Poll::Ready(Ok(())) => {
                if std::mem::take(&mut self.up.stuck) {
                    self.timers.resumed(End::Archive, Instant::now());
                }
                Ok(true)
            }
            Poll::Ready(Err(_)) => Err(Ending::Lost(End::Peer)),
            Poll::Pending => {
                self.up.stuck = true;
                Ok(false)
            }
        }
    }

    /// A reload or a drain asks for something.
    fn look_around(&mut self) -> Result<(), Ending> {
        let live = self.place.live();
        let (draining, generation) = (live.draining(), live.generation());
        if draining == Drain::Now || draining == Drain::Gently && self.is_idle() {
            return Err(Ending::Drained);
        }
        if generation != self.snapshot.generation {
            self.ask_again(false)?;
        }
        Ok(())
    }

    /// Before a new message is decided on: by the configuration in force, whatever else is under way.
    fn keep_up(&mut self) -> Result<(), Ending> {
        if self.place.live().generation() != self.snapshot.generation {
            self.ask_again(true)?;
        }
        Ok(())
    }

    /// Whether a side takes what is already on its way to it. From one that does not, nothing more is read: each of its
    /// requests could be answered by the gateway itself, and those answers would queue without bound.
    fn takes_answers(&self, end: End) -> bool {
        match end {
            End::Peer => !self.peer.is_congested() && self.own_answers.0.len() < OWN_ANSWERS,
            End::Archive => !self.leg.is_congested() && self.own_answers.1.len() < OWN_ANSWERS,
        }
    }

    /// Nothing is under way in either direction.
    fn is_idle(&self) -> bool {
        self.up.between()
            && self.down.between()
            && self.asked.is_empty()
            && self.asked_back.is_empty()
            && !self.is_releasing()
    }

    /// One side has asked for release; the end is near without our help.
    fn is_releasing(&self) -> bool {
        self.peer_machine.state() != StateName::Sta6 || self.leg.machine.state() != StateName::Sta6
    }
}
