//! Grants: found by what a delivery says, and by nothing else.

use crate::place::{Place, START, ae, clock, grant, later, uid};
use dicomgate::state::{Grant, GrantId, NewGrant, Seen, StateFault};
use std::collections::HashSet;
use std::time::{Duration, Instant};

pub async fn comes_back_whole(place: Place) {
    let state = place.open().await;
    let made = state.grant(grant()).await.unwrap();
    assert_ne!(made.message, 0);
    assert_eq!(made.grant, grant());
    let found = state.grant_by_originator(ae("PACS"), ae("GATE"), made.message).await.unwrap();
    assert_eq!(found.as_ref(), Some(&made));
    assert_eq!(state.grants_by_destination(ae("PACS"), ae("TOLD")).await.unwrap(), std::slice::from_ref(&made));
    let other = made.message.wrapping_add(1).max(1);
    for (archive, title, message) in [
        ("PACS2", "GATE", made.message),
        ("PACS", "GATE2", made.message),
        ("PACS", "GATE", other),
        ("PACS", "gate", made.message),
    ] {
        assert_eq!(state.grant_by_originator(ae(archive), ae(title), message).await.unwrap(), None);
    }
    for (archive, told) in [("PACS2", "TOLD"), ("PACS", "WS2"), ("PACS", "GATE")] {
        assert_eq!(state.grants_by_destination(ae(archive), ae(told)).await.unwrap(), []);
    }
    assert_eq!(place.heard(), []);
}

pub async fn those_of_a_destination_come_oldest_first(place: Place) {
    let (state, replica) = (place.open().await, place.open().await);
    let mut made = Vec::new();
    for n in 0..20 {
        made.push(state.grant(NewGrant { requester_message: n, ..grant() }).await.unwrap());
    }
    later(1);
    made.push(replica.grant(grant()).await.unwrap());
    state.grant(NewGrant { told: ae("OTHER"), ..grant() }).await.unwrap();
    assert_eq!(replica.grants_by_destination(ae("PACS"), ae("TOLD")).await.unwrap(), made);
}

/// An id that was given is the caller's affair: archives that do not name the originator get the requester's own.
pub async fn ids_that_are_given_may_be_the_same(place: Place) {
    let state = place.open().await;
    let given = |requester_message| NewGrant { message: Some(7), requester_message, ..grant() };
    let first = state.grant(given(1)).await.unwrap();
    assert_eq!(first.message, 7);
    let by_message = || state.grant_by_originator(ae("PACS"), ae("GATE"), 7);
    assert_eq!(by_message().await.unwrap(), Some(first.clone()));
    let second = state.grant(given(2)).await.unwrap();
    assert_eq!(by_message().await.unwrap(), None, "nothing tells them apart");
    assert_eq!(state.grants_by_destination(ae("PACS"), ae("TOLD")).await.unwrap(), [first.clone(), second.clone()]);
    state.prolong_grant(second.id, clock() - 1).await.unwrap();
    assert_eq!(by_message().await.unwrap(), Some(first));
}

pub async fn ids_are_unique_over_replicas(place: Place) {
    let (state, replica) = (place.open().await, place.open().await);
    let tasks: Vec<_> = (0..32)
        .map(|task| {
            let state = if task % 2 == 0 { state.clone() } else { replica.clone() };
            tokio::spawn(async move {
                let mut made = Vec::new();
                for _ in 0..40 {
                    made.push(state.grant(grant()).await.unwrap());
                }
                made
            })
        })
        .collect();
    let mut all: Vec<Grant> = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    let ids: HashSet<u16> = all.iter().map(|grant| grant.message).collect();
    assert_eq!((ids.len(), ids.contains(&0)), (32 * 40, false));
    assert_eq!(all.iter().map(|grant| grant.id).collect::<HashSet<GrantId>>().len(), all.len());
    for made in all.iter().step_by(50) {
        let found = replica.grant_by_originator(ae("PACS"), ae("GATE"), made.message).await.unwrap();
        assert_eq!(found.as_ref(), Some(made));
    }
    // Another title, and another archive, have all ids to themselves.
    let other = state.grant(NewGrant { title: ae("GATE2"), ..grant() }).await.unwrap();
    assert_eq!(state.grant_by_originator(ae("PACS"), ae("GATE2"), other.message).await.unwrap(), Some(other));
}

pub async fn restart_keeps_them(place: Place) {
    let state = place.open().await;
    let made = state.grant(grant()).await.unwrap();
    let seen = Seen { instance: uid("1.2.3"), status: 0xb000 };
    state.seen(made.id, seen.clone()).await.unwrap();
    drop(state);
    let state = place.open().await;
    assert_eq!(state.grant_by_originator(ae("PACS"), ae("GATE"), made.message).await.unwrap(), Some(made.clone()));
    assert_eq!(state.all_seen(made.id).await.unwrap(), [seen]);
    assert_eq!(state.bad_rows(), 0);
}

