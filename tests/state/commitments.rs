//! Commitments, and reports that wait for somebody who is away.

use crate::place::{Place, START, ae, clock, commitment, later, report, uid};
use dicomgate::state::{Commitment, CommitmentKey, Report, ReportId, State, StateFault, StateOptions};
use std::collections::HashSet;

pub async fn found_by_their_whole_key(place: Place) {
    let state = place.open().await;
    state.commit(commitment(1)).await.unwrap();
    drop(state);
    let state = place.open().await;
    let key = commitment(1).key;
    assert_eq!(state.commitment(&key).await.unwrap(), Some(commitment(1)));
    for other in [
        CommitmentKey { archive: ae("PACS2"), ..key.clone() },
        CommitmentKey { transaction: uid("1.2.2"), ..key.clone() },
        CommitmentKey { title: ae("CT2"), ..key.clone() },
    ] {
        assert_eq!(state.commitment(&other).await.unwrap(), None);
    }
    let replaced = Commitment { requester: "mr".into(), expires: START + 50, ..commitment(1) };
    state.commit(replaced.clone()).await.unwrap();
    assert_eq!(state.commitment(&key).await.unwrap(), Some(replaced));
    later(51);
    assert_eq!(state.commitment(&key).await.unwrap(), None);
}

pub async fn reports_come_back_whole_in_order_after_a_restart(place: Place) {
    let state = place.open().await;
    let large = Report { data_set: vec![0xa5; 3 << 20], event_type: 2, attempts: 7, due: START - 5, ..report(3) };
    state.put_report(report(1)).await.unwrap();
    let later_one = Report { due: START + 100, ..report(2) };
    state.put_report(later_one.clone()).await.unwrap();
    state.put_report(large.clone()).await.unwrap();
    drop(state);
    let state = place.open().await;
    let reports = |found: Vec<(ReportId, Report)>| found.into_iter().map(|(_, report)| report).collect::<Vec<_>>();
    assert_eq!(reports(state.waiting_reports().await.unwrap()), [large.clone(), report(1), later_one.clone()]);
    assert_eq!(reports(state.due_reports(START, 10, START + 60).await.unwrap()), [large, report(1)]);
    assert_eq!(reports(state.due_reports(START + 60, 10, START + 160).await.unwrap()), [], "leased");
    later(100);
    let again = reports(state.due_reports(clock(), 10, clock() + 60).await.unwrap());
    assert_eq!(again.last(), Some(&later_one));
    assert_eq!(again.len(), 3);
    assert_eq!(state.count_reports().await.unwrap(), 3);
}

pub async fn two_replicas_never_have_the_same(place: Place) {
    let (state, replica) = (place.open().await, place.open().await);
    for transaction in 0..200 {
        state.put_report(report(transaction)).await.unwrap();
    }
    let courier = |state: State| async move {
        let mut mine = Vec::new();
        loop {
            let found = state.due_reports(START, 7, START + 60).await.unwrap();
            if found.is_empty() {
                return mine;
            }
            mine.extend(found.into_iter().map(|(id, _)| id));
            assert!(mine.len() <= 200, "offered again");
        }
    };
    let tasks: Vec<_> = [&state, &replica, &state, &replica].map(|state| tokio::spawn(courier(state.clone()))).into();
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    assert_eq!(all.len(), 200);
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), 200);
    // Whoever had them died: when the lease is over, they are offered again.
    assert_eq!(state.due_reports(START + 60, 500, START + 120).await.unwrap().len(), 0);
    assert_eq!(replica.due_reports(START + 61, 500, START + 120).await.unwrap().len(), 200);
}

/// A modality that is off for an hour.
pub async fn a_report_is_tried_until_it_arrives(place: Place) {
    let (state, replica) = (place.open().await, place.open().await);
    let id = state.put_report(report(1)).await.unwrap();
    for attempt in 0..6 {
        // The lease would last longer: it ends with the attempt.
        let found = state.due_reports(clock(), 10, clock() + 3600).await.unwrap();
        assert_eq!(found, [(id, Report { attempts: attempt, due: clock(), ..report(1) })]);
        assert_eq!(replica.due_reports(clock(), 10, clock() + 60).await.unwrap(), []);
        state.report_failed(id, clock() + 600).await.unwrap();
        later(599);
        assert_eq!(replica.due_reports(clock(), 10, clock() + 60).await.unwrap(), []);
        later(1);
    }
    let found = replica.due_reports(clock(), 10, clock() + 60).await.unwrap();
    assert_eq!((found.len(), found[0].1.attempts), (1, 6));
    replica.report_done(id).await.unwrap();
    later(3600);
    assert_eq!(state.due_reports(clock(), 10, clock() + 60).await.unwrap(), []);
    assert_eq!((state.waiting_reports().await.unwrap(), state.count_reports().await.unwrap()), (vec![], 0));
    state.report_failed(id, clock()).await.unwrap();
    state.report_done(id).await.unwrap();
    assert_eq!(state.count_reports().await.unwrap(), 0);
}

