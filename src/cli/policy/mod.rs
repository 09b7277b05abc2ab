//! `dicomgate policy test|explain|operations|learn|diff|apply`: the policy's own tests, the reasons behind a decision, the
//! vocabulary; a policy from what was recorded, and what another policy would have done to it.
//!
//! It asks the policy and prints; it never decides.

mod apply;
mod diff;
mod explain;
mod history;
mod learn;
mod operations;
mod source;
mod test;

use crate::cli::{EXIT_CONFIGURATION, EXIT_INTERNAL};
use crate::config::{self, Settings};
use crate::policy::Policy;
use clap::{Args, Subcommand, ValueEnum};
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `dicomgate policy`.
#[derive(Debug, Clone, Args)]
pub struct PolicyCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Clone, Subcommand)]
enum What {
    /// Run the tests that stand in the policy file
    Test(test::Test),
    /// Say what a peer may do and why, rule by rule
    Explain(Box<explain::Explain>),
    /// List the operations that rules can name, and the SOP classes of each
    Operations(operations::Operations),
    /// Write a policy that permits what was done and no more, from the audit log
    Learn(learn::Learn),
    /// Say what changes between two policies, and what the change would have done to recorded operations
    Diff(Box<diff::Diff>),
    /// Show what the changed policy file would do, and confirm it if it waits
    Apply(apply::Apply),
}

/// What the commands that read the configuration have in common.
#[derive(Debug, Clone, Args)]
struct Common {
    /// The gateway's configuration
    #[arg(long, value_name = "FILE", default_value = config::DEFAULT_PATH)]
    config: PathBuf,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Format {
    /// For people
    #[default]
    Text,
    /// For scripts
    Json,
}

/// What a command prints, and its exit code: 0 fine, 1 the answer is no, 2 usage, 64 configuration.
struct Answer {
    text: String,
    complaint: String,
    code: u8,
}

impl Answer {
    fn new(text: String, code: u8) -> Self {
        Self { text, complaint: String::new(), code }
    }

    fn complaint(complaint: String, code: u8) -> Self {
        Self { text: String::new(), complaint, code }
    }
}

/// Runs the command and prints its answer.
pub fn run(command: &PolicyCommand) -> ExitCode {
    let answer = match &command.what {
        What::Test(test) => test::answer(test),
        What::Explain(explain) => explain::answer(explain, &jiff::Zoned::now()),
        What::Operations(operations) => operations::answer(operations),
        What::Learn(learn) => learn::answer(learn),
        What::Diff(diff) => diff::answer(diff, &jiff::Zoned::now()),
        What::Apply(apply) => apply::answer(apply, &jiff::Zoned::now()),
    };
    let mut out = std::io::stdout().lock();
    match out.write_all(answer.text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => return ExitCode::from(EXIT_INTERNAL),
        _ => {}
    }
    if !answer.complaint.is_empty() {
        // Nothing is left to do if the complaint itself cannot be written.
        let _ = std::io::stderr().lock().write_all(answer.complaint.as_bytes());
    }
    ExitCode::from(answer.code)
}

/// Loads the configuration and compiles its policy. One that fails its own tests is what these commands are for.
fn load(common: &Common) -> Result<(Settings, Policy), Answer> {
    let settings = config::load_untested(&common.config)
        .map_err(|faults| Answer::complaint(format!("{faults}\n"), EXIT_CONFIGURATION))?;
    match Policy::compile(settings.policy.clone()) {
        Ok(policy) => Ok((settings, policy)),
        Err(faults) => {
            let lines = faults.iter().map(|fault| format!("line {}: {fault}\n", fault.place.line));
            Err(Answer::complaint(lines.collect(), EXIT_CONFIGURATION))
        }
    }
}

/// A value as JSON with line breaks. Everything printed here has only text keys, so it cannot fail.
fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).map(|text| format!("{text}\n")).unwrap_or_default()
}

#[cfg(test)]
mod tests;
