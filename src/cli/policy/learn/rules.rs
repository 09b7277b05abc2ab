//! From kinds of operations to rules: who does the same is named by one rule.

use super::evidence::{Evidence, Kind, Times, Who};
use crate::dicom::dimse::Operation;
use crate::policy::{Open, Policy};
use std::collections::{BTreeMap, BTreeSet};

/// What somebody may do at a system: objects, or everything else. They are apart, because a rule's modalities are about
/// objects, and because the classes of what is stored are not those of what may be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rights {
    pub may: BTreeSet<Operation>,
    /// `None`: a record did not tell one.
    pub sop_classes: Option<BTreeSet<String>>,
    pub modalities: Option<BTreeSet<String>>,
    pub transfer_syntaxes: Option<BTreeSet<String>>,
    pub destinations: BTreeSet<String>,
    pub seal: bool,
    pub open: Open,
}

/// A rule that is learned.
#[derive(Debug, Clone)]
pub(super) struct Learned {
    pub name: String,
    pub who: Vec<String>,
    pub via: Vec<String>,
    pub to: Vec<String>,
    pub rights: Rights,
    pub evidence: Basis,
    /// One operation of each, for tests.
    pub samples: Vec<Kind>,
}

/// What a rule was learned from.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub(super) struct Basis {
    #[serde(flatten)]
    pub times: Times,
    /// How often by whom.
    pub by: BTreeMap<String, u64>,
    /// What was seen once only.
    pub once: Vec<Once>,
    /// Roles that the persons had.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub roles: BTreeSet<String>,
    /// Associations that asked nothing: echo is what lets them be opened.
    #[serde(skip_serializing_if = "is_zero")]
    pub idle: u64,
}

/// Something seen once.
#[derive(Debug, Clone, serde::Serialize)]
pub(super) struct Once {
    pub what: String,
    pub by: String,
    pub at: String,
    pub record: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Which part of somebody's rights: objects or everything else, what is sealed, what is opened.
type Half = (bool, bool, Open);

/// Kinds of operations, and how often each was seen.
type Kinds<'k> = Vec<(&'k Kind, &'k Times)>;
/// What each may do at one system.
type AtOne<'k> = BTreeMap<(&'k Who, &'k str, Half), (Rights, Kinds<'k>)>;
/// Where each has the same rights.
type AtAll<'k> = BTreeMap<(&'k Who, Half, Rights), (BTreeSet<&'k str>, Kinds<'k>)>;
/// What a rule says but for whom: archives or peers, at which device persons sit, systems, rights.
type Shared<'k> = (Half, bool, Option<&'k str>, BTreeSet<&'k str>, Rights);
/// Who has the same rights.
type ByAll<'k> = BTreeMap<Shared<'k>, (BTreeSet<&'k Who>, Kinds<'k>)>;
/// Somebody's operation at a system, with its SOP class.
type Told<'k> = (&'k Who, &'k str, Option<Operation>, Option<&'k str>);

/// Makes the rules, in a stable order.
pub(super) fn rules(evidence: &Evidence<'_>, policy: &Policy, taken: &BTreeSet<String>) -> Vec<Learned> {
    let idle_only = idle_only(evidence);
    let vaults = vaults(evidence);
    // By who, system and half.
    let mut rights: AtOne<'_> = BTreeMap::new();
    for (kind, times) in &evidence.learned {
        let key = (&kind.who, kind.to.as_str());
        if kind.operation.is_none() && !idle_only.contains(&key) {
            continue;
        }
        let operation = kind.operation.unwrap_or(Operation::Echo);
        let objects = matches!(operation, Operation::Store | Operation::Reject);
        // What has to do with sealed objects makes a rule of its own; all else goes with it, wherever it can.
        let vault = match operation {
            Operation::Store | Operation::Find | Operation::Get | Operation::Move => (kind.seal, kind.open),
            _ => vaults.get(&(key.0, key.1, objects)).copied().unwrap_or_default(),
        };
        let half = (objects, vault.0, vault.1);
        let (rights, kinds) = rights.entry((key.0, key.1, half)).or_insert_with(|| (Rights::none(), Vec::new()));
        (rights.seal, rights.open) = vault;
        rights.add(kind, operation, objects, policy);
        kinds.push((kind, times));
    }
    // Systems where somebody has the same rights, then everybody who has the same rights at the same systems.
    let mut systems: AtAll<'_> = BTreeMap::new();
    for ((who, to, half), (rights, kinds)) in rights {
        let (to_all, all) = systems.entry((who, half, rights)).or_default();
        to_all.insert(to);
        all.extend(kinds);
    }
    let mut shared: ByAll<'_> = BTreeMap::new();
    for ((who, half, rights), (to, kinds)) in systems {
        // Persons at different devices: a rule for each device, so that nobody gets another's place.
        let at = who.person.as_ref().map(|_| who.device.as_str());
        let (all, every) = shared.entry((half, who.archive, at, to, rights)).or_default();
        all.insert(who);
        every.extend(kinds);
    }
    let mut taken = taken.clone();
    let mut rules: Vec<Learned> = Vec::new();
    for ((half, archive, at, to, rights), (who, kinds)) in shared {
        let subjects = subjects(&who, archive, at.is_some(), policy);
        let to: Vec<String> = to.into_iter().map(str::to_owned).collect();
        let name = unique(name(&who, half, &rights, &to), &mut taken);
        rules.push(Learned {
            name,
            who: subjects,
            via: at.map(|at| format!("peer:{at}")).into_iter().collect(),
            to,
            rights,
            evidence: basis(&kinds, evidence),
            samples: samples(&kinds),
        });
    }
    rules.sort_by(|a, b| (a.via.len(), &a.name).cmp(&(b.via.len(), &b.name)));
    rules
}

