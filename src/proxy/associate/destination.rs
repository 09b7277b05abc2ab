//! Whom a title that an archive calls reaches.

use super::dial::{Dial, Full, Miss, Role};
use crate::archive::Target;
use crate::audit::event::Cause;
use crate::dicom::AeTitle;
use crate::dicom::negotiation::reject;
use crate::dicom::pdu::AssociateRq;
use crate::policy::Receiver;
use crate::policy::model::Peer;
use crate::proxy::shared::Shared;
use crate::proxy::snapshot::{ArchiveWiring, Snapshot};

/// Whom deliveries go to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Destination<'a> {
    /// A peer, at its address.
    Peer {
        peer: &'a Peer,
        address: &'a str,
        /// The title that it is called by.
        title: AeTitle,
    },
    /// Another system behind the gateway.
    Archive(&'a ArchiveWiring),
}

impl<'a> Destination<'a> {
    /// Its name, as rules and records name it.
    pub(super) fn name(&self) -> &'a str {
        match self {
            Self::Peer { peer, .. } => &peer.name,
            Self::Archive(wiring) => wiring.settings.ae_title.as_str(),
        }
    }

    /// The title that it is called by.
    pub(super) const fn title(&self) -> AeTitle {
        match self {
            Self::Peer { title, .. } => *title,
            Self::Archive(wiring) => wiring.settings.ae_title,
        }
    }

    /// Where to dial, over TLS unless the destination is marked to be without.
    ///
    /// # Errors
    /// There is no way to speak TLS with it: then it is not dialled at all.
    fn target(&self, snapshot: &'a Snapshot) -> Result<Target<'a>, String> {
        match self {
            Self::Archive(wiring) => Ok(Target::archive(&wiring.settings, wiring.tls.as_ref())),
            Self::Peer { peer, address, .. } => {
                let tls = match peer.plain {
                    true => None,
                    false => Some(snapshot.peer_tls(&peer.name).ok_or_else(|| {
                        format!("nothing says how to know peer `{}` by: write its `certificate`", peer.name)
                    })?),
                };
                let connect = snapshot.settings.limits.association_answer;
                // In clear to nowhere but where the policy says that the peer is.
                let within = if peer.plain { &*peer.networks } else { &[] };
                Ok(Target { address: (*address).to_owned(), bind: None, connect, within, tls })
            }
        }
    }

    /// How it is dialled. `may_store`: to store in it; it bears only so many who do.
    ///
    /// # Errors
    /// There is no way to speak TLS with it.
    pub(super) fn dial(
        &self,
        shared: &Shared,
        snapshot: &'a Snapshot,
        proposed: &'a AssociateRq,
        may_store: bool,
    ) -> Result<Dial<'a>, Miss> {
        let target = self.target(snapshot).map_err(away)?;
        let (role, place) = match self {
            Self::Peer { .. } => (Role::Destination, Ok(None)),
            Self::Archive(wiring) => {
                let place = shared.capacity.take(&wiring.settings, may_store);
                (Role::Archive, place.map(Some).map_err(|_| Full))
            }
        };
        Ok(Dial { to: self.name(), role, target, proposed, place })
    }
}

/// A destination that cannot be had.
pub(super) const fn away(words: String) -> Miss {
    Miss { rj: reject::ARCHIVE_AWAY, cause: Cause::DestinationAway, words }
}

/// Whom a title reaches: a peer that has it and an `address`, or an archive whose own title it is.
///
/// # Errors
/// Why nobody, for the record.
pub(super) fn destination(snapshot: &Snapshot, title: AeTitle) -> Result<Destination<'_>, String> {
    let nobody = || format!("`{title}` is no peer with an `address`, and no archive");
    match snapshot.policy.receiver(&title).ok_or_else(nobody)? {
        Receiver::Peer(peer) => {
            let address = peer.address.as_deref().ok_or_else(nobody)?;
            Ok(Destination::Peer { peer, address, title })
        }
        Receiver::Archive(name) => {
            let title = AeTitle::new(name).map_err(|_| nobody())?;
            snapshot.archive(&title).map(Destination::Archive).ok_or_else(nobody)
        }
    }
}

/// Whether a title is anybody's: a peer's, with or without an address, an archive's, or the gateway's own towards one.
pub(super) fn is_known(snapshot: &Snapshot, title: AeTitle) -> bool {
    let own = |archive: &ArchiveWiring| {
        let settings = &archive.settings;
        settings.calling == crate::config::Calling::Title(title) || settings.answers_to.contains(&title)
    };
    snapshot.archives.iter().any(own)
        || snapshot.archive(&title).is_some()
        || snapshot.settings.policy.peers.iter().any(|peer| peer.ae_titles.contains(&title))
}
