//! Where wrong passcodes are counted: in the state, so that replicas and a restart know of them, or, where there is
//! none, in memory.

use super::lockout::{LockoutLimits, Lockouts, Subject, Verdict};
use crate::state::{LockoutRule, State, StateFault};
use std::sync::OnceLock;
use tokio::sync::Mutex;

/// After so many seconds without a further one, wrong passcodes are forgotten.
const FORGOTTEN: u32 = 86_400;

/// Names that are judged at the same time.
const TURNS: usize = 32;

/// Counts wrong passcodes. A reload keeps it.
#[derive(Debug, Default)]
pub struct Guard {
    memory: Lockouts,
    state: OnceLock<State>,
    /// One attempt at a name is judged at a time, or all that come at once would be judged by what was known before.
    turns: [Mutex<()>; TURNS],
}

impl Guard {
    /// From now on in the state; said once.
    pub fn share(&self, state: &State) {
        let _ = self.state.set(state.clone());
    }

    /// Until when nobody gets another try (seconds since 1970), if that lies ahead.
    ///
    /// # Errors
    /// The state does not answer.
    pub async fn locked_until(
        &self,
        subject: Subject,
        limits: &LockoutLimits,
        now: i64,
    ) -> Result<Option<i64>, StateFault> {
        match self.state.get() {
            Some(state) => state.locked_until(&key(state, subject)).await,
            None => Ok(self.memory.locked_until(subject, limits, now)),
        }
    }

    /// What an attempt counts for; see [`Lockouts::judge`].
    ///
    /// # Errors
    /// The state does not answer: then nobody is let in.
    pub async fn judge(
        &self,
        subject: Subject,
        right: bool,
        limits: &LockoutLimits,
        now: i64,
    ) -> Result<Verdict, StateFault> {
        let Some(state) = self.state.get() else { return Ok(self.memory.judge(subject, right, limits, now)) };
        let key = key(state, subject);
        let place = usize::from(key.first().copied().unwrap_or_default()) % TURNS;
        let _turn = match self.turns.get(place) {
            Some(turn) => Some(turn.lock().await),
            None => None,
        };
        let known = state.failures(&key).await?;
        if known.until > now {
            return Ok(Verdict::Locked(known.until));
        }
        if !right {
            return Ok(Verdict::Failed(state.failed(&key, &rule(limits)).await?.failures));
        }
        if known.failures > 0 {
            state.cleared(&key).await?;
        }
        Ok(Verdict::Clear)
    }
}

fn key(state: &State, subject: Subject) -> [u8; 16] {
    state.hash("lockout", &[&subject.0])
}

fn rule(limits: &LockoutLimits) -> LockoutRule {
    let seconds = |span: std::time::Duration| u32::try_from(span.as_secs()).unwrap_or(u32::MAX);
    LockoutRule {
        free: limits.failures.saturating_sub(1),
        first: seconds(limits.first),
        most: seconds(limits.longest),
        forget: FORGOTTEN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::StateOptions;
    use std::sync::Arc;
    use std::time::Duration;

    #[tokio::test]
    async fn the_state_counts_as_memory_does() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(StateOptions::new(folder.path(), Arc::new(|_| {}), || 1000)).await.unwrap();
        let limits = LockoutLimits {
            failures: 3,
            first: Duration::from_secs(30),
            longest: Duration::from_secs(900),
            names: 100,
        };
        let (memory, shared, replica) = (Guard::default(), Guard::default(), Guard::default());
        shared.share(&state);
        replica.share(&state);
        for (name, right) in
            [("a", false), ("a", true), ("a", false), ("a", false), ("b", false), ("a", false), ("a", true)]
        {
            let who = Subject::of("local", name.as_bytes());
            let expected = memory.judge(who, right, &limits, 1000).await.unwrap();
            assert_eq!(shared.judge(who, right, &limits, 1000).await.unwrap(), expected, "{name} {right}");
        }
        let who = Subject::of("local", b"a");
        assert_eq!(replica.judge(who, true, &limits, 1000).await.unwrap(), Verdict::Locked(1030), "replicas know");
        assert_eq!(replica.locked_until(who, &limits, 1000).await.unwrap(), Some(1030));
        assert_eq!(memory.locked_until(who, &limits, 1029).await.unwrap(), Some(1030));
        assert_eq!(memory.locked_until(who, &limits, 1030).await.unwrap(), None);
    }

    #[tokio::test]
    async fn of_many_guesses_at_once_no_more_count_in_the_state_either() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(StateOptions::new(folder.path(), Arc::new(|_| {}), || 1000)).await.unwrap();
        let limits = LockoutLimits {
            failures: 3,
            first: Duration::from_secs(30),
            longest: Duration::from_secs(900),
            names: 100,
        };
        let guard = Arc::new(Guard::default());
        guard.share(&state);
        let who = Subject::of("local", b"a");
        let mut guesses = tokio::task::JoinSet::new();
        for guess in 0..20 {
            let guard = Arc::clone(&guard);
            // The last one is right.
            guesses.spawn(async move { (guess, guard.judge(who, guess == 19, &limits, 1000).await.unwrap()) });
        }
        let mut all = guesses.join_all().await;
        all.sort_unstable_by_key(|(guess, _)| *guess);
        let judged: Vec<Verdict> = all.into_iter().map(|(_, verdict)| verdict).collect();
        assert_eq!(judged.iter().filter(|verdict| matches!(verdict, Verdict::Failed(_))).count(), 3, "{judged:?}");
        assert_eq!(judged.last(), Some(&Verdict::Locked(1030)), "{judged:?}");
    }
}
