//! `dicomgate policy test`: runs every `[[test]]` of the policy file.

use super::{Answer, Common, Format, json, load};
use crate::policy::{Policy, TestOutcome};
use clap::Args;
use std::fmt::Write as _;

/// Arguments of `dicomgate policy test`.
#[derive(Debug, Clone, Args)]
pub(super) struct Test {
    #[command(flatten)]
    common: Common,
}

/// Exit code 0 if every test came out as expected, 1 otherwise.
pub(super) fn answer(test: &Test) -> Answer {
    match load(&test.common) {
        Ok((_, policy)) => outcome(&policy, test.common.format),
        Err(answer) => answer,
    }
}

pub(super) fn outcome(policy: &Policy, format: Format) -> Answer {
    let outcomes = policy.run_tests();
    let failed = outcomes.iter().filter(|outcome| !outcome.passed).count();
    let code = u8::from(failed > 0);
    let text = match format {
        Format::Json => json(&serde_json::json!({ "passed": failed == 0, "tests": outcomes })),
        Format::Text => text(&outcomes, failed),
    };
    Answer::new(text, code)
}

fn text(outcomes: &[TestOutcome], failed: usize) -> String {
    let mut text = String::new();
    for outcome in outcomes {
        let word = if outcome.passed { "ok    " } else { "FAILED" };
        let _ = writeln!(text, "{word}  {}", outcome.name);
        if !outcome.passed {
            let expected = match outcome.expected {
                crate::policy::model::Expectation::Permit => "permit",
                crate::policy::model::Expectation::Deny => "deny",
            };
            let _ = writeln!(text, "        line {}, expected {expected}; {}", outcome.line, outcome.verdict);
        }
    }
    let passed = outcomes.len().saturating_sub(failed);
    let _ = match outcomes.len() {
        0 => writeln!(text, "the policy has no tests: write a [[test]] for each promise that it must keep"),
        _ => writeln!(text, "{passed} passed, {failed} failed"),
    };
    text
}
