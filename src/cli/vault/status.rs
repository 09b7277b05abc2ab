//! `dicomgate vault status`: keys and what they hold, escrow, proofs, and what is sealed and what is not.

use super::drill;
use super::report::{self, Report as Round};
use super::ring::{self, Counts, Doubtful};
use super::turn;
use crate::cli::audit::Format;
use crate::config::{self, Settings, Vault};
use crate::dicom::Uid;
use crate::dicom::dimse::Operation;
use crate::keys::{self, End, Manifest};
use crate::policy::model::{Effect, Rule};
use crate::policy::replay::number;
use crate::proxy::vault::prove::{Fate, ProbeResult, Trial};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Status {
    /// The configuration
    #[arg(long, short, value_name = "FILE", default_value = config::DEFAULT_PATH)]
    config: PathBuf,
    /// Name the objects whose last store nobody answered: the gateway or the archive broke off. Reads the whole ledger
    #[arg(long)]
    in_doubt: bool,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Everything that is known.
#[derive(Debug, Serialize)]
struct Report {
    keys: Vec<Key>,
    escrow: Vec<Certificate>,
    archives: Vec<OfArchive>,
    faults: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Key {
    id: u32,
    check: String,
    made: jiff::Timestamp,
    state: &'static str,
    /// `None`: no ledger could be asked.
    objects: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Certificate {
    file: PathBuf,
    certificate: String,
    private_key_nearby: Vec<PathBuf>,
    /// How long ago a drill opened what it had picked with this certificate's key; `None`: never.
    proven_days_ago: Option<u64>,
    proven_objects: Option<usize>,
}

#[derive(Debug, Serialize)]
struct OfArchive {
    archive: String,
    /// Rules whose objects are sealed.
    sealed_by: Vec<String>,
    /// Rules whose objects are stored as they are.
    clear_by: Vec<String>,
    /// Rules by which sealed objects are opened.
    opened_by: Vec<String>,
    probe: Option<String>,
    probe_age_days: Option<u64>,
    /// From when on a gateway that runs proves it again.
    probe_due: Option<jiff::Timestamp>,
    all_readers_pass_the_gateway: bool,
    objects: Option<u64>,
    /// How far `vault seal-archive` has come; `None`: it never began here.
    seal_archive: Option<Round>,
    /// A round is at work on this machine.
    seal_archive_running: bool,
    /// The same in words.
    #[serde(skip)]
    sealing: Option<String>,
    /// Objects that the archive did not keep, and that lie in the state folder for somebody to look into.
    laid_aside: usize,
    /// SOP Instance UIDs; `None`: nobody asked, or no ledger could be asked.
    in_doubt: Option<Vec<String>>,
}

impl Status {
    /// Says it. 0: nothing is wrong; 1: something is; 64: the configuration is refused.
    pub fn run(&self) -> ExitCode {
        self.say().unwrap_or_else(|code| code)
    }

    fn say(&self) -> Result<ExitCode, ExitCode> {
        let settings = ring::settings(&self.config)?;
        let vault = ring::vault(&settings)?;
        let mut report = report(&settings, vault, jiff::Timestamp::now());
        if self.in_doubt {
            report.name_doubtful(ring::doubtful(&settings));
        }
        let json = serde_json::to_value(&report).unwrap_or_default();
        let printed = ring::print(self.format, &text(&report), &json);
        Ok(if report.faults.is_empty() { printed } else { ExitCode::from(1) })
    }
}

impl Report {
    fn name_doubtful(&mut self, found: Result<Option<Doubtful>, String>) {
        match found {
            Ok(found) => {
                let found = found.unwrap_or_default();
                for archive in &mut self.archives {
                    let of_it = found.iter().find(|(title, _)| title.as_str() == archive.archive);
                    archive.in_doubt = Some(of_it.into_iter().flat_map(|(_, all)| all).map(Uid::to_string).collect());
                }
            }
            Err(words) => self.faults.push(format!("the ledger cannot be asked: {words}")),
        }
    }
}

fn report(settings: &Settings, vault: &Vault, now: jiff::Timestamp) -> Report {
    let mut faults = Vec::new();
    let newest = match keys::load(vault) {
        Ok((ring, _)) => ring.newest().map(|key| key.id),
        Err(wrong) => {
            faults.extend(wrong.0.iter().map(ToString::to_string));
            None
        }
    };
    let counts = ring::counts(settings).unwrap_or_else(|words| {
        faults.push(format!("the ledger cannot be asked: {words}"));
        None
    });
    let manifest = Manifest::read(&vault.key_folder).ok().flatten().unwrap_or_default();
    let keys = manifest.keys.iter().map(|entry| Key {
        id: entry.id.0,
        check: entry.check.map_or_else(|| "unknown".to_owned(), |check| check.to_string()),
        made: entry.made,
        state: match entry.end {
            Some((End::Destroyed, _)) => "destroyed",
            Some((End::Forgotten, _)) => "lost",
            None if newest == Some(entry.id) => "seals and opens",
            None if entry.seals.is_none() => "made for later",
            None => "opens",
        },
        objects: counts.as_ref().map(|counts| ring::of_key(counts, entry.id)),
    });
    let keys = keys.collect();
    let used = counts.iter().flat_map(Counts::values).flatten().map(|(key, _)| *key);
    faults.extend(manifest.lacks(used.collect::<BTreeSet<_>>()).iter().map(ToString::to_string));
    let nearby = keys::escrow::nearby(&vault.escrow, &super::places(settings, vault));
    for one in &nearby {
        faults.push(super::beside(one));
    }
    let certificates: Vec<_> = vault.escrow.iter().filter_map(|file| keys::escrow::read(file).ok()).collect();
    let drills = drill::last(&settings.gateway.state, &certificates).unwrap_or_else(|fault| {
        faults.push(format!("the results of drills cannot be read: {fault}"));
        Vec::new()
    });
    let escrow = vault.escrow.iter().filter_map(|file| {
        let certificate = keys::escrow::read(file).ok()?.describe().to_owned();
        let private_key_nearby = nearby.iter().filter(|one| one.certificate == *file).map(|one| one.key.clone());
        let drill = drills.iter().find(|drill| drill.certificate == certificate);
        let ago = |at: i64| u64::try_from(now.as_second().saturating_sub(at) / 86_400).unwrap_or_default();
        Some(Certificate {
            file: file.clone(),
            private_key_nearby: private_key_nearby.collect(),
            proven_days_ago: drill.map(|drill| ago(drill.at)),
            proven_objects: drill.map(|drill| drill.objects),
            certificate,
        })
    });
    let escrow = escrow.collect();
    let archives = settings
        .archives
        .iter()
        .map(|archive| of_archive(settings, vault, archive, counts.as_ref(), now, &mut faults))
        .collect();
    Report { keys, escrow, archives, faults }
}

fn of_archive(
    settings: &Settings,
    vault: &Vault,
    archive: &config::Archive,
    counts: Option<&Counts>,
    now: jiff::Timestamp,
    faults: &mut Vec<String>,
) -> OfArchive {
    let title = archive.ae_title;
    let seal_all = settings.policy.seal_all;
    let names = |fits: &dyn Fn(&Rule) -> bool| {
        let permits = settings.policy.rules.iter().filter(|rule| rule.effect == Effect::Permit);
        let there = permits.filter(|rule| rule.to.iter().any(|to| **to == *title.as_str()));
        there.filter(|rule| fits(rule)).map(|rule| rule.name.to_string()).collect::<Vec<_>>()
    };
    let stores = |rule: &Rule| rule.may.contains(&Operation::Store);
    let sealed_by = names(&|rule| stores(rule) && (seal_all || rule.seal));
    let clear_by = names(&|rule| stores(rule) && !seal_all && !rule.seal);
    let opened_by = names(&|rule| rule.open != crate::policy::Open::No);
    let (mut probe, mut age, mut due) = (None, None, None);
    match ProbeResult::load(&settings.gateway.state, &title) {
        Ok(Some(result)) => {
            let days = result.age(now).as_secs() / 86_400;
            if !result.is_of(&archive.address.to_string()) {
                faults
                    .push(format!("archive {title}: it was proven at another address: `dicomgate vault probe` again"));
            } else if result.age(now) > vault.probe_every && !sealed_by.is_empty() {
                faults.push(format!("archive {title}: it was proven {days} days ago: `dicomgate vault probe` again"));
            }
            due = Some(result.due(vault.probe_every)).filter(|_| !sealed_by.is_empty());
            (probe, age) = (Some(proof(&result)), Some(days));
        }
        Ok(None) if sealed_by.is_empty() => {}
        Ok(None) => {
            faults.push(format!(
                "archive {title}: nothing is sealed for it before `dicomgate vault probe` has proven it"
            ));
        }
        Err(fault) => faults.push(format!("archive {title}: {fault}")),
    }
    let objects = counts.map(|counts| counts.get(&title).into_iter().flatten().map(|(_, count)| count).sum());
    let folder = settings.gateway.state.join("vault");
    let running = turn::is_taken(&folder, &title);
    let round = Round::load(&report::path(&folder, &title)).unwrap_or_else(|fault| {
        faults.push(format!("archive {title}: the report of its last `vault seal-archive` cannot be read: {fault}"));
        None
    });
    let aside = report::aside(&folder, &title);
    let laid_aside = std::fs::read_dir(&aside).map_or(0, |entries| entries.count());
    if laid_aside > 0 {
        faults.push(format!(
            "archive {title}: {laid_aside} objects that it did not keep lie in `{}`: look into each (docs/proving.md)",
            aside.display()
        ));
    }
    OfArchive {
        sealing: round.as_ref().map(|round| round.line(now, running)),
        seal_archive: round,
        seal_archive_running: running,
        laid_aside,
        archive: title.to_string(),
        sealed_by,
        clear_by,
        opened_by,
        probe,
        probe_age_days: age,
        probe_due: due,
        all_readers_pass_the_gateway: archive.vault.all_readers_pass,
        objects,
        in_doubt: None,
    }
}

/// A proof in one line. Of a family of which the archive takes no class nothing was tried.
fn proof(result: &ProbeResult) -> String {
    let whole = |trial: &&&Trial| {
        trial.get.iter().chain(trial.moved.iter().map(|(_, fate)| fate)).all(|fate| *fate == Fate::Whole)
    };
    let tried: Vec<&Trial> = result.trials.iter().filter(|trial| trial.get != Some(Fate::NotTaken)).collect();
    format!(
        "{} of {} sealed objects came back as they were, up to {} bytes",
        tried.iter().filter(whole).count(),
        tried.len(),
        number(result.largest)
    )
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    for key in &report.keys {
        let objects = key.objects.map_or_else(|| "?".to_owned(), number);
        let made = key.made.strftime("%Y-%m-%d");
        let _ =
            writeln!(text, "key {:>4}  {:<15}  made {made}  {objects} objects  check {}", key.id, key.state, key.check);
    }
    if report.keys.is_empty() {
        text.push_str("no key yet\n");
    }
    for certificate in &report.escrow {
        let _ = writeln!(text, "escrow    {}  ({})", certificate.file.display(), certificate.certificate);
        let _ = match (certificate.proven_days_ago, certificate.proven_objects) {
            (Some(days), Some(objects)) => writeln!(text, "  escrow proven {days} days ago, by {objects} objects"),
            _ => writeln!(text, "  NEVER PROVEN that its key opens anything: `dicomgate vault drill`"),
        };
    }
    if report.escrow.is_empty() {
        text.push_str("escrow    NONE: what is sealed is lost with the ring\n");
    }
    for archive in &report.archives {
        let _ = writeln!(text, "archive   {}", archive.archive);
        for (word, rules) in
            [("sealed", &archive.sealed_by), ("in clear", &archive.clear_by), ("opened", &archive.opened_by)]
        {
            for rule in rules {
                let _ = writeln!(text, "  {word:<9} by rule `{rule}`");
            }
        }
        if let Some(objects) = archive.objects {
            let _ = writeln!(text, "  {} sealed objects in the ledger", number(objects));
        }
        if let Some(sealing) = &archive.sealing {
            let _ = writeln!(text, "  what it held before: {sealing}");
        }
        for instance in archive.in_doubt.iter().flatten() {
            let _ = writeln!(text, "  in doubt  {instance}");
        }
        if let (Some(probe), Some(days)) = (&archive.probe, archive.probe_age_days) {
            let due = archive.probe_due.map(|due| format!("; again from {} on", due.strftime("%Y-%m-%d")));
            let _ = writeln!(text, "  proven {days} days ago{}: {probe}", due.unwrap_or_default());
        }
    }
    for fault in &report.faults {
        let _ = writeln!(text, "FAULT     {fault}");
    }
    text
}
