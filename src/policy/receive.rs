//! What comes back through the gateway: who receives by which title, and what a peer may learn of.

use super::compiled::Policy;
use super::model::Peer;
use super::request::{Known, Moment, Principal, Request};
use crate::dicom::dimse::Operation;
use crate::dicom::{AeTitle, Uid};

/// Who receives what is sent to a title.
#[derive(Debug, Clone, Copy)]
pub enum Receiver<'a> {
    /// A peer with an `address`.
    Peer(&'a Peer),
    /// An archive, by its `ae_title`.
    Archive(&'a str),
}

impl<'a> Receiver<'a> {
    /// Its name, as rules name it: what [`super::Request::to`] takes.
    pub fn name(&self) -> &'a str {
        match self {
            Self::Peer(peer) => &peer.name,
            Self::Archive(name) => name,
        }
    }
}

impl Policy {
    /// Who receives what is sent to a title: the peer that has the title and an `address` (of several, none: `check`
    /// refuses that), or else the archive whose own title it is. `None`: nobody, or a peer without `address`.
    pub fn receiver(&self, title: &AeTitle) -> Option<Receiver<'_>> {
        let peers = self.titles.get(title).map(|title| title.peers.as_slice()).unwrap_or_default();
        let peers = peers.iter().filter_map(|&peer| self.model.peers.get(peer as usize));
        let mut receiving = peers.filter(|peer| peer.address.is_some());
        match (receiving.next(), receiving.next()) {
            (Some(peer), None) => Some(Receiver::Peer(peer)),
            (Some(_), Some(_)) => None,
            (None, _) => {
                let archive = self.model.archives.iter().find(|archive| archive.ae_title == *title);
                archive.map(|archive| Receiver::Archive(archive.ae_title.as_str()))
            }
        }
    }

    /// Whether a principal could store, find, get or move objects of a SOP class at an archive (its `ae_title`): what
    /// commitment reports are narrowed to. Denies count; what only a message can tell (modality, transfer syntax, move
    /// destination) is taken at its best. Queries and moves are asked for with a class of their own, so for these a
    /// rule's `sop_classes` say nothing about objects. A principal that may do none of these with any object, but may ask
    /// for commitment, is told what it asks.
    pub fn may_see(&self, principal: &Principal, archive: &str, class: &Uid, at: Moment) -> bool {
        let objects = [Operation::Store, Operation::Get];
        let questions = [Operation::Find, Operation::Move];
        let any = |class: Option<&Uid>| {
            self.could(principal, archive, objects, class, at) || self.could(principal, archive, questions, None, at)
        };
        // Who may do nothing else with objects there has nothing but commitment to go by.
        any(Some(class)) || !any(None) && self.could(principal, archive, [Operation::Commit; 2], None, at)
    }

    /// Whether any of these operations could be permitted, whatever messages bring besides what is told here.
    fn could(
        &self,
        principal: &Principal,
        to: &str,
        operations: [Operation; 2],
        sop_class: Option<&Uid>,
        at: Moment,
    ) -> bool {
        let (transfer_syntax, destination, modality) = (None, None, Known::Unread);
        let request = Request {
            principal,
            to,
            operation: None,
            sop_class,
            transfer_syntax,
            destination,
            modality,
            query: Known::Unread,
            at,
        };
        let Ok(facts) = self.facts(&request, true) else { return false };
        let observing = self.observes(at) && !facts.party.archive;
        operations.into_iter().any(|operation| self.may_possibly(&facts, operation, observing))
    }
}