/// The most that is sealed and opened for somebody at a system, of objects and of everything else.
fn vaults<'e>(evidence: &'e Evidence<'_>) -> BTreeMap<(&'e Who, &'e str, bool), (bool, Open)> {
    let mut vaults: BTreeMap<_, (bool, Open)> = BTreeMap::new();
    for kind in evidence.learned.keys() {
        let objects = matches!(kind.operation, Some(Operation::Store | Operation::Reject));
        let most = vaults.entry((&kind.who, kind.to.as_str(), objects)).or_default();
        *most = (most.0 || kind.seal, most.1.max(kind.open));
    }
    vaults
}

/// Those who opened associations and never asked anything there.
fn idle_only<'e>(evidence: &'e Evidence<'_>) -> BTreeSet<(&'e Who, &'e str)> {
    let mut idle = BTreeSet::new();
    let mut active = BTreeSet::new();
    for kind in evidence.learned.keys() {
        let key = (&kind.who, kind.to.as_str());
        if kind.operation.is_some() {
            active.insert(key)
        } else {
            idle.insert(key)
        };
    }
    idle.difference(&active).copied().collect()
}

impl Rights {
    fn none() -> Self {
        let empty = || Some(BTreeSet::new());
        Self { sop_classes: empty(), modalities: empty(), transfer_syntaxes: empty(), ..Self::default() }
    }

    fn add(&mut self, kind: &Kind, operation: Operation, objects: bool, policy: &Policy) {
        self.may.insert(operation);
        if kind.operation.is_some() {
            note(&mut self.sop_classes, kind.sop_class.as_deref());
        } else {
            self.sop_classes = None;
        }
        match objects {
            true => {
                note(&mut self.modalities, kind.modality.as_deref().and_then(modality).as_deref());
                note(&mut self.transfer_syntaxes, kind.transfer_syntax.as_deref());
            }
            // The syntax of a question says nothing about what is asked.
            false => (self.modalities, self.transfer_syntaxes) = (None, None),
        }
        if operation == Operation::Move
            && let Some(title) = &kind.destination
        {
            let own = policy
                .peer(&kind.who.device)
                .is_some_and(|peer| peer.ae_titles.iter().any(|own| own.as_str() == title));
            self.destinations.insert(if own { "self".to_owned() } else { title.clone() });
        }
    }
}

/// Adds a value; one that is not told leaves the condition open for good.
fn note(values: &mut Option<BTreeSet<String>>, value: Option<&str>) {
    match (values.as_mut(), value) {
        (Some(all), Some(value)) => {
            all.insert(value.to_owned());
        }
        _ => *values = None,
    }
}

/// A modality as rules write it; what is none is not told.
fn modality(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ' ');
    (!text.is_empty() && text.len() <= 16 && text.chars().all(fits)).then(|| text.to_ascii_uppercase())
}

