//! Escrow: certificates for which every segment is sealed besides the ring, and the private keys that open them on the
//! day when the ring is gone.
//!
//! A certificate is a name and a public key here; whether it has expired or who issued it matters to nobody: what was
//! sealed for it must open for as long as somebody has its key.

mod key;

pub use key::{EscrowKey, EscrowKeyFault};

use super::cms::{Recipient, RecipientId};
use super::der::{self, SEQUENCE};
use super::suite::agreement::{Curve, originate};
use super::suite::wrap::{WRAPPED, wrap};
use super::suite::{Key256, Random, sha256, transport};
use super::{SealFault, der::INTEGER};
use aws_lc_rs::agreement::{self, ParsedPublicKey};
use aws_lc_rs::rsa::{OaepPublicEncryptingKey, PublicEncryptingKey};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use std::fmt::Write as _;
use std::sync::Arc;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;

/// The most characters of a subject in a description.
const LONGEST_SUBJECT: usize = 100;
/// Key identifiers that are longer are not used.
const LONGEST_KEY_ID: usize = 64;
/// The longest certificate that is read, in bytes.
const LONGEST_CERTIFICATE: usize = 64 * 1024;
/// The longest name and serial number that a segment has room for, in bytes.
const LONGEST_NAME: usize = 2000;
const RSA_ENCRYPTION: &str = "1.2.840.113549.1.1.1";
const EC_PUBLIC_KEY: &str = "1.2.840.10045.2.1";
const P256: &str = "1.2.840.10045.3.1.7";
const P384: &str = "1.3.132.0.34";

/// A certificate that every segment is sealed for: RSA of at least 2,048 bits, or EC P-256 or P-384.
#[derive(Debug, Clone)]
pub struct Escrow {
    description: String,
    fingerprint: [u8; 32],
    /// SubjectPublicKeyInfo.
    spki: Vec<u8>,
    name: Name,
    key: Key,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Name {
    SubjectKey(Vec<u8>),
    /// DER of IssuerAndSerialNumber.
    IssuerAndSerial(Vec<u8>),
}

#[derive(Debug, Clone)]
enum Key {
    Rsa(Arc<OaepPublicEncryptingKey>),
    Ec(Curve, Vec<u8>),
}

/// Why a certificate cannot be used for escrow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EscrowFault {
    /// No X.509 certificate in DER.
    #[error("it is no X.509 certificate in DER")]
    NoCertificate,
    /// RSA, but too short or too long.
    #[error("its RSA key has {0} bits: escrow takes 2,048 to 8,192")]
    RsaBits(usize),
    /// Another curve or another kind of key.
    #[error("its key is of kind `{0}`: escrow takes RSA, and EC on P-256 or P-384")]
    Kind(String),
    /// The key is damaged.
    #[error("its public key is damaged, or not written as an uncompressed point")]
    Key,
    /// Issuer and serial number are too long.
    #[error("it has no subject key identifier, and its issuer's name is too long to be used instead")]
    Name,
}

impl Escrow {
    /// Out of a certificate in DER.
    ///
    /// # Errors
    /// It is none, or its key is none that escrow takes.
    pub fn from_der(certificate: &[u8]) -> Result<Self, EscrowFault> {
        if certificate.len() > LONGEST_CERTIFICATE {
            return Err(EscrowFault::NoCertificate);
        }
        let (rest, parsed) = X509Certificate::from_der(certificate).map_err(|_| EscrowFault::NoCertificate)?;
        if !rest.is_empty() {
            return Err(EscrowFault::NoCertificate);
        }
        let (key, kind) = public_key(&parsed)?;
        let name = name(&parsed).ok_or(EscrowFault::Name)?;
        let fingerprint = sha256(certificate);
        let subject: String =
            parsed.subject().to_string().chars().filter(|c| !c.is_control()).take(LONGEST_SUBJECT).collect();
        let mut description = format!("{kind}, {subject}, sha256 ");
        for byte in fingerprint.iter().take(8) {
            // Writing to a string cannot fail.
            let _ = write!(description, "{byte:02x}");
        }
        Ok(Self { description, fingerprint, spki: parsed.public_key().raw.to_vec(), name, key })
    }

    /// For people: kind of key, subject, beginning of the fingerprint.
    pub fn describe(&self) -> &str {
        &self.description
    }

