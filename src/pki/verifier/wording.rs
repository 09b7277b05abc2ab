//! From webpki's errors to faults that name what they are about.

use super::Use;
use crate::pki::facts::Parsed;
use crate::pki::fault::CertificateFault;
use webpki::Error;

/// What path validation found wrong with a certificate.
pub(super) fn fault(error: &Error, parsed: &Parsed<'_>, purpose: Use, now: i64) -> CertificateFault {
    let subject = parsed.subject.clone();
    let seconds = |time: &rustls_pki_types::UnixTime| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    match error {
        Error::CertExpired { not_after, .. } => {
            let own = parsed.x509.validity().not_after.timestamp();
            if own < now {
                CertificateFault::Expired { subject, not_after: own }
            } else {
                CertificateFault::IssuerExpired { subject, not_after: seconds(not_after) }
            }
        }
        Error::CertNotValidYet { not_before, .. } => {
            CertificateFault::NotYetValid { subject, not_before: seconds(not_before) }
        }
        Error::CertRevoked => CertificateFault::Revoked { subject, serial: parsed.serial() },
        Error::UnknownRevocationStatus => {
            CertificateFault::RevocationUnknown { subject, issuer: parsed.issuer.clone() }
        }
        Error::CrlExpired { next_update, .. } => {
            CertificateFault::RevocationListExpired { next_update: seconds(next_update) }
        }
        Error::IssuerNotCrlSigner => {
            CertificateFault::RevocationList("its signer's key usage does not allow to sign lists".into())
        }
        Error::InvalidCrlSignatureForPublicKey => {
            CertificateFault::RevocationList("its signature does not verify with the CA's key".into())
        }
        Error::UnsupportedCrlSignatureAlgorithmContext(_)
        | Error::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_) => {
            CertificateFault::RevocationList("it is signed with an algorithm that is not accepted".into())
        }
        Error::UnknownIssuer | Error::CaUsedAsEndEntity if parsed.issuer == parsed.subject => {
            CertificateFault::UnknownIssuer { subject, issuer: format!("{} (self-signed)", parsed.issuer) }
        }
        Error::UnknownIssuer => CertificateFault::UnknownIssuer { subject, issuer: parsed.issuer.clone() },
        Error::RequiredEkuNotFoundContext(_) => {
            let needed = match purpose {
                Use::Client => "client authentication",
                Use::Server => "server authentication",
            };
            CertificateFault::WrongPurpose { subject, needed }
        }
        Error::UnsupportedSignatureAlgorithmContext(_) | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            CertificateFault::WeakSignature { subject, algorithm: algorithm(parsed) }
        }
        // path building goes by names: another CA of the same name looks like a wrong signature
        Error::InvalidSignatureForPublicKey => {
            let issuer =
                format!("{} (or one above it; the CA of that name that we know has another key)", parsed.issuer);
            CertificateFault::UnknownIssuer { subject, issuer }
        }
        Error::UnsupportedCertVersion => CertificateFault::VersionOne { subject },
        Error::BadDer | Error::BadDerTime | Error::TrailingData(_) => {
            CertificateFault::Malformed(format!("`{subject}` is not encoded as RFC 5280 wants it"))
        }
        other => CertificateFault::Invalid { subject, reason: other.to_string() },
    }
}

/// The algorithm that the certificate is signed with, by name where it has one that people know.
fn algorithm(parsed: &Parsed<'_>) -> String {
    let oid = parsed.x509.signature_algorithm.algorithm.to_id_string();
    match oid.as_str() {
        "1.2.840.113549.1.1.4" => "MD5".into(),
        "1.2.840.113549.1.1.5" | "1.2.840.10045.4.1" | "1.2.840.10040.4.3" => "SHA-1".into(),
        _ => format!("algorithm {oid}"),
    }
}
