//! The way back: what inside listeners, archives, receiving peers and rules say together. Nothing of it can be seen in
//! one table alone.

use super::policy::{Entries, Reports};
use super::told::{may, moves_to, named};
use crate::config::fault::nearest;
use crate::config::raw::gateway::{RawArchive, RawGatewayFile, RawListen};
use crate::config::raw::{Field, Located as _};
use crate::config::settings::{ListenerTls, Serves};
use crate::dicom::AeTitle;
use crate::dicom::dimse::Operation;
use crate::policy::model::{ArchiveName, CertificatePattern, CommitReport, Effect, Peer, PolicyModel, Subject};
use ipnet::IpNet;
use toml::Spanned;

/// Listeners that archives call back at.
pub(super) fn listens(gateway: &RawGatewayFile) -> impl Iterator<Item = &RawListen> {
    let listens = gateway.listen.items().iter().map(Spanned::get_ref);
    listens.filter(|listen| listen.serves.get() == Some(&Serves::Archive))
}

/// Whether an inside listener asks for certificates.
pub(super) fn asks_for_certificates(gateway: &RawGatewayFile) -> bool {
    listens(gateway).any(|listen| listen.tls.cloned().unwrap_or_default() == ListenerTls::Mutual)
}

/// Everything that only shows with both files at hand.
pub(super) fn validate(
    gateway: &RawGatewayFile,
    model: &PolicyModel,
    entries: &Entries<'_>,
    reports: &mut Reports<'_>,
) {
    for (index, peer) in model.peers.iter().enumerate() {
        reports_of(index, peer, model, entries, reports);
    }
    if listens(gateway).next().is_none() {
        unused(gateway, model, entries, reports);
        return;
    }
    destinations(gateway, model, reports);
    for (index, peer) in model.peers.iter().enumerate() {
        receives(index, peer, gateway, model, entries, reports);
    }
    for (index, archive) in model.archives.iter().enumerate() {
        let Some(raw) = entries.archives.get(index) else { continue };
        calls(index, archive, raw, gateway, model, reports);
        if raw.correlate.get() == Some(&crate::config::Correlate::Destination) {
            super::told::validate(archive, raw, gateway, model, reports);
        }
    }
    for (index, rule) in model.rules.iter().enumerate() {
        let sends = rule.effect == Effect::Permit && rule.who.iter().any(|who| matches!(who, Subject::Archive(_)));
        let away = |to: &&std::sync::Arc<str>| {
            let mut peers = model.peers.iter().filter(|peer| named(peer, to)).peekable();
            peers.peek().is_some() && peers.all(|peer| peer.address.is_none())
        };
        if let (true, Some(to), Some(raw)) = (sends, rule.to.iter().find(away), entries.rules.get(index)) {
            let message = format!("rule `{}` lets an archive send to peer `{to}`, which has no `address`", rule.name);
            let hint = "write at the peer where it listens: address = \"10.30.0.21:11112\"";
            reports.policy.warning(raw.span_of("to"), message).hint(hint);
        }
    }
}

/// Without an inside listener nothing comes back: what is said about it is said in vain.
fn unused(gateway: &RawGatewayFile, model: &PolicyModel, entries: &Entries<'_>, reports: &mut Reports<'_>) {
    if matches!(gateway.listen, Field::Faulty) {
        return;
    }
    let hint = "add [[listen]] with serves = \"archive\", and let the archive call back there";
    for archive in gateway.archive.items().iter().map(Spanned::get_ref) {
        for (key, at) in [
            ("correlate", archive.correlate.spanned().map(Spanned::span)),
            ("deliveries_may_lag", archive.deliveries_may_lag.spanned().map(Spanned::span)),
            ("calls_from", archive.calls_from.spanned().map(Spanned::span)),
        ] {
            if let Some(at) = at {
                let message = format!("`{key}` is about what this archive sends, and no listener takes that");
                reports.gateway.warning(at, message).hint(hint);
            }
        }
    }
    for (rule, raw) in model.rules.iter().zip(&entries.rules) {
        if rule.effect == Effect::Permit && rule.who.iter().any(|who| matches!(who, Subject::Archive(_))) {
            let message = format!("rule `{}` is about what an archive sends, and no listener takes that", rule.name);
            reports.policy.warning(raw.span_of("who"), message).hint(hint);
        }
    }
}

