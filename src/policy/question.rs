//! A question in an administrator's words (a `[[test]]`, `policy explain`), put to the policy as a caller would.

use super::compiled::Policy;
use super::credential::{Anchor, Caller, CertificateFacts, Credential};
use super::identify::IdentityFault;
use super::model::{Asker, CertificatePattern, Peer, Person};
use super::request::{Known, Moment, Principal, Query, Request};
use super::user::User;
use crate::dicom::dataset::Level;
use crate::dicom::dimse::Operation;
use crate::dicom::{AeTitle, Tag, Uid};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// What somebody asks about. The peer's certificate is taken to be the right one.
#[derive(Debug, Clone)]
pub struct Question {
    /// Who asks.
    pub asker: Asker,
    /// Where it calls from; default: an address inside its network.
    pub from: Option<IpAddr>,
    /// What it wants; `None`: anything at all.
    pub wants: Option<Operation>,
    /// The archive, by name or called title; default: the only one. If an archive sends, the peer or archive that
    /// receives, by name or title.
    pub to: Option<String>,
    /// SOP class, where it matters.
    pub sop_class: Option<Uid>,
    /// Transfer syntax, where it matters.
    pub transfer_syntax: Option<Uid>,
    /// Modality of the object, where it matters.
    pub modality: Option<String>,
    /// Move destination, where it matters.
    pub destination: Option<AeTitle>,
    /// The person who asks, if one does.
    pub person: Option<Person>,
    /// Level of a query or retrieve, where it matters.
    pub level: Option<Level>,
    /// Attributes that a query asks a value of, where they matter.
    pub keys: Vec<Tag>,
    /// When.
    pub at: Moment,
}

/// Why a question cannot be put.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuestionFault {
    /// The name is no peer's and cannot be a title.
    #[error("there is no peer `{0}` in the policy")]
    NoPeer(String),
    /// Several peers have the title.
    #[error("several peers have the title `{0}`: say which one by its name")]
    SeveralPeers(String),
    /// The name is no archive's.
    #[error("there is no archive `{0}`: `dicomgate check` lists them")]
    NoArchive(String),
    /// Nobody receives what an archive sends there.
    #[error("nobody has the name or title `{0}`: an archive sends to peers and archives")]
    NoReceiver(String),
    /// An archive sends, and nothing says where to.
    #[error("say to whom the archive sends")]
    WhichReceiver,
    /// Several archives, and none is named.
    #[error("there are several archives: say which one")]
    WhichArchive,
}

/// A question with its words looked up.
pub(super) struct Asked<'q> {
    question: &'q Question,
    /// Who it is, as `identify` said.
    pub identity: Result<Principal, IdentityFault>,
    /// Where it called from.
    pub from: IpAddr,
    /// The archive's `ae_title`, or the name of the receiver.
    pub to: &'q str,
}

impl Asked<'_> {
    /// The question as a request of this principal.
    pub fn request<'a>(&'a self, principal: &'a Principal) -> Request<'a> {
        let question = self.question;
        Request {
            principal,
            to: self.to,
            operation: question.wants,
            sop_class: question.sop_class.as_ref(),
            transfer_syntax: question.transfer_syntax.as_ref(),
            destination: question.destination.as_ref(),
            modality: match &question.modality {
                Some(modality) => Known::Is(modality),
                None if question.wants.is_none() => Known::Unread,
                None => Known::Absent,
            },
            query: match question.wants {
                None => Known::Unread,
                Some(_) => Known::Is(Query { level: question.level, keys: &question.keys }),
            },
            at: question.at,
        }
    }
}

impl Policy {
    /// Finds who asks and whom, and identifies the asker with the certificate that it should have.
    pub(super) fn ask<'q>(&'q self, question: &'q Question) -> Result<Asked<'q>, QuestionFault> {
        let name = match &question.asker {
            Asker::Peer(name) => name,
            Asker::Archive(name) => return self.ask_as_archive(question, name),
        };
        let to = self.archive_asked(question.to.as_deref())?;
        let (calling, peer) = self.peer_asked(name)?;
        let from = question.from.unwrap_or_else(|| peer.map_or(LOOPBACK, |peer| usual_address(&peer.networks)));
        let facts = peer.and_then(|peer| Some(usual_certificate(peer.certificate.as_ref()?, peer.trust.as_deref())));
        let credential = match (&facts, peer) {
            (Some(facts), _) => Credential::Mutual(facts),
            (None, Some(peer)) if peer.plain => Credential::Plain,
            (None, _) => Credential::Tls,
        };
        let mut identity = self.identify(&Caller { calling: Some(calling), from, credential });
        if let (Ok(principal), Some(person)) = (&mut identity, &question.person) {
            principal.user = Some(Arc::new(user(person)));
        }
        Ok(Asked { question, identity, from, to })
    }