pub async fn the_same_transaction_takes_its_place(place: Place) {
    let state = place.open().await;
    let old = state.put_report(report(1)).await.unwrap();
    assert_eq!(state.due_reports(START, 10, START + 60).await.unwrap().len(), 1);
    let newer = Report { event_type: 2, data_set: vec![1, 2, 3], ..report(1) };
    let new = state.put_report(newer.clone()).await.unwrap();
    // The courier that had the old one is done with it: the new one stays.
    state.report_done(old).await.unwrap();
    assert_eq!(state.due_reports(START, 10, START + 60).await.unwrap(), [(new, newer)]);
    assert_eq!(state.count_reports().await.unwrap(), 1);
}

/// What is true of a report becomes known while it is in hand.
pub async fn a_report_that_is_changed_takes_nothing_elses_place(place: Place) {
    let (state, replica) = (place.open().await, place.open().await);
    let old = state.put_report(report(1)).await.unwrap();
    state.report_failed(old, START).await.unwrap();
    state.report_due(old, START).await.unwrap();
    let found = state.due_reports(START, 10, START + 60).await.unwrap();
    assert_eq!(found, [(old, Report { attempts: 1, due: START, ..report(1) })], "only what failed counts");
    state.hold_report(old, START + 90).await.unwrap();
    assert_eq!(replica.due_reports(START + 61, 10, START + 120).await.unwrap(), [], "it is still in hand");
    let less = Report { event_type: 2, data_set: vec![1, 2, 3], attempts: 1, due: START + 5, ..report(1) };
    let new = state.change_report(old, &less).await.unwrap().unwrap();
    state.report_done(old).await.unwrap();
    assert_eq!(replica.due_reports(START, 10, START + 60).await.unwrap(), []);
    assert_eq!(replica.due_reports(START + 5, 10, START + 5).await.unwrap(), [(new, less.clone())]);
    // The archive has reported anew.
    let newer = replica.put_report(report(1)).await.unwrap();
    assert_eq!(state.change_report(new, &less).await.unwrap(), None);
    assert_eq!(state.due_reports(START + 9, 10, START + 60).await.unwrap(), [(newer, report(1))]);
    // It was told by another.
    replica.report_done(newer).await.unwrap();
    assert_eq!(state.change_report(newer, &less).await.unwrap(), None);
    assert_eq!(state.count_reports().await.unwrap(), 0);
}

pub async fn expired_reports_are_absent(place: Place) {
    let state = place.open().await;
    state
        .put_report(Report { commitment: Commitment { expires: START + 5, ..commitment(1) }, ..report(1) })
        .await
        .unwrap();
    later(6);
    assert_eq!(state.due_reports(clock(), 10, clock() + 60).await.unwrap(), []);
    assert_eq!((state.waiting_reports().await.unwrap(), state.count_reports().await.unwrap()), (vec![], 0));
}

pub async fn there_are_only_so_many(place: Place) {
    let options = StateOptions { most_reports: 3, most_commitments: 2, most_seen: 1, ..place.options() };
    let state = State::open(options).await.unwrap();
    for transaction in 0..3 {
        state.put_report(report(transaction)).await.unwrap();
    }
    let full = Err(StateFault::TooMany { what: "reports", most: 3 });
    assert_eq!(state.put_report(report(3)).await, full);
    let newer = state.put_report(Report { event_type: 2, ..report(2) }).await.unwrap();
    assert_eq!(state.put_report(report(3)).await, full);
    state.report_done(newer).await.unwrap();
    assert!(state.put_report(report(3)).await.is_ok());
    state.commit(commitment(1)).await.unwrap();
    state.commit(Commitment { expires: START + 5, ..commitment(2) }).await.unwrap();
    assert_eq!(state.commit(commitment(3)).await, Err(StateFault::TooMany { what: "commitments", most: 2 }));
    state.sweep(START + 6).await.unwrap();
    state.commit(commitment(3)).await.unwrap();
}
