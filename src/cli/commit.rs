//! `dicomgate commit list`: storage commitment reports that wait for their requesters. It reads the state that a
//! running gateway writes, and changes nothing in it.

use super::{EXIT_CONFIGURATION, EXIT_INTERNAL};
use crate::cli::audit::Format;
use crate::config::{self, Settings};
use crate::dicom::commitment;
use crate::dicom::transfer_syntax::Encoding;
use crate::state::{Report, StateFault};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// `dicomgate commit`
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Show the reports that wait for their requesters, those that are due first; exit 0 even if there are none
    List(Args),
}

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration
    #[arg(long, short, value_name = "FILE", default_value = config::DEFAULT_PATH)]
    config: PathBuf,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Runs a command.
pub fn run(command: &Command) -> ExitCode {
    let Command::List(args) = command;
    let settings = match config::load(&args.config) {
        Ok(settings) => settings,
        Err(faults) => {
            eprintln!("{faults}");
            return ExitCode::from(EXIT_CONFIGURATION);
        }
    };
    let folder = &settings.gateway.state;
    // To look must not make what is looked for.
    if settings.gateway.database.is_none() && matches!(folder.join("state.db").try_exists(), Ok(false)) {
        eprintln!("no gateway has kept its state in `{}` yet", folder.display());
        return ExitCode::from(1);
    }
    let waiting = match ask(&settings) {
        Ok(waiting) => waiting,
        Err(words) => {
            eprintln!("{words}");
            return ExitCode::from(EXIT_INTERNAL);
        }
    };
    // Who closes the pipe has read enough.
    let _ = match args.format {
        Format::Text => text(&mut io::stdout().lock(), &waiting),
        Format::Json => writeln!(io::stdout().lock(), "{}", json(&waiting)),
    };
    ExitCode::SUCCESS
}

/// What waits: how many reports, and the first thousand of them.
struct Waiting {
    count: u64,
    reports: Vec<Report>,
}

fn ask(settings: &Settings) -> Result<Waiting, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|fault| format!("the runtime cannot be started: {fault}"))?;
    runtime.block_on(read(settings)).map_err(|fault| fault.to_string())
}

async fn read(settings: &Settings) -> Result<Waiting, StateFault> {
    let state = crate::cli::state::open(settings).await?;
    let reports = state.waiting_reports().await?.into_iter().map(|(_, report)| report).collect();
    Ok(Waiting { count: state.count_reports().await?, reports })
}

/// How many instances a report says are kept, and how many not.
fn instances(report: &Report) -> Option<(usize, usize)> {
    let read = commitment::read(&report.data_set, Encoding::ExplicitLe, report.event_type, commitment::MOST_REFERENCES)
        .ok()?;
    Some((read.committed.len(), read.failed.len()))
}

fn moment(unix: i64) -> String {
    jiff::Timestamp::from_second(unix).map_or_else(|_| "never".to_owned(), |moment| moment.to_string())
}

fn text(out: &mut dyn Write, waiting: &Waiting) -> io::Result<()> {
    if waiting.reports.is_empty() {
        return writeln!(out, "no report waits");
    }
    for report in &waiting.reports {
        let commitment = &report.commitment;
        let says = match instances(report) {
            Some((committed, failed)) => format!("{committed} kept, {failed} failed"),
            None => "unreadable".to_owned(),
        };
        writeln!(
            out,
            "{} for {} ({})  {says}  transaction {}  tried {} times, next {}, given up {}",
            commitment.key.archive,
            commitment.requester,
            commitment.requester_title,
            commitment.key.transaction,
            report.attempts,
            moment(report.due),
            moment(commitment.expires)
        )?;
    }
    let shown = u64::try_from(waiting.reports.len()).unwrap_or(u64::MAX);
    match waiting.count.checked_sub(shown) {
        None | Some(0) => Ok(()),
        Some(more) => writeln!(out, "and {more} more"),
    }
}

