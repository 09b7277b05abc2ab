//! Refusals of callers that nobody knows: recorded one by one up to a rate, counted beyond it, so that a flood neither
//! fills the disk nor goes unrecorded.

use crate::audit::event::{Cause, Counted};
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// How much of a flood is recorded one by one, and how many of its addresses are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusalLimits {
    /// Refusals recorded one by one, a second, all listeners and addresses together.
    pub recorded: u32,
    /// How many of them may come at once.
    pub burst: u32,
    /// Addresses that are counted apart within one second; what comes from further ones is counted by listener and
    /// cause alone.
    pub addresses: usize,
}

impl Default for RefusalLimits {
    fn default() -> Self {
        Self { recorded: 50, burst: 200, addresses: 256 }
    }
}

/// What was refused since the last sum. Time is an argument.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) limits: RefusalLimits,
    /// When the next refusal would be due if they came evenly; ahead of now by what the burst has used up.
    due: Option<Instant>,
    since: Option<Instant>,
    /// Names of listeners; there are few.
    listeners: Vec<String>,
    counts: HashMap<Key, u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    listener: usize,
    /// `None`: one of those that the table has no place for.
    from: Option<IpAddr>,
    cause: Cause,
}

/// What was counted, to be recorded; or to be put back if that fails.
#[derive(Debug)]
pub(super) struct Sum {
    since: Instant,
    counts: HashMap<Key, u64>,
}

impl Tally {
    /// Whether one more refusal may be recorded by itself.
    pub(super) fn lets_through(&mut self, now: Instant) -> bool {
        let each = Duration::from_secs(1) / self.limits.recorded.max(1);
        let due = self.due.map_or(now, |due| due.max(now));
        if due.saturating_duration_since(now) > each.saturating_mul(self.limits.burst.saturating_sub(1)) {
            return false;
        }
        self.due = due.checked_add(each);
        true
    }

    /// Counts one that is not recorded by itself.
    pub(super) fn count(&mut self, listener: &str, from: IpAddr, cause: Cause, now: Instant) {
        let listener = match self.listeners.iter().position(|known| known == listener) {
            Some(index) => index,
            None => {
                self.listeners.push(listener.to_owned());
                self.listeners.len().saturating_sub(1)
            }
        };
        self.since.get_or_insert(now);
        let mut key = Key { listener, from: Some(from.to_canonical()), cause };
        if !self.counts.contains_key(&key) && self.counts.len() >= self.limits.addresses {
            key.from = None;
        }
        let count = self.counts.entry(key).or_default();
        *count = count.saturating_add(1);
    }

    /// Takes what was counted out. `None`: nothing was.
    pub(super) fn take(&mut self) -> Option<Sum> {
        Some(Sum { since: self.since.take()?, counts: std::mem::take(&mut self.counts) })
    }

    /// Puts it back: it could not be recorded yet.
    pub(super) fn put_back(&mut self, sum: Sum) {
        self.since = Some(self.since.map_or(sum.since, |since| since.min(sum.since)));
        for (mut key, more) in sum.counts {
            if !self.counts.contains_key(&key) && self.counts.len() >= self.limits.addresses {
                key.from = None;
            }
            let count = self.counts.entry(key).or_default();
            *count = count.saturating_add(more);
        }
    }

    /// Calls `record` with what was counted, the most first, and with how long it took to come together.
    pub(super) fn told<T>(&self, sum: &Sum, now: Instant, record: impl FnOnce(Duration, &[Counted<'_>]) -> T) -> T {
        let mut counted: Vec<Counted<'_>> = sum
            .counts
            .iter()
            .map(|(key, &count)| Counted {
                listener: self.listeners.get(key.listener).map_or("", String::as_str),
                from: key.from,
                cause: key.cause,
                count,
            })
            .collect();
        counted.sort_unstable_by(|one, other| other.count.cmp(&one.count).then(one.from.cmp(&other.from)));
        record(now.saturating_duration_since(sum.since), &counted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: RefusalLimits = RefusalLimits { recorded: 10, burst: 3, addresses: 4 };

    fn tally() -> Tally {
        Tally { limits: LIMITS, ..Tally::default() }
    }

    #[test]
    fn a_burst_passes_then_the_rate() {
        let (mut tally, start) = (tally(), Instant::now());
        let passed = |tally: &mut Tally, at: u64| tally.lets_through(start + Duration::from_millis(at));
        assert_eq!([0, 0, 0, 0, 50].map(|at| passed(&mut tally, at)), [true, true, true, false, false]);
        assert_eq!([100, 100, 199, 200].map(|at| passed(&mut tally, at)), [true, false, false, true]);
        // A quiet time gives the burst back, and no more than that.
        assert_eq!([9000; 5].map(|at| passed(&mut tally, at)), [true, true, true, false, false]);
    }

    #[test]
    fn addresses_beyond_the_table_are_counted_together() {
        let (mut tally, now) = (tally(), Instant::now());
        for last in 0..10 {
            tally.count("outside", [192, 0, 2, last].into(), Cause::Tls, now);
        }
        let sum = tally.take().unwrap();
        tally.told(&sum, now, |_, counted| {
            assert_eq!(counted.len(), 5);
            assert_eq!((counted[0].from, counted[0].count), (None, 6));
        });
        assert!(tally.take().is_none());
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_is_without_bound(
            refusals in prop::collection::vec((0_u8..3, 0_u8..40, 0_u8..2, any::<bool>()), 0..400),
        ) {
            let (mut tally, now) = (tally(), Instant::now());
            let mut recorded = 0;
            for (listener, address, cause, failed) in &refusals {
                let cause = if *cause == 0 { Cause::Tls } else { Cause::Limit };
                tally.count(&format!("listener {listener}"), [10, 0, 0, *address].into(), cause, now);
                if *failed && let Some(sum) = tally.take() {
                    tally.put_back(sum);
                } else if address % 7 == 0 && let Some(sum) = tally.take() {
                    recorded += tally.told(&sum, now, |_, counted| counted.iter().map(|one| one.count).sum::<u64>());
                }
                // Addresses of the table, and one place for the rest of each listener and cause.
                prop_assert!(tally.counts.len() <= LIMITS.addresses + 3 * 2);
            }
            let left = tally.take().map_or(0, |sum| sum.counts.values().sum());
            prop_assert_eq!(recorded + left, u64::try_from(refusals.len()).unwrap());
        }
    }
}
