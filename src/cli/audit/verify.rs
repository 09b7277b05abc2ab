//! `dicomgate audit verify [--seed HEX] [--anchor SEQ:HEAD]`: is the log what the gateway wrote, and up to where.

use super::{Format, Place, internal};
use crate::audit::verify::{Expectations, Proof, Report, verify};
use crate::audit::{Head, Seed, body, keys};
use std::io::{self, Write};
use std::process::ExitCode;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: Place,
    /// The seed shown at the first start: finds what was rewritten and signed anew. `-` reads it from standard input
    #[arg(long, value_name = "HEX")]
    seed: Option<String>,
    /// A head that somebody else remembers, as `/metrics` and the gateway's log show it
    #[arg(long, value_name = "SEQ:HEAD")]
    anchor: Option<Head>,
    /// The gateway's public key, 64 hexadecimal digits
    #[arg(long, value_name = "HEX")]
    public_key: Option<String>,
    /// The oldest files are kept elsewhere
    #[arg(long)]
    partial: bool,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Verifies. 0: proven; 1: not.
pub fn run(args: &Args) -> ExitCode {
    let (seed, public_key) = match (seed(args), public_key(args)) {
        (Ok(seed), Ok(public_key)) => (seed, public_key),
        (Err(words), _) | (_, Err(words)) => {
            eprintln!("{words}");
            return ExitCode::from(2);
        }
    };
    let (state, _) = match args.place.state() {
        Ok(state) => state,
        Err(code) => return code,
    };
    // The ratchet first, and again after the log: a gateway that runs meanwhile moves both on.
    let ratchet = match keys::exist(&state).then(|| keys::ratchet_state(&state)).transpose() {
        Ok(ratchet) => ratchet,
        Err(fault) => return internal(&fault),
    };
    let expect = Expectations { seed, anchor: args.anchor, public_key, ratchet, partial: args.partial };
    match verify(&state.join("audit"), expect, || keys::ratchet_state(&state).ok()) {
        Ok(report) => {
            // Who closes the pipe has read enough.
            let _ = print(&mut io::stdout().lock(), &report, args);
            ExitCode::from(u8::from(!report.is_proven()))
        }
        Err(fault) => internal(&fault),
    }
}

fn seed(args: &Args) -> Result<Option<Seed>, String> {
    let Some(text) = &args.seed else { return Ok(None) };
    if text != "-" {
        return text.parse().map(Some).map_err(|fault: crate::audit::ratchet::SeedFault| fault.to_string());
    }
    let line = io::stdin().lines().next().and_then(Result::ok).unwrap_or_default();
    line.parse().map(Some).map_err(|fault: crate::audit::ratchet::SeedFault| fault.to_string())
}

fn public_key(args: &Args) -> Result<Option<[u8; 32]>, String> {
    let Some(text) = &args.public_key else { return Ok(None) };
    body::unhex(text).map(Some).ok_or_else(|| "a public key has 64 hexadecimal digits".to_owned())
}

fn print(out: &mut dyn Write, report: &Report, args: &Args) -> io::Result<()> {
    if args.format == Format::Json {
        let faults: Vec<String> = report.faults.iter().map(ToString::to_string).collect();
        let answer = serde_json::json!({
            "proven": report.is_proven(),
            "proven_to": report.proven_to(),
            "by": report.proven.map(|(_, proof)| proof_word(proof)),
            "anchored": report.anchored,
            "first": report.first,
            "last": report.last.sequence,
            "head": body::hex(&report.last.hash),
            "unanchored": report.tail(),
            "records": report.records,
            "files": report.files,
            "public_key": report.public_key.map(|key| body::hex(&key)),
            "faults": faults,
            "more_faults": report.more_faults,
            "notes": report.notes,
        });
        return writeln!(out, "{answer}");
    }
    for fault in &report.faults {
        writeln!(out, "fault: {fault}")?;
    }
    if report.more_faults > 0 {
        writeln!(out, "fault: and {} more", report.more_faults)?;
    }
    for note in &report.notes {
        writeln!(out, "note: {note}")?;
    }
    writeln!(out, "{} records in {} files, head {}", report.records, report.files, report.last)?;
    match report.proven {
        Some((sequence, proof)) => writeln!(out, "proven up to record {sequence} by {}", proof_word(proof))?,
        None => writeln!(out, "no checkpoint proves anything")?,
    }
    if let Some(anchored) = report.anchored {
        writeln!(out, "anchored at record {anchored}")?;
    }
    let tail = report.tail();
    if tail > 0 {
        writeln!(
            out,
            "the last {tail} records are not anchored: whoever holds the machine could change or cut them unseen"
        )?;
    }
    if args.seed.is_none() {
        writeln!(out, "without --seed: who held the machine could have rewritten all of it and signed it anew")?;
    }
    writeln!(out, "{}", if report.is_proven() { "the log is proven" } else { "THE LOG IS NOT PROVEN" })
}

const fn proof_word(proof: Proof) -> &'static str {
    match proof {
        Proof::Signature => "signature",
        Proof::Mac => "signature and seed",
    }
}