fn json(waiting: &Waiting) -> serde_json::Value {
    let reports: Vec<_> = waiting.reports.iter().map(one).collect();
    serde_json::json!({ "waiting": waiting.count, "reports": reports })
}

fn one(report: &Report) -> serde_json::Value {
    let commitment = &report.commitment;
    let instances = instances(report);
    serde_json::json!({
        "archive": commitment.key.archive,
        "peer": &*commitment.requester,
        "title": commitment.requester_title,
        "transaction": commitment.key.transaction,
        "committed": instances.map(|(committed, _)| committed),
        "failed": instances.map(|(_, failed)| failed),
        "attempts": report.attempts,
        "due": moment(report.due),
        "expires": moment(commitment.expires),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::AeTitle;
    use crate::dicom::commitment::{Place, Reference};
    use crate::state::{Commitment, CommitmentKey, State, StateOptions};
    use std::sync::Arc;

    const GATEWAY: &str = "[gateway]\nname = \"gate-1\"\nstate = \"state\"\n\
        [[listen]]\nname = \"plain\"\naddress = \"127.0.0.1:0\"\ntls = \"off\"\nnetwork = [\"127.0.0.0/8\"]\n\
        [[archive]]\nae_title = \"PACS\"\naddress = \"127.0.0.1:4242\"\n[policy]\nfile = \"policy.toml\"\n";
    const POLICY: &str = "[[peer]]\nae_titles = [\"CT1\"]\ntls = \"off\"\nnetwork = [\"127.0.0.0/8\"]\n";

    fn settings(folder: &std::path::Path) -> Settings {
        std::fs::write(folder.join("gateway.toml"), GATEWAY).unwrap();
        std::fs::write(folder.join("policy.toml"), POLICY).unwrap();
        std::fs::create_dir(folder.join("state")).unwrap();
        config::load(&folder.join("gateway.toml")).unwrap()
    }

    fn report(expires: i64) -> Report {
        let uid = |text: &str| text.parse().unwrap();
        let said = commitment::Report {
            transaction: uid("2.25.1"),
            place: Place::default(),
            committed: vec![Reference { class: uid("1.2"), instance: uid("1.3"), place: None }],
            failed: Vec::new(),
        };
        let title = AeTitle::new("CT1").unwrap();
        let key = CommitmentKey { archive: AeTitle::new("PACS").unwrap(), transaction: said.transaction, title };
        Report {
            commitment: Commitment {
                key,
                requester: "CT".into(),
                requester_title: title,
                expires,
                person: String::new(),
            },
            event_type: said.event_type(),
            data_set: said.encode(Encoding::ExplicitLe),
            attempts: 3,
            due: 1_795_000_000,
        }
    }

    #[test]
    fn what_waits_is_shown_with_whose_it_is_and_when_it_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path());
        let put = async {
            let options = StateOptions::new(folder.path().join("state"), Arc::new(|_| {}), || 1_795_000_000);
            State::open(options).await.unwrap().put_report(report(i64::MAX)).await.unwrap();
        };
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(put);
        let waiting = ask(&settings).unwrap();
        let mut out = Vec::new();
        text(&mut out, &waiting).unwrap();
        let line = String::from_utf8(out).unwrap();
        assert!(line.starts_with("PACS for CT (CT1)  1 kept, 0 failed  transaction 2.25.1  tried 3 times"), "{line}");
        assert!(line.contains("next 2026-11-18T11:06:40Z"), "{line}");
        let json = json(&waiting);
        assert_eq!((&json["waiting"], &json["reports"][0]["peer"]), (&1.into(), &"CT".into()));
    }

    #[test]
    fn to_look_makes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        settings(folder.path());
        let list = |format| Command::List(Args { config: folder.path().join("gateway.toml"), format });
        assert_eq!(run(&list(Format::Text)), ExitCode::from(1));
        assert_eq!(std::fs::read_dir(folder.path().join("state")).unwrap().count(), 0);
    }
}
