//! A database that an earlier version has made is brought up to date where it is, and nothing in it is lost.

use crate::place::{Place, START, ae, commitment, grant, report};
use dicomgate::state::{NewGrant, State};
use std::os::unix::fs::PermissionsExt as _;

/// The number of this version.
const NOW: i64 = 4;

/// The file of the first version, with its rows.
const FIRST: &str = include_str!("version1.sql");

/// Makes it.
async fn first(place: &Place) {
    let key = place.folder.path().join("state.key");
    std::fs::write(&key, "0f".repeat(32)).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    place.script(FIRST).await;
}

/// Everything that the first version wrote is there, and nothing is alerted of.
async fn nothing_is_lost(place: &Place, state: &State) {
    // The first version knew no persons.
    let nobodys = NewGrant { person: String::new(), ..grant() };
    let moves = state.grants_by_destination(ae("PACS"), ae("TOLD")).await.unwrap();
    assert_eq!(moves.iter().map(|one| &one.grant).collect::<Vec<_>>(), [&nobodys]);
    state.prolong_grant(moves[0].id, START + 7200).await.unwrap();
    assert_eq!(state.grants_by_destination(ae("PACS"), ae("TOLD")).await.unwrap()[0].grant.expires, START + 7200);
    state.prolong_grant(moves[0].id, START + 3600).await.unwrap();
    assert_eq!(state.commitment(&commitment(2).key).await.unwrap(), Some(commitment(2)));
    let reports: Vec<_> = state.waiting_reports().await.unwrap().into_iter().map(|(_, report)| report).collect();
    assert_eq!(reports, [report(1)]);
    state.sweep(START).await.unwrap();
    assert_eq!((state.bad_rows(), place.heard()), (0, Vec::new()));
}

pub async fn the_first_is_brought_up_to_date(place: Place) {
    first(&place).await;
    let state = place.open().await;
    nothing_is_lost(&place, &state).await;
    assert_eq!(place.number("SELECT max(version) FROM dicomgate_schema").await, NOW);
    assert_eq!(place.count("dicomgate_schema").await, 1);
    // What is new can be used.
    state.failed(&[1; 16], &crate::lockouts::RULE).await.unwrap();
    drop(state);
    nothing_is_lost(&place, &place.open().await).await;
}

pub async fn many_bring_it_up_to_date_at_once(place: Place) {
    first(&place).await;
    let opening: Vec<_> = (0..16).map(|_| tokio::spawn(State::open(place.options()))).collect();
    for state in opening {
        state.await.unwrap().unwrap().reachable().await.unwrap();
    }
    nothing_is_lost(&place, &place.open().await).await;
}

/// It stops half way: all is as before, and the next one does it.
pub async fn a_step_that_fails_changes_nothing(place: Place) {
    first(&place).await;
    place.script("CREATE TABLE dicomgate_review (mine BIGINT)").await;
    let fault = place.try_open().await.unwrap_err();
    assert!(fault.to_string().contains("dicomgate_review"), "{fault}");
    assert_eq!(place.number("SELECT max(version) FROM dicomgate_schema").await, 1);
    place.script("DROP TABLE dicomgate_review").await;
    nothing_is_lost(&place, &place.open().await).await;
}
