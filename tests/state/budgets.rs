//! Budgets: so many different ones in a window, whoever counts.

use crate::place::{Place, START, later};
use dicomgate::state::{BudgetKey, State};
use std::collections::HashSet;

const HOUR: u32 = 3600;

fn key() -> BudgetKey {
    BudgetKey { rule: "referrers".into(), subject: "user:mueller".into() }
}

/// The item of this number.
fn item(state: &State, number: u32) -> [u8; 16] {
    state.hash("study", &[format!("1.2.{number}").as_bytes()])
}

fn items(state: &State, numbers: impl IntoIterator<Item = u32>) -> Vec<[u8; 16]> {
    numbers.into_iter().map(|number| item(state, number)).collect()
}

async fn charge(state: &State, numbers: impl IntoIterator<Item = u32>, most: u32) -> usize {
    state.charge(&key(), &items(state, numbers), most, HOUR).await.unwrap()
}

pub async fn different_ones_count_and_the_same_is_free(place: Place) {
    let state = place.open().await;
    assert_eq!(charge(&state, 0..3, 5).await, 3);
    assert_eq!(charge(&state, [2, 1, 0, 0], 5).await, 4, "seen");
    // 3 and 4 have room, 5 has not; 0 stands behind it.
    assert_eq!(charge(&state, [1, 3, 3, 4, 5, 0], 5).await, 4);
    assert_eq!(charge(&state, [5], 5).await, 0);
    assert_eq!(charge(&state, [0, 4, 5], 5).await, 2);
    // Other people and other rules have budgets of their own.
    for (rule, subject) in [("referrers", "user:meier"), ("others", "user:mueller"), ("referrers", "peer:mueller")] {
        let key = BudgetKey { rule: rule.into(), subject: subject.into() };
        assert_eq!(state.charge(&key, &items(&state, 5..6), 5, HOUR).await.unwrap(), 1);
    }
    assert_eq!(charge(&state, [5], 5).await, 0);
    assert_eq!(charge(&state, [], 5).await, 0);
    assert_eq!(charge(&state, [6], 0).await, 0);
    assert_eq!(state.known_free(&key(), &items(&state, [0, 3, 5, 1]), HOUR), 2);
    assert_eq!(place.heard(), []);
}

pub async fn the_window_slides_by_the_time_of_each(place: Place) {
    let state = place.open().await;
    for number in 0..4 {
        assert_eq!(charge(&state, [number], 4).await, 1);
        later(600);
    }
    // Seen again does not renew: 0 is over an hour after it was counted.
    assert_eq!(charge(&state, [0, 1, 2, 3], 4).await, 4);
    later(1199);
    assert_eq!(charge(&state, [9], 4).await, 0, "one second before");
    later(1);
    assert_eq!(charge(&state, [9], 4).await, 1, "0 is over");
    assert_eq!(charge(&state, [0], 4).await, 0, "and counts anew");
    later(600);
    assert_eq!(charge(&state, [0], 4).await, 1);
    // All over: everything has room again, for a gateway that remembers and for one that does not.
    later(7200);
    let replica = place.open().await;
    assert_eq!(charge(&replica, 20..22, 4).await, 2);
    assert_eq!(charge(&state, 30..40, 4).await, 2);
    assert_eq!(charge(&replica, 50..60, 4).await, 0);
}

pub async fn a_restart_keeps_what_was_counted(place: Place) {
    let state = place.open().await;
    assert_eq!(charge(&state, 0..70, 100).await, 70);
    drop(state);
    let state = place.open().await;
    assert_eq!(charge(&state, 0..70, 100).await, 70);
    assert_eq!(charge(&state, 70..200, 100).await, 30);
    assert_eq!(charge(&state, 70..200, 100).await, 30);
}

/// Thousands, over many pages, by two gateways in turn; the page that is written stays small.
pub async fn thousands_are_counted_page_by_page(place: Place) {
    let (state, replica) = (place.open().await, place.open().await);
    for batch in 0..60_u32 {
        let by = if batch % 2 == 0 { &state } else { &replica };
        assert_eq!(charge(by, batch * 50..(batch + 1) * 50, 3010).await, 50, "batch {batch}");
    }
    assert_eq!(charge(&state, 0..3050, 3010).await, 3010);
    assert_eq!(charge(&replica, 3040..3041, 3010).await, 0);
    let pages = place.count("dicomgate_budget").await;
    assert!((5..=7).contains(&pages), "{pages}");
    let longest = place.number("SELECT CAST(max(length(spent)) AS BIGINT) FROM dicomgate_budget").await;
    assert!(longest <= (512 + 64) * 24, "{longest}");
    later(3 * 3600);
    state.sweep(START + 3 * 3600).await.unwrap();
    assert_eq!(place.count("dicomgate_budget").await, 0);
    assert_eq!(charge(&replica, 0..3050, 3010).await, 3010, "swept: all anew");
    assert_eq!(charge(&state, 5000..5001, 3010).await, 0);
}

/// Two gateways, many tasks: never more than the budget, and all of it.
pub async fn the_last_place_is_spent_once(place: Place) {
    let (state, replica) = (place.open().await, place.open().await);
    let tasks: Vec<_> = (0..16_u32)
        .map(|task| {
            let state = if task % 2 == 0 { state.clone() } else { replica.clone() };
            tokio::spawn(async move {
                let mut shown = Vec::new();
                for step in 0..10_u32 {
                    // Overlapping, so that some are another task's already.
                    let numbers = [task * 7 + step, task * 7 + step + 1, 1000 + task * 10 + step];
                    let room = state.charge(&key(), &items(&state, numbers), 60, HOUR).await.unwrap();
                    shown.extend_from_slice(&numbers[..room]);
                }
                shown
            })
        })
        .collect();
    let mut shown = HashSet::new();
    for task in tasks {
        shown.extend(task.await.unwrap());
    }
    assert_eq!(shown.len(), 60);
    assert_eq!(charge(&place.open().await, shown, 60).await, 60);
}

/// What is counted does not lie in the database in clear.
pub async fn nothing_of_patients_lies_there(place: Place) {
    let state = place.open().await;
    assert_eq!(charge(&state, 0..3, 5).await, 3);
    let other = state.hash("patient", &[b"1.2.0"]);
    assert_ne!(other, item(&state, 0), "a study is not the patient of the same number");
    let length = place.number("SELECT CAST(max(length(spent)) AS BIGINT) FROM dicomgate_budget").await;
    assert_eq!(length, 3 * 24);
}

pub async fn a_changed_page_counts_as_absent_and_is_told_of(place: Place) {
    let state = place.open().await;
    assert_eq!(charge(&state, 0..5, 5).await, 5);
    assert_eq!(place.by_hand("UPDATE dicomgate_budget SET expires = expires + 1").await, 1);
    let replica = place.open().await;
    assert_eq!(charge(&replica, 10..20, 5).await, 5);
    assert_eq!(place.heard().iter().map(|bad| bad.table).collect::<Vec<_>>(), ["dicomgate_budget"]);
    assert_eq!(charge(&replica, 30..31, 5).await, 0, "what was counted behind the bad page is");
    drop(replica);
    assert_eq!(charge(&place.open().await, 10..16, 5).await, 5);
}
