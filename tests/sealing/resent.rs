//! An object that is sent again where `resend = "compare"`: told as stored only if the archive holds it, whole and the same.

use crate::site::{Site, Wants, gives, image, natives, site_with};
use crate::support::conn::Conn;
use crate::support::wait_until;
use crate::support::words::{EXPLICIT, INSTANCE, store, success};
use crate::support::world::PEERS;
use dicomgate::dicom::pdu::pdata;
use dicomgate::state::Mark;

const COMPARE: &str = "resend = \"compare\"";

fn site() -> Site {
    site_with(&Wants { archive: COMPARE, ..Wants::default() })
}

/// The object with some bytes exchanged, as often as they occur.
fn changed(object: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let (mut object, mut count) = (object.to_vec(), 0);
    for at in 0..object.len() - from.len() {
        if object[at..].starts_with(from) {
            object[at..at + to.len()].copy_from_slice(to);
            count += 1;
        }
    }
    assert!(count > 0, "something is changed");
    object
}

/// The sender is told success, and nothing goes to the archive.
fn is_told_success(site: &Site, mut peer: Conn, mut link: Conn) {
    assert_eq!(peer.message().status(), 0);
    peer.release();
    link.confirm_release();
    peer.released();
    let record = site.world.records().into_iter().rfind(|record| record.event() == "operation").unwrap();
    let row = site.ledger(INSTANCE).unwrap();
    assert_eq!((&record.0["sealed"], &record.0["same"]), (&true.into(), &true.into()));
    assert_eq!(record.text("status"), Some("0000H"));
    assert!(record.number("bytes") > Some(64 * 1024), "{record:?}");
    assert_eq!(row.seals.len(), 1, "no other seal was made");
    assert_eq!(record.text("seal"), Some(row.seals[0].id.to_string().as_str()));
    assert!(row.seals[0].verified.is_some(), "it was read back");
}

/// The archive gets it, and it opens to what was sent.
fn is_stored(site: &Site, peer: &mut Conn, link: &mut Conn, object: &[u8]) {
    let got = link.message();
    peer.nothing_yet();
    assert_eq!(
        site.marks(INSTANCE),
        [Mark::Acknowledged, Mark::InDoubt],
        "the ledger knows before the archive answers"
    );
    link.say(got.context, &success(&got.command), None);
    assert_eq!(peer.message().status(), 0);
    assert_eq!(site.marks(INSTANCE), [Mark::Acknowledged; 2]);
    assert!(site.open(&got, EXPLICIT) == object);
    let record = site.world.records().into_iter().rfind(|record| record.event() == "operation").unwrap();
    assert!(record.0.get("same").is_none());
    assert_eq!(record.text("seal"), Some(site.ledger(INSTANCE).unwrap().seals[1].id.to_string().as_str()));
}

#[test]
fn what_the_archive_holds_already_is_not_stored_again() {
    let site = site();
    let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
    let object = image(INSTANCE, 64);
    let held = site.stores(&mut peer, &mut link, &object).data.unwrap();
    peer.say(1, &store(2), Some(&object));
    site.hands_out(Some(&held));
    is_told_success(&site, peer, link);
    assert_eq!(site.world.count("vault-alert"), 0);
}

#[test]
fn what_archives_correct_is_no_difference() {
    let site = site();
    let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
    let object = image(INSTANCE, 64);
    let held = site.stores(&mut peer, &mut link, &object).data.unwrap();
    peer.say(1, &store(2), Some(&object));
    site.hands_out(Some(&changed(&held, b"Test^Eva", b"Test^Eve")));
    is_told_success(&site, peer, link);
}

#[test]
fn what_its_sender_corrected_is_stored() {
    for (from, to) in
        [(&b"Test^Eva"[..], &b"Test^Eve"[..]), (b"1.2.3.4.1", b"1.2.3.4.2"), (&[7, 0, 8, 0, 9, 0], &[7, 0, 8, 1, 9, 0])]
    {
        let site = site();
        let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
        let object = image(INSTANCE, 64);
        let held = site.stores(&mut peer, &mut link, &object).data.unwrap();
        let other = changed(&object, from, to);
        peer.say(1, &store(2), Some(&other));
        site.hands_out(Some(&held));
        is_stored(&site, &mut peer, &mut link, &other);
        assert_eq!(site.world.count("vault-alert"), 0);
    }
}

#[test]
fn what_was_spoilt_in_the_archive_is_stored_again_and_told_of() {
    let site = site();
    let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
    let object = image(INSTANCE, 64);
    let mut held = site.stores(&mut peer, &mut link, &object).data.unwrap();
    let middle = held.len() / 2;
    held[middle] ^= 1;
    peer.say(1, &store(2), Some(&object));
    site.hands_out(Some(&held));
    is_stored(&site, &mut peer, &mut link, &object);
    let alert = site.world.record("vault-alert");
    assert_eq!((alert.text("cause"), alert.text("instance")), (Some("tampered"), Some(INSTANCE)));
}

