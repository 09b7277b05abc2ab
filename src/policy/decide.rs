//! The decision. Deny unless a permit holds; a deny beats every permit; a fault denies.
//!
//! **Facts not read yet** (`Known::Unread`): the answer is `Need` only if reading could change it.
//!
//! **Facts that nobody will ever tell** (an object without modality, a move without destination): such a condition
//! does not hold for a permit, and does hold for a deny. Both ways the doubt denies: a rule that forbids ultrasound
//! cannot rule out that an object without modality is one.

use super::compiled::{CompiledRule, Policy};
use super::decision::{Decision, Denial, DenialReason, Fact, Permission};
use super::evaluate::{Condition, Facts, Finding, Hit, Told, reads};
use super::model::Effect;
use super::narrow::{Narrowed, Narrowing};
use super::request::{Known, Moment, Principal, Request};
use super::rights::Open;
use crate::dicom::Uid;
use crate::dicom::dimse::Operation;
use smallvec::SmallVec;
use std::collections::HashSet;
use std::sync::Arc;

/// What the rules of one effect say together.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The first rule, in the order of the file, that says yes and shows everything.
    pub first: Option<u32>,
    /// Rules that say yes and narrow what is seen, or only hold in an emergency; ascending.
    pub others: SmallVec<[u32; 4]>,
    /// The first rule that hangs on a fact not read yet.
    pub later: Option<u32>,
    /// One of those hangs on what a query asks.
    pub later_query: bool,
    /// How many rules were looked at.
    pub examined: usize,
}

impl Found {
    /// The first rule that says yes.
    pub fn any(&self) -> Option<u32> {
        self.first.or_else(|| self.others.first().copied())
    }

    /// The fact that some rule hangs on.
    const fn fact(&self) -> Fact {
        if self.later_query { Fact::Query } else { Fact::Modality }
    }
}

