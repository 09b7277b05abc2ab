//! The grants that this gateway knows: those it made, and those it found in the state.

use super::held::Held;
use super::turn::{self, Keeper};
use crate::config::{Correlate, Limits};
use crate::dicom::AeTitle;
use crate::state::{Grant, GrantId, NewGrant, Seen, State, StateFault};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a grant lives whose gateway says nothing any more, seconds: the longest move. No less than the longest
/// `deliveries_may_lag`, so that what is over never outlives what began after it.
const LIFE: i64 = 48 * 3600;
/// How long what the state says of another gateway's grant is taken for true, seconds. When a move is over its grant
/// stays in the state for a while, and only then may its message id be another's: well within that time the state is
/// asked again.
const FRESH: i64 = 5;

/// Why a C-MOVE that the gate permits does not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MoveRefusal {
    /// The state cannot be asked.
    State(StateFault),
    /// Another move to the same title is under way at this archive and did not end in time.
    Busy,
}

/// The grants that this gateway knows.
#[derive(Debug)]
pub struct Grants {
    state: State,
    shared: bool,
    now: fn() -> i64,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    by_originator: HashMap<(AeTitle, AeTitle, u16), Arc<Held>>,
    by_told: HashMap<(AeTitle, AeTitle), Vec<Arc<Held>>>,
    /// What is over, and when it is forgotten.
    ending: BTreeMap<(i64, GrantId), Arc<Held>>,
    /// Made here, and the final answer is not sent.
    running: usize,
    /// What all of them ask for, bytes.
    scopes: u64,
}

impl Grants {
    /// None yet. `shared`: other gateways use the same state. `now`: seconds since 1970.
    pub fn new(state: State, shared: bool, now: fn() -> i64) -> Self {
        Self { state, shared, now, known: Mutex::default() }
    }

    /// Where grants are kept.
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Makes a grant, once it is its turn where `correlate` asks for turns. It is in the state before this returns.
    pub async fn make(
        &self,
        mut new: NewGrant,
        correlate: Correlate,
        limits: &Limits,
    ) -> Result<Arc<Held>, MoveRefusal> {
        if self.known().scopes.saturating_add(size(&new)) > limits.move_scopes {
            let full = StateFault::TooMany { what: "bytes of what moves ask for", most: limits.move_scopes };
            return Err(MoveRefusal::State(full));
        }
        new.expires = (self.now)().saturating_add(LIFE);
        let turn = match correlate {
            Correlate::Originator => None,
            Correlate::Destination | Correlate::Serial => {
                let what = format!("move {} {}", new.archive, new.told);
                let turn = turn::take(&self.state, &what, limits.delivery_wait, self.now).await;
                Some(turn.map_err(MoveRefusal::State)?.ok_or(MoveRefusal::Busy)?)
            }
        };
        let keeper = turn.map(|turn| Keeper::new(self.state.clone(), turn));
        let grant = self.state.grant(new).await.map_err(MoveRefusal::State)?;
        let most = usize::try_from(limits.move_instances).unwrap_or(usize::MAX);
        let damaged = || MoveRefusal::State(StateFault::Damaged("a scope that cannot be read".to_owned()));
        let held = Arc::new(Held::new(grant, false, most).ok_or_else(damaged)?);
        if let Some(keeper) = keeper {
            held.keep_turn(tokio::spawn(keeper.keep(self.now)).abort_handle());
        }
        let mut known = self.known();
        known.running += 1;
        known.add(&held);
        Ok(held)
    }

    /// The grant that a delivery names, if this gateway knows it.
    pub fn known_by_originator(&self, archive: AeTitle, title: AeTitle, message: u16) -> Option<Arc<Held>> {
        let held = self.known().by_originator.get(&(archive, title, message)).cloned();
        held.filter(|held| held.is_fresh(Instant::now()))
    }

    /// The grant that a delivery names.
    pub async fn by_originator(
        &self,
        archive: AeTitle,
        title: AeTitle,
        message: u16,
        most: usize,
    ) -> Result<Option<Arc<Held>>, StateFault> {
        if let Some(held) = self.known_by_originator(archive, title, message) {
            return Ok(Some(held));
        }
        let found = self.state.grant_by_originator(archive, title, message).await?;
        if found.is_none() {
            self.known().by_originator.remove(&(archive, title, message));
        }
        Ok(found.and_then(|grant| self.adopt(grant, most)))
    }

    /// The grants that this gateway knows for what an archive sends to a title: those of moves under way first, and
    /// among them the latest.
    pub fn known_by_told(&self, archive: AeTitle, told: AeTitle) -> Vec<Arc<Held>> {
        let known = self.known().by_told.get(&(archive, told)).cloned().unwrap_or_default();
        ordered(known.into_iter().map(|held| (held.grant.grant.expires, held)).collect())
    }

