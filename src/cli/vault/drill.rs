//! `dicomgate vault drill`: proves that escrow opens what the archive holds.

use crate::cli::audit::Format;
use std::process::ExitCode;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Drill {
    /// How the answer is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Drill {
    /// Runs.
    pub fn run(&self) -> ExitCode {
        let _ = self.format;
        eprintln!("this build cannot run drills yet");
        ExitCode::from(1)
    }
}
