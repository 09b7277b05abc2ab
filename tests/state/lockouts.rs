//! Failed logins: counted whoever counts, forgotten in time.

use crate::place::{Place, START, later};
use dicomgate::state::{Lockout, LockoutRule};

pub const RULE: LockoutRule = LockoutRule { free: 3, first: 10, most: 60, forget: 3600 };

pub async fn each_failure_beyond_the_free_ones_doubles_the_time(place: Place) {
    let (state, replica) = (place.open().await, place.open().await);
    let mueller = state.hash("lockout", &[b"local", b"mueller"]);
    assert_eq!(mueller, replica.hash("lockout", &[b"local", b"mueller"]), "replicas agree on who it is");
    for failures in 1..=3 {
        let lockout = replica.failed(&mueller, &RULE).await.unwrap();
        assert_eq!(lockout, Lockout { failures, until: 0 });
        assert_eq!(state.locked_until(&mueller).await.unwrap(), None);
    }
    assert_eq!(state.failed(&mueller, &RULE).await.unwrap(), Lockout { failures: 4, until: START + 10 });
    assert_eq!(replica.locked_until(&mueller).await.unwrap(), Some(START + 10));
    assert_eq!(state.locked_until(&state.hash("lockout", &[b"ldap", b"mueller"])).await.unwrap(), None);
    later(10);
    assert_eq!(replica.locked_until(&mueller).await.unwrap(), None);
    assert_eq!(replica.failed(&mueller, &RULE).await.unwrap(), Lockout { failures: 5, until: START + 30 });
    drop(state);
    let state = place.open().await;
    assert_eq!(state.locked_until(&mueller).await.unwrap(), Some(START + 30), "a restart forgets nothing");
    state.cleared(&mueller).await.unwrap();
    assert_eq!(replica.failures(&mueller).await.unwrap(), Lockout::default());
    assert_eq!(replica.failed(&mueller, &RULE).await.unwrap().failures, 1);
    later(3601);
    assert_eq!(state.failures(&mueller).await.unwrap(), Lockout::default(), "forgotten in time");
    assert_eq!(state.failed(&mueller, &RULE).await.unwrap().failures, 1);
    later(3601);
    state.sweep(START + 9999).await.unwrap();
    assert_eq!(place.count("dicomgate_lockout").await, 0);
}

pub async fn failures_at_once_are_all_counted(place: Place) {
    let (state, replica) = (place.open().await, place.open().await);
    let tasks: Vec<_> = (0..40)
        .map(|task| {
            let state = if task % 2 == 0 { state.clone() } else { replica.clone() };
            tokio::spawn(async move { state.failed(&[7; 16], &RULE).await.unwrap() })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(state.failures(&[7; 16]).await.unwrap().failures, 40);
}
