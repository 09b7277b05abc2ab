//! Who is calling: title, certificate, address and listener tied to one peer. An AE title alone is nobody.
//!
//! Every caller costs the same: its title and certificate are looked up, the peers with that title are examined (a
//! peer of the policy stands in where there is none), and only then does the outcome matter.

mod archive;

pub use archive::{ArchiveCaller, ArchiveReason};

use crate::dicom::AeTitle;
use crate::policy::compiled::{Policy, Title};
use crate::policy::credential::{Anchor, Caller, CertificateFacts, Credential};
use crate::policy::model::{CertificatePattern, Peer};
use crate::policy::request::{Principal, Transport};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// Why a caller is nobody. For records and `why`; never for the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityFault {
    /// The title that it called with, if it was one.
    pub calling: Option<AeTitle>,
    /// Where it called from.
    pub from: IpAddr,
    /// The reason.
    pub reason: IdentityReason,
    /// The peers, by name, that the certificate it showed does belong to.
    pub holders: Vec<Arc<str>>,
}

/// The reasons why a caller is nobody. The peer named is the one that the title belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentityReason {
    /// The calling field holds no AE title.
    NoTitle,
    /// No peer has this title.
    UnknownTitle,
    /// This peer must use TLS and came to a plain listener.
    PlainNotAllowed(Arc<str>),
    /// This peer is marked `tls = "off"` and came with TLS.
    PlainOnly(Arc<str>),
    /// This peer has no `certificate` and came to a listener that asks for one.
    NotBound(Arc<str>),
    /// This peer must show a certificate and showed none.
    CertificateMissing(Arc<str>),
    /// The certificate is not this peer's.
    OtherCertificate(Arc<str>),
    /// The certificate's names fit this peer, but the wrong CA vouches for it, or none.
    WrongAnchor(Arc<str>),
    /// All else fits, the address does not.
    WrongNetwork(Arc<str>),
    /// Title and certificate fit several peers.
    Ambiguous(Vec<Arc<str>>),
    /// At an inside listener: no archive.
    Archive(ArchiveReason),
}

impl Policy {
    /// Ties title, certificate, address and listener to one peer.
    pub fn identify(&self, caller: &Caller<'_>) -> Result<Principal, IdentityFault> {
        let from = caller.from.to_canonical();
        let holders = self.holders(&caller.credential);
        let none = Title::default();
        let title = caller.calling.as_ref().and_then(|title| self.titles.get(title)).unwrap_or(&none);
        let stand_in: &[u32] = if title.peers.is_empty() { &[0] } else { &title.peers };

        let mut fitting = Vec::new();
        let mut nearest: Option<IdentityReason> = None;
        for &number in stand_in {
            let Some(peer) = self.model.peers.get(number as usize) else { continue };
            match fits(peer, from, &caller.credential) {
                Ok(()) => fitting.push((number, peer)),
                Err(reason) if nearest.as_ref().is_none_or(|nearest| rank(nearest) < rank(&reason)) => {
                    nearest = Some(reason);
                }
                Err(_) => {}
            }
        }
        let reason = match (caller.calling, fitting.as_slice()) {
            (None, _) => IdentityReason::NoTitle,
            (Some(_), _) if title.peers.is_empty() => IdentityReason::UnknownTitle,
            (Some(calling), &[(number, peer)]) => {
                let transport = transport(&caller.credential);
                return Ok(Principal {
                    peer: number,
                    name: Arc::clone(&peer.name),
                    calling,
                    from,
                    transport,
                    user: None,
                });
            }
            (Some(_), []) => nearest.unwrap_or(IdentityReason::UnknownTitle),
            (Some(_), several) => {
                IdentityReason::Ambiguous(several.iter().map(|(_, peer)| Arc::clone(&peer.name)).collect())
            }
        };
        Err(IdentityFault { calling: caller.calling, from, reason, holders })
    }

    /// The peers that a certificate does belong to, whatever title it came with.
    fn holders(&self, credential: &Credential<'_>) -> Vec<Arc<str>> {
        let Credential::Mutual(facts) = credential else { return Vec::new() };
        let dns = facts.dns.iter().cloned().map(CertificatePattern::Dns);
        let common_name = facts.common_name.iter().cloned().map(CertificatePattern::CommonName);
        let patterns = dns.chain(common_name).chain([CertificatePattern::Spki(facts.spki)]);
        let mut holders: Vec<u32> = patterns
            .filter_map(|pattern| self.certificates.get(&pattern))
            .flatten()
            .copied()
            .take(MAX_HOLDERS)
            .collect();
        holders.sort_unstable();
        holders.dedup();
        let peers = holders.into_iter().filter_map(|number| self.model.peers.get(number as usize));
        peers.filter(|peer| bound(peer, facts).is_ok()).map(|peer| Arc::clone(&peer.name)).collect()
    }
}

/// Peers that a record names as holders of a certificate.
const MAX_HOLDERS: usize = 8;

fn fits(peer: &Peer, from: IpAddr, credential: &Credential<'_>) -> Result<(), IdentityReason> {
    let name = || Arc::clone(&peer.name);
    let bound_by_certificate = match credential {
        Credential::Plain if !peer.plain => return Err(IdentityReason::PlainNotAllowed(name())),
        Credential::Plain => false,
        Credential::Tls | Credential::Mutual(_) if peer.plain => return Err(IdentityReason::PlainOnly(name())),
        Credential::Tls if peer.certificate.is_some() => return Err(IdentityReason::CertificateMissing(name())),
        Credential::Tls => false,
        Credential::Mutual(facts) => {
            bound(peer, facts)?;
            true
        }
    };
    let near = if peer.networks.is_empty() {
        // Without certificate and network nothing but a title would speak for it, and titles are no secret.
        bound_by_certificate || from.is_loopback()
    } else {
        peer.networks.iter().any(|network| network.contains(&from))
    };
    if near { Ok(()) } else { Err(IdentityReason::WrongNetwork(name())) }
}

