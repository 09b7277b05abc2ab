//! How `check` and `archive probe` reach what the configuration names: TLS as the gateway itself would use it.

use crate::config::{Archive, ArchiveTls, Settings};
use crate::pki::{self, Expected, TlsFiles, TlsMaterial};
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
pub fn peer_tls(
    settings: &Settings,
    peer: &Peer,
    material: Option<&TlsMaterial>,
) -> Result<Option<Arc<ClientConfig>>, String> {
    if peer.plain {
        return Ok(None);
    }
    let expected = Expected::peer(peer).ok_or("nothing says which certificate it must show")?;
    let Some(present) = &peer.present else { return config(material, expected).map(Some) };
    // Its key lies beside it.
    let certificate = settings.source.root.join(present);
    let files = TlsFiles { private_key: certificate.with_extension("key"), certificate, ..TlsFiles::default() };
    let shown = TlsMaterial::load(&files, jiff::Timestamp::now().as_second());
    let shown = shown.map_err(|faults| faults.first().map(ToString::to_string).unwrap_or_default())?;
    let material = material.map(|material| TlsMaterial { identity: shown.identity, ..material.clone() });
    config(material.as_ref(), expected).map(Some)
}

fn config(material: Option<&TlsMaterial>, expected: Expected) -> Result<Arc<ClientConfig>, String> {
    let material = material.ok_or("there is no [tls] section, or its files cannot be used")?;
    pki::client_config(material, expected).map_err(|fault| fault.to_string())
}