#[test]
fn what_is_not_there_in_the_archive_any_more_is_stored() {
    let site = site();
    let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
    let object = image(INSTANCE, 64);
    site.stores(&mut peer, &mut link, &object);
    peer.say(1, &store(2), Some(&object));
    site.hands_out(None);
    is_stored(&site, &mut peer, &mut link, &object);
    // Nor is one acknowledged that the archive does not want to talk about.
    let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
    peer.say(1, &store(3), Some(&object));
    drop(site.world.archive.accept());
    let got = link.message();
    link.say(got.context, &success(&got.command), None);
    assert_eq!(peer.message().status(), 0);
    assert_eq!(site.marks(INSTANCE), [Mark::Acknowledged; 3]);
    assert_eq!(site.world.count("vault-alert"), 0);
}

#[test]
fn what_there_is_no_room_for_is_stored_at_the_next_try() {
    let limits = "spool_memory = \"64KiB\",spool_memory_all = \"64KiB\",spool_disk = \"1MiB\"";
    let site = site_with(&Wants { archive: COMPARE, limits, ..Wants::default() });
    let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
    let object = image(INSTANCE, 6000);
    site.stores(&mut peer, &mut link, &object);
    peer.say(1, &store(2), Some(&object));
    let told = peer.message();
    assert_eq!(told.status(), 0xa700, "{}", told.comment());
    assert!(site.world.record("not-sealed").text("words").unwrap().contains("spool_disk"));
    assert_eq!(site.marks(INSTANCE), [Mark::Acknowledged], "nothing was lost");
    site.stores(&mut peer, &mut link, &object);
    assert_eq!(site.marks(INSTANCE), [Mark::Acknowledged; 2]);
}

#[test]
fn a_sender_that_vanishes_while_it_is_compared_leaves_nothing() {
    // There is room for two, not for three.
    let limits = "spool_memory = \"64KiB\",spool_memory_all = \"64KiB\",spool_disk = \"1MiB\"";
    let site = site_with(&Wants { archive: COMPARE, limits, ..Wants::default() });
    let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
    let object = image(INSTANCE, 450);
    let held = site.stores(&mut peer, &mut link, &object).data.unwrap();
    for gone in 1..=3 {
        let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
        peer.say(1, &store(2), Some(&object));
        let (reading, _) = site.archive_takes(&natives());
        drop(peer);
        drop(reading);
        // It is stored and nobody hears of it, or it is not: never half of it.
        let rest = link.rest();
        assert!(!crate::site::shows(&rest));
        wait_until("it is over", || site.world.count("association-closed") == gone);
        let marks = site.marks(INSTANCE);
        let (first, others) = marks.split_first().unwrap();
        assert!(*first == Mark::Acknowledged && others.iter().all(|mark| *mark == Mark::InDoubt), "{marks:?}");
    }
    peer.say(1, &store(3), Some(&object));
    site.hands_out(Some(&held));
    assert_eq!(peer.message().status(), 0, "nothing of what was kept is left");
    assert_eq!(site.world.count("not-sealed"), 0);
}

#[test]
fn what_is_stored_anew_while_it_is_compared_is_no_rollback() {
    for gives_old in [false, true] {
        let site = site();
        let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
        let object = image(INSTANCE, 64);
        let held = site.stores(&mut peer, &mut link, &object).data.unwrap();
        peer.say(1, &store(2), Some(&object));
        let (mut first, asked) = site.archive_takes(&natives());
        // Another sender is compared with something else, and stores it.
        let (mut other, _, mut there, _) = site.modality(&[&natives()], &natives());
        let corrected = changed(&object, b"Test^Eva", b"Test^Eve");
        other.say(1, &store(1), Some(&corrected));
        site.hands_out(Some(&held));
        let anew = there.message();
        there.say(anew.context, &success(&anew.command), None);
        assert_eq!(other.message().status(), 0);
        gives(&mut first, &asked, Some(if gives_old { &held } else { anew.data.as_ref().unwrap() }));
        first.confirm_release();
        // It is not what the archive holds now.
        let got = link.message();
        link.say(got.context, &success(&got.command), None);
        assert_eq!(peer.message().status(), 0);
        assert_eq!(site.world.count("vault-alert"), 0);
    }
}

#[test]
fn what_is_sealed_already_passes_as_it_comes() {
    let peers = format!(
        "{PEERS}[[peer]]\nae_titles = [\"GATE2\"]\ntls = \"off\"\nnetwork = [\"127.0.0.1/32\"]\n\
        groups = [\"modality\"]\nvault = \"shared\"\n"
    );
    let site = site_with(&Wants { archive: COMPARE, peers: &peers, ..Wants::default() });
    let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
    let object = image(INSTANCE, 12_000);
    let held = site.stores(&mut peer, &mut link, &object).data.unwrap();
    let (mut shared, _, mut there, _) = site.modality_as("GATE2", &[&natives()], &natives());
    let bytes = pdata::write_message(1, &store(2).encode(), Some(&held), 16_384);
    let (most, rest) = bytes.split_at(bytes.len() * 3 / 4);
    let (go_on, gone_on) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let shared = &mut shared;
        scope.spawn(move || {
            shared.send(most);
            gone_on.recv().unwrap();
            shared.send(rest);
        });
        // Its beginning is there before its end has come.
        there.wait_for(1 << 20);
        go_on.send(()).unwrap();
        let got = there.message();
        assert!(got.data.as_deref() == Some(&held[..]));
        there.say(got.context, &success(&got.command), None);
    });
    assert_eq!(shared.message().status(), 0);
    site.world.archive.was_not_dialled();
}
