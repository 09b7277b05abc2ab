//! Turns: one has it, the others wait; whoever lost it has no say.

use crate::place::{Place, START, later};

pub async fn one_has_it(place: Place) {
    let (state, replica) = (place.open().await, place.open().await);
    let turn = state.take_turn("PACS WS1", START + 10).await.unwrap().unwrap();
    assert_eq!(state.take_turn("PACS WS1", START + 10).await.unwrap(), None);
    assert_eq!(replica.take_turn("PACS WS1", START + 10).await.unwrap(), None);
    let other = replica.take_turn("PACS WS2", START + 10).await.unwrap();
    assert!(other.is_some(), "another thing has a turn of its own");
    replica.give_turn(turn).await.unwrap();
    assert!(replica.take_turn("PACS WS1", START + 10).await.unwrap().is_some());
}

pub async fn an_expired_one_is_anybodys(place: Place) {
    let (state, replica) = (place.open().await, place.open().await);
    let stale = state.take_turn("x", START + 10).await.unwrap().unwrap();
    later(10);
    assert_eq!(replica.take_turn("x", START + 99).await.unwrap(), None, "until then it is held");
    assert!(state.keep_turn(&stale, START + 20).await.unwrap());
    later(10);
    assert_eq!(replica.take_turn("x", START + 99).await.unwrap(), None, "it was kept");
    later(1);
    assert!(!state.keep_turn(&stale, START + 99).await.unwrap(), "too late, even if nobody has taken it");
    let fresh = replica.take_turn("x", START + 99).await.unwrap().unwrap();
    assert_ne!(fresh.token, stale.token);
    assert!(!state.keep_turn(&stale, START + 999).await.unwrap());
    state.give_turn(stale).await.unwrap();
    assert_eq!(state.take_turn("x", START + 99).await.unwrap(), None, "a stale token gives nothing");
    assert!(replica.keep_turn(&fresh, START + 200).await.unwrap());
}

pub async fn of_many_one_gets_it(place: Place) {
    let (state, replica) = (place.open().await, place.open().await);
    // The second round takes over what has expired, of which all see the same.
    for until in [START - 1, START + 10] {
        let tasks: Vec<_> = (0..32)
            .map(|task| {
                let state = if task % 2 == 0 { state.clone() } else { replica.clone() };
                tokio::spawn(async move { state.take_turn("x", until).await.unwrap() })
            })
            .collect();
        let mut got = 0;
        for task in tasks {
            got += usize::from(task.await.unwrap().is_some());
        }
        assert!(got == 1 || until < START && got >= 1, "{got} have it");
    }
}

pub async fn restart_keeps_it(place: Place) {
    let state = place.open().await;
    let turn = state.take_turn("x", START + 10).await.unwrap().unwrap();
    drop(state);
    let state = place.open().await;
    assert_eq!(state.take_turn("x", START + 10).await.unwrap(), None);
    assert!(state.keep_turn(&turn, START + 20).await.unwrap());
}
