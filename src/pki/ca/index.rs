//! What the CA issued and revoked: one JSON object a line, rewritten whole.

use super::{Ca, CaFault, files};
use crate::pki::facts::hex;
use std::path::Path;

/// Name of the file.
pub const FILE: &str = "issued.jsonl";

/// One certificate that was issued.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issued {
    /// Whom it is for: the name of its files.
    pub name: String,
    /// Serial number, upper case hexadecimal.
    pub serial: String,
    /// When, seconds since 1970.
    pub issued: i64,
    /// Last second of validity, seconds since 1970.
    pub not_after: i64,
    /// When it was revoked, seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<i64>,
    /// Why it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<super::Reason>,
}

impl Issued {
    pub(super) fn new(name: &str, serial: &[u8], issued: i64, not_after: i64) -> Self {
        let serial = hex(serial).to_ascii_uppercase();
        Self { name: name.to_owned(), serial, issued, not_after, revoked: None, reason: None }
    }

    /// The serial as bytes; `None` if it is no hexadecimal number.
    pub(super) fn serial_bytes(&self) -> Option<Vec<u8>> {
        let digits = self.serial.as_bytes();
        let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let whole = digits.len().is_multiple_of(2) && !digits.is_empty();
        digits.chunks(2).map(pair).collect::<Option<Vec<_>>>().filter(|_| whole)
    }
}

impl Ca {
    /// What was issued, in order.
    pub fn issued(&self) -> Result<Vec<Issued>, CaFault> {
        read(&self.dir.join(FILE))
    }

    pub(super) fn append(&self, issued: &Issued) -> Result<(), CaFault> {
        let mut all = self.issued()?;
        all.push(issued.clone());
        self.write_index(&all)
    }

    pub(super) fn write_index(&self, all: &[Issued]) -> Result<(), CaFault> {
        let mut text = String::new();
        for issued in all {
            text.push_str(&serde_json::to_string(issued).map_err(|fault| CaFault::Crypto(fault.to_string()))?);
            text.push('\n');
        }
        files::replace(&self.dir.join(FILE), text.as_bytes(), files::PUBLIC)
    }
}

fn read(file: &Path) -> Result<Vec<Issued>, CaFault> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(fault) => {
            let reason = crate::pki::load::io(&fault);
            return Err(crate::pki::PkiFault::Unreadable { file: file.to_path_buf(), reason }.into());
        }
    };
    let parse = |(index, line): (usize, &str)| {
        let broken = || CaFault::Index { file: file.to_path_buf(), line: index + 1 };
        let issued: Issued = serde_json::from_str(line).map_err(|_| broken())?;
        issued.serial_bytes().ok_or_else(broken)?;
        Ok(issued)
    };
    text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(parse).collect()
}
