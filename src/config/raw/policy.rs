//! `policy.toml` as written.

use super::narrow::{AttributeWord, BlownWord, BudgetWord, Glass, LevelWord, PersonTable, StatusWord, WhereTable};
use super::subject::{SopClass, StudyUid, ToleranceWord, TransferSyntax};
use super::vault::{OpenWord, SharedWord};
use super::words::{At, EffectWord, ExpectWord, ModalityWord, PeerTlsWord, Weekday, Word};
use super::{List, raw_table};
use crate::config::settings::Endpoint;
use crate::config::units::Count;
use crate::dicom::AeTitle;
use crate::dicom::dimse::Operation;
use crate::policy::model::{CertificatePattern, CommitReport, Destination, Hours, Subject};
use ipnet::IpNet;
use std::net::IpAddr;
use std::path::PathBuf;

raw_table! {
    /// Who may do what: edited often, reloaded live.
    pub struct RawPolicyFile in "policy.toml" {
        /// A CSV file of further peers.
        pub peers_file: PathBuf,
        /// Devices and partner systems.
        pub peer: List<RawPeer>,
        /// What they may do.
        pub rule: List<RawRule>,
        /// Patients and studies that exist nowhere: who asks for one is quarantined.
        pub canary: List<RawCanary>,
        /// What must come out: run by `policy test`, `check`, at every reload and in CI.
        pub test: List<RawTest>,
    }
}

raw_table! {
    /// A device or partner system.
    pub struct RawPeer in "[[peer]]" {
        /// The titles it calls with.
        pub ae_titles!("[\"CT1\"]"): List<AeTitle>,
        /// How rules and records call it. Default: its first title.
        pub name: Word,
        /// For people.
        pub description: String,
        /// What its certificate must show: a DNS name, "cn:...", "sha256:..." (pins the key) or "any".
        pub certificate: CertificatePattern,
        /// Where it may call from. Default: anywhere.
        pub network: List<IpNet>,
        /// Host and port, if it receives.
        pub address: Endpoint,
        /// Groups that rules name.
        pub groups: List<Word>,
        /// "off" for a device that cannot do TLS.
        pub tls: PeerTlsWord,
        /// PEM file: the CA that vouches for it, in place of `client_ca`.
        pub trust: PathBuf,
        /// PEM file: the certificate that the gateway shows to it; its key lies beside it, ending in `.key`.
        pub present: PathBuf,
        /// What the strict parsers let pass for it.
        pub tolerate: List<ToleranceWord>,
        /// Where its storage commitment reports go: only to the association that asked (same), only to `address` (new), or whichever is there (either). Default either.
        pub commit_report: CommitReport,
        /// true for a dicomgate in front of a device: its incident ids are taken over.
        pub edge: bool,
        /// Titles that it also may call with: a person who does asks for emergency access.
        pub emergency_titles: List<AeTitle>,
        /// true: it may name its user without proof (user identity type 1); its certificate vouches for them.
        pub username_only: bool,
        /// "shared": it holds the keys of this vault, such as a second archive, and may be handed sealed objects.
        pub vault: SharedWord,
    }
}

