//! Who there is: peers, archives, groups and titles, as numbers.

use super::faults::{Faults, at_archive, at_peer};
use crate::dicom::AeTitle;
use crate::policy::compiled::{Party, People, Title};
use crate::policy::model::{CertificatePattern, Destination, Peer, PolicyModel, Subject};
use std::collections::HashMap;
use std::sync::Arc;

/// The subject number of `anyone`; parties and groups follow.
const ANYONE: u32 = 0;

/// Everybody whom rules can name.
#[derive(Debug)]
pub(super) struct Names {
    pub parties: Vec<Party>,
    /// Peers and archives by name.
    pub names: HashMap<Arc<str>, u32>,
    pub titles: HashMap<AeTitle, Title>,
    pub people: People,
    groups: HashMap<Arc<str>, u32>,
    /// Parties per subject.
    population: HashMap<u32, usize>,
}

impl Names {
    pub fn of(model: &PolicyModel, faults: &mut Faults) -> Self {
        let mut names = Self {
            parties: Vec::new(),
            names: HashMap::new(),
            titles: HashMap::new(),
            people: People::default(),
            groups: HashMap::new(),
            population: HashMap::new(),
        };
        let parties = model.peers.len() + model.archives.len();
        for group in model.peers.iter().flat_map(|peer| &peer.groups) {
            let next = number(parties + names.groups.len() + 1);
            names.groups.entry(Arc::clone(group)).or_insert(next);
        }
        let mut next = number(parties + names.groups.len() + 1);
        for subject in model.rules.iter().flat_map(|rule| &rule.who) {
            let (known, name) = match subject {
                Subject::Role(role) => (&mut names.people.roles, role),
                Subject::User(user) => (&mut names.people.users, user),
                _ => continue,
            };
            known.entry(Arc::clone(name)).or_insert_with(|| {
                let own = next;
                next = next.saturating_add(1);
                own
            });
        }
        for (index, peer) in model.peers.iter().enumerate() {
            names.add_peer(index, peer, faults);
        }
        for (index, archive) in model.archives.iter().enumerate() {
            let name: Arc<str> = Arc::from(archive.ae_title.as_str());
            let party = number(names.parties.len());
            if let Some(&other) = names.names.get(&name) {
                let (problem, advice) = match names.parties.get(other as usize) {
                    Some(Party { archive: true, .. }) => ("another archive has the same `ae_title`", ""),
                    _ => ("a peer has the same name", "give the peer another `name`; its titles may stay"),
                };
                faults.add(at_archive(index, archive), "ae_title", problem.to_owned(), advice);
            } else {
                names.names.insert(Arc::clone(&name), party);
            }
            let titles = std::iter::once(&archive.ae_title).chain(&archive.answers_to);
            let titles = names.number_titles(titles, None);
            names.add_party(name, true, titles, vec![party + 1]);
        }
        check_shared_titles(model, &names, faults);
        names
    }

    fn add_peer(&mut self, index: usize, peer: &Peer, faults: &mut Faults) {
        let party = number(index);
        if peer.ae_titles.is_empty() {
            faults.add(at_peer(index, peer), "ae_titles", "it has no AE title".to_owned(), "name at least one");
        }
        for title in peer.emergency_titles.iter().filter(|title| peer.ae_titles.contains(title)) {
            let problem = format!("`{title}` is one of its ordinary titles, too: every call would be an emergency");
            faults.add(at_peer(index, peer), "emergency_titles", problem, "give it a title of its own for emergencies");
        }
        if peer.plain && peer.certificate.is_some() {
            let problem = "a peer with `tls = \"off\"` can show no certificate".to_owned();
            faults.add(at_peer(index, peer), "certificate", problem, "take one of the two out");
        }
        if self.names.contains_key(&peer.name) {
            let problem = format!("another peer is called `{}`", peer.name);
            faults.add(at_peer(index, peer), "name", problem, "give it a `name` of its own");
        } else {
            self.names.insert(Arc::clone(&peer.name), party);
        }
        let groups = peer.groups.iter().filter_map(|group| self.groups.get(group).copied());
        let subjects = [ANYONE, party + 1].into_iter().chain(groups).collect();
        // What is sent to `self` never goes to an emergency title.
        self.number_titles(peer.emergency_titles.iter(), Some(party));
        let titles = self.number_titles(peer.ae_titles.iter(), Some(party));
        self.add_party(Arc::clone(&peer.name), false, titles, subjects);
    }

    fn add_party(&mut self, name: Arc<str>, archive: bool, titles: Vec<u32>, subjects: Vec<u32>) {
        let subjects = sorted(subjects);
        for &subject in &subjects {
            *self.population.entry(subject).or_default() += 1;
        }
        self.parties.push(Party { name, archive, subjects, titles: sorted(titles) });
    }

