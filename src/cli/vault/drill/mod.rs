//! `dicomgate vault drill`: proves that escrow opens what the archive holds, in three steps on two machines.
//!
//! `--from DIR --to DIR` picks sealed objects at random from the archive's files, and the gateway remembers which (`--picked DIR`
//! if it was done elsewhere); `--open DIR --escrow-key FILE` opens them where
//! the escrow key is, by the recovery steps, and signs what it found with that key; `--result FILE` brings the result back: it counts only
//! if it is about exactly what was picked last.
//! The key never leaves its machine, and the objects need not come back.

mod keep;
mod note;
mod open;
mod pick;
mod result;

pub use keep::{Proven, last};

use crate::cli::audit::Format;
use crate::config;
use crate::dicom::AeTitle;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("step").required(true).args(["from", "picked", "open", "result"])))]
pub struct Drill {
    /// Pick from DICOM files below this folder
    #[arg(long, value_name = "DIR", requires = "to")]
    from: Option<PathBuf>,
    /// Where copies of the picked files go: a new folder, to be carried to the escrow key
    #[arg(long, value_name = "DIR", requires = "from")]
    to: Option<PathBuf>,
    /// How many are picked
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    count: u32,
    /// Remember what was picked into this folder on a machine without the gateway's configuration
    #[arg(long, value_name = "DIR")]
    picked: Option<PathBuf>,
    /// The archive that is picked from, by its `ae_title`; default: the only one
    #[arg(long, value_name = "AE")]
    archive: Option<AeTitle>,
    /// With --from: the archive gives objects SOP Instance UIDs of its own; a configuration with `rewrites = ["sop"]` says so by itself
    #[arg(long, requires = "from")]
    minted: bool,
    /// Open what was picked into this folder, and write `result.json` there
    #[arg(long, value_name = "DIR", requires = "escrow_key")]
    open: Option<PathBuf>,
    /// Private key of the escrow certificate (PKCS#8, PEM or DER, not encrypted); `-` reads it from standard input
    #[arg(long, value_name = "FILE", requires = "open")]
    escrow_key: Option<PathBuf>,
    /// Bring back a result: it is checked against the escrow certificates and kept
    #[arg(long, value_name = "FILE")]
    result: Option<PathBuf>,
    /// The configuration that names state folder and escrow certificates
    #[arg(long, short, value_name = "FILE", default_value = config::DEFAULT_PATH)]
    config: PathBuf,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Drill {
    /// Runs one step. 0: done and everything opened; 1: not; 2: the key or a folder cannot be used.
    pub fn run(&self) -> ExitCode {
        let now = jiff::Timestamp::now();
        let home = || pick::Home::load(&self.config, self.archive);
        let outcome = match (&self.from, &self.to, &self.open, &self.escrow_key, &self.result, &self.picked) {
            (Some(from), Some(to), ..) => {
                home().and_then(|home| pick::pick(from, to, (self.count, self.minted), home, now))
            }
            (_, _, Some(folder), Some(key), ..) => open::open(folder, key, now),
            (.., Some(file), _) => keep::bring_back(file, &self.config, now),
            (.., Some(folder)) => home().and_then(|home| pick::take_note(folder, home, now)),
            // clap lets nothing else through.
            _ => return ExitCode::from(2),
        };
        match outcome {
            Ok(report) => {
                match self.format {
                    Format::Text => print(&report.words),
                    Format::Json => print(&report.json.to_string()),
                }
                ExitCode::from(u8::from(!report.good))
            }
            Err(Stopped { words, code }) => {
                eprintln!("{words}");
                code
            }
        }
    }
}

/// What a step has to say.
struct Report {
    good: bool,
    words: String,
    json: serde_json::Value,
}

/// Why a step stopped.
struct Stopped {
    words: String,
    code: ExitCode,
}

impl Stopped {
    fn new(words: impl Into<String>, code: u8) -> Self {
        Self { words: words.into(), code: ExitCode::from(code) }
    }

    fn at(path: &std::path::Path, fault: &dyn std::fmt::Display) -> Self {
        Self::new(format!("`{}`: {fault}", path.display()), 2)
    }
}

fn print(words: &str) {
    use std::io::Write as _;
    // Who closes the pipe has read enough.
    let _ = writeln!(std::io::stdout().lock(), "{}", words.trim_end());
}

#[cfg(test)]
mod tests;
