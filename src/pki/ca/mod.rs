//! A small CA for hospitals that have none for their devices: ECDSA P-256, files in one folder, nothing to run.
//!
//! The folder holds `ca.crt`, `ca.key` (0600), `ca.crl`, `issued.jsonl` (what was issued and revoked) and the
//! certificates and keys issued. Everything is written whole or not at all; a lock keeps two commands apart.

use super::load;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, SerialNumber,
};
use ring::rand::SecureRandom;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

mod files;
mod index;
mod revoke;

pub use index::Issued;
pub use revoke::{Reason, Which};

/// Days of a CA certificate.
pub const CA_DAYS: u32 = 3652;
/// Days of a certificate, at most and by default: two years, as IHE ATNA recommends.
pub const LEAF_DAYS: u32 = 730;
/// Days until a revocation list is due again.
pub const CRL_DAYS: u32 = 365;
/// Seconds that certificates begin before now: clocks of devices run late.
const BACKDATED: i64 = 3600;
const DAY: i64 = 86_400;

/// Why the CA could not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaFault {
    /// A file is there already.
    #[error("`{}` is there already and is not overwritten: {advice}", .file.display())]
    Exists {
        /// The file.
        file: PathBuf,
        /// What to do instead.
        advice: &'static str,
    },
    /// A file cannot be written.
    #[error("`{}` cannot be written: {reason}", .file.display())]
    Unwritable {
        /// The file.
        file: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// Something in the folder cannot be read.
    #[error("{0}; `dicomgate certs new-ca` makes a CA")]
    Unusable(#[from] super::PkiFault),
    /// The list of what was issued is broken.
    #[error("`{}`, line {line}, cannot be read: restore it from a backup, or revoked certificates come back to life",
        .file.display())]
    Index {
        /// The file.
        file: PathBuf,
        /// From 1.
        line: usize,
    },
    /// A name that cannot become a file name, or a certificate field.
    #[error("`{0}` cannot be used: {1}")]
    Name(String, &'static str),
    /// More days than allowed, or none.
    #[error("{0} days: a certificate is issued for 1 to {LEAF_DAYS} days")]
    Days(u32),
    /// The CA itself has ended, or will before the certificate would begin.
    #[error("the CA ended {}: make a new one in another folder and issue anew", super::fault::day(*.0))]
    CaEnded(i64),
    /// Nothing in the index fits.
    #[error("nothing to revoke: no valid certificate was issued for {0}; `issued.jsonl` lists them")]
    NothingToRevoke(String),
    /// The cryptography failed.
    #[error("the certificate could not be made: {0}")]
    Crypto(String),
}

impl From<rcgen::Error> for CaFault {
    fn from(fault: rcgen::Error) -> Self {
        Self::Crypto(fault.to_string())
    }
}

/// What to put into a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Common name, and name of the files: letters, digits, `.`, `_`, `-`, at most 64.
    pub name: String,
    /// DNS names; policies know a peer by one of them.
    pub dns: Vec<String>,
    /// IP addresses, for callers that dial by address.
    pub ip: Vec<IpAddr>,
    /// Whether it may be shown by a server too (the gateway, and devices that receive); clients always may.
    pub server: bool,
    /// Days of validity, 1 to [`LEAF_DAYS`].
    pub days: u32,
    /// Whether files of the same name are replaced: renewing. The old certificate stays valid until it is revoked.
    pub renew: bool,
}

/// What was issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The certificate, PEM.
    pub certificate: PathBuf,
    /// Its key, PEM (PKCS#8), 0600.
    pub key: PathBuf,
    /// Last second of validity, seconds since 1970.
    pub not_after: i64,
}

/// A CA in its folder, open for work.
pub struct Ca {
    dir: PathBuf,
    issuer: Issuer<'static, KeyPair>,
    not_after: i64,
    _lock: files::Lock,
}

/// Makes a CA in a folder, which is created if need be: certificate, key and an empty revocation list. `now`: seconds
/// since 1970, as everywhere here.
pub fn new_ca(dir: &Path, name: &str, now: i64) -> Result<Files, CaFault> {
    let fits = !name.trim().is_empty() && name.len() <= 64 && !name.chars().any(char::is_control);
    if !fits {
        return Err(CaFault::Name(name.to_owned(), "a CA has a name of 1 to 64 characters"));
    }
    let lock = files::Lock::take(dir)?;
    let (certificate, key) = (dir.join("ca.crt"), dir.join("ca.key"));
    let advice = "a CA cannot be replaced without issuing everything anew; choose another folder";
    files::must_be_new(&certificate, advice)?;
    files::must_be_new(&key, advice)?;
    let pair = KeyPair::generate()?;
    let not_after = now + i64::from(CA_DAYS) * DAY;
    let mut params = params(name, now, not_after)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let signed = params.self_signed(&pair)?;
    files::create(&key, pair.serialize_pem().as_bytes(), files::SECRET, advice)?;
    files::create(&certificate, signed.pem().as_bytes(), files::PUBLIC, advice)?;
    let ca = Ca { dir: dir.to_path_buf(), issuer: Issuer::new(params, pair), not_after, _lock: lock };
    ca.write_list(&[], now)?;
    Ok(Files { certificate, key, not_after })
}

