//! The policy file's own tests: a `[[test]]` is identified and decided like a caller on the wire, as if nothing were
//! being observed: a test is about the rules.

use super::compiled::Policy;
use super::decision::{Decision, DenialReason, Fact};
use super::model::{Expectation, PolicyTest};
use super::question::Question;
use super::request::Moment;
use super::rights::Open;

/// How one `[[test]]` came out.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TestOutcome {
    /// Its name.
    pub name: String,
    /// Its line in `policy.toml`, from 1.
    pub line: u32,
    /// Whether it came out as expected.
    pub passed: bool,
    /// What it expects.
    pub expected: Expectation,
    /// What came out, in words, with the rule or what was lacking.
    pub verdict: String,
}

impl Policy {
    /// Runs every `[[test]]` of the file, in its order.
    pub fn run_tests(&self) -> Vec<TestOutcome> {
        self.model.tests.iter().map(|test| self.run_test(test)).collect()
    }

    fn run_test(&self, test: &PolicyTest) -> TestOutcome {
        let (outcome, rule, verdict) = self.try_test(test);
        let right_rule = test.rule.as_ref().is_none_or(|expected| rule.as_deref() == Some(expected));
        let passed = outcome == Some(test.expect) && right_rule;
        let verdict = match &test.rule {
            Some(expected) if outcome == Some(test.expect) && !right_rule => {
                format!("{verdict}, but rule `{expected}` should have decided")
            }
            _ => verdict,
        };
        TestOutcome { name: test.name.clone(), line: test.line, passed, expected: test.expect, verdict }
    }

    fn try_test(&self, test: &PolicyTest) -> (Option<Expectation>, Option<String>, String) {
        let question = question(test);
        let asked = match self.ask(&question) {
            Ok(asked) => asked,
            Err(fault) => return (None, None, format!("it cannot be asked: {fault}")),
        };
        let principal = match &asked.identity {
            Ok(principal) => principal,
            Err(fault) => return (Some(Expectation::Deny), None, format!("deny: {fault}")),
        };
        match self.decide_as(&asked.request(principal), false) {
            Decision::Permit(permission) => {
                let rule = permission.rule.map(|rule| rule.to_string());
                let verdict = format!("permit: rule `{}`", rule.as_deref().unwrap_or_default());
                match otherwise(test, permission.seal, permission.open) {
                    Some(otherwise) => (None, rule, format!("{verdict}, but {otherwise}")),
                    None => (Some(Expectation::Permit), rule, verdict),
                }
            }
            Decision::Deny(denial) => {
                let verdict = format!("deny: {}", denial.reason);
                let rule = match denial.reason {
                    DenialReason::Rule(rule) => Some(rule.to_string()),
                    _ => None,
                };
                (Some(Expectation::Deny), rule, verdict)
            }
            Decision::Need(Fact::Modality) => {
                (None, None, String::from("it hangs on a modality that the test does not state"))
            }
            Decision::Need(Fact::Query) => {
                (None, None, String::from("it hangs on a query that the test does not state"))
            }
        }
    }
}

/// What becomes of objects, where the test expects something else.
fn otherwise(test: &PolicyTest, seal: bool, open: Open) -> Option<String> {
    if test.seal.is_some_and(|expected| expected != seal) {
        return Some(if seal { "what is stored is sealed" } else { "what is stored is not sealed" }.to_owned());
    }
    test.open.filter(|expected| *expected != open).map(|_| open.words().to_owned())
}

fn question(test: &PolicyTest) -> Question {
    Question {
        asker: test.asker.clone(),
        from: test.from,
        wants: Some(test.wants),
        to: test.to.clone(),
        sop_class: test.sop_class,
        transfer_syntax: test.transfer_syntax,
        modality: test.modality.clone(),
        destination: test.destination,
        person: test.person.clone(),
        level: test.level,
        keys: test.keys.clone(),
        at: test.at.map_or(WEDNESDAY_NOON, Moment::of_local),
    }
}

/// When a test asks that does not say when: 2 January 2030, a Wednesday, 12:00.
const WEDNESDAY_NOON: Moment = Moment { unix: 1_893_585_600, minute: 720, weekday: 2 };
