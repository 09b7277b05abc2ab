//! The final answer to a C-MOVE: what the archive claims, against what was seen delivered (PS3.4 C.4.2.1.5).

use super::tally::Tally;
use crate::dicom::Uid;
use crate::dicom::dimse::{Counters, Status, StatusKind};
use std::collections::HashSet;

/// What an archive's final response says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// (0000,0900)
    pub status: Status,
    /// (0000,1020) to (0000,1023)
    pub counters: Counters,
    /// Failed SOP Instance UID List (0008,0058)
    pub failed: Vec<Uid>,
}

/// What the requester is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conclusion {
    /// (0000,0900)
    pub status: Status,
    /// (0000,1020) to (0000,1023)
    pub counters: Counters,
    /// Failed SOP Instance UID List (0008,0058), without repeats.
    pub failed: Vec<Uid>,
    /// The archive counts deliveries as made that did not come this way.
    pub unseen: u64,
}

impl Claim {
    /// How many sub-operations the archive says it has ended.
    pub fn total(&self) -> u64 {
        let Counters { completed, failed, warning, .. } = self.counters;
        [completed, failed, warning].into_iter().flatten().map(u64::from).sum()
    }

    /// How many of them it says reached the destination.
    pub fn made(&self) -> u64 {
        let Counters { completed, warning, .. } = self.counters;
        [completed, warning].into_iter().flatten().map(u64::from).sum()
    }

    /// An archive may leave the counters out of a final response (PS3.7 9.1.4.1.8): then its last pending one says how
    /// many there are to be.
    pub fn counted_before(mut self, pending: Counters) -> Self {
        let over = self.status.is_done();
        if over && self.counters == Counters::default() && pending != Counters::default() {
            let completed = pending.completed.unwrap_or_default().saturating_add(pending.remaining.unwrap_or_default());
            self.counters = Counters { remaining: None, completed: Some(completed), ..pending };
        }
        self
    }

    /// Without what the archive counts as failed because it may not be handed out to the requester, who is not to learn
    /// that it is there.
    pub fn without(mut self, refused: &HashSet<Uid>) -> Self {
        if refused.is_empty() {
            return self;
        }
        self.failed.retain(|uid| !refused.contains(uid));
        let count = u16::try_from(refused.len()).unwrap_or(u16::MAX);
        self.counters.failed = self.counters.failed.map(|failed| failed.saturating_sub(count));
        if self.status == Status::SUB_OPERATIONS_WARNING && self.counters.failed == Some(0) {
            self.status = Status::SUCCESS;
        }
        self
    }

    /// Whether everything that the archive counts as made has been seen.
    pub fn is_seen(&self, tally: &Tally) -> bool {
        let counts = tally.counts();
        counts.in_flight == 0 && counts.attempts >= self.made()
    }

    /// What the requester is told: of what the archive counts as made, what was not seen to arrive has failed.
    pub fn conclude(&self, tally: &Tally) -> Conclusion {
        let seen = tally.counts();
        let unseen = self.made().saturating_sub(seen.attempts);
        let mut failed: Vec<Uid> = self.failed.iter().filter(|uid| !tally.delivered(uid)).copied().collect();
        let extra: Vec<Uid> = tally.failed().into_iter().filter(|uid| !failed.contains(uid)).collect();
        failed.extend(extra);
        let total = self.total().max(seen.instances);
        // What never came this way has failed, whatever the archive calls it; of what came, the destination's word counts.
        let missing = total.saturating_sub(seen.attempts);
        let failures = missing.saturating_add(seen.failed).max(count(&failed)).min(total);
        let warnings = seen.warning.min(total.saturating_sub(failures));
        let completed = total.saturating_sub(failures).saturating_sub(warnings);
        let cancelled = self.status.kind() == StatusKind::Cancel;
        let counters = Counters {
            remaining: if cancelled { self.counters.remaining } else { None },
            completed: Some(clamp(completed)),
            failed: Some(clamp(failures)),
            warning: Some(clamp(warnings)),
        };
        Conclusion { status: self.status_of(completed, failures, warnings), counters, failed, unseen }
    }

    /// The archive's own word stands unless what was seen says worse, or all that it held against itself did arrive.
    fn status_of(&self, completed: u64, failures: u64, warnings: u64) -> Status {
        let over = self.status.is_done();
        if !over {
            return self.status;
        }
        match (completed.saturating_add(warnings), failures) {
            // A warning of the archive's own without a failure (an element in error) stays what it is.
            (_, 0) if self.status.kind() == StatusKind::Warning => self.status,
            (_, 0) if warnings > 0 => Status::SUB_OPERATIONS_WARNING,
            (_, 0) => Status::SUCCESS,
            (0, _) => Status::OUT_OF_RESOURCES_SUB_OPERATIONS,
            _ => Status::SUB_OPERATIONS_WARNING,
        }
    }
}

fn count(list: &[Uid]) -> u64 {
    u64::try_from(list.len()).unwrap_or(u64::MAX)
}

/// A counter is a US: what does not fit stays at its greatest value.
fn clamp(count: u64) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests;
