//! `dicomgate archive ...`: how a system behind the gateway behaves. It asks, prints and keeps what it found; it never
//! changes the configuration.

pub mod compare;
pub mod keep;
pub mod probe;
pub mod report;

use std::process::ExitCode;

/// How a system behind the gateway behaves.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Ask an archive how it behaves, and print the settings that fit
    Probe(probe::Probe),
}

/// Runs the command.
pub fn run(command: &Command) -> ExitCode {
    match command {
        Command::Probe(probe) => probe::run(probe),
    }
}
