//! The decision. Deny unless a permit holds; a deny beats every permit; a fault denies.
//!
//! **Facts not read yet** (`Known::Unread`): the answer is `Need` only if reading could change it.
//!
//! **Facts that nobody will ever tell** (an object without modality, a move without destination): such a condition
//! does not hold for a permit, and does hold for a deny. Both ways the doubt denies: a rule that forbids ultrasound
//! cannot rule out that an object without modality is one.

use super::compiled::Policy;
use super::decision::{Decision, Denial, DenialReason, Fact, Permission};
use super::evaluate::{Facts, Hit, Told};
use super::model::Effect;
use super::request::{Known, Moment, Principal, Request};
use crate::dicom::Uid;
use crate::dicom::dimse::Operation;
use std::collections::HashSet;
use std::sync::Arc;

/// What the rules of one effect say together.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The first rule, in the order of the file, that says yes.
    pub first: Option<u32>,
    /// The first rule that hangs on a fact not read yet.
    pub later: Option<u32>,
    /// How many rules were looked at.
    pub examined: usize,
}

impl Policy {
    /// The decision on one request: deny unless a permit holds, and a deny beats every permit. Total.
    ///
    /// While observing, an identified peer passes where no rule permits ([`Permission::observed`]); explicit denies,
    /// unknown destinations and faults hold. With `operation: None` it says whether any operation at all could be
    /// permitted there, whatever messages may bring.
    pub fn decide(&self, request: &Request<'_>) -> Decision {
        self.decide_as(request, self.observes(request.at))
    }

    pub(super) fn decide_as(&self, request: &Request<'_>, observing: bool) -> Decision {
        let facts = match self.facts(request, request.operation.is_none()) {
            Ok(facts) => facts,
            Err(reason) => return Decision::Deny(Denial { reason, operation: request.operation }),
        };
        let observing = observing && !facts.party.archive;
        match request.operation {
            Some(operation) => self.decide_operation(request, &facts, operation, observing),
            None => self.decide_admission(request, &facts, observing),
        }
    }

    fn decide_operation(
        &self,
        request: &Request<'_>,
        facts: &Facts<'_>,
        operation: Operation,
        observing: bool,
    ) -> Decision {
        let denies = self.search(facts, operation, Effect::Deny);
        if let Some(rule) = denies.first {
            return self.denied_by(rule, request);
        }
        let permits = self.search(facts, operation, Effect::Permit);
        if permits.first.is_none() && permits.later.is_none() && !observing {
            return self.not_permitted(request, facts);
        }
        if denies.later.is_some() || (permits.first.is_none() && permits.later.is_some()) {
            return Decision::Need(Fact::Modality);
        }
        Decision::Permit(self.permission(permits.first))
    }

    fn decide_admission(&self, request: &Request<'_>, facts: &Facts<'_>, observing: bool) -> Decision {
        let facts = Facts { modality: Told::Later, ..*facts };
        let mut denied = None;
        for operation in Operation::ALL {
            match self.possibly(&facts, operation, observing) {
                Possibly::Permitted(rule) => return Decision::Permit(self.permission(rule)),
                Possibly::Denied(rule) => denied = denied.or(Some(rule)),
                Possibly::NoRule => {}
            }
        }
        match denied {
            Some(rule) => self.denied_by(rule, request),
            None => self.not_permitted(request, &facts),
        }
    }

    /// Whether any of these operations could be permitted on a presentation context, with any of these transfer
    /// syntaxes, once messages bring what only they can tell (modality, move destination). Hours and days are taken
    /// as they are at `at`. To find out which transfer syntaxes may stay, ask with one at a time.
    pub fn possible(
        &self,
        principal: &Principal,
        to: &str,
        operations: impl IntoIterator<Item = Operation>,
        sop_class: &Uid,
        transfer_syntaxes: &[Uid],
        at: Moment,
    ) -> bool {
        let (sop_class, transfer_syntax, destination) = (Some(sop_class), None, None);
        let (modality, query) = (Known::Unread, Known::Unread);
        let request =
            Request { principal, to, operation: None, sop_class, transfer_syntax, destination, modality, query, at };
        let Ok(facts) = self.facts(&request, true) else { return false };
        let observing = self.observes(at) && !facts.party.archive;
        // However many a caller proposes, only those that some rule names differ from one another.
        let differing: HashSet<_> = transfer_syntaxes.iter().map(|uid| self.values.uids.get(uid).copied()).collect();
        operations.into_iter().any(|operation| {
            differing.iter().any(|&value| {
                let facts = Facts { transfer_syntax: Told::Is(value), ..facts };
                self.may_possibly(&facts, operation, observing)
            })
        })
    }

    /// Whether what no rule permits passes at this moment, recorded instead of refused.
    pub fn observes(&self, at: Moment) -> bool {
        self.model.observe_until.is_some_and(|until| at.unix < until.as_second())
    }

    /// Whether an operation is permitted, or could be once a message brings what it hangs on.
    pub(super) fn may_possibly(&self, facts: &Facts<'_>, operation: Operation, observing: bool) -> bool {
        matches!(self.possibly(facts, operation, observing), Possibly::Permitted(_))
    }

    fn possibly(&self, facts: &Facts<'_>, operation: Operation, observing: bool) -> Possibly {
        let permits = self.search(facts, operation, Effect::Permit);
        if permits.first.is_none() && permits.later.is_none() && !observing {
            return Possibly::NoRule;
        }
        match self.search(facts, operation, Effect::Deny).first {
            Some(rule) => Possibly::Denied(rule),
            None => Possibly::Permitted(permits.first.or(permits.later)),
        }
    }

    /// Looks through the drawers that can concern a request for the first rule of one effect that says yes.
    pub(super) fn search(&self, facts: &Facts<'_>, operation: Operation, effect: Effect) -> Found {
        let mut found = Found::default();
        for drawer in self.index.rules(facts, operation, effect) {
            for &number in drawer {
                if found.first.is_some_and(|first| first < number) {
                    break;
                }
                found.examined += 1;
                match self.rule(number).map_or(Hit::No, |rule| rule.hit(facts, operation)) {
                    Hit::Yes => found.first = Some(number),
                    Hit::Later => found.later = found.later.map_or(Some(number), |first| Some(first.min(number))),
                    Hit::No => {}
                }
            }
        }
        found
    }

    fn permission(&self, rule: Option<u32>) -> Permission {
        let rule = rule.and_then(|number| self.rule(number)).map(|rule| Arc::clone(&rule.name));
        Permission { observed: rule.is_none(), rule, narrowing: None, emergency: None }
    }

    fn denied_by(&self, rule: u32, request: &Request<'_>) -> Decision {
        let name = self.rule(rule).map(|rule| Arc::clone(&rule.name)).unwrap_or_default();
        Decision::Deny(Denial { reason: DenialReason::Rule(name), operation: request.operation })
    }

    fn not_permitted(&self, request: &Request<'_>, facts: &Facts<'_>) -> Decision {
        let (nearest, lacked) = self.nearest(request, facts).unzip();
        Decision::Deny(Denial { reason: DenialReason::NoRule { nearest, lacked }, operation: request.operation })
    }
}

/// What could become of an operation.
enum Possibly {
    /// The rule that permits it, or could once a message brings what it hangs on; `None`: it is observed.
    Permitted(Option<u32>),
    Denied(u32),
    NoRule,
}
