//! Which rules can concern a request: found by hash, not by walking the file.
//!
//! Every rule is filed under each (subject, archive, operation) that it names and, so that a thousand rules for one
//! group stay a handful per request, under each value of its most telling list of values. Within a file drawer, what
//! can never be the first to match is left out: rules equal in all that is still to be checked, and everything behind
//! a rule with nothing left to check.

use super::compiled::{CompiledRule, Destinations};
use super::evaluate::{Facts, Told};
use super::model::{Effect, Hours};
use super::rights::Open;
use crate::dicom::Tag;
use crate::dicom::dataset::Level;
use crate::dicom::dimse::Operation;
use smallvec::SmallVec;
use std::collections::{HashMap, HashSet};

/// A rule that would have to be filed under more drawers than this is filed without regard to its values: memory
/// stays proportional to the file.
const MAX_SPREAD: usize = 256;

/// The lists of values that rules are filed by, the most telling first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum List {
    SopClasses,
    Destinations,
    TransferSyntaxes,
    Modalities,
}

/// The values under which a rule is filed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Slot {
    /// The rule lists no values.
    Free,
    /// The rule lists this value.
    Value(List, u32),
    /// The rule lists some values: for requests that do not tell theirs.
    Some(List),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Key {
    subject: u32,
    to: u32,
    operation: Operation,
    slot: Slot,
}

/// A run of [`Index::rules`]: permits, then denies, each in the order of the file.
#[derive(Debug, Clone, Copy)]
struct Drawer {
    start: usize,
    denies: usize,
    end: usize,
}

/// The index of a policy's rules.
#[derive(Debug, Default)]
pub(super) struct Index {
    drawers: HashMap<Key, Drawer>,
    rules: Vec<u32>,
}

impl Index {
    /// Files every rule. `population` says how many parties a subject stands for.
    pub fn of(rules: &[CompiledRule], population: impl Fn(u32) -> usize) -> Self {
        Self::file_all(rules, population, |rule| rule.may.iter().copied().collect(), false)
    }

    /// Files the permits that seal or open, each under the operations with which it does.
    pub fn of_rights(rules: &[CompiledRule], population: impl Fn(u32) -> usize) -> Self {
        Self::file_all(rules, population, CompiledRule::rights_on, true)
    }

    /// Whether nothing is filed.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    fn file_all(
        rules: &[CompiledRule],
        population: impl Fn(u32) -> usize,
        operations: impl Fn(&CompiledRule) -> SmallVec<[Operation; 8]>,
        rights: bool,
    ) -> Self {
        let mut entries = Vec::new();
        for (number, rule) in (0_u32..).zip(rules) {
            file(rule, number, &operations(rule), &population, &mut entries);
        }
        entries.sort_unstable();
        let mut index = Self::default();
        for drawer in entries.chunk_by(|(one, ..), (other, ..)| one == other) {
            index.close(drawer, rules, rights);
        }
        index.drawers.shrink_to_fit();
        index.rules.shrink_to_fit();
        index
    }

    fn close(&mut self, entries: &[(Key, bool, u32)], rules: &[CompiledRule], rights: bool) {
        let Some(&(key, ..)) = entries.first() else { return };
        let start = self.rules.len();
        let mut denies = None;
        let mut seen = HashSet::new();
        let mut closed = false;
        for &(_, deny, number) in entries {
            if deny && denies.is_none() {
                denies = Some(self.rules.len());
                seen.clear();
                closed = false;
            }
            let Some(rule) = rules.get(number as usize).filter(|_| !closed) else { continue };
            let mut rest = Rest::of(rule, number, key);
            rest.rights = Some((rule.seal, rule.open)).filter(|_| rights);
            closed = rest == Rest::default();
            if seen.insert(rest) {
                self.rules.push(number);
            }
        }
        let end = self.rules.len();
        self.drawers.insert(key, Drawer { start, denies: denies.unwrap_or(end), end });
    }

    /// The drawers that can concern a request, each in the order of the file.
    pub fn rules<'i>(
        &'i self,
        facts: &'i Facts<'i>,
        operation: Operation,
        effect: Effect,
    ) -> impl Iterator<Item = &'i [u32]> {
        let slots = slots(facts, operation);
        let person = facts.person.as_deref();
        // Permits are for persons or for devices, as the request is; denies are for either.
        let device = &*facts.party.subjects;
        let device = if person.is_some() && effect == Effect::Permit { &[] } else { device };
        let subjects = device.iter().chain(person.unwrap_or_default());
        subjects.flat_map(move |&subject| {
            slots.into_iter().flatten().filter_map(move |slot| {
                let drawer = self.drawers.get(&Key { subject, to: facts.to, operation, slot })?;
                match effect {
                    Effect::Permit => self.rules.get(drawer.start..drawer.denies),
                    Effect::Deny => self.rules.get(drawer.denies..drawer.end),
                }
            })
        })
    }
}

