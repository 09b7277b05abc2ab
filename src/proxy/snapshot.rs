//! Everything that a reload replaces, in one value that is swapped whole.

use super::vault::VaultRoom;
use crate::config::{self, ArchiveTls, Limits, Settings};
use crate::dicom::dimse::Tolerances;
use crate::dicom::negotiation::Own;
use crate::dicom::pdu::VersionName;
use crate::dicom::{AeTitle, Uid};
use crate::identity::people::People;
use crate::pki::{self, Mode, SessionLimits, TlsFiles, TlsMaterial};
use crate::policy::model::PolicyModel;
use crate::policy::{Anchor, Policy, Principal};
use crate::scu::{IMPLEMENTATION_CLASS, IMPLEMENTATION_VERSION};
use rustls::{ClientConfig, ServerConfig};
use std::collections::HashMap;
use std::sync::Arc;

/// Configuration, policy and TLS as they are in force together.
#[derive(Debug)]
pub struct Snapshot {
    /// Counts reloads, from 1; stands in every record.
    pub generation: u64,
    /// Both files.
    pub settings: Settings,
    /// Peers and rules.
    pub policy: Policy,
    /// Certificates and what is trusted; `None` where nothing speaks TLS.
    pub material: Option<TlsMaterial>,
    /// For listeners with `tls = "mutual"`.
    pub mutual: Option<Arc<ServerConfig>>,
    /// For listeners with `tls = "server"`.
    pub server_only: Option<Arc<ServerConfig>>,
    /// Systems behind the gateway, in the order of the file.
    pub archives: Vec<ArchiveWiring>,
    /// What the gateway says of itself.
    pub own: Own,
    /// Who can say who a person is; `None` without `[users]`.
    pub people: Option<Arc<People>>,
    /// Keys and options of the vault; `None` without `[vault]`: nothing is sealed or opened, and nothing costs.
    pub vault: Option<Arc<VaultRoom>>,
    /// TLS towards peers that receive, by their names.
    peers: HashMap<Arc<str>, Arc<ClientConfig>>,
    /// By the peer's name: a principal of an older policy may have stood at another place in it.
    tolerances: HashMap<Arc<str>, Tolerances>,
}

/// An archive and how to reach it.
#[derive(Debug)]
pub struct ArchiveWiring {
    /// Its `[[archive]]`.
    pub settings: config::Archive,
    /// TLS towards it.
    pub tls: Option<Arc<ClientConfig>>,
}

impl Snapshot {
    /// Opens keys and certificates and compiles the policy. `now`: seconds since 1970.
    ///
    /// # Errors
    /// Everything that is wrong, one sentence each.
    pub fn build(settings: Settings, generation: u64, now: i64) -> Result<Self, Vec<String>> {
        Self::build_after(None, settings, generation, now)
    }

    /// The same, after another one: what that has learned of people (keys of providers, wrong passcodes) goes on.
    ///
    /// # Errors
    /// Everything that is wrong, one sentence each.
    pub fn build_after(
        before: Option<&Self>,
        settings: Settings,
        generation: u64,
        now: i64,
    ) -> Result<Self, Vec<String>> {
        let mut faults = Vec::new();
        let material = match TlsFiles::of(&settings) {
            Some(files) => match TlsMaterial::load(&files, now) {
                Ok(material) => Some(material),
                Err(wrong) => {
                    faults.extend(wrong.iter().map(ToString::to_string));
                    None
                }
            },
            None => {
                if settings.listeners.iter().any(|listener| listener.tls != config::ListenerTls::Off) {
                    faults.push(
                        "a listener speaks TLS, and there is no [tls]: write one; a listener that is open changes at a restart only"
                            .to_owned(),
                    );
                }
                None
            }
        };
        let (mutual, server_only) = match &material {
            Some(material) => listeners(material, &settings, &mut faults),
            None => (None, None),
        };
        let archives = settings
            .archives
            .iter()
            .map(|archive| ArchiveWiring {
                settings: archive.clone(),
                tls: towards(archive, material.as_ref(), &mut faults),
            })
            .collect();
        let peers = material.as_ref().map(|material| towards_peers(material, &settings, now, &mut faults));
        let peers = peers.unwrap_or_default();
        let tolerances = tolerances(&settings.policy, &mut faults);
        let policy = match Policy::compile(settings.policy.clone()) {
            Ok(policy) => Some(policy),
            Err(wrong) => {
                faults.extend(wrong.iter().map(ToString::to_string));
                None
            }
        };
        let own = own(&settings.limits, &mut faults);
        let known = before.and_then(|before| before.people.as_deref());
        let people = People::new(&settings, known).unwrap_or_else(|wrong| {
            faults.extend(wrong);
            None
        });
        let room = before.and_then(|before| Some((before.vault.as_deref()?, before.settings.vault.as_ref()?)));
        let vault = settings.vault.as_ref().and_then(|vault| match VaultRoom::load_after(room, vault, &settings) {
            Ok(room) => Some(Arc::new(room)),
            Err(wrong) => {
                faults.extend(wrong);
                None
            }
        });
        match (policy, own) {
            (Some(policy), Some(own)) if faults.is_empty() => Ok(Self {
                generation,
                settings,
                policy,
                material,
                mutual,
                server_only,
                archives,
                own,
                people: people.map(Arc::new),
                vault,
                peers,
                tolerances,
            }),
            _ => Err(faults),
        }
    }

    /// The archive of this title.
    pub fn archive(&self, title: &AeTitle) -> Option<&ArchiveWiring> {
        self.archives.iter().find(|archive| archive.settings.ae_title == *title)
    }

    /// Whether archives can send back through the gateway what they are asked to move: there is a listener for them.
    pub fn carries_deliveries(&self) -> bool {
        self.settings.listeners.iter().any(|listener| listener.serves == config::Serves::Archive)
    }

