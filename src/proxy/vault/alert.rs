//! Telling that something is wrong with an object of the vault: a record, a line in the log at level error, a metric.

use super::verify::VerifyFault;
use crate::audit::vault::{VaultCause, VaultNote};
use crate::gate::{Refusal, Visit};
use crate::proxy::shared::Shared;
use crate::transform::open::OpenFault;

/// Tells of it. `visit`: whose association it came up on, if on one. Whoever asked is told the incident id alone.
pub fn alert(shared: &Shared, generation: u64, visit: Option<&Visit>, note: VaultNote<'_>) -> Refusal {
    let refusal = shared.gate.vault_alert(generation, visit, note);
    shared.metrics.vault_alerts.with_label_values(&[note.cause.as_str()]).inc();
    let VaultNote { cause, archive, instance, study, words, .. } = note;
    let incident = refusal.incident.map(tracing::field::display);
    let what = match instance {
        Some(_) => "an object is not as it was sealed",
        None => "the archive does not do what was proven of it",
    };
    tracing::error!(%archive, cause = cause.as_str(), instance, study, incident, "VAULT: {what}: {words}");
    refusal
}

/// What a fault while it is opened means; `None`: nothing points at the archive.
pub fn cause_of(fault: &OpenFault) -> Option<VaultCause> {
    Some(match fault.cause()? {
        "tampered" => VaultCause::Tampered,
        "truncated" => VaultCause::Truncated,
        "missing" | "reordered" | "trailing" | "other-seal" => VaultCause::Disordered,
        "other-object" => VaultCause::Swapped,
        "unknown-key" => VaultCause::UnknownKey,
        "no-origin" | "not-for-key" => VaultCause::Forged,
        "escrow-stripped" => VaultCause::EscrowStripped,
        "items-gone" => VaultCause::Lossy,
        _ => VaultCause::Foreign,
    })
}

/// What it means that an instance could not be read back whole; `None`: nothing points at what the archive holds.
pub fn cause_of_reading(fault: &VerifyFault) -> Option<VaultCause> {
    Some(match fault {
        fault if fault.is_transient() => return None,
        VerifyFault::Link(_) | VerifyFault::Failed(_) | VerifyFault::NotOffered | VerifyFault::Unasked(_) => {
            return None;
        }
        VerifyFault::Decode(_) => VaultCause::Foreign,
        VerifyFault::Gone(_) => VaultCause::NotKept,
        VerifyFault::Plain => VaultCause::Forged,
        VerifyFault::Other(_) => VaultCause::RolledBack,
        VerifyFault::Foreign => VaultCause::Swapped,
        VerifyFault::Open(fault) => return cause_of(fault),
    })
}
