//! From a certificate to the plain facts that policy and records speak of.

use super::load;
use crate::policy::{Anchor, CertificateFacts};
use std::sync::Arc;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::public_key::PublicKey;

/// The most DNS names read from one certificate.
pub const MAX_NAMES: usize = 64;
/// The most characters of a subject in records and messages.
pub const MAX_SUBJECT: usize = 256;

/// Our own certificates and their ends, for metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateStatus {
    /// Subject, printable.
    pub subject: String,
    /// DNS names and addresses it is for, printable.
    pub names: Vec<String>,
    /// Serial number, upper case hexadecimal.
    pub serial: String,
    /// First second of validity, seconds since 1970.
    pub not_before: i64,
    /// Last second of validity, seconds since 1970.
    pub not_after: i64,
}

/// A certificate, taken apart once.
pub(crate) struct Parsed<'a> {
    pub(crate) x509: X509Certificate<'a>,
    pub(crate) spki: [u8; 32],
    pub(crate) subject: String,
    pub(crate) issuer: String,
}

impl<'a> Parsed<'a> {
    pub(crate) fn new(der: &'a [u8]) -> Result<Self, String> {
        let x509 = load::parse(der)?;
        let spki = sha256(x509.public_key().raw);
        let subject = printable(&x509.subject().to_string());
        let issuer = printable(&x509.issuer().to_string());
        Ok(Self { x509, spki, subject, issuer })
    }

    pub(crate) fn facts(&self, anchor: Anchor) -> CertificateFacts {
        CertificateFacts {
            dns: self.dns().map(Arc::from).collect(),
            common_name: self.common_name().map(Arc::from),
            spki: self.spki,
            anchor,
            subject: self.subject.clone(),
            serial: self.serial(),
            not_after: self.x509.validity().not_after.timestamp(),
        }
    }

    /// DNS names among the subject alternative names, lower case; what is no host name is left out.
    fn dns(&self) -> impl Iterator<Item = String> {
        self.alternative_names().filter_map(|name| match name {
            GeneralName::DNSName(name) if is_host(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        })
    }

    fn alternative_names(&self) -> impl Iterator<Item = &GeneralName<'_>> {
        let extension = self.x509.subject_alternative_name().ok().flatten();
        extension.into_iter().flat_map(|found| found.value.general_names.iter()).take(MAX_NAMES)
    }

    /// The subject's common name. None if there are several: nobody could say which one binds.
    fn common_name(&self) -> Option<String> {
        let mut names = self.x509.subject().iter_common_name();
        let name = names.next()?.as_str().ok()?;
        let plain = !name.is_empty() && name.len() <= MAX_SUBJECT && !name.chars().any(char::is_control);
        (plain && names.next().is_none()).then(|| name.to_owned())
    }

    pub(crate) fn serial(&self) -> String {
        hex(self.x509.raw_serial()).to_ascii_uppercase().chars().take(64).collect()
    }

    /// Bits of an RSA key; other kinds have one strength only.
    pub(crate) fn rsa_bits(&self) -> Option<usize> {
        match self.x509.public_key().parsed() {
            Ok(PublicKey::RSA(key)) => Some(key.key_size()),
            _ => None,
        }
    }

    pub(crate) fn status(&self) -> CertificateStatus {
        let names = self.alternative_names().filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(printable(&name.to_ascii_lowercase())),
            GeneralName::IPAddress(bytes) => address(bytes),
            _ => None,
        });
        CertificateStatus {
            subject: self.subject.clone(),
            names: names.collect(),
            serial: self.serial(),
            not_before: self.x509.validity().not_before.timestamp(),
            not_after: self.x509.validity().not_after.timestamp(),
        }
    }
}

/// What a certificate in DER says about itself, unchecked.
pub fn status(der: &[u8]) -> Result<CertificateStatus, String> {
    Ok(Parsed::new(der)?.status())
}

/// The facts of a certificate in DER as if its key were pinned: nothing is checked.
pub fn unchecked(der: &[u8]) -> Result<CertificateFacts, String> {
    Ok(Parsed::new(der)?.facts(Anchor::Pinned))
}

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut digest = [0; 32];
    digest.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
    digest
}

/// Lower case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Text from a certificate, fit for logs and records: no control or formatting characters, capped.
pub(crate) fn printable(text: &str) -> String {
    let fit = |c: char| if c.is_ascii_graphic() || c == ' ' || c.is_alphanumeric() { c } else { '?' };
    text.chars().take(MAX_SUBJECT).map(fit).map(|c| if c == '`' { '\'' } else { c }).collect()
}

fn is_host(name: &str) -> bool {
    let fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'*');
    (1..=253).contains(&name.len()) && name.bytes().all(fit)
}

fn address(bytes: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|raw| std::net::Ipv4Addr::from(raw).to_string());
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(|raw| std::net::Ipv6Addr::from(raw).to_string())).ok()
}
