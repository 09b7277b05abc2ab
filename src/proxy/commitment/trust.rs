//! What an archive says of sealed instances is worth as much as what it gives back (`commit_trust = "verified"`): before a
//! report is told, each sealed instance in it that was not read back since it was stored is read back now.
//!
//! It asks for so long and no longer; what it has found out stands in the ledger, so that the next attempt goes on from there.

use super::{Commitments, note};
use crate::audit::commitment::{CommitmentNote, Stage};
use crate::audit::vault::VaultNote;
use crate::config::vault::CommitTrust;
use crate::dicom::commitment::{NO_SUCH_INSTANCE, PROCESSING_FAILURE, Report};
use crate::dicom::{AeTitle, Uid};
use crate::proxy::shared::Shared;
use crate::proxy::snapshot::Snapshot;
use crate::proxy::vault::alert::{alert, cause_of_reading};
use crate::proxy::vault::reach;
use crate::proxy::vault::verify::{Place, ReadBack, Reader, VerifyFault};
use crate::proxy::vault::walk::{Study, Walker};
use crate::state::ledger::Standing;
use crate::state::{Commitment, Repeats, SealRow};
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// How long one attempt reads back.
const READING: Duration = Duration::from_secs(600);
/// An archive that cannot be asked is tried so often; then its instances are reported as failed.
const TRIES: u32 = 5;
/// So many classes are asked for on one association.
const CLASSES: usize = 100;

/// What may be told.
pub(super) enum Trusted {
    /// The report as it is.
    Whole,
    /// The report has changed: some of what the archive says it holds could not be verified.
    Less,
    /// Not now: there is more to be read back, and it goes on at once.
    More,
    /// Not now; why.
    Later(String),
}

/// An instance that the ledger knows as sealed, and that nobody has read back since.
struct Doubtful {
    row: SealRow,
    class: Uid,
    /// What was found; `None`: nothing yet.
    found: Option<Found>,
}

enum Found {
    Whole,
    /// The reason for the requester, and what was wrong.
    Not(u16, VerifyFault),
}

/// Looks at what is reported as committed; takes out of that what cannot be verified. `attempts`: how often this report was
/// tried before.
pub(super) async fn trust(
    shared: &Shared,
    commitments: &Commitments,
    snapshot: &Snapshot,
    (commitment, attempts): (&Commitment, u32),
    report: &mut Report,
) -> Trusted {
    let archive = commitment.key.archive;
    let wanted = snapshot.settings.vault.as_ref().is_some_and(|vault| vault.commit_trust == CommitTrust::Verified);
    let (Some(how), true) = (reach::reading(snapshot, &archive), wanted) else { return Trusted::Whole };
    let repeats = snapshot.vault.as_ref().map_or(Repeats::Unknown, |room| room.repeats(&archive));
    let mut doubtful = Vec::new();
    for reference in &report.committed {
        match commitments.state.seals(archive, &reference.instance).await {
            Ok(Some(row)) if !is_verified(&row, repeats) => {
                doubtful.push(Doubtful { row, class: reference.class, found: None });
            }
            Ok(_) => {}
            Err(fault) => return Trusted::Later(format!("the ledger of seals cannot be asked: {fault}")),
        }
    }
    if doubtful.is_empty() {
        return Trusted::Whole;
    }
    if shared.gate.look_up_own().is_err() {
        return Trusted::Later("nothing can be recorded".to_owned());
    }
    let reading = Reading { shared, snapshot, commitments, how, repeats, archive, calling: commitment.key.title };
    let stopped = match tokio::time::timeout(READING, reading.all(&mut doubtful)).await {
        Ok(outcome) => outcome.err(),
        // The ledger knows of these, so there is less to be done each time.
        Err(_) if doubtful.iter().any(|one| matches!(one.found, Some(Found::Whole))) => return Trusted::More,
        Err(_) => Some(VerifyFault::unasked("it takes too long")),
    };
    if let Some(fault) = stopped {
        if attempts < TRIES {
            return Trusted::Later(format!("sealed instances cannot be read back now: {fault}"));
        }
        let words = "the archive cannot be asked";
        for one in doubtful.iter_mut().filter(|one| one.found.is_none()) {
            one.found = Some(Found::Not(PROCESSING_FAILURE, VerifyFault::unasked(words)));
        }
    }
    take_out(shared, snapshot, commitment, report, &doubtful)
}

/// What was not found whole is told as failed, recorded, and alerted if something is wrong with it.
fn take_out(
    shared: &Shared,
    snapshot: &Snapshot,
    commitment: &Commitment,
    report: &mut Report,
    doubtful: &[Doubtful],
) -> Trusted {
    let archive = commitment.key.archive;
    let mut failed: HashMap<Uid, u16> = HashMap::new();
    let mut first = None;
    for one in doubtful {
        let Some(Found::Not(reason, fault)) = &one.found else { continue };
        failed.insert(one.row.instance, *reason);
        first.get_or_insert_with(|| fault.to_string());
        let Some(cause) = cause_of_reading(fault) else { continue };
        let words = format!("the archive says that it keeps it, and {fault}");
        let note = VaultNote {
            who: None,
            cause,
            archive: archive.as_str(),
            instance: Some(one.row.instance.as_str()),
            study: one.row.study.as_ref().map(Uid::as_str),
            seal: None,
            words: &words,
        };
        // The requester hears it from the report.
        let _told = alert(shared, snapshot.generation, None, note);
    }
    let Some(first) = first else { return Trusted::Whole };
    let mut moved = Vec::new();
    report.committed.retain(|reference| {
        let reason = failed.get(&reference.instance);
        moved.extend(reason.map(|reason| (reference.clone(), *reason)));
        reason.is_none()
    });
    let words = format!("{} of its sealed instances are not verified, and told as failed: {first}", moved.len());
    report.failed.append(&mut moved);
    let counts = Some(note::instances(report, 0));
    let of = CommitmentNote { instances: counts, words: Some(&words), ..note::of(commitment, Stage::Doubted) };
    // What cannot be recorded now is recorded when it is delivered, or the delivery is not.
    note::note(shared, of);
    Trusted::Less
}

