//! `[vault]` as written, and the words of the vault in other tables.

use super::words::{Date, choices, text};
use super::{List, Read, raw_table};
use crate::config::fault::Report;
use crate::config::pkcs11::TokenUri;
use crate::config::units::{Count, Size, Span};
use crate::config::vault::{
    Carrier, CommitTrust, IdentityDrift, OpenHow, PrivateExempt, Resend, SealWhat, Unproven, Unsealable, Verify,
};
use crate::policy::Open;
use schemars::{Schema, SchemaGenerator, json_schema};
use std::path::PathBuf;
use toml::Spanned;
use toml::de::DeValue;

raw_table! {
    /// What the archives keep is sealed: no readable image lies there. Absent: nothing is sealed.
    pub struct RawVault in "[vault]" {
        /// What is sealed: what is stored by rules with `seal = true` (policy), or every object (all). Default policy.
        pub seal: SealWhat,
        /// Where the keys are: a folder of key files, "env:NAME", or "pkcs11:..." (RFC 7512).
        pub keys!("\"state/keys\""): KeysWord,
        /// With keys = "env:..." or "pkcs11:...", the folder of the manifest and of the wrapped keys. Default: `keys` below `state`.
        pub key_folder: PathBuf,
        /// Certificates that open every seal without the gateway; their private keys lie elsewhere. [] for none.
        pub escrow!("[\"certs/escrow.crt\"]"): List<PathBuf>,
        /// How much is encrypted at once: from 64KiB to 8MiB. Default 1MiB.
        pub segment: Size,
        /// Objects shorter than this are sealed whole before their first byte goes out: from 64KiB to 64MiB. Default 1MiB.
        pub hold: Size,
        /// What carries seals, unless the archive says otherwise: pixels or attributes. Default pixels.
        pub carrier: Carrier,
        /// The longest seal that travels as attributes beside an image: from 64KiB to 64MiB. Default 4MiB.
        pub attributes_max: Size,
        /// Private values longer than this are sealed: from 0B to 64KiB. Default 1KiB.
        pub private_max: Size,
        /// Private values that stay clear: a private creator, or "(0029,xx10)CREATOR".
        pub private_exempt: List<ExemptWord>,
        /// What becomes of objects that rules seal and that cannot be sealed: pass or refuse. Default pass.
        pub unsealable: Unsealable,
        /// What becomes of objects that rules seal while no good probe result is there: refuse or pass. Default refuse.
        pub unproven: Unproven,
        /// Large objects go out segment by segment (stream), or all are verified whole first (whole). Default stream.
        pub open: OpenHow,
        /// What it means that an object has come to another patient, study or order since it was sealed: record or refuse. Default record.
        pub identity_drift: IdentityDrift,
        /// Since then everything in the archives is sealed: what is younger and is not, is refused.
        pub sealed_since: Date,
        /// What storage commitment of sealed objects relies on: that each was read back since it was stored (verified), or the archive's word and the probe of it (probe). Default verified.
        pub commit_trust: CommitTrust,
        /// With verify_after_store = "sample": one object in so many is read back. Default 100.
        pub verify_sample: Count,
        /// How long a probe waits between storing and retrieving: from 0s to 7d. Default 1m.
        pub probe_age: Span,
        /// How old a probe result may become before a gateway that runs makes it again: from 1h to 365d. Default 30d.
        pub probe_every: Span,
        /// Memory of one decoding worker: from 64MiB to 64GiB. Default 1GiB.
        pub decode_memory: Size,
        /// How long one frame may take to decode: from 1s to 10m. Default 30s.
        pub decode_time: Span,
        /// How long a frame may wait until a decoding worker is free: from 1s to 10m. Default 30s.
        pub decode_wait: Span,
        /// Decoding workers at once, up to 64; 0: nothing is decoded. Default 2.
        pub decode_workers: Count,
    }
}

choices! {
    SealWhat { "policy" => SealWhat::Policy, "all" => SealWhat::All, };
    Carrier { "pixels" => Carrier::Pixels, "attributes" => Carrier::Attributes, };
    Unsealable { "pass" => Unsealable::Pass, "refuse" => Unsealable::Refuse, };
    Unproven { "refuse" => Unproven::Refuse, "pass" => Unproven::Pass, };
    OpenHow { "stream" => OpenHow::Stream, "whole" => OpenHow::Whole, };
    IdentityDrift { "record" => IdentityDrift::Record, "refuse" => IdentityDrift::Refuse, };
    CommitTrust { "verified" => CommitTrust::Verified, "probe" => CommitTrust::Probe, };
    Verify { "none" => Verify::None, "sample" => Verify::Sample, "all" => Verify::All, };
    Resend { "pass" => Resend::Pass, "compare" => Resend::Compare, };
    RewritesWord { "sop" => RewritesWord::Sop, };
    SharedWord { "shared" => SharedWord::Shared, };
}

