//! What the rules say: names and values looked up, with a fault for each that nobody has.

use super::faults::{Faults, at_rule};
use super::names::{Names, number, sorted};
use super::people;
use crate::dicom::{AeTitle, Uid};
use crate::policy::compiled::{CompiledRule, Destinations, Modality, Values};
use crate::policy::model::{Destination, Effect, PolicyModel, Rule, Subject};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// Compiles every rule, in the order of the file.
pub(super) fn compile(model: &PolicyModel, names: &Names, faults: &mut Faults) -> (Vec<CompiledRule>, Values) {
    let mut values = Values::default();
    let mut seen: HashMap<&str, u32> = HashMap::new();
    let compile = |(index, rule): (usize, &'_ _)| rule_of(index, rule, names, &mut values, faults);
    let rules = model.rules.iter().enumerate().map(compile).collect();
    for (index, rule) in model.rules.iter().enumerate() {
        if let Some(line) = seen.insert(&rule.name, rule.line) {
            let problem = format!("the rule in line {line} has the same name");
            faults.add(at_rule(index, rule), "name", problem, "records name rules: give each a name of its own");
        }
    }
    (rules, values)
}

fn rule_of(index: usize, rule: &Rule, names: &Names, values: &mut Values, faults: &mut Faults) -> CompiledRule {
    let person = |subject: &&Subject| matches!(subject, Subject::Role(_) | Subject::User(_));
    let who = subjects(index, rule, "who", rule.who.iter().filter(|who| !person(who)), names, faults);
    let people = subjects(index, rule, "who", rule.who.iter().filter(person), names, faults);
    let via = subjects(index, rule, "via", rule.via.iter(), names, faults);
    let mut may = rule.may.clone();
    may.sort_unstable();
    may.dedup();
    CompiledRule {
        name: Arc::clone(&rule.name),
        line: rule.line,
        effect: rule.effect,
        who,
        people,
        via: (!rule.via.is_empty()).then_some(via),
        to: to(index, rule, names, faults),
        may,
        sop_classes: uids(&rule.sop_classes, values),
        transfer_syntaxes: uids(&rule.transfer_syntaxes, values),
        modalities: modalities(index, rule, values, faults),
        hours: rule.hours,
        days: days(rule),
        destinations: destinations(index, rule, names, faults),
        levels: (!rule.levels.is_empty()).then(|| rule.levels.clone().into_boxed_slice()),
        require_key: (!rule.require_key.is_empty()).then(|| rule.require_key.clone().into_boxed_slice()),
        break_glass: rule.break_glass,
        narrows: people::narrows(index, rule, faults),
        seal: rule.seal,
        open: rule.open,
    }
}

fn subjects<'r>(
    index: usize,
    rule: &Rule,
    key: &'static str,
    subjects: impl Iterator<Item = &'r Subject>,
    names: &Names,
    faults: &mut Faults,
) -> Box<[u32]> {
    let mut numbers = Vec::new();
    for subject in subjects {
        if let Some(number) = names.subject(subject) {
            numbers.push(number);
            continue;
        }
        let (kind, name, advice) = match subject {
            Subject::Role(_) | Subject::User(_) | Subject::Anyone => continue,
            Subject::Peer(name) => ("peer", name, faults.suggest(name, names.peers())),
            Subject::Group(name) => ("group", name, faults.suggest(name, names.groups())),
            Subject::Archive(name) => ("archive", name, faults.suggest(name, names.archives())),
        };
        let problem = match subject {
            Subject::Group(_) => format!("no peer belongs to group `{name}`"),
            _ => format!("there is no {kind} `{name}`"),
        };
        faults.add(at_rule(index, rule), key, problem, advice);
    }
    sorted(numbers)
}

fn to(index: usize, rule: &Rule, names: &Names, faults: &mut Faults) -> Box<[u32]> {
    let mut numbers = Vec::with_capacity(rule.to.len());
    // An archive sends to peers, whom it knows by their titles.
    let sends = rule.who.iter().any(|subject| matches!(subject, Subject::Archive(_)));
    for name in &rule.to {
        if let Some((party, _)) = names.party(name) {
            numbers.push(party);
            continue;
        }
        if !sends {
            let advice = faults.suggest(name, names.archives());
            faults.add(at_rule(index, rule), "to", format!("there is no archive `{name}`"), advice);
            continue;
        }
        let peers = AeTitle::new(name.as_ref()).ok().and_then(|title| names.titles.get(&title));
        match peers.map(|title| title.peers.as_slice()).unwrap_or_default() {
            [] => {
                let advice = faults.suggest(name, names.peers().chain(names.archives()));
                let problem = format!("no peer or archive has the name or title `{name}`");
                faults.add(at_rule(index, rule), "to", problem, advice);
            }
            peers => numbers.extend(peers),
        }
    }
    sorted(numbers)
}

fn destinations(index: usize, rule: &Rule, names: &Names, faults: &mut Faults) -> Destinations {
    if rule.destinations.is_empty() && rule.effect == Effect::Deny {
        return Destinations::All;
    }
    let mut titles = Vec::new();
    for destination in &rule.destinations {
        match names.destination(destination) {
            Some(numbers) => titles.extend(numbers),
            None => {
                let known = names.peers().chain(names.archives()).chain(["self"]);
                let advice = faults.suggest(&destination.to_string(), known);
                let problem = format!("no peer or archive has the name or title `{destination}`");
                faults.add(at_rule(index, rule), "destinations", problem, advice);
            }
        }
    }
    Destinations::Listed { own: rule.destinations.contains(&Destination::Own), titles: sorted(titles) }
}

fn uids(uids: &[Uid], values: &mut Values) -> Option<Box<[u32]>> {
    (!uids.is_empty()).then(|| sorted(uids.iter().map(|uid| intern(&mut values.uids, *uid)).collect()))
}

fn modalities(index: usize, rule: &Rule, values: &mut Values, faults: &mut Faults) -> Option<Box<[u32]>> {
    let mut numbers = Vec::with_capacity(rule.modalities.len());
    for text in &rule.modalities {
        match Modality::new(text) {
            Some(modality) => numbers.push(intern(&mut values.modalities, modality)),
            None => {
                let problem = format!("`{text}` is no modality");
                faults.add(at_rule(index, rule), "modalities", problem, "write it as objects do, such as `CT`");
            }
        }
    }
    (!rule.modalities.is_empty()).then(|| sorted(numbers))
}

fn intern<V: Eq + Hash>(values: &mut HashMap<V, u32>, value: V) -> u32 {
    let next = number(values.len());
    *values.entry(value).or_insert(next)
}

fn days(rule: &Rule) -> Option<u8> {
    let bits = rule.days.iter().filter(|&&day| day < 7).fold(0, |bits, &day| bits | 1 << day);
    (!rule.days.is_empty()).then_some(bits)
}
