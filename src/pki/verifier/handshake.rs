//! The verifier as rustls asks it during a handshake.

use super::{Use, Verifier};
use crate::pki::explain::{forget, refuse};
use crate::pki::facts::Parsed;
use crate::pki::fault::CertificateFault;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature, verify_tls13_signature_with_raw_key};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, PeerMisbehaved, SignatureScheme};
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};
use webpki::RawPublicKeyEntity;

impl Verifier {
    pub(crate) fn schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }

    /// Whether the holder of the certificate's key signed this handshake (RFC 5246 7.4.8).
    pub(crate) fn signed_tls12(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
        pin: Option<&[u8; 32]>,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.pinned_key(certificate, pin)? {
            None => verify_tls12_signature(message, certificate, signature, &self.algorithms),
            Some(key) => self.signed_with_key(message, &key, signature),
        }
    }

    /// Whether the holder of the certificate's key signed this handshake (RFC 8446 4.4.3).
    pub(crate) fn signed_tls13(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
        pin: Option<&[u8; 32]>,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.pinned_key(certificate, pin)? {
            None => verify_tls13_signature(message, certificate, signature, &self.algorithms),
            Some(key) => verify_tls13_signature_with_raw_key(message, &key, signature, &self.algorithms),
        }
    }

    /// The certificate's key, if it is pinned: path validation may not be able to read the rest of the certificate.
    fn pinned_key(
        &self,
        certificate: &CertificateDer<'_>,
        pin: Option<&[u8; 32]>,
    ) -> Result<Option<SubjectPublicKeyInfoDer<'static>>, Error> {
        let parsed = Parsed::new(certificate).map_err(|reason| refuse(CertificateFault::Malformed(reason)))?;
        let pinned = pin == Some(&parsed.spki) || self.trust.pins.contains(&parsed.spki);
        Ok(pinned.then(|| SubjectPublicKeyInfoDer::from(parsed.x509.public_key().raw.to_vec())))
    }

    fn signed_with_key(
        &self,
        message: &[u8],
        key: &SubjectPublicKeyInfoDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let unusable = || Error::InvalidCertificate(rustls::CertificateError::BadSignature);
        let entity = RawPublicKeyEntity::try_from(key).map_err(|_| unusable())?;
        let (_, algorithms) = self
            .algorithms
            .mapping
            .iter()
            .find(|(scheme, _)| *scheme == signature.scheme)
            .ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
        // In TLS 1.2 a scheme does not name the curve, so each algorithm that it may mean is tried.
        let fits = algorithms
            .iter()
            .any(|algorithm| entity.verify_signature(*algorithm, message, signature.signature()).is_ok());
        if fits { Ok(HandshakeSignatureValid::assertion()) } else { Err(unusable()) }
    }
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        true
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        forget();
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        self.check(end_entity, intermediates, Use::Client, now).map_err(refuse)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed_tls12(message, cert, dss, None)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed_tls13(message, cert, dss, None)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}