raw_table! {
    /// What somebody may do, or may not.
    pub struct RawRule in "[[rule]]" {
        /// Its name in records and answers; unique.
        pub name!("\"modalities store\""): Word,
        /// Whom it is for, any of: peer:NAME, group:NAME, role:NAME, user:NAME, archive:TITLE, anyone.
        pub who!("[\"group:modality\"]"): List<Subject>,
        /// AND the device they sit at, any of.
        pub via: List<Subject>,
        /// Archives that it is about; with `archive:` in `who`, the peers (by name or title) and archives that it sends to.
        pub to!("[\"PACS\"]"): List<Word>,
        /// Operations that it is about.
        pub may!("[\"echo\", \"store\"]"): List<Operation>,
        /// "permit", or "deny" that beats every permit. Default permit.
        pub effect: EffectWord,
        /// Only these SOP classes, by UID. Default: all.
        pub sop_classes: List<SopClass>,
        /// Only objects of these modalities (0008,0060). Default: all.
        pub modalities: List<ModalityWord>,
        /// Only objects in these transfer syntaxes, by UID or keyword. Default: all.
        pub transfer_syntaxes: List<TransferSyntax>,
        /// Only within these hours of local time. Default: always.
        pub hours: Hours,
        /// Only on these days of local time. Default: all.
        pub days: List<Weekday>,
        /// Where retrieves may send to: peers, archives, "self". Default: nowhere.
        pub destinations: List<Destination>,
        /// Only answers and studies whose attributes are these: keyword (or path through sequences) = value, or a list of values any of which will do.
        pub narrow as "where": WhereTable,
        /// Only studies of patients of whom some study has these attributes.
        pub where_patient: WhereTable,
        /// Attributes that answers do not show.
        pub hide: List<AttributeWord>,
        /// true: they are taken out of retrieved objects, too. This is not de-identification. Default false.
        pub hide_in_objects: bool,
        /// Queries must ask a value of one of these.
        pub require_key: List<AttributeWord>,
        /// Only queries and retrieves of these levels. Default: all.
        pub levels: List<LevelWord>,
        /// Answers to one query end after so many.
        pub max_results: Count,
        /// The status that they end with. Default A700.
        pub limit_status: StatusWord,
        /// How many different studies or patients may be seen in a time: "100 studies/hour".
        pub budget: BudgetWord,
        /// What happens to who asks for more: "quarantine" until released, or "refuse". Default quarantine.
        pub on_budget: BlownWord,
        /// true (an hour), or a time: it holds only for persons who ask for emergency access, and raises an alert.
        pub break_glass: Glass,
        /// true: what is stored by it is sealed. Default false.
        pub seal: bool,
        /// true: sealed objects are opened for whom it permits; "sealed": they are handed out as they are, to who shares the vault. Default false: they are refused.
        pub open: OpenWord,
    }
}

raw_table! {
    /// A patient or study that exists nowhere: who asks for it, or is shown it, is quarantined.
    pub struct RawCanary in "[[canary]]" {
        /// Its name in records and alerts; unique.
        pub name!("\"nobody\""): Word,
        /// Its Patient ID (0010,0020).
        pub patient_id: Word,
        /// Its Study Instance UID (0020,000D).
        pub study: StudyUid,
    }
}

raw_table! {
    /// A question to the policy, and the answer that must come out.
    pub struct RawTest in "[[test]]" {
        /// Its name.
        pub name!("\"a stranger gets nothing\""): Word,
        /// The peer that asks, by name or title; or else `archive`.
        pub peer: Word,
        /// The archive that sends unasked, in place of `peer`.
        pub archive: Word,
        /// The address it comes from. Default: the first of its networks.
        pub from: IpAddr,
        /// What it wants.
        pub wants!("\"find\""): Operation,
        /// The archive that it asks. Default: the only one. With `archive`, the peer or archive that receives.
        pub to: Word,
        /// SOP class, by UID.
        pub sop_class: SopClass,
        /// Modality of the object.
        pub modality: ModalityWord,
        /// Transfer syntax, by UID or keyword.
        pub transfer_syntax: TransferSyntax,
        /// Where a retrieve is to send to.
        pub destination: AeTitle,
        /// The person who asks from there. Default, where `roles` or `attributes` are given: somebody whom no rule names.
        pub user: Word,
        /// The person's roles.
        pub roles: List<Word>,
        /// What `{user.x}` stands for, by x; `{claim.x}` by "claim.x".
        pub attributes: PersonTable,
        /// true: the person asks for emergency access.
        pub emergency: bool,
        /// The level of the query or retrieve.
        pub level: LevelWord,
        /// Attributes that the query asks a value of.
        pub keys: List<AttributeWord>,
        /// Local date and time of the request. Default: Wednesday noon.
        pub at: At,
        /// "permit" or "deny".
        pub expect!("\"deny\""): ExpectWord,
        /// The rule that must decide.
        pub rule: Word,
        /// Whether what is stored must be sealed.
        pub seal: bool,
        /// What must become of sealed objects: true, false or "sealed".
        pub open: OpenWord,
    }
}
