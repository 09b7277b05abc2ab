//! Records and log lines about reports.

use crate::audit::commitment::{CommitmentNote, Instances, Stage};
use crate::dicom::commitment::Report;
use crate::proxy::shared::Shared;
use crate::state::{self, Commitment};

/// How many instances a report is about, `withheld` of them kept back.
pub fn instances(report: &Report, withheld: usize) -> Instances {
    Instances { committed: report.committed.len(), failed: report.failed.len(), withheld }
}

/// Says whose report it is.
pub fn of<'a>(commitment: &'a Commitment, stage: Stage) -> CommitmentNote<'a> {
    CommitmentNote {
        stage,
        archive: commitment.key.archive.as_str(),
        peer: Some(&commitment.requester),
        title: Some(commitment.requester_title.as_str()),
        transaction: Some(commitment.key.transaction.as_str()),
        ..CommitmentNote::default()
    }
}

/// Records, counts and logs. `false`: it could not be recorded.
pub fn note(shared: &Shared, note: CommitmentNote<'_>) -> bool {
    let stage = note.stage;
    shared.metrics.commit_reports.with_label_values(&[stage.as_str()]).inc();
    let (archive, peer) = (note.archive.to_owned(), note.peer.unwrap_or("nobody").to_owned());
    let words = note.words.unwrap_or_default().to_owned();
    let written = shared.gate.commitment(shared.snapshot().generation, note);
    let incident = written.as_ref().ok().and_then(|receipt| receipt.incident);
    let incident = incident.map(|incident| incident.to_string()).unwrap_or_default();
    match stage {
        Stage::Accepted | Stage::Delivered => {
            tracing::debug!(archive, peer, "storage commitment report {}", stage.as_str());
        }
        Stage::Doubted => tracing::error!(archive, peer, incident, "storage commitment report: {words}"),
        Stage::Refused => tracing::warn!(archive, incident, "storage commitment report refused: {words}"),
        Stage::Undeliverable => {
            tracing::error!(archive, peer, incident, "storage commitment report given up: {words}");
        }
    }
    written.is_ok()
}

/// An attempt came to nothing; it is tried again.
pub fn failed(shared: &Shared, report: &state::Report, words: &str, seconds: i64) {
    shared.metrics.commit_reports.with_label_values(&["failed"]).inc();
    tracing::warn!(
        archive = %report.commitment.key.archive,
        peer = %report.commitment.requester,
        attempt = report.attempts.saturating_add(1),
        "storage commitment report waits, tried again in {seconds} s: {words}"
    );
}
