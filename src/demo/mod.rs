//! A small hospital on this machine, to show the gateway at work: a built-in archive, a certificate authority, a
//! scanner, a workstation and a phantom study. Nothing of it serves patients.

pub mod archive;
pub mod client;
pub mod elements;
pub mod folder;
pub mod link;
pub mod object;
pub mod phantom;
pub mod report;

use std::path::PathBuf;
use std::process::ExitCode;

/// What `dicomgate demo` can be told.
#[derive(Debug, Clone, clap::Args)]
pub struct DemoArgs {
    /// Show these DICOM files instead of the computed phantom (read recursively).
    #[arg(long, value_name = "DIR")]
    pub study: Option<PathBuf>,
    /// End after the tour instead of staying up.
    #[arg(long)]
    pub once: bool,
    /// Leave the temporary folder behind.
    #[arg(long)]
    pub keep: bool,
}

/// Runs the demonstration; 0 when every step did what it should, 1 when one did not.
pub fn run(_args: &DemoArgs) -> ExitCode {
    eprintln!("dicomgate: the demonstration is not built into this version yet");
    ExitCode::from(1)
}
