//! What was done, by whom, how often: counted while the log goes by, in memory that grows with the kinds of operations
//! and not with their number.

use crate::audit::history::Past;
use crate::dicom::dimse::Operation;
use crate::dicom::{AeTitle, Uid};
use crate::policy::Open;
use crate::policy::Policy;
use crate::policy::decision::DenialReason;
use crate::policy::model::{Effect, Rule, Subject};
use crate::policy::replay::{Judge, Person, Stand, Then};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Kinds of operations that are told apart. A hospital has some hundreds.
const KINDS: usize = 100_000;

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Who {
    /// The peer, or the archive that sent unasked.
    pub device: String,
    /// It is an archive.
    pub archive: bool,
    /// The person at that device.
    pub person: Option<String>,
}

/// One kind of operation of one peer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    pub who: Who,
    pub to: String,
    pub operation: Option<Operation>,
    pub sop_class: Option<String>,
    pub transfer_syntax: Option<String>,
    pub modality: Option<String>,
    pub destination: Option<String>,
    /// What was stored had to be sealed.
    pub seal: bool,
    /// What became of sealed objects.
    pub open: Open,
}

/// How often, and when.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub(super) struct Times {
    pub permitted: u64,
    pub observed: u64,
    pub first: String,
    pub last: String,
    /// Sequence number of the first record.
    pub record: u64,
}

impl Times {
    pub fn count(&self) -> u64 {
        self.permitted + self.observed
    }

    pub fn add(&mut self, other: &Self) {
        self.permitted += other.permitted;
        self.observed += other.observed;
        if self.first.is_empty() || other.first < self.first {
            self.first.clone_from(&other.first);
            self.record = other.record;
        }
        if other.last > self.last {
            self.last.clone_from(&other.last);
        }
    }
}

/// Everything that was done.
#[derive(Debug)]
pub(super) struct Evidence<'p> {
    judge: Judge<'p>,
    kept: HashSet<&'p str>,
    /// What a rule is to be learned from.
    pub learned: BTreeMap<Kind, Times>,
    /// What rules that stay as they are let through, by their names.
    pub by_rule: BTreeMap<String, Times>,
    /// The peers and persons for whom those rules did.
    pub users_of_rule: BTreeMap<String, BTreeSet<String>>,
    /// Roles that persons had.
    pub roles: BTreeMap<String, BTreeSet<String>>,
    /// What nothing is learned from, and how often it came.
    pub left_out: BTreeMap<String, u64>,
    /// Everything that is learned from.
    pub all: Times,
    /// More kinds than are told apart.
    pub full: bool,
}

/// Whether a rule stays as it is: every deny, and every permit that is for persons or says more than what records tell.
pub(super) fn is_kept(rule: &Rule, keys: &[&str]) -> bool {
    const PLAIN: [&str; 11] = [
        "name",
        "who",
        "to",
        "may",
        "effect",
        "sop_classes",
        "modalities",
        "transfer_syntaxes",
        "destinations",
        "seal",
        "open",
    ];
    rule.effect == Effect::Deny
        || rule.who.iter().any(|who| matches!(who, Subject::Role(_) | Subject::User(_)))
        || keys.iter().any(|key| !PLAIN.contains(key))
}

impl<'p> Evidence<'p> {
    /// `kept`: the rules that stay as they are.
    pub fn new(policy: &'p Policy, kept: HashSet<&'p str>) -> Self {
        Self {
            judge: Judge::new(policy),
            kept,
            learned: BTreeMap::new(),
            by_rule: BTreeMap::new(),
            users_of_rule: BTreeMap::new(),
            roles: BTreeMap::new(),
            left_out: BTreeMap::new(),
            all: Times::default(),
            full: false,
        }
    }

