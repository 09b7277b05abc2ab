//! What is worth a record. Everything is borrowed: recording copies once.

mod encode;

use crate::audit::body::Body;
use crate::audit::commitment::CommitmentNote;
use crate::audit::round::RoundNote;
use crate::audit::tripwire::{EmergencyNote, QuarantineNote};
use crate::audit::vault::{NotOpenedNote, VaultNote};
use crate::dicom::dataset::Level;
use crate::dicom::dimse::Operation;
use crate::dicom::{Phi, Tag};
use crate::policy::{Denial, User};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// One connection, and the association on it. Unique within a chain: the sequence of the record with which this run of
/// the gateway opened the log, and a number within that run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AssociationId {
    /// Sequence number of the record that opened the log for this run.
    pub run: u64,
    /// Number within the run, from 1.
    pub number: u64,
}

impl std::fmt::Display for AssociationId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.run, self.number)
    }
}

/// Why a connection or an association was refused: one word for records and metric labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// A limit on connections or associations.
    Limit,
    /// The PROXY header: missing, malformed, or from somewhere that may not send one.
    Proxy,
    /// The TLS handshake failed.
    Tls,
    /// A session was resumed with a certificate that is no longer accepted.
    Revoked,
    /// Certificate, address and title do not belong together, or are unknown.
    Identity,
    /// A user identity (58H) that the gateway cannot check.
    UserIdentity,
    /// No rule permits, or a rule denies.
    Policy,
    /// Bytes that are no DICOM, or out of turn.
    Malformed,
    /// Nothing of what was proposed is left.
    Negotiation,
    /// The archive does not answer, or refused.
    ArchiveAway,
    /// The destination of a delivery does not answer, or refused.
    DestinationAway,
    /// What the gateways keep in common cannot be reached.
    State,
    /// The archive's associations are all taken.
    ArchiveFull,
    /// The gateway is stopping.
    Draining,
    /// The command and the data set name different objects.
    Mismatch,
    /// The peer or person is in quarantine.
    Quarantine,
    /// What is wrong with a sealed object, or that it may not be opened.
    Vault,
    /// It could not be recorded.
    Unrecorded,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 18] = [
        Self::Limit,
        Self::Proxy,
        Self::Tls,
        Self::Revoked,
        Self::Identity,
        Self::UserIdentity,
        Self::Policy,
        Self::Malformed,
        Self::Negotiation,
        Self::ArchiveAway,
        Self::DestinationAway,
        Self::State,
        Self::ArchiveFull,
        Self::Draining,
        Self::Mismatch,
        Self::Quarantine,
        Self::Vault,
        Self::Unrecorded,
    ];

    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Proxy => "proxy-header",
            Self::Tls => "tls",
            Self::Revoked => "revoked",
            Self::Identity => "identity",
            Self::UserIdentity => "user-identity",
            Self::Policy => "policy",
            Self::Malformed => "malformed",
            Self::Negotiation => "negotiation",
            Self::ArchiveAway => "archive-away",
            Self::DestinationAway => "destination-away",
            Self::State => "state",
            Self::ArchiveFull => "archive-full",
            Self::Draining => "draining",
            Self::Mismatch => "mismatch",
            Self::Quarantine => "quarantine",
            Self::Vault => "vault",
            Self::Unrecorded => "unrecorded",
        }
    }
}

/// Who is at the other end, as far as it is known yet. Titles are the bytes of the PDU field, checked or not.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// Its connection.
    pub association: AssociationId,
    /// Name of the listener it came to.
    pub listener: &'a str,
    /// Its address, the PROXY header already undone.
    pub from: SocketAddr,
    /// The title it calls with.
    pub calling: Option<&'a [u8]>,
    /// The title it calls.
    pub called: Option<&'a [u8]>,
    /// The peer it was identified as.
    pub peer: Option<&'a str>,
    /// What was agreed on for TLS.
    pub tls: Option<TlsNote<'a>>,
    /// The certificate it showed, accepted or not.
    pub certificate: Option<CertificateNote<'a>>,
    /// The gateway that it goes on for, from a peer that may say so.
    pub edge: Option<EdgeNote<'a>>,
    /// The person, once somebody has vouched for them.
    pub user: Option<&'a User>,
    /// The name of a person that was tried in vain, if it may be shown, or what tells it from others.
    pub tried: Option<&'a str>,
}

/// The association of another gateway that this one goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EdgeNote<'a> {
    /// That gateway's name.
    pub gateway: &'a str,
    /// The incident id of the record with which it opened the association there.
    pub incident: &'a str,
}

/// TLS as negotiated, in the names of the registries: `1.3`, `TLS13_AES_256_GCM_SHA384`, `X25519MLKEM768`.
#[derive(Debug, Clone, Copy)]
pub struct TlsNote<'a> {
    /// Version.
    pub version: &'a str,
    /// Cipher suite.
    pub suite: &'a str,
    /// Key exchange group.
    pub group: &'a str,
    /// Resumed from an earlier session.
    pub resumed: bool,
}

/// A certificate, for people.
#[derive(Debug, Clone, Copy)]
pub struct CertificateNote<'a> {
    /// Subject.
    pub subject: &'a str,
    /// Serial number, hexadecimal.
    pub serial: &'a str,
}