fn slots(facts: &Facts<'_>, operation: Operation) -> [Option<Slot>; 5] {
    let slot = |list, fact| match fact {
        Told::Is(value) => value.map(|value| Slot::Value(list, value)),
        Told::Untold | Told::Later => Some(Slot::Some(list)),
    };
    [
        Some(Slot::Free),
        slot(List::SopClasses, facts.sop_class),
        slot(List::Destinations, facts.destination).filter(|_| operation == Operation::Move),
        slot(List::TransferSyntaxes, facts.transfer_syntax),
        slot(List::Modalities, facts.modality),
    ]
}

fn file(
    rule: &CompiledRule,
    number: u32,
    operations: &[Operation],
    population: &impl Fn(u32) -> usize,
    entries: &mut Vec<(Key, bool, u32)>,
) {
    let deny = rule.effect == Effect::Deny;
    let subjects = subjects(rule, population);
    for &operation in operations {
        let drawers = subjects.len() * rule.to.len();
        let slots = match telling(rule, operation) {
            Some((list, values)) if drawers * operations.len() * (values.len() + 1) <= MAX_SPREAD => {
                values.iter().map(|&value| Slot::Value(list, value)).chain([Slot::Some(list)]).collect()
            }
            _ => vec![Slot::Free],
        };
        for &subject in &subjects {
            for &to in &rule.to {
                entries.extend(slots.iter().map(|&slot| (Key { subject, to, operation, slot }, deny, number)));
            }
        }
    }
}

/// The narrower of `who` and `via`: the other one is checked when the rule comes up. A rule for persons is found by
/// them alone.
fn subjects(rule: &CompiledRule, population: &impl Fn(u32) -> usize) -> Vec<u32> {
    let size = |subjects: &[u32]| subjects.iter().map(|&subject| population(subject)).sum::<usize>();
    match &rule.via {
        Some(via) if rule.people.is_empty() && size(via) < size(&rule.who) => via.to_vec(),
        _ => rule.who.iter().chain(&rule.people).copied().collect(),
    }
}

/// The rule's most telling list of values for an operation.
fn telling(rule: &CompiledRule, operation: Operation) -> Option<(List, &[u32])> {
    if let Some(values) = &rule.sop_classes {
        return Some((List::SopClasses, values));
    }
    if let Destinations::Listed { own: false, titles } = &rule.destinations
        && operation == Operation::Move
    {
        return Some((List::Destinations, titles));
    }
    let transfer_syntaxes = rule.transfer_syntaxes.as_deref().map(|values| (List::TransferSyntaxes, values));
    transfer_syntaxes.or_else(|| rule.modalities.as_deref().map(|values| (List::Modalities, values)))
}

/// What is left to check of a rule that was found in a drawer.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
struct Rest<'r> {
    subjects: Option<(&'r [u32], &'r [u32])>,
    sop_classes: Option<&'r [u32]>,
    destinations: Option<&'r Destinations>,
    transfer_syntaxes: Option<&'r [u32]>,
    modalities: Option<&'r [u32]>,
    hours: Option<Hours>,
    days: Option<u8>,
    levels: Option<&'r [Level]>,
    require_key: Option<&'r [Tag]>,
    break_glass: Option<u32>,
    /// A rule that narrows is like no other: what each shows counts.
    narrows: Option<u32>,
    /// Where rights are looked for: what it seals and opens.
    rights: Option<(bool, Open)>,
}

impl<'r> Rest<'r> {
    fn of(rule: &'r CompiledRule, number: u32, key: Key) -> Self {
        let found = |list| matches!(key.slot, Slot::Value(by, _) | Slot::Some(by) if by == list);
        let unless = |list, values: &'r Option<Box<[u32]>>| values.as_deref().filter(|_| !found(list));
        let destinations = Some(&rule.destinations).filter(|destinations| {
            key.operation == Operation::Move && **destinations != Destinations::All && !found(List::Destinations)
        });
        Self {
            subjects: rule.via.as_deref().map(|via| (&*rule.who, via)),
            sop_classes: unless(List::SopClasses, &rule.sop_classes),
            destinations,
            transfer_syntaxes: unless(List::TransferSyntaxes, &rule.transfer_syntaxes),
            modalities: unless(List::Modalities, &rule.modalities),
            hours: rule.hours,
            days: rule.days,
            levels: rule.levels.as_deref(),
            require_key: rule.require_key.as_deref(),
            break_glass: rule.break_glass,
            narrows: rule.narrows.as_ref().map(|_| number),
            rights: None,
        }
    }
}
