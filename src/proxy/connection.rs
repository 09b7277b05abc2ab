//! The way of one connection: accept, identify, negotiate; then the relay takes over.

use super::live::Place;
use super::refusal::{self, Known};
use super::relay::Relay;
use super::shared::{LONG_REQUEST, Shared};
use super::snapshot::Snapshot;
use super::{associate, clock};
use crate::audit::AssociationId;
use crate::audit::event::Cause;
use crate::config::{Listener, ListenerTls};
use crate::dicom::association::{Association, Event, Outgoing};
use crate::dicom::pdu::{self, AssociateRq, Framer, FramerLimits, Pdu};
use crate::identity::{Presented, Proof, present};
use crate::net::Wire;
use crate::net::proxy_protocol::{self, Parsed};
use crate::net::slots::{Full, Slot};
use crate::net::tls::{Session, TlsFault};
use crate::net::wire::WireFault;
use crate::pki;
use bytes::Bytes;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// How long a refused caller may take to read that it is refused.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(5);

/// A connection on its way to an association.
#[derive(Debug)]
pub(super) struct Newcomer {
    pub(super) shared: Arc<Shared>,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) listener: Arc<Listener>,
    pub(super) wire: Wire,
    pub(super) place: Place,
    pub(super) id: AssociationId,
    pub(super) unidentified: Slot<IpAddr>,
}

/// An association request, and who seems to make it.
#[derive(Debug)]
pub(super) struct Asking {
    pub(super) newcomer: Newcomer,
    pub(super) presented: Presented,
    pub(super) machine: Association,
    pub(super) framer: Framer,
    pub(super) rq: Box<AssociateRq>,
    pub(super) since: Instant,
    /// What is refused is answered a whole number of these behind `since`: somebody said who they are.
    pub(super) answer_after: Option<Duration>,
    /// Somebody asked to be told that they were recognised, and was: 59H.
    pub(super) confirm: bool,
}

/// Serves one connection from its first to its last byte.
pub(super) async fn serve(
    shared: Arc<Shared>,
    listener: Arc<Listener>,
    tcp: TcpStream,
    remote: SocketAddr,
    place: Place,
) {
    // What leads up to data transfer needs much room for a short time, the relay little for a long one.
    let relay = Box::pin(establish(shared, listener, tcp, remote, place)).await;
    if let Some(relay) = relay {
        relay.run().await;
    }
}

async fn establish(
    shared: Arc<Shared>,
    listener: Arc<Listener>,
    tcp: TcpStream,
    remote: SocketAddr,
    place: Place,
) -> Option<Box<Relay>> {
    shared.metrics.connections.with_label_values(&[&*listener.name]).inc();
    let snapshot = shared.snapshot();
    let id = shared.gate.association();
    let wire = Wire::plain(tcp, remote, Arc::clone(&shared.pool));
    let limits = &snapshot.settings.limits;
    let most = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
    // A balancer brings the connections of everybody; who they are of is counted once its header has been read.
    let per_address =
        if listener.proxy_protocol.is_empty() { limits.connections_per_address } else { limits.unidentified };
    let taken = shared.unidentified.take(remote.ip().to_canonical(), most(per_address), most(limits.unidentified));
    let unidentified = match taken {
        Ok(unidentified) => unidentified,
        Err(full) => {
            refusal::too_many(&shared, snapshot.generation, id, &listener.name, remote, bound(full));
            wire.reset();
            return None;
        }
    };
    let mut newcomer = Newcomer { shared, snapshot, listener, wire, place, id, unidentified };
    if !read_proxy_header(&mut newcomer).await || !count_behind_balancer(&mut newcomer) {
        return None;
    }
    let from = newcomer.wire.remote().ip().to_canonical();
    if !newcomer.listener.networks.is_empty() && !contains(&newcomer.listener.networks, from) {
        refusal::connection(&newcomer, Known::default(), Cause::Identity, "this listener does not serve that address");
        newcomer.wire.reset();
        return None;
    }
    let (mut newcomer, proof) = do_tls(newcomer).await?;
    let presented = present(newcomer.wire.remote(), proof);
    let (machine, framer, rq) = read_request(&mut newcomer, &presented).await?;
    // Only now has the caller asked for something: how long it took to ask is ARTIM's affair.
    let since = Instant::now();
    associate::associate(Asking { newcomer, presented, machine, framer, rq, since, answer_after: None, confirm: false })
        .await
}

