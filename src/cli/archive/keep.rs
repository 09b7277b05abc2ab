//! Where reports are kept: `state/probe/TITLE.json`, the gateway's alone.

use super::report::{Report, VERSION};
use crate::dicom::AeTitle;
use crate::durable;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// No report is longer, bytes.
const LONGEST: u64 = 1 << 20;

/// Where the report of an archive is. A title may have characters that a file name should not: those are written as
/// `%` and two hexadecimal digits.
pub fn path(state: &Path, title: &AeTitle) -> PathBuf {
    let mut name = String::new();
    for byte in title.as_str().bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => name.push(char::from(byte)),
            other => name.push_str(&format!("%{other:02X}")),
        }
    }
    state.join("probe").join(format!("{name}.json"))
}

/// Keeps a report in place of an older one; `None` if the older one knows more: it had a test study, at the same
/// address, and this one has none.
///
/// # Errors
/// What the system says.
pub fn write(state: &Path, title: &AeTitle, report: &Report) -> io::Result<Option<PathBuf>> {
    let path = path(state, title);
    if read(state, title).is_some_and(|older| older.stored && !report.stored && older.address == report.address) {
        return Ok(None);
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(state.join("probe"))?;
    durable::replace(&path, serde_json::to_string_pretty(report)?.as_bytes(), 0o600)?;
    Ok(Some(path))
}

/// Why a report that is there cannot be read, if it cannot.
pub fn unreadable(state: &Path, title: &AeTitle) -> Option<io::Error> {
    let fault = fs::File::open(path(state, title)).err()?;
    (fault.kind() != io::ErrorKind::NotFound).then_some(fault)
}

/// The report of an archive; `None` if there is none, or none that this version understands.
pub fn read(state: &Path, title: &AeTitle) -> Option<Report> {
    let mut text = String::new();
    fs::File::open(path(state, title)).ok()?.take(LONGEST).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok().filter(|report: &Report| report.version == VERSION)
}
