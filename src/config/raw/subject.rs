//! The words of rules and peers: subjects, destinations, certificate patterns, hours, SOP classes.

use super::Read;
use super::address::dns_name;
use super::words::text;
use crate::config::fault::{Report, nearest};
use crate::dicom::Uid;
use crate::dicom::dimse::tolerance::Tolerance;
use crate::policy::model::{CertificatePattern, Destination, Hours, Subject};
use schemars::{Schema, SchemaGenerator, json_schema};
use toml::Spanned;
use toml::de::DeValue;

/// The kinds of subjects.
const SUBJECTS: [&str; 6] = ["peer", "group", "archive", "anyone", "role", "user"];

impl Read for Subject {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let text = text(key, "text such as \"group:modality\"", value, report)?;
        if text == "anyone" {
            return Some(Self::Anyone);
        }
        let Some((kind, name)) = text.split_once(':') else {
            let hint = match nearest(text, ["anyone"]) {
                Some(_) => "did you mean \"anyone\"?".to_owned(),
                None => format!("write \"peer:{text}\" for the one device or \"group:{text}\" for a group"),
            };
            report.error(value.span(), format!("`{text}` does not say what it is")).hint(hint);
            return None;
        };
        let name = name.trim();
        if name.is_empty() {
            report.error(value.span(), format!("`{text}` lacks the name behind `{kind}:`"));
            return None;
        }
        match kind {
            "peer" => Some(Self::Peer(name.into())),
            "group" => Some(Self::Group(name.into())),
            "archive" => Some(Self::Archive(name.into())),
            "role" => Some(Self::Role(name.into())),
            "user" => Some(Self::User(name.into())),
            _ => {
                let hint = match nearest(kind, SUBJECTS) {
                    Some(meant) => format!("did you mean \"{meant}:{name}\"?"),
                    None => "write peer:NAME, group:NAME, role:NAME, user:NAME, archive:TITLE or anyone".to_owned(),
                };
                report.error(value.span(), format!("`{kind}:` is no kind of subject")).hint(hint);
                None
            }
        }
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^((peer|group|role|user|archive):.+|anyone)$" })
    }
}

impl Read for Destination {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let text = text(key, "text such as \"self\"", value, report)?;
        match text.split_once(':') {
            _ if text == "self" => Some(Self::Own),
            Some(("peer" | "archive", name)) => {
                report.error(value.span(), format!("`{text}` is not a destination")).hint(format!("write \"{name}\""));
                None
            }
            _ => Some(Self::Named(text.into())),
        }
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1 })
    }
}

impl Read for CertificatePattern {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let text = text(key, "text such as \"ct1.hospital.example\"", value, report)?;
        match certificate(text) {
            Ok(pattern) => Some(pattern),
            Err((message, hint)) => {
                report.error(value.span(), message).hint(hint);
                None
            }
        }
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1 })
    }
}

/// Takes a certificate pattern, or says what is wrong with it and what to write.
pub(in crate::config) fn certificate(text: &str) -> Result<CertificatePattern, (String, String)> {
    if text == "any" {
        return Ok(CertificatePattern::Any);
    }
    match text.split_once(':') {
        Some(("cn", name)) if !name.trim().is_empty() => return Ok(CertificatePattern::CommonName(name.trim().into())),
        Some(("cn", _)) => {
            return Err(("`cn:` lacks the common name".to_owned(), "write \"cn:CT 1\"".to_owned()));
        }
        Some(("sha256", digest)) => {
            return spki(digest).map(CertificatePattern::Spki).ok_or_else(|| {
                let hint = "write the 64 hexadecimal digits that `dicomgate certs show FILE` prints";
                (format!("`{text}` is not the SHA-256 of a key"), hint.to_owned())
            });
        }
        Some((kind, _)) => {
            let hint = match nearest(kind, ["cn", "sha256"]) {
                Some(meant) => format!("did you mean \"{meant}:...\"?"),
                None => "write a DNS name, \"cn:...\", \"sha256:...\" or \"any\"".to_owned(),
            };
            return Err((format!("`{text}` is no certificate pattern"), hint));
        }
        None => {}
    }
    if text.contains('*') {
        let message = format!("`{text}` has a wildcard: any device of that domain would be let in");
        return Err((message, "write the one DNS name that the certificate shows".to_owned()));
    }
    match dns_name(text) {
        true => Ok(CertificatePattern::Dns(text.to_ascii_lowercase().into())),
        false => {
            let hint = format!("write a DNS name, \"cn:{text}\", \"sha256:...\" or \"any\"");
            Err((format!("`{text}` is not a DNS name"), hint))
        }
    }
}

/// 32 bytes from 64 hexadecimal digits; colons between pairs pass, as `openssl` prints them.
fn spki(digest: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = digest.bytes().filter(|byte| *byte != b':').collect();
    let mut bytes = [0; 32];
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        *byte = u8::from_str_radix(pair, 16).ok().filter(|_| pair.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
    }
    Some(bytes)
}

