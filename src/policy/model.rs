//! Peers, rules and tests as an administrator wrote them, after validation: the input of the compiler.

use super::rights::Open;
use super::value::Wanted;
use crate::dicom::dataset::Level;
use crate::dicom::dimse::Operation;
use crate::dicom::{AeTitle, Tag, Uid};
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// A whole `policy.toml`.
#[derive(Debug, Clone, Default, Hash)]
pub struct PolicyModel {
    /// Devices and partner systems.
    pub peers: Vec<Peer>,
    /// Systems behind the gateway, from `gateway.toml`.
    pub archives: Vec<ArchiveName>,
    /// Rules, in the order of the file.
    pub rules: Vec<Rule>,
    /// The file's own tests.
    pub tests: Vec<PolicyTest>,
    /// Patients and studies that exist nowhere: who asks for them is an intruder.
    pub canaries: Vec<Canary>,
    /// Until when what no rule permits is recorded instead of refused, for identified peers.
    pub observe_until: Option<jiff::Timestamp>,
    /// Every object that is stored is sealed, whatever the rules say: `seal = "all"` of `[vault]`.
    pub seal_all: bool,
}

/// How policies know a system behind the gateway.
#[derive(Debug, Clone, Hash)]
pub struct ArchiveName {
    /// Its title, as `to` and `archive:` name it.
    pub ae_title: AeTitle,
    /// The called titles that reach it (`answers_to`), its own title included.
    pub answers_to: Vec<AeTitle>,
    /// The titles that it calls with; never empty.
    pub calls_as: Vec<AeTitle>,
    /// Where it calls from; empty: wherever the inside listener lets it.
    pub calls_from: Vec<IpNet>,
    /// What its certificate must be where the inside listener asks for one; `None`: it cannot come there.
    pub certificate: Option<CertificatePattern>,
    /// The CA of its own that vouches for it in place of `client_ca`, by the name that `pki` knows it by.
    pub trust: Option<String>,
}

impl ArchiveName {
    /// An archive that is called, and calls, by its own title alone.
    pub fn of(ae_title: AeTitle) -> Self {
        Self {
            ae_title,
            answers_to: vec![ae_title],
            calls_as: vec![ae_title],
            calls_from: Vec::new(),
            certificate: None,
            trust: None,
        }
    }
}

/// A device or partner system.
#[derive(Debug, Clone, Default, Hash)]
pub struct Peer {
    /// How rules and records call it.
    pub name: Arc<str>,
    /// Line where it stands in its file (`policy.toml` or the peers file), from 1.
    pub line: u32,
    /// The titles it may call with; never empty.
    pub ae_titles: Vec<AeTitle>,
    /// Free text for people.
    pub description: String,
    /// What its certificate must be; `None` on listeners without client certificates.
    pub certificate: Option<CertificatePattern>,
    /// Where it may call from; empty: anywhere, but a peer without certificate then only from this machine (loopback).
    pub networks: Vec<IpNet>,
    /// Where deliveries go.
    pub address: Option<String>,
    /// Groups that rules name.
    pub groups: Vec<Arc<str>>,
    /// `tls = "off"`: the device cannot do TLS and comes to a plain listener.
    pub plain: bool,
    /// Path of a CA of its own that its certificate must chain to, in place of `client_ca`.
    pub trust: Option<String>,
    /// Path of the certificate that the gateway shows to it.
    pub present: Option<String>,
    /// Named tolerances of the strict parsers.
    pub tolerate: Vec<Arc<str>>,
    /// Where its storage commitment reports go.
    pub commit_report: CommitReport,
    /// It is a dicomgate in front of a device: its incident ids are taken over.
    pub edge: bool,
    /// Titles that it also may call with; a person who calls with one of them asks for emergency access.
    pub emergency_titles: Vec<AeTitle>,
    /// It may name a person without proof (PS3.7 D.3.3.7, user identity type 1), vouched for by its certificate alone.
    pub username_only: bool,
    /// `vault = "shared"`: it may be handed sealed objects as they are stored, such as a second archive.
    pub vault_shared: bool,
}

