//! Who uses an archive, as far as the rules say before anybody asks: which titles it sees, and whom it sends to.

use super::{Archive, Calling, Correlate, Settings};
use crate::dicom::AeTitle;
use crate::dicom::dimse::{Operation, OperationSet};
use crate::policy::model::{Effect, Peer, Rule, Subject};

/// The rules that permit something at an archive.
fn permits<'a>(settings: &'a Settings, archive: &Archive) -> impl Iterator<Item = &'a Rule> {
    let title = archive.ae_title;
    let rules = settings.policy.rules.iter();
    rules.filter(move |rule| rule.effect == Effect::Permit && rule.to.iter().any(|to| **to == *title.as_str()))
}

fn meets(rule: &Rule, peer: &Peer) -> bool {
    rule.who.iter().any(|subject| match subject {
        // Persons sit at the devices of `via`, or at any.
        Subject::Role(_) | Subject::User(_) => rule.via.is_empty() || rule.via.iter().any(|via| device(via, peer)),
        Subject::Archive(_) => false,
        subject => device(subject, peer),
    })
}

fn device(subject: &Subject, peer: &Peer) -> bool {
    match subject {
        Subject::Peer(name) => *name == peer.name || peer.ae_titles.iter().any(|title| title.as_str() == &**name),
        Subject::Group(group) => peer.groups.contains(group),
        Subject::Anyone => true,
        Subject::Role(_) | Subject::User(_) | Subject::Archive(_) => false,
    }
}

/// Every operation that some rule permits to somebody at an archive.
pub fn operations(settings: &Settings, archive: &Archive) -> OperationSet {
    permits(settings, archive).flat_map(|rule| rule.may.iter().copied()).collect()
}

/// Whether some rule has objects sealed for an archive.
pub fn is_sealed_for(settings: &Settings, archive: &Archive) -> bool {
    let seals = |rule: &Rule| settings.policy.seal_all || rule.seal;
    settings.vault.is_some()
        && permits(settings, archive).any(|rule| rule.may.contains(&Operation::Store) && seals(rule))
}

/// The peers that may do something (`operation`, or anything at all) at an archive.
fn peers<'a>(
    settings: &'a Settings,
    archive: &'a Archive,
    operation: Option<Operation>,
) -> impl Iterator<Item = &'a Peer> {
    settings.policy.peers.iter().filter(move |peer| {
        permits(settings, archive)
            .any(|rule| meets(rule, peer) && operation.is_none_or(|operation| rule.may.contains(&operation)))
    })
}

fn titles<'a>(peers: impl Iterator<Item = &'a Peer>) -> Vec<AeTitle> {
    let mut titles: Vec<AeTitle> = Vec::new();
    for title in peers.flat_map(|peer| &peer.ae_titles) {
        if !titles.contains(title) {
            titles.push(*title);
        }
    }
    titles
}

/// The calling titles that an archive will see; those that may move come first. Never empty.
pub fn callers(settings: &Settings, archive: &Archive) -> Vec<AeTitle> {
    if let Calling::Title(title) = archive.calling {
        return vec![title];
    }
    let movers = peers(settings, archive, Some(Operation::Move));
    let mut titles = titles(movers.chain(peers(settings, archive, None)));
    if titles.is_empty() {
        titles.push(archive.ae_title);
    }
    titles
}

/// The titles that an archive must know as move destinations: every title of every peer that receives, and, where it
/// is told the requester's own title instead, every title of every peer that may move.
pub fn destinations(settings: &Settings, archive: &Archive) -> Vec<AeTitle> {
    let receiving = settings.policy.peers.iter().filter(|peer| peer.address.is_some());
    match archive.correlate {
        Correlate::Destination => titles(peers(settings, archive, Some(Operation::Move))),
        Correlate::Originator | Correlate::Serial => titles(receiving),
    }
}
