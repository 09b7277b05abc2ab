//! A failed handshake in words for the person who has to put it right.

use super::fault::CertificateFault;
use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

/// The most reasons that wait to be asked for.
const MAX_WAITING: usize = 1024;

/// rustls' errors have no room for names and dates, so the verifier leaves its reason here for [`explain`], under the
/// task that drives the handshake: the verifier runs inside one of its polls.
static REASONS: LazyLock<Mutex<HashMap<Driver, CertificateFault>>> = LazyLock::new(Mutex::default);

/// Who drives a handshake: a task, or outside of any a thread.
#[derive(PartialEq, Eq, Hash)]
enum Driver {
    Task(tokio::task::Id),
    Thread(std::thread::ThreadId),
}

fn driver() -> Driver {
    tokio::task::try_id().map_or_else(|| Driver::Thread(std::thread::current().id()), Driver::Task)
}

fn reasons() -> MutexGuard<'static, HashMap<Driver, CertificateFault>> {
    REASONS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why a handshake failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// A word for metrics and records, from a closed list.
    pub short: &'static str,
    /// What happened and what to do, one line.
    pub words: String,
}

impl Refused {
    fn new(short: &'static str, words: impl Into<String>) -> Self {
        Self { short, words: words.into() }
    }
}

impl From<&CertificateFault> for Refused {
    fn from(fault: &CertificateFault) -> Self {
        Self::new(fault.short(), fault.to_string())
    }
}

/// Leaves the exact reason for [`explain`] and gives the error for rustls.
pub(crate) fn refuse(fault: CertificateFault) -> Error {
    let error = fault.to_rustls();
    let mut reasons = reasons();
    if reasons.len() >= MAX_WAITING {
        reasons.clear();
    }
    reasons.insert(driver(), fault);
    error
}

/// Forgets a reason left by an earlier handshake of this task that nobody asked for.
pub(crate) fn forget() {
    reasons().remove(&driver());
}

/// Says in words why rustls gave up. Call it in the task (or, outside of any, on the thread) that drove the handshake:
/// then the words name the certificate; elsewhere they are right but less exact.
pub fn explain(error: &Error) -> Refused {
    let reason = reasons().remove(&driver());
    match error {
        Error::NoCertificatesPresented => Refused::from(&CertificateFault::Missing),
        Error::InvalidCertificate(kind) => certificate(kind, reason),
        Error::InvalidCertRevocationList(list) => {
            Refused::new("revocation_unknown", format!("the revocation list cannot be used: {list:?}"))
        }
        Error::AlertReceived(alert) => alerted(*alert),
        Error::InvalidMessage(_) => Refused::new("not_tls", "what came is not TLS: plain DICOM or HTTP on a TLS port?"),
        Error::PeerIncompatible(why) => incompatible(why),
        Error::NoApplicationProtocol => {
            Refused::new("wrong_protocol", "the ALPN offer lacks `dicom`: this port speaks DICOM, not HTTP")
        }
        Error::PeerMisbehaved(what) => {
            Refused::new("misbehaved", format!("the other side broke the TLS protocol: {what:?}"))
        }
        Error::DecryptError => Refused::new("integrity", "a TLS record failed its integrity check"),
        Error::PeerSentOversizedRecord => Refused::new("not_tls", "a TLS record is larger than TLS allows"),
        other => Refused::new("other", format!("TLS failed: {other}")),
    }
}

fn certificate(kind: &CertificateError, reason: Option<CertificateFault>) -> Refused {
    if let CertificateError::Other(other) = kind
        && let Some(fault) = other.0.downcast_ref::<CertificateFault>()
    {
        return Refused::from(fault);
    }
    if let Some(fault) = reason
        && fault.to_rustls() == Error::InvalidCertificate(kind.clone())
    {
        return Refused::from(&fault);
    }
    let (short, words) = match kind {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            ("expired", "certificate expired: issue a new one with `dicomgate certs issue`")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            ("not_yet_valid", "certificate not valid yet: is a clock wrong?")
        }
        CertificateError::Revoked => ("revoked", "certificate revoked"),
        CertificateError::UnknownIssuer => ("unknown_issuer", "certificate signed by a CA we do not know"),
        CertificateError::UnknownRevocationStatus => {
            ("revocation_unknown", "nothing says whether the certificate is revoked")
        }
        CertificateError::ExpiredRevocationList | CertificateError::ExpiredRevocationListContext { .. } => {
            ("crl_expired", "the revocation list is too old")
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            ("wrong_purpose", "certificate may not be used for this: see its extended key usage")
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            ("wrong_name", "certificate is not the one expected")
        }
        CertificateError::BadSignature => ("bad_signature", "the handshake or a certificate is wrongly signed"),
        _ => ("invalid_certificate", "certificate does not validate"),
    };
    Refused::new(short, words)
}

