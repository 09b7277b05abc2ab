//! What resumption keeps, here in memory and nowhere else: bounded in number, size and age.

use rustls::server::StoresServerSessions;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// Limits of the session store of one TLS configuration.
#[derive(Debug, Clone, Copy)]
pub struct SessionLimits {
    /// Sessions kept; the oldest goes first. 0 turns resumption off.
    pub sessions: usize,
    /// Bytes of one session, the client's certificate chain included; larger ones are not kept.
    pub session_bytes: usize,
    /// How long a session may be resumed; more than an hour counts as an hour.
    pub lifetime: Duration,
}

impl SessionLimits {
    /// The longest lifetime that any configuration gets.
    pub const LONGEST: Duration = Duration::from_secs(3600);
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self { sessions: 2048, session_bytes: 16 * 1024, lifetime: Self::LONGEST }
    }
}

/// Sessions of one TLS configuration. A reload makes a new configuration and so forgets them all.
pub struct SessionStore {
    limits: SessionLimits,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    sessions: HashMap<Vec<u8>, Session>,
    /// Keys in the order in which they came; some may have been taken since.
    order: VecDeque<Vec<u8>>,
}

struct Session {
    value: Zeroizing<Vec<u8>>,
    since: Instant,
}

impl SessionStore {
    /// An empty store.
    pub fn new(limits: SessionLimits) -> Self {
        let lifetime = limits.lifetime.min(SessionLimits::LONGEST);
        Self { limits: SessionLimits { lifetime, ..limits }, kept: Mutex::default() }
    }

    /// How many sessions are kept now.
    pub fn count(&self) -> usize {
        self.with(|kept| kept.sessions.len())
    }

    fn with<T>(&self, work: impl FnOnce(&mut Kept) -> T) -> T {
        work(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn keep(&self, key: Vec<u8>, value: Vec<u8>, now: Instant) -> bool {
        let value = Zeroizing::new(value);
        if self.limits.sessions == 0 || value.len() > self.limits.session_bytes {
            return false;
        }
        self.with(|kept| {
            while kept.order.len() >= self.limits.sessions {
                let Some(oldest) = kept.order.pop_front() else { break };
                kept.sessions.remove(&oldest);
            }
            kept.order.push_back(key.clone());
            kept.sessions.insert(key, Session { value, since: now });
        });
        true
    }

    fn look(&self, key: &[u8], now: Instant) -> Option<Vec<u8>> {
        self.with(|kept| Self::young(kept.sessions.get(key)?, self.limits.lifetime, now))
    }

    fn withdraw(&self, key: &[u8], now: Instant) -> Option<Vec<u8>> {
        self.with(|kept| Self::young(&kept.sessions.remove(key)?, self.limits.lifetime, now))
    }

    fn young(session: &Session, lifetime: Duration, now: Instant) -> Option<Vec<u8>> {
        (now.saturating_duration_since(session.since) < lifetime).then(|| session.value.to_vec())
    }
}

impl StoresServerSessions for SessionStore {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.keep(key, value, Instant::now())
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.look(key, Instant::now())
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.withdraw(key, Instant::now())
    }

    fn can_cache(&self) -> bool {
        self.limits.sessions > 0
    }
}

impl fmt::Debug for SessionStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionStore").field("limits", &self.limits).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_is_bounded_in_number_size_and_age() {
        let limits = SessionLimits { sessions: 2, session_bytes: 4, lifetime: Duration::from_secs(86_400) };
        let store = SessionStore::new(limits);
        let start = Instant::now();
        assert!(store.keep(vec![1], vec![1; 4], start));
        assert!(!store.keep(vec![2], vec![2; 5], start), "larger than allowed");
        assert!(store.keep(vec![3], vec![3], start));
        assert!(store.keep(vec![4], vec![4], start));
        assert_eq!(store.count(), 2);
        assert_eq!(store.look(&[1], start), None, "the oldest made room");
        let hour = SessionLimits::LONGEST;
        assert_eq!(store.look(&[3], start + hour - Duration::from_secs(1)), Some(vec![3]));
        assert_eq!(store.look(&[3], start + hour), None, "a day was asked for, an hour is given");
        assert_eq!(store.withdraw(&[4], start), Some(vec![4]));
        assert_eq!(store.withdraw(&[4], start), None, "a ticket works once");
    }

    #[test]
    fn no_sessions_at_all_can_be_asked_for() {
        let store = SessionStore::new(SessionLimits { sessions: 0, ..SessionLimits::default() });
        assert!(!store.can_cache());
        assert!(!store.put(vec![1], vec![1]));
    }
}
