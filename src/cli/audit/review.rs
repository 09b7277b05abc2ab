//! `dicomgate audit review [list|done ID --by NAME]`: uses of emergency access, which somebody has to look at afterwards.

use crate::cli::audit::Format;
use crate::cli::kept::{Whose, moment, words};
use crate::state::Review;
use std::io::{self, Write};
use std::process::ExitCode;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Show what nobody has looked at yet, oldest first: exit 0 if there is none, 1 if there is
    List(List),
    /// Somebody has looked at it
    Done(Done),
}

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    whose: Whose,
    /// Also what somebody has looked at
    #[arg(long)]
    all: bool,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, clap::Args)]
struct Done {
    /// Its incident id
    #[arg(value_name = "ID")]
    incident: crate::audit::Incident,
    /// Who has looked at it
    #[arg(long, value_name = "NAME", value_parser = words)]
    by: String,
    #[command(flatten)]
    whose: Whose,
}

/// Runs a command.
pub fn run(args: &Args) -> ExitCode {
    let outcome = match &args.what {
        None => args.list.run(),
        Some(What::List(list)) => list.run(),
        Some(What::Done(done)) => done.run(),
    };
    outcome.unwrap_or_else(|code| code)
}

impl List {
    fn run(&self) -> Result<ExitCode, ExitCode> {
        let mut found = self.whose.ask(async |state| state.reviews().await)?;
        found.retain(|one| self.all || one.reviewed.is_none());
        // Who closes the pipe has read enough.
        let _ = match self.format {
            Format::Text => text(&mut io::stdout().lock(), &found),
            Format::Json => {
                let all: Vec<_> = found.iter().map(json).collect();
                writeln!(io::stdout().lock(), "{}", serde_json::json!({ "reviews": all }))
            }
        };
        Ok(ExitCode::from(u8::from(found.iter().any(|one| one.reviewed.is_none()))))
    }
}

impl Done {
    fn run(&self) -> Result<ExitCode, ExitCode> {
        let incident = self.incident.to_string();
        let done = self.whose.ask(async |state| state.reviewed(&incident, &self.by).await)?;
        let Some(review) = done else {
            eprintln!(
                "nothing with the id {incident} waits to be looked at; `dicomgate audit review list` shows what does"
            );
            return Ok(ExitCode::from(1));
        };
        let used = &review.used;
        let _ =
            writeln!(io::stdout().lock(), "{incident}: {} under `{}`, looked at by {}", used.user, used.rule, self.by);
        Ok(ExitCode::SUCCESS)
    }
}

fn text(out: &mut dyn Write, found: &[Review]) -> io::Result<()> {
    if found.is_empty() {
        return writeln!(out, "nothing waits to be looked at");
    }
    for one in found {
        let used = &one.used;
        writeln!(
            out,
            "{}  {} at {} under the rule `{}`, {}  ({})",
            used.incident,
            used.user,
            used.peer,
            used.rule,
            moment(used.since),
            used.gateway
        )?;
        if let Some((at, by)) = &one.reviewed {
            writeln!(out, "    looked at {} by {by}", moment(*at))?;
        }
    }
    Ok(())
}

fn json(one: &Review) -> serde_json::Value {
    let used = &one.used;
    serde_json::json!({
        "id": used.incident,
        "user": used.user,
        "peer": used.peer,
        "rule": used.rule,
        "since": moment(used.since),
        "gateway": used.gateway,
        "reviewed": one.reviewed.as_ref().map(|(at, by)| serde_json::json!({ "at": moment(*at), "by": by })),
    })
}
