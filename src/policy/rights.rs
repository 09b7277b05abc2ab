//! What the vault has to do with a decision: whether what is stored must be sealed, and what becomes of sealed objects.
//!
//! `seal` is an obligation: any permit that holds brings it, and where a permit that would bring it hangs on what the
//! object does not say, the doubt seals. `open` is a right: the most of what the permits that hold say. Observing relaxes
//! neither: what passes because the policy observes opens nothing, and is sealed if any rule seals what whoever asks
//! stores there.

use super::compiled::{CompiledRule, Party, Policy};
use super::decision::{Fact, Permission};
use super::evaluate::{Condition, Facts, Finding, Hit, meets};
use super::model::Effect;
use super::request::{Known, Moment, Principal, Request};
use crate::dicom::Uid;
use crate::dicom::dimse::Operation;
use smallvec::SmallVec;
use std::fmt;
use std::sync::Arc;

/// What becomes of sealed objects that somebody may find, get or move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Open {
    /// They are refused; never is the banner handed out in place of the image.
    #[default]
    No,
    /// They are handed out as they are stored, to whoever shares the vault.
    Sealed,
    /// They are opened.
    Opened,
}

impl Open {
    /// As the files write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::No => "false",
            Self::Sealed => "\"sealed\"",
            Self::Opened => "true",
        }
    }

    /// What it means, for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::No => "sealed objects are refused",
            Self::Sealed => "sealed objects are handed out sealed",
            Self::Opened => "sealed objects are opened",
        }
    }
}

impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The operations by which objects are seen.
pub(super) const SEES: [Operation; 3] = [Operation::Find, Operation::Get, Operation::Move];

/// Those by which objects are handed out.
const HANDS_OUT: [Operation; 2] = [Operation::Get, Operation::Move];

/// What the permits that hold say of the vault.
#[derive(Debug, Default)]
pub(super) struct Rights {
    seal: bool,
    open: Open,
    /// The first rule that opens more, but only in an emergency, and the shortest time that such rules grant.
    glass: Option<(u32, u32)>,
    glass_open: Open,
    /// What rules say that hang on a fact not read yet, and the fact.
    later: Option<(bool, Open, Fact)>,
}

impl Rights {
    /// A rule says this, and hangs on a fact not read yet.
    fn wait(&mut self, seal: bool, open: Open, fact: Fact) {
        let (was_seal, was_open, was) = self.later.unwrap_or((false, Open::No, Fact::Modality));
        let fact = if was == Fact::Query { was } else { fact };
        self.later = Some((was_seal || seal, was_open.max(open), fact));
    }

    /// The fact that has to be read first; `None`: reading would change nothing.
    pub(super) fn need(&self) -> Option<Fact> {
        let (seal, open, fact) = self.later?;
        (seal && !self.seal || open > self.open.max(self.glass_open)).then_some(fact)
    }
}

impl CompiledRule {
    /// The operations with which it seals or opens.
    pub(super) fn rights_on(&self) -> SmallVec<[Operation; 8]> {
        let permits = self.effect == Effect::Permit;
        let opens = permits && self.open != Open::No;
        let works = |operation: &&Operation| match operation {
            Operation::Store => permits && self.seal || opens,
            operation => opens && SEES.contains(operation),
        };
        self.may.iter().filter(works).copied().collect()
    }

    /// Whether somebody at a device may retrieve by it what an archive has, opened for them, at this time: any object of a
    /// class, whoever's it is.
    fn opens_at(&self, party: &Party, archive: u32, sop_class: Option<u32>, at: Moment) -> bool {
        self.effect == Effect::Permit
            && self.open == Open::Opened
            && self.break_glass.is_none()
            && self.narrows.is_none()
            && self.transfer_syntaxes.is_none()
            && self.modalities.is_none()
            && (meets(&party.subjects, &self.who) && self.via_has(party)
                || !self.people.is_empty() && self.via.is_some() && self.via_has(party))
            && self.to.binary_search(&archive).is_ok()
            && self.timely(at)
            && self.has_class(sop_class)
    }

    /// Whether it denies this operation to a device, or might, by what a message brings: a doubt denies.
    fn might_deny(
        &self,
        party: &Party,
        archive: u32,
        operation: Operation,
        sop_class: Option<u32>,
        at: Moment,
    ) -> bool {
        self.effect == Effect::Deny
            && meets(&party.subjects, &self.who)
            && self.via_has(party)
            && self.to.binary_search(&archive).is_ok()
            && self.may.contains(&operation)
            && self.timely(at)
            && self.has_class(sop_class)
    }

