//! The learned policy as a file that a person can read, edit and check.

use super::evidence::{Kind, Times};
use super::rules::{Basis, Learned, class_words, who_words};
use crate::cli::policy::source::{self, Entries, name_of, one_line, quoted};
use crate::dicom::{Uid, transfer_syntax};
use crate::policy::Open;
use crate::policy::replay::{number, operations};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use toml::{Table, Value};

/// Operations seen once that one comment lists.
const LISTED: usize = 20;
/// Peers that one comment counts one by one.
const COUNTED: usize = 8;
/// A title that nobody has: a test that a stranger gets nothing.
const STRANGER: &str = "NOBODY-KNOWS-ME";

/// Everything that goes into the file.
pub(super) struct Draft<'a> {
    pub entries: &'a Entries,
    pub rules: &'a [Learned],
    /// Rules that stay as they are, by their names.
    pub kept: &'a BTreeSet<String>,
    pub by_rule: &'a BTreeMap<String, Times>,
    pub users_of_rule: &'a BTreeMap<String, BTreeSet<String>>,
    pub left_out: &'a BTreeMap<String, u64>,
    pub all: &'a Times,
    pub verified: &'a str,
    /// Peers that did something.
    pub seen: &'a BTreeSet<String>,
    /// Tests of the old file that do not hold any more, by their names.
    pub dropped: &'a BTreeSet<String>,
    /// Tests that are not written, by their names.
    pub untested: &'a BTreeSet<String>,
}

/// A test that is learned.
#[derive(Debug, Clone, serde::Serialize)]
pub(super) struct Test {
    pub name: String,
    #[serde(flatten)]
    pub keys: Table,
}