/// Whether what the archive holds was read back since it was stored: the seal that it should give out, and no other that it
/// may hold instead.
fn is_verified(row: &SealRow, repeats: Repeats) -> bool {
    let Some(current) = row.current(repeats) else { return row.seals.is_empty() };
    let may_be_instead = |seal: &&crate::state::SealMark| {
        seal.begun > current.begun && row.standing(seal.id, repeats) == Standing::Valid
    };
    current.verified.is_some() && row.seals.iter().filter(may_be_instead).all(|seal| seal.verified.is_some())
}

/// Reading back what one report is about.
struct Reading<'a> {
    shared: &'a Shared,
    snapshot: &'a Snapshot,
    commitments: &'a Commitments,
    how: ReadBack,
    repeats: Repeats,
    archive: AeTitle,
    calling: AeTitle,
}

impl Reading<'_> {
    /// Reads all of them back.
    ///
    /// # Errors
    /// The archive cannot be asked now: what was not reached is as it was.
    async fn all(&self, doubtful: &mut [Doubtful]) -> Result<(), VerifyFault> {
        let series = self.series(doubtful).await;
        let classes: BTreeSet<Uid> = doubtful.iter().map(|one| one.class).collect();
        let classes: Vec<Uid> = classes.into_iter().collect();
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
                        Err(fault @ VerifyFault::Link(_)) => return Err(fault),
                        Err(fault) => {
                            one.found = Some(Found::Not(PROCESSING_FAILURE, fault));
                            continue;
                        }
                    },
                };
                match self.one(open, &place, &one.row).await {
                    Err(fault @ VerifyFault::Link(_)) => return Err(fault),
                    Ok(()) => one.found = Some(Found::Whole),
                    Err(fault) => {
                        let gone = matches!(fault, VerifyFault::Gone(_));
                        one.found = Some(Found::Not(if gone { NO_SUCH_INSTANCE } else { PROCESSING_FAILURE }, fault));
                    }
                }
            }
            if let Some((open, _room)) = reader {
                // It is over, whatever the other side says to that.
                let _ = open.close().await;
            }
        }
        Ok(())
    }

    async fn one(&self, reader: &mut Reader, place: &Place, row: &SealRow) -> Result<(), VerifyFault> {
        let seal = reader.read(place, &self.how, None).await?.inner.seal;
        if row.standing(seal, self.repeats) != Standing::Valid {
            return Err(VerifyFault::Other(seal));
        }
        let noted =
            self.commitments.state.seal_verified(self.archive, &place.instance, seal, (self.commitments.clock)());
        if let Err(fault) = noted.await {
            tracing::warn!(archive = %self.archive, %fault, "that a seal was read back could not be noted");
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::is_verified;
    use crate::dicom::AeTitle;
    use crate::state::ledger::{Mark, SealMark};
    use crate::state::{Repeats, SealRow};
    use crate::vault::{KeyId, SealId};

    /// Seals that were stored one after the other: acknowledged or not, read back or not.
    fn row(seals: &[(Mark, bool)]) -> SealRow {
        let syntax = "1.2.840.10008.1.2.1".parse().unwrap();
        let marks = seals.iter().zip(1_u8..).map(|(&(mark, verified), number)| {
            let acknowledged = mark == Mark::Acknowledged;
            let (begun, at) = (2 * u32::from(number), i64::from(number) * 100_000);
            SealMark {
                mark,
                begun,
                ended: if acknowledged { begun + 1 } else { 0 },
                at,
                verified: verified.then_some(at + 5),
                ..SealMark::new(SealId([number; 16]), KeyId(1), syntax, (1, 1, 1))
            }
        });
        let marks: Vec<SealMark> = marks.collect();
        let class = "1.2.840.10008.5.1.4.1.1.2".parse().unwrap();
        let row = SealRow::new(AeTitle::new("PACS").unwrap(), "1.2.3".parse().unwrap(), None, class, marks[0].clone());
        SealRow { seals: marks, ..row }
    }

    #[test]
    fn only_what_the_archive_should_give_out_counts() {
        use Mark::{Acknowledged, InDoubt};
        for (seals, repeats, verified) in [
            (&[(Acknowledged, true)][..], Repeats::Replaced, true),
            (&[(Acknowledged, false)], Repeats::Replaced, false),
            (&[(InDoubt, false)], Repeats::Replaced, false),
            // Stored again since.
            (&[(Acknowledged, true), (Acknowledged, false)], Repeats::Replaced, false),
            (&[(Acknowledged, false), (Acknowledged, true)], Repeats::Replaced, true),
            // It may hold the one in doubt.
            (&[(Acknowledged, true), (InDoubt, false)], Repeats::Replaced, false),
            (&[(InDoubt, false), (Acknowledged, true)], Repeats::Replaced, true),
        ] {
            assert_eq!(is_verified(&row(seals), repeats), verified, "{seals:?} {repeats:?}");
        }
        // An archive that keeps the first one holds that, whatever came later.
        let seals = [(Acknowledged, true), (Acknowledged, true)];
        assert!(is_verified(&row(&seals), Repeats::Kept));
    }
}
