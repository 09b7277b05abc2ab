use super::archive::{Archive, Habit, PATIENCE};
use super::{means, ring};
use crate::dicom::dimse::Status;
use crate::proxy::vault::prove::{Carried, Fate, Late, ProbeResult, Proving, ProvingFault, Trial};
use crate::proxy::vault::verify::ReadBack;
use crate::scu::Target;
use crate::state::Repeats;
use crate::transform::open::OpenOptions;
use crate::vault::Unlock;
use std::time::Duration;

/// Nobody waits here.
const SOON: &[Duration] = &[Duration::from_millis(1); 5];

async fn prove(habit: Habit) -> ProbeResult {
    try_prove(habit, &[]).await.unwrap()
}

/// An archive that does this with what is stored, the last first.
async fn try_prove(habit: Habit, faults: &[Option<Status>]) -> Result<ProbeResult, ProvingFault> {
    let archive = Archive::start(habit).await;
    archive.faults.lock().unwrap().extend(faults);
    let mut proving = Proving {
        target: Target { answer: PATIENCE, ..archive.target() },
        means: means(),
        how: ReadBack { unlock: Unlock::from(ring()), options: OpenOptions::default(), compare: false, decoder: None },
        age: Duration::ZERO,
        largest: 3 << 20,
        destinations: Vec::new(),
        ear: Err("nobody listens".to_owned()),
        gateway: "gate-1".to_owned(),
        patience: SOON,
        say: Box::new(|_| {}),
    };
    proving.prove().await
}

fn fates(result: &ProbeResult, carrier: Carried) -> Vec<(&str, &Fate)> {
    let trials = result.trials.iter().filter(|trial| trial.carrier == carrier);
    trials.filter_map(|trial: &Trial| Some((trial.family.as_str(), trial.get.as_ref()?))).collect()
}

#[tokio::test]
async fn an_archive_that_keeps_what_it_gets_proves_both_carriers() {
    let result = prove(Habit::None).await;
    for carrier in [Carried::Pixels, Carried::Attributes] {
        let fates = fates(&result, carrier);
        assert!(fates.len() > 20, "{fates:?}");
        assert!(fates.iter().all(|(_, fate)| **fate == Fate::Whole), "{fates:?}");
    }
    assert_eq!((result.repeats, result.mints, result.reads_back), (Repeats::Replaced, false, true));
    assert!(result.coerces.is_empty(), "{:?}", result.coerces);
    assert!(result.largest > 3 << 20, "{}", result.largest);
    assert!(result.proves("CT", Carried::Pixels).is_ok());
    assert!(result.left_behind.unwrap().contains("DICOMGATE^PROBE"));
}

#[tokio::test]
async fn what_it_does_with_repeats_is_told_apart() {
    for (habit, repeats) in
        [(Habit::Keeps, Repeats::Kept), (Habit::Refuses, Repeats::Refused), (Habit::Compares, Repeats::Compared)]
    {
        let result = prove(habit).await;
        assert_eq!(result.repeats, repeats, "{habit:?}");
        assert!(result.proves("CT", Carried::Pixels).is_ok(), "{habit:?}");
    }
}

#[tokio::test]
async fn an_archive_that_drops_the_seal_proves_pixels_alone() {
    let result = prove(Habit::Drops).await;
    assert!(fates(&result, Carried::Attributes).iter().all(|(_, fate)| **fate == Fate::Dropped), "{result:?}");
    assert!(result.proves("CT", Carried::Attributes).is_err());
    assert!(result.proves("CT", Carried::Pixels).is_ok());
}

#[tokio::test]
async fn changed_pixels_prove_nothing() {
    let result = prove(Habit::Lossy).await;
    assert!(fates(&result, Carried::Pixels).iter().all(|(_, fate)| **fate != Fate::Whole), "{result:?}");
    assert!(result.proves("CT", Carried::Pixels).is_err());
}

