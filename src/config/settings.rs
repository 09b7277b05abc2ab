//! What the rest of the house sees of the configuration: typed, complete, checked.

use super::{ArchiveVault, Fault, Limits, Users, Vault};
use crate::dicom::AeTitle;
use crate::dicom::dimse::Operation;
use crate::policy::model::{CertificatePattern, PolicyModel};
use ipnet::IpNet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Both files, validated. Every path in it is ready to open (relative ones were joined to the installation's root).
#[derive(Debug, Clone)]
pub struct Settings {
    /// `[gateway]`
    pub gateway: Gateway,
    /// `[tls]`; `None` only where nothing speaks TLS.
    pub tls: Option<Tls>,
    /// `[[listen]]`, in the order of the file; never empty.
    pub listeners: Vec<Listener>,
    /// `[[archive]]`, in the order of the file; never empty.
    pub archives: Vec<Archive>,
    /// `policy.toml`, the imported peers, the archives' names and `observe_until`.
    pub policy: PolicyModel,
    /// `[users]`; `None`: nobody is known by name, and a user identity is refused.
    pub users: Option<Users>,
    /// When a changed policy waits for confirmation.
    pub confirm: Confirm,
    /// `[vault]`; `None`: nothing is sealed, and nothing can be opened.
    pub vault: Option<Vault>,
    /// `[limits]`
    pub limits: Limits,
    /// `[audit]`
    pub audit: Audit,
    /// `[admin]`
    pub admin: Admin,
    /// Where all this was read from, and what was noticed on the way.
    pub source: Source,
}

/// `[gateway]`
#[derive(Debug, Clone)]
pub struct Gateway {
    /// The gateway's name in records and metrics: 1 to 32 letters, digits, `-`, `_`, `.`.
    pub name: Arc<str>,
    /// The folder of everything that the gateway keeps.
    pub state: PathBuf,
    /// The database that replicas share; `None`: this gateway keeps its state in a file of its own.
    pub database: Option<Database>,
}

/// A PostgreSQL that replicas share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// Where it is and who we are there.
    pub url: DatabaseUrl,
    /// Whether TLS must be spoken with it, its certificate verified; only loopback and local sockets go without.
    pub tls: bool,
    /// PEM certificates that vouch for it; always there with `tls`.
    pub ca: Option<PathBuf>,
    /// The file of the key that all replicas seal their rows with.
    pub state_key: PathBuf,
}

/// `postgres://USER:PASSWORD@HOST:PORT/NAME`. It never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    pub(super) const fn new(url: String) -> Self {
        Self(url)
    }

    /// The URL itself, for the one who connects. It may hold a password.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://...")
    }
}

/// `[tls]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// PEM chain that the gateway shows, leaf first.
    pub certificate: PathBuf,
    /// PEM key of its leaf.
    pub private_key: PathBuf,
    /// PEM certificates that vouch for peers; always there with a mutual listener.
    pub client_ca: Option<PathBuf>,
    /// Revocation list (PEM or DER).
    pub crl: Option<PathBuf>,
    /// How much of a chain is looked up in it.
    pub crl_check: CrlCheck,
    /// What an expired list means while running.
    pub crl_expired: CrlExpired,
}

/// How much of a certificate chain is looked up in the revocation list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CrlCheck {
    /// The peer's own certificate.
    #[default]
    Leaf,
    /// The whole chain.
    Chain,
}

/// What happens when the revocation list expires while the gateway runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CrlExpired {
    /// Work goes on, loudly; what is on the list stays revoked.
    #[default]
    Warn,
    /// No certificate is accepted until there is a fresh list.
    Refuse,
}

/// `[[listen]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Its name in records and metrics; unique.
    pub name: Arc<str>,
    /// Where it listens.
    pub address: SocketAddr,
    /// What TLS asks of callers.
    pub tls: ListenerTls,
    /// Whom it serves.
    pub serves: Serves,
    /// With `serves = "archive"`: whatever title an archive calls here, it is for this one.
    pub destination: Option<AeTitle>,
    /// Where connections may come from; empty: anywhere.
    pub networks: Vec<IpNet>,
    /// Balancers that must send a PROXY header; empty: nobody may. A connection from elsewhere is closed.
    pub proxy_protocol: Vec<IpNet>,
}

/// What TLS asks of the callers of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ListenerTls {
    /// A client certificate.
    #[default]
    Mutual,
    /// TLS, no client certificate.
    Server,
    /// No TLS.
    Off,
}

/// Whom a listener serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Serves {
    /// Devices and workstations outside.
    #[default]
    Peers,
    /// Archives that call back: deliveries, commitment reports.
    Archive,
}

