//! Data transfer: messages are looked at, decided on and forwarded; one task owns all connections of an association.
//!
//! What waits to go to one side stops reading from the other, so nothing queues without bound and a slow archive slows
//! its sender. It never answers for the archive, except to refuse.

mod anew;
mod asked;
mod called;
mod called_side;
mod caller_side;
mod canary;
mod commit;
mod control;
mod decide;
mod delivery;
mod direction;
mod ending;
mod errand;
mod focus;
mod inspect;
mod lane;
mod look;
mod moves;
mod narrow;
mod note;
mod opening;
mod outstanding;
mod own;
mod poll;
mod quarantine;
mod refuse;
mod retrieve;
mod rewrite;
mod routes;
mod sealing;
mod session;
mod settle;
mod spare;
mod stage;
mod timers;
mod trip;
mod wait;
mod waiting;

pub use called::CalledSide;
pub use errand::{Errand, Inward};
pub use opening::Further;
pub use routes::{Routes, Way};

use called::Called;
pub use ending::Ending;

use direction::Direction;
use ending::End;

use super::live::Place;
use super::lookup::Lookups;
use super::shared::Shared;
use super::snapshot::Snapshot;
use crate::dicom::association::Association;
use crate::dicom::dataset::WalkLimits;
use crate::dicom::dimse::{Command, Tolerances};
use crate::dicom::negotiation::Contexts;
use crate::dicom::pdu::Framer;
use crate::gate::{Permit, Visit};
use crate::net::Wire;
use crate::net::slots::Slot;
use crate::policy::Principal;
use bytes::Bytes;
use commit::Reports;
use narrow::Truths;
use note::Noting;
use settle::Settling;
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Waker;
use timers::Timers;

/// Answers of the gateway's own that wait for the end of a message of the other side.
const OWN_ANSWERS: usize = 256;

/// The connection to the caller, with its half of the association.
#[derive(Debug)]
pub struct CallerSide {
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
    pub caller: CallerSide,
    /// The systems dialled for it, at least one, in the order of their numbers.
    pub legs: SmallVec<[CalledSide; 1]>,
    /// What may be talked about.
    pub contexts: Contexts,
    /// With whom.
    pub routes: Routes,
    /// What it is for.
    pub errand: Errand,
    /// Requests that may be under way at once, from the caller and from each called system.
    pub window: (usize, usize),
    /// The longest P-DATA-TF that the caller takes, bytes.
    pub longest: u32,
    /// Its standing before the gate.
    pub visit: Visit,
    /// Its place among its peer's associations.
    pub slot: Slot<Arc<str>>,
    /// Its place among the live associations.
    pub place: Place,
    /// The configuration it was admitted under.
    pub snapshot: Arc<Snapshot>,
    /// What a destination may be asked for later; `None`: nothing.
    pub further: Option<Box<Further>>,
}

/// One association in data transfer.
pub struct Relay {
    shared: Arc<Shared>,
    snapshot: Arc<Snapshot>,
    place: Place,
    visit: Visit,
    principal: Principal,
    errand: Errand,
    slot: Slot<Arc<str>>,
    contexts: Contexts,
    routes: Routes,
    tolerances: Tolerances,
    walk_limits: WalkLimits,
    window: (usize, usize),
    longest: u32,
    caller: Wire,
    caller_machine: Association,
    up: Direction,
    /// The system that is dealt with now; see [`Relay::focus`].
    called: Box<Called>,
    /// All other systems of this association.
    #[expect(clippy::vec_box, reason = "changes places with the one in focus, which is a box")]
    others: Vec<Box<Called>>,
    /// What the destination may be asked for beside what it has accepted.
    further: Option<Box<Further>>,
    /// The number of the system that the caller's message under way is for.
    up_for: u8,
    /// The gateway's own answers to the caller, until no system is in the midst of a message to it.
    own_answers: VecDeque<Bytes>,
    /// What is known of the sealed images that the query under way asks about, until it is asked.
    truths: Option<Box<Truths>>,
    /// The permit of a message that waits.
    pending: Option<Permit>,
    /// An answer that waits until it is noted.
    noting: Option<Box<Noting>>,
    /// Final answers to moves that are held back.
    settling: Vec<Settling>,
    /// Reports of storage commitment for the caller.
    reports: Option<Box<Reports>>,
    /// A report of the caller's own that is being kept.
    reported: Option<(u8, Command)>,
    /// What a peer may do wrong that an archive sends to.
    called_peer_tolerances: Tolerances,
    timers: Timers,
    /// Lookups at archives; the associations for them are opened with the first.
    looking: Vec<Arc<Lookups>>,
    /// The waker that is registered with [`Place`].
    waker: Option<Waker>,
    /// The generation in which the peer's certificate was last looked at.
    rechecked: u64,
    /// How often somebody had been put in quarantine when it was last looked at; `None`: it never was.
    tripped: Option<u64>,
}

impl Relay {
    /// Takes over what negotiation has established; `None` without a called system.
    pub fn new(shared: Arc<Shared>, established: Established) -> Option<Box<Self>> {
        let Established {
            caller,
            legs,
            contexts,
            routes,
            errand,
            window,
            longest,
            visit,
            slot,
            place,
            snapshot,
            further,
        } = established;
        let mut legs = legs.into_iter().zip(0..);
        let (first, number) = legs.next()?;
        let called = Called::new(number, first)?;
        let others: Option<Vec<_>> = legs.map(|(side, number)| Called::new(number, side)).collect();
        let limits = &snapshot.settings.limits;
        let rechecked = snapshot.generation;
        let timers =
            Timers::new(limits, snapshot.archive(&called.title).map(|wiring| wiring.settings.response_timeout));
        let tolerances = match errand {
            Errand::Outward => snapshot.tolerances(visit.principal()),
            // An archive is what it is: every named tolerance holds for it.
            Errand::Inward(_) => Tolerances::ALL,
        };
        let called_peer_tolerances = snapshot.tolerances_of(&called.to);
        let mut relay = Box::new(Self {
            tolerances,
            principal: visit.principal().clone(),
            slot,
            walk_limits: inspect::walk_limits(limits),
            shared,
            snapshot,
            place,
            visit,
            errand,
            contexts,
            routes,
            window,
            longest,
            caller: caller.wire,
            caller_machine: caller.machine,
            up: Direction::new(caller.framer),
            called,
            others: others?,
            further,
            up_for: 0,
            own_answers: VecDeque::new(),
            pending: None,
            truths: None,
            noting: None,
            settling: Vec::new(),
            reports: None,
            reported: None,
            called_peer_tolerances,
            timers,
            looking: Vec::new(),
            waker: None,
            rechecked,
            tripped: None,
        });
        relay.open_mailbox();
        Some(relay)
    }

    /// Runs until the association ends, and ends it on all sides.
    pub async fn run(mut self: Box<Self>) {
        let ending = poll_fn(|cx| self.poll(cx)).await;
        Box::pin(self.finish(ending)).await;
    }
}
