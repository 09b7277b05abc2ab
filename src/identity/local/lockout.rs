//! Lockout with backoff: how often a name may be tried. It counts names that do not exist like any other.

use crate::config::Limits;
use ring::digest;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Failures are forgotten this long after the last one, seconds.
const FORGOTTEN: i64 = 86_400;

/// How hard names are locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockoutLimits {
    /// Failures in a row that lock.
    pub failures: u32,
    /// How long the first time; doubled after each further failure.
    pub first: Duration,
    /// How long at most.
    pub longest: Duration,
    /// Names that are counted apart; of further ones the least tried are forgotten.
    pub names: usize,
}

impl LockoutLimits {
    /// How long a name is locked after so many failures in a row, seconds; 0: not at all.
    pub fn lasts(&self, failures: u32) -> i64 {
        let Some(further) = failures.checked_sub(self.failures.max(1)) else { return 0 };
        let first = self.first.as_secs().max(1);
        let lasts = first.saturating_mul(1_u64.checked_shl(further.min(32)).unwrap_or(u64::MAX));
        i64::try_from(lasts.min(self.longest.as_secs().max(1))).unwrap_or(i64::MAX)
    }
}

impl From<&Limits> for LockoutLimits {
    fn from(limits: &Limits) -> Self {
        Self {
            failures: limits.lockout_failures,
            first: limits.lockout_first,
            longest: limits.lockout_longest,
            names: usize::try_from(limits.lockout_names).unwrap_or(usize::MAX),
        }
    }
}

/// Who is locked: the digest of source and name, so that what is kept does not name anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subject(pub [u8; 32]);

impl Subject {
    /// The subject of a name, as it came over the wire, at a source.
    pub fn of(source: &str, name: &[u8]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in [b"dicomgate lockout 1".as_slice(), source.as_bytes(), name] {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        let mut bytes = [0; 32];
        bytes.copy_from_slice(context.finish().as_ref());
        Self(bytes)
    }
}

/// What an attempt counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The name is locked until then, seconds since 1970: even the right passcode is refused.
    Locked(i64),
    /// It was right, and the name is not locked.
    Clear,
    /// It was wrong; so many in a row now.
    Failed(u32),
}

/// Failures of one name in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Failures {
    count: u32,
    last: i64,
}

/// Failures of all names, in memory; kept through a reload.
#[derive(Debug, Default)]
pub struct Lockouts(Mutex<HashMap<Subject, Failures>>);

impl Lockouts {
    /// What an attempt counts for, in one step: a name that is locked stays so, whatever came; a failure is counted; the
    /// right passcode ends the count.
    pub fn judge(&self, subject: Subject, right: bool, limits: &LockoutLimits, now: i64) -> Verdict {
        let mut map = self.map();
        let known = map.get(&subject).copied().filter(|failures| failures.is_remembered(now));
        let until = known.map_or(now, |known| known.last.saturating_add(limits.lasts(known.count)));
        if until > now {
            return Verdict::Locked(until);
        }
        if right {
            map.remove(&subject);
            return Verdict::Clear;
        }
        if known.is_none() {
            make_room(&mut map, limits.names.max(1), now);
        }
        let count = known.map_or(0, |known| known.count).saturating_add(1);
        map.insert(subject, Failures { count, last: now });
        Verdict::Failed(count)
    }

    /// Until when the name is locked (seconds since 1970), if it is at `now`.
    pub fn locked_until(&self, subject: Subject, limits: &LockoutLimits, now: i64) -> Option<i64> {
        let known = self.map().get(&subject).copied().filter(|failures| failures.is_remembered(now))?;
        Some(known.last.saturating_add(limits.lasts(known.count))).filter(|until| *until > now)
    }

    /// Whole values at every moment, so a thread that panicked with the lock left nothing half done.
    fn map(&self) -> MutexGuard<'_, HashMap<Subject, Failures>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of too many names those go that have been tried least, the longest ago.
fn make_room(map: &mut HashMap<Subject, Failures>, most: usize, now: i64) {
    if map.len() < most {
        return;
    }
    map.retain(|_, failures| failures.is_remembered(now));
    while map.len() >= most {
        let least = map.iter().min_by_key(|(_, failures)| (failures.count, failures.last)).map(|(key, _)| *key);
        let Some(least) = least else { return };
        map.remove(&least);
    }
}

impl Failures {
    fn is_remembered(&self, now: i64) -> bool {
        now.saturating_sub(self.last) < FORGOTTEN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: LockoutLimits =
        LockoutLimits { failures: 5, first: Duration::from_secs(30), longest: Duration::from_secs(900), names: 3 };

    #[test]
    fn the_fifth_failure_locks_and_each_further_one_twice_as_long() {
        let lasts: Vec<i64> = (0..13).map(|failures| LIMITS.lasts(failures)).collect();
        assert_eq!(lasts, [0, 0, 0, 0, 0, 30, 60, 120, 240, 480, 900, 900, 900]);
        assert_eq!(LIMITS.lasts(u32::MAX), 900);
    }

    fn try_wrong(lockouts: &Lockouts, name: &[u8], times: u32, now: i64) -> Verdict {
        let judge = |_| lockouts.judge(Subject::of("local", name), false, &LIMITS, now);
        (0..times).map(judge).last().unwrap()
    }

    #[test]
    fn a_lock_ends_and_the_right_passcode_ends_the_count() {
        let (lockouts, who) = (Lockouts::default(), Subject::of("local", b"mueller"));
        let right = |now| lockouts.judge(who, true, &LIMITS, now);
        assert_eq!(try_wrong(&lockouts, b"mueller", 5, 100), Verdict::Failed(5));
        assert_eq!(try_wrong(&lockouts, b"mueller", 9, 100), Verdict::Locked(130), "tries while locked do not prolong");
        assert_eq!(right(129), Verdict::Locked(130), "the right one neither opens it nor is told apart");
        assert_eq!(try_wrong(&lockouts, b"meier", 1, 100), Verdict::Failed(1));
        assert_eq!(try_wrong(&lockouts, b"mueller", 1, 130), Verdict::Failed(6));
        assert_eq!(right(189), Verdict::Locked(190));
        assert_eq!(right(190), Verdict::Clear);
        assert_eq!(try_wrong(&lockouts, b"mueller", 1, 190), Verdict::Failed(1));
    }

    #[test]
    fn failures_are_forgotten_after_a_day() {
        let lockouts = Lockouts::default();
        try_wrong(&lockouts, b"mueller", 4, 100);
        assert_eq!(try_wrong(&lockouts, b"mueller", 1, 100 + FORGOTTEN), Verdict::Failed(1));
    }

    #[test]
    fn many_names_do_not_push_out_the_one_that_is_tried_most() {
        let lockouts = Lockouts::default();
        try_wrong(&lockouts, b"mueller", 5, 100);
        for number in 0..100_u32 {
            try_wrong(&lockouts, &number.to_be_bytes(), 1, 101);
        }
        assert_eq!(try_wrong(&lockouts, b"mueller", 1, 102), Verdict::Locked(130));
        assert!(lockouts.map().len() <= LIMITS.names);
    }

    #[test]
    fn subjects_are_told_apart_by_source_and_name() {
        assert_ne!(Subject::of("local", b"a"), Subject::of("ldap", b"a"));
        assert_ne!(Subject::of("ab", b"c"), Subject::of("a", b"bc"));
    }
}
