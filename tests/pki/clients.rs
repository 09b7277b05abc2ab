//! Devices: TLS clients that show what they are told to show and believe everything.

use crate::world::{World, certificate};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme, SupportedProtocolVersion};
use std::sync::Arc;

pub static BOTH: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];
pub static TLS12: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];
pub static TLS13: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

/// A device with the certificate and key of a name; `None`: without any.
pub fn device(world: &World, name: Option<&str>, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
    match name {
        Some(name) => device_with(world, &format!("{name}.crt"), &format!("{name}.key"), versions),
        None => builder(versions).with_no_client_auth(),
    }
}

pub fn device_with(
    world: &World,
    chain: &str,
    key: &str,
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    let key = dicomgate::pki::load::private_key(&world.path(key)).unwrap();
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).unwrap();
    let shown = CertifiedKey::new(certificate(&world.path(chain)), key);
    builder(versions).with_client_cert_resolver(Arc::new(SingleCertAndKey::from(shown)))
}

fn builder(
    versions: &[&'static SupportedProtocolVersion],
) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Credulous))
}

#[derive(Debug)]
struct Credulous;

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
