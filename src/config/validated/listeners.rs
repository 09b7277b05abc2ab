//! `[[listen]]`.

use crate::config::fault::Report;
use crate::config::raw::Field;
use crate::config::raw::gateway::{RawGatewayFile, RawListen};
use crate::config::settings::{Listener, ListenerTls, Serves};
use std::net::SocketAddr;
use toml::Spanned;

pub(super) fn validate(raw: &RawGatewayFile, report: &mut Report<'_>) -> Vec<Listener> {
    let listens = raw.listen.items();
    if let Some(list) = raw.listen.spanned()
        && list.get_ref().0.is_empty()
    {
        report.error(list.span(), "there is no listener").hint("add a table [[listen]]");
    }
    let mut listeners = Vec::new();
    for (at, listen) in listens.iter().enumerate() {
        let listen = listen.get_ref();
        let earlier = || listens.iter().take(at).map(toml::Spanned::get_ref);
        if let Some(name) = listen.name.spanned()
            && earlier().any(|other| other.name.get() == Some(name.get_ref()))
        {
            report
                .error(name.span(), format!("another listener is called `{}`", name.get_ref().0))
                .hint("records name listeners: give each a name of its own");
        }
        if let Some(address) = listen.address.spanned() {
            let taken = earlier().find(|other| other.address.get().is_some_and(|o| clash(o, address.get_ref())));
            if let Some(other) = taken {
                let name = other.name.get().map(|name| name.0.as_str()).unwrap_or("another");
                let message = format!("`{}` is taken by listener `{name}`", address.get_ref());
                report.error(address.span(), message).hint("give each listener a port of its own");
            }
            let admin = raw.admin.get().and_then(|admin| admin.address.get()).and_then(|admin| admin.0);
            if admin.is_some_and(|admin| clash(&admin, address.get_ref())) {
                let message = format!("`{}` is also the address of `[admin]`", address.get_ref());
                report.error(address.span(), message).hint("give each a port of its own");
            }
        }
        inside(listen, report);
        let (Some(name), Some(address)) = (listen.name.get(), listen.address.cloned()) else { continue };
        listeners.push(Listener {
            name: name.0.as_str().into(),
            address,
            tls: listen.tls.cloned().unwrap_or_default(),
            serves: listen.serves.cloned().unwrap_or_default(),
            destination: listen.destination.cloned(),
            networks: listen.network.values(),
            proxy_protocol: listen.proxy_protocol.values(),
        });
    }
    let outside = |listen: &Spanned<RawListen>| listen.get_ref().serves.get() != Some(&Serves::Archive);
    if let (Some(list), false) = (raw.listen.spanned(), listens.is_empty() || listens.iter().any(outside)) {
        report.warning(list.span(), "no listener serves peers").hint("add [[listen]] with serves = \"peers\"");
    }
    needs_ca(raw, report);
    listeners
}

/// What archives call back at must be narrowed to where they are.
fn inside(listen: &RawListen, report: &mut Report<'_>) {
    let serves = listen.serves.get().copied().unwrap_or_default();
    if let (Serves::Peers, Some(destination)) = (serves, listen.destination.spanned()) {
        if !matches!(listen.serves, Field::Faulty) {
            report
                .error(
                    destination.span(),
                    "`destination` says for whom an archive's deliveries are, and peers call here",
                )
                .hint("write serves = \"archive\", or take it out");
        }
        return;
    }
    let Some(address) = listen.address.spanned().filter(|address| !address.get_ref().ip().is_loopback()) else {
        return;
    };
    let nowhere = listen.network.is_absent() || listen.network.get().is_some_and(|list| list.0.is_empty());
    let tls = listen.tls.cloned().unwrap_or_default();
    if serves == Serves::Archive && tls != ListenerTls::Mutual && nowhere {
        let what = if tls == ListenerTls::Off { "without TLS" } else { "without a certificate" };
        let message = format!("archives call here {what} and from anywhere: a title would be enough");
        report.error(address.span(), message).hint("write where they are: network = [\"10.0.0.5/32\"]");
    }
}

/// Whether two sockets cannot be open at once.
pub(super) fn clash(one: &SocketAddr, other: &SocketAddr) -> bool {
    let same = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && one.port() != 0 && same
}

/// A mutual listener must know who vouches for callers.
fn needs_ca(raw: &RawGatewayFile, report: &mut Report<'_>) {
    let mutual =
        |listen: &&Spanned<RawListen>| listen.get_ref().tls.cloned().unwrap_or_default() == ListenerTls::Mutual;
    let (Some(tls), true) = (raw.tls.spanned(), raw.listen.items().iter().any(|listen| mutual(&listen))) else {
        return;
    };
    if tls.get_ref().client_ca.is_absent() {
        report
            .error(tls.span(), "`client_ca` is missing in [tls], and a listener asks for client certificates")
            .hint("write client_ca = \"certs/ca.crt\"");
    }
}
