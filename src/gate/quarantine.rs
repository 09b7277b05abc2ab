//! Who may do nothing until released. The set is in memory: asking it costs a look at whether it is empty. It is filled
//! by whoever trips a wire here, and by what other gateways have written into the state.

use crate::policy::{DenialReason, Principal};
use crate::state::Quarantined;
use arc_swap::ArcSwap;
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

/// So many are held at once by what this gateway has added itself; beyond that, what other gateways say still counts.
const MOST: usize = 100_000;

/// A peer or a person.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A peer, by its name in the policy.
    Peer(Arc<str>),
    /// A person, by the name that a source of people vouched for, without case: whoever is held must not come back by
    /// another source, or a device that names its users, that writes her name in another way.
    User(Arc<str>),
}

impl Subject {
    /// Who answers for what this caller does: the person where there is one, else the peer.
    pub fn of(principal: &Principal) -> Self {
        match &principal.user {
            Some(user) => Self::User(user.key().into()),
            None => Self::Peer(Arc::clone(&principal.name)),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer(name) => write!(f, "peer:{name}"),
            Self::User(name) => write!(f, "user:{name}"),
        }
    }
}

/// What is neither `peer:NAME` nor `user:NAME`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write `peer:NAME` or `user:NAME`")]
pub struct NoSubject;

impl FromStr for Subject {
    type Err = NoSubject;

    fn from_str(text: &str) -> Result<Self, NoSubject> {
        match text.split_once(':') {
            Some(("peer", name)) if !name.is_empty() => Ok(Self::Peer(name.into())),
            Some(("user", name)) if !name.is_empty() => Ok(Self::User(name.to_lowercase().into())),
            _ => Err(NoSubject),
        }
    }
}

/// Somebody in quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Who.
    pub subject: Subject,
    /// Since when, in seconds since 1970.
    pub since: i64,
    /// Why, in words.
    pub why: Arc<str>,
    /// Incident id of the record that says so; empty if nothing could be recorded.
    pub incident: Arc<str>,
    /// The gateway whose log that is in.
    pub gateway: Arc<str>,
    /// The state holds it as well. What it does not hold yet is lost with this process.
    pub stored: bool,
}

impl Held {
    /// As the state keeps it.
    pub fn to_row(&self) -> Quarantined {
        Quarantined {
            subject: self.subject.to_string(),
            since: self.since,
            why: self.why.as_ref().to_owned(),
            incident: self.incident.as_ref().to_owned(),
            gateway: self.gateway.as_ref().to_owned(),
            release: None,
        }
    }

    fn of_row(row: &Quarantined) -> Option<Self> {
        Some(Self {
            subject: row.subject.parse().ok()?,
            since: row.since,
            why: row.why.as_str().into(),
            incident: row.incident.as_str().into(),
            gateway: row.gateway.as_str().into(),
            stored: true,
        })
    }

    /// Why it is denied whatever the policy says.
    pub fn denial(&self) -> DenialReason {
        DenialReason::Quarantine {
            subject: self.subject.to_string().into(),
            incident: Arc::clone(&self.incident),
            gateway: Arc::clone(&self.gateway),
        }
    }
}

#[derive(Debug, Default)]
struct Set {
    peers: HashMap<Arc<str>, Arc<Held>>,
    users: HashMap<Arc<str>, Arc<Held>>,
}

impl Set {
    fn get(&self, subject: &Subject) -> Option<&Arc<Held>> {
        match subject {
            Subject::Peer(name) => self.peers.get(name),
            Subject::User(name) => self.users.get(name),
        }
    }

    fn put(&mut self, held: Held) {
        let (Subject::Peer(name) | Subject::User(name)) = &held.subject;
        let (all, name) = match &held.subject {
            Subject::Peer(_) => (&mut self.peers, Arc::clone(name)),
            Subject::User(_) => (&mut self.users, Arc::clone(name)),
        };
        all.insert(name, Arc::new(held));
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Held>> {
        self.peers.values().chain(self.users.values())
    }

    fn len(&self) -> usize {
        self.peers.len() + self.users.len()
    }
}

/// What came of taking in what the state says.
#[derive(Debug, Default)]
pub struct Change {
    /// Somebody is in quarantine who was not: live associations must be looked at.
    pub added: Vec<Arc<Held>>,
    /// Released since, and not recorded by this gateway yet.
    pub released: Vec<Quarantined>,
    /// Rows that should be there and are not, or are not what a gateway wrote; they hold on, and are written again.
    pub missing: Vec<Arc<Held>>,
}

/// Who is in quarantine.
#[derive(Debug, Default)]
pub struct Quarantine {
    set: ArcSwap<Set>,
    /// Held by whoever changes the set.
    changing: Mutex<()>,
}

impl Quarantine {
    /// Why this caller may do nothing; `None`: it is not in quarantine, and neither is the device that it sits at.
    pub fn of(&self, principal: &Principal) -> Option<Arc<Held>> {
        let set = self.set.load();
        if set.len() == 0 {
            return None;
        }
        let user = principal.user.as_ref().and_then(|user| set.users.get(user.key().as_str()));
        user.or_else(|| set.peers.get(&principal.name)).cloned()
    }

    /// Why this one may do nothing.
    pub fn find(&self, subject: &Subject) -> Option<Arc<Held>> {
        self.set.load().get(subject).cloned()
    }

    /// All of them.
    pub fn all(&self) -> Vec<Arc<Held>> {
        self.set.load().all().cloned().collect()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.set.load().len()
    }

    /// Nobody.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds one, unless they are held already: then what they are held for.
    pub(super) fn hold(&self, subject: &Subject, held: impl FnOnce() -> Held) -> (Arc<Held>, bool) {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = self.find(subject) {
            return (known, false);
        }
        let held = held();
        self.change(|set| {
            if set.len() < MOST {
                set.put(held.clone());
            }
        });
        (Arc::new(held), true)
    }

    /// The state holds this one now.
    pub fn stored(&self, held: &Held) {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.find(&held.subject).is_some_and(|known| known.since == held.since) {
            self.change(|set| set.put(Held { stored: true, ..held.clone() }));
        }
    }

    /// Takes in everything that the state says. What it does not know yet stays, and so does what it should know.
    pub fn take_in(&self, rows: &[Quarantined]) -> Change {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.set.load_full();
        let (mut after, mut change) = (Set::default(), Change::default());
        let mut over: HashMap<&str, ()> = HashMap::new();
        for row in rows {
            let Some(held) = Held::of_row(row) else { continue };
            let known = before.get(&held.subject);
            match &row.release {
                None => {
                    if known.is_none() {
                        change.added.push(Arc::new(held.clone()));
                    }
                    after.put(held);
                }
                Some(release) => {
                    // Of one that began later it says nothing.
                    let ends =
                        known.is_none_or(|known| known.stored && known.since == row.since || known.since < release.at);
                    if ends {
                        over.insert(row.subject.as_str(), ());
                        if known.is_some() || !release.noted {
                            change.released.push(row.clone());
                        }
                    }
                }
            }
        }
        for known in before.all() {
            let name = known.subject.to_string();
            if after.get(&known.subject).is_some() || over.contains_key(name.as_str()) {
                continue;
            }
            if known.stored {
                change.missing.push(Arc::clone(known));
            }
            after.put(Held { stored: false, ..(**known).clone() });
        }
        self.set.store(Arc::new(after));
        change
    }

    fn change(&self, change: impl FnOnce(&mut Set)) {
        let before = self.set.load();
        let mut after = Set { peers: before.peers.clone(), users: before.users.clone() };
        change(&mut after);
        self.set.store(Arc::new(after));
    }
}
