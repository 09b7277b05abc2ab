//! What would change if one policy followed another, summed up over recorded operations.

use super::recorded::{Mark, Person, Recorded, Then};
use super::stand::{Judge, Stand, words_of};
use crate::policy::compiled::Policy;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Names (peers, persons) that are counted one by one; what further ones do is counted under [`OTHERS`].
const NAMES: usize = 10_000;
/// What is counted together beyond [`NAMES`].
const OTHERS: &str = "others";
const CERTIFICATE: &str = "what certificate the peer showed, and the policies ask for different ones";

/// Two policies, and what they make of the records so far.
#[derive(Debug)]
pub struct Replay<'p> {
    old: Judge<'p>,
    new: Judge<'p>,
    observing: (bool, bool),
    change: Change,
}

/// What would change.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Change {
    /// Operations that passed then.
    pub passed: u64,
    /// Of these, those that a rule permitted.
    pub permitted: u64,
    /// Of these, those that no rule permitted, and that passed because the policy observed.
    pub observed: u64,
    /// Operations that were refused then.
    pub refused: u64,
    /// Passed then, and the new policy would refuse them, while the old one does not.
    pub newly_refused: Group,
    /// The old policy refuses them, and the new one would permit them.
    pub newly_permitted: Group,
    /// Of [`Change::newly_permitted`], those that were refused then; the others were observed.
    pub refused_then: u64,
    /// Passed because the policy observes, and a rule of the new policy permits them.
    pub covered: Group,
    /// Passed then, and neither policy permits them.
    pub neither: Group,
    /// Both permit them, and the new one would show less.
    pub narrowed: Group,
    /// Both permit them, and the new one would no longer hold back anything.
    pub widened: Group,
    /// Both permit them, and hold back different things.
    pub narrowed_otherwise: Group,
    /// Both permit them, and the new one would have what is stored sealed.
    pub newly_sealed: Group,
    /// Both permit them, and the new one would have what is stored lie there in clear.
    pub no_longer_sealed: Group,
    /// Both permit them, and the new one would open sealed objects, or hand them out, where the old one does less.
    pub newly_opened: Group,
    /// Both permit them, and the new one would do less with sealed objects.
    pub no_longer_opened: Group,
    /// What records do not tell, and how many operations hang on it.
    pub untold: BTreeMap<&'static str, Group>,
}

/// Operations of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Group {
    /// How many.
    pub count: u64,
    /// Of whom, by the peer's name; most of them are not the first.
    pub by: BTreeMap<String, u64>,
    /// The first one.
    pub first: Option<Example>,
    /// The last one.
    pub last: Option<Example>,
}

/// One operation, for people.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Example {
    /// The record's sequence number.
    pub sequence: u64,
    /// Its incident id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
    /// When.
    pub at: String,
    /// The peer.
    pub peer: String,
    /// What was asked.
    pub asked: String,
    /// Why it is in this group.
    pub because: String,
}

impl<'p> Replay<'p> {
    /// Begins. `observing`: whether what no rule permits passes, under the old and under the new policy.
    pub fn new(old: &'p Policy, new: &'p Policy, observing: (bool, bool)) -> Self {
        Self { old: Judge::new(old), new: Judge::new(new), observing, change: Change::default() }
    }

