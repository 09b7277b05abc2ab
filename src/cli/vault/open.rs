//! `dicomgate vault open FILE...`: what was sealed comes out, with nothing else than the files and a key.

use crate::cli::audit::Format;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Open {
    /// Sealed objects: DICOM files as the archive holds or sends them
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Where the originals go; without it the files are only checked
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Open {
    /// Opens. 0: all of them; 1: not all.
    pub fn run(&self) -> ExitCode {
        let _ = (&self.files, &self.out, self.format);
        eprintln!("this build cannot open sealed files yet");
        ExitCode::from(1)
    }
}