impl Policy {
    /// The decision on one request: deny unless a permit holds, and a deny beats every permit. Total.
    ///
    /// While observing, an identified peer passes where no rule permits ([`Permission::observed`]); explicit denies,
    /// unknown destinations and faults hold, and so do obligations: what rules narrow for a person or peer at an archive
    /// does not pass unnarrowed because none of them holds just now. With `operation: None` it says whether any operation at all could be
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
        let none = permits.any().is_none() && permits.later.is_none();
        if none && !(observing && self.passes_observed(facts, operation)) {
            return self.not_permitted(request, facts);
        }
        let rights = self.rights_of(facts, operation);
        if denies.later.is_some() {
            return Decision::Need(denies.fact());
        }
        // What narrows is not all that may be seen while some rule may still show more.
        if permits.first.is_none() && permits.later.is_some() {
            return Decision::Need(permits.fact());
        }
        // What is observed is sealed by who stores what where alone.
        if let (false, Some(fact)) = (none, rights.need()) {
            return Decision::Need(fact);
        }
        let permission = self.permission_of(facts, operation, &permits);
        Decision::Permit(self.with_rights(permission, &rights, facts, operation))
    }

    /// What the permits that hold show together. Rules that break the glass count only where no other shows everything.
    fn permission_of(&self, facts: &Facts<'_>, operation: Operation, permits: &Found) -> Permission {
        if permits.first.is_some() || permits.others.is_empty() {
            return self.permission(permits.first);
        }
        let mut narrowed: Vec<Narrowed> = Vec::with_capacity(permits.others.len());
        let (mut glass, mut emergency, mut all) = (None, None::<u32>, false);
        for (number, rule) in permits.others.iter().filter_map(|&number| Some((number, self.rule(number)?))) {
            if let Some(seconds) = rule.break_glass {
                glass = glass.or(Some(number));
                emergency = Some(emergency.map_or(seconds, |least| least.min(seconds)));
            }
            match rule.narrowed(facts).filter(|_| reads(operation)) {
                Some(one) => narrowed.push(one),
                None => {
                    // It only holds in an emergency, and shows everything then.
                    glass = Some(number).filter(|_| !all).or(glass);
                    all = true;
                }
            }
        }
        let narrowing = (!all).then(|| Arc::new(Narrowing::of(narrowed)));
        Permission { narrowing, emergency, ..self.permission(glass.or(permits.any())) }
    }

    fn decide_admission(&self, request: &Request<'_>, facts: &Facts<'_>, observing: bool) -> Decision {
        let facts = Facts { modality: Told::Later, query: Known::Unread, ..facts.clone() };
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
                let facts = Facts { transfer_syntax: Told::Is(value), ..facts.clone() };
                self.may_possibly(&facts, operation, observing)
            })
        })
    }

    /// Whether what no rule permits passes at this moment, recorded instead of refused.
    pub fn observes(&self, at: Moment) -> bool {
        self.model.observe_until.is_some_and(|until| at.unix < until.as_second())
    }

    /// Whether what no rule permits may pass while observing: no permit that narrows is about who asks and this operation
    /// there, whatever else it asks for.
    fn passes_observed(&self, facts: &Facts<'_>, operation: Operation) -> bool {
        let about = |rule: &CompiledRule| {
            let about = [Condition::Who, Condition::To, Condition::May];
            rule.obliges() && about.into_iter().all(|one| rule.check(one, facts, operation) == Finding::Holds)
        };
        // The index would leave out rules that list other values.
        let mut permits = self.rules.iter().filter(|rule| rule.effect == Effect::Permit);
        !self.narrows || !reads(operation) || !permits.any(about)
    }

    /// Whether an operation is permitted, or could be once a message brings what it hangs on.
    pub(super) fn may_possibly(&self, facts: &Facts<'_>, operation: Operation, observing: bool) -> bool {
        matches!(self.possibly(facts, operation, observing), Possibly::Permitted(_))
    }

    fn possibly(&self, facts: &Facts<'_>, operation: Operation, observing: bool) -> Possibly {
        let permits = self.search(facts, operation, Effect::Permit);
        let none = permits.any().is_none() && permits.later.is_none();
        if none && !(observing && self.passes_observed(facts, operation)) {
            return Possibly::NoRule;
        }
        match self.search(facts, operation, Effect::Deny).first {
            Some(rule) => Possibly::Denied(rule),
            None => Possibly::Permitted(permits.any().or(permits.later)),
        }
    }

    /// Whether some rule hangs on what queries and retrieves ask, or narrows what they show: then their identifiers have
    /// to be read whole before they are decided on.
    pub const fn narrows(&self) -> bool {
        self.narrows
    }

    /// Whether a permit that narrows what is seen, or hangs on what is asked, could hold for this principal at an archive
    /// (its `ae_title`), at some hour and by some message. While it could, neither relational queries nor fuzzy matching
    /// are negotiated.
    pub fn may_narrow(&self, principal: &Principal, to: &str) -> bool {
        if !self.narrows {
            return false;
        }
        let at = Moment { unix: 0, minute: 0, weekday: 3 };
        let (modality, query) = (Known::Unread, Known::Unread);
        let (sop_class, transfer_syntax, destination) = (None, None, None);
        let request =
            Request { principal, to, operation: None, sop_class, transfer_syntax, destination, modality, query, at };
        let Ok(facts) = self.facts(&request, true) else { return false };
        Operation::ALL.into_iter().filter(|operation| reads(*operation)).any(|operation| {
            let mut rules = self.index.rules(&facts, operation, Effect::Permit).flatten();
            rules.any(|&number| self.rule(number).is_some_and(|rule| rule.may_narrow(&facts, operation)))
        })
    }

    /// Looks through the drawers that can concern a request for the rules of one effect that say yes: the first that
    /// shows everything, and those before it that do not.
    pub(super) fn search(&self, facts: &Facts<'_>, operation: Operation, effect: Effect) -> Found {
        let mut found = Found::default();
        for drawer in self.index.rules(facts, operation, effect) {
            for &number in drawer {
                if found.first.is_some_and(|first| first < number) {
                    break;
                }
                found.examined += 1;
                let Some(rule) = self.rule(number) else { continue };
                match rule.hit(facts, operation) {
                    Hit::Yes if rule.shows_all(operation) => found.first = Some(number),
                    Hit::Yes => found.others.push(number),
                    Hit::Later => {
                        found.later = found.later.map_or(Some(number), |first| Some(first.min(number)));
                        found.later_query |= rule.hangs_on_query(facts, operation);
                    }
                    Hit::No => {}
                }
            }
        }
        found.others.sort_unstable();
        found.others.dedup();
        found
    }

    fn permission(&self, rule: Option<u32>) -> Permission {
        let rule = rule.and_then(|number| self.rule(number)).map(|rule| Arc::clone(&rule.name));
        let (seal, open) = (false, Open::No);
        Permission { observed: rule.is_none(), rule, narrowing: None, emergency: None, seal, open }
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

impl CompiledRule {
    /// Whether it holds without regard to emergencies and lets everything be seen.
    fn shows_all(&self, operation: Operation) -> bool {
        self.break_glass.is_none() && (self.narrows.is_none() || !reads(operation))
    }

    /// Whether it lets only a part be seen, or only what is asked in some way.
    const fn obliges(&self) -> bool {
        self.narrows.is_some() || self.levels.is_some() || self.require_key.is_some()
    }

    pub(super) fn hangs_on_query(&self, facts: &Facts<'_>, operation: Operation) -> bool {
        let later = |condition| self.check(condition, facts, operation) == Finding::Later;
        later(Condition::Levels) || later(Condition::RequireKey)
    }

    /// Whether it narrows, or hangs on what is asked, and holds at some hour.
    fn may_narrow(&self, facts: &Facts<'_>, operation: Operation) -> bool {
        let timeless = |condition: &Condition| !matches!(condition, Condition::Hours | Condition::Days);
        let fits = |condition| !matches!(self.check(condition, facts, operation), Finding::Fails | Finding::Untold);
        self.obliges() && Condition::ALL.into_iter().filter(timeless).all(fits)
    }
}

/// What could become of an operation.
enum Possibly {
    /// The rule that permits it, or could once a message brings what it hangs on; `None`: it is observed.
    Permitted(Option<u32>),
    Denied(u32),
    NoRule,
}
