//! The files of the small gateway, and what changes at the main one, as a person would write them.

use super::plan::{Plan, System};
use crate::dicom::AeTitle;
use crate::dicom::dimse::Operation;
use crate::policy::model::{CommitReport, Peer};
use std::fmt::Write as _;
use std::net::IpAddr;

/// `gateway.toml`
pub(super) fn gateway(plan: &Plan) -> String {
    let mut text = format!(
        "# A gateway beside `{peer}`, which cannot do TLS: plain DICOM from that one device, mutual TLS to the main gateway.\n\
         # Made by `dicomgate edge new`. Relative paths begin at this folder.\n\n\
         [gateway]\nname  = {name}\nstate = \"state\"\n\n\
         [tls]\ncertificate = {certificate}\nprivate_key = {key}\nclient_ca   = \"certs/ca.crt\"\n\n\
         [[listen]]\nname    = \"device\"\naddress = {listen}\ntls     = \"off\"\nserves  = \"peers\"\nnetwork = {networks}\n",
        peer = one_line(&plan.peer),
        name = quoted(&plan.name),
        certificate = quoted(&plan.certificate()),
        key = quoted(&plan.key()),
        listen = quoted(&plan.listen.to_string()),
        networks = list(&plan.networks),
    );
    if let Some(deliveries) = &plan.deliveries {
        let _ = write!(
            text,
            "\n[[listen]]                             # the main gateway delivers here, and nobody else\n\
             name    = \"deliveries\"\naddress = {}\ntls     = \"mutual\"\nserves  = \"archive\"\n",
            quoted(&deliveries.listen.to_string())
        );
        match &deliveries.from {
            Some(from) => {
                let _ = writeln!(text, "network = {}", list(&[from]));
            }
            None => text.push_str("# network = [\"10.0.0.5/32\"]           # where the main gateway calls from\n"),
        }
    }
    for system in &plan.systems {
        let _ = write!(
            text,
            "\n[[archive]]                            # the main gateway, called so\n\
             ae_title    = {title}\naddress     = {address}\nanswers_to  = {answers_to}\ncalls_as    = {calls_as}\n\
             calling     = \"peer\"\ntls         = \"mutual\"\ncertificate = {pattern}\n\
             gateway     = true                   # incident ids are shared with it\n",
            title = quoted(system.title.as_str()),
            address = quoted(&plan.gateway.to_string()),
            answers_to = list(&system.answers_to),
            calls_as =
                list(if system.calls_as.is_empty() { std::slice::from_ref(&system.title) } else { &system.calls_as }),
            pattern = quoted(&plan.pattern),
        );
        if !system.only.is_empty() {
            let _ = writeln!(text, "for         = {}", list(&system.only));
        }
    }
    text.push_str("\n[policy]\nfile = \"policy.toml\"\n");
    text
}

/// `policy.toml`
pub(super) fn policy(plan: &Plan) -> String {
    let mut text = format!(
        "# One device. The main gateway decides on everything again; what it permits here is what its rules held when this\n\
         # was made: `dicomgate edge new --force` makes it anew.\n\n\
         [[peer]]\n{}tls       = \"off\"\nnetwork   = {}\n",
        title_and_names(&plan.device, ""),
        list(&plan.networks)
    );
    if let Some(receives) = &plan.receives {
        let _ = writeln!(text, "address   = {}", quoted(receives));
    }
    text.push_str(&manners(&plan.device));
    for system in &plan.systems {
        let title = system.title.as_str();
        let _ = write!(
            text,
            "\n[[rule]]\nname = {}\nwho  = {}\nto   = {}\nmay  = {}\n",
            quoted(&format!("what the main gateway permits at {title}")),
            list(&[subject(plan)]),
            list(&[title]),
            list(&system.may)
        );
        if system.may.contains(&Operation::Move) {
            let _ = writeln!(text, "destinations = {}", list(&system.destinations));
        }
        if system.sends && plan.deliveries.is_some() {
            let _ = write!(
                text,
                "\n[[rule]]\nname = {}\nwho  = {}\nto   = {}\nmay  = [\"store\"]\n",
                quoted(&format!("{title} sends unasked")),
                list(&[format!("archive:{title}")]),
                list(&[&*plan.peer])
            );
        }
    }
    text.push_str(&tests(plan));
    text
}

fn subject(plan: &Plan) -> String {
    format!("peer:{}", plan.peer)
}