    /// SHA-256 of the certificate.
    pub const fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }

    /// Whether the holder of the private key signed this message: RSA-PSS with SHA-256, ECDSA with SHA-256 on P-256 and
    /// with SHA-384 on P-384.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let algorithm: &'static dyn VerificationAlgorithm = match self.key {
            Key::Rsa(_) => &RSA_PSS_2048_8192_SHA256,
            Key::Ec(Curve::P256, _) => &ECDSA_P256_SHA256_ASN1,
            Key::Ec(Curve::P384, _) => &ECDSA_P384_SHA384_ASN1,
        };
        UnparsedPublicKey::new(algorithm, &self.spki).verify(message, signature).is_ok()
    }

    /// Whether both would be named alike in a segment, or have one key.
    pub(super) fn same_recipient(&self, other: &Self) -> bool {
        self.name == other.name || self.spki == other.spki
    }

    /// DER of the RecipientInfo that gives this certificate's holder a content key.
    pub(super) fn recipient(&self, key: &Key256, random: &dyn Random) -> Result<Vec<u8>, SealFault> {
        match &self.key {
            Key::Rsa(to) => {
                let mut encrypted = Vec::with_capacity(to.ciphertext_size());
                transport::encrypt(to, key, &mut encrypted)?;
                Ok(Recipient::Transport { to: self.name.id(), encrypted: &encrypted }.encode())
            }
            Key::Ec(curve, theirs) => {
                let (point, with) = originate(*curve, theirs, random)?;
                let wrapped = wrap(&with, key)?;
                let to = self.name.id();
                Ok(Recipient::Agreement { to, curve: *curve, point: &point, wrapped: &wrapped }.encode())
            }
        }
    }

    /// The length of that, which is always the same.
    pub(super) fn recipient_length(&self) -> usize {
        let to = self.name.id();
        let encoded = match &self.key {
            Key::Rsa(key) => Recipient::Transport { to, encrypted: &vec![0; key.ciphertext_size()] }.encode(),
            Key::Ec(curve, point) => Recipient::Agreement { to, curve: *curve, point, wrapped: &[0; WRAPPED] }.encode(),
        };
        encoded.len()
    }
}

impl Name {
    fn id(&self) -> RecipientId<'_> {
        match self {
            Self::SubjectKey(key) => RecipientId::SubjectKey(key),
            Self::IssuerAndSerial(name) => RecipientId::IssuerAndSerial(name),
        }
    }
}

fn name(parsed: &X509Certificate<'_>) -> Option<Name> {
    let key = parsed.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::SubjectKeyIdentifier(key) => Some(key.0),
        _ => None,
    });
    if let Some(key) = key.filter(|key| (1..=LONGEST_KEY_ID).contains(&key.len())) {
        return Some(Name::SubjectKey(key.to_vec()));
    }
    let serial = der::around(INTEGER, &[parsed.raw_serial()]);
    let name = der::around(SEQUENCE, &[parsed.issuer().as_raw(), &serial]);
    (name.len() <= LONGEST_NAME).then_some(Name::IssuerAndSerial(name))
}

fn public_key(parsed: &X509Certificate<'_>) -> Result<(Key, String), EscrowFault> {
    let spki = parsed.public_key();
    let kind = spki.algorithm.algorithm.to_id_string();
    match (kind.as_str(), spki.parsed()) {
        (RSA_ENCRYPTION, Ok(PublicKey::RSA(rsa))) => {
            let bits = rsa.key_size();
            if !(2048..=8192).contains(&bits) {
                return Err(EscrowFault::RsaBits(bits));
            }
            let key = PublicEncryptingKey::from_der(spki.raw).map_err(|_| EscrowFault::Key)?;
            let key = OaepPublicEncryptingKey::new(key).map_err(|_| EscrowFault::Key)?;
            Ok((Key::Rsa(Arc::new(key)), format!("RSA {bits}")))
        }
        (EC_PUBLIC_KEY, Ok(PublicKey::EC(point))) => {
            let named = spki.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
            let (curve, words) = match named.map(|oid| oid.to_id_string()).as_deref() {
                Some(P256) => (Curve::P256, "EC P-256"),
                Some(P384) => (Curve::P384, "EC P-384"),
                other => return Err(EscrowFault::Kind(format!("EC {}", other.unwrap_or("without a named curve")))),
            };
            // A point that is none of its curve would fail at every seal.
            let point = point.data();
            let unparsed = agreement::UnparsedPublicKey::new(curve.algorithm(), point);
            let sound = point.len() == curve.point() && point.first() == Some(&4);
            if !sound || ParsedPublicKey::try_from(unparsed).is_err() {
                return Err(EscrowFault::Key);
            }
            Ok((Key::Ec(curve, point.to_vec()), words.to_owned()))
        }
        (RSA_ENCRYPTION | EC_PUBLIC_KEY, _) => Err(EscrowFault::Key),
        _ => Err(EscrowFault::Kind(kind)),
    }
}

#[cfg(test)]
pub(super) mod tests;