    /// All grants in force for what an archive sends to a title, in the same order.
    pub async fn expected(&self, archive: AeTitle, told: AeTitle, most: usize) -> Result<Vec<Arc<Held>>, StateFault> {
        let stored = self.state.grants_by_destination(archive, told).await?;
        let adopted = stored.into_iter().filter_map(|grant| Some((grant.grant.expires, self.adopt(grant, most)?)));
        let mut all = ordered(adopted.collect());
        for known in self.known_by_told(archive, told) {
            if !known.foreign && !all.iter().any(|held| held.grant.id == known.grant.id) {
                all.push(known);
            }
        }
        Ok(all)
    }

    /// Moves asked for here whose final answer is not sent.
    pub fn running(&self) -> usize {
        self.known().running
    }

    /// The final answer to a move was sent, or never will be: deliveries may still come for a while.
    pub fn finish(self: &Arc<Self>, held: &Arc<Held>, lag: Duration) {
        held.set_over();
        let until = (self.now)().saturating_add(i64::try_from(lag.as_secs()).unwrap_or(i64::MAX));
        let id = held.grant.id;
        {
            let mut known = self.known();
            if !held.foreign {
                known.running = known.running.saturating_sub(1);
            }
            known.ending.insert((until, id), Arc::clone(held));
        }
        let (grants, held) = (Arc::clone(self), Arc::clone(held));
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                // Whoever has the next turn must find this one over.
                if let Err(fault) = grants.state.prolong_grant(id, until).await {
                    tracing::warn!(%fault, "the end of a move could not be noted");
                }
                held.end_turn();
            });
        }
    }

    /// Whether other gateways know the same grants.
    pub fn is_shared(&self) -> bool {
        self.shared
    }

    /// What other gateways have delivered under a grant.
    pub async fn all_seen(&self, id: GrantId) -> Result<Vec<Seen>, StateFault> {
        self.state.all_seen(id).await
    }

    /// Tells the requester's gateway that an instance was delivered.
    pub async fn note(&self, id: GrantId, seen: Seen) -> Result<(), StateFault> {
        self.state.seen(id, seen).await
    }

    fn adopt(&self, grant: Grant, most: usize) -> Option<Arc<Held>> {
        let mut known = self.known();
        let same = |held: &&Arc<Held>| held.grant.id == grant.id;
        let key = (grant.grant.archive, grant.grant.told);
        if let Some(held) = known.by_told.get(&key).and_then(|all| all.iter().find(same)) {
            held.learned_again(Instant::now());
            return Some(Arc::clone(held));
        }
        let until = grant.grant.expires.min((self.now)().saturating_add(FRESH));
        let held = Arc::new(Held::new(grant, true, most)?);
        known.add(&held);
        known.ending.insert((until, held.grant.id), Arc::clone(&held));
        Some(held)
    }

    /// What is known and not over.
    fn known(&self) -> MutexGuard<'_, Known> {
        // Whole values at every moment, so a thread that panicked with the lock left nothing half done.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.sweep((self.now)());
        known
    }
}

impl Known {
    fn add(&mut self, held: &Arc<Held>) {
        let grant = &held.grant.grant;
        self.scopes = self.scopes.saturating_add(size(grant));
        self.by_originator.insert((grant.archive, grant.title, held.grant.message), Arc::clone(held));
        self.by_told.entry((grant.archive, grant.told)).or_default().push(Arc::clone(held));
    }

    fn sweep(&mut self, now: i64) {
        while let Some(first) = self.ending.first_entry().filter(|first| first.key().0 < now) {
            let held = first.remove();
            let grant = &held.grant.grant;
            self.scopes = self.scopes.saturating_sub(size(grant));
            let key = (grant.archive, grant.title, held.grant.message);
            if self.by_originator.get(&key).is_some_and(|known| known.grant.id == held.grant.id) {
                self.by_originator.remove(&key);
            }
            let told = (grant.archive, grant.told);
            if let Some(all) = self.by_told.get_mut(&told) {
                all.retain(|known| known.grant.id != held.grant.id);
                if all.is_empty() {
                    self.by_told.remove(&told);
                }
            }
        }
    }
}

/// How much memory a grant takes that a requester can make longer, bytes.
fn size(grant: &NewGrant) -> u64 {
    u64::try_from(grant.scope.len()).unwrap_or(u64::MAX)
}

/// Oldest first and with their expiry in; out those of moves under way, the latest first, and behind them those that are
/// over. What is over at another gateway expires before anything that is under way.
fn ordered(mut grants: Vec<(i64, Arc<Held>)>) -> Vec<Arc<Held>> {
    grants.reverse();
    grants.sort_by_key(|(expires, held)| (held.is_over(), Reverse(*expires)));
    grants.into_iter().map(|(_, held)| held).collect()
}

#[cfg(test)]
mod tests;
