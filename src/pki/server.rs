//! The TLS configuration of listeners.

use super::fault::PkiFault;
use super::material::TlsMaterial;
use super::sessions::{SessionLimits, SessionStore};
use super::suites::{ALPN_DICOM, VERSIONS, provider};
use rustls::ServerConfig;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::SingleCertAndKey;
use std::sync::Arc;

/// Who shows a certificate on a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Both sides: `tls = "mutual"`.
    Mutual,
    /// The gateway alone: `tls = "server"`.
    Server,
}

/// The configuration of a listener: PS3.15 B.12, ALPN `dicom` or none, no early data, resumption from memory alone.
/// Each call makes a session store of its own, so that a reload forgets every session.
pub fn server_config(
    material: &TlsMaterial,
    mode: Mode,
    sessions: SessionLimits,
) -> Result<Arc<ServerConfig>, PkiFault> {
    if mode == Mode::Mutual && material.verifier.is_empty() {
        return Err(PkiFault::NothingToTrust);
    }
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(VERSIONS)
        .map_err(|fault| PkiFault::Configuration(fault.to_string()))?;
    let builder = match mode {
        Mode::Mutual => {
            builder.with_client_cert_verifier(Arc::clone(&material.verifier) as Arc<dyn ClientCertVerifier>)
        }
        Mode::Server => builder.with_no_client_auth(),
    };
    let identity = SingleCertAndKey::from(material.identity.as_ref().clone());
    let mut config = builder.with_cert_resolver(Arc::new(identity));
    config.alpn_protocols = vec![ALPN_DICOM.to_vec()];
    config.ignore_client_order = true;
    config.max_early_data_size = 0;
    config.send_half_rtt_data = false;
    config.send_tls13_tickets = usize::from(sessions.sessions > 0);
    config.session_storage = Arc::new(SessionStore::new(sessions));
    Ok(Arc::new(config))
}
