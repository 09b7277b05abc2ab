//! `gateway.toml` as written.

use super::address::AdminAddress;
use super::users::RawUsers;
use super::vault::{RawVault, RewritesWord};
use super::words::{CallingWord, Date, Name};
use super::{List, raw_table};
use crate::config::limits::RawLimits;
use crate::config::settings::{
    ArchiveTls, Correlate, CrlCheck, CrlExpired, DatabaseUrl, Endpoint, ListenerTls, Serves, Sync,
};
use crate::config::units::{Count, Size, Span};
use crate::config::vault::{Carrier, Resend, Verify};
use crate::dicom::AeTitle;
use crate::dicom::dimse::Operation;
use crate::policy::model::CertificatePattern;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

raw_table! {
    /// The wiring of a dicomgate: edited once.
    pub struct RawGatewayFile in "gateway.toml" {
        /// Who this gateway is.
        pub gateway!("[gateway]"): RawGateway,
        /// The gateway's own certificate and whom it trusts.
        pub tls: RawTls,
        /// Ports that the gateway listens on.
        pub listen!("[[listen]]"): List<RawListen>,
        /// Systems behind the gateway: PACS, RIS, VNA, printer.
        pub archive!("[[archive]]"): List<RawArchive>,
        /// Who may do what.
        pub policy!("[policy]"): RawPolicy,
        /// Where people are known.
        pub users: RawUsers,
        /// What the archives keep is sealed.
        pub vault: RawVault,
        /// The audit log.
        pub audit: RawAudit,
        /// Health, readiness and metrics.
        pub admin: RawAdmin,
        /// How much, how many, how deep, how long.
        pub limits: RawLimits,
    }
    later {
        "web" => "will open the HTTPS front for browsers | leave the table out: DICOM alone is served",
    }
}

raw_table! {
    /// Who this gateway is.
    pub struct RawGateway in "[gateway]" {
        /// Its name in records and metrics: 1 to 32 letters, digits, `-`, `_`, `.`.
        pub name!("\"gate-1\""): Name,
        /// The folder of everything that the gateway keeps: the audit log, for one.
        pub state!("\"state\""): PathBuf,
        /// PostgreSQL that replicas share: postgres://USER@HOST/NAME. Default: what one gateway needs lies in `state`.
        pub database: DatabaseUrl,
        /// A file that holds this URL, in place of `database`: for a URL with a password.
        pub database_file: PathBuf,
        /// PEM file: the CA that vouches for the database.
        pub database_ca: PathBuf,
        /// The file of the key that all replicas seal their rows with: 64 hexadecimal digits.
        pub state_key: PathBuf,
    }
}

raw_table! {
    /// The gateway's own certificate and whom it trusts.
    pub struct RawTls in "[tls]" {
        /// PEM file: the gateway's certificate, then what links it to its CA.
        pub certificate!("\"certs/gateway.crt\""): PathBuf,
        /// PEM file: the key of that certificate. Nobody but the gateway's user may read it.
        pub private_key!("\"certs/gateway.key\""): PathBuf,
        /// PEM file: the CAs that vouch for peers.
        pub client_ca: PathBuf,
        /// Revocation lists, PEM or DER.
        pub crl: PathBuf,
        /// How much of a chain is looked up in the revocation list. Default leaf.
        pub crl_check: CrlCheck,
        /// What happens when the revocation list expires while the gateway runs. Default warn.
        pub crl_expired: CrlExpired,
    }
}

raw_table! {
    /// A port that the gateway listens on.
    pub struct RawListen in "[[listen]]" {
        /// Its name in records and metrics; unique.
        pub name!("\"outside\""): Name,
        /// IP address and port to listen on.
        pub address!("\"0.0.0.0:2762\""): SocketAddr,
        /// What TLS asks of callers: a client certificate (mutual), none (server), no TLS at all (off). Default mutual.
        pub tls: ListenerTls,
        /// Whom it serves: devices outside (peers) or systems behind the gateway that call back (archive). Default peers.
        pub serves: Serves,
        /// With serves = "archive": whatever title is called here, it is for this one.
        pub destination: AeTitle,
        /// Networks that connections may come from. Default: anywhere.
        pub network: List<IpNet>,
        /// Load balancers in front of it: they must send a PROXY header, and nobody else may connect.
        pub proxy_protocol: List<IpNet>,
    }
}