fn incompatible(why: &PeerIncompatible) -> Refused {
    match why {
        PeerIncompatible::SupportedVersionsExtensionRequired
        | PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled
        | PeerIncompatible::Tls13RequiredForQuic
        | PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        // what tells TLS 1.2 from what was before it: rustls looks for this first
        | PeerIncompatible::SignatureAlgorithmsExtensionRequired => Refused::new(
            "old_tls",
            "the other side offers nothing newer than TLS 1.1: update it, or put it behind an edge gateway",
        ),
        PeerIncompatible::NoCipherSuitesInCommon => Refused::new(
            "no_common_cipher",
            "no cipher suite in common: the other side needs ECDHE with AES-GCM (BCP 195)",
        ),
        PeerIncompatible::NoKxGroupsInCommon | PeerIncompatible::NamedGroupsExtensionRequired => Refused::new(
            "no_common_group",
            "no key exchange group in common: the other side needs X25519, P-256 or P-384",
        ),
        PeerIncompatible::NoSignatureSchemesInCommon => {
            Refused::new(
                "no_common_signature",
                "no signature algorithm in common: the other side needs SHA-256 or better",
            )
        }
        other => Refused::new("incompatible", format!("the other side cannot do what we need: {other:?}")),
    }
}

fn alerted(alert: AlertDescription) -> Refused {
    let words = match alert {
        AlertDescription::UnknownCA | AlertDescription::CertificateUnknown | AlertDescription::BadCertificate => {
            "the other side does not accept our certificate: install our CA certificate there"
        }
        AlertDescription::CertificateExpired => {
            "the other side says our certificate has expired (or its clock is wrong)"
        }
        AlertDescription::CertificateRevoked => "the other side says our certificate is revoked",
        AlertDescription::CertificateRequired => "the other side wants a certificate and we showed none",
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
            "the other side found no algorithm in common"
        }
        AlertDescription::ProtocolVersion => "the other side does not speak TLS 1.2 or 1.3",
        AlertDescription::NoApplicationProtocol => "the other side does not take the ALPN identifier `dicom`",
        AlertDescription::UserCanceled | AlertDescription::CloseNotify => "the other side gave up",
        _ => return Refused::new("refused_by_peer", format!("the other side refused: alert {alert:?}")),
    };
    Refused::new("refused_by_peer", words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exact_reason_is_used_only_for_the_error_it_belongs_to() {
        let fault = CertificateFault::Expired { subject: "CN=CT1".into(), not_after: 1_767_312_000 };
        let error = refuse(fault);
        let refused = explain(&error);
        assert_eq!(refused.short, "expired");
        assert_eq!(
            refused.words,
            "certificate of `CN=CT1` expired 2026-01-02: issue a new one with `dicomgate certs issue`"
        );
        assert_eq!(explain(&error).words, "certificate expired: issue a new one with `dicomgate certs issue`");

        let _left_over = refuse(CertificateFault::Revoked { subject: "CN=CT1".into(), serial: "01".into() });
        let other = explain(&Error::InvalidCertificate(CertificateError::UnknownIssuer));
        assert_eq!(other.short, "unknown_issuer");
        assert!(!other.words.contains("CT1"));
    }

    #[test]
    fn a_reason_stays_with_its_task() {
        let fault = |name: &str| CertificateFault::Revoked { subject: name.to_owned(), serial: "01".into() };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let handshake = move |name: &'static str| async move {
            let error = refuse(fault(name));
            tokio::task::yield_now().await;
            explain(&error).words
        };
        runtime.block_on(async {
            let tasks = ["CN=one", "CN=two"].map(|name| (name, tokio::spawn(handshake(name))));
            for (name, task) in tasks {
                let words = task.await.unwrap();
                assert!(words.contains(name), "{name}: {words}");
            }
        });
    }

    #[test]
    fn every_fault_that_has_no_alert_of_its_own_survives_rustls() {
        let fault = CertificateFault::VersionOne { subject: "CN=old".into() };
        let error = fault.to_rustls();
        assert_eq!(explain(&error), Refused::from(&fault));
    }
}
