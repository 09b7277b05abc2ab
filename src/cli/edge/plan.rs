//! What the small gateway is to be, out of what the main one says about the device. Decides nothing that the main
//! gateway would not: whatever it lets pass, that one is asked.

use crate::config::{Archive, Endpoint, ListenerTls, Settings};
use crate::dicom::AeTitle;
use crate::dicom::dimse::Operation;
use crate::policy::CertificateFacts;
use crate::policy::model::{Destination, Effect, Peer, Rule, Subject};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

/// The registered port of DICOM over TLS: where deliveries come to, unless somebody says otherwise.
const DELIVERIES: u16 = 2762;
/// Stands in what is printed where nobody said where the edge is.
const UNSAID: &str = "ADDRESS-OF-THE-EDGE";

/// What was asked for.
#[derive(Debug)]
pub(super) struct Wish<'a> {
    pub(super) peer: &'a str,
    pub(super) gateway: &'a Endpoint,
    pub(super) device: &'a [IpNet],
    pub(super) receives: Option<&'a Endpoint>,
    pub(super) listen: SocketAddr,
    pub(super) deliver: Option<&'a Endpoint>,
    pub(super) name: Option<&'a str>,
    /// What the main gateway's certificate says.
    pub(super) shown: &'a CertificateFacts,
}

/// The small gateway.
#[derive(Debug)]
pub(super) struct Plan {
    /// Its name, its certificate's common name, and that of the certificate's files.
    pub(super) name: String,
    /// How rules call the device, here and there.
    pub(super) peer: Arc<str>,
    /// The device as the main gateway's policy has it.
    pub(super) device: Peer,
    /// Where the device calls from.
    pub(super) networks: Vec<IpNet>,
    /// Where the device receives, if it does.
    pub(super) receives: Option<String>,
    /// Where the edge listens for the device.
    pub(super) listen: SocketAddr,
    /// The main gateway, and what its certificate must be.
    pub(super) gateway: Endpoint,
    pub(super) pattern: String,
    /// Deliveries: where the edge listens, what the main gateway dials, and where that calls from, if known.
    pub(super) deliveries: Option<Deliveries>,
    /// Titles that the device calls, with what it may do there.
    pub(super) systems: Vec<System>,
    /// The main gateway's policy.
    pub(super) policy_file: PathBuf,
    /// What does not pass through the edge, in words.
    pub(super) remarks: Vec<String>,
}

/// The way back.
#[derive(Debug)]
pub(super) struct Deliveries {
    pub(super) listen: SocketAddr,
    pub(super) dialled: String,
    pub(super) from: Option<IpNet>,
}

/// A system that the device calls, which is the main gateway under one of its titles.
#[derive(Debug)]
pub(super) struct System {
    pub(super) title: AeTitle,
    pub(super) answers_to: Vec<AeTitle>,
    pub(super) calls_as: Vec<AeTitle>,
    /// What goes here when several answer to a title; empty: all.
    pub(super) only: Vec<Operation>,
    /// What rules permit the device there, in the order of the vocabulary.
    pub(super) may: Vec<Operation>,
    /// Where moves may send to, as the edge's rules write it.
    pub(super) destinations: Vec<String>,
    /// Whether it sends the device what nobody asked for.
    pub(super) sends: bool,
}

impl Plan {
    /// Makes the plan, or says in words why there is none.
    pub(super) fn of(main: &Settings, wish: &Wish<'_>) -> Result<Self, String> {
        let peer = find(main, wish.peer)?;
        if !main.listeners.iter().any(|listener| listener.tls == ListenerTls::Mutual) {
            return Err(
                "this gateway has no listener with tls = \"mutual\", to which the one beside the device could come: \
                add it to gateway.toml"
                    .to_owned(),
            );
        }
        let networks = if wish.device.is_empty() && !peer.edge { peer.networks.clone() } else { wish.device.to_vec() };
        if networks.is_empty() {
            return Err(format!("nothing says where `{}` stands: --device 10.20.0.11", peer.name));
        }
        // Once the change is made, the peer's own address is the edge's.
        let receives = match (wish.receives, &peer.address) {
            (Some(given), _) => Some(given.to_string()),
            (None, Some(_)) if peer.edge => {
                return Err(format!(
                    "the `address` of `{}` is that of the gateway beside it: --receives HOST:PORT says where the device \
                     itself does",
                    peer.name
                ));
            }
            (None, address) => address.clone(),
        };
        let mut remarks = Vec::new();
        let mut systems = systems(main, peer);
        only_known(&mut systems, peer, &mut remarks);
        systems.retain(|system| !system.may.is_empty());
        if systems.is_empty() {
            return Err(format!(
                "no rule of {} permits `{}` anything: write its rules first, and ask `dicomgate policy explain`",
                main.source.policy.display(),
                peer.name
            ));
        }
        if wish.deliver.is_some() && receives.is_none() {
            return Err(format!(
                "`{}` has no `address`, so nothing is delivered: take --deliver out, or say --receives",
                peer.name
            ));
        }
        let dialled = peer.address.as_deref().filter(|_| peer.edge && wish.deliver.is_none());
        let deliveries = receives.as_ref().map(|_| deliveries(wish, dialled));
        Ok(Self {
            name: wish.name.map_or_else(|| default_name(&peer.name), str::to_owned),
            peer: Arc::clone(&peer.name),
            device: peer.clone(),
            networks,
            receives,
            listen: wish.listen,
            gateway: wish.gateway.clone(),
            pattern: pattern(wish.gateway, wish.shown),
            deliveries,
            systems,
            policy_file: main.source.policy.clone(),
            remarks,
        })
    }

