//! Telling that something is wrong with an object of the vault: a record, a line in the log at level error, a metric.

use crate::audit::vault::VaultNote;
use crate::gate::{Refusal, Visit};
use crate::proxy::shared::Shared;

/// Tells of it. `visit`: whose association it came up on, if on one. Whoever asked is told the incident id alone.
pub fn alert(shared: &Shared, generation: u64, visit: Option<&Visit>, note: VaultNote<'_>) -> Refusal {
    let refusal = shared.gate.vault_alert(generation, visit, note);
    shared.metrics.vault_alerts.with_label_values(&[note.cause.as_str()]).inc();
    let VaultNote { cause, archive, instance, study, words, .. } = note;
    let incident = refusal.incident.map(tracing::field::display);
    tracing::error!(%archive, cause = cause.as_str(), instance, study, incident, "VAULT: an object is not as it was sealed: {words}");
    refusal
}
