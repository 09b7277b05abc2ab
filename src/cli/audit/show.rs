//! `dicomgate audit show [--since TIME] [--peer NAME]`: records as they stand, oldest first.

use super::{Format, Place, ago, internal};
use crate::audit::explain;
use crate::audit::read::{Filter, scan};
use crate::audit::verify::VerifyFault;
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::process::ExitCode;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: Place,
    /// Not before this moment: `2026-11-21T08:00:00Z`, or a length of time like `2h`
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<jiff::Timestamp>,
    /// Only this peer, by name or title
    #[arg(long, value_name = "PEER")]
    peer: Option<String>,
    /// Only this address
    #[arg(long, value_name = "ADDRESS")]
    from: Option<IpAddr>,
    /// How records are written; `json` shows them whole, patient data included
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Shows records. 0: even if there are none.
pub fn run(args: &Args) -> ExitCode {
    let (state, _) = match args.place.state() {
        Ok(state) => state,
        Err(code) => return code,
    };
    let filter = Filter { peer: args.peer.clone(), from: args.from, since: args.since, ..Filter::default() };
    let mut out = io::BufWriter::new(io::stdout().lock());
    let done = scan(&state.join("audit"), &filter, None, |record| {
        let written = match args.format {
            Format::Text => writeln!(out, "{}", explain::line(&record)),
            Format::Json => writeln!(out, "{}", record.0),
        };
        // Who closes the pipe has read enough.
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => internal(&VerifyFault { path: state.join("audit"), source: error }),
    }
}

fn moment(text: &str) -> Result<jiff::Timestamp, String> {
    text.parse().or_else(|_| ago(text))
}