    /// The certificate, below the folder.
    pub(super) fn certificate(&self) -> String {
        format!("certs/{}.crt", self.name)
    }

    /// Its key, below the folder.
    pub(super) fn key(&self) -> String {
        format!("certs/{}.key", self.name)
    }
}

fn find<'a>(main: &'a Settings, wanted: &str) -> Result<&'a Peer, String> {
    let peers = &main.policy.peers;
    let titled = |peer: &&Peer| peer.ae_titles.iter().any(|title| title.as_str() == wanted);
    let found = peers.iter().find(|peer| &*peer.name == wanted).or_else(|| peers.iter().find(titled));
    found.ok_or_else(|| {
        let names: Vec<&str> = peers.iter().take(20).map(|peer| &*peer.name).collect();
        format!("there is no peer `{wanted}` in {}; there are {}", main.source.policy.display(), names.join(", "))
    })
}

/// `edge-` and the name, as far as a gateway may be called so.
fn default_name(peer: &str) -> String {
    let fits =
        |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c.to_ascii_lowercase() } else { '-' };
    format!("edge-{}", peer.chars().map(fits).take(27).collect::<String>())
}

/// What the main gateway's certificate must show: the name that is dialled where it has it, else its first, else its
/// common name, else its key.
fn pattern(gateway: &Endpoint, shown: &CertificateFacts) -> String {
    let host = gateway.host.to_ascii_lowercase();
    let dialled = shown.dns.iter().find(|name| ***name == host);
    match (dialled.or(shown.dns.first()), &shown.common_name) {
        (Some(name), _) => name.to_string(),
        (None, Some(name)) => format!("cn:{name}"),
        (None, None) => format!("sha256:{}", crate::audit::body::hex(&shown.spki)),
    }
}

