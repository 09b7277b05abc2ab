//! What must be sealed and cannot be is refused, and nothing of it reaches the archive.

use crate::site::{JPEG, Site, Wants, image, natives, shows, site, site_with};
use crate::support::conn::Conn;
use crate::support::words::{EXPLICIT, INSTANCE, store, success};

/// Stores, and is refused with this status; the association goes on, and nothing reached the archive.
fn refused(site: &Site, offers: &[&[&str]], takes: &[&str], status: u16) -> String {
    let (mut peer, _, mut link, _) = site.modality(offers, takes);
    peer.say(1, &store(1), Some(&image(INSTANCE, 64)));
    let told = peer.message();
    assert_eq!(told.status(), status, "{}", told.comment());
    let comment = told.comment();
    assert!(comment.starts_with("denied, incident "), "{comment}");
    goes_on(&mut peer, &mut link);
    let record = site.world.record("not-sealed");
    assert!(comment.ends_with(record.text("incident").unwrap()), "{comment} {record:?}");
    assert_eq!(site.marks(INSTANCE), []);
    record.text("words").unwrap().to_owned()
}

/// The next message passes, and is the first that the archive gets.
fn goes_on(peer: &mut Conn, link: &mut Conn) {
    peer.release();
    link.confirm_release();
    peer.released();
    assert!(!shows(&link.received));
}

#[test]
fn nothing_is_sealed_of_which_nothing_is_proven() {
    let site = site_with(&Wants { proven: false, ..Wants::default() });
    let words = refused(&site, &[&natives()], &natives(), 0xa700);
    assert!(words.contains("dicomgate vault probe PACS"), "{words}");
}

#[test]
fn where_that_may_pass_it_passes_with_a_record() {
    let site = site_with(&Wants { proven: false, vault: "unproven = \"pass\"", ..Wants::default() });
    let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
    let sent = peer.say(1, &store(1), Some(&image(INSTANCE, 64)));
    let got = link.message();
    assert!(got.bytes == sent);
    link.say(1, &success(&got.command), None);
    assert_eq!(peer.message().status(), 0);
    let record = site.world.record("operation");
    assert_eq!((&record.0["sealed"], record.text("in_clear")), (&false.into(), Some("unproven")));
}

#[test]
fn an_archive_without_uncompressed_contexts_gets_nothing() {
    let site = site();
    let words = refused(&site, &[&[JPEG]], &[JPEG], 0xa700);
    assert!(words.contains("uncompressed"), "{words}");
}

#[test]
fn a_full_spool_is_no_reason_to_store_in_clear() {
    let limits = "spool_memory = \"64KiB\",spool_memory_all = \"64KiB\",spool_disk = \"1MiB\"";
    let site = site_with(&Wants { limits, vault: "hold = \"64MiB\"", ..Wants::default() });
    let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
    peer.say(1, &store(1), Some(&image(INSTANCE, 6000)));
    let told = peer.message();
    assert_eq!(told.status(), 0xa700, "{}", told.comment());
    goes_on(&mut peer, &mut link);
    assert!(site.world.record("not-sealed").text("words").unwrap().contains("spool_disk"));
}

#[test]
fn what_is_sealed_already_is_taken_from_nobody() {
    let site = site();
    let (mut peer, _, mut link, _) = site.modality(&[&[EXPLICIT]], &natives());
    peer.say(1, &store(1), Some(&image(INSTANCE, 64)));
    let got = link.message();
    link.say(1, &success(&got.command), None);
    assert_eq!(peer.message().status(), 0);
    peer.say(1, &store(2), Some(got.data.as_ref().unwrap()));
    let told = peer.message();
    assert_eq!(told.status(), 0x0110, "{}", told.comment());
    goes_on(&mut peer, &mut link);
}
