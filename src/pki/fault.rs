//! What can be wrong with files and with certificates, in words for people.

use rustls::{CertificateError, OtherError};
use std::path::PathBuf;
use std::sync::Arc;

/// Why key material cannot be used; names the file and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PkiFault {
    /// The file cannot be read.
    #[error("`{}` cannot be read: {reason}", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The file holds nothing of the kind, or something broken.
    #[error("`{}` holds no usable {wanted}: {reason}", .file.display())]
    Content {
        /// The file.
        file: PathBuf,
        /// What was looked for.
        wanted: &'static str,
        /// What was found instead, or what to do.
        reason: String,
    },
    /// Certificate and key do not belong together.
    #[error("the key in `{}` does not belong to the first certificate in `{}`: name the pair that was issued together",
        .key.display(), .certificate.display())]
    KeyMismatch {
        /// The certificate file.
        certificate: PathBuf,
        /// The key file.
        key: PathBuf,
    },
    /// The certificates are not in the order leaf, its issuer, its issuer's issuer.
    #[error("`{}`: certificate {position} did not issue the one before it: put the gateway's own certificate first, \
        then its issuer, and so on", .file.display())]
    ChainOrder {
        /// The certificate file.
        file: PathBuf,
        /// Which certificate, from 1.
        position: usize,
    },
    /// A mutual listener without anything to check a client certificate against.
    #[error("no client certificate can be accepted: name a `client_ca` in [tls], or pin the keys of peers (`sha256:`)")]
    NothingToTrust,
    /// rustls does not take the configuration.
    #[error("the TLS configuration cannot be used: {0}")]
    Configuration(String),
}

/// Why a certificate is refused. Subjects are printable and capped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFault {
    /// None was shown.
    #[error(
        "no certificate shown: give the device a certificate (`dicomgate certs issue`) and switch on that it shows it"
    )]
    Missing,
    /// Not DER, or not a certificate.
    #[error("what was shown is no readable certificate: {0}")]
    Malformed(String),
    /// More certificates than anybody needs.
    #[error("{0} certificates shown, at most {limit} are read", limit = super::verifier::MAX_CHAIN)]
    TooMany(usize),
    /// An X.509 version 1 certificate whose key nobody pinned.
    #[error(
        "X.509 version 1 certificate of `{subject}`: it carries no names to check; pin its key with \
        `certificate = \"sha256:..\"` (`dicomgate certs show` prints it), or issue a new one"
    )]
    VersionOne {
        /// Whose.
        subject: String,
    },
    /// Past its validity.
    #[error("certificate of `{subject}` expired {}: issue a new one with `dicomgate certs issue`", day(*.not_after))]
    Expired {
        /// Whose.
        subject: String,
        /// Last second of validity, seconds since 1970.
        not_after: i64,
    },
    /// A certificate above it is past its validity.
    #[error("an issuer above the certificate of `{subject}` expired {}: renew that CA certificate", day(*.not_after))]
    IssuerExpired {
        /// Whose.
        subject: String,
        /// Last second of validity, seconds since 1970.
        not_after: i64,
    },
    /// Before its validity.
    #[error("certificate of `{subject}` is not valid before {}: is a clock wrong?", day(*.not_before))]
    NotYetValid {
        /// Whose.
        subject: String,
        /// First second of validity, seconds since 1970.
        not_before: i64,
    },
    /// It, or an issuer above it, stands in the revocation list.
    #[error(
        "certificate of `{subject}`, serial {serial}, or one above it is revoked: if that is wrong, issue a new one"
    )]
    Revoked {
        /// Whose.
        subject: String,
        /// Serial of the certificate shown, hexadecimal.
        serial: String,
    },
    /// A revocation list is configured, but none from this issuer.
    #[error(
        "nothing says whether the certificate of `{subject}` is revoked: `crl` has no list signed by `{issuer}`, add it"
    )]
    RevocationUnknown {
        /// Whose.
        subject: String,
        /// Its issuer.
        issuer: String,
    },
    /// The revocation list is too old, and `crl_expired = "refuse"`.
    #[error("the revocation list ended {}: fetch the current one (own CA: `dicomgate certs revoke --refresh`)",
        day(*.next_update))]
    RevocationListExpired {
        /// When a newer list was due, seconds since 1970.
        next_update: i64,
    },
    /// The revocation list cannot be used.
    #[error("the revocation list cannot be used: {0}")]
    RevocationList(String),
    /// No path to a CA that is trusted.
    #[error(
        "certificate of `{subject}` is signed by a CA we do not know: {issuer}; issue one with your own CA, or put that \
        CA into `client_ca` or into the peer's `trust`"
    )]
    UnknownIssuer {
        /// Whose.
        subject: String,
        /// Its issuer.
        issuer: String,
    },
    /// Extended key usage forbids this use.
    #[error(
        "certificate of `{subject}` may not be used for this: its extended key usage lacks {needed}; issue it anew with it"
    )]
    WrongPurpose {
        /// Whose.
        subject: String,
        /// What it lacks.
        needed: &'static str,
    },
    /// SHA-1, MD5 or something else that is too weak or unknown.
    #[error(
        "certificate of `{subject}` or one above it is signed with {algorithm}, which is not accepted: issue a new \
        one with SHA-256 or better, or pin its key with `sha256:`"
    )]
    WeakSignature {
        /// Whose.
        subject: String,
        /// Name or OID of the algorithm.
        algorithm: String,
    },
    /// RSA under 2048 bits.
    #[error("the key of `{subject}` has {bits} bits, RSA keys need 2048: make a new key")]
    WeakKey {
        /// Whose.
        subject: String,
        /// Its length.
        bits: usize,
    },
    /// The server's certificate is not the one expected.
    #[error(
        "certificate of `{subject}` is not the one expected: wanted {wanted}; `certificate` of the [[archive]] or [[peer]] \
        says what it must show"
    )]
    WrongName {
        /// Whose.
        subject: String,
        /// What was wanted.
        wanted: String,
    },
    /// Anything else that path validation finds.
    #[error("certificate of `{subject}` does not validate: {reason}")]
    Invalid {
        /// Whose.
        subject: String,
        /// What is wrong.
        reason: String,
    },
}