/// What an archive rewrites.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RewritesWord {
    /// SOP Instance UIDs.
    Sop,
}

impl std::fmt::Display for RewritesWord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("sop")
    }
}

/// `vault` of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharedWord {
    /// It holds the keys of this vault.
    Shared,
}

/// `open` of a rule or test: true, false or "sealed".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenWord(pub Open);

impl Read for OpenWord {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        match (value.get_ref().as_bool(), value.get_ref().as_str()) {
            (Some(true), _) => Some(Self(Open::Opened)),
            (Some(false), _) => Some(Self(Open::No)),
            (None, Some("sealed")) => Some(Self(Open::Sealed)),
            _ => {
                report
                    .error(value.span(), format!("`{key}` must be true, false or \"sealed\""))
                    .hint("write true to have sealed objects opened, \"sealed\" for who shares the vault");
                None
            }
        }
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": [true, false, "sealed"] })
    }
}

/// `keys` of `[vault]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeysWord {
    /// A folder.
    Folder(PathBuf),
    /// The name of an environment variable.
    Environment(String),
    /// A key of a token.
    Token(Box<TokenUri>),
}

impl Read for KeysWord {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let text = text(key, "a folder, \"env:NAME\" or \"pkcs11:...\"", value, report)?;
        if let Some(name) = text.strip_prefix("env:") {
            let sound = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.is_empty() || !name.chars().all(sound) {
                report
                    .error(value.span(), "this is not the name of an environment variable")
                    .hint("write \"env:DICOMGATE_RING\"");
                return None;
            }
            return Some(Self::Environment(name.to_owned()));
        }
        if text.starts_with("pkcs11:") {
            return match TokenUri::parse(text) {
                Ok(uri) => Some(Self::Token(Box::new(uri))),
                Err(fault) => {
                    let message = format!("this URI does not name the key of a token: {fault}");
                    report.error(value.span(), message).hint(fault.hint());
                    None
                }
            };
        }
        Some(Self::Folder(text.into()))
    }
    fn schema(generator: &mut SchemaGenerator) -> Schema {
        String::schema(generator)
    }
}

/// One of `private_exempt`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExemptWord(pub PrivateExempt);

impl std::fmt::Display for ExemptWord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some((group, element)) = self.0.element {
            write!(f, "({group:04x},xx{element:02x})")?;
        }
        f.write_str(&self.0.creator)
    }
}

/// The longest private creator: VR LO (PS3.5 6.2).
const CREATOR: usize = 64;

impl Read for ExemptWord {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let written = text(key, "text such as \"SIEMENS CSA HEADER\"", value, report)?;
        let exempt = match written.strip_prefix('(') {
            None => Some(PrivateExempt { creator: written.to_owned(), element: None }),
            Some(rest) => element_of(rest),
        };
        let sound = |exempt: &PrivateExempt| {
            let creator = &exempt.creator;
            !creator.is_empty() && creator.chars().count() <= CREATOR && !creator.contains('\\')
        };
        if !exempt.as_ref().is_some_and(sound) {
            report
                .error(value.span(), format!("`{written}` does not say which private values stay clear"))
                .hint("write the private creator, or one element of it: \"(0029,xx10)SIEMENS CSA HEADER\"");
            return None;
        }
        exempt.map(Self)
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": 76 })
    }
}

/// `0029,xx10)SIEMENS CSA HEADER`: an odd group, and the element within the creator's block (PS3.5 7.8.1).
fn element_of(text: &str) -> Option<PrivateExempt> {
    let (tag, creator) = text.split_once(')')?;
    let (group, element) = tag.split_once(',')?;
    let element = element.strip_prefix("xx")?;
    let sound = |digits: &str, count| digits.len() == count && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !sound(group, 4) || !sound(element, 2) {
        return None;
    }
    let group = u16::from_str_radix(group, 16).ok().filter(|group| group % 2 == 1)?;
    let element = u8::from_str_radix(element, 16).ok()?;
    Some(PrivateExempt { creator: creator.trim().to_owned(), element: Some((group, element)) })
}