/// Refusals of one kind from one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted<'a> {
    /// Name of the listener.
    pub listener: &'a str,
    /// The address; `None`: of many addresses that are not told apart.
    pub from: Option<IpAddr>,
    /// Why, in one word.
    pub cause: Cause,
    /// How many.
    pub count: u64,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum Event<'a> {
    /// The gateway took up work.
    Started {
        /// Version of the program.
        version: &'a str,
        /// Names of the listeners and addresses, for people.
        listeners: &'a [String],
    },
    /// The gateway stopped in good order.
    Stopped {
        /// What made it stop: `signal`, `error`.
        reason: &'a str,
    },
    /// A new configuration, policy or certificate serves from now on.
    Reloaded {
        /// What changed, in words.
        changes: &'a [String],
    },
    /// A new configuration was refused; the old one goes on.
    ReloadRefused {
        /// The faults, in words.
        faults: &'a [String],
    },
    /// A connection ended before it became an association.
    ConnectionRefused {
        /// Who.
        caller: Caller<'a>,
        /// Why, in one word.
        cause: Cause,
        /// Why, in words.
        words: &'a str,
    },
    /// More strangers were refused than are recorded one by one; here they are counted.
    RefusalsSummed {
        /// How long it took them to come.
        span: Duration,
        /// How many, by listener, address and cause.
        counted: &'a [Counted<'a>],
    },
    /// An association was rejected.
    AssociationRefused {
        /// Who.
        caller: Caller<'a>,
        /// Which archive, once known.
        to: Option<&'a str>,
        /// Why, in one word.
        cause: Cause,
        /// Why, in words.
        words: &'a str,
        /// What the policy said, where it was asked.
        denial: Option<&'a Denial>,
    },
    /// An association was admitted; the archive is dialled next.
    AssociationOpened {
        /// Who.
        caller: Caller<'a>,
        /// Which archive.
        to: &'a str,
        /// Presentation contexts that policy keeps, by SOP class.
        kept: &'a [String],
        /// Presentation contexts that policy takes away, by SOP class, and why.
        removed: &'a [String],
        /// It gets an incident id, which a gateway behind this one is told.
        numbered: bool,
    },
    /// One of several systems that an association needs could not be had; the association goes on without it.
    SystemMissed {
        /// The fields that say who.
        who: &'a Body,
        /// Which system.
        to: &'a str,
        /// Why, in one word.
        cause: Cause,
        /// Why, in words.
        words: &'a str,
    },
    /// Bytes that break the protocol.
    Malformed {
        /// The fields that say who, encoded once for the association.
        who: &'a Body,
        /// Where: which PDU, command or element.
        place: &'a str,
        /// What is wrong.
        words: &'a str,
    },
    /// The command and the data set disagree about the object.
    Mismatch {
        /// The fields that say who.
        who: &'a Body,
        /// What was asked.
        asked: &'a Asked<'a>,
        /// What differs, in words without the values.
        words: &'a str,
    },
    /// An operation was denied.
    Denied {
        /// The fields that say who.
        who: &'a Body,
        /// What was asked.
        asked: &'a Asked<'a>,
        /// What the policy said.
        denial: &'a Denial,
    },
    /// A live association was ended: policy, certificates or quarantine changed.
    PolicyEnded {
        /// The fields that say who.
        who: &'a Body,
        /// Why, in one word.
        cause: Cause,
        /// What changed, in words.
        words: &'a str,
    },
    /// A live association was ended: access of its person is over.
    SessionOver {
        /// The fields that say who.
        who: &'a Body,
    },
    /// A peer or person may do nothing any more.
    Quarantined(QuarantineNote<'a>),
    /// A peer or person may do again what rules permit.
    QuarantineReleased(QuarantineNote<'a>),
    /// A rule that breaks the glass is used.
    Emergency(EmergencyNote<'a>),
    /// What became of a report of storage commitment.
    Commitment(CommitmentNote<'a>),
    /// Something is wrong with an object of the vault.
    VaultAlert(VaultNote<'a>),
    /// A sealed object was not opened for whoever asked.
    NotOpened(NotOpenedNote<'a>),
    /// An object that must be sealed could not be: it was refused.
    NotSealed(NotOpenedNote<'a>),
    /// A command seals what an archive holds already.
    Round(&'a RoundNote),
}

/// What was asked.
#[derive(Debug, Clone)]
pub struct Asked<'a> {
    /// The operation.
    pub operation: Operation,
    /// Which archive.
    pub to: &'a str,
    /// Message id of the command.
    pub message: u16,
    /// SOP class.
    pub sop_class: Option<&'a str>,
    /// SOP instance.
    pub instance: Option<&'a str>,
    /// Study.
    pub study: Option<&'a str>,
    /// Transfer syntax of the presentation context.
    pub transfer_syntax: Option<&'a str>,
    /// Modality.
    pub modality: Option<&'a str>,
    /// Move destination.
    pub destination: Option<&'a str>,
    /// Level of a query or retrieve.
    pub level: Option<Level>,
    /// The attributes that it asks a value of, without the values.
    pub keys: Option<&'a [Tag]>,
    /// Patient ID, as it stands in the data set.
    pub patient_id: Option<Phi<&'a [u8]>>,
    /// Patient's Name, as it stands in the data set.
    pub patient_name: Option<Phi<&'a [u8]>>,
    /// What an archive sends because somebody asked it to.
    pub delivery: Option<Delivery<'a>>,
}

/// For whom an archive sends, and whereto.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// Whoever receives it, by its name in the policy.
    pub to: &'a str,
    /// Whoever asked, by its name in the policy.
    pub requester: &'a str,
    /// The audit id of the association on which it asked.
    pub association: &'a str,
    /// Message id of its C-MOVE.
    pub message: u16,
    /// The person who asked.
    pub user: Option<&'a User>,
}