impl CertificateFault {
    /// A word for metrics and records, from a closed list.
    pub const fn short(&self) -> &'static str {
        match self {
            Self::Missing => "no_certificate",
            Self::Malformed(_) | Self::TooMany(_) => "malformed_certificate",
            Self::VersionOne { .. } => "version_1",
            Self::Expired { .. } => "expired",
            Self::IssuerExpired { .. } => "issuer_expired",
            Self::NotYetValid { .. } => "not_yet_valid",
            Self::Revoked { .. } => "revoked",
            Self::RevocationUnknown { .. } | Self::RevocationList(_) => "revocation_unknown",
            Self::RevocationListExpired { .. } => "crl_expired",
            Self::UnknownIssuer { .. } => "unknown_issuer",
            Self::WrongPurpose { .. } => "wrong_purpose",
            Self::WeakSignature { .. } | Self::WeakKey { .. } => "weak_certificate",
            Self::WrongName { .. } => "wrong_name",
            Self::Invalid { .. } => "invalid_certificate",
        }
    }

    /// The rustls error whose alert tells the other side as much as RFC 8446 6.2 has words for.
    pub fn to_rustls(&self) -> rustls::Error {
        let error = match self {
            Self::Missing => return rustls::Error::NoCertificatesPresented,
            Self::Expired { .. } | Self::IssuerExpired { .. } => CertificateError::Expired,
            Self::NotYetValid { .. } => CertificateError::NotValidYet,
            Self::Revoked { .. } => CertificateError::Revoked,
            Self::RevocationUnknown { .. } | Self::RevocationList(_) => CertificateError::UnknownRevocationStatus,
            Self::RevocationListExpired { .. } => CertificateError::ExpiredRevocationList,
            Self::UnknownIssuer { .. } => CertificateError::UnknownIssuer,
            Self::WrongPurpose { .. } => CertificateError::InvalidPurpose,
            // RFC 8446 4.4.2.4 asks for bad_certificate where the hash is too weak
            Self::Malformed(_) | Self::TooMany(_) | Self::WeakSignature { .. } | Self::WeakKey { .. } => {
                CertificateError::BadEncoding
            }
            Self::WrongName { .. } => CertificateError::NotValidForName,
            Self::VersionOne { .. } | Self::Invalid { .. } => {
                CertificateError::Other(OtherError(Arc::new(self.clone())))
            }
        };
        rustls::Error::InvalidCertificate(error)
    }
}

/// A day in UTC, for people.
pub(crate) fn day(unix: i64) -> String {
    jiff::Timestamp::from_second(unix).map_or_else(|_| format!("@{unix}"), |time| time.strftime("%Y-%m-%d").to_string())
}