    fn ask_as_archive<'q>(&'q self, question: &'q Question, name: &str) -> Result<Asked<'q>, QuestionFault> {
        let archive = self.model.archives.iter().find(|archive| archive.ae_title.as_str() == name);
        let archive = archive.ok_or_else(|| QuestionFault::NoArchive(name.to_owned()))?;
        let to = self.receiver_asked(question.to.as_deref().ok_or(QuestionFault::WhichReceiver)?)?;
        let from = question.from.unwrap_or_else(|| usual_address(&archive.calls_from));
        let pattern = archive.certificate.as_ref();
        let facts = pattern.map(|pattern| usual_certificate(pattern, archive.trust.as_deref()));
        let credential = facts.as_ref().map_or(Credential::Plain, Credential::Mutual);
        let calling = Some(archive.calls_as.first().copied().unwrap_or(archive.ae_title));
        let identity = self.identify_archive(&Caller { calling, from, credential });
        Ok(Asked { question, identity, from, to })
    }

    /// Who receives what an archive sends: a peer or archive by name, or whoever has the title.
    fn receiver_asked(&self, name: &str) -> Result<&str, QuestionFault> {
        if let Some((known, _)) = self.names.get_key_value(name) {
            return Ok(known);
        }
        let nobody = || QuestionFault::NoReceiver(name.to_owned());
        let title = AeTitle::new(name).map_err(|_| nobody())?;
        if let Some(receiver) = self.receiver(&title) {
            return Ok(receiver.name());
        }
        match self.titles.get(&title).map(|title| title.peers.as_slice()).unwrap_or_default() {
            [] => Err(nobody()),
            [only] => self.model.peers.get(*only as usize).map(|peer| &*peer.name).ok_or_else(nobody),
            _ => Err(QuestionFault::SeveralPeers(name.to_owned())),
        }
    }

    fn archive_asked(&self, name: Option<&str>) -> Result<&str, QuestionFault> {
        let archives = &self.model.archives;
        let Some(name) = name else {
            return match archives.as_slice() {
                [only] => Ok(only.ae_title.as_str()),
                _ => Err(QuestionFault::WhichArchive),
            };
        };
        let own = archives.iter().find(|archive| archive.ae_title.as_str() == name);
        own.map(|archive| archive.ae_title.as_str())
            .or_else(|| AeTitle::new(name).ok().and_then(|called| self.archive_by_called(&called)))
            .ok_or_else(|| QuestionFault::NoArchive(name.to_owned()))
    }

    fn peer_asked(&self, name: &str) -> Result<(AeTitle, Option<&Peer>), QuestionFault> {
        if let Some(peer) = self.peer(name)
            && let Some(title) = peer.ae_titles.first()
        {
            return Ok((*title, Some(peer)));
        }
        let title = AeTitle::new(name).map_err(|_| QuestionFault::NoPeer(name.to_owned()))?;
        let peers = self.titles.get(&title).map(|title| title.peers.as_slice()).unwrap_or_default();
        match peers {
            [] => Ok((title, None)),
            [only] => Ok((title, self.model.peers.get(*only as usize))),
            _ => Err(QuestionFault::SeveralPeers(name.to_owned())),
        }
    }
}

/// The person as an identity source would vouch for them.
fn user(person: &Person) -> User {
    let mut user = User {
        name: person.name.clone().unwrap_or_else(|| SOMEBODY.to_owned()),
        source: "test".to_owned(),
        roles: person.roles.clone(),
        until: i64::MAX,
        emergency: person.emergency,
        ..User::default()
    };
    for (name, values) in &person.attributes {
        match name.strip_prefix("claim.") {
            Some(path) => user.claims.insert(path.to_owned(), values.clone()),
            None => user.attributes.insert(name.strip_prefix("user.").unwrap_or(name).to_owned(), values.clone()),
        };
    }
    user.roles.sort_unstable();
    user
}

/// A person whom no rule can name: no name has a control character.
const SOMEBODY: &str = "\u{1}";

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The first address of the first network that a host can have.
fn usual_address(networks: &[IpNet]) -> IpAddr {
    match networks.first() {
        Some(IpNet::V4(network)) => network.hosts().next().unwrap_or(network.addr()).into(),
        Some(IpNet::V6(network)) => network.hosts().next().unwrap_or(network.addr()).into(),
        None => LOOPBACK,
    }
}

/// A certificate as it should be.
fn usual_certificate(pattern: &CertificatePattern, trust: Option<&str>) -> CertificateFacts {
    let (mut dns, mut common_name, mut spki) = (Vec::new(), None, [0; 32]);
    match pattern {
        CertificatePattern::Dns(name) => dns.push(Arc::clone(name)),
        CertificatePattern::CommonName(name) => common_name = Some(Arc::clone(name)),
        CertificatePattern::Spki(key) => spki = *key,
        CertificatePattern::Any => {}
    }
    let anchor = match (trust, pattern) {
        (_, CertificatePattern::Spki(_)) => Anchor::Pinned,
        (Some(trust), _) => Anchor::Peer(Arc::from(trust)),
        (None, _) => Anchor::ClientCa,
    };
    let (subject, serial) = (String::new(), String::new());
    CertificateFacts { dns, common_name, spki, anchor, subject, serial, not_after: i64::MAX }
}
