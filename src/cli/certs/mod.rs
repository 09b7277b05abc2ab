//! `dicomgate certs`: a CA for devices, without a CA product.

use clap::{Args, Subcommand};
use std::io::Write;
use std::path::PathBuf;

mod issue;
mod new_ca;
mod revoke;
mod show;

/// Make a CA, issue and revoke certificates, look into them.
#[derive(Debug, Args)]
pub struct Certs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    NewCa(new_ca::NewCa),
    Issue(issue::Issue),
    Revoke(revoke::Revoke),
    Show(show::Show),
}

/// The folder of the CA.
#[derive(Debug, Args)]
struct Folder {
    /// The CA's folder
    #[arg(long, default_value = "certs", value_name = "DIR")]
    dir: PathBuf,
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Why a command ends with 1: a sentence for standard error.
type Outcome = Result<(), String>;

/// Runs the command at `now` (seconds since 1970). Results go to `out`, refusals to `err`. Returns the exit code: 0 done,
/// 1 it could not be done.
pub fn run(certs: &Certs, now: i64, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let outcome = match &certs.command {
        Command::NewCa(arguments) => arguments.run(now, out),
        Command::Issue(arguments) => arguments.run(now, out),
        Command::Revoke(arguments) => arguments.run(now, out),
        Command::Show(arguments) => arguments.run(now, out),
    };
    match outcome {
        Ok(()) => 0,
        Err(words) => {
            // nobody is left to tell when standard error is closed
            let _ = writeln!(err, "{words}");
            1
        }
    }
}

/// A closed pipe is the reader's decision, not a failure.
fn print(out: &mut dyn Write, text: &str) -> Outcome {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(fault) if fault.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(format!("the answer cannot be written: {fault}"))
        }
        _ => Ok(()),
    }
}

/// The day of a moment, seconds since 1970.
pub(super) fn day(unix: i64) -> String {
    jiff::Timestamp::from_second(unix).map_or_else(|_| unix.to_string(), |time| time.strftime("%Y-%m-%d").to_string())
}

#[cfg(test)]
mod tests;
