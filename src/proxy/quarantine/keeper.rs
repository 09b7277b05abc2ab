//! The task that writes into the state what was tripped here, takes in what others have written, and tells people.

use super::super::shared::Shared;
use super::last;
use crate::gate::{Held, Tripped, Use};
use crate::state::{NewReview, Quarantined, State, StateFault};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often the state is asked who is in quarantine.
const LOOK: Duration = Duration::from_secs(1);

/// Takes in who is in quarantine, before anybody is let in: by what the state says or, where it does not answer, by what
/// this gateway knew last.
pub(in super::super) async fn load(shared: &Shared) {
    let folder = &shared.snapshot().settings.gateway.state;
    match shared.grants.state().quarantined().await {
        Ok(rows) => take_in(shared, &rows).await,
        Err(fault) => {
            let known = last::read(folder);
            tracing::error!(%fault, held = known.len(), "who is in quarantine is not told now; who was last is held");
            take_in(shared, &known).await;
        }
    }
}

/// Keeps the set and the state alike until told to stop.
pub(in super::super) async fn keep(shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let mut keeper = Keeper { shared, reviews: VecDeque::new(), away: false, kept: None };
    loop {
        let shared = Arc::clone(&keeper.shared);
        let stops = tokio::select! {
            () = tokio::time::sleep(LOOK) => false,
            () = shared.gate.rung() => false,
            _ = stopped.wait_for(|stop| *stop) => true,
        };
        keeper.look().await;
        if stops {
            return;
        }
    }
}

struct Keeper {
    shared: Arc<Shared>,
    /// Uses of emergency access that the state does not have yet.
    reviews: VecDeque<NewReview>,
    /// The state does not answer, and that was said.
    away: bool,
    /// What was last written for a start at which the state does not answer.
    kept: Option<Vec<Quarantined>>,
}

impl Keeper {
    async fn look(&mut self) {
        for tripped in self.shared.gate.tripped() {
            tell_tripped(&self.shared, &tripped);
        }
        for used in self.shared.gate.emergencies() {
            tell_used(&self.shared, &used);
            self.reviews.push_back(used.review);
        }
        let done = self.write_and_read().await;
        self.keep_last();
        match done {
            Err(fault) if !self.away => {
                tracing::error!(%fault, "quarantine is not shared now; who is known to be in it stays in it");
                self.away = true;
            }
            Ok(()) if self.away => {
                tracing::info!("quarantine is shared again");
                self.away = false;
            }
            _ => {}
        }
    }

    async fn write_and_read(&mut self) -> Result<(), StateFault> {
        let state = self.shared.grants.state().clone();
        for held in self.shared.gate.quarantine().all().iter().filter(|held| !held.stored) {
            state.quarantine(&held.to_row()).await?;
            self.shared.gate.quarantine().stored(held);
        }
        self.put_reviews(&state).await?;
        let rows = state.quarantined().await?;
        take_in(&self.shared, &rows).await;
        Ok(())
    }

    /// For a start at which the database that gateways share does not answer.
    fn keep_last(&mut self) {
        let gateway = &self.shared.snapshot().settings.gateway;
        if gateway.database.is_none() {
            return;
        }
        let mut all: Vec<_> = self.shared.gate.quarantine().all().iter().map(|held| held.to_row()).collect();
        all.sort_by(|a, b| a.subject.cmp(&b.subject));
        if self.kept.as_ref() != Some(&all) {
            if let Err(fault) = last::write(&gateway.state, &all) {
                tracing::error!(%fault, "who is in quarantine could not be noted in the state folder");
            }
            self.kept = Some(all);
        }
    }

    async fn put_reviews(&mut self, state: &State) -> Result<(), StateFault> {
        while let Some(review) = self.reviews.front() {
            state.review(review).await?;
            self.reviews.pop_front();
        }
        Ok(())
    }
}

/// Takes in what the state says, and records what others have released.
async fn take_in(shared: &Shared, rows: &[Quarantined]) {
    let change = shared.gate.quarantine().take_in(rows);
    if !change.added.is_empty() {
        shared.live.trip();
    }
    for held in &change.added {
        let Held { subject, why, incident, gateway, .. } = &**held;
        tracing::error!(%subject, why = %why, incident = %incident, gateway = %gateway, "in quarantine until released");
    }
    for held in &change.missing {
        tracing::error!(subject = %held.subject, "a quarantine has gone from the state without a release; it holds on");
    }
    for over in &change.released {
        let generation = shared.snapshot().generation;
        match shared.gate.quarantine_released(generation, over) {
            Ok(_) => {
                let by = over.release.as_ref().map(|release| release.by.as_str());
                tracing::warn!(subject = %over.subject, by, "released from quarantine");
                if let Err(fault) = shared.grants.state().release_noted(over).await {
                    tracing::debug!(%fault, "that a release is recorded is noted the next time");
                }
            }
            Err(_) => tracing::error!(subject = %over.subject, "a release from quarantine could not be recorded"),
        }
    }
}

fn tell_tripped(shared: &Shared, tripped: &Tripped) {
    let Tripped { held, wire } = tripped;
    shared.metrics.quarantines.with_label_values(&[wire.as_str()]).inc();
    let Held { subject, why, incident, .. } = &**held;
    tracing::error!(
        %subject, why = %why, incident = %incident,
        "QUARANTINE: nothing is let through until `dicomgate quarantine release {subject}`"
    );
}

fn tell_used(shared: &Shared, used: &Use) {
    shared.metrics.emergencies.inc();
    let NewReview { user, peer, rule, incident, .. } = &used.review;
    tracing::error!(
        user,
        peer,
        rule,
        incident,
        seconds = used.seconds,
        "EMERGENCY ACCESS: a rule that breaks the glass is used; `dicomgate audit review` lists it"
    );
}
