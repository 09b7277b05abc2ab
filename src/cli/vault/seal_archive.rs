//! `dicomgate vault seal-archive [ARCHIVE]`: seals what an archive holds already, study by study; stopped, it goes on where
//! it was.

use super::dates::Dates;
use super::ground::{self, Ground};
use super::listing;
use super::progress::Progress;
use super::report::{self, Report};
use super::ring;
use super::tally::Tally;
use super::tell::{Object, Teller};
use super::turn::OneRound;
use super::window::Window;
use crate::cli::audit::Format;
use crate::cli::kept::words;
use crate::config::vault::Carrier as Configured;
use crate::config::{self, Archive};
use crate::dicom::{AeTitle, Uid};
use crate::keys::Manifest;
use crate::proxy::vault::convert::{Converter, Done, PATIENCE, Stop};
use crate::proxy::vault::prove::{ProbeResult, file_name};
use crate::proxy::vault::verify::Place;
use crate::proxy::vault::walk::{Facts, Study, WalkFault};
use crate::proxy::vault::{Seals, VaultRoom};
use crate::scu::Target;
use crate::state::{Repeats, StateFault};
use crate::vault::carrier::Carrier;
use crate::vault::family::Family;
use crate::vault::{KeyId, Unlock};
use ::ring::rand::SecureRandom as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// When so many objects of a round did not come back as they were stored, the archive does not do what its probe saw.
const UNKEPT: usize = 3;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct SealArchive {
    /// The archive, by its `ae_title`; default: the only one
    #[arg(value_name = "ARCHIVE")]
    archive: Option<AeTitle>,
    /// The gateway's configuration
    #[arg(long, short, value_name = "FILE", default_value = config::DEFAULT_PATH)]
    config: PathBuf,
    /// Objects a minute, at most; default: the archive's `seal_rate`
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Only within these hours of the day, local time; it waits for them
    #[arg(long, value_name = "HH:MM-HH:MM")]
    hours: Option<Window>,
    /// Only studies of these days; either end may be left out
    #[arg(long, value_name = "YYYYMMDD-YYYYMMDD")]
    dates: Option<Dates>,
    /// Begin anew: look at studies again that were done before
    #[arg(long)]
    again: bool,
    /// The title that the archive sees; default: one that the gateway will call it by
    #[arg(long, value_name = "AE")]
    calling: Option<AeTitle>,
    /// Who runs it, for the audit log; default: the account
    #[arg(long, value_name = "NAME", value_parser = words)]
    by: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Why it stopped.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Stop(#[from] Stop),
    #[error(transparent)]
    Walk(#[from] WalkFault),
    #[error("what is done cannot be noted: {0}")]
    Progress(#[from] std::io::Error),
    #[error("what is done cannot be recorded: {0}")]
    Unrecorded(#[from] StateFault),
    #[error("the archive did not keep {UNKEPT} objects as they were stored: `dicomgate vault probe` again")]
    Unkept,
    #[error("another machine has taken over this archive")]
    Turn,
}

impl SealArchive {
    /// Seals. 0: all is sealed that can be; 1: not all, or nothing may be; 2: there is no such archive; 64: the
    /// configuration or its keys are refused.
    pub fn run(&self) -> ExitCode {
        self.try_run().unwrap_or_else(|code| code)
    }

    fn try_run(&self) -> Result<ExitCode, ExitCode> {
        let ground = Ground::load(&self.config)?;
        let archive = ground.archive(self.archive)?;
        self.may(&ground, archive)?;
        let runtime = ground::runtime()?;
        let opened = runtime.block_on(crate::cli::state::open(&ground.settings));
        let state = opened.map_err(|fault| {
            eprintln!("{fault}");
            ExitCode::from(crate::cli::EXIT_INTERNAL)
        })?;
        let address = archive.address.to_string();
        let calling = ground.calling(archive, self.calling);
        let target = ground::target(archive, &address, ground.tls(archive)?, calling);
        let folder = ground.settings.gateway.state.join("vault");
        let shared = ground.settings.gateway.database.is_some().then_some(&state);
        let turn = runtime.block_on(OneRound::take(&folder, &archive.ae_title, shared)).map_err(|fault| {
            eprintln!("nothing is sealed in archive `{}`: {fault}", archive.ae_title);
            ExitCode::from(1)
        })?;
        let (id, by) = (round_id()?, self.by.clone().unwrap_or_else(account));
        let gateway = ground.settings.gateway.name.to_string();
        let mut round = Round {
            converter: Converter {
                target: Target { ..target.clone() },
                archive: archive.ae_title,
                means: ground.means(),
                how: ground.reading(archive),
                carrier: match archive.vault.carrier {
                    Configured::Pixels => Carrier::Pixels,
                    Configured::Attributes => Carrier::Attributes,
                },
                state: state.clone(),
                folder: folder.join(format!("held-{}", file_name(&archive.ae_title))),
                aside: report::aside(&folder, &archive.ae_title),
                patience: PATIENCE,
                proven: Box::new(|class, begun| match Family::sealing(class) {
                    Some(family) => ground.room.carries(archive, family, begun),
                    None => Ok(()),
                }),
                holds: Box::new(|id| is_there(&ground, id)),
            },
            ground: &ground,
            manifest: ground.room.manifest().clone(),
            at: archive,
            pause: Duration::from_secs(60) / self.rate.unwrap_or(archive.vault.seal_rate).max(1),
            hours: self.hours,
            last: None,
            tally: Tally::default(),
            teller: Teller::new(state, gateway, &archive.ae_title, &id, by.clone()),
            turn,
            place: report::path(&folder, &archive.ae_title),
            report: Report {
                archive: archive.ae_title.to_string(),
                round: id,
                by,
                begun: jiff::Timestamp::now(),
                at: jiff::Timestamp::now(),
                ended: false,
                stopped: None,
                studies: 0,
                studies_done: 0,
                objects: serde_json::Value::Null,
            },
        };
        let ended = runtime.block_on(self.record(&mut round, &target, &folder, archive));
        if let Some(why) = &ended {
            eprintln!("stopped: {why}");
        }
        let mut json = round.tally.json(ended.as_deref());
        let waiting = runtime.block_on(round.teller.waiting());
        if let Some(json) = json.as_object_mut() {
            json.insert("round".to_owned(), round.report.round.clone().into());
            json.insert("report".to_owned(), round.place.display().to_string().into());
            json.insert("records_waiting".to_owned(), waiting.into());
        }
        let mut text = round.tally.text(ended.as_deref());
        text.push_str(&format!("report: `{}`\n", round.place.display()));
        if waiting > 0 {
            text.push_str(&format!("{waiting} records wait for the gateway that writes the audit log\n"));
        }
        ring::print(self.format, &text, &json);
        let good = ended.is_none() && round.tally.is_good();
        runtime.block_on(round.turn.give());
        Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }

    /// The round, from its first record to its last. Gives why it stopped before its end.
    async fn record(
        &self,
        round: &mut Round<'_>,
        target: &Target<'_>,
        folder: &Path,
        archive: &Archive,
    ) -> Option<String> {
        let begun = format!(
            "carrier {:?}, dates `{}`, {} a minute",
            archive.vault.carrier,
            self.dates.unwrap_or_default(),
            self.rate.unwrap_or(archive.vault.seal_rate)
        );
        let outcome = match round.teller.begun(begun).await {
            Ok(()) => self.go(round, target, folder, archive).await,
            Err(fault) => return Some(Fault::Unrecorded(fault).to_string()),
        };
        let ended = outcome.err().map(|fault| fault.to_string());
        let mut last = ended.clone();
        (round.report.ended, round.report.stopped) = (true, ended.clone());
        if let Err(fault) = round.keep_report() {
            last = last.or(Some(Fault::Progress(fault).to_string()));
        }
        if let Err(fault) = round.teller.ended(round.tally.counts(), ended.as_deref()).await {
            last = last.or(Some(Fault::Unrecorded(fault).to_string()));
        }
        last
    }

    /// Whether this archive may be sealed in place; otherwise says why not.
    fn may(&self, ground: &Ground, archive: &Archive) -> Result<(), ExitCode> {
        let title = archive.ae_title;
        let not = |words: String| {
            eprintln!("nothing is sealed in archive `{title}`: {words}");
            ExitCode::from(1)
        };
        let probe = format!("run `dicomgate vault probe {title}`");
        let proof =
            ProbeResult::load(&ground.settings.gateway.state, &title).map_err(|fault| not(fault.to_string()))?;
        let proof = proof.ok_or_else(|| not(format!("nothing is proven of it: {probe}")))?;
        if !proof.is_of(&archive.address.to_string()) {
            return Err(not(format!("it was proven at another address, {}: {probe}", proof.address)));
        }
        if !archive.vault.all_readers_pass {
            return Err(not("nobody has said `all_readers_pass_the_gateway = true` of it".to_owned()));
        }
        if !proof.reads_back {
            return Err(not("the probe could read nothing back by C-GET, and nothing is sealed unverified".to_owned()));
        }
        let words = match proof.repeats {
            Repeats::Replaced => return Ok(()),
            Repeats::Kept => {
                "the probe found that it says success to an object of the same instance and keeps the first"
            }
            Repeats::Refused => "the probe found that it refuses objects of an instance that it has",
            Repeats::Compared => "the probe found that it refuses other objects of an instance that it has",
            Repeats::Unknown => "the probe did not find that it replaces an object of the same instance",
        };
        Err(not(format!("{words}; what it holds stays as it is, and what is stored from now on is sealed")))
    }

    async fn go(
        &self,
        round: &mut Round<'_>,
        target: &Target<'_>,
        folder: &Path,
        archive: &Archive,
    ) -> Result<(), Fault> {
        let mut progress = Progress::open(folder, &archive.ae_title, self.again)?;
        round.keep_report()?;
        let mut found = Vec::new();
        let resumed = round.converter.resume(|what, done| found.push((what, done))).await;
        for (what, done) in found {
            round.tally.in_doubt(&what, &done);
            // What is as it was is looked at again below.
            if !matches!(done, Done::Failed(_)) {
                round.tally.add(&what.instance, what.study.as_ref(), &done);
            }
            let object = Object { class: &what.class, instance: &what.instance, study: what.study.as_ref() };
            round.teller.done(object, &done).await?;
        }
        resumed?;
        let studies = listing::studies(target, self.dates).await?;
        let all = studies.len();
        round.report.studies = u64::try_from(all).unwrap_or(u64::MAX);
        for (number, study) in studies.into_iter().enumerate() {
            if progress.is_done(&study.uid) {
                round.tally.skipped += 1;
                round.report.studies_done += 1;
                continue;
            }
            let clean = round.study(target, &study).await?;
            if clean {
                progress.done(&study.uid)?;
                round.report.studies_done += 1;
            }
            round.keep_report()?;
            eprintln!("{} of {all} studies: {}", number + 1, round.tally.line());
        }
        Ok(())
    }
}

/// 128 random bits that tell this round from others.
fn round_id() -> Result<String, ExitCode> {
    let mut bytes = [0; 16];
    ::ring::rand::SystemRandom::new().fill(&mut bytes).map_err(|_| {
        eprintln!("the system gives no random numbers");
        ExitCode::from(crate::cli::EXIT_INTERNAL)
    })?;
    Ok(crate::audit::body::hex(&bytes))
}

/// The account that runs this.
fn account() -> String {
    let id = nix::unistd::getuid();
    let name = nix::unistd::User::from_uid(id).ok().flatten().map(|user| user.name);
    format!("{} (uid {id})", name.as_deref().unwrap_or("nobody known"))
}

/// Whether the manifest as it is now has a key that has not ended.
fn is_there(ground: &Ground, id: KeyId) -> Result<(), String> {
    let Some(vault) = &ground.settings.vault else { return Ok(()) };
    let gone = || format!("key {id} is destroyed or lost");
    match Manifest::read(&vault.key_folder) {
        Ok(manifest) => {
            let manifest = manifest.unwrap_or_default();
            manifest.get(id).filter(|entry| entry.end.is_none()).map(|_| ()).ok_or_else(gone)
        }
        Err(problem) => Err(format!("whether key {id} is still there cannot be seen: {problem}")),
    }
}

/// One round through an archive.
struct Round<'a> {
    converter: Converter<'a>,
    ground: &'a Ground,
    /// What the ring was held against that it seals with.
    manifest: Manifest,
    at: &'a Archive,
    pause: Duration,
    hours: Option<Window>,
    last: Option<Instant>,
    tally: Tally,
    teller: Teller,
    turn: OneRound,
    place: PathBuf,
    report: Report,
}

impl Round<'_> {
    /// Writes down how far it has come.
    fn keep_report(&mut self) -> std::io::Result<()> {
        self.report.at = jiff::Timestamp::now();
        self.report.objects = self.tally.json(None);
        self.report.keep(&self.place)
    }

    /// Seals a study; whether nothing of it failed.
    async fn study(&mut self, target: &Target<'_>, study: &Study) -> Result<bool, Fault> {
        let (facts, images) = listing::images(target, study).await?;
        let Some(facts) = facts else { return Ok(false) };
        let mut clean = true;
        // What others of the same series are, where the archive does not say it.
        let mut guess: Option<(Uid, Uid)> = None;
        for listed in images {
            self.wait().await;
            self.take_keys().map_err(Stop::Key)?;
            let done = match listed.image.class {
                Some(class) => Ok((class, self.convert(&listed.place(class), &facts).await?)),
                None => {
                    let guessed = guess.filter(|(series, _)| *series == listed.series).map(|(_, class)| class);
                    self.converter.convert_unnamed(&listed, guessed, &facts).await?
                }
            };
            let (class, done) = match done {
                Ok(named) => named,
                Err(why) => {
                    self.tally.unnamed(&listed, why);
                    clean = false;
                    continue;
                }
            };
            guess = Some((listed.series, class));
            let place = listed.place(class);
            if !matches!(done, Done::Sealed { .. }) {
                // Only what is stored counts against the rate.
                self.last = None;
            }
            clean &= !matches!(done, Done::Failed(_) | Done::Restored(_) | Done::Kept { .. });
            self.tally.add(&place.instance, place.study.as_ref(), &done);
            let object = Object { class: &place.class, instance: &place.instance, study: place.study.as_ref() };
            self.teller.done(object, &done).await?;
            if self.tally.unkept() >= UNKEPT {
                return Err(Fault::Unkept);
            }
            if !self.turn.holds() {
                return Err(Fault::Turn);
            }
        }
        Ok(clean)
    }

    /// Seals with the newest key, as a gateway does, also when it was made after the round had begun.
    fn take_keys(&mut self) -> Result<(), String> {
        let settings = &self.ground.settings;
        let Some(vault) = &settings.vault else { return Ok(()) };
        if Manifest::read(&vault.key_folder).is_ok_and(|now| now.as_ref() == Some(&self.manifest)) {
            return Ok(());
        }
        let room = VaultRoom::load_after(Some((&self.ground.room, vault)), vault, settings);
        let room = room.map_err(|words| words.join("; "))?;
        self.converter.means = ground::means(&room);
        self.converter.how.unlock = Unlock::from(Arc::clone(&room.ring));
        self.manifest = room.manifest().clone();
        Ok(())
    }

    async fn convert(&self, place: &Place, listed: &Facts) -> Result<Done, Stop> {
        match self.proven(place) {
            Ok(()) => self.converter.convert(place, listed).await,
            Err(why) => Ok(Done::Failed(why)),
        }
    }

    /// Whether such objects are sealed for the archive when they are stored anew: no others are here.
    fn proven(&self, place: &Place) -> Result<(), String> {
        let (Some(family), Some(vault)) = (Family::sealing(&place.class), &self.ground.settings.vault) else {
            return Ok(());
        };
        match self.ground.room.seals(vault, self.at, family) {
            Seals::Yes(_) => Ok(()),
            Seals::No(words) | Seals::Unproven(words) => Err(words),
        }
    }

    /// Until the rate and the hours allow the next one.
    async fn wait(&mut self) {
        if let Some(hours) = self.hours {
            let mut said = false;
            while !hours.holds(&jiff::Zoned::now()) {
                if !std::mem::replace(&mut said, true) {
                    eprintln!("waiting for {hours}");
                }
                tokio::time::sleep(Duration::from_secs(30)).await;
            }
        }
        if let Some(last) = self.last {
            tokio::time::sleep(self.pause.saturating_sub(last.elapsed())).await;
        }
        self.last = Some(Instant::now());
    }
}