/// Whether a certificate is a peer's: what it says, and who vouches for it.
fn bound(peer: &Peer, facts: &CertificateFacts) -> Result<(), IdentityReason> {
    let name = || Arc::clone(&peer.name);
    let Some(pattern) = &peer.certificate else { return Err(IdentityReason::NotBound(name())) };
    match shows(pattern, peer.trust.as_deref(), facts) {
        Ok(()) => Ok(()),
        Err(Unbound::Names) => Err(IdentityReason::OtherCertificate(name())),
        Err(Unbound::Anchor) => Err(IdentityReason::WrongAnchor(name())),
    }
}

/// Why a certificate is not the one that was configured.
enum Unbound {
    /// It shows something else.
    Names,
    /// It shows the right thing, and the wrong CA vouches for it, or none.
    Anchor,
}

/// Whether a certificate shows what a pattern asks for, and the CA that counts vouches for it: `trust`, or else the
/// gateway's `client_ca`.
fn shows(pattern: &CertificatePattern, trust: Option<&str>, facts: &CertificateFacts) -> Result<(), Unbound> {
    let names_fit = match pattern {
        // The key speaks for itself, whoever vouches for the rest of the certificate.
        CertificatePattern::Spki(key) if *key == facts.spki => return Ok(()),
        CertificatePattern::Spki(_) => false,
        CertificatePattern::Dns(dns) => facts.dns.contains(dns),
        CertificatePattern::CommonName(common_name) => facts.common_name.as_ref() == Some(common_name),
        CertificatePattern::Any => true,
    };
    if !names_fit {
        return Err(Unbound::Names);
    }
    let vouched = match (trust, &facts.anchor) {
        (None, Anchor::ClientCa) => true,
        (Some(trust), Anchor::Peer(path)) => *trust == **path,
        (None, Anchor::Peer(_)) | (Some(_), Anchor::ClientCa) | (_, Anchor::Pinned) => false,
    };
    if vouched { Ok(()) } else { Err(Unbound::Anchor) }
}

/// How near a caller came, where several peers share its title.
const fn rank(reason: &IdentityReason) -> u8 {
    match reason {
        IdentityReason::NoTitle | IdentityReason::UnknownTitle | IdentityReason::Ambiguous(_) => 0,
        IdentityReason::Archive(_) => 0,
        IdentityReason::PlainNotAllowed(_) | IdentityReason::PlainOnly(_) => 1,
        IdentityReason::NotBound(_) | IdentityReason::CertificateMissing(_) => 2,
        IdentityReason::OtherCertificate(_) => 3,
        IdentityReason::WrongAnchor(_) => 4,
        IdentityReason::WrongNetwork(_) => 5,
    }
}

const fn transport(credential: &Credential<'_>) -> Transport {
    match credential {
        Credential::Plain => Transport::Plain,
        Credential::Tls => Transport::Tls,
        Credential::Mutual(facts) => Transport::Mutual { spki: facts.spki },
    }
}

impl fmt::Display for IdentityFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.calling {
            Some(title) => write!(f, "`{title}` from {}: {}", self.from, self.reason)?,
            None => write!(f, "a caller from {}: {}", self.from, self.reason)?,
        }
        // Where the certificate was right and something else was not, its holder is the peer already named.
        let astray = matches!(
            self.reason,
            IdentityReason::NoTitle
                | IdentityReason::UnknownTitle
                | IdentityReason::OtherCertificate(_)
                | IdentityReason::Archive(ArchiveReason::UnknownTitle | ArchiveReason::OtherCertificate(_))
        );
        if let [first, rest @ ..] = self.holders.as_slice()
            && astray
        {
            write!(f, "; the certificate belongs to `{first}`")?;
            rest.iter().try_for_each(|holder| write!(f, " and `{holder}`"))?;
        }
        Ok(())
    }
}

impl fmt::Display for IdentityReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTitle => f.write_str("the calling field holds no AE title"),
            Self::UnknownTitle => f.write_str("no peer has this title"),
            Self::PlainNotAllowed(peer) => write!(f, "peer `{peer}` must use TLS"),
            Self::PlainOnly(peer) => write!(f, "peer `{peer}` is marked `tls = \"off\"` and came with TLS"),
            Self::NotBound(peer) => write!(f, "no `certificate` is configured for peer `{peer}`"),
            Self::CertificateMissing(peer) => write!(f, "peer `{peer}` must show a certificate, and showed none"),
            Self::OtherCertificate(peer) => write!(f, "the certificate is not that of peer `{peer}`"),
            Self::WrongAnchor(peer) => {
                write!(f, "the certificate names peer `{peer}`, but the CA that counts for it does not vouch for it")
            }
            Self::WrongNetwork(peer) => write!(f, "peer `{peer}` may not call from this address"),
            Self::Ambiguous(peers) => write!(f, "title and certificate fit several peers: {}", peers.join(", ")),
            Self::Archive(reason) => reason.fmt(f),
        }
    }
}

impl std::error::Error for IdentityFault {}
