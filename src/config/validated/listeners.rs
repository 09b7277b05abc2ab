//! `[[listen]]`.

use crate::config::fault::Report;
use crate::config::raw::gateway::RawGatewayFile;
use crate::config::settings::{Listener, ListenerTls};
use std::net::SocketAddr;

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
    needs_ca(raw, report);
    listeners
}

/// Whether two sockets cannot be open at once.
pub(super) fn clash(one: &SocketAddr, other: &SocketAddr) -> bool {
    let same = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && one.port() != 0 && same
}

/// A mutual listener must know who vouches for callers.
fn needs_ca(raw: &RawGatewayFile, report: &mut Report<'_>) {
    let mutual = |listen: &&toml::Spanned<crate::config::raw::gateway::RawListen>| {
        listen.get_ref().tls.cloned().unwrap_or_default() == ListenerTls::Mutual
    };
    let (Some(tls), true) = (raw.tls.spanned(), raw.listen.items().iter().any(|listen| mutual(&listen))) else {
        return;
    };
    if tls.get_ref().client_ca.is_absent() {
        report
            .error(tls.span(), "`client_ca` is missing in [tls], and a listener asks for client certificates")
            .hint("write client_ca = \"certs/ca.crt\"");
    }
}
