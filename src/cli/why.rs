//! `dicomgate why INCIDENT | --peer CT1 --last 10m | --from ADDRESS`: the decision in words.

use crate::audit::explain::explain;
use crate::audit::incident::{Incident, IncidentKey};
use crate::audit::keys;
use crate::audit::read::{Filter, Record, scan};
use crate::audit::verify::VerifyFault;
use crate::cli::audit::{Format, Place, ago, internal};
use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true).multiple(true).args(["incident", "peer", "from"]))]
pub struct Args {
    /// The id that whoever was refused has read: 7K3F-9QX2; of a chain of gateways each knows those of the others
    #[arg(value_name = "INCIDENT")]
    incident: Option<Incident>,
    /// A peer, by name or title
    #[arg(long, value_name = "PEER")]
    peer: Option<String>,
    /// An address
    #[arg(long, value_name = "ADDRESS")]
    from: Option<IpAddr>,
    /// Only what happened in this time: `10m`, `2h`, `3d`
    #[arg(long, value_name = "TIME", value_parser = ago)]
    last: Option<jiff::Timestamp>,
    /// Also what went as it should
    #[arg(long)]
    all: bool,
    /// At most so many records, the newest
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    place: Place,
    /// How the answer is written; `json` shows records whole, patient data included
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Explains. 0: something was found; 1: nothing was.
pub fn run(args: &Args) -> ExitCode {
    let (state, name) = match args.place.state() {
        Ok(state) => state,
        Err(code) => return code,
    };
    let found = match find(args, &state, name.as_deref()) {
        Ok(found) => found,
        Err(error) => return internal(&VerifyFault { path: state.join("audit"), source: error }),
    };
    if found.is_empty() {
        eprintln!(
            "no such record in this log{}",
            match (args.incident, args.all) {
                (Some(_), _) => "; if there are several gateways, ask each",
                (None, false) => "; --all shows also what went as it should",
                (None, true) => "",
            }
        );
        return ExitCode::from(1);
    }
    // Who closes the pipe has read enough.
    let _ = print(&mut io::stdout().lock(), &found, args.format);
    ExitCode::SUCCESS
}

fn find(args: &Args, state: &Path, gateway: Option<&str>) -> io::Result<VecDeque<Record>> {
    let filter =
        Filter { incident: args.incident, elsewhere: None, peer: args.peer.clone(), from: args.from, since: args.last };
    // With the key an incident's file is found at once; without it, all are searched.
    let key = gateway.and_then(|gateway| Some(IncidentKey::new(&*keys::incident_secret(state).ok()?, gateway)));
    let mut found = VecDeque::new();
    scan(&state.join("audit"), &filter, key.as_ref(), |record| {
        if args.all || args.incident.is_some() || record.is_remarkable() {
            keep(&mut found, record, args);
        }
        if args.incident.is_some() && !found.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if found.is_empty() && args.incident.is_some() {
        // Not ours: that of a gateway before this one, or behind it.
        let filter = Filter { incident: None, elsewhere: args.incident, ..filter };
        scan(&state.join("audit"), &filter, None, |record| {
            if args.all || record.is_remarkable() || record.event() == "association-opened" {
                keep(&mut found, record, args);
            }
            ControlFlow::Continue(())
        })?;
    }
    Ok(found)
}

/// Keeps the newest.
fn keep(found: &mut VecDeque<Record>, record: Record, args: &Args) {
    if found.len() >= args.limit.max(1) {
        found.pop_front();
    }
    found.push_back(match args.from {
        Some(from) => record.about(from),
        None => record,
    });
}

fn print(out: &mut dyn Write, found: &VecDeque<Record>, format: Format) -> io::Result<()> {
    for (index, record) in found.iter().enumerate() {
        let words = explain(record);
        if format == Format::Json {
            writeln!(out, "{}", serde_json::json!({ "record": record.0, "words": words }))?;
            continue;
        }
        if index > 0 {
            writeln!(out)?;
        }
        for (index, line) in words.iter().enumerate() {
            writeln!(out, "{}{line}", if index == 0 { "" } else { "  " })?;
        }
    }
    Ok(())
}
