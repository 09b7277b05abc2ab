//! What the gateway recorded about the step just made: the incident and the reason, read from its audit log as `why`
//! reads it.

use crate::audit::explain::explain;
use crate::audit::read::{self, Filter, Record};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

/// How often and how long a record is waited for: some are written just after the connection has ended.
const ATTEMPTS: u32 = 100;
/// How often where one did not come before: it is the log that fails, and the tour goes on.
const ATTEMPTS_LATER: u32 = 10;
const PAUSE: Duration = Duration::from_millis(20);

/// A reader that remembers how far it has read.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    seen: u64,
    /// A record was waited for that did not come.
    missed: bool,
    incidents: Vec<String>,
}

/// What a record says of a refusal.
#[derive(Debug, Clone)]
pub struct Told {
    /// The incident id, where the record has one.
    pub incident: Option<String>,
    /// Why, in the words of `dicomgate why`.
    pub because: Vec<String>,
}

impl Journal {
    /// On the audit log in a state folder.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, seen: 0, missed: false, incidents: Vec::new() }
    }

    /// The incidents found, oldest first.
    pub fn into_incidents(self) -> Vec<String> {
        self.incidents
    }

    /// Goes to the end: what was recorded until now belongs to earlier steps.
    pub fn skip(&mut self) {
        let mut last = self.seen;
        self.scan(|record| last = last.max(sequence(record)));
        self.seen = last;
    }

    /// Waits for the next record that `wanted` takes.
    pub async fn next(&mut self, wanted: impl Fn(&Record) -> bool) -> Option<Told> {
        let attempts = if self.missed { ATTEMPTS_LATER } else { ATTEMPTS };
        for _ in 0..attempts {
            let mut found = None;
            let seen = self.seen;
            self.scan(|record| {
                if sequence(record) > seen && found.is_none() && wanted(record) {
                    found = Some((sequence(record), told(record)));
                }
            });
            if let Some((sequence, told)) = found {
                self.seen = sequence;
                self.missed = false;
                self.incidents.extend(told.incident.clone());
                return Some(told);
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.missed = true;
        None
    }

    /// Waits for the next refusal.
    pub async fn refusal(&mut self) -> Option<Told> {
        self.next(|record| record.text("incident").is_some()).await
    }

    fn scan(&self, mut look: impl FnMut(&Record)) {
        // A log that cannot be read shows as a record that never comes.
        let _ = read::scan(&self.folder, &Filter::default(), None, |record| {
            look(&record);
            ControlFlow::Continue(())
        });
    }
}

fn sequence(record: &Record) -> u64 {
    record.number("seq").unwrap_or(0)
}

fn told(record: &Record) -> Told {
    let because = explain(record)
        .into_iter()
        .filter_map(|line| {
            let words = ["because", "decided", "removed"].into_iter().find_map(|word| line.strip_prefix(word))?;
            Some(words.trim().to_owned())
        })
        .collect();
    Told { incident: record.text("incident").map(str::to_owned), because }
}
