//! `dicomgate user`: local accounts, kept in the file that `[users.local]` names.
//!
//! Passcodes are typed on the terminal or come over standard input, never as an argument: those are seen by everybody on
//! the machine. What is written is Argon2id of them; other entries and their comments stay as they are.

mod add;
mod file;
mod list;
mod passcode;
mod remove;

use super::EXIT_CONFIGURATION;
use crate::config;
use clap::{Args, Subcommand};
use std::io::{BufRead, Write};
use std::path::PathBuf;

/// `dicomgate user`
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make an account, or give one another passcode; it counts when the running gateway reloads, at once
    Add(add::Add),
    /// Take an account out; whoever uses it is cut off between two messages
    Remove(remove::Remove),
    /// Show the accounts, without anything of their passcodes
    List(list::List),
}

/// Where the accounts are.
#[derive(Debug, Args)]
struct Where {
    /// The configuration, whose [users.local] names the file
    #[arg(long, short, value_name = "FILE", default_value = config::DEFAULT_PATH)]
    config: PathBuf,
    /// The file itself, in place of the one that the configuration names
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Why a command does not do what it was asked: a sentence for standard error, and the exit code.
#[derive(Debug)]
struct Refusal {
    words: String,
    code: u8,
}

impl Refusal {
    /// It ran, and the answer is no.
    fn no(words: impl Into<String>) -> Self {
        Self { words: words.into(), code: 1 }
    }
}

type Outcome = Result<(), Refusal>;

impl Where {
    fn path(&self) -> Result<PathBuf, Refusal> {
        if let Some(file) = &self.file {
            return Ok(file.clone());
        }
        config::accounts_path(&self.config).ok_or_else(|| Refusal {
            words: format!(
                "`{}` names no file of accounts: write [users.local] and file = \"config/users.toml\" into it, or name \
                 the file with --file",
                self.config.display()
            ),
            code: EXIT_CONFIGURATION,
        })
    }
}

/// Runs a command. Answers go to `out`, refusals to `err`; a passcode of `--password-stdin` comes from `input`. Returns
/// the exit code.
pub fn run(command: &Command, input: &mut dyn BufRead, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let outcome = match command {
        Command::Add(arguments) => arguments.run(input, out),
        Command::Remove(arguments) => arguments.run(out),
        Command::List(arguments) => arguments.run(out),
    };
    match outcome {
        Ok(()) => 0,
        Err(Refusal { words, code }) => {
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(err, "{words}");
            code
        }
    }
}

/// A closed pipe is the reader's decision, not a failure.
fn print(out: &mut dyn Write, text: &str) -> Outcome {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(fault) if fault.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Refusal::no(format!("the answer cannot be written: {fault}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
