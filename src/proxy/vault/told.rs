//! What commands beside this gateway did to an archive's objects goes into its audit log: the log has one writer.

use crate::audit::round::{RoundNote, RoundStep};
use crate::audit::vault::VaultCause;
use crate::proxy::shared::Shared;
use crate::state::{StateFault, Told};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often the state is asked what was told.
const LOOK: Duration = Duration::from_secs(1);
/// So much is taken at once.
const BATCH: u32 = 500;

/// Records what was told, until told to stop; what is told then waits in the state for the next start.
pub async fn keep(shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let mut away = false;
    loop {
        match take_in(&shared).await {
            Err(fault) if !away => {
                tracing::error!(%fault, "what commands did to archives is not recorded now; it waits in the state");
                away = true;
            }
            Ok(true) => {
                away = false;
                continue;
            }
            Ok(false) => away = false,
            Err(_) => {}
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
    }
}

/// Whether there may be more.
async fn take_in(shared: &Shared) -> Result<bool, StateFault> {
    let snapshot = shared.snapshot();
    let state = shared.grants.state();
    let all = state.told(&snapshot.settings.gateway.name, BATCH).await?;
    let more = u32::try_from(all.len()).is_ok_and(|count| count == BATCH);
    for told in all {
        if !record(shared, snapshot.generation, &told) {
            // The log cannot be written: all of it waits.
            return Ok(false);
        }
        state.told_noted(told).await?;
    }
    Ok(more)
}

/// Whether it is recorded, or can never be.
fn record(shared: &Shared, generation: u64, told: &Told) -> bool {
    let Some(note) = told.what.as_deref().and_then(|what| serde_json::from_str::<RoundNote>(what).ok()) else {
        tracing::error!("what a command told to be recorded is not what a command wrote: it is dropped");
        return true;
    };
    let Ok(receipt) = shared.gate.round(generation, &note) else { return false };
    if note.step.is_alarming() {
        shared.metrics.vault_alerts.with_label_values(&[VaultCause::NotKept.as_str()]).inc();
        let incident = receipt.incident.map(tracing::field::display);
        let RoundNote { archive, instance, words, .. } = &note;
        let instance = instance.as_deref();
        tracing::error!(%archive, instance, incident, "VAULT: the archive did not keep a sealed object: {words}");
    }
    if matches!(note.step, RoundStep::Begun | RoundStep::Ended) {
        tracing::info!(archive = %note.archive, by = %note.by, step = note.step.event(), "sealing what an archive holds");
    }
    true
}