pub async fn expired_ones_are_absent(place: Place) {
    let state = place.open().await;
    let short = state.grant(NewGrant { expires: START + 10, ..grant() }).await.unwrap();
    let long = state.grant(grant()).await.unwrap();
    later(10);
    assert_eq!(state.grants_by_destination(ae("PACS"), ae("TOLD")).await.unwrap(), [short.clone(), long.clone()]);
    later(1);
    assert_eq!(state.grants_by_destination(ae("PACS"), ae("TOLD")).await.unwrap(), std::slice::from_ref(&long));
    assert_eq!(state.grant_by_originator(ae("PACS"), ae("GATE"), short.message).await.unwrap(), None);
    state.prolong_grant(short.id, START + 7200).await.unwrap();
    assert_eq!(
        state.grant_by_originator(ae("PACS"), ae("GATE"), short.message).await.unwrap(),
        None,
        "it stays expired"
    );
    state.prolong_grant(long.id, clock() + 7200).await.unwrap();
    later(7200);
    let prolonged = Grant { grant: NewGrant { expires: clock(), ..long.grant }, ..long };
    assert_eq!(state.grants_by_destination(ae("PACS"), ae("TOLD")).await.unwrap(), std::slice::from_ref(&prolonged));
    state.prolong_grant(prolonged.id, clock() - 1).await.unwrap();
    assert_eq!(state.grants_by_destination(ae("PACS"), ae("TOLD")).await.unwrap(), []);
    state.prolong_grant(GrantId([9; 16]), clock() + 9).await.unwrap();
    assert_eq!(place.heard(), []);
}

/// All ids but `left` are taken by rows that only stand in the way.
async fn crowd(place: &Place, left: u32, expires: i64) {
    let sql = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 65535 - {left}) \
         INSERT INTO dicomgate_grant (id, archive, title, message, nth, told, destination, requester, requester_title, \
         requester_message, class, syntax, scope, association, lags, made, expires, mac) \
         SELECT {}, 'PACS', 'GATE', i, 0, 'CROWD', 'WS', 'ws', 'WS', 1, '1.2', '1.2', {empty}, '', 0, 0, {expires}, {empty} FROM n",
        place.bytes_of("i"),
        empty = place.bytes("")
    );
    assert_eq!(place.by_hand(&sql).await, 65_535 - left as usize);
}

pub async fn the_last_free_ids_are_found_and_then_it_is_full(place: Place) {
    let state = place.open().await;
    crowd(&place, 10, START + 3600).await;
    let mut ids = HashSet::new();
    for _ in 0..10 {
        ids.insert(state.grant(grant()).await.unwrap().message);
    }
    assert_eq!(ids, (65_526..=65_535).collect());
    assert_eq!(state.grant(grant()).await, Err(StateFault::Full));
    let other = state.grant(NewGrant { title: ae("GATE2"), ..grant() }).await;
    assert!(other.is_ok(), "another title has room");
    // Used again only when expired: first the crowd, whose rows nobody has swept.
    later(3601);
    let fresh = NewGrant { expires: clock() + 60, ..grant() };
    let again = state.grant(fresh.clone()).await.unwrap();
    assert_eq!(state.grant_by_originator(ae("PACS"), ae("GATE"), again.message).await.unwrap(), Some(again));
}

pub async fn with_60000_taken_it_is_quick(place: Place) {
    let (state, replica) = (place.open().await, place.open().await);
    crowd(&place, 5_535, START + 3600).await;
    let begin = Instant::now();
    let mut ids = HashSet::new();
    for _ in 0..300 {
        ids.insert(state.grant(grant()).await.unwrap().message);
        ids.insert(replica.grant(grant()).await.unwrap().message);
    }
    assert_eq!(ids.len(), 600);
    let each = begin.elapsed() / 600;
    assert!(each < Duration::from_millis(50), "{each:?} each");
}

pub async fn ten_thousand_at_once(place: Place) {
    let state = place.open().await;
    let tasks: Vec<_> = (0..100_u16)
        .map(|task| {
            let state = state.clone();
            tokio::spawn(async move {
                let mut made = Vec::new();
                for requester_message in 0..100 {
                    let told = ae(&format!("TOLD{task}"));
                    made.push(state.grant(NewGrant { told, requester_message, ..grant() }).await.unwrap());
                }
                made
            })
        })
        .collect();
    let mut ids = HashSet::new();
    for (task, made) in tasks.into_iter().enumerate() {
        let made = made.await.unwrap();
        let told = ae(&format!("TOLD{task}"));
        assert_eq!(state.grants_by_destination(ae("PACS"), told).await.unwrap(), made);
        ids.extend(made.iter().map(|grant| grant.message));
    }
    assert_eq!(ids.len(), 10_000);
    assert_eq!(place.count("dicomgate_grant").await, 10_000);
}

pub async fn deliveries_are_noted_once_each(place: Place) {
    let (state, replica) = (place.open().await, place.open().await);
    let (one, other) = (state.grant(grant()).await.unwrap(), state.grant(grant()).await.unwrap());
    let seen = |instance: &str, status| Seen { instance: uid(instance), status };
    replica.seen(one.id, seen("1.2.2", 0xa700)).await.unwrap();
    replica.seen(one.id, seen("1.2.1", 0)).await.unwrap();
    replica.seen(other.id, seen("1.2.1", 0xffff)).await.unwrap();
    replica.seen(one.id, seen("1.2.2", 0)).await.unwrap();
    assert_eq!(state.all_seen(one.id).await.unwrap(), [seen("1.2.1", 0), seen("1.2.2", 0)]);
    assert_eq!(state.all_seen(other.id).await.unwrap(), [seen("1.2.1", 0xffff)]);
    assert_eq!(state.all_seen(GrantId([3; 16])).await.unwrap(), []);
}
