//! Quiet weakness: what works, and lets in more than its writer meant.

use crate::config::fault::Report;
use crate::config::raw::Field;
use crate::config::raw::gateway::{RawGatewayFile, RawListen};
use crate::config::raw::policy::{RawPeer, RawRule};
use crate::config::settings::{ListenerTls, Serves};
use crate::dicom::dimse::tolerance::Tolerance;
use crate::policy::model::{CertificatePattern, Effect, Peer, PolicyModel, Subject};
use std::sync::Arc;
use toml::Spanned;

/// Listeners for peers.
fn listens(gateway: &RawGatewayFile, tls: ListenerTls) -> impl Iterator<Item = &RawListen> {
    let listens = gateway.listen.items().iter().map(Spanned::get_ref);
    let listens = listens.filter(|listen| listen.serves.get() != Some(&Serves::Archive));
    listens.filter(move |listen| listen.tls.cloned().unwrap_or_default() == tls)
}

/// A peer must be known by more than its title.
pub(super) fn peer(raw: &RawPeer, peer: &Peer, gateway: &RawGatewayFile, report: &mut Report<'_>) {
    let at = raw.ae_titles.spanned().map_or(raw.here.clone(), Spanned::span);
    let nowhere = raw.network.is_absent() || matches!(&raw.network, Field::Given(list) if list.get_ref().0.is_empty());
    let name = &peer.name;
    speaks_for_people(raw, peer, report);
    if peer.plain {
        if nowhere {
            report
                .error(
                    at.clone(),
                    format!("peer `{name}` comes without TLS and from anywhere: its title would be enough"),
                )
                .hint("write the network that it stands in: network = [\"10.20.0.11/32\"]");
        }
        if listens(gateway, ListenerTls::Off).next().is_none() && !gateway.listen.items().is_empty() {
            report
                .warning(at, format!("peer `{name}` comes without TLS, and no listener has tls = \"off\""))
                .hint("add such a listener, or take tls = \"off\" out");
        }
        return;
    }
    if raw.certificate.is_absent() {
        if listens(gateway, ListenerTls::Mutual).next().is_some() {
            report
                .error(
                    at,
                    format!(
                        "peer `{name}` has no `certificate`, and listeners ask for one: any device could call as it"
                    ),
                )
                .hint("write the DNS name in its certificate: certificate = \"ct1.hospital.example\"");
        } else if nowhere {
            report
                .error(at, format!("peer `{name}` has neither `certificate` nor `network`: its title would be enough"))
                .hint("write the network that it stands in: network = [\"10.20.0.11/32\"]");
        } else if let Some(address) = raw.address.spanned() {
            report
                .error(address.span(), format!("peer `{name}` receives, and nothing says what its certificate shows"))
                .hint("write the DNS name in its certificate: certificate = \"ws1.hospital.example\"");
        }
    }
    if let Some(any) = raw.certificate.spanned().filter(|any| *any.get_ref() == CertificatePattern::Any)
        && nowhere
    {
        report
            .warning(any.span(), format!("every device with a certificate can call as `{name}`, from anywhere"))
            .hint("write the DNS name in its certificate, or its network");
    }
}

/// A plain listener that others can reach serves only peers that are narrowed to networks.
pub(super) fn listeners(gateway: &RawGatewayFile, model: &PolicyModel, report: &mut Report<'_>) {
    for listen in listens(gateway, ListenerTls::Off) {
        let Some(address) = listen.address.spanned().filter(|address| !address.get_ref().ip().is_loopback()) else {
            continue;
        };
        let mut plain = model.peers.iter().filter(|peer| peer.plain).peekable();
        if plain.peek().is_none() {
            report
                .warning(address.span(), "this listener speaks plain DICOM, and no peer comes without TLS")
                .hint("write tls = \"off\" at the peers that cannot do TLS, or take the listener out");
            continue;
        }
        let open: Vec<&str> = plain.filter(|peer| peer.networks.is_empty()).map(|peer| &*peer.name).collect();
        if !open.is_empty() {
            let message = format!(
                "this listener speaks plain DICOM off this machine, and peers lack `network`: {}",
                open.join(", ")
            );
            report.error(address.span(), message).hint("write at each of them the network that it stands in");
        }
    }
}

/// `anyone` must not be given anything.
pub(super) fn rule(raw: &RawRule, report: &mut Report<'_>) {
    let permits = raw.effect.get().is_none_or(|effect| effect.0 == Effect::Permit);
    let anyone = raw.who.items().iter().find(|subject| *subject.get_ref() == Subject::Anyone);
    if let (true, Some(anyone)) = (permits && !matches!(raw.effect, Field::Faulty), anyone) {
        report
            .error(anyone.span(), "`anyone` with a permit opens this to every peer, those of tomorrow included")
            .hint("name the groups that need it: \"group:modality\"; `anyone` is for effect = \"deny\"");
    }
}

/// What is written of people must be able to come true.
pub(super) fn people(raw: &RawRule, gateway: &RawGatewayFile, report: &mut Report<'_>) {
    let person = raw.who.items().iter().find(|who| matches!(who.get_ref(), Subject::Role(_) | Subject::User(_)));
    if let (Some(person), true) = (person, gateway.users.is_absent()) {
        let message = format!("nobody is known as `{}`: gateway.toml has no [users]", person.get_ref());
        report.warning(person.span(), message).hint("say in [users] of gateway.toml where people are known");
    }
    if let (Some(blown), true) = (raw.on_budget.spanned(), raw.budget.is_absent()) {
        report
            .error(blown.span(), "there is no `budget` that could be used up")
            .hint("write budget = \"100 studies/hour\"");
    }
}

/// A device speaks for a person only by its certificate.
fn speaks_for_people(raw: &RawPeer, peer: &Peer, report: &mut Report<'_>) {
    let certified = peer.certificate.as_ref().is_some_and(|pattern| *pattern != CertificatePattern::Any);
    if let (Some(titles), false) = (raw.emergency_titles.spanned(), certified) {
        report
            .error(
                titles.span(),
                format!("any device could call an emergency as `{}`: it has no certificate of its own", peer.name),
            )
            .hint("write the DNS name in its certificate, or take the titles out");
    }
    if let (Some(only), true, false) = (raw.username_only.spanned(), peer.username_only, certified) {
        report
            .error(
                only.span(),
                format!("any device could name any person as `{}`: it has no certificate of its own", peer.name),
            )
            .hint("write the DNS name in its certificate, or let its users identify themselves");
    }
}

/// The tolerances of a peer, by their names.
pub(super) fn tolerances(raw: &RawPeer, report: &mut Report<'_>) -> Vec<Arc<str>> {
    let mut names = Vec::new();
    for word in raw.tolerate.items() {
        match word.get_ref().0.parse::<Tolerance>() {
            Ok(tolerance) => names.push(Arc::from(tolerance.as_str())),
            Err(fault) => {
                let all = Tolerance::ALL.map(Tolerance::as_str).join(", ");
                let hint = fault.near.map_or(format!("write one of {all}"), |near| format!("did you mean \"{near}\"?"));
                report.error(word.span(), format!("`{}` is no tolerance", fault.word)).hint(hint);
            }
        }
    }
    names
}
