//! The chain: each line carries the hash of the line before it, and ends with its own.
//!
//! `{"seq":7,"at":"2026-11-21T08:00:00.000000Z","prev":"<64 hex>",...event...,"hash":"<64 hex>"}`: the hash is the
//! SHA-256 of all bytes of the line before `,"hash":`, so that `sed` and `sha256sum` can check it.

use crate::audit::body::{self, Body};
use crate::audit::incident::{Incident, IncidentKey};
use ring::digest::{SHA256, digest};

/// A SHA-256.
pub type Hash = [u8; 32];

/// Where a chain stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Sequence of the last record, from 1; 0: none yet.
    pub sequence: u64,
    /// Hash of the last record; zeros: none yet.
    pub hash: Hash,
}

impl Head {
    /// Before the first record.
    pub const START: Self = Self { sequence: 0, hash: [0; 32] };
}

impl std::fmt::Display for Head {
    /// `SEQ:HEAD`, as `audit verify --anchor` takes it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.sequence, body::hex(&self.hash))
    }
}

impl std::str::FromStr for Head {
    type Err = HeadFault;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (sequence, hash) = text.split_once(':').ok_or(HeadFault)?;
        Ok(Self { sequence: sequence.parse().map_err(|_| HeadFault)?, hash: body::unhex(hash).ok_or(HeadFault)? })
    }
}

/// Not an anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an anchor is `SEQ:HEAD`: a sequence number and 64 hexadecimal digits, as `/metrics` and the log show them")]
pub struct HeadFault;

const HASH_FIELD: &[u8] = b",\"hash\":\"";
const HASH_TAIL: usize = 64 + 2;

/// Appends the line of one record behind `head`, and returns the new head and the incident id if it has one.
pub fn link(
    out: &mut Vec<u8>,
    head: Head,
    at: &Stamp,
    body: &Body,
    incidents: &IncidentKey,
) -> (Head, Option<Incident>) {
    let start = out.len();
    let sequence = head.sequence.saturating_add(1);
    out.extend_from_slice(b"{\"seq\":");
    body::push_number(out, sequence);
    out.extend_from_slice(b",\"at\":\"");
    out.extend_from_slice(&at.0);
    out.extend_from_slice(b"\",\"prev\":\"");
    body::push_hex(out, &head.hash);
    out.push(b'"');
    let incident = body.is_numbered().then(|| incidents.incident(sequence));
    if let Some(incident) = &incident {
        out.extend_from_slice(b",\"incident\":\"");
        out.extend_from_slice(&incident.characters());
        out.push(b'"');
    }
    out.push(b',');
    out.extend_from_slice(body.as_bytes());
    let hash = sha256(out.get(start..).unwrap_or_default());
    out.extend_from_slice(HASH_FIELD);
    body::push_hex(out, &hash);
    out.extend_from_slice(b"\"}\n");
    (Head { sequence, hash }, incident)
}

/// What a line says about its place in the chain; only as true as the checks made on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its sequence number.
    pub sequence: u64,
    /// The hash it names as its predecessor's.
    pub previous: Hash,
    /// The hash it names as its own.
    pub hash: Hash,
    /// Whether its own hash is that of its bytes.
    pub sound: bool,
}

/// Reads the place of a line (without its line feed). `None`: not a line that this program writes.
pub fn place(line: &[u8]) -> Option<Place> {
    let rest = line.strip_prefix(b"{\"seq\":")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let sequence = std::str::from_utf8(rest.get(..digits)?).ok()?.parse().ok()?;
    let rest = rest.get(digits..)?.strip_prefix(b",\"at\":\"")?;
    let rest = rest.get(Stamp::LENGTH..)?.strip_prefix(b"\",\"prev\":\"")?;
    let previous = body::unhex(std::str::from_utf8(rest.get(..64)?).ok()?)?;
    rest.get(64..)?.strip_prefix(b"\",")?;
    let end = line.strip_suffix(b"\"}")?;
    let split = end.len().checked_sub(64)?;
    let hash = body::unhex(std::str::from_utf8(end.get(split..)?).ok()?)?;
    let hashed = line.get(..line.len().checked_sub(HASH_TAIL + HASH_FIELD.len())?)?;
    if line.get(hashed.len()..hashed.len() + HASH_FIELD.len())? != HASH_FIELD {
        return None;
    }
    Some(Place { sequence, previous, hash, sound: sha256(hashed) == hash })
}

/// The name of a line's event; it always stands at the same place.
pub fn event_name(line: &[u8]) -> Option<&str> {
    let rest = line.strip_prefix(b"{\"seq\":")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    // ,"at":"<27>","prev":"<64>",
    let rest = rest.get(digits + 7 + Stamp::LENGTH + 10 + 64 + 2..)?;
    let rest = match rest.strip_prefix(b"\"incident\":\"") {
        Some(rest) => rest.get(9..)?.strip_prefix(b"\",")?,
        None => rest,
    };
    let rest = rest.strip_prefix(b"\"event\":\"")?;
    let end = rest.iter().position(|&byte| byte == b'"')?;
    std::str::from_utf8(rest.get(..end)?).ok()
}

/// SHA-256 of some bytes.
pub fn sha256(bytes: &[u8]) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

/// A moment as records show it: RFC 3339, UTC, microseconds, 27 characters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Stamp([u8; 27]);

impl Stamp {
    /// Characters of a stamp.
    pub const LENGTH: usize = 27;

    /// The characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Renders a moment; years outside 0000 to 9999 appear as 1970-01-01.
    pub fn new(at: jiff::Timestamp) -> Self {
        let micros = at.as_microsecond();
        let (seconds, fraction) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
        let (days, clock) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil(days);
        let (year, month, day) = if (0..=9999).contains(&year) { (year, month, day) } else { (1970, 1, 1) };
        let mut out = *b"0000-00-00T00:00:00.000000Z";
        digits(&mut out, 0, 4, year);
        digits(&mut out, 5, 2, month);
        digits(&mut out, 8, 2, day);
        digits(&mut out, 11, 2, clock / 3600);
        digits(&mut out, 14, 2, clock / 60 % 60);
        digits(&mut out, 17, 2, clock % 60);
        digits(&mut out, 20, 6, fraction);
        Self(out)
    }
}

/// Days since 1970-01-01 to year, month, day of the proleptic Gregorian calendar.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

fn digits(out: &mut [u8; 27], start: usize, count: usize, mut value: i64) {
    for slot in out.iter_mut().skip(start).take(count).rev() {
        *slot = b'0' + u8::try_from(value % 10).unwrap_or_default();
        value /= 10;
    }
}

#[cfg(test)]
mod tests;
