//! `dicomgate vault ...`: keys, probe, opening, sealing what an archive holds, drills. Each command is one file; none
//! needs a gateway that runs.

pub mod drill;
mod open;
mod restore;
mod with;

use std::process::ExitCode;

/// `dicomgate vault`
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Open sealed DICOM files, with the key ring or with an escrow key; needs no gateway
    Open(open::Open),
    /// Prove that escrow opens what the archive holds: pick, open on another machine, bring the result back
    Drill(drill::Drill),
}

/// Runs a command.
pub fn run(command: &Command) -> ExitCode {
    match command {
        Command::Open(open) => open.run(),
        Command::Drill(drill) => drill.run(),
    }
}