impl Draft<'_> {
    pub fn text(&self) -> String {
        let mut text = self.head();
        text.push_str(&source::top(&self.entries.others));
        text.push_str("\n# ---- peers, as they stand in the policy that was in force ----\n");
        for peer in &self.entries.peers {
            text.push('\n');
            if !self.seen.contains(&name_of(peer)) {
                text.push_str("# it did nothing in this time\n");
            }
            text.push_str(&source::entry("peer", peer));
        }
        self.imported(&mut text);
        self.stays(&mut text, true, "\n# ---- what is denied, as it stands ----\n");
        if !self.rules.is_empty() {
            text.push_str("\n# ---- what was done ----\n");
        }
        for rule in self.rules {
            let _ = write!(text, "\n{}{}", comment(&rule.evidence), learned(rule));
        }
        self.stays(
            &mut text,
            false,
            "\n# ---- rules for people, and rules that narrow or have hours, as they stand ----\n",
        );
        text.push_str(&source::other_entries(&self.entries.others));
        text.push_str("\n# ---- what must come out ----\n");
        for test in self.old_tests() {
            let _ = write!(text, "\n{}", source::entry("test", &test));
        }
        for test in self.tests() {
            let mut table = test.keys;
            table.insert("name".to_owned(), Value::String(test.name));
            let _ = write!(text, "\n{}", source::entry("test", &table));
        }
        text
    }

    fn head(&self) -> String {
        let all = self.all;
        let mut text = format!(
            "# Learned by `dicomgate policy learn` from {} between {} and {}:\n# {} permitted by a rule, {} observed (no rule \
             permitted them). What is not here was not done, and is refused.\n# The audit log: {}.\n",
            operations(all.count()),
            all.first,
            all.last,
            number(all.permitted),
            number(all.observed),
            one_line(self.verified)
        );
        for (why, count) in self.left_out.iter().filter(|(_, count)| **count > 0) {
            let _ = writeln!(text, "# Not learned from: {}: it {}.", operations(*count), one_line(why));
        }
        if self.rules.iter().any(|rule| !rule.evidence.once.is_empty()) {
            text.push_str("# LOOK AT what is marked SEEN ONCE before this policy is used.\n");
        }
        for name in self.dropped {
            let _ = writeln!(
                text,
                "# Test `{}` of the old policy does not hold any more, and is left out.",
                one_line(name)
            );
        }
        text.push_str("# `dicomgate policy diff OLD THIS --replay 30d` says what it would change.\n\n");
        text
    }

    fn imported(&self, text: &mut String) {
        let silent: Vec<String> =
            self.entries.imported.iter().map(name_of).filter(|name| !self.seen.contains(name)).collect();
        if !silent.is_empty() {
            let names = silent.iter().map(|name| one_line(name)).collect::<Vec<_>>().join(", ");
            let _ = writeln!(text, "\n# of the peers file, these did nothing in this time: {names}");
        }
    }

    fn stays(&self, text: &mut String, denies: bool, heading: &str) {
        let of_kind = |rule: &&Table| {
            let deny = rule.get("effect").and_then(Value::as_str) == Some("deny");
            self.kept.contains(&name_of(rule)) && deny == denies
        };
        for (at, rule) in self.entries.rules.iter().filter(of_kind).enumerate() {
            if at == 0 {
                text.push_str(heading);
            }
            text.push('\n');
            let name = name_of(rule);
            match self.by_rule.get(&name) {
                Some(times) => {
                    let users = self.users_of_rule.get(&name).map_or(0, BTreeSet::len);
                    let _ = writeln!(text, "{}", span(times));
                    let _ = writeln!(text, "# by {} different", number(users as u64));
                }
                None if !denies => text.push_str("# not used in this time: look whether it is still wanted\n"),
                None => {}
            }
            text.push_str(&source::entry("rule", rule));
        }
    }

    fn old_tests(&self) -> Vec<Table> {
        let rules: BTreeSet<&str> = self.rules.iter().map(|rule| rule.name.as_str()).collect();
        let there = |rule: &str| rules.contains(rule) || self.kept.contains(rule);
        let kept = self.entries.tests.iter().filter(|test| !self.dropped.contains(&name_of(test)));
        kept.map(|test| {
            let mut test = test.clone();
            if test.get("rule").and_then(Value::as_str).is_some_and(|rule| !there(rule)) {
                test.remove("rule");
            }
            test
        })
        .collect()
    }

    /// What was done must stay possible, and nobody unknown gets anything.
    pub fn tests(&self) -> Vec<Test> {
        let mut taken: BTreeSet<String> = self.old_tests().iter().map(name_of).collect();
        let mut tests = Vec::new();
        let mut add = |name: String, keys: Table| {
            if !self.untested.contains(&name) && taken.insert(name.clone()) {
                tests.push(Test { name, keys });
            }
        };
        for rule in self.rules.iter().filter(|rule| rule.via.is_empty()) {
            for kind in &rule.samples {
                let Some(operation) = kind.operation else { continue };
                let class =
                    kind.sop_class.as_deref().map(|class| format!(" ({})", class_words(class))).unwrap_or_default();
                let whither = kind.destination.as_deref().map(|title| format!(" to {title}")).unwrap_or_default();
                let name = format!("learned: {} may {operation}{class} at {}{whither}", who_words(&kind.who), kind.to);
                add(one_line(&name), permitted(rule, kind));
            }
        }
        for rule in
            self.rules.iter().filter(|rule| rule.via.is_empty() && !rule.samples.iter().any(|kind| kind.who.archive))
        {
            let Some(kind) = rule.samples.first() else { continue };
            let never = ["reject", "print", "ups", "find", "store"].into_iter().find(|word| {
                !self.rules.iter().any(|other| {
                    other.rights.may.iter().any(|operation| operation.as_str() == *word)
                        && other.samples.iter().any(|sample| sample.who == kind.who)
                })
            });
            if let Some(never) = never {
                let name = format!("learned: {} never did {never} at {}", who_words(&kind.who), kind.to);
                let keys = [("peer", kind.who.device.as_str()), ("wants", never), ("to", &kind.to), ("expect", "deny")];
                add(one_line(&name), strings(&keys));
            }
        }
        if let Some(to) = self
            .rules
            .iter()
            .filter(|rule| !rule.samples.iter().any(|kind| kind.who.archive))
            .find_map(|rule| rule.to.first())
        {
            let keys = [("peer", STRANGER), ("from", "192.0.2.7"), ("wants", "find"), ("to", to), ("expect", "deny")];
            add("learned: a stranger gets nothing".to_owned(), strings(&keys));
        }
        tests
    }
}

fn strings(pairs: &[(&str, &str)]) -> Table {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), Value::String((*value).to_owned()))).collect()
}

fn permitted(rule: &Learned, kind: &Kind) -> Table {
    let asker = if kind.who.archive { "archive" } else { "peer" };
    let operation = kind.operation.map_or("echo", |operation| operation.as_str());
    let mut keys =
        vec![(asker, kind.who.device.as_str()), ("wants", operation), ("to", &kind.to), ("expect", "permit")];
    let rights = &rule.rights;
    let told = |condition: &Option<BTreeSet<String>>| condition.is_some();
    for (key, value, told) in [
        ("sop_class", &kind.sop_class, told(&rights.sop_classes)),
        ("modality", &kind.modality, told(&rights.modalities)),
        ("transfer_syntax", &kind.transfer_syntax, told(&rights.transfer_syntaxes)),
        ("destination", &kind.destination, true),
    ] {
        if let (Some(value), true) = (value, told) {
            keys.push((key, value));
        }
    }
    keys.push(("rule", &rule.name));
    strings(&keys)
}