fn deliveries(wish: &Wish<'_>, before: Option<&str>) -> Deliveries {
    let before = before.and_then(|address| endpoint(address).ok());
    let (host, port) = match wish.deliver.or(before.as_ref()) {
        Some(Endpoint { host, port }) => (host.as_str(), *port),
        None => (UNSAID, DELIVERIES),
    };
    let anywhere = if wish.listen.is_ipv6() { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    let dialled = Endpoint { host: host.to_owned(), port }.to_string();
    let listen = SocketAddr::new(host.parse().unwrap_or(anywhere), port);
    Deliveries { listen, dialled, from: wish.gateway.host.parse::<IpAddr>().ok().map(IpNet::from) }
}

/// What the device may do, by called title.
fn systems(main: &Settings, peer: &Peer) -> Vec<System> {
    let mut systems: Vec<System> = Vec::new();
    for archive in &main.archives {
        let rules: Vec<&Rule> = main.policy.rules.iter().filter(|rule| permits(rule, peer, archive)).collect();
        let may: Vec<Operation> = Operation::ALL
            .into_iter()
            .filter(|operation| {
                archive.operations.is_empty() || *operation == Operation::Echo || archive.operations.contains(operation)
            })
            .filter(|operation| rules.iter().any(|rule| rule.may.contains(operation)))
            .collect();
        if may.is_empty() {
            continue;
        }
        // The main gateway is called by a title that it answers to.
        let own = archive.answers_to.contains(&archive.ae_title);
        let Some(title) = archive.answers_to.first().map(|first| if own { archive.ae_title } else { *first }) else {
            continue;
        };
        let calls_as: Vec<AeTitle> = archive
            .calls_as
            .iter()
            .filter(|title| !systems.iter().any(|system| system.calls_as.contains(title)))
            .copied()
            .collect();
        let destinations = destinations(&rules, peer);
        let sends = main.policy.rules.iter().any(|rule| sends(rule, peer, archive));
        match systems.iter_mut().find(|system| system.title == title) {
            None => systems.push(System {
                title,
                answers_to: archive.answers_to.clone(),
                calls_as,
                only: archive.operations.clone(),
                may,
                destinations,
                sends,
            }),
            Some(system) => {
                // Two of them behind one title: the main gateway tells them apart.
                unite(&mut system.answers_to, archive.answers_to.clone());
                unite(&mut system.calls_as, calls_as);
                unite(&mut system.destinations, destinations);
                system.may =
                    Operation::ALL.into_iter().filter(|op| system.may.contains(op) || may.contains(op)).collect();
                match archive.operations.is_empty() {
                    true => system.only.clear(),
                    false if system.only.is_empty() => {}
                    false => unite(&mut system.only, archive.operations.clone()),
                }
                system.sends |= sends;
            }
        }
    }
    systems
}

fn unite<T: PartialEq>(into: &mut Vec<T>, more: Vec<T>) {
    for one in more {
        if !into.contains(&one) {
            into.push(one);
        }
    }
}

fn named(names: &[Arc<str>], peer: &Peer) -> bool {
    names.iter().any(|name| *name == peer.name || peer.ae_titles.iter().any(|title| title.as_str() == &**name))
}

fn permits(rule: &Rule, peer: &Peer, archive: &Archive) -> bool {
    let is = |subject: &Subject| match subject {
        Subject::Peer(name) => named(std::slice::from_ref(name), peer),
        Subject::Group(group) => peer.groups.contains(group),
        Subject::Anyone => true,
        Subject::Role(_) | Subject::User(_) | Subject::Archive(_) => false,
    };
    let who = rule.who.iter().any(is) && (rule.via.is_empty() || rule.via.iter().any(is));
    let to = rule
        .to
        .iter()
        .any(|to| **to == *archive.ae_title.as_str() || archive.answers_to.iter().any(|title| title.as_str() == &**to));
    rule.effect == Effect::Permit && who && to
}

/// Whether a rule lets an archive send the device what nobody asked for.
fn sends(rule: &Rule, peer: &Peer, archive: &Archive) -> bool {
    let who = rule
        .who
        .iter()
        .any(|subject| matches!(subject, Subject::Archive(name) if **name == *archive.ae_title.as_str()));
    rule.effect == Effect::Permit && who && named(&rule.to, peer) && rule.may.contains(&Operation::Store)
}

/// Where moves may send to, as the main gateway's rules have it.
fn destinations(rules: &[&Rule], peer: &Peer) -> Vec<String> {
    let mut destinations = Vec::new();
    for destination in
        rules.iter().filter(|rule| rule.may.contains(&Operation::Move)).flat_map(|rule| &rule.destinations)
    {
        let word = match destination {
            Destination::Own => "self",
            Destination::Named(name) if named(std::slice::from_ref(name), peer) => "self",
            Destination::Named(name) => name,
        };
        unite(&mut destinations, vec![word.to_owned()]);
    }
    destinations
}

/// The edge knows the device and the systems behind the main gateway, and nobody else to send to.
fn only_known(systems: &mut [System], peer: &Peer, remarks: &mut Vec<String>) {
    let known: Vec<AeTitle> = systems.iter().map(|system| system.title).collect();
    for system in systems {
        system.destinations.retain(|word| {
            let kept = word == "self" || known.iter().any(|title| title.as_str() == word);
            if !kept {
                let (who, what) = (&peer.name, "do not pass the gateway beside it, which does not know that one");
                unite(remarks, vec![format!("moves by `{who}` to `{word}` {what}")]);
            }
            kept
        });
        if system.destinations.is_empty() {
            system.may.retain(|operation| *operation != Operation::Move);
        }
    }
}

/// Takes `host:port` from the command line.
pub(super) fn endpoint(text: &str) -> Result<Endpoint, String> {
    let fault = || format!("`{text}` is not a host and port: write gate.hospital.example:2762");
    let (host, port) = text.rsplit_once(':').ok_or_else(fault)?;
    let port: u16 = port.parse().ok().filter(|port| *port != 0).ok_or_else(fault)?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let fits = match bare {
        Some(bare) => bare.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(named),
    };
    if fits { Ok(Endpoint { host: bare.unwrap_or(host).to_owned(), port }) } else { Err(fault()) }
}

/// Takes an address or a network from the command line.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.map_err(|_| format!("`{text}` is neither an address nor a network: write 10.20.0.11 or 10.20.0.0/24"))
}

/// Takes a gateway's name from the command line.
pub(super) fn name(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let whole = (1..=32).contains(&text.len()) && text.bytes().all(fits) && !text.starts_with(['.', '-']);
    match whole && !text.eq_ignore_ascii_case("ca") {
        true => Ok(text.to_owned()),
        false => {
            Err(format!("`{text}` is no name for a gateway: 1 to 32 letters, digits, `-`, `_`, `.`, a letter first"))
        }
    }
}