/// `destination` of a listener must be somebody who receives.
fn destinations(gateway: &RawGatewayFile, model: &PolicyModel, reports: &mut Reports<'_>) {
    for destination in listens(gateway).filter_map(|listen| listen.destination.spanned()) {
        let title = destination.get_ref();
        let mut owners = model.peers.iter().filter(|peer| peer.ae_titles.contains(title)).peekable();
        if owners.peek().is_some() {
            if owners.all(|peer| peer.address.is_none()) {
                let message = format!("`{title}` is a peer without `address`: nothing can be delivered to it");
                let hint = "write at the peer where it listens: address = \"10.30.0.21:11112\"";
                reports.gateway.error(destination.span(), message).hint(hint);
            }
            continue;
        }
        if model.archives.iter().any(|archive| archive.ae_title == *title) {
            continue;
        }
        let receiving = model.peers.iter().filter(|peer| peer.address.is_some());
        let hint = match nearest(title.as_str(), receiving.flat_map(|peer| &peer.ae_titles).map(AeTitle::as_str)) {
            Some(meant) => format!("did you mean \"{meant}\"?"),
            None => "write a title of a peer that has an `address`".to_owned(),
        };
        reports.gateway.error(destination.span(), format!("no peer has the title `{title}`")).hint(hint);
    }
}

/// Whether a peer can receive what moves and archives are let send to it, and nobody else by its title.
fn receives(
    index: usize,
    peer: &Peer,
    gateway: &RawGatewayFile,
    model: &PolicyModel,
    entries: &Entries<'_>,
    reports: &mut Reports<'_>,
) {
    let Some(raw) = entries.peers.get(index) else { return };
    let name = &peer.name;
    let Some(address) = &peer.address else {
        let lets = model.rules.iter().find(|rule| raw.address.is_absent() && moves_to(rule, peer));
        if let Some(rule) = lets {
            let message = format!(
                "rule `{}` lets moves go to peer `{name}`, which has no `address`: they are answered A801",
                rule.name
            );
            let hint = "write where it listens: address = \"10.30.0.21:11112\"; or name destinations that receive";
            reports.peer(index, entries).warning(raw.span_of("ae_titles"), message).hint(hint);
        }
        return;
    };
    let report = reports.peer(index, entries);
    if !peer.plain && gateway.tls.is_absent() {
        let message = format!("deliveries to peer `{name}` are made over TLS, and there is no `[tls]`");
        report.error(raw.span_of("address"), message).hint("add [tls] with certificate, private_key and client_ca");
    }
    let host = address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host).trim_matches(['[', ']']);
    let outside =
        |ip: std::net::IpAddr| !peer.networks.is_empty() && !peer.networks.iter().any(|net| net.contains(&ip));
    if peer.plain && host.parse().is_ok_and(outside) {
        let message = format!("peer `{name}` is delivered to in clear, and `{host}` lies outside its `network`");
        let hint = "write the network that it receives in, too; in clear nothing leaves its networks";
        report.error(raw.span_of("address"), message).hint(hint);
    }
    for title in raw.ae_titles.items() {
        let shares = |other: &&Peer| other.address.is_some() && other.ae_titles.contains(title.get_ref());
        if let Some(other) = model.peers.iter().take(index).find(shares) {
            let message = format!(
                "`{}` is also a title of peer `{}`, and both receive: a delivery could be for either",
                title.get_ref(),
                other.name
            );
            let hint = "give each a title of its own, or take the `address` of one out";
            report.error(title.span(), message).hint(hint);
        }
        if model.archives.iter().any(|archive| archive.ae_title == *title.get_ref()) {
            let message = format!(
                "`{}` is a title of peer `{name}`, which receives, and of an archive: a delivery could be for either",
                title.get_ref()
            );
            report.error(title.span(), message).hint("give the peer another title");
        }
    }
}