/// A patient or study that exists nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Canary {
    /// Its name in records and alerts, unique in the file.
    pub name: Arc<str>,
    /// Line in `policy.toml`, from 1.
    pub line: u32,
    /// Its Patient ID (0010,0020).
    pub patient_id: Option<Arc<str>>,
    /// Its Study Instance UID (0020,000D).
    pub study: Option<Uid>,
}

/// Where the storage commitment reports of a peer go (PS3.4 J.3.3 leaves it to the system that commits).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CommitReport {
    /// Only to the association that asked.
    Same,
    /// Only to a new association with the peer's address.
    New,
    /// To the association that asked, if it is still there; else to the peer's address.
    #[default]
    Either,
}

/// What a peer's certificate must show.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CertificatePattern {
    /// A DNS name among its subject alternative names, lower case.
    Dns(Arc<str>),
    /// The subject's common name.
    CommonName(Arc<str>),
    /// SHA-256 of its SubjectPublicKeyInfo: pins the key, whatever the rest of the certificate says.
    Spki([u8; 32]),
    /// Any certificate that the gateway's `client_ca` (or the peer's `trust`) vouches for.
    Any,
}

/// One rule.
#[derive(Debug, Clone, Default, Hash)]
pub struct Rule {
    /// Its name, unique in the file.
    pub name: Arc<str>,
    /// Line in `policy.toml`, from 1.
    pub line: u32,
    /// Whom it is for (any of).
    pub who: Vec<Subject>,
    /// AND: the device they must sit at (any of); empty: no matter.
    pub via: Vec<Subject>,
    /// Archives, or destinations of unasked deliveries; empty: nothing.
    pub to: Vec<Arc<str>>,
    /// What it permits or denies.
    pub may: Vec<Operation>,
    /// Permit, or deny that beats every permit.
    pub effect: Effect,
    /// Only these SOP classes; empty: all.
    pub sop_classes: Vec<Uid>,
    /// Only objects of these modalities; empty: all. Values of (0008,0060), upper case.
    pub modalities: Vec<Arc<str>>,
    /// Only objects in these transfer syntaxes; empty: all.
    pub transfer_syntaxes: Vec<Uid>,
    /// Only within these hours of local time; `None`: always.
    pub hours: Option<Hours>,
    /// Only on these days of local time; empty: all. Monday is 0.
    pub days: Vec<u8>,
    /// Where `move` may send to. Empty: a permit sends nowhere, a deny forbids every destination.
    pub destinations: Vec<Destination>,
    /// `where`: only answers and studies that fit every one of these; empty: all. Only permits.
    pub r#where: Vec<Wanted>,
    /// `where_patient`: only studies of patients of whom some study fits every one of these; empty: all. Only permits.
    pub where_patient: Vec<Wanted>,
    /// Attributes, at any depth, that answers do not show. Only permits.
    pub hide: Vec<Tag>,
    /// They are taken out of retrieved objects, too.
    pub hide_in_objects: bool,
    /// Queries must ask a value of one of these; empty: they need not. Only permits, only `find` and `worklist`.
    pub require_key: Vec<Tag>,
    /// Only queries and retrieves of these levels; empty: all. Only permits, only `find`, `get` and `move`.
    pub levels: Vec<Level>,
    /// Answers to one query end after so many. Only permits.
    pub max_results: Option<u32>,
    /// The status that they end with; `None`: A700H.
    pub limit_status: Option<u16>,
    /// How much may be seen in a time. Only permits.
    pub budget: Option<Budget>,
    /// It holds only for who asks for emergency access, for so many seconds. Only permits.
    pub break_glass: Option<u32>,
    /// What is stored by it is sealed. Only permits, only `store`.
    pub seal: bool,
    /// What becomes of sealed objects that it shows. Only permits, only `find`, `get`, `move`, and `store` of archives.
    pub open: Open,
}

/// The status that too many answers end with where a rule names none: refused, out of resources (PS3.4 C.4.1.1.4).
pub const LIMIT_STATUS: u16 = 0xA700;

/// How much somebody may see in a time, counted as different studies or patients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Budget {
    /// So many different ones.
    pub most: u32,
    /// What is counted.
    pub unit: Unit,
    /// Within so many seconds, sliding.
    pub window: u32,
    /// What happens when it is used up.
    pub blown: Blown,
}