/// How often, and when.
fn span(times: &Times) -> String {
    let mut words = format!("# {} between {} and {}", operations(times.count()), times.first, times.last);
    if times.count() == 1 {
        words = format!("# 1 operation at {}", times.first);
    }
    match (times.permitted, times.observed) {
        (_, 0) => words.push_str(", permitted by a rule"),
        (0, 1) => words.push_str(", observed: no rule permitted it"),
        (0, _) => words.push_str(", observed: no rule permitted them"),
        (permitted, observed) => {
            let _ = write!(
                words,
                ", {} permitted by a rule, {} observed: no rule permitted them",
                number(permitted),
                number(observed)
            );
        }
    }
    words
}

/// The evidence above a rule.
fn comment(basis: &Basis) -> String {
    let mut text = span(&basis.times);
    text.push('\n');
    let mut by: Vec<_> = basis.by.iter().collect();
    by.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let words: Vec<String> =
        by.iter().take(COUNTED).map(|(name, count)| format!("{} {}", one_line(name), number(**count))).collect();
    let more = by.len().checked_sub(COUNTED).filter(|more| *more > 0);
    let more = more.map(|more| format!(", and {} more", number(more as u64))).unwrap_or_default();
    let _ = writeln!(text, "# by {}{more}", words.join(", "));
    if basis.idle > 0 {
        let _ = writeln!(
            text,
            "# {} of these only opened an association and asked nothing: `echo` lets it be opened",
            number(basis.idle)
        );
    }
    if !basis.roles.is_empty() {
        let roles: Vec<String> = basis.roles.iter().map(|role| one_line(role)).collect();
        let _ = writeln!(text, "# LOOK AT THIS: persons by name; they had the roles {}", roles.join(", "));
    }
    for once in basis.once.iter().take(LISTED) {
        let _ = writeln!(
            text,
            "# SEEN ONCE, look at it: {} by {}, {} (record {})",
            one_line(&once.what),
            one_line(&once.by),
            once.at,
            once.record
        );
    }
    if let Some(more) = basis.once.len().checked_sub(LISTED).filter(|more| *more > 0) {
        let _ = writeln!(text, "# SEEN ONCE: {} more", number(more as u64));
    }
    text
}

fn learned(rule: &Learned) -> String {
    let list = |items: &[String]| format!("[{}]", items.iter().map(|item| quoted(item)).collect::<Vec<_>>().join(", "));
    let set = |items: &BTreeSet<String>| list(&items.iter().cloned().collect::<Vec<_>>());
    let may: Vec<String> = rule.rights.may.iter().map(|operation| operation.as_str().to_owned()).collect();
    let mut text = format!("[[rule]]\nname = {}\nwho = {}\n", quoted(&rule.name), list(&rule.who));
    if !rule.via.is_empty() {
        let _ = writeln!(text, "via = {}", list(&rule.via));
    }
    let _ = write!(text, "to = {}\nmay = {}\n", list(&rule.to), list(&may));
    if !rule.rights.destinations.is_empty() {
        let _ = writeln!(text, "destinations = {}", set(&rule.rights.destinations));
    }
    if rule.rights.seal {
        text.push_str("seal = true\n");
    }
    if rule.rights.open != Open::No {
        let _ = writeln!(text, "open = {}", rule.rights.open);
    }
    if let Some(classes) = &rule.rights.sop_classes {
        named(&mut text, "sop_classes", classes, &class_words);
    }
    if let Some(modalities) = &rule.rights.modalities {
        let _ = writeln!(text, "modalities = {}", set(modalities));
    }
    if let Some(syntaxes) = &rule.rights.transfer_syntaxes {
        let words = |uid: &str| {
            let known = Uid::new(uid).ok();
            known.as_ref().and_then(transfer_syntax::name).map_or_else(|| uid.to_owned(), str::to_owned)
        };
        named(&mut text, "transfer_syntaxes", syntaxes, &words);
    }
    text
}

/// UIDs, one a line, with their names.
fn named(text: &mut String, key: &str, uids: &BTreeSet<String>, words: &dyn Fn(&str) -> String) {
    let _ = writeln!(text, "{key} = [");
    for uid in uids {
        let name = words(uid);
        let item = format!("{},", quoted(uid));
        let _ = match name == *uid {
            true => writeln!(text, "    {item}"),
            false => writeln!(text, "    {item:<36} # {}", one_line(&name)),
        };
    }
    text.push_str("]\n");
}