    /// Takes in what one record tells.
    pub fn take(&mut self, past: &Past<'_>) {
        let recorded = &past.recorded;
        let observed = past.then == Then::Observed;
        if past.then == Then::Refused {
            return self.leave_out("was refused", past.count);
        }
        let times = Times {
            permitted: if observed { 0 } else { past.count },
            observed: if observed { past.count } else { 0 },
            first: past.mark.at.to_owned(),
            last: past.mark.at.to_owned(),
            record: past.mark.sequence,
        };
        let known: &[String] = if observed { &[] } else { self.judge.asked_of_people() };
        match self.judge.stand(recorded, false, known) {
            Stand::Permits { narrowing: Some(narrowing), .. } => {
                for permit in narrowing.permits() {
                    self.by_rule(&permit.rule, past, &times);
                }
                self.all.add(&times);
            }
            Stand::Permits { rule: Some(rule), .. } if self.kept.contains(&*rule) => {
                self.by_rule(&rule, past, &times);
                self.all.add(&times);
            }
            Stand::Permits { seal, open, .. } => self.learn(past, times, (seal, open)),
            Stand::Refuses(DenialReason::NoRule { .. }) => {
                // What is observed opens nothing, and is sealed where a rule seals what the same peer stores.
                let observed = self.judge.stand(recorded, true, known);
                let seal = matches!(observed, Stand::Permits { seal: true, .. });
                self.learn(past, times, (seal, Open::No));
            }
            // What cannot be told now was told then: the rule that permitted it goes on to.
            Stand::Untold(_) => match past.rule.filter(|rule| self.kept.contains(rule)) {
                Some(rule) => {
                    self.by_rule(rule, past, &times);
                    self.all.add(&times);
                }
                None => self.learn(past, times, (false, Open::No)),
            },
            Stand::Refuses(DenialReason::Rule(rule)) => {
                self.leave_out(&format!("passed then, and rule `{rule}` denies it now"), past.count);
            }
            Stand::Refuses(reason) => self.leave_out(&format!("passed then, and now: {reason}"), past.count),
            Stand::Strange(words) => self.leave_out(&format!("passed then, and now {words}"), past.count),
        }
    }

    fn learn(&mut self, past: &Past<'_>, times: Times, (seal, open): (bool, Open)) {
        let recorded = &past.recorded;
        let person = match recorded.person {
            Person::Nobody => None,
            Person::Known { name, roles, .. } => {
                let all = self.roles.entry(name.to_owned()).or_default();
                all.extend(roles.unwrap_or_default().iter().cloned());
                Some(name.to_owned())
            }
        };
        let archives = &self.judge.policy().model().archives;
        let archive = archives.iter().any(|archive| archive.ae_title.as_str() == recorded.who);
        if archive && recorded.operation.is_none() {
            return;
        }
        let kind = Kind {
            who: Who { device: recorded.who.to_owned(), archive, person },
            to: recorded.to.to_owned(),
            operation: recorded.operation,
            sop_class: recorded.sop_class.as_ref().map(Uid::to_string),
            transfer_syntax: recorded.transfer_syntax.as_ref().map(Uid::to_string),
            modality: recorded.modality.map(str::to_owned),
            destination: recorded.destination.as_ref().map(AeTitle::to_string),
            seal,
            open,
        };
        if self.learned.len() >= KINDS && !self.learned.contains_key(&kind) {
            self.full = true;
            return self.leave_out("is of more kinds than are told apart", past.count);
        }
        self.all.add(&times);
        self.learned.entry(kind).or_default().add(&times);
    }

    fn by_rule(&mut self, rule: &str, past: &Past<'_>, times: &Times) {
        self.by_rule.entry(rule.to_owned()).or_default().add(times);
        let name = match past.recorded.person {
            Person::Known { name, .. } => name,
            Person::Nobody => past.recorded.who,
        };
        let users = self.users_of_rule.entry(rule.to_owned()).or_default();
        if users.len() < KINDS {
            users.insert(name.to_owned());
        }
    }

    fn leave_out(&mut self, why: &str, count: u64) {
        let full = self.left_out.len() >= 1000;
        let why = if full && !self.left_out.contains_key(why) { "for further reasons" } else { why };
        *self.left_out.entry(why.to_owned()).or_default() += count;
    }

    /// Nothing is learned from these: somebody took what they did for an attack.
    pub fn forget(&mut self, device: Option<&str>, person: Option<&str>) {
        let of = |who: &Who| {
            device.is_some_and(|device| who.device == device) || person.is_some() && who.person.as_deref() == person
        };
        let forgotten: u64 =
            self.learned.iter().filter(|(kind, _)| of(&kind.who)).map(|(_, times)| times.count()).sum();
        self.learned.retain(|kind, _| !of(&kind.who));
        self.all = Times::default();
        for times in self.learned.values().chain(self.by_rule.values()) {
            self.all.add(times);
        }
        let name = device.or(person).unwrap_or_default();
        self.leave_out(&format!("is of `{name}`, who was quarantined in this time"), forgotten);
    }
}
