//! Moves that an archive's deliveries cannot be told apart by take turns.

use crate::state::{State, StateFault, Turn};
use std::time::Duration;

/// How long a turn is kept by a gateway that says nothing any more, seconds.
const LEASE: i64 = 10;
/// How often it says something.
const RENEW: Duration = Duration::from_secs(3);
/// How often somebody who waits asks.
const ASK: Duration = Duration::from_millis(50);

/// Waits for a turn. `None`: nobody gave it up within `wait`.
pub(super) async fn take(
    state: &State,
    what: &str,
    wait: Duration,
    now: fn() -> i64,
) -> Result<Option<Turn>, StateFault> {
    let until = tokio::time::Instant::now() + wait;
    loop {
        if let Some(turn) = state.take_turn(what, now().saturating_add(LEASE)).await? {
            return Ok(Some(turn));
        }
        if tokio::time::Instant::now() >= until {
            return Ok(None);
        }
        tokio::time::sleep(ASK).await;
    }
}

/// Gives a turn back when it is dropped.
#[derive(Debug)]
pub(super) struct Keeper {
    state: State,
    turn: Option<Turn>,
}

impl Keeper {
    pub(super) const fn new(state: State, turn: Turn) -> Self {
        Self { state, turn: Some(turn) }
    }

    /// Keeps the turn until it is aborted, or the turn is lost.
    pub(super) async fn keep(self, now: fn() -> i64) {
        loop {
            tokio::time::sleep(RENEW).await;
            let Some(turn) = &self.turn else { return };
            match self.state.keep_turn(turn, now().saturating_add(LEASE)).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(fault) => tracing::warn!(%fault, "the turn of a move cannot be kept"),
            }
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let Some(turn) = self.turn.take() else { return };
        let state = self.state.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                // Nobody to tell: the lease ends by itself.
                if let Err(fault) = state.give_turn(turn).await {
                    tracing::warn!(%fault, "the turn of a move could not be given back");
                }
            });
        }
    }
}
