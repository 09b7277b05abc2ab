//! The compiled policy: what the compiler makes and every question is answered from. Immutable.

use super::canary::Canaries;
use super::index::Index;
use super::model::{ArchiveName, CertificatePattern, Effect, Hours, Peer, PolicyModel, Rule};
use super::narrow::Narrowed;
use super::nearest::Nearby;
use super::request::{Principal, Transport};
use super::rights::Open;
use crate::dicom::dataset::Level;
use crate::dicom::dimse::Operation;
use crate::dicom::{AeTitle, Tag, Uid};
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// A whole policy, ready to answer. It knows nothing of generations: whoever swaps policies counts them.
#[derive(Debug)]
pub struct Policy {
    pub(super) model: PolicyModel,
    pub(super) parties: Vec<Party>,
    pub(super) names: HashMap<Arc<str>, u32>,
    pub(super) titles: HashMap<AeTitle, Title>,
    pub(super) certificates: HashMap<CertificatePattern, Vec<u32>>,
    pub(super) values: Values,
    pub(super) rules: Vec<CompiledRule>,
    pub(super) index: Index,
    /// Permits that seal or open, by themselves: most policies have few, or none.
    pub(super) rights: Index,
    pub(super) nearby: Nearby,
    pub(super) people: People,
    pub(super) canaries: Canaries,
    /// Some rule hangs on what a query asks, or narrows its answers.
    pub(super) narrows: bool,
    pub(super) identity: PolicyIdentity,
}

/// Somebody whom rules can name: peers first, in the order of the model, archives behind them.
#[derive(Debug)]
pub(super) struct Party {
    pub name: Arc<str>,
    pub archive: bool,
    /// What rules may call it, ascending: `anyone`, itself, its groups.
    pub subjects: Box<[u32]>,
    /// Its titles, as numbers of [`Policy::titles`], ascending.
    pub titles: Box<[u32]>,
}

/// Roles and users that rules name, as subject numbers behind those of parties and groups.
#[derive(Debug, Default)]
pub(super) struct People {
    pub roles: HashMap<Arc<str>, u32>,
    pub users: HashMap<Arc<str>, u32>,
}

/// An AE title that belongs to somebody.
#[derive(Debug, Default)]
pub(super) struct Title {
    pub number: u32,
    /// The peers that may call with it.
    pub peers: Vec<u32>,
}

/// Numbers for the values that conditions list; a value without a number stands in no rule.
#[derive(Debug, Default)]
pub(super) struct Values {
    pub uids: HashMap<Uid, u32>,
    pub modalities: HashMap<Modality, u32>,
}

/// A modality as rules compare it: at most 16 characters (PS3.5 6.2 VR CS), upper case, no padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Modality([u8; 16]);

impl Modality {
    /// `None` for what cannot be one modality: empty, too long, several values, odd characters.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim_matches([' ', '\0']);
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b' ';
        if text.is_empty() || !text.bytes().all(fits) {
            return None;
        }
        let mut bytes = [0; 16];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        bytes.make_ascii_uppercase();
        Some(Self(bytes))
    }
}

/// A rule, its words replaced by sorted numbers. `None` is a condition that the rule does not have.
#[derive(Debug)]
pub(super) struct CompiledRule {
    pub name: Arc<str>,
    pub line: u32,
    pub effect: Effect,
    /// Devices of `who`.
    pub who: Box<[u32]>,
    /// Users and roles of `who`.
    pub people: Box<[u32]>,
    pub via: Option<Box<[u32]>>,
    pub to: Box<[u32]>,
    pub may: Vec<Operation>,
    pub sop_classes: Option<Box<[u32]>>,
    pub transfer_syntaxes: Option<Box<[u32]>>,
    pub modalities: Option<Box<[u32]>>,
    pub hours: Option<Hours>,
    /// One bit a day, Monday is bit 0.
    pub days: Option<u8>,
    pub destinations: Destinations,
    pub levels: Option<Box<[Level]>>,
    pub require_key: Option<Box<[Tag]>>,
    pub break_glass: Option<u32>,
    pub narrows: Option<Narrows>,
    pub seal: bool,
    pub open: Open,
}

/// How a permit narrows what is seen.
#[derive(Debug)]
pub(super) enum Narrows {
    /// The same for everybody and always.
    Fixed(Narrowed),
    /// By who asks, or by the day.
    Each(Box<Rule>),
}

/// Where a rule lets `move` send to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Destinations {
    /// A deny without `destinations`.
    All,
    /// The requester's own titles, if `own`, and these.
    Listed { own: bool, titles: Box<[u32]> },
}

/// SHA-256 over everything that a policy says. Equal identities answer every question alike, so after a reload live
/// associations need not be asked again.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PolicyIdentity(pub(super) [u8; 32]);

impl fmt::Display for PolicyIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(8).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PolicyIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PolicyIdentity({self})")
    }
}

impl Policy {
    /// The model that it was compiled from.
    pub fn model(&self) -> &PolicyModel {
        &self.model
    }

    /// What this policy is, whenever and from whatever file it was compiled.
    pub fn identity(&self) -> PolicyIdentity {
        self.identity
    }

    /// The peer as configured, by its name.
    pub fn peer(&self, name: &str) -> Option<&Peer> {
        self.names.get(name).and_then(|&party| self.model.peers.get(party as usize))
    }

    /// The first archive, in the order of the file, that a called title reaches, by its `ae_title`.
    pub fn archive_by_called(&self, called: &AeTitle) -> Option<&str> {
        self.archives_by_called(called).next()
    }

    /// Every archive that a called title reaches (several where `for` shares a title among them).
    pub fn archives_by_called(&self, called: &AeTitle) -> impl Iterator<Item = &str> {
        let called = *called;
        let serves = move |archive: &&ArchiveName| archive.ae_title == called || archive.answers_to.contains(&called);
        self.model.archives.iter().filter(serves).map(|archive| archive.ae_title.as_str())
    }

    /// An archive as the one who asks, for what it sends unasked (`archive:PACS` in `who`). `name` is its `ae_title`.
    pub fn archive_principal(&self, name: &str, from: IpAddr, transport: Transport) -> Option<Principal> {
        let &number = self.names.get(name)?;
        let party = self.parties.get(number as usize).filter(|party| party.archive)?;
        let calling = AeTitle::new(party.name.as_ref()).ok()?;
        Some(Principal {
            peer: number,
            name: Arc::clone(&party.name),
            calling,
            from: from.to_canonical(),
            transport,
            user: None,
        })
    }

    /// Every archive with what rules know it as.
    pub(super) fn archive_parties(&self) -> impl Iterator<Item = (&Party, &ArchiveName)> {
        self.parties.iter().filter(|party| party.archive).zip(&self.model.archives)
    }

    /// The party behind a principal, also if another policy identified it.
    pub(super) fn party_of(&self, principal: &Principal) -> Option<&Party> {
        let same = |party: &&Party| party.name == principal.name;
        self.parties
            .get(principal.peer as usize)
            .filter(same)
            .or_else(|| self.names.get(&principal.name).and_then(|&number| self.parties.get(number as usize)))
    }

    pub(super) fn rule(&self, number: u32) -> Option<&CompiledRule> {
        self.rules.get(number as usize)
    }
}