/// Whether an archive that calls back can be told from the others, and can call back at all.
fn calls(
    index: usize,
    archive: &ArchiveName,
    raw: &RawArchive,
    gateway: &RawGatewayFile,
    model: &PolicyModel,
    reports: &mut Reports<'_>,
) {
    let certified = listens(gateway).all(|listen| listen.tls.cloned().unwrap_or_default() == ListenerTls::Mutual);
    let at = match raw.calls_as.is_absent() {
        true => raw.span_of("ae_title"),
        false => raw.span_of("calls_as"),
    };
    if certified && archive.certificate.is_none() {
        let message =
            format!("archive `{}` cannot call back: it has no `certificate` to be known by", archive.ae_title);
        let hint = "write what it shows: certificate = \"pacs.hospital.example\"";
        reports.gateway.warning(raw.span_of("ae_title"), message).hint(hint);
    }
    for other in model.archives.iter().take(index).filter(|other| other.ae_title != archive.ae_title) {
        let Some(title) = archive.calls_as.iter().find(|title| other.calls_as.contains(title)) else { continue };
        if apart(&archive.calls_from, &other.calls_from) || (certified && differ(archive, other)) {
            continue;
        }
        let message =
            format!("archive `{}` also calls as `{title}`, and `calls_from` does not tell them apart", other.ae_title);
        let hint = "write at both where they call from: calls_from = [\"10.0.0.5/32\"]";
        reports.gateway.error(at.clone(), message).hint(hint);
    }
}

/// Whether no address lies in both.
fn apart(some: &[IpNet], others: &[IpNet]) -> bool {
    let meet = |one: &IpNet| others.iter().any(|other| one.contains(other) || other.contains(one));
    !some.is_empty() && !others.is_empty() && !some.iter().any(meet)
}

/// Whether no certificate could be both's.
fn differ(one: &ArchiveName, other: &ArchiveName) -> bool {
    match (&one.certificate, &other.certificate) {
        (None, _) | (_, None) => true,
        (Some(CertificatePattern::Any), _) | (_, Some(CertificatePattern::Any)) => one.trust != other.trust,
        (Some(pattern), Some(other)) => pattern != other,
    }
}

/// Where reports of storage commitment go, and whether somebody may ask for one at all; what an edge must show.
fn reports_of(index: usize, peer: &Peer, model: &PolicyModel, entries: &Entries<'_>, reports: &mut Reports<'_>) {
    let Some(raw) = entries.peers.get(index) else { return };
    let (name, report) = (&peer.name, reports.peer(index, entries));
    if let Some(way) = raw.commit_report.spanned() {
        if *way.get_ref() == CommitReport::New && raw.address.is_absent() {
            report
                .error(way.span(), format!("reports for peer `{name}` go to its `address`, and it has none"))
                .hint("write where it listens: address = \"10.20.0.11:11112\"");
        }
        if !may(model, peer, Operation::Commit) {
            report
                .warning(way.span(), format!("no rule lets peer `{name}` ask for storage commitment"))
                .hint("add \"commit\" to the `may` of a rule for it, or take this out");
        }
    }
    if let Some(edge) = raw.edge.spanned().filter(|edge| *edge.get_ref()) {
        let message = match &peer.certificate {
            _ if peer.plain => Some("comes without TLS"),
            None if raw.certificate.is_absent() => Some("has no `certificate`"),
            Some(CertificatePattern::Any) => Some("may show any certificate"),
            None | Some(_) => None,
        };
        if let Some(message) = message {
            report
                .error(edge.span(), format!("peer `{name}` is marked `edge` and {message}: anybody could pass for it"))
                .hint("write what the edge shows: certificate = \"edge-ct1.hospital.example\"");
        }
    }
}
