//! How `check` and `archive probe` reach what the configuration names: TLS as the gateway itself would use it.

use crate::config::{Archive, ArchiveTls};
use crate::pki::{self, Expected, TlsMaterial};
use crate::policy::Anchor;
use crate::policy::model::Peer;
use rustls::ClientConfig;
use std::sync::Arc;

/// TLS towards an archive; `None` where it is dialled in clear.
///
/// # Errors
/// Why there can be none, in words.
pub fn archive_tls(archive: &Archive, material: Option<&TlsMaterial>) -> Result<Option<Arc<ClientConfig>>, String> {
    if archive.tls == ArchiveTls::Off {
        return Ok(None);
    }
    let anchor = match &archive.trust {
        Some(_) => Anchor::Peer(pki::archive_anchor(archive).into()),
        None => Anchor::ClientCa,
    };
    config(material, Expected { pattern: archive.certificate.clone(), anchor }).map(Some)
}

/// TLS towards a peer that receives; `None` where it has `tls = "off"`.
///
/// # Errors
/// Why there can be none, in words.
pub fn peer_tls(peer: &Peer, material: Option<&TlsMaterial>) -> Result<Option<Arc<ClientConfig>>, String> {
    if peer.plain {
        return Ok(None);
    }
    match Expected::peer(peer) {
        Some(expected) => config(material, expected).map(Some),
        None => Err("nothing says which certificate it must show".to_owned()),
    }
}

fn config(material: Option<&TlsMaterial>, expected: Expected) -> Result<Arc<ClientConfig>, String> {
    let material = material.ok_or("there is no [tls] section, or its files cannot be used")?;
    pki::client_config(material, expected).map_err(|fault| fault.to_string())
}
