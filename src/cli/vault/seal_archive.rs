//! `dicomgate vault seal-archive [ARCHIVE]`: seals what an archive holds already, study by study; stopped, it goes on where
//! it was.

use super::ground::{self, Ground};
use super::progress::Progress;
use super::ring;
use super::tally::Tally;
use super::window::Window;
use crate::cli::audit::Format;
use crate::config::vault::Carrier as Configured;
use crate::config::{self, Archive};
use crate::dicom::AeTitle;
use crate::proxy::state_options;
use crate::proxy::vault::convert::{Converter, Done, Stop};
use crate::proxy::vault::prove::{Carried, ProbeResult};
use crate::proxy::vault::verify::Place;
use crate::proxy::vault::walk::{Study, WalkFault, Walker};
use crate::scu::Target;
use crate::state::{BadRow, Repeats, State};
use crate::vault::carrier::Carrier;
use crate::vault::family::Family;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

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
    #[arg(long, value_name = "N")]
    rate: Option<u32>,
    /// Only within these hours of the day, local time; it waits for them
    #[arg(long, value_name = "HH:MM-HH:MM")]
    hours: Option<Window>,
    /// Only studies of these dates
    #[arg(long, value_name = "YYYYMMDD-YYYYMMDD", default_value = "")]
    dates: String,
    /// Begin anew: look at studies again that were done before
    #[arg(long)]
    again: bool,
    /// The title that the archive sees; default: one that the gateway will call it by
    #[arg(long, value_name = "AE")]
    calling: Option<AeTitle>,
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
        let proof = self.proof(&ground, archive)?;
        let runtime = ground::runtime()?;
        let alert = |row: BadRow| eprintln!("a row of `{}` is not what a gateway wrote and is left out", row.table);
        let opened = runtime.block_on(State::open(state_options(&ground.settings, Arc::new(alert))));
        let state = opened.map_err(|fault| {
            eprintln!("{fault}");
            ExitCode::from(crate::cli::EXIT_INTERNAL)
        })?;
        let address = archive.address.to_string();
        let calling = ground.calling(archive, self.calling);
        let target = ground::target(archive, &address, ground.tls(archive)?, calling);
        let folder = ground.settings.gateway.state.join("vault");
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
                state,
                folder: folder.join(format!("held-{}", archive.ae_title.as_str().replace([' ', '/'], "_"))),
            },
            proof,
            pause: Duration::from_secs(60) / self.rate.unwrap_or(archive.vault.seal_rate).max(1),
            hours: self.hours,
            last: None,
            tally: Tally::default(),
        };
        let outcome = runtime.block_on(self.go(&mut round, &target, &folder, archive));
        let ended = outcome.as_ref().err().map(ToString::to_string);
        if let Some(why) = &ended {
            eprintln!("stopped: {why}");
        }
        let tally = &round.tally;
        ring::print(self.format, &tally.text(ended.as_deref()), &tally.json(ended.as_deref()));
        Ok(if ended.is_none() && tally.is_good() { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }

    /// The proof that this archive may be sealed in place; otherwise says why not.
    fn proof(&self, ground: &Ground, archive: &Archive) -> Result<ProbeResult, ExitCode> {
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
            Repeats::Replaced => return Ok(proof),
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
        folder: &std::path::Path,
        archive: &Archive,
    ) -> Result<(), Fault> {
        let mut progress = Progress::open(folder, &archive.ae_title, self.again)?;
        for (what, done) in round.converter.resume().await? {
            round.tally.in_doubt(&what, &done);
            round.tally.add(&what.instance, &done);
        }
        let mut walker = Walker::open(target).await?;
        let studies = walker.studies(&self.dates, "", "").await?;
        walker.close().await;
        let all = studies.len();
        for (number, study) in studies.into_iter().enumerate() {
            if progress.is_done(&study.uid) {
                round.tally.skipped += 1;
                continue;
            }
            let clean = round.study(target, &study).await?;
            if clean {
                progress.done(&study.uid)?;
            }
            eprintln!("{} of {all} studies: {}", number + 1, round.tally.line());
        }
        Ok(())
    }
}

/// One round through an archive.
struct Round<'a> {
    converter: Converter<'a>,
    proof: ProbeResult,
    pause: Duration,
    hours: Option<Window>,
    last: Option<Instant>,
    tally: Tally,
}

impl Round<'_> {
    /// Seals a study; whether nothing of it failed.
    async fn study(&mut self, target: &Target<'_>, study: &Study) -> Result<bool, Fault> {
        let mut walker = Walker::open(target).await?;
        let mut places = Vec::new();
        for series in walker.series(study).await? {
            for image in walker.images(study, &series).await? {
                let Some(class) = image.class else {
                    self.tally.unnamed += 1;
                    continue;
                };
                places.push(Place {
                    class,
                    instance: image.instance,
                    study: Some(study.uid),
                    series: Some(series),
                    patient: study.patient.clone(),
                });
            }
        }
        walker.close().await;
        let mut clean = true;
        for place in places {
            let done = match self.proven(&place) {
                Ok(()) => {
                    self.wait().await;
                    self.converter.convert(&place).await?
                }
                Err(why) => Done::Failed(why),
            };
            if !matches!(done, Done::Sealed { .. }) {
                // Only what is stored counts against the rate.
                self.last = None;
            }
            clean &= !matches!(done, Done::Failed(_) | Done::Restored(_));
            self.tally.add(&place.instance, &done);
        }
        Ok(clean)
    }

    /// Whether the probe has seen such objects come back.
    fn proven(&self, place: &Place) -> Result<(), String> {
        let Some(family) = Family::sealing(&place.class) else { return Ok(()) };
        let of = |carrier| self.proof.proves(family.name, carrier);
        match self.converter.carrier {
            Carrier::Pixels => of(Carried::Pixels).or_else(|words| of(Carried::Attributes).map_err(|_| words)),
            Carrier::Attributes => of(Carried::Attributes),
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
