//! Rows that are not what this program wrote: counted each time, told of once.

use crate::state::row::Value;
use crate::state::seal::Table;
use crate::state::{Alert, BadRow};
use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// So many rows are remembered as told of. When there are more, all are forgotten, and told of again.
const REMEMBERED: usize = 1024;
/// So many characters of a key are shown.
const SHOWN: usize = 96;

/// Counts bad rows and tells of each once.
pub struct Alarm {
    alert: Alert,
    count: AtomicU64,
    told: Mutex<HashSet<BadRow>>,
}

impl Alarm {
    /// Tells `alert`.
    pub fn new(alert: Alert) -> Self {
        Self { alert, count: AtomicU64::new(0), told: Mutex::new(HashSet::new()) }
    }

    /// A bad row was met.
    pub fn raise(&self, table: &'static Table, row: &[Value]) {
        self.count.fetch_add(1, Relaxed);
        let bad = BadRow { table: table.name, key: shown(row.get(..table.key).unwrap_or_default()) };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= REMEMBERED {
            told.clear();
        }
        let new = told.insert(bad.clone());
        drop(told);
        if new {
            (self.alert)(bad);
        }
    }

    /// How many times a bad row was met.
    pub fn count(&self) -> u64 {
        self.count.load(Relaxed)
    }
}

/// A key for people. Whoever changed the row may have changed its key too: nothing of it is taken as it stands.
fn shown(key: &[Value]) -> String {
    let mut text = String::new();
    for value in key {
        if !text.is_empty() {
            text.push(' ');
        }
        let _ = match value {
            Value::Int(number) => write!(text, "{number}"),
            Value::Text(words) => write!(text, "{}", words.chars().take(SHOWN).collect::<String>().escape_default()),
            Value::Bytes(bytes) => bytes.iter().take(SHOWN).try_for_each(|byte| write!(text, "{byte:02x}")),
            Value::Foreign => write!(text, "?"),
        };
    }
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::{Alarm, shown};
    use crate::state::row::Value;
    use crate::state::seal::Table;
    use std::sync::{Arc, Mutex};

    static TABLE: Table = Table { name: "table", key: 2, columns: 3, added: 0 };

    #[test]
    fn each_bad_row_is_told_of_once_and_counted_each_time() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let listener = Arc::clone(&heard);
        let alarm = Alarm::new(Arc::new(move |bad| listener.lock().unwrap().push(bad)));
        for number in [1, 2, 1] {
            alarm.raise(&TABLE, &[Value::Int(number), Value::Bytes(vec![0xab]), Value::from("a patient")]);
        }
        let heard = heard.lock().unwrap();
        assert_eq!(heard.iter().map(|bad| bad.key.as_str()).collect::<Vec<_>>(), ["1 ab", "2 ab"]);
        assert_eq!(alarm.count(), 3);
    }

    #[test]
    fn a_key_is_escaped_and_short() {
        assert_eq!(shown(&[Value::from("a\nb\u{1b}")]), "a\\nb\\u{1b}");
        let long = shown(&[Value::from("ä".repeat(5000).as_str()), Value::Bytes(vec![1; 5000])]);
        assert_eq!(long.len(), 96 + 3);
    }
}
