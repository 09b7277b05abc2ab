//! Proves an archive again when what is proven of it grows older than `probe_every`: archives are updated, replaced and set
//! up anew, and nobody tells the gateway.
//!
//! It never makes the first proof, which is a person's: it stores objects that only the archive's own tools can delete. It
//! hears no deliveries, since the inside listener is the gateway's: what was found out of C-MOVE stays as it was, with its
//! date.

use super::proving::Proving;
use super::result::ProbeResult;
use super::send::Means;
use crate::archive::capacity::Place;
use crate::audit::vault::{VaultCause, VaultNote};
use crate::config::{Archive, who};
use crate::dicom::AeTitle;
use crate::proxy::shared::Shared;
use crate::proxy::snapshot::Snapshot;
use crate::proxy::vault::alert::alert;
use crate::proxy::vault::convert::PATIENCE;
use crate::proxy::vault::reach;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

/// How often it is looked whether anything is due.
const LOOK: Duration = Duration::from_secs(60);
/// An archive that could not be proven is tried again after so long.
const RETRY: Duration = Duration::from_secs(3600);
/// The largest object is not longer, bytes: each time one more stays in the archive.
const LARGEST: u64 = 64 << 20;
/// So many kinds of objects are named in an alert.
const NAMED: usize = 3;

/// Proofs that are being made again, each by itself: one may be left alone for a week before it is looked at.
#[derive(Debug, Default)]
pub struct Again {
    /// When archives were last tried.
    tried: HashMap<AeTitle, Instant>,
    under_way: HashMap<AeTitle, AbortHandle>,
    tasks: JoinSet<()>,
}

/// Runs until it is dropped.
pub async fn keep(shared: Arc<Shared>) {
    let mut again = Again::default();
    loop {
        again.begin(&shared);
        tokio::time::sleep(LOOK).await;
    }
}

impl Again {
    /// Begins to prove what is due.
    pub fn begin(&mut self, shared: &Arc<Shared>) {
        while self.tasks.try_join_next().is_some() {}
        self.under_way.retain(|_, task| !task.is_finished());
        let snapshot = shared.snapshot();
        for archive in &snapshot.settings.archives {
            let title = archive.ae_title;
            keep_held(&snapshot, &title);
            let rested = self.tried.get(&title).is_none_or(|last| last.elapsed() >= RETRY);
            let free = rested && !self.under_way.contains_key(&title);
            let Some(earlier) = due(&snapshot, &title).filter(|_| free) else { continue };
            self.tried.insert(title, Instant::now());
            let (shared, snapshot) = (Arc::clone(shared), Arc::clone(&snapshot));
            let task = self.tasks.spawn(async move { one(&shared, &snapshot, &title, &earlier).await });
            self.under_way.insert(title, task);
        }
    }

    /// Waits until all that has begun is over.
    #[cfg(test)]
    pub async fn finish(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }

    /// When an archive was last tried.
    #[cfg(test)]
    pub fn tried(&self, archive: &AeTitle) -> Option<Instant> {
        self.tried.get(archive).copied()
    }
}

async fn one(shared: &Shared, snapshot: &Snapshot, title: &AeTitle, earlier: &ProbeResult) {
    tracing::info!(archive = %title, "what is proven of it is old: it is proven again");
    match prove(shared, snapshot, title, earlier).await {
        Ok(result) => {
            let why = result.why_unasked().unwrap_or_default().to_owned();
            match result.in_place_of(earlier) {
                Some(result) => settle(shared, title, earlier, result),
                None => {
                    tracing::warn!(archive = %title, "it could not be asked for all of it, and is tried again in an hour; what was proven stays so: {why}");
                }
            }
        }
        Err(words) => {
            tracing::warn!(archive = %title, "it could not be proven again, and is tried again in an hour: {words}");
        }
    }
}

/// What could not be written is written as soon as it can be.
fn keep_held(snapshot: &Snapshot, title: &AeTitle) {
    let Some(held) = snapshot.vault.as_ref().and_then(|room| room.proofs.held(title)) else { return };
    if held.keep(&snapshot.settings.gateway.state, title).is_ok() {
        tracing::info!(archive = %title, "what was found out is written now");
    }
}

