//! Finding records again: streamed over the files, in bounded memory.

use crate::audit::chain;
use crate::audit::incident::{Incident, IncidentKey};
use crate::audit::log;
use serde_json::Value;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::net::{IpAddr, SocketAddr};
use std::ops::ControlFlow;
use std::path::Path;

/// No line of ours is longer.
const LONGEST_LINE: u64 = 1 << 20;

/// Where the incident id of the gateway before this one stands.
const EDGE: &str = "edge_incident";
/// Where the incident id of the gateway behind this one stands.
const ARCHIVE: &str = "archive_incident";

/// A record as it stands in the log, unverified.
#[derive(Debug, Clone, PartialEq)]
pub struct Record(pub Value);

impl Record {
    /// A field that is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// A field that is a number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.as_u64()
    }

    /// A field that is a list of texts; empty where there is none.
    pub fn list(&self, name: &str) -> Vec<&str> {
        self.0.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// The same without control characters in its texts, fit for a terminal.
    pub fn printable(&self) -> Self {
        fn clean(value: &Value) -> Value {
            match value {
                Value::String(text) => {
                    Value::String(text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect())
                }
                Value::Array(values) => values.iter().map(clean).collect(),
                Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), clean(value))).collect(),
                other => other.clone(),
            }
        }
        Self(clean(&self.0))
    }

    /// Its event.
    pub fn event(&self) -> &str {
        self.text("event").unwrap_or_default()
    }

    /// The address that it is about, without port.
    pub fn address(&self) -> Option<IpAddr> {
        self.text("from")?.parse::<SocketAddr>().ok().map(|address| address.ip().to_canonical())
    }

    /// Whether it counts refusals that came from this address, or may have: those beyond the table have none.
    pub fn counts(&self, from: IpAddr) -> bool {
        self.counted().iter().any(|one| counted_from(one).is_none_or(|address| address == from.to_canonical()))
    }

    /// The same, of the refusals that it counts only those that came from this address, or may have.
    #[must_use]
    pub fn about(mut self, from: IpAddr) -> Self {
        if let Some(Value::Array(counted)) = self.0.get_mut("by") {
            counted.retain(|one| counted_from(one).is_none_or(|address| address == from.to_canonical()));
        }
        self
    }

    /// The refusals that it counts, by listener, address and cause.
    pub fn counted(&self) -> &[Value] {
        self.0.get("by").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }

    /// When it was written.
    pub fn at(&self) -> Option<jiff::Timestamp> {
        self.text("at")?.parse().ok()
    }

    /// Whether somebody was refused, or got less than they asked for, or more than a rule gives.
    pub fn is_remarkable(&self) -> bool {
        // The opening of an association has an id also if nothing is wrong: the gateway behind is told it.
        self.0.get("incident").is_some() && self.event() != "association-opened"
            || ["removed", "observed", "aborted", "late", "alarm", "refused", "archive_incident"]
                .iter()
                .any(|name| self.0.get(*name).is_some())
    }

    /// Whether it is about what another gateway of the chain recorded under this incident id: the one before this one
    /// the association, or the one behind it the refusal.
    fn is_of(&self, incident: &str) -> bool {
        [EDGE, ARCHIVE].iter().any(|name| self.text(name) == Some(incident))
    }
}

fn counted_from(one: &Value) -> Option<IpAddr> {
    one.get("from")?.as_str()?.parse().ok()
}

/// Which records are wanted; every condition that is set must hold.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// This incident of this gateway's own.
    pub incident: Option<Incident>,
    /// This incident of another gateway of the chain: that before this one, or that behind it.
    pub elsewhere: Option<Incident>,
    /// This peer: its name, or the title that it called with.
    pub peer: Option<String>,
    /// This address.
    pub from: Option<IpAddr>,
    /// Not before this moment.
    pub since: Option<jiff::Timestamp>,
}

impl Filter {
    fn wants(&self, record: &Record) -> bool {
        let is = |name, value: &str| record.text(name) == Some(value);
        self.incident.is_none_or(|incident| is("incident", &incident.to_string()))
            && self.elsewhere.is_none_or(|incident| record.is_of(&incident.to_string()))
            && self.peer.as_deref().is_none_or(|peer| is("peer", peer) || is("calling", peer))
            && self.from.is_none_or(|from| record.address() == Some(from.to_canonical()) || record.counts(from))
            && self.since.is_none_or(|since| record.at().is_some_and(|at| at >= since))
    }
}

/// Hands every wanted record to `visit`, oldest first, until it breaks. `key`: finds an incident's file at once.
pub fn scan(
    folder: &Path,
    filter: &Filter,
    key: Option<&IncidentKey>,
    mut visit: impl FnMut(Record) -> ControlFlow<()>,
) -> io::Result<()> {
    let wanted = filter.incident.map(|incident| incident.to_string());
    let elsewhere = filter.elsewhere.map(|incident| incident.to_string());
    read_lines(folder, filter, key, |line| {
        if wanted.as_ref().is_some_and(|wanted| !contains(line, wanted.as_bytes()))
            // Only to go faster: that it stands in one of the two fields is looked at where the line is read.
            || elsewhere.as_ref().is_some_and(|wanted| !anywhere(line, wanted.as_bytes()))
        {
            return ControlFlow::Continue(());
        }
        // A line that is no record is the verifier's to tell about.
        let Ok(record) = serde_json::from_slice(line).map(Record) else { return ControlFlow::Continue(()) };
        if filter.wants(&record) { visit(record) } else { ControlFlow::Continue(()) }
    })
}

/// Hands every line to `visit`, oldest first, until it breaks. It begins with the file in which the records since a
/// moment begin: some that are older come first.
pub fn lines(
    folder: &Path,
    since: Option<jiff::Timestamp>,
    visit: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> io::Result<()> {
    read_lines(folder, &Filter { since, ..Filter::default() }, None, visit)
}

fn read_lines(
    folder: &Path,
    filter: &Filter,
    key: Option<&IncidentKey>,
    mut visit: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> io::Result<()> {
    let files = log::list(folder)?;
    let start = start(folder, &files, filter, key)?;
    let mut line = Vec::new();
    for (_, name) in files.get(start..).unwrap_or_default() {
        let mut reader = BufReader::with_capacity(1 << 16, File::open(folder.join(name))?);
        loop {
            line.clear();
            if reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
                break;
            }
            if visit(&line).is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Index of the first file that can hold what is wanted.
fn start(folder: &Path, files: &[(u64, String)], filter: &Filter, key: Option<&IncidentKey>) -> io::Result<usize> {
    if let (Some(incident), Some(key)) = (filter.incident, key) {
        let sequence = key.sequence(incident);
        return Ok(files.partition_point(|(first, _)| *first <= sequence).saturating_sub(1));
    }
    let Some(since) = filter.since else { return Ok(0) };
    for (index, (_, name)) in files.iter().enumerate().rev() {
        let mut line = Vec::new();
        BufReader::new(File::open(folder.join(name))?).take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        let began = serde_json::from_slice(&line).ok().map(Record).and_then(|record| record.at());
        if began.is_some_and(|began| began < since) {
            return Ok(index);
        }
    }
    Ok(0)
}

fn anywhere(line: &[u8], wanted: &[u8]) -> bool {
    line.windows(wanted.len()).any(|window| window == wanted)
}

fn contains(line: &[u8], wanted: &[u8]) -> bool {
    // Where the incident id of a line stands is fixed; looking for it anywhere else would find what a peer sent.
    chain::event_name(line).is_some() && line.windows(wanted.len()).take(192).any(|window| window == wanted)
}