    fn via_has(&self, party: &Party) -> bool {
        self.via.as_ref().is_none_or(|via| meets(&party.subjects, via))
    }

    fn has_class(&self, class: Option<u32>) -> bool {
        let listed = |class: u32| self.sop_classes.as_ref().is_none_or(|list| list.binary_search(&class).is_ok());
        class.is_none_or(listed)
    }

    fn timely(&self, at: Moment) -> bool {
        self.hours.is_none_or(|hours| hours.contain(at.minute))
            && self.days.is_none_or(|days| at.weekday < 7 && days & 1 << at.weekday != 0)
    }

    /// Whether it is about this operation of whoever asks there, whatever else it asks for.
    fn concerns(&self, facts: &Facts<'_>, operation: Operation) -> bool {
        let about = [Condition::Who, Condition::To, Condition::May];
        about.into_iter().all(|one| self.check(one, facts, operation) == Finding::Holds)
    }

    /// Whether it could hold at some hour, and by some message.
    fn could_hold(&self, facts: &Facts<'_>, operation: Operation) -> bool {
        let timeless = |condition: &Condition| !matches!(condition, Condition::Hours | Condition::Days);
        let fits = |condition| self.check(condition, facts, operation) != Finding::Fails;
        Condition::ALL.into_iter().filter(timeless).all(fits)
    }
}

impl Policy {
    /// What the permits that hold for an operation say of the vault.
    pub(super) fn rights_of(&self, facts: &Facts<'_>, operation: Operation) -> Rights {
        let stores = operation == Operation::Store;
        let mut rights = Rights { seal: stores && self.model.seal_all, ..Rights::default() };
        if self.rights.is_empty() {
            return rights;
        }
        // Peers store, and archives send: only what is sent could be opened on its way.
        let opens = !stores || facts.party.archive;
        for number in self.rights.rules(facts, operation, Effect::Permit).flatten().copied() {
            let Some(rule) = self.rule(number) else { continue };
            let (seal, open) = (stores && rule.seal, if opens { rule.open } else { Open::No });
            if seal {
                match rule.hit_in_doubt(facts, operation) {
                    Hit::Yes => rights.seal = true,
                    Hit::Later => rights.wait(true, Open::No, Fact::Modality),
                    Hit::No => {}
                }
            }
            match rule.hit(facts, operation) {
                Hit::No => {}
                Hit::Yes => match rule.break_glass {
                    None => rights.open = rights.open.max(open),
                    Some(seconds) if open > Open::No => {
                        let (first, least) = rights.glass.unwrap_or((number, seconds));
                        rights.glass = Some((first.min(number), least.min(seconds)));
                        rights.glass_open = rights.glass_open.max(open);
                    }
                    Some(_) => {}
                },
                Hit::Later => {
                    let query = rule.hangs_on_query(facts, operation);
                    rights.wait(false, open, if query { Fact::Query } else { Fact::Modality });
                }
            }
        }
        rights
    }

    /// Adds to a permission what the vault has to do with it.
    pub(super) fn with_rights(
        &self,
        permission: Permission,
        rights: &Rights,
        facts: &Facts<'_>,
        operation: Operation,
    ) -> Permission {
        if permission.observed {
            return Permission { seal: self.seals_observed(facts, operation), ..permission };
        }
        let (seal, open) = (rights.seal, rights.open);
        match rights.glass.filter(|_| rights.glass_open > open) {
            None => Permission { seal, open, ..permission },
            Some((number, seconds)) => {
                let rule = self.rule(number).map(|rule| Arc::clone(&rule.name));
                let rule = if permission.emergency.is_some() { permission.rule } else { rule };
                let seconds = permission.emergency.map_or(seconds, |least| least.min(seconds));
                Permission { seal, open: rights.glass_open, emergency: Some(seconds), rule, ..permission }
            }
        }
    }

    /// Whether what is stored while observing must be sealed: some rule seals what whoever asks stores there.
    fn seals_observed(&self, facts: &Facts<'_>, operation: Operation) -> bool {
        // Whoever sits at a device takes nothing away from what the device has to do.
        let device = Facts { person: None, ..facts.clone() };
        let concerns = |rule: &CompiledRule| rule.concerns(facts, operation) || rule.concerns(&device, operation);
        let seals = |rule: &CompiledRule| rule.effect == Effect::Permit && rule.seal && concerns(rule);
        operation == Operation::Store && (self.model.seal_all || self.rules.iter().any(seals))
    }