raw_table! {
    /// A system behind the gateway.
    pub struct RawArchive in "[[archive]]" {
        /// Its AE title; rules name it by this.
        pub ae_title!("\"PACS\""): AeTitle,
        /// Host and port.
        pub address!("\"127.0.0.1:4242\""): Endpoint,
        /// Called titles that reach it. Default: its own title.
        pub answers_to: List<AeTitle>,
        /// Titles that it uses when it calls. Default: its own title.
        pub calls_as: List<AeTitle>,
        /// The calling title that it sees: the peer's own ("peer") or always this one. Default peer.
        pub calling: CallingWord,
        /// Operations that go here when several archives answer to the same title. Default: all.
        pub operations as "for": List<Operation>,
        /// Associations that it can bear at once; one of them is kept for reading back, where stores are read back or compared. Default: as many as `[limits]` allows.
        pub max_associations: Count,
        /// How many of these are kept free for callers that store. Default 0.
        pub reserved_for_store: Count,
        /// How long a connection may take to open: from 100ms to 60s. Default 5s.
        pub connect_timeout: Span,
        /// How long it may take to answer a message: from 1s to 24h. Default: `dimse` of `[limits]`.
        pub response_timeout: Span,
        /// Local IP address that connections to it come from.
        pub bind_address: IpAddr,
        /// What protects the way to it: nothing (off) or TLS with certificates on both sides (mutual). Default off.
        pub tls: ArchiveTls,
        /// With mutual TLS, there or at an inside listener, what its certificate must show: a DNS name, "cn:...", "sha256:..." or "any". Default: the host of `address`.
        pub certificate: CertificatePattern,
        /// With mutual TLS, PEM file: the CAs that vouch for it. Default: `client_ca`.
        pub trust: PathBuf,
        /// How its deliveries are tied to the C-MOVE that asked for them: by Move Originator (originator), by a title for each requester (destination), or one move at a time (serial). Default originator.
        pub correlate: Correlate,
        /// How long after its final response deliveries may come: from 1m to 48h. Default: all come before it.
        pub deliveries_may_lag: Span,
        /// Networks that it calls from. Default: those of the inside listener.
        pub calls_from: List<IpNet>,
        /// true if it is a dicomgate itself: incident ids are shared with it. Default false.
        pub gateway: bool,
        /// What carries seals there: pixels or attributes. Default: `carrier` of `[vault]`.
        pub carrier: Carrier,
        /// What is read back from it before success is answered: none, sample or all. Default none.
        pub verify_after_store: Verify,
        /// What becomes of an object that is sent again: it is sealed afresh and stored (pass), or compared with what the archive has and not stored again if it is the same (compare). Default pass.
        pub resend: Resend,
        /// What it rewrites in objects: ["sop"] if it gives them SOP Instance UIDs of its own.
        pub rewrites: List<RewritesWord>,
        /// true: nobody reads from it but through the gateway. Nothing is sealed for it otherwise.
        pub all_readers as "all_readers_pass_the_gateway": bool,
        /// How many objects a minute `vault seal-archive` seals there at most. Default 60.
        pub seal_rate: Count,
    }
}

raw_table! {
    /// Who may do what.
    pub struct RawPolicy in "[policy]" {
        /// The policy file.
        pub file!("\"config/policy.toml\""): PathBuf,
        /// Until then what no rule permits is recorded instead of refused, for identified peers; at most 30 days ahead.
        pub observe_until: Date,
        /// A changed policy that would refuse more of the recorded operations than this is not taken at a reload until `dicomgate policy apply --yes`. Default: every sound policy is taken.
        pub confirm_above: Count,
        /// How far back operations are looked at for it: from 1h to 90d. Default 7d.
        pub confirm_replay: Span,
        /// How long looking at them may take, from 1s to 10m; a policy that could not be held against all of them waits, too. Default 60s.
        pub confirm_within: Span,
    }
}

raw_table! {
    /// The audit log.
    pub struct RawAudit in "[audit]" {
        /// When records are forced to disk: in groups of 50 ms (group) or before each answer (each). Default group.
        pub sync: Sync,
        /// When a new file is begun: from 1MiB to 16GiB. Default 64MiB.
        pub file_size: Size,
    }
}

raw_table! {
    /// Health, readiness and metrics.
    pub struct RawAdmin in "[admin]" {
        /// IP address and port, or "off". Default 127.0.0.1:9464.
        pub address: AdminAddress,
    }
}
