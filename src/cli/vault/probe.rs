//! `dicomgate vault probe [ARCHIVE]`: stores synthetic sealed objects, retrieves them, and says what works. Without a good
//! result `run` does not seal for that archive.

use super::ground::{self, Ground};
use super::ring;
use crate::cli::archive::probe::{Failed, listen};
use crate::cli::audit::Format;
use crate::config::{self, Archive, who};
use crate::dicom::AeTitle;
use crate::proxy::vault::convert::PATIENCE;
use crate::proxy::vault::prove::{Carried, Fate, Late, ProbeResult, ProveFault, Proving};
use crate::state::Repeats;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Probe {
    /// The archive, by its `ae_title`; default: the only one
    #[arg(value_name = "ARCHIVE")]
    archive: Option<AeTitle>,
    /// The gateway's configuration
    #[arg(long, short, value_name = "FILE", default_value = config::DEFAULT_PATH)]
    config: PathBuf,
    /// How long what was stored is left alone before it is retrieved, seconds; default: `probe_age`
    #[arg(long, value_name = "SECONDS")]
    age: Option<u64>,
    /// Bytes of pixels of the largest object, up to 4,000,000,000; 0: none. It stays in the archive like the others
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20, value_parser = clap::value_parser!(u64).range(..=4_000_000_000))]
    largest: u64,
    /// A title that the archive is asked to deliver to; more than once for more. Default: the first peer's that receives
    #[arg(long, value_name = "AE")]
    destination: Vec<AeTitle>,
    /// Where deliveries are awaited; default: the inside listener of the configuration
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// The title that the archive sees; default: one that the gateway will call it by
    #[arg(long, value_name = "AE")]
    calling: Option<AeTitle>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Probe {
    /// Probes. 0: something works; 1: nothing does, or it cannot be asked; 2: there is no such archive; 64: the
    /// configuration or its keys are refused.
    pub fn run(&self) -> ExitCode {
        self.try_run().unwrap_or_else(|code| code)
    }

    fn try_run(&self) -> Result<ExitCode, ExitCode> {
        let ground = Ground::load(&self.config)?;
        let archive = ground.archive(self.archive)?;
        let state = &ground.settings.gateway.state;
        let unkept = |fault: ProveFault| {
            eprintln!("the result cannot be kept, so nothing is sealed: {fault}");
            ExitCode::from(1)
        };
        // It takes long, and what it stores stays in the archive.
        ProbeResult::can_be_kept(state, &archive.ae_title).map_err(unkept)?;
        let result = ground::runtime()?.block_on(self.prove(&ground, archive))?;
        let earlier = ProbeResult::load(state, &archive.ae_title).ok().flatten();
        let earlier = earlier.filter(|earlier| earlier.is_of(&archive.address.to_string()));
        let why = result.why_unasked().map(str::to_owned);
        let kept = match &earlier {
            Some(earlier) => result.clone().in_place_of(earlier),
            None => Some(result.clone()),
        };
        let Some(kept) = kept else {
            eprintln!(
                "archive `{}` could not be asked for all of it: {}\n  what was proven of it on {} stays so; try again",
                archive.ae_title,
                why.unwrap_or_default(),
                earlier.map_or_else(String::new, |earlier| earlier.at.to_string()),
            );
            return Err(ExitCode::from(1));
        };
        let path = kept.keep(state, &archive.ae_title).map_err(unkept)?;
        eprintln!("kept in `{}`", path.display());
        let works = [Carried::Pixels, Carried::Attributes].iter().any(|carrier| verdict(&result, *carrier).works());
        ring::print(self.format, &text(&result, archive), &serde_json::json!({ "result": result, "works": works }));
        if let Some(why) = why {
            eprintln!("not all of it could be asked for, also when it was tried again: {why}; try again");
            return Ok(ExitCode::from(1));
        }
        Ok(if works { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }

    async fn prove(&self, ground: &Ground, archive: &Archive) -> Result<ProbeResult, ExitCode> {
        let address = archive.address.to_string();
        let calling = ground.calling(archive, self.calling);
        let destinations: Vec<AeTitle> = match self.destination.as_slice() {
            [] => who::destinations(&ground.settings, archive).into_iter().take(1).collect(),
            named => named.to_vec(),
        };
        let listening = listen(self.listen, &ground.settings, destinations.first().copied(), ground.material.as_ref());
        let ear = match listening {
            Ok(ear) => ear,
            Err(Failed(words, code)) if self.listen.is_some() => {
                eprintln!("{words}");
                return Err(ExitCode::from(code));
            }
            Err(Failed(words, _)) => Err(words),
        };
        if let Err(why) = &ear {
            eprintln!("C-MOVE is not proven: {why}");
        }
        let probe_age = ground.settings.vault.as_ref().map_or(Duration::ZERO, |vault| vault.probe_age);
        let mut proving = Proving {
            target: ground::target(archive, &address, ground.tls(archive)?, calling),
            means: ground.means(),
            how: ground.reading(archive),
            age: self.age.map_or(probe_age, Duration::from_secs),
            largest: self.largest,
            destinations,
            ear,
            gateway: ground.settings.gateway.name.to_string(),
            patience: PATIENCE,
            say: Box::new(|what| eprintln!("proving: {what}")),
        };
        proving.prove().await.map_err(|fault| {
            eprintln!(
                "archive `{}` at {address}, called by `{calling}`: {fault}\n  hint: `dicomgate check` says more about the wiring",
                archive.ae_title
            );
            ExitCode::from(1)
        })
    }
}

/// What a carrier is good for.
struct Verdict {
    whole: usize,
    untaken: usize,
    bad: BTreeMap<String, Vec<String>>,
}

impl Verdict {
    /// Something came back whole, and nothing otherwise.
    fn works(&self) -> bool {
        self.whole > 0 && self.bad.is_empty()
    }
}

fn verdict(result: &ProbeResult, carrier: Carried) -> Verdict {
    let mut verdict = Verdict { whole: 0, untaken: 0, bad: BTreeMap::new() };
    for trial in result.trials.iter().filter(|trial| trial.carrier == carrier) {
        let fates: Vec<&Fate> = trial.get.iter().chain(trial.moved.iter().map(|(_, fate)| fate)).collect();
        let bad = fates.iter().find(|fate| !matches!(fate, Fate::Whole | Fate::NotTaken));
        match bad {
            Some(bad) => {
                let families = verdict.bad.entry(bad.words()).or_default();
                if !families.contains(&trial.family) {
                    families.push(trial.family.clone());
                }
            }
            None if fates.iter().any(|fate| **fate == Fate::Whole) => verdict.whole += 1,
            None => verdict.untaken += 1,
        }
    }
    verdict
}

/// What was found, and the settings that fit.
fn text(result: &ProbeResult, archive: &Archive) -> String {
    let mut text = format!("archive {} at {}\n\n", result.archive, result.address);
    let mut usable = Vec::new();
    for carrier in [Carried::Pixels, Carried::Attributes] {
        let verdict = verdict(result, carrier);
        let _ = writeln!(
            text,
            "carrier \"{carrier}\": {} kinds of sealed objects come back whole{}",
            verdict.whole,
            match verdict.untaken {
                0 => String::new(),
                untaken => format!("; of {untaken} families it takes no class"),
            }
        );
        for (what, families) in &verdict.bad {
            let _ = writeln!(text, "  they {what}: {}", families.join("; "));
        }
        if verdict.works() {
            usable.push(carrier);
        }
    }
    let repeats = match result.repeats {
        Repeats::Replaced => "the last one stays: `vault seal-archive` can be used",
        Repeats::Kept => "it says success and keeps the first",
        Repeats::Refused => "it refuses them",
        Repeats::Compared => "it takes equal ones and refuses others",
        Repeats::Unknown => "not the same with all objects, or not found out",
    };
    let _ = writeln!(text, "repeats: {repeats}");
    let _ = writeln!(text, "largest: {} bytes", result.largest);
    if result.mints {
        text.push_str("it gives objects SOP Instance UIDs of its own\n");
    }
    if !result.coerces.is_empty() {
        let _ = writeln!(text, "it changes {}; images open all the same, with a record", result.coerces.join(", "));
    }
    if !result.reads_back {
        text.push_str("nothing could be read back by C-GET\n");
    }
    if result.moves_elsewhere() {
        text.push_str("what was stored in one study or series it has in another, and does not give back from the first: no store can be read back\n");
    }
    match result.late {
        Some(Late::After(seconds)) => {
            let _ = writeln!(
                text,
                "it gives an object back only {seconds} s after it has acknowledged it: read back, each store takes so long"
            );
        }
        Some(Late::Over(seconds)) => {
            let _ = writeln!(
                text,
                "within {seconds} s after it has acknowledged an object it does not give it back: no store can be read back"
            );
        }
        None => {}
    }
    if let Some(left) = &result.left_behind {
        let _ = writeln!(text, "it now holds {left}");
    }
    text.push('\n');
    if usable.is_empty() {
        text.push_str("Nothing works: no carrier comes back whole, so nothing is sealed for this archive.\n");
        return text;
    }
    // What it calls otherwise, or has elsewhere, cannot be asked for.
    let finds_again = result.finds_again();
    let _ = writeln!(text, "Settings that fit, for [[archive]] {}:", archive.ae_title);
    let carrier = usable.first().copied().unwrap_or(Carried::Pixels);
    let _ = writeln!(text, "carrier = \"{carrier}\"");
    if matches!(result.repeats, Repeats::Refused | Repeats::Compared) {
        text.push_str("# an image that is sent again is never equal once it is sealed, and refused by this archive\n");
        text.push_str(if finds_again { "resend = \"compare\"\n" } else { "" });
    }
    if result.mints {
        text.push_str("rewrites = [\"sop\"] # and in [vault]: commit_trust = \"probe\"\n");
    }
    let _ = writeln!(text, "verify_after_store = \"{}\"", if finds_again { "all" } else { "none" });
    text
}
