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
        // Archives show theirs where they call back.
        let patterns = peers.iter().map(|peer| &peer.certificate);
        let patterns = patterns.chain(settings.policy.archives.iter().map(|archive| &archive.certificate));
        let pins = patterns.filter_map(|pattern| match pattern {
            Some(CertificatePattern::Spki(key)) => Some(*key),
            _ => None,
        });
        let mut shown: Vec<(PathBuf, PathBuf)> = Vec::new();
        for path in peers.iter().filter_map(|peer| peer.present.as_ref()) {
            let certificate = settings.source.root.join(path);
            let pair = (certificate.clone(), certificate.with_extension("key"));
            if !shown.contains(&pair) {
                shown.push(pair);
            }
        }
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
            shown,
        })
    }
}

/// An archive's own CA vouches for that archive alone, so it has a name that no peer's `trust` can have.
pub fn archive_anchor(archive: &Archive) -> String {
    format!("archive:{}", archive.ae_title)
}
