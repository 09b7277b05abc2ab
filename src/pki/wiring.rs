//! Which files the settings name for TLS: the same for `check`, start and reload.

use super::material::{PeerTrust, TlsFiles};
use crate::config::{Archive, Settings};
use crate::policy::model::CertificatePattern;
use std::path::PathBuf;

impl TlsFiles {
    /// The files that the settings name. `None`: nothing speaks TLS.
    pub fn of(settings: &Settings) -> Option<Self> {
        let tls = settings.tls.as_ref()?;
        let peers = &settings.policy.peers;
        let pins = peers.iter().filter_map(|peer| match &peer.certificate {
            Some(CertificatePattern::Spki(key)) => Some(*key),
            _ => None,
        });
        let mut trust: Vec<(String, PathBuf)> = Vec::new();
        for path in peers.iter().filter_map(|peer| peer.trust.as_ref()) {
            if !trust.iter().any(|(known, _)| known == path) {
                trust.push((path.clone(), settings.source.root.join(path)));
            }
        }
        for archive in &settings.archives {
            if let Some(path) = &archive.trust {
                trust.push((archive_anchor(archive), path.clone()));
            }
        }
        Some(Self {
            certificate: tls.certificate.clone(),
            private_key: tls.private_key.clone(),
            client_ca: tls.client_ca.clone(),
            crl: tls.crl.clone(),
            crl_check: tls.crl_check,
            crl_expired: tls.crl_expired,
            peers: PeerTrust { pins: pins.collect(), trust },
        })
    }
}

/// An archive's own CA vouches for that archive alone, so it has a name that no peer's `trust` can have.
pub fn archive_anchor(archive: &Archive) -> String {
    format!("archive:{}", archive.ae_title)
}
