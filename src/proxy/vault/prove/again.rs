//! Proves an archive again when what is proven of it grows older than `probe_every`: archives are updated, replaced and set
//! up anew, and nobody tells the gateway.
//!
//! It never makes the first proof, which is a person's: it stores objects that only the archive's own tools can delete. It
//! hears no deliveries, since the inside listener is the gateway's: what was found out of C-MOVE stays as it was, with its
//! date.

use super::proving::Proving;
use super::result::ProbeResult;
use super::send::Means;
use crate::audit::vault::{VaultCause, VaultNote};
use crate::config::who;
use crate::dicom::AeTitle;
use crate::proxy::shared::Shared;
use crate::proxy::snapshot::Snapshot;
use crate::proxy::vault::alert::alert;
use crate::proxy::vault::reach;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How often it is looked whether anything is due.
const LOOK: Duration = Duration::from_secs(60);
/// An archive that could not be proven is tried again after so long.
const RETRY: Duration = Duration::from_secs(3600);
/// The largest object is not longer, bytes: each time one more stays in the archive.
const LARGEST: u64 = 64 << 20;
/// So many kinds of objects are named in an alert.
const NAMED: usize = 3;

/// When archives were last tried.
pub type Tried = HashMap<AeTitle, Instant>;

/// Runs until it is dropped.
pub async fn keep(shared: Arc<Shared>) {
    let mut tried = Tried::new();
    loop {
        round(&shared, &mut tried).await;
        tokio::time::sleep(LOOK).await;
    }
}

/// Proves what is due, one archive after the other.
pub async fn round(shared: &Shared, tried: &mut Tried) {
    let titles: Vec<AeTitle> = shared.snapshot().settings.archives.iter().map(|archive| archive.ae_title).collect();
    for title in titles {
        // As it is now: an earlier one may have taken hours.
        let snapshot = shared.snapshot();
        let rested = tried.get(&title).is_none_or(|last| last.elapsed() >= RETRY);
        let Some(earlier) = due(&snapshot, &title).filter(|_| rested) else { continue };
        tried.insert(title, Instant::now());
        tracing::info!(archive = %title, "what is proven of it is old: it is proven again");
        match prove(shared, &snapshot, &title, &earlier).await {
            Ok(result) => settle(shared, &snapshot, &title, &earlier, result),
            Err(words) => {
                tracing::warn!(archive = %title, "it could not be proven again, and is tried again in an hour: {words}");
            }
        }
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
    ProbeResult::load(&settings.gateway.state, title).ok().flatten().filter(old)
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
    let Ok(_place) = shared.capacity.take(archive, false) else {
        return Err("it bears no more associations now".to_owned());
    };
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
        say: Box::new(|what| tracing::debug!("proving: {what}")),
    };
    let mut result = proving.prove().await.map_err(|fault| fault.to_string())?;
    result.take_moves(earlier);
    Ok(result)
}

/// The new result takes the place of the earlier one; what it no longer proves is told of.
fn settle(shared: &Shared, snapshot: &Snapshot, title: &AeTitle, earlier: &ProbeResult, result: ProbeResult) {
    if let Err(fault) = result.keep(&snapshot.settings.gateway.state, title) {
        // The earlier one stays, and so does what is sealed by it.
        tracing::error!(archive = %title, "what was found out cannot be kept, and is found out again in an hour: {fault}");
    }
    let lost = result.lost(earlier);
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