    /// Takes in operations that one record tells of, all alike.
    pub fn take(&mut self, recorded: &Recorded<'_>, then: Then, count: u64, mark: Mark<'_>) {
        let known = if then == Then::Permitted { self.old.asked_of_people() } else { &[] };
        let old = self.old.stand(recorded, self.observing.0, known);
        let new = self.new.stand(recorded, self.observing.1, known);
        let change = &mut self.change;
        match then {
            Then::Permitted => change.permitted += count,
            Then::Observed => change.observed += count,
            Then::Refused => change.refused += count,
        }
        change.passed = change.permitted + change.observed;
        if let Some(missing) = untold(&old, &new, then, recorded, (self.old.policy(), self.new.policy())) {
            change.untold.entry(missing).or_default().add(recorded, count, mark, || missing.to_owned());
            return;
        }
        match (&old, &new) {
            (
                Stand::Permits { narrowing: was, rule: before, seal: sealed, open: opened },
                Stand::Permits { narrowing: is, rule, seal, open },
            ) => {
                if before.is_none() && rule.is_some() && then == Then::Observed {
                    change.covered.add(recorded, count, mark, || by_rule(rule.as_deref()));
                }
                if then != Then::Refused {
                    let sealing = match (sealed, seal) {
                        (false, true) => Some(&mut change.newly_sealed),
                        (true, false) => Some(&mut change.no_longer_sealed),
                        _ => None,
                    };
                    if let Some(group) = sealing {
                        group.add(recorded, count, mark, || by_rule(rule.as_deref()));
                    }
                    let opening = match opened.cmp(open) {
                        Ordering::Less => Some(&mut change.newly_opened),
                        Ordering::Greater => Some(&mut change.no_longer_opened),
                        Ordering::Equal => None,
                    };
                    if let Some(group) = opening {
                        group.add(recorded, count, mark, || by_rule(rule.as_deref()));
                    }
                }
                let group = match (was, is) {
                    (None, Some(_)) => &mut change.narrowed,
                    (Some(_), None) => &mut change.widened,
                    (Some(was), Some(is)) if was != is => &mut change.narrowed_otherwise,
                    _ => return,
                };
                if then != Then::Refused {
                    group.add(recorded, count, mark, || by_rule(rule.as_deref()));
                }
            }
            (_, Stand::Permits { rule, .. }) => {
                if then == Then::Refused {
                    change.refused_then += count;
                }
                // What passed by a rule of an older policy changes nothing for whoever asks.
                change.newly_permitted.add(recorded, count, mark, || by_rule(rule.as_deref()));
            }
            (_, refused) if then != Then::Refused => {
                let passes = matches!(old, Stand::Permits { .. });
                let group = if passes { &mut change.newly_refused } else { &mut change.neither };
                group.add(recorded, count, mark, || because(refused));
            }
            _ => {}
        }
    }

    /// What has come together.
    pub fn finish(self) -> Change {
        self.change
    }

    /// What has come together so far.
    pub fn change(&self) -> &Change {
        &self.change
    }
}

fn untold(
    old: &Stand,
    new: &Stand,
    then: Then,
    recorded: &Recorded<'_>,
    policies: (&Policy, &Policy),
) -> Option<&'static str> {
    if let Stand::Untold(missing) = new {
        return Some(missing);
    }
    let passes = |stand: &Stand| matches!(stand, Stand::Permits { .. });
    if passes(new) && recorded.caller.is_some() && !policies.0.knows_alike(policies.1, recorded.who) {
        return Some(CERTIFICATE);
    }
    match old {
        // What passed, passed: only what the new policy says is of interest then.
        Stand::Untold(_) if then != Then::Refused && passes(new) => None,
        Stand::Untold(missing) => Some(missing),
        _ => None,
    }
}

fn by_rule(rule: Option<&str>) -> String {
    rule.map_or_else(|| "it would be observed".to_owned(), |rule| format!("rule `{rule}`"))
}

fn because(stand: &Stand) -> String {
    match stand {
        Stand::Refuses(reason) => reason.to_string(),
        Stand::Strange(words) => words.clone(),
        Stand::Untold(missing) => (*missing).to_owned(),
        Stand::Permits { rule, .. } => by_rule(rule.as_deref()),
    }
}

impl Group {
    fn add(&mut self, recorded: &Recorded<'_>, count: u64, mark: Mark<'_>, because: impl FnOnce() -> String) {
        self.count += count;
        let name = recorded.who;
        let full = self.by.len() >= NAMES;
        match self.by.get_mut(name) {
            Some(counted) => *counted += count,
            None if full => *self.by.entry(OTHERS.to_owned()).or_default() += count,
            None => {
                self.by.insert(name.to_owned(), count);
            }
        }
        let example = || Example {
            sequence: mark.sequence,
            incident: mark.incident.map(str::to_owned),
            at: mark.at.to_owned(),
            peer: match recorded.person {
                Person::Known { name: person, .. } => format!("{name} ({person})"),
                Person::Nobody => name.to_owned(),
            },
            asked: words_of(recorded),
            because: because(),
        };
        let example = example();
        if self.first.is_none() {
            self.first = Some(example.clone());
        }
        self.last = Some(example);
    }

    /// Of whom, the most first.
    pub fn most(&self) -> Vec<(&str, u64)> {
        let mut all: Vec<_> = self.by.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        all
    }
}
