//! A permit of which a budget has no room left.

use super::door::{Basis, Gate};
use super::permit::Permit;
use super::refusal::Refusal;
use crate::audit::Event;
use crate::audit::event::{Asked, Cause};
use crate::policy::{Denial, DenialReason};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

impl Gate {
    /// Records that what a permit would show further is refused: the budget of this rule has no room, and neither has that
    /// of any other. The permit itself is closed by whoever answers. `to`: the archive asked.
    pub fn refuse_over_budget(&self, basis: Basis<'_>, permit: &Permit, to: &str, rule: &Arc<str>) -> Refusal {
        let ledger = &permit.ledger;
        ledger.counters.denied.fetch_add(1, Relaxed);
        let operation = permit.operation();
        let asked = Asked {
            operation,
            to,
            message: permit.message(),
            level: None,
            keys: None,
            sop_class: None,
            instance: None,
            study: None,
            transfer_syntax: None,
            modality: None,
            destination: None,
            patient_id: None,
            patient_name: None,
            delivery: None,
        };
        let denial = Denial { reason: DenialReason::Budget(Arc::clone(rule)), operation: Some(operation) };
        let event = Event::Denied { who: &ledger.who, asked: &asked, denial: &denial };
        self.refuse(&event, basis.generation, Cause::Policy)
    }
}
