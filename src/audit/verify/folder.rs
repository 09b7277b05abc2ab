//! Feeding a folder of files to the verifier.

use super::{Expectations, Report, Verifier};
use crate::audit::keys::RatchetState;
use crate::audit::log;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// No line of ours is longer.
const LONGEST_LINE: u64 = 1 << 20;

/// A write(2) of the gateway is seen whole after this long at the latest, asked this often.
const WRITTEN_PAUSE: Duration = Duration::from_millis(5);
const WRITTEN_TRIES: u32 = 20;

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
///
/// A gateway may write on meanwhile: `later` reads the ratchet again, once the log is read.
pub fn verify(
    folder: &Path,
    expect: Expectations,
    later: impl FnOnce() -> Option<RatchetState>,
) -> Result<Report, VerifyFault> {
    let files = log::list(folder).map_err(|source| VerifyFault { path: folder.to_owned(), source })?;
    let mut verifier = Verifier::new(expect);
    for (first, name) in files {
        verifier.file(&name, first);
        let path = folder.join(&name);
        feed(&mut verifier, &path, first).map_err(|source| VerifyFault { path, source })?;
    }
    Ok(verifier.finish(later().as_ref()))
}

fn feed(verifier: &mut Verifier, path: &Path, first: u64) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(1 << 16, File::open(path)?);
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if !line.ends_with(b"\n") {
            ends(&mut reader, &mut line)?;
        }
        match line.strip_suffix(b"\n") {
            Some(line) => verifier.line(line, first),
            None => verifier.incomplete(),
        }
    }
}

/// Reads on in a line that did not end. `true`: it does after all. A gateway at work may be in the midst of writing it.
fn ends(reader: &mut BufReader<File>, line: &mut Vec<u8>) -> io::Result<bool> {
    for _ in 0..WRITTEN_TRIES {
        std::thread::sleep(WRITTEN_PAUSE);
        let room = LONGEST_LINE.saturating_sub(u64::try_from(line.len()).unwrap_or(u64::MAX));
        reader.by_ref().take(room).read_until(b'\n', line)?;
        if line.ends_with(b"\n") {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_line_that_is_being_written_is_read_to_its_end_and_a_torn_one_is_not() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"abc").unwrap();
        let mut reader = BufReader::new(file.reopen().unwrap());
        let mut line = Vec::new();
        reader.read_until(b'\n', &mut line).unwrap();
        assert!(!ends(&mut reader, &mut line).unwrap());
        file.write_all(b"def\nnext").unwrap();
        assert!(ends(&mut reader, &mut line).unwrap());
        assert_eq!(line, b"abcdef\n");
    }
}
