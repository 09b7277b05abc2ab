//! What narrows a permit, and whom it is for: keys that contradict each other, attributes that cannot be compared or
//! hidden, canaries that nothing would give away.

use super::faults::{Faults, at_canary, at_rule};
use crate::dicom::Tag;
use crate::dicom::dimse::Operation;
use crate::policy::attribute::{Attribute, keyword};
use crate::policy::compiled::Narrows;
use crate::policy::model::{Effect, PolicyModel, Rule, Subject};
use crate::policy::narrow::{Givens, Lacking, Narrowed};
use crate::policy::request::Moment;
use crate::policy::value::{Day, Given, Value, Wanted};
use std::collections::HashMap;

/// The most attributes in one `where`, and the most values of one attribute.
const MOST: usize = 64;
/// The longest time of a budget, in seconds: 31 days.
const LONGEST_BUDGET: u32 = 31 * 86_400;
/// The longest emergency access, in seconds: a day.
const LONGEST_EMERGENCY: u32 = 86_400;

/// How a rule narrows, its fixed values filled in.
pub(super) fn narrows(index: usize, rule: &Rule, faults: &mut Faults) -> Option<Narrows> {
    let free = rule.r#where.is_empty() && rule.where_patient.is_empty() && rule.hide.is_empty();
    if rule.effect == Effect::Deny || free && rule.max_results.is_none() && rule.budget.is_none() {
        return None;
    }
    let given = |value: &Value| match value {
        Value::Key(_) => false,
        Value::Template(_) => true,
        Value::Days { from, until } => [from, until].into_iter().any(|day| matches!(day, Some(Day::FromToday(_)))),
    };
    if wanted(rule).any(|(_, wanted)| wanted.any.iter().any(given)) {
        return Some(Narrows::Each(Box::new(rule.clone())));
    }
    let nobody = Givens { principal: None, at: Moment { unix: 0, minute: 0, weekday: 3 } };
    match Narrowed::of(rule, &nobody) {
        Ok(narrowed) => Some(Narrows::Fixed(narrowed)),
        Err(Lacking(value)) => {
            let problem = format!("`{value}` is no value of the attribute that it stands for");
            faults.add(at_rule(index, rule), "where", problem, "write it as a query would");
            None
        }
    }
}

fn wanted(rule: &Rule) -> impl Iterator<Item = (&'static str, &Wanted)> {
    let own = rule.r#where.iter().map(|wanted| ("where", wanted));
    own.chain(rule.where_patient.iter().map(|wanted| ("where_patient", wanted)))
}

