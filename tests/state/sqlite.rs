//! What SQLite alone can get wrong: its files.

use crate::place::{Place, ae, grant};
use dicomgate::state::StateFault;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

#[tokio::test]
async fn all_its_files_are_for_the_owner_alone() {
    let place = Place::sqlite().await;
    let state = place.open().await;
    state.grant(grant()).await.unwrap();
    let modes = || {
        let files = fs::read_dir(place.folder.path()).unwrap().map(|entry| entry.unwrap());
        let mut modes: Vec<(String, u32)> = files
            .map(|entry| {
                (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().permissions().mode() & 0o777)
            })
            .collect();
        modes.sort();
        modes
    };
    let names = ["state.db", "state.db-shm", "state.db-wal", "state.key"];
    assert_eq!(modes(), names.map(|name| (name.to_owned(), 0o600)));
    // Restored from a backup as a file of any mode.
    drop(state);
    fs::set_permissions(place.folder.path().join("state.db"), fs::Permissions::from_mode(0o644)).unwrap();
    let _state = place.open().await;
    assert_eq!(modes()[0], ("state.db".to_owned(), 0o600));
}

#[tokio::test]
async fn a_file_without_its_key_is_not_begun_anew() {
    let place = Place::sqlite().await;
    drop(place.open().await);
    let key = place.folder.path().join("state.key");
    fs::remove_file(&key).unwrap();
    let Err(StateFault::Settings(words)) = place.try_open().await else { panic!("opened without its key") };
    assert!(words.contains("state.key"), "{words}");
    assert!(!key.exists());
}

#[tokio::test]
async fn what_is_no_database_is_left_as_it_is() {
    let place = Place::sqlite().await;
    let (file, key) = (place.folder.path().join("state.db"), place.folder.path().join("state.key"));
    fs::write(&key, "ab".repeat(32)).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&file, "anything".repeat(1000)).unwrap();
    assert!(matches!(place.try_open().await, Err(StateFault::Damaged(_))));
    assert_eq!(fs::read_to_string(&file).unwrap(), "anything".repeat(1000));
}

#[tokio::test]
async fn a_newer_programs_file_is_not_touched() {
    let place = Place::sqlite().await;
    drop(place.open().await);
    place.by_hand("UPDATE dicomgate_schema SET version = 99").await;
    let fault = place.try_open().await.err().unwrap();
    assert!(matches!(&fault, StateFault::Settings(words) if words.contains("newer")), "{fault}");
}

#[tokio::test]
async fn many_open_it_for_the_first_time_at_once() {
    let place = Place::sqlite().await;
    let opening: Vec<_> = (0..16).map(|_| tokio::spawn(dicomgate::state::State::open(place.options()))).collect();
    let mut states = Vec::new();
    for state in opening {
        states.push(state.await.unwrap().unwrap());
    }
    let made = states[0].grant(grant()).await.unwrap();
    for state in &states {
        assert_eq!(state.grant_by_originator(ae("PACS"), ae("GATE"), made.message).await.unwrap(), Some(made.clone()));
    }
}

/// Another process holds the file: what is asked then is answered in time, and afterwards all is as before.
#[tokio::test]
async fn a_file_that_is_held_is_away() {
    let place = Place::sqlite().await;
    let options = dicomgate::state::StateOptions { answer: std::time::Duration::from_millis(300), ..place.options() };
    let state = dicomgate::state::State::open(options).await.unwrap();
    let other = rusqlite::Connection::open(place.folder.path().join("state.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let begin = std::time::Instant::now();
    let fault = state.grant(grant()).await.unwrap_err();
    assert!(matches!(fault, StateFault::Away(_)), "{fault}");
    assert!(begin.elapsed() < std::time::Duration::from_secs(2));
    // Readers do not wait for a writer.
    assert_eq!(state.grants_by_destination(ae("PACS"), ae("TOLD")).await.unwrap(), []);
    other.execute_batch("COMMIT").unwrap();
    state.grant(grant()).await.unwrap();
}