/// What a budget counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Different studies, by Study Instance UID.
    Studies,
    /// Different patients, by Patient ID.
    Patients,
}

/// What happens when a budget is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Blown {
    /// The peer, or the person where there is one, is let do nothing until released.
    #[default]
    Quarantine,
    /// What goes beyond is refused until time has passed.
    Refuse,
}

/// Whether a rule permits or denies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Permits what it names.
    #[default]
    Permit,
    /// Denies what it names, whatever permits it.
    Deny,
}

/// Whom a rule is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// `peer:CT1`
    Peer(Arc<str>),
    /// `group:modality`
    Group(Arc<str>),
    /// `role:referrer`
    Role(Arc<str>),
    /// `user:mueller`
    User(Arc<str>),
    /// `archive:PACS`, for what an archive sends unasked.
    Archive(Arc<str>),
    /// `anyone`: any identified peer.
    Anyone,
}

/// Where a retrieve may send to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Destination {
    /// The requesting peer's own titles.
    Own,
    /// A named peer or archive (its name, or one of its titles).
    Named(Arc<str>),
}

/// A daily span of local time; `from > until` spans midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hours {
    /// First minute of the day, 0 to 1439.
    pub from: u16,
    /// First minute after the span, 1 to 1440.
    pub until: u16,
}

/// One `[[test]]` of a policy file.
#[derive(Debug, Clone, Hash)]
pub struct PolicyTest {
    /// Its name.
    pub name: String,
    /// Line in `policy.toml`, from 1.
    pub line: u32,
    /// Who asks.
    pub asker: Asker,
    /// The address it comes from; default: one of its networks.
    pub from: Option<IpAddr>,
    /// What it wants.
    pub wants: Operation,
    /// Which archive, default: the only one; for an archive that sends, the receiver.
    pub to: Option<String>,
    /// SOP class, where it matters.
    pub sop_class: Option<Uid>,
    /// Modality, where it matters.
    pub modality: Option<String>,
    /// Transfer syntax, where it matters.
    pub transfer_syntax: Option<Uid>,
    /// Move destination, where it matters.
    pub destination: Option<AeTitle>,
    /// The person who asks, if one does.
    pub person: Option<Person>,
    /// Level of a query or retrieve, where it matters.
    pub level: Option<Level>,
    /// Attributes that a query asks a value of, where they matter.
    pub keys: Vec<Tag>,
    /// Time of the request, local; default: Wednesday noon.
    pub at: Option<jiff::civil::DateTime>,
    /// What must come out.
    pub expect: Expectation,
    /// Whether what is stored must be sealed; default: no matter.
    pub seal: Option<bool>,
    /// What must become of sealed objects; default: no matter.
    pub open: Option<Open>,
    /// The rule that must decide; default: any.
    pub rule: Option<String>,
}

/// Who asks in a test or question.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Asker {
    /// A peer, by name or title; a title that nobody has is a stranger's.
    Peer(String),
    /// An archive that sends unasked, by its `ae_title`.
    Archive(String),
}

/// The person who asks in a test or question.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Person {
    /// Their name; `None`: somebody whom no rule names.
    pub name: Option<String>,
    /// Their roles.
    pub roles: Vec<String>,
    /// `{user.x}`, by the name of the attribute; with `claim.` before it, `{claim.x}`.
    pub attributes: BTreeMap<String, Vec<String>>,
    /// They ask for emergency access.
    pub emergency: bool,
}

/// What a test expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Expectation {
    /// A rule permits.
    Permit,
    /// Denied, by a rule or for want of one, or because the peer is not who it says.
    Deny,
}

impl Hours {
    /// Whether a minute of the day, 0 to 1439, lies within.
    pub const fn contain(self, minute: u16) -> bool {
        if self.from <= self.until {
            self.from <= minute && minute < self.until
        } else {
            self.from <= minute || minute < self.until
        }
    }
}

/// The address of a peer that receives, once resolved.
pub type PeerAddress = SocketAddr;