    /// TLS towards a peer that receives, by its name: its certificate must be the one by which the policy knows it, and the
    /// one that the gateway shows is the one that the policy names. `None`: it has no address, is without TLS, or
    /// has no certificate to be known by.
    pub fn peer_tls(&self, name: &str) -> Option<&Arc<ClientConfig>> {
        self.peers.get(name)
    }

    /// What works and should not stay so.
    pub fn warnings(&self) -> Vec<String> {
        let files = self.settings.source.warnings.iter().map(ToString::to_string);
        let tls = self.material.iter().flat_map(|material| material.warnings.iter().map(ToString::to_string));
        files.chain(tls).collect()
    }

    /// What this peer may do wrong.
    pub fn tolerances(&self, principal: &Principal) -> Tolerances {
        self.tolerances_of(&principal.name)
    }

    /// What the peer of this name may do wrong.
    pub fn tolerances_of(&self, name: &str) -> Tolerances {
        self.tolerances.get(name).copied().unwrap_or_default()
    }
}

fn listeners(
    material: &TlsMaterial,
    settings: &Settings,
    faults: &mut Vec<String>,
) -> (Option<Arc<ServerConfig>>, Option<Arc<ServerConfig>>) {
    let limits = &settings.limits;
    let sessions = SessionLimits {
        sessions: usize::try_from(limits.tls_sessions).unwrap_or(usize::MAX),
        lifetime: limits.tls_session_age,
        ..SessionLimits::default()
    };
    let mut make = |kind: config::ListenerTls, mode: Mode| {
        let wanted = settings.listeners.iter().any(|listener| listener.tls == kind);
        let made = wanted.then(|| pki::server_config(material, mode, sessions))?;
        made.map_err(|fault| faults.push(fault.to_string())).ok()
    };
    (make(config::ListenerTls::Mutual, Mode::Mutual), make(config::ListenerTls::Server, Mode::Server))
}

fn towards(
    archive: &config::Archive,
    material: Option<&TlsMaterial>,
    faults: &mut Vec<String>,
) -> Option<Arc<ClientConfig>> {
    if archive.tls == ArchiveTls::Off {
        return None;
    }
    let Some(material) = material else {
        faults.push(format!("archive `{}` wants TLS and there is no [tls] section: write one", archive.ae_title));
        return None;
    };
    let anchor = match &archive.trust {
        Some(_) => Anchor::Peer(pki::archive_anchor(archive).into()),
        None => Anchor::ClientCa,
    };
    let expected = pki::Expected { pattern: archive.certificate.clone(), anchor };
    pki::client_config(material, expected).map_err(|fault| faults.push(fault.to_string())).ok()
}

/// For the peers that receive over TLS and are known by a certificate.
fn towards_peers(
    material: &TlsMaterial,
    settings: &Settings,
    now: i64,
    faults: &mut Vec<String>,
) -> HashMap<Arc<str>, Arc<ClientConfig>> {
    let mut all = HashMap::new();
    // Partners share what is shown to them: a file is read once.
    let mut shown: HashMap<&str, Option<TlsMaterial>> = HashMap::new();
    for peer in settings.policy.peers.iter().filter(|peer| peer.address.is_some() && !peer.plain) {
        let Some(expected) = pki::Expected::peer(peer) else { continue };
        let shows = peer.present.as_deref().map(|present| {
            shown.entry(present).or_insert_with(|| {
                showing(material, settings, present, now)
                    .map_err(|wrong| faults.extend(wrong.iter().map(|fault| format!("peer `{}`: {fault}", peer.name))))
                    .ok()
            })
        });
        let material = match shows {
            None => material,
            Some(Some(shown)) => shown,
            Some(None) => continue,
        };
        match pki::client_config(material, expected) {
            Ok(config) => {
                all.insert(Arc::clone(&peer.name), config);
            }
            Err(fault) => faults.push(format!("peer `{}`: {fault}", peer.name)),
        }
    }
    all
}

/// What others are measured against, and another certificate to show; its key lies beside it as `.key`.
fn showing(
    material: &TlsMaterial,
    settings: &Settings,
    present: &str,
    now: i64,
) -> Result<TlsMaterial, Vec<pki::PkiFault>> {
    let certificate = settings.source.root.join(present);
    let private_key = certificate.with_extension("key");
    let other = TlsMaterial::load(&TlsFiles { certificate, private_key, ..TlsFiles::default() }, now)?;
    Ok(TlsMaterial { identity: other.identity, ..material.clone() })
}

/// Of the peers that have any.
fn tolerances(policy: &PolicyModel, faults: &mut Vec<String>) -> HashMap<Arc<str>, Tolerances> {
    let mut all = HashMap::new();
    for peer in policy.peers.iter().filter(|peer| !peer.tolerate.is_empty()) {
        match Tolerances::parse(peer.tolerate.iter()) {
            Ok(tolerances) => {
                all.insert(Arc::clone(&peer.name), tolerances);
            }
            Err(wrong) => faults.extend(wrong.iter().map(|fault| format!("peer `{}`: {fault}", peer.name))),
        }
    }
    all
}

fn own(limits: &Limits, faults: &mut Vec<String>) -> Option<Own> {
    let made = (|| {
        Some(Own {
            max_length: u32::try_from(limits.pdu_length).ok()?,
            implementation_class: Uid::new(IMPLEMENTATION_CLASS).ok()?,
            implementation_version: VersionName::new(IMPLEMENTATION_VERSION)?,
        })
    })();
    if made.is_none() {
        faults.push("`pdu_length` is out of bounds".to_owned());
    }
    made
}

#[cfg(test)]
mod tests;
