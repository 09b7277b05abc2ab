//! The associations that are open now, so that a reload or a drain can reach them without a timer or a channel each.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use tokio::sync::Notify;

/// Every running association's waker, and what is asked of all of them.
#[derive(Debug, Default)]
pub struct Live {
    wakers: Mutex<HashMap<u64, Waker>>,
    next: AtomicU64,
    running: AtomicUsize,
    /// Bumped when associations must ask again.
    generation: AtomicU64,
    /// Bumped when somebody was put in quarantine.
    tripped: AtomicU64,
    /// Bumped once when they should end between messages, twice when they must end now.
    drain: AtomicU64,
    empty: Notify,
}

/// How hard associations are asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Drain {
    /// Not at all.
    No,
    /// Between two messages.
    Gently,
    /// At once.
    Now,
}

/// One running association's place.
#[derive(Debug)]
pub struct Place {
    live: Arc<Live>,
    id: u64,
}

impl Live {
    /// Counts a connection; the place ends with the value.
    pub fn enter(self: &Arc<Self>) -> Place {
        self.running.fetch_add(1, Ordering::Relaxed);
        Place { live: Arc::clone(self), id: self.next.fetch_add(1, Ordering::Relaxed) }
    }

    /// How many connections are running.
    pub fn running(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }

    /// The generation that associations must have asked again in.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Lets every association ask again.
    pub fn set_generation(&self, generation: u64) {
        self.generation.store(generation, Ordering::Release);
        self.wake_all();
    }

    /// How often somebody was put in quarantine.
    pub fn tripped(&self) -> u64 {
        self.tripped.load(Ordering::Acquire)
    }

    /// Somebody was put in quarantine: every association looks at once whether it is theirs, in mid message too.
    pub fn trip(&self) {
        self.tripped.fetch_add(1, Ordering::AcqRel);
        self.wake_all();
    }

    /// Whether associations should end.
    pub fn draining(&self) -> Drain {
        match self.drain.load(Ordering::Acquire) {
            0 => Drain::No,
            1 => Drain::Gently,
            _ => Drain::Now,
        }
    }

    /// Asks every association to end.
    pub fn drain(&self, how: Drain) {
        let value = match how {
            Drain::No => return,
            Drain::Gently => 1,
            Drain::Now => 2,
        };
        self.drain.fetch_max(value, Ordering::AcqRel);
        self.wake_all();
    }

    /// Waits until no connection is running.
    pub async fn emptied(&self) {
        loop {
            let notified = self.empty.notified();
            if self.running() == 0 {
                return;
            }
            notified.await;
        }
    }

    fn wake_all(&self) {
        for waker in self.lock().values() {
            waker.wake_by_ref();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Waker>> {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Has the task woken when something is asked of all associations.
    pub fn register(&self, waker: &Waker) {
        let mut wakers = self.live.lock();
        match wakers.get_mut(&self.id) {
            Some(known) if known.will_wake(waker) => {}
            Some(known) => known.clone_from(waker),
            None => {
                wakers.insert(self.id, waker.clone());
            }
        }
    }

    /// What is asked of all associations.
    pub fn live(&self) -> &Live {
        &self.live
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.live.lock().remove(&self.id);
        if self.live.running.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.live.empty.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drain_never_becomes_gentler_and_ends_when_the_last_has_left() {
        let live = Arc::new(Live::default());
        let place = live.enter();
        live.drain(Drain::Now);
        live.drain(Drain::Gently);
        assert_eq!(live.draining(), Drain::Now);
        assert_eq!(live.running(), 1);
        drop(place);
        assert_eq!(live.running(), 0);
    }
}
