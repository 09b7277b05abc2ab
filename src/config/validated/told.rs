//! `correlate = "destination"`: the archive is told the requester's own title as destination, so what calls that title
//! must be for that requester and nobody else.

use super::inside;
use super::policy::Reports;
use crate::config::raw::Located as _;
use crate::config::raw::gateway::{RawArchive, RawGatewayFile};
use crate::dicom::dimse::Operation;
use crate::policy::model::{ArchiveName, Destination, Effect, Peer, PolicyModel, Rule, Subject};

/// Says why the deliveries of this archive could not be told apart.
pub(super) fn validate(
    archive: &ArchiveName,
    raw: &RawArchive,
    gateway: &RawGatewayFile,
    model: &PolicyModel,
    reports: &mut Reports<'_>,
) {
    let at = raw.span_of("correlate");
    let report = &mut reports.gateway;
    if inside::listens(gateway).all(|listen| listen.destination.get().is_some()) {
        let message =
            "deliveries are told apart by the title they call, and every inside listener has one `destination`";
        let hint = "take `destination` out of one inside listener, or write correlate = \"originator\" or \"serial\"";
        report.error(at.clone(), message).hint(hint);
        return;
    }
    let movers: Vec<&Peer> = model.peers.iter().filter(|peer| moves_at(model, peer, archive)).collect();
    for (number, mover) in movers.iter().enumerate() {
        let name = &mover.name;
        for title in &mover.ae_titles {
            let earlier = movers.iter().take(number).copied().find(|other| other.ae_titles.contains(title));
            let receiving =
                |other: &&Peer| other.address.is_some() && other.name != *name && other.ae_titles.contains(title);
            let receiver =
                model.peers.iter().find(receiving).filter(|other| !movers.iter().any(|m| m.name == other.name));
            let message = if let Some(other) = earlier {
                Some(format!("peers `{}` and `{name}` both move as `{title}`", other.name))
            } else if let Some(other) = receiver {
                Some(format!("peer `{name}` moves as `{title}`, and peer `{}` receives as `{title}`", other.name))
            } else {
                let own = |archive: &&ArchiveName| archive.ae_title == *title;
                let other = model.archives.iter().find(own);
                other.map(|_| format!("peer `{name}` moves as `{title}`, which is an archive's own title"))
            };
            if let Some(message) = message {
                let message = format!("{message}: what this archive sends there could be for either");
                let hint = "give each a title of its own, or write correlate = \"originator\" or \"serial\"";
                report.error(at.clone(), message).hint(hint);
            }
        }
        let routed = mover.address.is_some() && model.rules.iter().any(|rule| routes(rule, archive, mover));
        if routed && model.rules.iter().any(|rule| moves_elsewhere(rule, mover)) {
            let message = format!(
                "what this archive sends `{name}` unasked is taken for its move to somebody else while such a move runs"
            );
            let hint = "let it move to itself alone, or write correlate = \"originator\" or \"serial\"";
            report.warning(at.clone(), message).hint(hint);
        }
    }
}

/// Whether a peer is what a rule calls by name or title.
pub(super) fn named(peer: &Peer, name: &str) -> bool {
    &*peer.name == name || peer.ae_titles.iter().any(|title| title.as_str() == name)
}

/// Whether some rule lets a peer do something, somewhere.
pub(super) fn may(model: &PolicyModel, peer: &Peer, operation: Operation) -> bool {
    model.rules.iter().any(|rule| permits(rule, peer, operation))
}

/// Whether a rule lets somebody move to a peer.
pub(super) fn moves_to(rule: &Rule, peer: &Peer) -> bool {
    rule.effect == Effect::Permit
        && rule.may.contains(&Operation::Move)
        && rule.destinations.iter().any(|destination| match destination {
            Destination::Own => permits(rule, peer, Operation::Move),
            Destination::Named(name) => named(peer, name),
        })
}

fn permits(rule: &Rule, peer: &Peer, operation: Operation) -> bool {
    let one_of = |subjects: &[Subject]| {
        subjects.iter().any(|subject| match subject {
            Subject::Peer(name) => *name == peer.name,
            Subject::Group(group) => peer.groups.contains(group),
            Subject::Anyone => true,
            // Persons sit at the devices of `via`; without it, which of all is not said.
            Subject::Role(_) | Subject::User(_) => !rule.via.is_empty(),
            Subject::Archive(_) => false,
        })
    };
    rule.effect == Effect::Permit
        && rule.may.contains(&operation)
        && one_of(&rule.who)
        && (rule.via.is_empty() || one_of(&rule.via))
}

fn moves_at(model: &PolicyModel, peer: &Peer, archive: &ArchiveName) -> bool {
    let at = |rule: &Rule| rule.to.iter().any(|to| **to == *archive.ae_title.as_str());
    model.rules.iter().any(|rule| permits(rule, peer, Operation::Move) && at(rule))
}

/// Whether a rule lets a peer move to somebody else.
fn moves_elsewhere(rule: &Rule, peer: &Peer) -> bool {
    permits(rule, peer, Operation::Move)
        && rule.destinations.iter().any(|destination| match destination {
            Destination::Own => false,
            Destination::Named(name) => !named(peer, name),
        })
}

/// Whether a rule lets an archive send to a peer unasked.
fn routes(rule: &Rule, archive: &ArchiveName, peer: &Peer) -> bool {
    let sends = |who: &Subject| matches!(who, Subject::Archive(name) if **name == *archive.ae_title.as_str());
    rule.effect == Effect::Permit && rule.who.iter().any(sends) && rule.to.iter().any(|to| named(peer, to))
}
