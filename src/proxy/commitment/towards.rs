//! How to reach a requester on an association of the gateway's own.

use crate::dicom::AeTitle;
use crate::policy::model::Peer;
use crate::proxy::snapshot::Snapshot;
use crate::scu::Target;
use crate::state::Commitment;
use rustls::ClientConfig;
use std::sync::Arc;

/// Whom to call for a commitment; `Err` says in words why nobody can be called. Plain only where the policy says that
/// the peer cannot do TLS: never because TLS is not to be had.
pub fn target<'a>(snapshot: &Snapshot, peer: &'a Peer, commitment: &Commitment) -> Result<Target<'a>, String> {
    let Some(address) = peer.address.as_deref() else {
        return Err(format!("peer `{}` has no address: write one in policy.toml", peer.name));
    };
    let limits = &snapshot.settings.limits;
    Ok(Target {
        address,
        bind: None,
        // In clear to nowhere but where the policy says that the peer is.
        within: if peer.plain { &peer.networks } else { &[] },
        tls: tls(snapshot, peer)?,
        calling: title_of(snapshot, commitment.key.archive),
        called: commitment.requester_title,
        connect: limits.association_answer,
        answer: limits.association_answer,
    })
}

/// The title by which peers know an archive.
fn title_of(snapshot: &Snapshot, archive: AeTitle) -> AeTitle {
    let known = snapshot.archive(&archive).and_then(|archive| archive.settings.answers_to.first().copied());
    known.unwrap_or(archive)
}

fn tls(snapshot: &Snapshot, peer: &Peer) -> Result<Option<Arc<ClientConfig>>, String> {
    if peer.plain {
        return Ok(None);
    }
    match snapshot.peer_tls(&peer.name) {
        Some(config) => Ok(Some(Arc::clone(config))),
        None => Err(format!("peer `{}` is to be called over TLS, and has no certificate to be known by", peer.name)),
    }
}
