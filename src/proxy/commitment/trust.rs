//! What an archive says of sealed instances is worth as much as what it gives back (`commit_trust = "verified"`): before a
//! report is told, each sealed instance in it that was not read back since it was stored is read back now.
//!
//! It asks for so long and no longer; what it has found out stands in the ledger, so that the next attempt goes on from there.

use super::reading::Reading;
use super::{Commitments, note};
use crate::audit::commitment::{CommitmentNote, Stage};
use crate::audit::vault::{VaultCause, VaultNote};
use crate::config::vault::CommitTrust;
use crate::dicom::Uid;
use crate::dicom::commitment::{PROCESSING_FAILURE, Report};
use crate::dicom::dimse::Status;
use crate::proxy::shared::Shared;
use crate::proxy::snapshot::Snapshot;
use crate::proxy::vault::alert::{alert, cause_of_reading};
use crate::proxy::vault::reach;
use crate::proxy::vault::verify::VerifyFault;
use crate::state::ledger::{SealMark, Standing};
use crate::state::{Commitment, Repeats, SealRow};
use std::collections::HashMap;
use std::time::Duration;

/// How long one attempt reads back.
const READING: Duration = Duration::from_secs(600);
/// An archive that cannot be asked is tried so often; then its instances are reported as failed.
const TRIES: u32 = 5;
/// Seconds after which it is looked again whether it is a report's turn to be read back.
const TURN: i64 = 5;

/// What may be told.
pub(super) enum Trusted {
    /// The report as it is.
    Whole,
    /// The report has changed: some of what the archive says it holds could not be verified.
    Less,
    /// Not now, and nothing has failed: in so many seconds.
    More(i64),
    /// Not now; why.
    Later(String),
}

/// An instance that the ledger knows as sealed, and that nobody has read back since.
pub(super) struct Doubtful {
    pub(super) row: SealRow,
    pub(super) class: Uid,
    /// What was found; `None`: nothing yet.
    pub(super) found: Option<Found>,
    /// With what the archive failed to give it out, if it did.
    pub(super) failed: Option<Status>,
}

pub(super) enum Found {
    Whole,
    /// The reason for the requester, and what was wrong.
    Not(u16, VerifyFault),
}

/// Looks at what is reported as committed; takes out of that what cannot be verified. `tries`: how often that was tried in
/// vain for this report.
pub(super) async fn trust(
    shared: &Shared,
    commitments: &Commitments,
    snapshot: &Snapshot,
    (commitment, tries): (&Commitment, u32),
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
                doubtful.push(Doubtful { row, class: reference.class, found: None, failed: None });
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
    let Some(_turn) = commitments.tries.turn(archive) else { return Trusted::More(TURN) };
    // Requesters that wait to be called need not wait for this.
    commitments.wake();
    let calling = commitment.key.title;
    let reading = Reading { shared, snapshot, state: &commitments.state, how, repeats, archive, calling, tries };
    let stopped = match tokio::time::timeout(READING, reading.all(&mut doubtful)).await {
        Ok(outcome) => outcome.err(),
        // The ledger knows of these, so there is less to be done each time.
        Err(_) if doubtful.iter().any(|one| matches!(one.found, Some(Found::Whole))) => return Trusted::More(0),
        Err(_) => Some(VerifyFault::unasked("it takes too long")),
    };
    if let Some(fault) = stopped {
        if tries < TRIES {
            return Trusted::Later(format!("sealed instances cannot be read back now: {fault}"));
        }
        for one in doubtful.iter_mut().filter(|one| one.found.is_none()) {
            let unasked = || VerifyFault::unasked("the archive cannot be asked");
            one.found = Some(Found::Not(PROCESSING_FAILURE, one.failed.map_or_else(unasked, VerifyFault::Failed)));
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
        let cause = match fault {
            // It answers, at the last attempt still, and never gives it out.
            VerifyFault::Failed(_) => Some(VaultCause::NotKept),
            fault => cause_of_reading(fault),
        };
        let Some(cause) = cause else { continue };
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
    let may_be_instead =
        |seal: &&SealMark| seal.begun > current.begun && row.standing(seal.id, repeats) == Standing::Valid;
    current.verified.is_some() && row.seals.iter().filter(may_be_instead).all(|seal| seal.verified.is_some())
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
