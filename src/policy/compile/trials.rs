//! Tests of the file that could not say anything.

use super::faults::{Faults, at_test};
use super::names::Names;
use crate::dicom::AeTitle;
use crate::policy::model::{Expectation, PolicyModel, PolicyTest};
use std::collections::HashMap;

/// Says which tests name what is not there.
pub(super) fn check(model: &PolicyModel, names: &Names, faults: &mut Faults) {
    let mut seen: HashMap<&str, u32> = HashMap::new();
    for (index, test) in model.tests.iter().enumerate() {
        if let Some(line) = seen.insert(&test.name, test.line) {
            faults.add(at_test(index, test), "name", format!("the test in line {line} has the same name"), "");
        }
        peer(index, test, names, faults);
        match &test.to {
            Some(to) if !reaches(model, to) => {
                let advice = faults.suggest(to, names.archives());
                faults.add(at_test(index, test), "to", format!("there is no archive `{to}`"), advice);
            }
            None if model.archives.len() > 1 => {
                let problem = "there are several archives".to_owned();
                faults.add(at_test(index, test), "to", problem, "say which one with `to`");
            }
            _ => {}
        }
        if let Some(rule) = &test.rule
            && !model.rules.iter().any(|known| *known.name == **rule)
        {
            let advice = faults.suggest(rule, model.rules.iter().map(|rule| &*rule.name));
            faults.add(at_test(index, test), "rule", format!("there is no rule `{rule}`"), advice);
        }
    }
}

fn reaches(model: &PolicyModel, to: &str) -> bool {
    let answers = |title: &AeTitle| title.as_str() == to;
    model.archives.iter().any(|archive| answers(&archive.ae_title) || archive.answers_to.iter().any(answers))
}

/// A test may ask in the name of a stranger, but then only expect nothing.
fn peer(index: usize, test: &PolicyTest, names: &Names, faults: &mut Faults) {
    let written = &test.peer;
    if names.party(written).is_some_and(|(_, party)| !party.archive) {
        return;
    }
    let Ok(title) = AeTitle::new(written) else {
        let advice = faults.suggest(written, names.peers());
        faults.add(at_test(index, test), "peer", format!("there is no peer `{written}`"), advice);
        return;
    };
    match names.titles.get(&title).map(|title| title.peers.len()).unwrap_or_default() {
        0 if test.expect == Expectation::Permit => {
            let advice = faults.suggest(written, names.peers());
            let problem = format!("no peer has the name or title `{written}`, and a stranger is permitted nothing");
            faults.add(at_test(index, test), "peer", problem, advice);
        }
        0 | 1 => {}
        _ => {
            let problem = format!("several peers have the title `{written}`");
            faults.add(at_test(index, test), "peer", problem, "say which one by its name");
        }
    }
}
