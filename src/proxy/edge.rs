//! A chain of gateways: what the one before this one says, and what the one behind it is told and answers.
//!
//! An incident id is a name, not a secret: nothing is decided by it.

use crate::audit::Incident;
use crate::audit::event::EdgeNote;
use crate::config::{Archive, Settings};
use crate::dicom::dimse::Command;
use crate::dicom::pdu::{AssociateRq, ChainItem};
use crate::gate::{self, Visit};
use crate::policy::{Policy, Principal};

/// What the gateway before this one says of an association; only a peer that is marked `edge` is believed.
pub fn read<'a>(policy: &Policy, principal: &Principal, rq: &'a AssociateRq) -> Option<EdgeNote<'a>> {
    let chain = rq.user.chain.as_ref()?;
    let edge = policy.peer(&principal.name).is_some_and(|peer| peer.edge);
    edge.then(|| EdgeNote { gateway: chain.gateway(), incident: chain.incident() })
}

/// What an archive is told of the association that goes on to it: nothing, unless it is marked as a gateway and the
/// opening record got an incident id. `gateway`: this one's name.
pub fn item(archive: &Archive, gateway: &str, visit: &Visit) -> Option<ChainItem> {
    let incident = visit.incident().filter(|_| archive.gateway)?;
    ChainItem::new(&incident.to_string(), gateway)
}

/// The incident id with which a called system refused something; `None` of any that is not marked as a gateway, whatever
/// its comments look like. `to`: how rules call it.
pub fn told(settings: &Settings, to: &str, answer: &Command) -> Option<Incident> {
    let comment = answer.comment.as_ref()?;
    settings.archives.iter().find(|archive| archive.gateway && archive.ae_title.as_str() == to)?;
    gate::told(comment.reveal())
}
