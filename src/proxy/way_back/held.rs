//! A grant in memory, and what was seen delivered under it.

use super::tally::Tally;
use crate::dicom::retrieve::Scope;
use crate::dicom::{AeTitle, Uid};
use crate::proxy::clock;
use crate::state::Grant;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};
use tokio::task::AbortHandle;

/// How long a foreign grant is taken to be as the state said: shorter than any message id is out of use.
const FRESH: Duration = Duration::from_millis(500);

/// A grant in memory.
#[derive(Debug)]
pub struct Held {
    /// As it stands in the state.
    pub grant: Grant,
    /// What it is for.
    pub scope: Scope,
    /// The requester is at another gateway, or was here before a restart.
    pub foreign: bool,
    /// When it was made or first heard of here, seconds since 1970.
    pub since: i64,
    learned: Mutex<Instant>,
    tally: Mutex<Tally>,
    waiting: Mutex<Option<Waker>>,
    /// Keeps the requester's turn; ends with the move.
    turn: Mutex<Option<AbortHandle>>,
    /// Asked for here, and the final answer was sent, or never will be.
    over: AtomicBool,
}

impl Held {
    /// A grant just made here, or found in the state. `None`: its scope cannot be read.
    pub fn new(grant: Grant, foreign: bool, most: usize) -> Option<Self> {
        let scope = Scope::decode(&grant.grant.scope)?;
        let tally = Mutex::new(Tally::new(most, Instant::now()));
        let learned = Mutex::new(Instant::now());
        let (waiting, turn, over) = (Mutex::default(), Mutex::default(), AtomicBool::new(false));
        let since = clock::unix();
        Some(Self { grant, scope, foreign, since, learned, tally, waiting, turn, over })
    }

    /// Whether what is known of it holds: another gateway may have ended a foreign one.
    pub fn is_fresh(&self, now: Instant) -> bool {
        let learned = *self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        !self.foreign || now.saturating_duration_since(learned) < FRESH
    }

    pub(super) fn learned_again(&self, now: Instant) {
        *self.learned.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// Whether the move was asked for here and is over.
    pub fn is_over(&self) -> bool {
        self.over.load(Relaxed)
    }

    pub(super) fn set_over(&self) {
        self.over.store(true, Relaxed);
    }

    /// What the archive saw as the requester, or was told as the destination, is not what the requester said.
    pub fn is_rewritten(&self) -> bool {
        let grant = &self.grant.grant;
        self.grant.message != grant.requester_message
            || grant.title != grant.requester_title
            || grant.told != grant.destination
    }

    /// Who asked, and by which message: what deliveries name outside.
    pub fn originator(&self) -> (AeTitle, u16) {
        (self.grant.grant.requester_title, self.grant.grant.requester_message)
    }

    /// A delivery of an instance begins. Dropped before it is [ended](InFlight::end), it counts as failed.
    pub fn begin(self: &Arc<Self>, instance: Uid) -> InFlight {
        self.tally().begin(Instant::now());
        InFlight { held: Arc::clone(self), instance, ended: false }
    }

    /// What was seen.
    pub fn tally(&self) -> MutexGuard<'_, Tally> {
        // Whole values at every moment, so a thread that panicked with the lock left nothing half done.
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whom to wake when a delivery ends.
    pub fn register(&self, waker: &Waker) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *waiting {
            Some(known) if known.will_wake(waker) => {}
            other => *other = Some(waker.clone()),
        }
    }

    pub(super) fn keep_turn(&self, keeper: AbortHandle) {
        *self.turn.lock().unwrap_or_else(PoisonError::into_inner) = Some(keeper);
    }

    pub(super) fn end_turn(&self) -> bool {
        let keeper = self.turn.lock().unwrap_or_else(PoisonError::into_inner).take();
        keeper.is_some_and(|keeper| {
            keeper.abort();
            true
        })
    }

    fn wake(&self) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waiting {
            waker.wake();
        }
    }
}

/// A delivery under way.
#[derive(Debug)]
#[must_use = "a delivery that is dropped has failed"]
pub struct InFlight {
    held: Arc<Held>,
    instance: Uid,
    ended: bool,
}

/// What a delivery that never got an answer counts as: processing failure (PS3.7 C.5.4).
const UNANSWERED: u16 = 0x0110;

impl InFlight {
    /// The grant it is for.
    pub fn held(&self) -> &Arc<Held> {
        &self.held
    }

    /// The instance.
    pub fn instance(&self) -> Uid {
        self.instance
    }

    /// The destination has answered.
    pub fn end(mut self, status: u16) {
        self.over(status);
    }

    fn over(&mut self, status: u16) {
        self.ended = true;
        self.held.tally().end(self.instance, status, Instant::now());
        self.held.wake();
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if !self.ended {
            self.over(UNANSWERED);
        }
    }
}