/// `peer:CT1`; a group where it has exactly these members.
fn subjects(who: &BTreeSet<&Who>, archive: bool, people: bool, policy: &Policy) -> Vec<String> {
    if archive {
        return who.iter().map(|who| format!("archive:{}", who.device)).collect();
    }
    if people {
        return who.iter().filter_map(|who| who.person.as_ref()).map(|person| format!("user:{person}")).collect();
    }
    let names: BTreeSet<&str> = who.iter().map(|who| who.device.as_str()).collect();
    let mut groups: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for peer in &policy.model().peers {
        for group in &peer.groups {
            groups.entry(group).or_default().insert(&peer.name);
        }
    }
    let whole = groups.iter().find(|(_, members)| names.len() > 1 && **members == names);
    match whole {
        Some((group, _)) => vec![format!("group:{group}")],
        None => names.iter().map(|name| format!("peer:{name}")).collect(),
    }
}

/// `CT1, CT2 and 3 more store at PACS`
fn name(who: &BTreeSet<&Who>, (objects, ..): Half, rights: &Rights, to: &[String]) -> String {
    const SPELLED: usize = 3;
    let spell = |names: &[&str]| {
        let words = names.iter().take(SPELLED).copied().collect::<Vec<_>>().join(", ");
        match names.len().checked_sub(SPELLED).filter(|more| *more > 0) {
            Some(more) => format!("{words} and {more} more"),
            None => words,
        }
    };
    let names: Vec<&str> = who.iter().map(|who| who.person.as_deref().unwrap_or(&who.device)).collect();
    let at = who.iter().find(|who| who.person.is_some()).map(|who| format!(" via {}", who.device)).unwrap_or_default();
    let does: Vec<&str> = rights.may.iter().map(|operation| operation.as_str()).collect();
    let does = if objects && does == ["store"] { "store".to_owned() } else { does.join(", ") };
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    let text: String = format!("{}{at}: {does} at {}", spell(&names), spell(&to));
    text.chars().filter(|c| !c.is_control()).take(300).collect::<String>().trim().to_owned()
}

fn unique(name: String, taken: &mut BTreeSet<String>) -> String {
    let mut number = 1;
    let mut tried = name.clone();
    while !taken.insert(tried.clone()) {
        number += 1;
        tried = format!("{name} ({number})");
    }
    tried
}

fn basis(kinds: &[(&Kind, &Times)], evidence: &Evidence<'_>) -> Basis {
    let mut basis = Basis::default();
    let mut told: BTreeMap<Told<'_>, Times> = BTreeMap::new();
    for (kind, times) in kinds {
        basis.times.add(times);
        *basis.by.entry(who_words(&kind.who)).or_default() += times.count();
        if let Some(person) = &kind.who.person {
            basis.roles.extend(evidence.roles.get(person).into_iter().flatten().cloned());
        }
        if kind.operation.is_none() {
            basis.idle += times.count();
        }
        told.entry((&kind.who, &kind.to, kind.operation, kind.sop_class.as_deref())).or_default().add(times);
    }
    for ((who, to, operation, class), times) in told {
        if times.count() == 1 {
            let what = operation.map_or("an association", Operation::as_str);
            let class = class.map(|class| format!(" of {}", class_words(class))).unwrap_or_default();
            let what = format!("{what}{class} at {to}");
            basis.once.push(Once { what, by: who_words(who), at: times.first.clone(), record: times.record });
        }
    }
    basis
}

pub(super) fn who_words(who: &Who) -> String {
    match &who.person {
        Some(person) => format!("{person} via {}", who.device),
        None => who.device.clone(),
    }
}

/// A SOP class by its name, if it has one.
pub(super) fn class_words(uid: &str) -> String {
    let known = crate::dicom::Uid::new(uid).ok();
    known.as_ref().and_then(crate::dicom::sop_class::name).map_or_else(|| uid.to_owned(), str::to_owned)
}

/// For each operation the kind that was seen most, of whoever did it first in the alphabet.
fn samples(kinds: &[(&Kind, &Times)]) -> Vec<Kind> {
    let mut best: BTreeMap<Operation, (&Kind, u64)> = BTreeMap::new();
    for (kind, times) in kinds {
        let operation = kind.operation.unwrap_or(Operation::Echo);
        let count = times.count();
        let better = best.get(&operation).is_none_or(|(_, most)| count > *most);
        if better {
            best.insert(operation, (kind, count));
        }
    }
    best.into_values().map(|(kind, _)| kind.clone()).collect()
}