    /// Whether something that a principal stores at an archive (its `ae_title`) could have to be sealed, at some hour and by
    /// some message: then contexts are negotiated in which sealed objects can be stored.
    pub fn may_seal(&self, principal: &Principal, to: &str) -> bool {
        if self.model.seal_all {
            return true;
        }
        let held = |rule: &CompiledRule, facts: &Facts<'_>, operation| rule.seal && rule.could_hold(facts, operation);
        self.any_right(principal, to, &[Operation::Store], held)
            || self.model.observe_until.is_some()
                && self.at_any_time(principal, to, |facts| self.seals_observed(facts, Operation::Store))
    }

    /// The most that a principal may have done with sealed objects of an archive (its `ae_title`), at some hour and by some
    /// message: then contexts are negotiated in which they can be opened.
    pub fn may_open(&self, principal: &Principal, archive: &str) -> Open {
        let may = |least: Open| {
            let operations = [Operation::Find, Operation::Get, Operation::Move];
            self.any_right(principal, archive, &operations, |rule, facts, operation| {
                rule.open >= least && rule.could_hold(facts, operation)
            })
        };
        [Open::Opened, Open::Sealed].into_iter().find(|least| may(*least)).unwrap_or_default()
    }

    /// Whether some permit that has to do with the vault fits a principal at an archive.
    fn any_right(
        &self,
        principal: &Principal,
        to: &str,
        operations: &[Operation],
        fits: impl Fn(&CompiledRule, &Facts<'_>, Operation) -> bool,
    ) -> bool {
        if self.rights.is_empty() {
            return false;
        }
        self.at_any_time(principal, to, |facts| {
            operations.iter().any(|&operation| {
                let mut rules = self.rights.rules(facts, operation, Effect::Permit).flatten();
                rules.any(|&number| self.rule(number).is_some_and(|rule| fits(rule, facts, operation)))
            })
        })
    }

    /// What is so of who asks whom, whatever the message and the hour.
    fn at_any_time(&self, principal: &Principal, to: &str, is: impl Fn(&Facts<'_>) -> bool) -> bool {
        let (sop_class, transfer_syntax, destination) = (None, None, None);
        let (modality, query) = (Known::Unread, Known::Unread);
        let at = Moment { unix: 0, minute: 0, weekday: 3 };
        let request =
            Request { principal, to, operation: None, sop_class, transfer_syntax, destination, modality, query, at };
        self.facts(&request, true).is_ok_and(|facts| is(&facts))
    }

    /// Whether the receiver of a delivery ([`super::Receiver::name`]) may have objects of an archive (its `ae_title`) opened,
    /// whoever asked for them: some permit to get or move opens what is there for the device itself, or for people who sit at
    /// it (`via`), whatever modality or patient it is of, and no deny could take that away. `sop_class`: of the object; `None`:
    /// any.
    ///
    /// An archive as receiver never has anything opened by this.
    pub fn opens_for(&self, receiver: &str, archive: &str, sop_class: Option<&Uid>, at: Moment) -> bool {
        let number = |name: &str| self.names.get(name).copied();
        let party = number(receiver).and_then(|party| self.parties.get(party as usize)).filter(|party| !party.archive);
        let (Some(party), Some(archive)) = (party, number(archive)) else { return false };
        // A class that no rule lists is in no list; no number is as high.
        let class = sop_class.map(|class| self.values.uids.get(class).copied().unwrap_or(u32::MAX));
        let denied =
            |operation: Operation| self.rules.iter().any(|rule| rule.might_deny(party, archive, operation, class, at));
        let opens = |rule: &&CompiledRule| rule.opens_at(party, archive, class, at);
        let operations = self.rules.iter().filter(opens).flat_map(|rule| rule.may.iter().copied());
        let mut seen: SmallVec<[Operation; 8]> = operations.filter(|operation| HANDS_OUT.contains(operation)).collect();
        seen.sort_unstable();
        seen.dedup();
        seen.into_iter().any(|operation| !denied(operation))
    }

    /// Whether a receiver ([`super::Receiver::name`]) may be handed sealed objects as they are stored: a peer with
    /// `vault = "shared"`, or another archive of this gateway.
    pub fn shares_vault(&self, receiver: &str) -> bool {
        match self.peer(receiver) {
            Some(peer) => peer.vault_shared,
            None => self.model.archives.iter().any(|archive| archive.ae_title.as_str() == receiver),
        }
    }
}