fn tests(plan: &Plan) -> String {
    let peer = quoted(&plan.peer);
    let mut text = String::new();
    let sample = |system: &System| {
        let told = |operation: &&Operation| **operation != Operation::Move && **operation != Operation::Echo;
        system.may.iter().find(told).or(system.may.first()).copied()
    };
    for (system, wants) in plan.systems.iter().filter_map(|system| Some((system, sample(system)?))) {
        let _ = write!(
            text,
            "\n[[test]]\nname   = {}\npeer   = {peer}\nwants  = {}\nto     = {}\nexpect = \"permit\"\n",
            quoted(&format!("the device may {wants} at {}", system.title)),
            quoted(wants.as_str()),
            quoted(system.title.as_str())
        );
        if wants == Operation::Move
            && let Some(own) = plan.device.ae_titles.first()
        {
            let told = system.destinations.iter().find(|word| *word != "self").filter(|_| !own_is_among(system));
            let _ = writeln!(text, "destination = {}", quoted(told.map_or(own.as_str(), String::as_str)));
        }
    }
    // An address for documentation (RFC 5737), unless the device really stands there.
    let stranger: IpAddr = [192, 0, 2, 7].into();
    if let Some(system) = plan.systems.first()
        && !plan.networks.iter().any(|network| network.contains(&stranger))
    {
        let _ = write!(
            text,
            "\n[[test]]\nname   = \"nobody else may anything\"\npeer   = {peer}\nfrom   = \"{stranger}\"\nwants  = \"echo\"\n\
             to     = {}\nexpect = \"deny\"\n",
            quoted(system.title.as_str())
        );
    }
    text
}

fn own_is_among(system: &System) -> bool {
    system.destinations.iter().any(|word| word == "self")
}

/// The `[[peer]]` of the main gateway's policy, as it is to be.
pub(super) fn change(plan: &Plan) -> String {
    let mut text = format!(
        "[[peer]]\n{}certificate = {}\nedge        = true\n",
        title_and_names(&plan.device, "  "),
        quoted(&format!("cn:{}", plan.name))
    );
    if let Some(deliveries) = &plan.deliveries {
        let _ = writeln!(text, "address     = {}", quoted(&deliveries.dialled));
    }
    if !plan.device.groups.is_empty() {
        let _ = writeln!(text, "groups      = {}", list(&plan.device.groups));
    }
    text.push_str(&manners(&plan.device));
    text.push_str(
        "# network   = [\"ADDRESS-OF-THE-EDGE/32\"]   # where the gateway beside the device calls from, if you like\n",
    );
    let gone: Vec<&str> = [
        (plan.device.plain, "tls = \"off\""),
        (!plan.device.networks.is_empty(), "the network of the device"),
        (plan.device.trust.is_some(), "trust"),
        (plan.device.present.is_some(), "present"),
    ]
    .into_iter()
    .filter_map(|(there, what)| there.then_some(what))
    .collect();
    if !gone.is_empty() {
        let _ = writeln!(text, "# taken out: {}", gone.join(", "));
    }
    text
}

/// The first lines of a peer. `gap`: what makes the column wider.
fn title_and_names(peer: &Peer, gap: &str) -> String {
    let mut text = format!("ae_titles {gap}= {}\n", list(&peer.ae_titles));
    if peer.ae_titles.first().map(AeTitle::as_str) != Some(&*peer.name) {
        let _ = writeln!(text, "name      {gap}= {}", quoted(&peer.name));
    }
    if !peer.description.is_empty() {
        let _ = writeln!(text, "description = {}", quoted(&peer.description));
    }
    text
}

/// What both gateways must know of the device's software.
fn manners(peer: &Peer) -> String {
    let mut text = String::new();
    match peer.commit_report {
        CommitReport::Either => {}
        CommitReport::Same => text.push_str("commit_report = \"same\"\n"),
        CommitReport::New => text.push_str("commit_report = \"new\"\n"),
    }
    if !peer.tolerate.is_empty() {
        let _ = writeln!(text, "tolerate  = {}", list(&peer.tolerate));
    }
    text
}

/// For whoever carries the folder to the machine.
pub(super) fn readme(plan: &Plan) -> String {
    let port = plan.listen.port();
    let back = match &plan.deliveries {
        Some(deliveries) => format!(
            "Its firewall lets the device in at port {port}, and only the main gateway at port {}.",
            deliveries.listen.port()
        ),
        None => format!("Its firewall lets the device in at port {port}, and nobody else in at all."),
    };
    format!(
        "This folder is a dicomgate that stands beside `{peer}` and speaks TLS for it; keep it readable for its user alone.\n\
         1. Put it on the machine beside the device, and run there: dicomgate run --config gateway.toml\n\
         2. At `{peer}`, enter this machine's address and port {port} in place of the archive's; titles stay as they are.\n\
         3. {back}\n\
         4. In clear is only the cable between the two. If something is refused: dicomgate why INCIDENT --config gateway.toml\n",
        peer = one_line(&plan.peer)
    )
}

/// A TOML basic string; JSON's escapes are among TOML's.
fn quoted(value: &str) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn list<T: ToString>(values: &[T]) -> String {
    let values: Vec<String> = values.iter().map(|value| quoted(&value.to_string())).collect();
    format!("[{}]", values.join(", "))
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
