//! What machines may see of a running gateway: readiness and metrics. It changes nothing and shows no patient data.

use super::live::Drain;
use super::shared::Shared;
use super::{clock, reload};
use std::sync::Arc;

/// A view of a running gateway; it lasts as long as whoever holds it.
#[derive(Debug, Clone)]
pub struct View(Arc<Shared>);

/// Whether work can be taken on.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Readiness {
    /// Whether work can be taken on.
    pub ready: bool,
    /// What is wrong or remarkable, one sentence each.
    pub notes: Vec<String>,
    /// Generation of the configuration in force.
    pub generation: u64,
    /// Until when what no rule permits is only recorded; absent when it is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observing_until: Option<String>,
}

impl View {
    pub(super) const fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// Whether work can be taken on, and what is remarkable.
    pub fn readiness(&self) -> Readiness {
        let snapshot = self.0.snapshot();
        let mut readiness = Readiness { ready: true, generation: snapshot.generation, ..Readiness::default() };
        if !self.0.gate.log().is_writable() {
            readiness.ready = false;
            readiness.notes.push("the audit log cannot be written, new work is refused: is the disk full?".to_owned());
        }
        if self.0.live.draining() != Drain::No {
            readiness.ready = false;
            readiness.notes.push("draining".to_owned());
        }
        if let Some(until) = snapshot.settings.policy.observe_until
            && snapshot.policy.observes(clock::moment())
        {
            readiness.observing_until = Some(until.to_string());
            readiness.notes.push("OBSERVING: what no rule permits is recorded, not refused".to_owned());
        }
        readiness.notes.extend(self.0.held().map(|held| held.words.clone()));
        readiness.notes.extend(snapshot.people.iter().flat_map(|people| people.away()));
        // How many, not who: whoever reaches this address need not know.
        match self.0.gate.quarantine().len() {
            0 => {}
            held => readiness.notes.push(format!("{held} in quarantine: `dicomgate quarantine list`")),
        }
        readiness.notes.extend(snapshot.warnings());
        readiness
    }

    /// The metrics as text, the head of the audit chain among them.
    pub fn metrics(&self) -> String {
        reload::show(&self.0);
        self.0.metrics.audit_writable.set(i64::from(self.0.gate.log().is_writable()));
        let head = self.0.gate.log().head();
        self.0.metrics.render(Some((head.sequence, head.hash)))
    }
}
