//! `dicomgate vault reindex [ARCHIVE]`: rebuilds the ledger from what the archive holds. Each sealed object is retrieved and
//! opened; what opens is noted as acknowledged and verified.

use super::dates::Dates;
use super::ground::{self, Ground};
use super::listing;
use super::ring;
use crate::cli::audit::Format;
use crate::config;
use crate::dicom::{AeTitle, Uid};
use crate::proxy::vault::classify::class_of;
use crate::proxy::vault::verify::{Place, ReadBack, Reader, Verified, VerifyFault, is_plain};
use crate::proxy::vault::walk::WalkFault;
use crate::scu::Target;
use crate::state::{Mark, SealMark, SealRow, State, StateFault};
use crate::vault::KeyId;
use crate::vault::family::Family;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Reindex {
    /// The archive, by its `ae_title`; default: the only one
    #[arg(value_name = "ARCHIVE")]
    archive: Option<AeTitle>,
    /// The gateway's configuration
    #[arg(long, short, value_name = "FILE", default_value = config::DEFAULT_PATH)]
    config: PathBuf,
    /// Only studies of these days; either end may be left out
    #[arg(long, value_name = "YYYYMMDD-YYYYMMDD")]
    dates: Option<Dates>,
    /// Take what the archive holds for right also where the ledger knows another seal: after a backup of the state was put
    /// back, never when something may have been put back in the archive
    #[arg(long)]
    trust_archive: bool,
    /// The title that the archive sees; default: one that the gateway will call it by
    #[arg(long, value_name = "AE")]
    calling: Option<AeTitle>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What was found.
#[derive(Debug, Default, serde::Serialize)]
struct Tally {
    added: u64,
    known: u64,
    plain: u64,
    /// The ledger knows other seals of these: nothing was changed.
    differ: Vec<String>,
    /// These carry a seal and do not open, or did not come.
    failed: Vec<(String, String)>,
}

#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Walk(#[from] WalkFault),
    #[error(transparent)]
    State(#[from] StateFault),
    #[error(transparent)]
    Verify(#[from] VerifyFault),
}

impl Reindex {
    /// Rebuilds. 0: the ledger says what the archive holds; 1: not of all; 2: there is no such archive; 64: the
    /// configuration or its keys are refused.
    pub fn run(&self) -> ExitCode {
        self.try_run().unwrap_or_else(|code| code)
    }

    fn try_run(&self) -> Result<ExitCode, ExitCode> {
        let ground = Ground::load(&self.config)?;
        let archive = ground.archive(self.archive)?;
        let address = archive.address.to_string();
        let calling = ground.calling(archive, self.calling);
        let target = ground::target(archive, &address, ground.tls(archive)?, calling);
        let how = ground.reading(archive);
        let mut tally = Tally::default();
        let ended = ground::runtime()?.block_on(async {
            let state = crate::cli::state::open(&ground.settings).await?;
            self.go(&state, &target, archive.ae_title, &how, &mut tally).await
        });
        if let Err(fault) = &ended {
            eprintln!("stopped: {fault}");
        }
        ring::print(self.format, &tally.text(), &serde_json::json!(tally));
        let good = ended.is_ok() && tally.differ.is_empty() && tally.failed.is_empty();
        Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }

    async fn go(
        &self,
        state: &State,
        target: &Target<'_>,
        archive: AeTitle,
        how: &ReadBack,
        tally: &mut Tally,
    ) -> Result<(), Fault> {
        let studies = listing::studies(target, self.dates).await?;
        let all = studies.len();
        for (number, study) in studies.into_iter().enumerate() {
            let (_, images) = listing::images(target, &study).await?;
            let mut reader: Option<(Uid, Reader)> = None;
            for listed in images {
                let class = match listed.image.class {
                    Some(class) => Some(class),
                    None => class_of(target, &listed).await?,
                };
                let Some(class) = class.filter(|class| Family::sealing(class).is_some()) else { continue };
                let place = listed.place(class);
                let mut own = match reader.take() {
                    Some((known, reader)) if known == class => reader,
                    Some((_, other)) => {
                        let _ = other.close().await;
                        Reader::open(target, &[class]).await?
                    }
                    None => Reader::open(target, &[class]).await?,
                };
                let read = match own.read(&place, how, None).await {
                    // A compressed original comes in no encoding that a seal can be in.
                    Err(VerifyFault::Failed(_)) if is_plain(target, &place, how).await.is_ok() => {
                        Err(VerifyFault::Plain)
                    }
                    read => read,
                };
                reader = Some((class, own));
                self.note(state, archive, &place, read, tally).await?;
            }
            if let Some((_, reader)) = reader {
                let _ = reader.close().await;
            }
            eprintln!("{} of {all} studies: {} added, {} known", number + 1, tally.added, tally.known);
        }
        Ok(())
    }

    async fn note(
        &self,
        state: &State,
        archive: AeTitle,
        place: &Place,
        read: Result<Verified, VerifyFault>,
        tally: &mut Tally,
    ) -> Result<(), Fault> {
        let verified = match read {
            Ok(verified) => verified,
            // The ledger knows it as sealed: somebody put it there past the gateway, or an older state was put back.
            Err(VerifyFault::Plain) if is_known(state, archive, &place.instance).await? => {
                if self.trust_archive {
                    state.seal_forget(archive, &place.instance).await?;
                    tally.plain += 1;
                } else {
                    tally.differ.push(place.instance.to_string());
                }
                return Ok(());
            }
            // What is not sealed has no row; encapsulated originals do not even come in a native context.
            Err(VerifyFault::Plain | VerifyFault::Gone(_)) => {
                tally.plain += 1;
                return Ok(());
            }
            Err(fault) => {
                tally.failed.push((place.instance.to_string(), fault.to_string()));
                return Ok(());
            }
        };
        let (inner, now) = (verified.inner, jiff::Timestamp::now().as_second());
        let instance = inner.sop_instance;
        let known = state.seals(archive, &instance).await?;
        match &known {
            Some(row) if row.seal(inner.seal).is_some() => {
                state.seal_verified(archive, &instance, inner.seal, now).await?;
                tally.known += 1;
            }
            Some(_) if !self.trust_archive => tally.differ.push(instance.to_string()),
            _ => {
                let shape = (inner.rows, inner.columns, inner.frames);
                let mark = SealMark {
                    mark: Mark::Acknowledged,
                    at: now,
                    verified: Some(now),
                    begun: 1,
                    ended: 2,
                    ..SealMark::new(inner.seal, inner.key.unwrap_or(KeyId(0)), inner.transfer_syntax, shape)
                };
                let row = SealRow::new(archive, instance, place.study, place.class, mark);
                match state.seal_put(&SealRow { changes: 2, ..row }, known.as_ref()).await? {
                    true => tally.added += 1,
                    false => {
                        let words = "it was stored anew meanwhile: run this again".to_owned();
                        tally.failed.push((instance.to_string(), words));
                    }
                }
            }
        }
        Ok(())
    }
}

/// Whether the archive has acknowledged a seal of it.
async fn is_known(state: &State, archive: AeTitle, instance: &Uid) -> Result<bool, StateFault> {
    let row = state.seals(archive, instance).await?;
    Ok(row.is_some_and(|row| row.is_acknowledged()))
}

impl Tally {
    fn text(&self) -> String {
        let mut text = format!(
            "{} added, {} known already, {} not sealed, {} other than the ledger says, {} not readable\n",
            self.added,
            self.known,
            self.plain,
            self.differ.len(),
            self.failed.len()
        );
        for instance in &self.differ {
            let _ = writeln!(text, "the ledger knows {instance} otherwise: --trust-archive takes the archive's");
        }
        for (instance, why) in &self.failed {
            let _ = writeln!(text, "{instance}: {why}");
        }
        text
    }
}
