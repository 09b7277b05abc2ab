//! How the demonstration's devices reach the gateway: a TCP connection, TLS with or without a certificate, or none.

use crate::net::buffer::Pool;
use crate::net::tls::{Session, TlsFault};
use crate::net::wire::WireFault;
use crate::net::{Wire, dial};
use crate::pki::{load, suites};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long a connection and a handshake may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the gateway is and what its certificate says.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its address.
    pub address: SocketAddr,
    /// The DNS name in its certificate.
    pub name: String,
    /// Buffers for connections.
    pub pool: Arc<Pool>,
}

/// Why a device could not connect.
#[derive(Debug, thiserror::Error)]
pub enum DialFault {
    /// TCP or TLS.
    #[error(transparent)]
    Wire(#[from] WireFault),
    /// A certificate or key of the demonstration.
    #[error("{0}")]
    Material(String),
    /// Nothing came in time.
    #[error("no answer in time")]
    Silence,
}

/// What a device trusts and shows.
///
/// # Errors
/// Files that cannot be read.
pub fn tls(ca: &Path, identity: Option<(&Path, &Path)>) -> Result<Arc<ClientConfig>, DialFault> {
    let material = |fault: String| DialFault::Material(fault);
    let mut roots = RootCertStore::empty();
    for certificate in load::authorities(ca).map_err(|fault| material(fault.to_string()))? {
        roots.add(certificate).map_err(|fault| material(fault.to_string()))?;
    }
    let builder = ClientConfig::builder_with_provider(suites::provider())
        .with_protocol_versions(suites::VERSIONS)
        .map_err(|fault| material(fault.to_string()))?
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = load::certificates(certificate).map_err(|fault| material(fault.to_string()))?;
            let key = load::private_key(key).map_err(|fault| material(fault.to_string()))?;
            builder.with_client_auth_cert(chain, key).map_err(|fault| material(fault.to_string()))?
        }
    };
    config.alpn_protocols = vec![suites::ALPN_DICOM.to_vec()];
    Ok(Arc::new(config))
}

/// Connects without TLS.
///
/// # Errors
/// What the system says.
pub async fn plain(target: &Target) -> Result<Wire, DialFault> {
    let tcp = dial::tcp(&target.address.to_string(), None, PATIENCE).await.map_err(WireFault::Lost)?;
    Ok(Wire::plain(tcp, target.address, Arc::clone(&target.pool)))
}

/// Connects with TLS.
///
/// # Errors
/// What the system says, or what the gateway's alert says.
pub async fn secure(target: &Target, config: Arc<ClientConfig>) -> Result<Wire, DialFault> {
    let name = ServerName::try_from(target.name.clone()).map_err(|fault| DialFault::Material(fault.to_string()))?;
    let session = Session::client(config, name).map_err(tls_fault)?;
    let mut wire = plain(target).await?.with_tls(session);
    match tokio::time::timeout(PATIENCE, wire.handshake()).await {
        Ok(done) => done?,
        Err(_) => return Err(DialFault::Silence),
    }
    Ok(wire)
}

fn tls_fault(fault: TlsFault) -> DialFault {
    DialFault::Wire(WireFault::Tls(fault))
}

/// What a connection is protected by, in words; `no TLS` on a plain one.
pub fn protection(wire: &Wire) -> String {
    let Some(tls) = wire.tls() else { return "no TLS".to_owned() };
    let version = tls.protocol_version().and_then(|version| version.as_str()).unwrap_or("TLS");
    let suite = tls.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str()).unwrap_or("?");
    let group = tls.negotiated_key_exchange_group().map_or("?".to_owned(), |group| format!("{:?}", group.name()));
    format!("{}, {suite}, {group}", version.replace("TLSv", "TLS ").replace('_', "."))
}

/// Sends bytes and reads what comes until the other side ends it or `most` bytes are there. A reset counts as an end.
pub async fn raw(mut wire: Wire, bytes: Vec<u8>, most: usize) -> Vec<u8> {
    let mut heard = Vec::new();
    wire.send(bytes.into());
    let exchange = async {
        // If the other side has hung up already, what it said before can still be read.
        let _ = wire.flush().await;
        while let Ok(Some(piece)) = wire.recv().await {
            heard.extend_from_slice(&piece);
            if heard.len() >= most {
                break;
            }
        }
    };
    // Silence is an outcome too: the caller looks at what was heard.
    let _ = tokio::time::timeout(PATIENCE, exchange).await;
    heard
}