impl Read for Hours {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let text = text(key, "text such as \"07:00-19:00\"", value, report)?;
        let hours = text.split_once('-').and_then(|(from, until)| {
            let hours = Self { from: minute(from)?, until: minute(until)? };
            (hours.from < 1440 && hours.until > 0 && hours.from != hours.until).then_some(hours)
        });
        if hours.is_none() {
            report
                .error(value.span(), format!("`{text}` is not a span of hours"))
                .hint("write \"07:00-19:00\"; \"19:00-07:00\" spans midnight");
        }
        hours
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-2]?[0-9]:[0-5][0-9] *- *[0-2]?[0-9]:[0-5][0-9]$" })
    }
}

/// The minute of the day of "07:30", up to 24:00.
fn minute(text: &str) -> Option<u16> {
    let digits = |text: &str| (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let (hour, minute) = text.trim().split_once(':').filter(|(hour, minute)| digits(hour) && digits(minute))?;
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    (minute < 60 && hour * 60 + minute <= 1440).then_some(hour * 60 + minute)
}

/// A SOP class, by UID (PS3.6 annex A).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SopClass(pub Uid);

impl Read for SopClass {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let text = text(key, "a UID such as \"1.2.840.10008.5.1.4.1.1.2\"", value, report)?;
        uid_or_report(text, text, "SOP class", value, report).map(Self)
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": 128 })
    }
}

/// A Study Instance UID (0020,000D).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StudyUid(pub Uid);

impl Read for StudyUid {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let text = text(key, "a UID such as \"2.25.1234\"", value, report)?;
        match Uid::new(text) {
            Ok(uid) => Some(Self(uid)),
            Err(fault) => {
                report.error(value.span(), format!("`{text}` is no UID")).hint(fault.to_string());
                None
            }
        }
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": 64 })
    }
}

/// A transfer syntax, by UID or keyword (PS3.6 annex A).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferSyntax(pub Uid);

/// Keywords of the transfer syntaxes that archives meet.
const TRANSFER_SYNTAXES: [(&str, &str); 20] = [
    ("ImplicitVRLittleEndian", "1.2.840.10008.1.2"),
    ("ExplicitVRLittleEndian", "1.2.840.10008.1.2.1"),
    ("DeflatedExplicitVRLittleEndian", "1.2.840.10008.1.2.1.99"),
    ("ExplicitVRBigEndian", "1.2.840.10008.1.2.2"),
    ("JPEGBaseline8Bit", "1.2.840.10008.1.2.4.50"),
    ("JPEGExtended12Bit", "1.2.840.10008.1.2.4.51"),
    ("JPEGLossless", "1.2.840.10008.1.2.4.57"),
    ("JPEGLosslessSV1", "1.2.840.10008.1.2.4.70"),
    ("JPEGLSLossless", "1.2.840.10008.1.2.4.80"),
    ("JPEGLSNearLossless", "1.2.840.10008.1.2.4.81"),
    ("JPEG2000Lossless", "1.2.840.10008.1.2.4.90"),
    ("JPEG2000", "1.2.840.10008.1.2.4.91"),
    ("MPEG2MPML", "1.2.840.10008.1.2.4.100"),
    ("MPEG4HP41", "1.2.840.10008.1.2.4.102"),
    ("HEVCMP51", "1.2.840.10008.1.2.4.107"),
    ("HEVCM10P51", "1.2.840.10008.1.2.4.108"),
    ("HTJ2KLossless", "1.2.840.10008.1.2.4.201"),
    ("HTJ2KLosslessRPCL", "1.2.840.10008.1.2.4.202"),
    ("HTJ2K", "1.2.840.10008.1.2.4.203"),
    ("RLELossless", "1.2.840.10008.1.2.5"),
];

impl Read for TransferSyntax {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let text = text(key, "text such as \"JPEG2000Lossless\"", value, report)?;
        let uid = TRANSFER_SYNTAXES.iter().find(|(keyword, _)| *keyword == text).map_or(text, |(_, uid)| *uid);
        uid_or_report(text, uid, "transfer syntax", value, report).map(Self)
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": 128 })
    }
}

fn uid_or_report(
    text: &str,
    uid: &str,
    what: &str,
    value: &Spanned<DeValue<'_>>,
    report: &mut Report<'_>,
) -> Option<Uid> {
    match Uid::new(uid) {
        Ok(uid) => Some(uid),
        Err(fault) => {
            let digits = text.starts_with(|c: char| c.is_ascii_digit());
            let hint = match nearest(text, TRANSFER_SYNTAXES.iter().map(|(keyword, _)| *keyword)) {
                Some(meant) if what == "transfer syntax" => format!("did you mean \"{meant}\"?"),
                _ if digits => fault.to_string(),
                _ => "write its UID as in PS3.6, such as \"1.2.840.10008.5.1.4.1.1.2\"".to_owned(),
            };
            report.error(value.span(), format!("`{text}` is no {what}")).hint(hint);
            None
        }
    }
}

/// A named tolerance of the strict parsers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToleranceWord(pub String);

impl Read for ToleranceWord {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        text(key, "text such as \"group-length\"", value, report).map(|word| Self(word.to_owned()))
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": Tolerance::ALL.map(Tolerance::as_str) })
    }
}
