//! Keys that were learned from a provider: for how long they count, and when it is asked again.
//!
//! One question at a time for each provider; whoever needs its outcome waits for it. A caller that goes away does not
//! take the question along.

use super::keys::Keys;
use super::provider::Published;
use arc_swap::ArcSwapOption;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// A key that nobody knows makes the provider be asked again: at most once in this time, or strangers could have it asked
/// as often as they like.
const UNKNOWN_KEY: Duration = Duration::from_secs(60);
/// After a question without answer callers do not have it asked again for this long.
const FAILED: Duration = Duration::from_secs(5);

/// What is known of one provider.
#[derive(Debug, Default)]
pub(super) struct Cache {
    known: ArcSwapOption<Known>,
    /// Why the last question had no answer.
    away: ArcSwapOption<String>,
    /// Questions that were answered or failed.
    asked: AtomicU64,
    flight: Mutex<Flight>,
}

/// Keys, and since when.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) keys: Keys,
    since: Instant,
    fresh_until: Instant,
}

/// Who holds it is the one who asks.
#[derive(Debug, Default)]
struct Flight {
    last: Option<Instant>,
    unknown_key: Option<Instant>,
}

/// Why the provider is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// Nothing is known, or not freshly.
    Stale,
    /// A token names a key that is not known.
    UnknownKey,
    /// It is time: the one who keeps keys fresh paces himself.
    Due,
}

impl Cache {
    /// Whether the last question was answered; `false` before the first.
    pub(super) fn is_up(&self) -> bool {
        self.asked.load(Ordering::Acquire) > 0 && self.away.load().is_none()
    }

    /// Why the last question had no answer.
    pub(super) fn away(&self) -> Option<Arc<String>> {
        self.away.load_full()
    }

    /// Keys that still count: learned at most `keys_for` ago.
    pub(super) fn usable(&self, keys_for: Duration, at: Instant) -> Option<Arc<Known>> {
        let known = self.known.load_full()?;
        // Fresh ones count whatever `keys_for` says: it is about a provider that is away.
        let counts = at < known.fresh_until || at.saturating_duration_since(known.since) < keys_for;
        counts.then_some(known)
    }

    /// When the provider is to be asked again.
    pub(super) fn due(&self) -> Option<Instant> {
        self.known.load().as_ref().map(|known| known.fresh_until)
    }

    /// The keys for a token that names `key`. Asks the provider first where what is known is not fresh, or lacks the
    /// key; `None` where nothing that counts is known then.
    pub(super) async fn keys<F>(
        self: &Arc<Self>,
        key: Option<&str>,
        keys_for: Duration,
        at: Instant,
        ask: impl FnOnce() -> F,
    ) -> Option<Arc<Known>>
    where
        F: Future<Output = Result<Published, String>> + Send + 'static,
    {
        let asked = self.asked.load(Ordering::Acquire);
        let reason = match self.usable(keys_for, at) {
            // While it is away nobody waits for it, as long as there is a key to go on with.
            Some(known) if known.keys.has(key) && (at < known.fresh_until || self.away.load().is_some()) => {
                return Some(known);
            }
            Some(known) if !known.keys.has(key) => Reason::UnknownKey,
            _ => Reason::Stale,
        };
        self.refresh(reason, asked, at, ask()).await;
        self.usable(keys_for, at)
    }

    /// Asks, unless somebody did since `asked` was counted, or the reason came up just before.
    pub(super) async fn refresh<F>(self: &Arc<Self>, reason: Reason, asked: u64, at: Instant, ask: F)
    where
        F: Future<Output = Result<Published, String>> + Send + 'static,
    {
        let cache = Arc::clone(self);
        let question = tokio::spawn(async move {
            let mut flight = cache.flight.lock().await;
            if cache.asked.load(Ordering::Acquire) != asked {
                return;
            }
            let within =
                |last: Option<Instant>, wait| last.is_some_and(|last| at.saturating_duration_since(last) < wait);
            match reason {
                Reason::UnknownKey if within(flight.unknown_key, UNKNOWN_KEY) => return,
                Reason::UnknownKey | Reason::Stale if cache.away.load().is_some() && within(flight.last, FAILED) => {
                    return;
                }
                Reason::UnknownKey => flight.unknown_key = Some(at),
                Reason::Stale | Reason::Due => {}
            }
            flight.last = Some(at);
            cache.learn(ask.await, at);
        });
        // It fails only if it panics, and then nothing was learned.
        let _ = question.await;
    }

    /// How many questions there were until now.
    pub(super) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Acquire)
    }

    fn learn(&self, published: Result<Published, String>, at: Instant) {
        match published {
            Ok(Published { keys, fresh }) => {
                for left_out in &keys.left_out {
                    tracing::debug!("a published key is not used: {left_out}");
                }
                self.known.store(Some(Arc::new(Known { keys, since: at, fresh_until: at + fresh })));
                if self.away.swap(None).is_some() {
                    tracing::info!("an identity provider is back");
                }
            }
            Err(words) => {
                let before = self.away.swap(Some(Arc::new(words.clone())));
                if before.is_none_or(|before| *before != words) {
                    tracing::warn!("an identity provider is away, its known keys go on for `keys_for`: {words}");
                }
            }
        }
        self.asked.fetch_add(1, Ordering::AcqRel);
    }
}