impl Ca {
    /// Opens the CA of a folder; waits while another command works there.
    pub fn open(dir: &Path) -> Result<Self, CaFault> {
        let lock = files::Lock::take(dir)?;
        let (certificate, key) = (dir.join("ca.crt"), dir.join("ca.key"));
        let chain = load::authorities(&certificate)?;
        let der = chain.first().ok_or_else(|| load::content(&certificate, "CA certificate", "it is empty"))?;
        let status =
            super::facts::status(der).map_err(|reason| load::content(&certificate, "CA certificate", reason))?;
        let pair = KeyPair::try_from(&load::private_key(&key)?)?;
        if !owns(der, &pair) {
            return Err(super::PkiFault::KeyMismatch { certificate, key }.into());
        }
        let issuer = Issuer::from_ca_cert_der(der, pair)?;
        Ok(Self { dir: dir.to_path_buf(), issuer, not_after: status.not_after, _lock: lock })
    }

    /// Issues a certificate with a new key.
    pub fn issue(&self, order: &Order, now: i64) -> Result<Files, CaFault> {
        check_name(&order.name)?;
        if order.days == 0 || order.days > LEAF_DAYS {
            return Err(CaFault::Days(order.days));
        }
        if self.not_after <= now {
            return Err(CaFault::CaEnded(self.not_after));
        }
        let file = |ending: &str| self.dir.join(format!("{}.{ending}", order.name));
        let (certificate, key) = (file("crt"), file("key"));
        let advice = "revoke it first if it is lost, then say `--renew`";
        if !order.renew {
            files::must_be_new(&certificate, advice)?;
            files::must_be_new(&key, advice)?;
        }
        let not_after = (now + i64::from(order.days) * DAY).min(self.not_after);
        let mut params = params(&order.name, now, not_after)?;
        for name in &order.dns {
            let name = name.to_ascii_lowercase();
            rustls_pki_types::DnsName::try_from(name.as_str())
                .map_err(|_| CaFault::Name(name.clone(), "it is not a DNS name"))?;
            params.subject_alt_names.push(SanType::DnsName(name.try_into()?));
        }
        params.subject_alt_names.extend(order.ip.iter().copied().map(SanType::IpAddress));
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        if order.server {
            params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
        }
        let serial = params.serial_number.as_ref().map(SerialNumber::to_bytes).unwrap_or_default();
        let pair = KeyPair::generate()?;
        let signed = params.signed_by(&pair, &self.issuer)?;
        // The index first: a certificate that nobody can revoke must not exist.
        let issued = Issued::new(&order.name, &serial, now, not_after);
        self.append(&issued)?;
        let write = if order.renew {
            files::replace
        } else {
            |file: &Path, bytes: &[u8], mode| files::create(file, bytes, mode, "it appeared meanwhile")
        };
        write(&key, pair.serialize_pem().as_bytes(), files::SECRET)?;
        write(&certificate, signed.pem().as_bytes(), files::PUBLIC)?;
        Ok(Files { certificate, key, not_after })
    }
}

/// What every certificate has: subject, validity, a random serial of 127 bits.
fn params(name: &str, now: i64, not_after: i64) -> Result<CertificateParams, CaFault> {
    let mut params = CertificateParams::default();
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    params.distinguished_name = subject;
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + since_epoch(now - BACKDATED);
    params.not_after = epoch + since_epoch(not_after);
    let mut serial = [0u8; 16];
    ring::rand::SystemRandom::new().fill(&mut serial).map_err(|_| CaFault::Crypto("no random numbers".into()))?;
    // positive and of one length: the first byte is 40H to 7FH
    if let Some(first) = serial.first_mut() {
        *first = (*first & 0x3f) | 0x40;
    }
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// Seconds since 1970 as rcgen's times take them; before 1970 counts as 1970, and the year 9999 is the last.
fn since_epoch(unix: i64) -> Duration {
    Duration::from_secs(u64::try_from(unix.clamp(0, 253_402_300_799)).unwrap_or(0))
}

fn check_name(name: &str) -> Result<(), CaFault> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if name.is_empty() || name.len() > 64 || !name.bytes().all(fits) || name.starts_with(['.', '-']) {
        return Err(CaFault::Name(
            name.to_owned(),
            "a name has 1 to 64 letters, digits, `.`, `_`, `-`, a letter or digit first",
        ));
    }
    if name.eq_ignore_ascii_case("ca") {
        return Err(CaFault::Name(name.to_owned(), "these files are the CA's own"));
    }
    Ok(())
}

fn owns(der: &[u8], pair: &KeyPair) -> bool {
    use rcgen::PublicKeyData;
    load::parse(der).is_ok_and(|parsed| parsed.public_key().raw == pair.subject_public_key_info())
}