/// The bound that was met, in words.
const fn bound(full: Full) -> &'static str {
    match full {
        Full::Key => "more connections of one address wait to be identified than `connections_per_address` allows",
        Full::Total => "more connections wait to be identified than `unidentified` allows",
    }
}

fn contains(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

/// Behind a balancer the PROXY header says who is calling; it is then mandatory, and from elsewhere nobody may come.
async fn read_proxy_header(newcomer: &mut Newcomer) -> bool {
    let balancers = &newcomer.listener.proxy_protocol;
    if balancers.is_empty() {
        return true;
    }
    if !contains(balancers, newcomer.wire.remote().ip().to_canonical()) {
        let words = "this listener takes connections only from the balancers in `proxy_protocol`";
        refusal::connection(newcomer, Known::default(), Cause::Proxy, words);
        return false;
    }
    let wait = newcomer.snapshot.settings.limits.proxy_header;
    let wire = &mut newcomer.wire;
    let header = tokio::time::timeout(wait, async {
        let mut seen = Vec::new();
        while let Ok(Some(bytes)) = wire.recv().await {
            seen.extend_from_slice(&bytes);
            match proxy_protocol::parse(&seen) {
                Parsed::Incomplete => {}
                Parsed::Invalid(words) => return Err(words.to_string()),
                Parsed::Header { source, consumed } => {
                    wire.unread(seen.get(consumed..).unwrap_or_default());
                    return Ok(source);
                }
            }
        }
        Err("the connection ended before the PROXY header was complete".to_owned())
    });
    match header.await {
        Ok(Ok(source)) => {
            if let Some(source) = source {
                newcomer.wire.set_remote(source);
            }
            true
        }
        Ok(Err(words)) => {
            refusal::connection(newcomer, Known::default(), Cause::Proxy, &words);
            false
        }
        Err(_) => {
            refusal::connection(newcomer, Known::default(), Cause::Proxy, "no PROXY header came in time");
            false
        }
    }
}

/// Counts a connection that a balancer brought among those of the address that it is really of, so that one caller
/// behind the balancer cannot take the places of all others. Whether there is a place.
fn count_behind_balancer(newcomer: &mut Newcomer) -> bool {
    let from = newcomer.wire.remote().ip().to_canonical();
    if newcomer.listener.proxy_protocol.is_empty() || contains(&newcomer.listener.proxy_protocol, from) {
        return true;
    }
    let limit = newcomer.snapshot.settings.limits.connections_per_address;
    // It has its place among all already.
    match newcomer.shared.unidentified.take(from, usize::try_from(limit).unwrap_or(usize::MAX), usize::MAX) {
        Ok(place) => {
            newcomer.unidentified = place;
            true
        }
        Err(_) => {
            let words = "more connections of one address wait to be identified than `connections_per_address` allows";
            // Summed up like any other flood, so that it does not fill the disk.
            let Newcomer { shared, snapshot, id, listener, wire, .. } = newcomer;
            refusal::too_many(shared, snapshot.generation, *id, &listener.name, wire.remote(), words);
            false
        }
    }
}

/// TLS, where the listener speaks it. The certificate is looked at once more after the handshake: a resumed session
/// shows the one of its first handshake, which may have been revoked since.
async fn do_tls(mut newcomer: Newcomer) -> Option<(Newcomer, Proof)> {
    let config = match newcomer.listener.tls {
        ListenerTls::Off => return Some((newcomer, Proof::Plain)),
        ListenerTls::Mutual => newcomer.snapshot.mutual.clone(),
        ListenerTls::Server => newcomer.snapshot.server_only.clone(),
    };
    let session = config.map(Session::server);
    let Some(Ok(session)) = session else {
        refusal::connection(&newcomer, Known::default(), Cause::Tls, "this listener has no TLS configuration");
        return None;
    };
    newcomer.wire = newcomer.wire.with_tls(session);
    let wait = newcomer.snapshot.settings.limits.tls_handshake;
    let outcome = tokio::time::timeout(wait, newcomer.wire.handshake()).await;
    let (cause, words) = match outcome {
        Ok(Ok(())) => match recheck(&newcomer) {
            Ok(proof) => return Some((newcomer, proof)),
            Err(words) => (Cause::Revoked, words),
        },
        Ok(Err(WireFault::Tls(TlsFault::Protocol(fault)))) => (Cause::Tls, pki::explain(&fault).words),
        Ok(Err(fault)) => (Cause::Tls, fault.to_string()),
        Err(_) => (Cause::Tls, "the TLS handshake did not end in time".to_owned()),
    };
    refusal::connection(&newcomer, Known::default(), cause, &words);
    // The alert is on its way; give it the time to be read before the connection is gone.
    let _ = tokio::time::timeout(LAST_WORDS, async {
        newcomer.wire.close().await;
        newcomer.wire.linger().await;
    })
    .await;
    None
}

fn recheck(newcomer: &Newcomer) -> Result<Proof, String> {
    if newcomer.listener.tls == ListenerTls::Server {
        return Ok(Proof::Tls);
    }
    let chain = newcomer.wire.tls().and_then(|tls| tls.peer_certificates()).unwrap_or_default();
    let material = newcomer.snapshot.material.as_ref().ok_or("TLS is not configured any more")?;
    material.verifier.recheck(chain, clock::unix()).map(Proof::Mutual).map_err(|fault| fault.to_string())
}

/// The limits of what a caller may send before and during data transfer.
pub(super) fn framer_limits(snapshot: &Snapshot) -> FramerLimits {
    let limits = &snapshot.settings.limits;
    FramerLimits {
        association_pdu: u32::try_from(limits.association_pdu).unwrap_or(u32::MAX),
        pdata: snapshot.own.max_length,
        ..FramerLimits::default()
    }
}

/// Waits for the A-ASSOCIATE-RQ; ARTIM runs (PS3.8 9.1.5).
async fn read_request(
    newcomer: &mut Newcomer,
    presented: &Presented,
) -> Option<(Association, Framer, Box<AssociateRq>)> {
    let artim = newcomer.snapshot.settings.limits.artim;
    let mut machine = Association::acceptor(artim);
    machine.on(Event::Evt5, Instant::now());
    let mut framer = Framer::new(framer_limits(&newcomer.snapshot));
    let (mut read, mut long) = (0_usize, None);
    let deadline = tokio::time::Instant::now() + artim;
    loop {
        let received = match tokio::time::timeout_at(deadline, newcomer.wire.recv()).await {
            Ok(received) => received,
            Err(_) => {
                machine.on(Event::Evt18, Instant::now());
                let known = Known { presented: Some(presented), ..Known::default() };
                refusal::connection(newcomer, known, Cause::Malformed, "no association request came within `artim`");
                return None;
            }
        };
        let known = Known { presented: Some(presented), ..Known::default() };
        let Ok(Some(input)) = received else {
            let words = match received {
                Err(fault) => fault.to_string(),
                _ => "the caller hung up before it asked for an association".to_owned(),
            };
            let alert = newcomer.wire.tls().is_some() && newcomer.wire.has_pending();
            refusal::connection(newcomer, known, if alert { Cause::Tls } else { Cause::Malformed }, &words);
            return None;
        };
        framer.feed(input.clone());
        read = read.saturating_add(input.len());
        let (event, words) = match framer.next() {
            Ok(None) if read > LONG_REQUEST && long.is_none() => {
                long = Arc::clone(&newcomer.shared.long_requests).try_acquire_owned().ok();
                if long.is_some() {
                    continue;
                }
                let words = "too many long association requests are being read at once";
                refusal::connection(newcomer, known, Cause::Limit, words);
                return None;
            }
            Ok(None) => continue,
            Ok(Some(pdu::Event::Control { pdu, end })) => match pdu {
                Pdu::AssociateRq(rq) => {
                    if end < input.len() {
                        // Nothing may be sent before the answer; it would meet the machine in Sta3.
                        newcomer.wire.unread(input.get(end..).unwrap_or_default());
                    }
                    return Some((machine, Framer::new(framer_limits(&newcomer.snapshot)), rq));
                }
                other => (Event::from(&other), "something else than an association request came first".to_owned()),
            },
            Ok(Some(_)) => (Event::Evt10, "data came before an association request".to_owned()),
            Err(fault) => (Event::from(fault), fault.to_string()),
        };
        refusal::connection(newcomer, known, Cause::Malformed, &words);
        let effects = machine.on(event, Instant::now());
        if let Some(bytes) = effects.send.and_then(Outgoing::bytes) {
            say_last(&mut newcomer.wire, &bytes).await;
        }
        return None;
    }
}

/// Sends the last PDU of a connection and waits, within bounds, until the caller has closed it.
pub(super) async fn say_last(wire: &mut Wire, bytes: &[u8]) {
    wire.send(Bytes::copy_from_slice(bytes));
    let _ = tokio::time::timeout(LAST_WORDS, async {
        if wire.flush().await.is_ok() {
            wire.linger().await;
        }
        wire.close().await;
    })
    .await;
}