/// `[[archive]]`: a system behind the gateway.
#[derive(Debug, Clone)]
pub struct Archive {
    /// Its title, by which rules name it, and the called title of the gateway's associations to it.
    pub ae_title: AeTitle,
    /// Where it listens.
    pub address: Endpoint,
    /// Called titles that reach it; its own alone by default. Never empty.
    pub answers_to: Vec<AeTitle>,
    /// Titles that it uses when it calls; its own alone by default. Never empty.
    pub calls_as: Vec<AeTitle>,
    /// The calling title that the archive sees.
    pub calling: Calling,
    /// Operations that go here when several archives answer to the called title; empty: all.
    pub operations: Vec<Operation>,
    /// Associations that it can bear at once; `None`: as many as `[limits]` allows.
    pub max_associations: Option<u32>,
    /// How many of these are kept free for associations that may store; less than `max_associations`.
    pub reserved_for_store: u32,
    /// How long a connection may take to open.
    pub connect_timeout: Duration,
    /// How long the archive may take to answer a message.
    pub response_timeout: Duration,
    /// Local address that connections to it come from.
    pub bind_address: Option<IpAddr>,
    /// What protects the way to it.
    pub tls: ArchiveTls,
    /// What its certificate must show with `tls = "mutual"`; default: the host of `address` as DNS name.
    pub certificate: Option<CertificatePattern>,
    /// PEM certificates that vouch for it with `tls = "mutual"`; default: `client_ca`.
    pub trust: Option<PathBuf>,
    /// How its deliveries are tied to the C-MOVE that asked for them.
    pub correlate: Correlate,
    /// How long after its final response deliveries may come; `None`: all come before it.
    pub deliveries_may_lag: Option<Duration>,
    /// Networks that it calls from; empty: wherever the inside listener lets it.
    pub calls_from: Vec<IpNet>,
    /// It is a dicomgate itself: it is told the incident ids of associations, and its own are taken over.
    pub gateway: bool,
    /// What of it belongs to the vault.
    pub vault: ArchiveVault,
}

/// How deliveries of an archive are tied to the C-MOVE that asked for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Correlate {
    /// By Move Originator (0000,1030) and (0000,1031), which the archive sets.
    #[default]
    Originator,
    /// By the called title: the archive is told a title of the requester as destination.
    Destination,
    /// By time: one move at a time for each archive and destination.
    Serial,
}

/// The calling title that an archive sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Calling {
    /// The peer's own.
    #[default]
    Peer,
    /// Always this one.
    Title(AeTitle),
}

/// What protects the way to an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ArchiveTls {
    /// Nothing.
    #[default]
    Off,
    /// TLS, both sides with certificates.
    Mutual,
}

/// A host (address or DNS name) and port to dial.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// IP address without brackets, or DNS name.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// `[audit]`; the records lie in `state/audit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// When records are forced to disk.
    pub sync: Sync,
    /// Bytes after which a new file is begun.
    pub file_size: u64,
}

/// When audit records are forced to disk (they are always written before the answer).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sync {
    /// In groups, 50 ms at most after they were written.
    #[default]
    Group,
    /// Before each answer.
    Each,
}

/// `[admin]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// Where `/health`, `/ready` and `/metrics` are; `None` with `address = "off"`.
    pub address: Option<SocketAddr>,
}

/// Where settings were read from.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// `gateway.toml`
    pub gateway: PathBuf,
    /// `policy.toml`
    pub policy: PathBuf,
    /// The installation's root, where relative paths begin.
    pub root: PathBuf,
    /// Every file that the settings depend on, keys and certificates included.
    pub files: Vec<PathBuf>,
    /// What is allowed but worth a look.
    pub warnings: Vec<Fault>,
    /// What the policy was read from, word for word.
    pub texts: PolicyTexts,
}

/// The files of a policy, word for word.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyTexts {
    /// `policy.toml`
    pub policy: Arc<str>,
    /// The peers file.
    pub peers: Option<Arc<str>>,
}

impl PolicyTexts {
    pub(super) fn new(policy: &str, peers: Option<&str>) -> Self {
        Self { policy: policy.into(), peers: peers.map(Into::into) }
    }

    /// SHA-256 over both, in hexadecimal digits: which policy it is, whatever its files are called.
    pub fn digest(&self) -> String {
        use std::fmt::Write as _;
        let mut digest = ring::digest::Context::new(&ring::digest::SHA256);
        digest.update(&self.policy.len().to_be_bytes());
        digest.update(self.policy.as_bytes());
        digest.update(self.peers.as_deref().unwrap_or_default().as_bytes());
        digest.finish().as_ref().iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

/// What a changed policy is held against before it is taken at a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirm {
    /// It waits for confirmation if it would refuse more recorded operations than this; `None`: it never waits.
    pub above: Option<u64>,
    /// How far back operations are looked at.
    pub replay: Duration,
    /// How long looking at them may take; a policy that could not be held against all of them waits, too.
    pub within: Duration,
}