/// What is proven of an archive and too old.
fn due(snapshot: &Snapshot, title: &AeTitle) -> Option<ProbeResult> {
    let settings = &snapshot.settings;
    let (vault, archive) = (settings.vault.as_ref()?, &snapshot.archive(title)?.settings);
    let now = jiff::Timestamp::now();
    let old = |result: &ProbeResult| result.is_of(&archive.address.to_string()) && result.age(now) > vault.probe_every;
    if !who::is_sealed_for(settings, archive) {
        return None;
    }
    let held = snapshot.vault.as_ref().and_then(|room| room.proofs.held(title)).map(|held| (*held).clone());
    held.or_else(|| ProbeResult::load(&settings.gateway.state, title).ok().flatten()).filter(old)
}

async fn prove(
    shared: &Shared,
    snapshot: &Snapshot,
    title: &AeTitle,
    earlier: &ProbeResult,
) -> Result<ProbeResult, String> {
    let settings = &snapshot.settings;
    let gone = || "it is no longer configured".to_owned();
    let (Some(room), Some(vault)) = (&snapshot.vault, &settings.vault) else { return Err(gone()) };
    let (Some(wiring), Some(how)) = (snapshot.archive(title), reach::reading(snapshot, title)) else {
        return Err(gone());
    };
    ProbeResult::can_be_kept(&settings.gateway.state, title).map_err(|fault| fault.to_string())?;
    let archive = &wiring.settings;
    let Ok(_permit) = shared.gate.look_up_own() else { return Err("nothing can be recorded".to_owned()) };
    let address = archive.address.to_string();
    let calling = who::callers(settings, archive).first().copied().unwrap_or(*title);
    let mut proving = Proving {
        target: reach::target(wiring, &address, calling),
        means: Means { context: Arc::clone(&room.context), options: Arc::clone(room.options(false)) },
        how,
        age: vault.probe_age,
        largest: earlier.largest.min(LARGEST),
        destinations: Vec::new(),
        ear: Err("the inside listener is the gateway's own".to_owned()),
        gateway: settings.gateway.name.to_string(),
        patience: PATIENCE,
        say: Box::new(|what| tracing::debug!("proving: {what}")),
    };
    let left = {
        let Some(_place) = place(shared, archive).await else { return Err(full()) };
        proving.leave().await.map_err(|fault| fault.to_string())?
    };
    // Its associations are everybody's meanwhile.
    tokio::time::sleep(proving.age).await;
    let Some(_place) = place(shared, archive).await else { return Err(full()) };
    let mut result = proving.look(left).await;
    result.take_moves(earlier);
    Ok(result)
}

fn full() -> String {
    "it bears no more associations now".to_owned()
}

/// One of the archive's associations, once there is one, within an hour.
async fn place(shared: &Shared, archive: &Archive) -> Option<Place> {
    let since = Instant::now();
    loop {
        match shared.capacity.take(archive, false) {
            Ok(place) => return Some(place),
            Err(_) if since.elapsed() >= RETRY => return None,
            Err(_) => tokio::time::sleep(LOOK).await,
        }
    }
}

/// The new result takes the place of the earlier one; what it no longer proves is told of.
fn settle(shared: &Shared, title: &AeTitle, earlier: &ProbeResult, result: ProbeResult) {
    // As it is now: it may have taken days.
    let snapshot = shared.snapshot();
    let lost = result.lost(earlier);
    if let Err(fault) = result.keep(&snapshot.settings.gateway.state, title) {
        tracing::error!(archive = %title, "what was found out cannot be written, and counts until the gateway ends: {fault}");
        if let Some(room) = &snapshot.vault {
            room.proofs.hold(title, result);
        }
    }
    if lost.is_empty() {
        return tracing::info!(archive = %title, "it is proven again: what is sealed for it comes back as before");
    }
    let more = match lost.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let named: Vec<&str> = lost.iter().take(NAMED).map(String::as_str).collect();
    let words = format!("{}{more}", named.join("; "));
    let note = VaultNote {
        who: None,
        cause: VaultCause::Unproven,
        archive: title.as_str(),
        instance: None,
        study: None,
        seal: None,
        words: &words,
    };
    // Nobody has asked.
    let _told = alert(shared, snapshot.generation, None, note);
}
