//! Reading back the sealed instances of one report: each by itself, so that one which cannot be had hides no other.

use super::trust::{Doubtful, Found};
use crate::dicom::commitment::{NO_SUCH_INSTANCE, PROCESSING_FAILURE};
use crate::dicom::{AeTitle, Uid};
use crate::proxy::clock;
use crate::proxy::shared::Shared;
use crate::proxy::snapshot::Snapshot;
use crate::proxy::vault::held::Held;
use crate::proxy::vault::reach;
use crate::proxy::vault::verify::{Place, ReadBack, Reader, VerifyFault};
use crate::proxy::vault::walk::{Study, Walker};
use crate::state::{Repeats, SealRow, State};
use std::collections::{BTreeSet, HashMap};

/// So many classes are asked for on one association.
const CLASSES: usize = 100;
/// After so many instances in a row that could not be had the archive is left alone until the next attempt, which begins
/// behind them.
const LOST: usize = 8;
/// So often is an instance read that is stored anew while it is read.
const ANEW: usize = 3;

/// What one report is about, at one archive.
pub(super) struct Reading<'a> {
    pub(super) shared: &'a Shared,
    pub(super) snapshot: &'a Snapshot,
    pub(super) state: &'a State,
    pub(super) how: ReadBack,
    pub(super) repeats: Repeats,
    pub(super) archive: AeTitle,
    pub(super) calling: AeTitle,
    /// How often it was tried in vain.
    pub(super) tries: u32,
}

impl Reading<'_> {
    /// Reads all of them back.
    ///
    /// # Errors
    /// Of some nothing was learnt: they are as they were. The first fault.
    pub(super) async fn all(&self, doubtful: &mut [Doubtful]) -> Result<(), VerifyFault> {
        let series = self.series(doubtful).await;
        let begin = usize::try_from(self.tries).unwrap_or_default().saturating_mul(LOST) % doubtful.len().max(1);
        doubtful.rotate_left(begin);
        let classes: BTreeSet<Uid> = doubtful.iter().map(|one| one.class).collect();
        let classes: Vec<Uid> = classes.into_iter().collect();
        let (mut first, mut lost) = (None, 0);
        for some in classes.chunks(CLASSES) {
            let mut reader = None;
            for one in doubtful.iter_mut().filter(|one| some.contains(&one.class)) {
                let (instance, study) = (one.row.instance, one.row.study);
                let series = series.get(&instance).copied();
                let place = Place { class: one.class, instance, study, series, patient: None };
                let (open, _room) = match &mut reader {
                    Some(open) => open,
                    none => match reach::reader(self.shared, &self.archive, self.calling, some).await {
                        Ok(open) => none.insert(open),
                        // So it is for all that are left.
                        Err(fault) if fault.is_transient() => return Err(first.unwrap_or(fault)),
                        Err(fault) => {
                            one.found = Some(Found::Not(PROCESSING_FAILURE, fault));
                            continue;
                        }
                    },
                };
                match self.one(open, &place, &one.row).await {
                    Err(fault) if fault.is_transient() => {
                        one.failed = match fault {
                            VerifyFault::Failed(status) => Some(status),
                            _ => one.failed,
                        };
                        if matches!(fault, VerifyFault::Link(_)) {
                            reader = None;
                        }
                        first.get_or_insert(fault);
                        lost += 1;
                        if lost >= LOST {
                            return first.map_or(Ok(()), Err);
                        }
                        continue;
                    }
                    Ok(()) => one.found = Some(Found::Whole),
                    Err(fault) => {
                        let gone = matches!(fault, VerifyFault::Gone(_));
                        one.found = Some(Found::Not(if gone { NO_SUCH_INSTANCE } else { PROCESSING_FAILURE }, fault));
                    }
                }
                lost = 0;
            }
            if let Some((open, _room)) = reader {
                // It is over, whatever the other side says to that.
                let _ = open.close().await;
            }
        }
        first.map_or(Ok(()), Err)
    }

    async fn one(&self, reader: &mut Reader, place: &Place, row: &SealRow) -> Result<(), VerifyFault> {
        let mut before = row.clone();
        for _ in 0..ANEW {
            let seal = reader.read(place, &self.how, None).await?.inner.seal;
            let held = Held::judge(self.state, &before, seal, self.repeats).await;
            match held.map_err(|fault| VerifyFault::unasked(&fault.to_string()))? {
                Held::Rightly => {
                    let noted = self.state.seal_verified(self.archive, &place.instance, seal, clock::unix()).await;
                    if let Err(fault) = noted {
                        tracing::warn!(archive = %self.archive, %fault, "that a seal was read back could not be noted");
                    }
                    return Ok(());
                }
                Held::NoLonger(now) => before = *now,
                Held::Wrongly => return Err(VerifyFault::Other(seal)),
            }
        }
        Err(VerifyFault::unasked("it is stored anew each time that it is read back"))
    }

    /// In which series the instances are, as the archive says: many give out nothing without. What it does not say is asked
    /// for without.
    async fn series(&self, doubtful: &[Doubtful]) -> HashMap<Uid, Uid> {
        let mut found = HashMap::new();
        let Some(wiring) = self.snapshot.archive(&self.archive) else { return found };
        let Ok(_room) = self.shared.capacity.take(&wiring.settings, false) else { return found };
        let address = wiring.settings.address.to_string();
        let target = reach::target(wiring, &address, self.calling);
        let Ok(mut walker) = Walker::open(&target).await else { return found };
        let studies: BTreeSet<Uid> = doubtful.iter().filter_map(|one| one.row.study).collect();
        for uid in studies {
            let study = Study { uid, patient: None };
            for series in walker.series(&study).await.unwrap_or_default() {
                let images = walker.images(&study, &series).await.unwrap_or_default();
                found.extend(images.into_iter().map(|image| (image.instance, series)));
            }
        }
        walker.close().await;
        found
    }
}
