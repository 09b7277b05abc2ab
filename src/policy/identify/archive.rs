//! Which archive is calling: calling title, certificate and address tied to one system behind the gateway.
//!
//! As for peers, every caller costs the same: all archives are examined, whatever title it has, and only then does the
//! outcome matter.

use super::{IdentityFault, IdentityReason, Unbound, shows, transport};
use crate::policy::compiled::Policy;
use crate::policy::credential::{Caller, CertificateFacts, Credential};
use crate::policy::model::ArchiveName;
use crate::policy::request::Principal;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// Somebody who opens an association at an inside listener.
pub type ArchiveCaller<'a> = Caller<'a>;

/// Why a caller at an inside listener is no archive. The archive named is the one that the title belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArchiveReason {
    /// No archive calls with this title.
    UnknownTitle,
    /// The listener asks for certificates, and nothing says what this archive's must show.
    NotBound(Arc<str>),
    /// The certificate is not this archive's.
    OtherCertificate(Arc<str>),
    /// The certificate's names fit this archive, but the wrong CA vouches for it, or none.
    WrongAnchor(Arc<str>),
    /// All else fits, the address is not in `calls_from`.
    WrongNetwork(Arc<str>),
    /// Title, certificate and address fit several archives.
    Ambiguous(Vec<Arc<str>>),
}

impl Policy {
    /// Ties what a caller at an inside listener shows to one archive: its title is in `calls_as`, its address in
    /// `calls_from` (if there is one), and, where the listener asked for a certificate, that is the archive's. The
    /// listener's own `network` was checked when the connection came in.
    ///
    /// # Errors
    /// Who it may have wanted to be, and what does not fit; for records, never for the wire.
    pub fn identify_archive(&self, caller: &ArchiveCaller<'_>) -> Result<Principal, IdentityFault> {
        let from = caller.from.to_canonical();
        let mut fitting = Vec::new();
        let mut nearest: Option<ArchiveReason> = None;
        let mut holders = Vec::new();
        for (party, archive) in self.archive_parties() {
            let outcome = fits(archive, &party.name, from, &caller.credential);
            if let (Credential::Mutual(facts), Some(_)) = (&caller.credential, &archive.certificate)
                && bound(archive, &party.name, facts).is_ok()
                && holders.len() < super::MAX_HOLDERS
            {
                holders.push(Arc::clone(&party.name));
            }
            let called_so = caller.calling.is_some_and(|calling| archive.calls_as.contains(&calling));
            match outcome {
                _ if !called_so => {}
                Ok(()) => fitting.push(party),
                Err(reason) if nearest.as_ref().is_none_or(|nearest| rank(nearest) < rank(&reason)) => {
                    nearest = Some(reason);
                }
                Err(_) => {}
            }
        }
        let reason = match (caller.calling, fitting.as_slice()) {
            (None, _) => IdentityReason::NoTitle,
            (Some(calling), &[party]) => {
                let transport = transport(&caller.credential);
                let found = self.archive_principal(&party.name, from, transport);
                match found {
                    Some(principal) => return Ok(Principal { calling, ..principal }),
                    None => IdentityReason::Archive(ArchiveReason::UnknownTitle),
                }
            }
            (Some(_), []) => IdentityReason::Archive(nearest.unwrap_or(ArchiveReason::UnknownTitle)),
            (Some(_), several) => {
                let names = several.iter().map(|party| Arc::clone(&party.name)).collect();
                IdentityReason::Archive(ArchiveReason::Ambiguous(names))
            }
        };
        Err(IdentityFault { calling: caller.calling, from, reason, holders })
    }
}

fn fits(
    archive: &ArchiveName,
    name: &Arc<str>,
    from: IpAddr,
    credential: &Credential<'_>,
) -> Result<(), ArchiveReason> {
    match credential {
        // Listeners without client certificates let in by `network`: that is their administrator's word.
        Credential::Plain | Credential::Tls => {}
        Credential::Mutual(facts) => bound(archive, name, facts)?,
    }
    match archive.calls_from.is_empty() || archive.calls_from.iter().any(|network| network.contains(&from)) {
        true => Ok(()),
        false => Err(ArchiveReason::WrongNetwork(Arc::clone(name))),
    }
}

fn bound(archive: &ArchiveName, name: &Arc<str>, facts: &CertificateFacts) -> Result<(), ArchiveReason> {
    let Some(pattern) = &archive.certificate else { return Err(ArchiveReason::NotBound(Arc::clone(name))) };
    match shows(pattern, archive.trust.as_deref(), facts) {
        Ok(()) => Ok(()),
        Err(Unbound::Names) => Err(ArchiveReason::OtherCertificate(Arc::clone(name))),
        Err(Unbound::Anchor) => Err(ArchiveReason::WrongAnchor(Arc::clone(name))),
    }
}

/// How near a caller came, where several archives share its title.
const fn rank(reason: &ArchiveReason) -> u8 {
    match reason {
        ArchiveReason::UnknownTitle | ArchiveReason::Ambiguous(_) => 0,
        ArchiveReason::NotBound(_) => 1,
        ArchiveReason::OtherCertificate(_) => 2,
        ArchiveReason::WrongAnchor(_) => 3,
        ArchiveReason::WrongNetwork(_) => 4,
    }
}

impl fmt::Display for ArchiveReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownTitle => f.write_str("no archive calls with this title"),
            Self::NotBound(archive) => write!(f, "no `certificate` is configured for archive `{archive}`"),
            Self::OtherCertificate(archive) => write!(f, "the certificate is not that of archive `{archive}`"),
            Self::WrongAnchor(archive) => write!(
                f,
                "the certificate names archive `{archive}`, but the CA that counts for it does not vouch for it"
            ),
            Self::WrongNetwork(archive) => write!(f, "archive `{archive}` may not call from this address"),
            Self::Ambiguous(archives) => {
                write!(f, "title, certificate and address fit several archives: {}", archives.join(", "))
            }
        }
    }
}
