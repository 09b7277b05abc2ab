//! Quarantine on a live association: it ends at once, in mid message too.

use super::{Ending, Relay};
use crate::gate::{Subject, Tripwire};
use crate::proxy::quarantine;

impl Relay {
    /// Somebody was put in quarantine: is it whoever calls here, or whoever this goes to?
    pub(super) fn ask_quarantine(&self) -> Result<(), Ending> {
        let set = self.shared.gate.quarantine();
        if set.is_empty() {
            return Ok(());
        }
        let to = || self.all_called().find_map(|called| set.find(&Subject::Peer(called.to.clone())));
        match set.of(&self.principal).or_else(to) {
            Some(held) => Err(Ending::Quarantined(held.subject.to_string())),
            None => Ok(()),
        }
    }

    /// Whoever calls here has tripped a wire. What comes back is for the caller to return: this association ends at once,
    /// as do all others of theirs.
    pub(super) fn trip(&self, wire: &Tripwire) -> Ending {
        self.trip_for(&Subject::of(&self.principal), wire)
    }

    /// Like [`Relay::trip`], where somebody else answers for what happens here: whoever asked an archive to send it.
    pub(super) fn trip_for(&self, subject: &Subject, wire: &Tripwire) -> Ending {
        quarantine::trip(&self.shared, self.snapshot.generation, Some(&self.visit), subject, wire)
    }
}
