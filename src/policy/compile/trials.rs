//! Tests of the file that could not say anything.

use super::faults::{Faults, at_test};
use super::names::Names;
use crate::dicom::AeTitle;
use crate::policy::model::{Asker, Expectation, PolicyModel, PolicyTest};
use std::collections::HashMap;

/// Says which tests name what is not there.
pub(super) fn check(model: &PolicyModel, names: &Names, faults: &mut Faults) {
    let mut seen: HashMap<&str, u32> = HashMap::new();
    for (index, test) in model.tests.iter().enumerate() {
        if let Some(line) = seen.insert(&test.name, test.line) {
            faults.add(at_test(index, test), "name", format!("the test in line {line} has the same name"), "");
        }
        vault(index, test, faults);
        let written = match &test.asker {
            Asker::Peer(written) => written,
            Asker::Archive(written) => {
                archive(index, test, written, names, faults);
                rule_of(index, test, model, faults);
                continue;
            }
        };
        peer(index, test, written, names, faults);
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
        rule_of(index, test, model, faults);
    }
}

/// What is denied is neither sealed nor opened.
fn vault(index: usize, test: &PolicyTest, faults: &mut Faults) {
    let written = [("seal", test.seal.is_some()), ("open", test.open.is_some())];
    for (key, _) in written.into_iter().filter(|(_, written)| *written && test.expect == Expectation::Deny) {
        let problem = format!("`{key}` is a property of what is permitted");
        faults.add(at_test(index, test), key, problem, "write expect = \"permit\", or take it out");
    }
}

fn rule_of(index: usize, test: &PolicyTest, model: &PolicyModel, faults: &mut Faults) {
    if let Some(rule) = &test.rule
        && !model.rules.iter().any(|known| *known.name == **rule)
    {
        let advice = faults.suggest(rule, model.rules.iter().map(|rule| &*rule.name));
        faults.add(at_test(index, test), "rule", format!("there is no rule `{rule}`"), advice);
    }
}

/// An archive sends to somebody who is there.
fn archive(index: usize, test: &PolicyTest, written: &str, names: &Names, faults: &mut Faults) {
    if !names.party(written).is_some_and(|(_, party)| party.archive) {
        let advice = faults.suggest(written, names.archives());
        faults.add(at_test(index, test), "archive", format!("there is no archive `{written}`"), advice);
    }
    let Some(to) = &test.to else {
        let problem = "it does not say to whom the archive sends".to_owned();
        faults.add(at_test(index, test), "to", problem, "name a peer or archive with `to`");
        return;
    };
    if names.party(to).is_some() {
        return;
    }
    let peers = AeTitle::new(to).ok().and_then(|title| names.titles.get(&title)).map(|title| title.peers.len());
    match peers.unwrap_or_default() {
        0 => {
            let advice = faults.suggest(to, names.peers().chain(names.archives()));
            faults.add(at_test(index, test), "to", format!("no peer or archive has the name or title `{to}`"), advice);
        }
        1 => {}
        _ => {
            let problem = format!("several peers have the title `{to}`");
            faults.add(at_test(index, test), "to", problem, "say which one by its name");
        }
    }
}

fn reaches(model: &PolicyModel, to: &str) -> bool {
    let answers = |title: &AeTitle| title.as_str() == to;
    model.archives.iter().any(|archive| answers(&archive.ae_title) || archive.answers_to.iter().any(answers))
}

/// A test may ask in the name of a stranger, but then only expect nothing.
fn peer(index: usize, test: &PolicyTest, written: &str, names: &Names, faults: &mut Faults) {
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
