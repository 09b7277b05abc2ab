//! The policy file's own tests: a `[[test]]` is identified and decided like a caller on the wire.

use super::compiled::Policy;
use super::model::Expectation;

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
        Vec::new()
    }
}