    fn number_titles<'t>(&mut self, titles: impl Iterator<Item = &'t AeTitle>, peer: Option<u32>) -> Vec<u32> {
        titles
            .map(|title| {
                let next = number(self.titles.len());
                let entry = self.titles.entry(*title).or_insert_with(|| Title { number: next, peers: Vec::new() });
                entry.peers.extend(peer.filter(|peer| !entry.peers.contains(peer)));
                entry.number
            })
            .collect()
    }

    /// How many parties a subject stands for.
    pub fn population(&self, subject: u32) -> usize {
        self.population.get(&subject).copied().unwrap_or_default()
    }

    /// A subject's number; `None`: nobody has that name.
    pub fn subject(&self, subject: &Subject) -> Option<u32> {
        match subject {
            Subject::Anyone => Some(ANYONE),
            Subject::Group(group) => self.groups.get(group).copied(),
            Subject::Peer(name) => self.party(name).filter(|(_, party)| !party.archive).map(|(party, _)| party + 1),
            Subject::Archive(name) => self.party(name).filter(|(_, party)| party.archive).map(|(party, _)| party + 1),
            Subject::Role(role) => self.people.roles.get(role).copied(),
            Subject::User(user) => self.people.users.get(user).copied(),
        }
    }

    /// A peer or archive by its name.
    pub fn party(&self, name: &str) -> Option<(u32, &Party)> {
        let &number = self.names.get(name)?;
        Some((number, self.parties.get(number as usize)?))
    }

    /// The titles that a destination stands for besides the requester's own; `None`: nobody has that name or title.
    pub fn destination(&self, destination: &Destination) -> Option<Vec<u32>> {
        let Destination::Named(name) = destination else { return Some(Vec::new()) };
        if let Some((_, party)) = self.party(name) {
            return Some(party.titles.to_vec());
        }
        let title = AeTitle::new(name.as_ref()).ok()?;
        self.titles.get(&title).map(|title| vec![title.number])
    }

    pub fn peers(&self) -> impl Iterator<Item = &str> {
        self.parties.iter().filter(|party| !party.archive).map(|party| &*party.name)
    }

    pub fn archives(&self) -> impl Iterator<Item = &str> {
        self.parties.iter().filter(|party| party.archive).map(|party| &*party.name)
    }

    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.groups.keys().map(|group| &**group)
    }
}

/// Which peers a certificate could belong to. `any` is everybody's, and tells nothing.
pub(super) fn certificates(model: &PolicyModel) -> HashMap<CertificatePattern, Vec<u32>> {
    let mut certificates = HashMap::<_, Vec<u32>>::new();
    for (number, peer) in (0..).zip(&model.peers) {
        if let Some(pattern) = peer.certificate.as_ref().filter(|pattern| **pattern != CertificatePattern::Any) {
            certificates.entry(pattern.clone()).or_default().push(number);
        }
    }
    certificates
}

/// Peers may share a title only if no certificate could be both's.
fn check_shared_titles(model: &PolicyModel, names: &Names, faults: &mut Faults) {
    for (index, peer) in model.peers.iter().enumerate() {
        for (title, key) in titles_of(peer) {
            let sharing = names.titles.get(title).map(|title| title.peers.as_slice()).unwrap_or_default();
            let earlier = sharing.iter().filter_map(|&other| Some((other as usize, model.peers.get(other as usize)?)));
            let clash = earlier.take_while(|(other, _)| *other < index).find(|(_, other)| alike(peer, other));
            if let Some((_, other)) = clash {
                let problem = format!(
                    "`{title}` is also a title of peer `{}`, and certificates do not tell them apart",
                    other.name
                );
                faults.add(
                    at_peer(index, peer),
                    key,
                    problem,
                    "give each a `certificate` of its own, or another title",
                );
            }
        }
    }
}

fn titles_of(peer: &Peer) -> impl Iterator<Item = (&AeTitle, &'static str)> {
    let ordinary = peer.ae_titles.iter().map(|title| (title, "ae_titles"));
    ordinary.chain(peer.emergency_titles.iter().map(|title| (title, "emergency_titles")))
}

/// Whether one caller could be both.
fn alike(one: &Peer, other: &Peer) -> bool {
    match (&one.certificate, &other.certificate) {
        (None, None) => one.plain == other.plain,
        (None, Some(_)) | (Some(_), None) => false,
        (Some(CertificatePattern::Spki(one)), Some(CertificatePattern::Spki(other))) => one == other,
        // A pin serves whoever vouches, so only the names of a checked chain depend on `trust`.
        (Some(CertificatePattern::Any), Some(CertificatePattern::Spki(_)))
        | (Some(CertificatePattern::Spki(_)), Some(CertificatePattern::Any)) => true,
        (Some(pattern), Some(other_pattern)) => {
            let any = *pattern == CertificatePattern::Any || *other_pattern == CertificatePattern::Any;
            one.trust == other.trust && (any || pattern == other_pattern)
        }
    }
}

/// A count as a number of the index; a policy of four thousand million entries does not fit into memory anyway.
pub(super) fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

pub(super) fn sorted(mut numbers: Vec<u32>) -> Box<[u32]> {
    numbers.sort_unstable();
    numbers.dedup();
    numbers.into_boxed_slice()
}