/// The keys of a rule that narrow it, and whether they are written.
fn keys(rule: &Rule) -> [(&'static str, bool); 8] {
    [
        ("where", !rule.r#where.is_empty()),
        ("where_patient", !rule.where_patient.is_empty()),
        ("hide", !rule.hide.is_empty() || rule.hide_in_objects),
        ("max_results", rule.max_results.is_some()),
        ("budget", rule.budget.is_some()),
        ("levels", !rule.levels.is_empty()),
        ("require_key", !rule.require_key.is_empty()),
        ("break_glass", rule.break_glass.is_some()),
    ]
}

/// Says what is wrong with the narrowing of a rule.
pub(super) fn check(index: usize, rule: &Rule, faults: &mut Faults) {
    let mut add = |key, problem: String, advice: &str| faults.add(at_rule(index, rule), key, problem, advice);
    if rule.effect == Effect::Deny {
        for (key, _) in keys(rule).into_iter().filter(|(_, written)| *written) {
            let advice = "take it out, or write a permit that shows less";
            add(key, format!("a deny refuses whole operations, and `{key}` speaks of what they show"), advice);
        }
        return;
    }
    operations(rule, &mut add);
    attributes(rule, &mut add);
    if rule.hide_in_objects && rule.hide.is_empty() {
        add(
            "hide_in_objects",
            "there is nothing to hide".to_owned(),
            "name the attributes: hide = [\"PatientAddress\"]",
        );
    }
    for &tag in &rule.hide {
        if let Some(problem) = unhidable(tag) {
            add("hide", problem, "take it out: answers and objects cannot do without it");
        }
    }
    for &tag in rule.require_key.iter().filter(|tag| never_asked(**tag)) {
        add("require_key", format!("`{}` is no key of a query", keyword(tag)), "take it out");
    }
    numbers(rule, &mut add);
    person(rule, &mut add);
}

/// What each key works on.
fn operations(rule: &Rule, add: &mut impl FnMut(&'static str, String, &str)) {
    use Operation::{Echo, Find, Get, Move, Worklist};
    let all: &[Operation] = &[Find, Get, Move, Worklist];
    for (key, _) in keys(rule).into_iter().filter(|(key, written)| *written && *key != "break_glass") {
        let works: &[Operation] = match key {
            "where_patient" | "levels" => &[Find, Get, Move],
            "max_results" | "require_key" => &[Find, Worklist],
            _ => all,
        };
        let words = works.iter().map(|operation| operation.as_str()).collect::<Vec<_>>().join(", ");
        if !rule.may.is_empty() && !rule.may.iter().any(|operation| works.contains(operation)) {
            add(key, format!("`{key}` works on {words}, and the rule permits none of these"), "take it out");
            continue;
        }
        let beside = rule.may.iter().find(|operation| **operation != Echo && !works.contains(operation));
        if let (Some(beside), "where" | "where_patient" | "hide") = (beside, key) {
            let problem = format!("`{key}` does not narrow `{beside}`, which the rule permits as it is");
            let advice = match (key, beside) {
                ("where_patient", Worklist) => "a worklist has no studies: permit it in a rule with `where`",
                _ => "permit it in a rule of its own",
            };
            add(key, problem, advice);
        }
    }
}

fn attributes(rule: &Rule, add: &mut impl FnMut(&'static str, String, &str)) {
    let mut counts: HashMap<&'static str, usize> = HashMap::new();
    for (key, wanted) in wanted(rule) {
        *counts.entry(key).or_default() += 1;
        if wanted.any.is_empty() || wanted.any.len() > MOST {
            let problem = format!("`{}` must have 1 to {MOST} values", wanted.attribute);
            add(key, problem, "a table `[[rule]]` of its own may have as many again");
        }
        if let Some(advice) = below_study(&wanted.attribute) {
            let problem = format!("`{}` is not said of studies: no answer of a study could fit", wanted.attribute);
            add(key, problem, advice);
        }
    }
    for (key, _) in counts.into_iter().filter(|(_, count)| *count > MOST) {
        add(key, format!("`{key}` has more than {MOST} attributes"), "");
    }
}

/// What to write in place of an attribute that only series and instances have; `None`: studies, patients or worklist
/// answers have it (PS3.4 C.6, K.6; PS3.3 C.7.1, C.7.2).
fn below_study(attribute: &Attribute) -> Option<&'static str> {
    let below = match attribute.top() {
        Tag(0x0008, 0x0060) => {
            return Some("write `ModalitiesInStudy`; in a worklist \"ScheduledProcedureStepSequence.Modality\"");
        }
        Tag(0x0008, 0x0016) => return Some("write `SOPClassesInStudy`"),
        Tag(0x0008, 0x0005 | 0x0052..=0x0056) => return Some("take it out: it is no property of a study"),
        Tag(
            0x0008,
            0x0008
            | 0x0012..=0x0018
            | 0x0021..=0x0027
            | 0x002a
            | 0x0031..=0x0035
            | 0x0068
            | 0x0070
            | 0x1010
            | 0x103e
            | 0x103f
            | 0x1050
            | 0x1052
            | 0x1070
            | 0x1072
            | 0x1090
            | 0x1111
            | 0x1140,
        ) => true,
        Tag(0x0008 | 0x0010 | 0x0012 | 0x0032 | 0x0038, _) => false,
        Tag(0x0020, element) => !matches!(element, 0x000d | 0x0010 | 0x1200..=0x1208),
        Tag(0x0040, element) => matches!(element, 0x0241..=0x0281 | 0xa000..),
        _ => true,
    };
    below.then_some("name an attribute of the study or the patient, such as `ModalitiesInStudy` or `StudyDescription`")
}

fn unhidable(tag: Tag) -> Option<String> {
    let word = keyword(tag);
    match tag {
        Tag(0x0010, 0x0020) | Tag(0x0020, 0x000d | 0x000e) | Tag(0x0008, 0x0016 | 0x0018) => {
            Some(format!("`{word}` tells patients, studies and objects apart and cannot be hidden"))
        }
        Tag(0x0008, 0x0005 | 0x0052) => Some(format!("`{word}` says how to read the rest and cannot be hidden")),
        Tag(0x0000 | 0x0002 | 0x7fe0, _) => Some(format!("`{word}` is no attribute that could be hidden")),
        _ => None,
    }
}

const fn never_asked(tag: Tag) -> bool {
    matches!(tag, Tag(0x0008, 0x0005 | 0x0052 | 0x0053) | Tag(0x0000 | 0x0002 | 0x7fe0, _))
}

fn numbers(rule: &Rule, add: &mut impl FnMut(&'static str, String, &str)) {
    if rule.max_results == Some(0) {
        add("max_results", "no answer at all would be shown".to_owned(), "write 1 or more, or take `find` out");
    }
    match rule.limit_status {
        Some(_) if rule.max_results.is_none() => {
            add("limit_status", "there is no `max_results` that it could end".to_owned(), "write both, or none");
        }
        Some(0x0000 | 0xa700..=0xa7ff | 0xa900..=0xa9ff | 0xc000..=0xcfff | 0xfe00) | None => {}
        Some(status) => {
            let problem = format!("`{status:04X}` is no status that a query could end with");
            add("limit_status", problem, "write \"A700\" (out of resources), or \"0000\"");
        }
    }
    if let Some(budget) = rule.budget
        && (budget.most == 0 || !(1..=LONGEST_BUDGET).contains(&budget.window))
    {
        let problem = "it permits nothing, or counts over more than 31 days".to_owned();
        add("budget", problem, "write it as \"100 studies/hour\"");
    }
    if rule.break_glass.is_some_and(|seconds| !(60..=LONGEST_EMERGENCY).contains(&seconds)) {
        let problem = "emergency access lasts from a minute to a day".to_owned();
        add("break_glass", problem, "write true for an hour, or a time: \"30m\"");
    }
}

/// Only persons have attributes, and only persons break glass.
fn person(rule: &Rule, add: &mut impl FnMut(&'static str, String, &str)) {
    if rule.who.is_empty() || rule.who.iter().any(|who| matches!(who, Subject::Role(_) | Subject::User(_))) {
        return;
    }
    let advice = "name the persons in `who`: \"role:..\" or \"user:..\", and their devices in `via`";
    if rule.break_glass.is_some() {
        add("break_glass", "it can never apply: only persons ask for emergency access".to_owned(), advice);
    }
    for (key, wanted) in wanted(rule) {
        let person = wanted.any.iter().flat_map(Value::givens).find(|given| matches!(given, Given::Person(_)));
        if let Some(given) = person {
            add(key, format!("it can never apply: `{given}` is of a person, and `who` names devices alone"), advice);
        }
    }
}

/// Says what is wrong with the canaries.
pub(super) fn check_canaries(model: &PolicyModel, faults: &mut Faults) {
    let mut seen: HashMap<&str, u32> = HashMap::new();
    for (index, canary) in model.canaries.iter().enumerate() {
        if let Some(line) = seen.insert(&canary.name, canary.line) {
            let problem = format!("the canary in line {line} has the same name");
            faults.add(at_canary(index, canary), "name", problem, "give each a name of its own");
        }
        let blank = canary.patient_id.as_ref().is_none_or(|id| id.trim().is_empty());
        if blank && canary.study.is_none() {
            let problem = "nothing would give it away".to_owned();
            faults.add(at_canary(index, canary), "", problem, "write its `patient_id`, its `study`, or both");
        }
        if let Some(id) = canary.patient_id.as_ref().filter(|id| id.contains(['*', '?', '\\'])) {
            let problem = format!("`{id}` is no Patient ID: it has a wild card or backslash");
            faults.add(
                at_canary(index, canary),
                "patient_id",
                problem,
                "write the one ID of a patient who does not exist",
            );
        }
    }
}
