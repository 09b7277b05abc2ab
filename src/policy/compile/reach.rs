//! Rules that can never apply: written in the belief that they do something, they are faults.

use super::faults::{Faults, at_rule};
use super::names::Names;
use crate::dicom::dimse::Operation;
use crate::policy::model::{Effect, Rule, Subject};
use std::collections::HashSet;

/// Says what of a rule can never apply.
pub(super) fn check(index: usize, rule: &Rule, names: &Names, faults: &mut Faults) {
    for (key, empty, advice) in [
        ("who", rule.who.is_empty(), "name peers, groups, or `anyone`"),
        ("to", rule.to.is_empty(), "name the archives"),
        ("may", rule.may.is_empty(), "name operations; `dicomgate policy operations` lists them"),
    ] {
        if empty {
            let problem = format!("it can never apply: `{key}` is empty");
            faults.add(at_rule(index, rule), key, problem, advice);
        }
    }
    who_meets_via(index, rule, names, faults);
    who_reaches_to(index, rule, names, faults);
    operations(index, rule, faults);
    sends(index, rule, faults);
    times(index, rule, faults);
}

fn who_meets_via(index: usize, rule: &Rule, names: &Names, faults: &mut Faults) {
    if let Some(odd) = rule.via.iter().find(|via| !matches!(via, Subject::Peer(_) | Subject::Group(_))) {
        let problem = format!("`{odd}` is no device that somebody could sit at");
        faults.add(at_rule(index, rule), "via", problem, "`via` takes `peer:..` and `group:..`");
        return;
    }
    let people = rule.who.iter().any(|subject| matches!(subject, Subject::User(_) | Subject::Role(_)));
    let (Some(who), Some(via)) = (members(&rule.who, names), members(&rule.via, names)) else { return };
    if !people && !rule.via.is_empty() && who.is_disjoint(&via) {
        let problem = "it can never apply: no peer is in both `who` and `via`".to_owned();
        faults.add(at_rule(index, rule), "via", problem, "");
    }
}

/// The parties that subjects stand for; `None` where a name is unknown, which is a fault already.
fn members(subjects: &[Subject], names: &Names) -> Option<HashSet<usize>> {
    let mut numbers = Vec::new();
    for subject in subjects.iter().filter(|subject| !matches!(subject, Subject::User(_) | Subject::Role(_))) {
        numbers.push(names.subject(subject)?);
    }
    let matches = |party: &crate::policy::compiled::Party| {
        numbers.iter().any(|number| party.subjects.binary_search(number).is_ok())
    };
    Some(names.parties.iter().enumerate().filter(|(_, party)| matches(party)).map(|(at, _)| at).collect())
}

/// Peers ask archives; only archives send to peers.
fn who_reaches_to(index: usize, rule: &Rule, names: &Names, faults: &mut Faults) {
    if rule.who.iter().any(|subject| matches!(subject, Subject::Archive(_))) {
        return;
    }
    for name in &rule.to {
        if names.party(name).is_some_and(|(_, party)| !party.archive) {
            let problem = format!("`{name}` is a peer, and peers do not answer peers");
            let advice = "`to` names archives; where a retrieve may send to stands in `destinations`";
            faults.add(at_rule(index, rule), "to", problem, advice);
        }
    }
}

fn operations(index: usize, rule: &Rule, faults: &mut Faults) {
    if rule.effect == Effect::Permit && rule.may.contains(&Operation::Move) && rule.destinations.is_empty() {
        let problem = "it can never permit `move`: there are no `destinations`".to_owned();
        faults.add(at_rule(index, rule), "destinations", problem, "write `destinations = [\"self\"]`, or peers");
    }
    if !rule.modalities.is_empty() {
        for operation in rule.may.iter().filter(|operation| !carries_objects(**operation)) {
            let problem = format!("`{operation}` brings no object whose modality could be told");
            let advice = format!("move `{operation}` to a rule without `modalities`");
            faults.add(at_rule(index, rule), "modalities", problem, advice);
        }
    }
}

/// What an archive sends by itself: objects, rejection notes and notifications. Reports of storage commitment answer a
/// request and need no rule; deliveries that somebody asked for are that somebody's.
fn sends(index: usize, rule: &Rule, faults: &mut Faults) {
    let archive = |subject: &Subject| matches!(subject, Subject::Archive(_));
    if rule.who.is_empty() || !rule.who.iter().all(archive) {
        return;
    }
    let odd = |operation: &&Operation| {
        !matches!(operation, Operation::Echo | Operation::Store | Operation::Reject | Operation::Notify)
    };
    for operation in rule.may.iter().filter(odd) {
        let problem = format!("an archive sends no `{operation}` by itself");
        let advice = match operation {
            Operation::Commit => "take it out: its reports go to whoever asked for them",
            Operation::Move | Operation::Get => "take it out: `store` is for what it sends unasked",
            _ => "an archive sends `store`, `reject`, `notify` and `echo`",
        };
        faults.add(at_rule(index, rule), "may", problem, advice);
    }
}

/// Whether messages of an operation can say a modality (0008,0060) at their top level.
const fn carries_objects(operation: Operation) -> bool {
    match operation {
        Operation::Store | Operation::Reject | Operation::Get | Operation::Mpps | Operation::Other => true,
        Operation::Echo
        | Operation::Find
        | Operation::Move
        | Operation::Worklist
        | Operation::Commit
        | Operation::Print
        | Operation::Notify
        | Operation::Ups => false,
    }
}

fn times(index: usize, rule: &Rule, faults: &mut Faults) {
    if let Some(hours) = rule.hours
        && (hours.from == hours.until || hours.from > 1439 || hours.until > 1440)
    {
        let problem = format!("it can never apply: `{hours}` is no span of a day");
        faults.add(at_rule(index, rule), "hours", problem, "write it as `07:00-19:00`; `22:00-06:00` spans midnight");
    }
    if rule.days.iter().any(|&day| day > 6) {
        faults.add(at_rule(index, rule), "days", "a week has seven days".to_owned(), "");
    }
}
