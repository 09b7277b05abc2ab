//! Feeding a folder of files to the verifier.

use super::{Expectations, Report, Verifier};
use crate::audit::log;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

/// No line of ours is longer.
const LONGEST_LINE: u64 = 1 << 20;

/// Why a log cannot be verified at all.
#[derive(Debug, thiserror::Error)]
#[error("the audit log `{path}` cannot be read: {source}{advice}", advice = advice(.source))]
pub struct VerifyFault {
    /// Which file or folder.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// What to do about a log that cannot be read; empty where there is nothing better to say.
pub fn advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::NotFound => "; no gateway ran there yet, or --config or --state should name another folder",
        io::ErrorKind::PermissionDenied => "; read it as root or as the user that the gateway runs as",
        _ => "",
    }
}

/// Verifies the log in a folder (`state/audit`, or a copy of it). Reads every file once, in bounded memory.
pub fn verify(folder: &Path, expect: Expectations) -> Result<Report, VerifyFault> {
    let files = log::list(folder).map_err(|source| VerifyFault { path: folder.to_owned(), source })?;
    let mut verifier = Verifier::new(expect);
    for (first, name) in files {
        verifier.file(&name, first);
        let path = folder.join(&name);
        feed(&mut verifier, &path, first).map_err(|source| VerifyFault { path, source })?;
    }
    Ok(verifier.finish())
}

fn feed(verifier: &mut Verifier, path: &Path, first: u64) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(1 << 16, File::open(path)?);
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        match line.strip_suffix(b"\n") {
            Some(line) => verifier.line(line, first),
            None => verifier.incomplete(),
        }
    }
}
