//! `peers_file`: a CSV file of peers. Its columns are the keys of `[[peer]]`; lists are separated by semicolons.

use crate::config::fault::{Report, nearest};
use crate::config::raw::policy::RawPeer;
use std::borrow::Cow;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// The columns, and whether they hold lists.
const COLUMNS: [(&str, bool); 15] = [
    ("ae_titles", true),
    ("name", false),
    ("description", false),
    ("certificate", false),
    ("network", true),
    ("address", false),
    ("groups", true),
    ("tls", false),
    ("trust", false),
    ("present", false),
    ("tolerate", true),
    ("commit_report", false),
    ("edge", false),
    ("emergency_titles", true),
    ("username_only", false),
];

/// Reads every row as if it were a `[[peer]]`; each peer with its line.
pub(super) fn read(report: &mut Report<'_>) -> Vec<RawPeer> {
    let text = report.text();
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let mut columns: Option<Vec<Option<(&str, bool)>>> = None;
    let mut peers = Vec::new();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(fault) => {
                let line = fault.position().map_or(1, csv::Position::line);
                report.error(row(text, line), "this is not CSV").hint("quotes around a cell must be closed");
                continue;
            }
        };
        let here = row(text, record.position().map_or(1, csv::Position::line));
        let Some(columns) = &columns else {
            columns = Some(record.iter().map(|cell| column(cell, &here, report)).collect());
            continue;
        };
        if record.iter().all(str::is_empty) {
            continue;
        }
        if record.len() > columns.len() {
            let message = format!("this row has {} cells, and there are {} columns", record.len(), columns.len());
            report.error(here.clone(), message).hint("lists are separated by semicolons: CT1;CT2");
        }
        let mut table = DeTable::new();
        for (cell, column) in record.iter().zip(columns) {
            if let (Some((key, list)), false) = (column, cell.is_empty()) {
                let at = cell_in(text, &here, cell);
                let value = match (*key, cell) {
                    _ if *list => list_of(cell, &at),
                    ("edge" | "username_only", "true" | "false") => DeValue::Boolean(cell == "true"),
                    _ => DeValue::String(Cow::Borrowed(cell)),
                };
                table.insert(Spanned::new(here.clone(), Cow::Borrowed(*key)), Spanned::new(at, value));
            }
        }
        peers.push(RawPeer::read_table(&table, here, report));
    }
    peers
}

fn column(cell: &str, here: &Range<usize>, report: &mut Report<'_>) -> Option<(&'static str, bool)> {
    let known = COLUMNS.iter().find(|(name, _)| *name == cell);
    if known.is_none() {
        let at = cell_in(report.text(), here, cell);
        let hint = match nearest(cell, COLUMNS.iter().map(|(name, _)| *name)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("the columns are {}", COLUMNS.map(|(name, _)| name).join(", ")),
        };
        report.error(at, format!("`{cell}` is not a column of a peers file")).hint(hint);
    }
    known.copied()
}

fn list_of<'c>(cell: &'c str, at: &Range<usize>) -> DeValue<'c> {
    let mut list = DeArray::new();
    for item in cell.split(';').map(str::trim).filter(|item| !item.is_empty()) {
        list.push(Spanned::new(at.clone(), DeValue::String(Cow::Borrowed(item))));
    }
    DeValue::Array(list)
}

/// The bytes of a line, from 1.
fn row(text: &str, line: u64) -> Range<usize> {
    let mut start = 0;
    for (number, row) in (1u64..).zip(text.split_inclusive('\n')) {
        if number == line {
            return start..start + row.trim_end().len();
        }
        start += row.len();
    }
    start..start
}

/// The bytes of a cell in its row; the row's, where quotes hide them.
fn cell_in(text: &str, row: &Range<usize>, cell: &str) -> Range<usize> {
    match text.get(row.clone()).and_then(|row| row.find(cell)) {
        Some(at) if !cell.is_empty() => row.start + at..row.start + at + cell.len(),
        _ => row.clone(),
    }
}
