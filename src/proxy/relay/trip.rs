//! Tripwires: budgets that are used up.

use super::{Ending, Relay};
use crate::gate::{Permit, Tripwire};
use crate::policy::Narrowing;
use crate::policy::model::Blown;
use crate::policy::narrow::{Narrowed, Shown};
use std::sync::Arc;

impl Relay {
    /// Whose budgets are charged: the person's, or the peer's where there is none.
    pub(super) fn subject(&self) -> Arc<str> {
        match &self.principal.user {
            Some(user) => format!("user:{}", user.key()).into(),
            None => format!("peer:{}", self.principal.name).into(),
        }
    }

    /// Budgets are used up: what the caller is told, with the incident id of the record that says so; and the end of the
    /// association, where that is what the rule wants.
    pub(super) fn blown(&self, permit: &Permit, narrowing: &Narrowing, blown: Shown) -> (String, Option<Ending>) {
        let spent = || blown.places().filter_map(|place| narrowing.permits().get(place));
        let quarantines =
            |permit: &&Narrowed| permit.budget.as_ref().is_some_and(|budget| budget.blown == Blown::Quarantine);
        if let Some(strict) = spent().find(quarantines) {
            let ending = self.trip(&Tripwire::Budget(Arc::clone(&strict.rule)));
            let held = self.shared.gate.quarantine().of(&self.principal);
            let incident = held.map(|held| Arc::clone(&held.incident)).filter(|incident| !incident.is_empty());
            let words = incident.map_or_else(|| "denied".to_owned(), |incident| format!("denied, incident {incident}"));
            return (words, Some(ending));
        }
        let Some(first) = spent().next() else { return ("denied".to_owned(), None) };
        let refusal = self.shared.gate.refuse_over_budget(self.basis(), permit, &self.called.to, &first.rule);
        self.shared.metrics.denied(permit.operation());
        (refusal.comment(), None)
    }
}
