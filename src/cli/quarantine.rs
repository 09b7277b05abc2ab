//! `dicomgate quarantine list|release SUBJECT`: who may do nothing until released. It works on the state that running
//! gateways share; they see a release within a second, and record it.

use super::kept::{Whose, moment, words};
use crate::cli::audit::Format;
use crate::gate::Subject;
use crate::state::Quarantined;
use std::io::{self, Write};
use std::process::ExitCode;

/// `dicomgate quarantine`
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Show who is in quarantine, and why; exit 0 even if nobody is
    List(List),
    /// Let somebody do again what rules permit: find out why they are held first
    Release(Release),
}

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct List {
    #[command(flatten)]
    whose: Whose,
    /// Also who was released within the last 30 days
    #[arg(long)]
    all: bool,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Release {
    /// Who: `peer:NAME` or `user:NAME`, as `list` shows it
    #[arg(value_name = "SUBJECT")]
    subject: Subject,
    /// Who releases, for the record
    #[arg(long, value_name = "NAME", value_parser = words)]
    by: String,
    /// Why, for the record
    #[arg(long, value_name = "WORDS", value_parser = words)]
    reason: Option<String>,
    #[command(flatten)]
    whose: Whose,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Runs a command.
pub fn run(command: &Command) -> ExitCode {
    let outcome = match command {
        Command::List(list) => list.run(),
        Command::Release(release) => release.run(),
    };
    outcome.unwrap_or_else(|code| code)
}

impl List {
    fn run(&self) -> Result<ExitCode, ExitCode> {
        let mut found = self.whose.ask(async |state| state.quarantined().await)?;
        found.retain(|one| self.all || one.release.is_none());
        // Who closes the pipe has read enough.
        let _ = match self.format {
            Format::Text => text(&mut io::stdout().lock(), &found),
            Format::Json => {
                let all: Vec<_> = found.iter().map(json).collect();
                writeln!(io::stdout().lock(), "{}", serde_json::json!({ "quarantine": all }))
            }
        };
        Ok(ExitCode::SUCCESS)
    }
}

impl Release {
    fn run(&self) -> Result<ExitCode, ExitCode> {
        let (subject, reason) = (self.subject.to_string(), self.reason.as_deref().unwrap_or_default());
        let released = self.whose.ask(async |state| state.release(&subject, &self.by, reason).await)?;
        let mut out = io::stdout().lock();
        let _ = match (&released, self.format) {
            (_, Format::Json) => {
                writeln!(out, "{}", serde_json::json!({ "subject": subject, "released": released.is_some() }))
            }
            (Some(_), Format::Text) => writeln!(out, "{subject} is released; gateways that run see it within a second"),
            (None, Format::Text) => {
                writeln!(out, "{subject} is not in quarantine; `dicomgate quarantine list` shows who is")
            }
        };
        Ok(ExitCode::from(u8::from(released.is_none())))
    }
}

fn text(out: &mut dyn Write, found: &[Quarantined]) -> io::Result<()> {
    if found.is_empty() {
        return writeln!(out, "nobody is in quarantine");
    }
    for one in found {
        writeln!(out, "{}  since {}  {}", one.subject, moment(one.since), one.why)?;
        if !one.incident.is_empty() {
            writeln!(out, "    why: dicomgate why {}  (at {})", one.incident, one.gateway)?;
        }
        if let Some(over) = &one.release {
            let reason = if over.reason.is_empty() { "no reason given" } else { &over.reason };
            writeln!(out, "    released {} by {}: {reason}", moment(over.at), over.by)?;
        }
    }
    Ok(())
}

fn json(one: &Quarantined) -> serde_json::Value {
    serde_json::json!({
        "subject": one.subject,
        "since": moment(one.since),
        "why": one.why,
        "incident": one.incident,
        "gateway": one.gateway,
        "released": one.release.as_ref().map(|over| serde_json::json!({
            "at": moment(over.at), "by": over.by, "reason": over.reason,
        })),
    })
}
