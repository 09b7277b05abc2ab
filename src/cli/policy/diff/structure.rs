//! Peer by peer, rule by rule: what stands in one file and not, or otherwise, in the other.

use crate::cli::policy::source::{Entries, inline, keys, name_of};
use std::collections::BTreeMap;
use toml::{Table, Value};

/// An entry that differs.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(in crate::cli::policy) struct Differs {
    /// `peer`, `rule`, `test`, or what else entries are called.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// How.
    pub how: How,
    /// The keys that differ, or of an entry that is new or gone: all.
    pub keys: Vec<Key>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::cli::policy) enum How {
    Added,
    Removed,
    Changed,
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(in crate::cli::policy) struct Key {
    pub key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<String>,
}

/// What differs, in the order of peers, rules, further entries, tests.
pub(super) fn compare(old: &Entries, new: &Entries) -> Vec<Differs> {
    let mut all = Vec::new();
    entries("peer", old.all_peers(), new.all_peers(), &mut all);
    entries("rule", old.rules.iter(), new.rules.iter(), &mut all);
    let empty = Value::Array(Vec::new());
    let mut further: Vec<&String> = old.others.keys().chain(new.others.keys()).collect();
    further.sort_unstable();
    further.dedup();
    for key in further {
        let (was, is) = (old.others.get(key).unwrap_or(&empty), new.others.get(key).unwrap_or(&empty));
        match (was.as_array(), is.as_array()) {
            (Some(was), Some(is)) => {
                entries(key, was.iter().filter_map(Value::as_table), is.iter().filter_map(Value::as_table), &mut all);
            }
            _ if was == is => {}
            _ => {
                let text = |value: &Value| (value != &empty).then(|| inline(value));
                let keys = vec![Key { key: key.clone(), old: text(was), new: text(is) }];
                all.push(Differs { kind: "file".to_owned(), name: key.clone(), how: How::Changed, keys });
            }
        }
    }
    entries("test", old.tests.iter(), new.tests.iter(), &mut all);
    all
}

fn entries<'a>(
    kind: &str,
    old: impl Iterator<Item = &'a Table>,
    new: impl Iterator<Item = &'a Table>,
    all: &mut Vec<Differs>,
) {
    let old: BTreeMap<String, &Table> = old.map(|table| (name_of(table), table)).collect();
    let new: BTreeMap<String, &Table> = new.map(|table| (name_of(table), table)).collect();
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let (was, is) = (old.get(name).copied(), new.get(name).copied());
        let how = match (was, is) {
            (None, _) => How::Added,
            (_, None) => How::Removed,
            _ => How::Changed,
        };
        let none = Table::new();
        let differing = differing(was.unwrap_or(&none), is.unwrap_or(&none));
        if !differing.is_empty() {
            all.push(Differs { kind: kind.to_owned(), name: name.clone(), how, keys: differing });
        }
    }
}

fn differing(old: &Table, new: &Table) -> Vec<Key> {
    let both: Table = old.iter().chain(new).map(|(key, value)| (key.clone(), value.clone())).collect();
    let key = |key: &str| {
        let (was, is) = (old.get(key), new.get(key));
        (was != is).then(|| Key { key: key.to_owned(), old: was.map(inline), new: is.map(inline) })
    };
    keys(&both).into_iter().filter_map(key).collect()
}