#[tokio::test]
async fn minted_uids_coerced_patients_and_merged_studies_are_daily_work() {
    for (habit, drift) in
        [(Habit::Mints, None), (Habit::Coerces, Some("PatientName")), (Habit::Merges, Some("StudyInstanceUID"))]
    {
        let result = prove(habit).await;
        assert!(result.proves("CT", Carried::Pixels).is_ok(), "{habit:?}: {:?}", fates(&result, Carried::Pixels));
        assert_eq!(result.mints, habit == Habit::Mints, "{habit:?}");
        let named = drift.is_none_or(|name| result.coerces.iter().any(|one| one == name));
        assert!(named, "{habit:?}: {:?}", result.coerces);
    }
}

#[tokio::test]
async fn an_archive_that_forgets_proves_nothing() {
    let result = prove(Habit::Forgets).await;
    let lost = |(_, fate): &(&str, &Fate)| matches!(fate, Fate::Missing(_));
    assert!(fates(&result, Carried::Pixels).iter().all(lost), "{result:?}");
    assert!(result.proves("CT", Carried::Pixels).is_err() && !result.reads_back);
}

fn is_whole(result: &ProbeResult) {
    for carrier in [Carried::Pixels, Carried::Attributes] {
        let fates = fates(result, carrier);
        assert!(fates.len() > 20 && fates.iter().all(|(_, fate)| **fate == Fate::Whole), "{fates:?}");
    }
    assert_eq!(result.repeats, Repeats::Replaced);
    assert!(result.reads_back);
}

#[tokio::test]
async fn one_that_hangs_up_or_is_busy_once_is_proven_all_the_same() {
    for fault in [None, Some(Status(0xa700)), Some(Status(0xc001))] {
        is_whole(&try_prove(Habit::None, &[fault]).await.unwrap());
        is_whole(&try_prove(Habit::None, &[fault; 3]).await.unwrap());
    }
}

#[tokio::test]
async fn what_is_refused_once_it_was_sent_before_is_tried_as_another_instance() {
    // It hung up on it, and then says that it has it.
    let result = try_prove(Habit::None, &[Some(Status(0x0111)), None]).await.unwrap();
    assert!(fates(&result, Carried::Pixels).iter().all(|(_, fate)| **fate == Fate::Whole), "{result:?}");
}

#[tokio::test]
async fn what_lasts_was_not_found_out_and_a_refusal_is_one() {
    for fault in [None, Some(Status(0xa700))] {
        let lasting = try_prove(Habit::None, &[fault; 500]).await;
        assert!(matches!(lasting, Err(ProvingFault::Unasked(_))), "{lasting:?}");
        // For the time of one object: it is not taken for refused.
        let one = try_prove(Habit::None, &[fault; 4]).await.unwrap();
        assert!(one.trials.iter().any(|trial| matches!(trial.get, Some(Fate::Unasked(_)))), "{one:?}");
        assert!(one.why_unasked().is_some());
    }
    let refused = try_prove(Habit::None, &[Some(Status(0xa900)); 500]).await.unwrap();
    assert!(refused.trials.iter().any(|trial| matches!(trial.get, Some(Fate::Refused(_)))), "{refused:?}");
    assert!(refused.why_unasked().is_none());
}

#[tokio::test]
async fn one_that_ends_its_associations_after_a_few_objects_is_proven() {
    for after in [1, 3, 7] {
        is_whole(&prove(Habit::Closes(after)).await);
    }
}

#[tokio::test]
async fn one_that_bears_a_single_association_is_proven() {
    is_whole(&prove(Habit::Single).await);
}

#[tokio::test]
async fn one_that_finds_late_what_it_acknowledges_is_told_apart() {
    let result = prove(Habit::Late(Duration::from_millis(200))).await;
    assert!(matches!(result.late, Some(Late::After(_))) && result.finds_again(), "{result:?}");
    assert_eq!(prove(Habit::None).await.late, None);
}

#[tokio::test]
async fn what_it_has_in_another_study_is_not_found_again() {
    let result = prove(Habit::Merges).await;
    assert!(result.reads_back && result.moves_elsewhere() && !result.finds_again());
    assert!(prove(Habit::Coerces).await.finds_again());
}
