//! The state cannot be written while objects are sealed; and what people read of a store that was refused.

use crate::site::{Site, Wants, image, natives, shows, site_with};
use crate::support::words::{EXPLICIT, INSTANCE, store, success};
use dicomgate::state::Mark;
use std::process::Command;

fn site() -> Site {
    site_with(&Wants { limits: "state_answer = \"300ms\"", ..Wants::default() })
}

/// Somebody else holds the file of the state.
fn held(site: &Site) -> rusqlite::Connection {
    let other = rusqlite::Connection::open(site.world.dir.path().join("state/state.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    other
}

#[test]
fn without_a_ledger_nothing_is_sealed_and_nothing_stored() {
    let site = site();
    let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
    let object = image(INSTANCE, 64);
    let other = held(&site);
    peer.say(1, &store(1), Some(&object));
    let told = peer.message();
    assert_eq!(told.status(), 0xa700, "{}", told.comment());
    let record = site.world.record("not-sealed");
    assert!(record.text("words").unwrap().contains("ledger"), "{record:?}");
    other.execute_batch("COMMIT").unwrap();
    // It comes again, and is the first that the archive hears of.
    let got = site.stores(&mut peer, &mut link, &object);
    assert!(site.open(&got, EXPLICIT) == object);
    assert!(!shows(&link.received));
    assert_eq!(site.marks(INSTANCE), [Mark::Acknowledged]);
}

#[test]
fn a_success_that_the_ledger_cannot_note_is_none() {
    let site = site();
    let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
    let object = image(INSTANCE, 64);
    peer.say(1, &store(1), Some(&object));
    let got = link.message();
    let other = held(&site);
    link.say(got.context, &success(&got.command), None);
    let told = peer.message();
    assert_eq!(told.status(), 0xa700, "{}", told.comment());
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(site.marks(INSTANCE), [Mark::InDoubt], "the archive may have it");
    site.stores(&mut peer, &mut link, &object);
    assert_eq!(site.marks(INSTANCE), [Mark::InDoubt, Mark::Acknowledged]);
}

#[test]
fn a_success_of_a_seal_that_the_ledger_no_longer_knows_is_none() {
    let site = site();
    let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
    let object = image(INSTANCE, 64);
    peer.say(1, &store(1), Some(&object));
    let got = link.message();
    assert_eq!(site.marks(INSTANCE), [Mark::InDoubt]);
    let other = rusqlite::Connection::open(site.world.dir.path().join("state/state.db")).unwrap();
    assert_eq!(other.execute("DELETE FROM dicomgate_sealed", []).unwrap(), 1);
    link.say(got.context, &success(&got.command), None);
    let told = peer.message();
    assert_eq!(told.status(), 0xa700, "{}", told.comment());
    let record = site.world.record("not-sealed");
    assert_eq!(told.comment(), format!("denied, incident {}", record.text("incident").unwrap()));
    assert!(record.text("words").unwrap().contains("does not know it any more"), "{record:?}");
    site.stores(&mut peer, &mut link, &object);
    assert_eq!(site.marks(INSTANCE), [Mark::Acknowledged]);
}

#[test]
fn why_says_in_words_what_was_not_sealed() {
    let site = site_with(&Wants { proven: false, ..Wants::default() });
    let (mut peer, _, _link, _) = site.modality(&[&natives()], &natives());
    peer.say(1, &store(1), Some(&image(INSTANCE, 64)));
    let told = peer.message();
    let incident = told.comment().rsplit(' ').next().unwrap().to_owned();
    let mut why = Command::new(env!("CARGO_BIN_EXE_dicomgate"));
    let output =
        why.args(["why", &incident, "--config"]).arg(site.world.dir.path().join("gateway.toml")).output().unwrap();
    let words = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{words}");
    for part in [
        "an object that must be sealed could not be, and was not stored",
        "CT1",
        INSTANCE,
        "nothing is proven of PACS: run `dicomgate vault probe PACS`",
        "nothing reached the archive",
    ] {
        assert!(words.contains(part), "{part} is missing in\n{words}");
    }
    assert!(!words.contains("Eva"), "no name of a patient:\n{words}");
}
