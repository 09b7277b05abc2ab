//! The TLS configuration for dialling archives and peers.

use super::explain::{forget, refuse};
use super::fault::{CertificateFault, PkiFault};
use super::material::TlsMaterial;
use super::suites::{VERSIONS, provider};
use super::verifier::{Use, Verifier};
use crate::policy::model::{CertificatePattern, Peer};
use crate::policy::{Anchor, CertificateFacts};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::sync::Arc;

/// What the other side's certificate must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// What it must show, whatever host name was dialled; `None`: the host name or address that was dialled.
    pub pattern: Option<CertificatePattern>,
    /// Who must vouch for it: a partner's CA speaks for that partner and for nobody else. Without meaning for
    /// [`CertificatePattern::Spki`], which pins the key.
    pub anchor: Anchor,
}

impl Expected {
    /// A system that the gateway's `client_ca` vouches for.
    pub const fn ours(pattern: Option<CertificatePattern>) -> Self {
        Self { pattern, anchor: Anchor::ClientCa }
    }

    /// A peer, as the policy describes it. `None` if it has no certificate to be known by.
    pub fn peer(peer: &Peer) -> Option<Self> {
        let anchor = peer.trust.as_deref().map_or(Anchor::ClientCa, |path| Anchor::Peer(Arc::from(path)));
        Some(Self { pattern: Some(peer.certificate.clone()?), anchor })
    }

    fn pin(&self) -> Option<[u8; 32]> {
        match self.pattern {
            Some(CertificatePattern::Spki(key)) => Some(key),
            _ => None,
        }
    }
}

/// The configuration for dialling: our certificate is shown when asked for, theirs must be `expected`.
///
/// No ALPN is offered: servers that know DICOM's identifier also take callers without one, and a TLS terminator in
/// front of an older archive may refuse what it does not know. No resumption: every dial verifies the other side anew.
pub fn client_config(material: &TlsMaterial, expected: Expected) -> Result<Arc<ClientConfig>, PkiFault> {
    if material.verifier.is_empty() && expected.pin().is_none() {
        return Err(PkiFault::NothingToTrust);
    }
    let verifier = ExpectedServer { verifier: Arc::clone(&material.verifier), expected };
    let identity = SingleCertAndKey::from(material.identity.as_ref().clone());
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(VERSIONS)
        .map_err(|fault| PkiFault::Configuration(fault.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(Arc::new(identity));
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    Ok(Arc::new(config))
}

/// Verifies the chain as for clients, then that it is the one expected.
#[derive(Debug)]
struct ExpectedServer {
    verifier: Arc<Verifier>,
    expected: Expected,
}

impl ExpectedServer {
    fn check(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        dialled: &ServerName<'_>,
        now: i64,
    ) -> Result<(), CertificateFault> {
        if let Some(key) = self.expected.pin() {
            return self.verifier.check_pinned(leaf, &key);
        }
        let facts = self.verifier.check(leaf, others, Use::Server, now)?;
        if facts.anchor != self.expected.anchor {
            let (subject, issuer) = (facts.subject.clone(), "a CA that does not speak for this system".into());
            return Err(CertificateFault::UnknownIssuer { subject, issuer });
        }
        let (fits, wanted) = match &self.expected.pattern {
            Some(pattern) => (shows(&facts, pattern), describe(pattern)),
            None => {
                let fits = webpki::EndEntityCert::try_from(leaf)
                    .is_ok_and(|certificate| certificate.verify_is_valid_for_subject_name(dialled).is_ok());
                (fits, format!("the name `{}`", dialled.to_str()))
            }
        };
        if fits { Ok(()) } else { Err(CertificateFault::WrongName { subject: facts.subject.clone(), wanted }) }
    }
}

/// Whether a certificate whose anchor is the right one shows what a pattern asks for.
fn shows(facts: &CertificateFacts, pattern: &CertificatePattern) -> bool {
    match pattern {
        CertificatePattern::Spki(key) => facts.spki == *key,
        CertificatePattern::Dns(name) => facts.dns.contains(name),
        CertificatePattern::CommonName(name) => facts.common_name.as_ref() == Some(name),
        CertificatePattern::Any => true,
    }
}

fn describe(pattern: &CertificatePattern) -> String {
    match pattern {
        CertificatePattern::Spki(key) => format!("`sha256:{}`", super::facts::hex(key)),
        CertificatePattern::Dns(name) => format!("the DNS name `{name}`"),
        CertificatePattern::CommonName(name) => format!("`cn:{name}`"),
        CertificatePattern::Any => "one that a known CA signed".into(),
    }
}

impl ServerCertVerifier for ExpectedServer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        forget();
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        self.check(end_entity, intermediates, server_name, now).map_err(refuse)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.signed_tls12(message, cert, dss, self.expected.pin().as_ref())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.signed_tls13(message, cert, dss, self.expected.pin().as_ref())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.schemes()
    }
}
