//! A policy file as its entries, key by key, whatever keys there are; and written again as a person would.

use crate::config::PolicyTexts;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use toml::{Table, Value};

/// Columns of a peers file that hold lists.
const LISTS: [&str; 5] = ["ae_titles", "network", "groups", "tolerate", "emergency_titles"];

/// The keys that stand first in an entry, in this order; the others follow by their names.
const ORDER: [&str; 24] = [
    "name",
    "ae_titles",
    "description",
    "peer",
    "archive",
    "from",
    "user",
    "roles",
    "who",
    "via",
    "wants",
    "to",
    "may",
    "effect",
    "destinations",
    "sop_classes",
    "modalities",
    "transfer_syntaxes",
    "sop_class",
    "modality",
    "transfer_syntax",
    "destination",
    "expect",
    "rule",
];

/// The entries of a policy file.
#[derive(Debug, Default)]
pub(super) struct Entries {
    /// `[[peer]]`
    pub peers: Vec<Table>,
    /// Rows of the peers file.
    pub imported: Vec<Table>,
    /// `[[rule]]`
    pub rules: Vec<Table>,
    /// `[[test]]`
    pub tests: Vec<Table>,
    /// Everything else at the top level.
    pub others: BTreeMap<String, Value>,
}

impl Entries {
    /// Of files that have been found in order: what is not understood there is left out here.
    pub fn of(texts: &PolicyTexts) -> Self {
        let mut entries = Self::default();
        let table: Table = texts.policy.parse().unwrap_or_default();
        for (key, value) in table {
            match key.as_str() {
                "peer" => entries.peers = tables(value),
                "rule" => entries.rules = tables(value),
                "test" => entries.tests = tables(value),
                _ => {
                    entries.others.insert(key, value);
                }
            }
        }
        entries.imported = texts.peers.as_deref().map(rows).unwrap_or_default();
        entries
    }

    /// `[[peer]]` and rows alike.
    pub fn all_peers(&self) -> impl Iterator<Item = &Table> {
        self.peers.iter().chain(&self.imported)
    }
}

fn tables(value: Value) -> Vec<Table> {
    let Value::Array(values) = value else { return Vec::new() };
    values.into_iter().filter_map(|value| if let Value::Table(table) = value { Some(table) } else { None }).collect()
}

fn rows(text: &str) -> Vec<Table> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let Ok(columns) = reader.headers().cloned() else { return Vec::new() };
    let row = |record: csv::StringRecord| {
        let cells = columns.iter().zip(record.iter()).filter(|(_, cell)| !cell.is_empty());
        cells
            .map(|(column, cell)| {
                let value = match LISTS.contains(&column) {
                    true => Value::Array(cell.split(';').map(|item| Value::String(item.trim().to_owned())).collect()),
                    false => Value::String(cell.to_owned()),
                };
                (column.to_owned(), value)
            })
            .collect::<Table>()
    };
    reader.records().filter_map(Result::ok).map(row).filter(|row| !row.is_empty()).collect()
}

/// How an entry is called: by its `name`, or its first title.
pub(super) fn name_of(table: &Table) -> String {
    let first = || table.get("ae_titles")?.as_array()?.first()?.as_str();
    table.get("name").and_then(Value::as_str).or_else(first).unwrap_or_default().to_owned()
}

/// The keys of an entry as they stand first to last.
pub(super) fn keys(table: &Table) -> Vec<&str> {
    let mut keys: Vec<&str> = table.keys().map(String::as_str).collect();
    keys.sort_by_key(|key| (ORDER.iter().position(|known| known == key).unwrap_or(ORDER.len()), *key));
    keys
}

/// An entry, one line a key.
pub(super) fn entry(kind: &str, table: &Table) -> String {
    let mut text = format!("[[{kind}]]\n");
    for key in keys(table) {
        if let Some(value) = table.get(key) {
            let _ = writeln!(text, "{} = {}", key_text(key), inline(value));
        }
    }
    text
}

/// What stands at the top of a file, before its first entry.
pub(super) fn top(others: &BTreeMap<String, Value>) -> String {
    let plain = others.iter().filter(|(_, value)| !is_entries(value));
    plain.fold(String::new(), |mut text, (key, value)| {
        let _ = writeln!(text, "{} = {}", key_text(key), inline(value));
        text
    })
}

/// Entries of other kinds, as they stand.
pub(super) fn other_entries(others: &BTreeMap<String, Value>) -> String {
    let mut text = String::new();
    for (kind, value) in others.iter().filter(|(_, value)| is_entries(value)) {
        for table in tables(value.clone()) {
            let _ = write!(text, "\n{}", entry(kind, &table));
        }
    }
    text
}

fn is_entries(value: &Value) -> bool {
    value.as_array().is_some_and(|values| !values.is_empty() && values.iter().all(Value::is_table))
}

/// A value on one line.
pub(super) fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(values) => format!("[{}]", values.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Table(table) => {
            let pairs: Vec<_> =
                table.iter().map(|(key, value)| format!("{} = {}", key_text(key), inline(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        other => other.to_string(),
    }
}

fn key_text(key: &str) -> String {
    let bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if bare { key.to_owned() } else { quoted(key) }
}

/// Text between quotes; what would end it or the line is escaped.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                out.push('\\');
                out.push(character);
            }
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Text for a comment: on one line, whatever it holds.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
