//! Objects that are read back before their sender is told (`verify_after_store`), and what is behind the pixels.

use crate::site::{Gives, Site, Wants, gives, image, natives, site_with};
use crate::support::words::{EXPLICIT, INSTANCE, store, success, uid};
use dicomgate::audit::explain::explain;
use dicomgate::dicom::Tag;
use dicomgate::dicom::dataset::write::DataSet;
use dicomgate::dicom::dimse::Command;
use dicomgate::dicom::pdu::{AssociateRj, Pdu};
use dicomgate::dicom::transfer_syntax::Encoding;
use dicomgate::state::Mark;

fn site(verify: &str, vault: &str) -> Site {
    let archive = format!("verify_after_store = \"{verify}\"");
    site_with(&Wants { archive: &archive, vault, ..Wants::default() })
}

#[test]
fn nobody_is_told_before_it_was_read_back() {
    let site = site("all", "");
    let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
    peer.say(1, &store(1), Some(&image(INSTANCE, 64)));
    let got = link.message();
    link.say(got.context, &success(&got.command), None);
    peer.nothing_yet();
    site.hands_out(got.data.as_deref());
    assert_eq!(peer.message().status(), 0);
    let seals = site.ledger(INSTANCE).unwrap().seals;
    assert!(seals[0].verified.is_some() && seals[0].mark == Mark::Acknowledged);
}

#[test]
fn one_association_is_kept_for_reading_back_and_senders_wait_for_it_in_turn() {
    let archive = "verify_after_store = \"all\"\nmax_associations = 3\nreserved_for_store = 1";
    let site = site_with(&Wants { archive, ..Wants::default() });
    let (mut first, _, mut first_link, _) = site.modality(&[&natives()], &natives());
    let (mut second, _, mut second_link, _) = site.modality(&[&natives()], &natives());
    let mut third = site.world.plain();
    third.request(&crate::site::storing("CT1", &[&natives()]));
    assert!(matches!(third.control(), Pdu::AssociateRj(_)), "the last one is kept");
    let stored = [(&mut first, &mut first_link), (&mut second, &mut second_link)].map(|(peer, link)| {
        peer.say(1, &store(1), Some(&image(INSTANCE, 64)));
        let got = link.message();
        link.say(got.context, &success(&got.command), None);
        got.data.unwrap()
    });
    // Of the same instance the archive has what came last; both are told, one after the other.
    site.hands_out(Some(&stored[0]));
    assert_eq!(first.message().status(), 0);
    site.hands_out(Some(&stored[1]));
    assert_eq!(second.message().status(), 0);
    assert_eq!(site.world.count("vault-alert"), 0);
}

#[test]
fn an_archive_that_is_full_for_the_moment_is_asked_again() {
    let site = site("all", "");
    let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
    peer.say(1, &store(1), Some(&image(INSTANCE, 64)));
    let got = link.message();
    link.say(got.context, &success(&got.command), None);
    for _ in 0..2 {
        let mut full = site.world.archive.accept();
        assert!(matches!(full.control(), Pdu::AssociateRq(_)));
        // Local limit exceeded, for now.
        full.send(AssociateRj { result: 2, source: 3, reason: 2 }.encode());
    }
    peer.nothing_yet();
    site.hands_out(got.data.as_deref());
    assert_eq!(peer.message().status(), 0);
}

#[test]
fn what_cannot_be_read_back_now_has_an_incident_that_says_so() {
    let site = site("all", "");
    let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
    peer.say(1, &store(1), Some(&image(INSTANCE, 64)));
    let got = link.message();
    link.say(got.context, &success(&got.command), None);
    let mut closed = site.world.archive.accept();
    assert!(matches!(closed.control(), Pdu::AssociateRq(_)));
    // Not now, and not in a moment.
    closed.send(AssociateRj { result: 1, source: 1, reason: 1 }.encode());
    let told = peer.message();
    let record = site.world.record("not-sealed");
    assert_eq!(told.status(), 0xa700);
    assert_eq!(told.comment(), format!("denied, incident {}", record.text("incident").unwrap()));
    assert!(record.text("words").unwrap().contains("it was stored, and could not be read back now"), "{record:?}");
    let why = explain(&record).join("\n");
    assert!(
        why.contains("was stored") && why.contains("may send it again") && !why.contains("nothing reached"),
        "{why}"
    );
    assert_eq!(site.marks(INSTANCE), [Mark::Acknowledged]);
}

#[test]
fn what_comes_back_otherwise_is_refused_and_told_of() {
    let spoilt = |got: &[u8]| {
        let mut spoilt = got.to_vec();
        let middle = spoilt.len() / 2;
        spoilt[middle] ^= 4;
        Some(spoilt)
    };
    let plain = |_: &[u8]| Some(image(INSTANCE, 64));
    let cut = |got: &[u8]| Some(got[..got.len() - 20_000].to_vec());
    let all: [Gives<'_>; 3] = [&spoilt, &plain, &cut];
    for (what, gives) in all.into_iter().enumerate() {
        let site = site("all", "");
        let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
        peer.say(1, &store(1), Some(&image(INSTANCE, 64)));
        let got = link.message();
        link.say(got.context, &success(&got.command), None);
        site.hands_out(gives(got.data.as_ref().unwrap()).as_deref());
        let told = peer.message();
        assert_eq!(told.status(), 0x0110, "{what}: {}", told.comment());
        let alert = site.world.record("vault-alert");
        assert_eq!((alert.text("cause"), alert.text("instance")), (Some("not-kept"), Some(INSTANCE)), "{what}");
        assert_eq!(told.comment(), format!("denied, incident {}", alert.text("incident").unwrap()));
        assert!(site.ledger(INSTANCE).unwrap().seals[0].verified.is_none());
        // The association goes on.
        peer.release();
        link.confirm_release();
        peer.released();
    }
}

#[test]
fn what_the_archive_finds_late_is_asked_for_again() {
    let site = site("all", "");
    let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
    peer.say(1, &store(1), Some(&image(INSTANCE, 64)));
    let got = link.message();
    link.say(got.context, &success(&got.command), None);
    for _ in 0..3 {
        site.hands_out(None);
    }
    peer.nothing_yet();
    site.hands_out(got.data.as_deref());
    assert_eq!(peer.message().status(), 0);
    assert!(site.ledger(INSTANCE).unwrap().seals[0].verified.is_some());
    assert_eq!(site.world.count("vault-alert"), 0);
}

#[test]
fn what_the_archive_does_not_find_is_told_of_and_to_be_sent_again() {
    // Half of that a sender waits.
    let archive = "verify_after_store = \"all\"";
    let site = site_with(&Wants { archive, limits: "dimse = \"3s\"", ..Wants::default() });
    let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
    peer.say(1, &store(1), Some(&image(INSTANCE, 64)));
    let got = link.message();
    link.say(got.context, &success(&got.command), None);
    for _ in 0..3 {
        site.hands_out(None);
    }
    assert_eq!(peer.message().status(), 0xa700);
    let alert = site.world.record("vault-alert");
    assert_eq!(alert.text("cause"), Some("not-kept"));
    assert!(alert.text("words").unwrap().contains("did not give it back"), "{alert:?}");
    assert!(site.ledger(INSTANCE).unwrap().seals[0].verified.is_none());
}

#[test]
fn what_another_replaced_meanwhile_is_no_success_and_nothing_to_be_alarmed_about() {
    let site = site("all", "");
    let begin = || {
        let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
        peer.say(1, &store(1), Some(&image(INSTANCE, 64)));
        let got = link.message();
        link.say(got.context, &success(&got.command), None);
        let (reading, asked) = site.archive_takes(&natives());
        (peer, link, got.data.unwrap(), reading, asked)
    };
    let (mut first, _first_link, _, mut reading_first, asked_first) = begin();
    let (mut second, _second_link, held, mut reading, asked) = begin();
    gives(&mut reading, &asked, Some(&held));
    reading.confirm_release();
    assert_eq!(second.message().status(), 0);
    gives(&mut reading_first, &asked_first, Some(&held));
    reading_first.confirm_release();
    assert_eq!(first.message().status(), 0xa700, "it is to be sent again");
    assert_eq!(site.world.count("vault-alert"), 0);
}

#[test]
fn an_archive_that_cannot_be_asked_is_no_success_either() {
    let site = site("all", "");
    let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
    peer.say(1, &store(1), Some(&image(INSTANCE, 64)));
    let got = link.message();
    link.say(got.context, &success(&got.command), None);
    drop(site.world.archive.accept());
    assert_eq!(peer.message().status(), 0xa700);
    assert_eq!(site.world.count("vault-alert"), 0, "nothing is known of it");
}

#[test]
fn a_sample_is_read_back_and_nothing_is_where_nobody_asks() {
    for (verify, vault, read) in [("none", "", false), ("sample", "verify_sample = 1", true)] {
        let site = site(verify, vault);
        let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
        peer.say(1, &store(1), Some(&image(INSTANCE, 64)));
        let got = link.message();
        link.say(got.context, &success(&got.command), None);
        if read {
            site.hands_out(got.data.as_deref());
        }
        assert_eq!(peer.message().status(), 0);
        assert_eq!(site.ledger(INSTANCE).unwrap().seals[0].verified.is_some(), read, "{verify}");
        if !read {
            site.world.archive.was_not_dialled();
        }
    }
}

/// An image with this much behind its pixels.
fn trailing(length: usize) -> Vec<u8> {
    let mut object = image(INSTANCE, 4000);
    let behind = DataSet::new().with(Tag(0x7fe1, 0x0010), b"LO", "SOMEBODY").with(
        Tag(0x7fe1, 0x1010),
        b"OB",
        (0..length).map(|at| u8::try_from(at % 249).unwrap()).collect::<Vec<u8>>(),
    );
    object.extend_from_slice(&behind.encode(Encoding::ExplicitLe));
    object
}

#[test]
fn what_stands_behind_the_pixels_and_is_too_much_fits_at_the_next_try() {
    let site = site("none", "");
    let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
    let object = trailing(100_000);
    let rest = std::thread::scope(|scope| {
        // It hears of it as the association ends: part of it is at the archive, which must not have the end.
        let sender = scope.spawn(|| {
            peer.say(1, &store(1), Some(&object));
            let told = peer.message();
            assert_eq!(told.status(), 0xa700, "{}", told.comment());
            assert!(told.comment().starts_with("denied, incident "), "{}", told.comment());
            peer.aborted()
        });
        let rest = link.rest();
        sender.join().unwrap();
        rest
    });
    assert_eq!(rest[rest.len() - 10], 7, "an A-ABORT");
    let words = site.world.record("not-sealed").text("words").unwrap().to_owned();
    assert!(words.contains("the next try is kept whole"), "{words}");
    crate::support::wait_until("the ledger forgets what was never stored", || site.marks(INSTANCE).is_empty());
    // The same peer, the same class.
    let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
    let got = site.stores(&mut peer, &mut link, &object);
    assert!(site.open(&got, EXPLICIT) == object);
    assert_eq!(site.marks(INSTANCE), [Mark::Acknowledged]);
}

#[test]
fn what_little_stands_behind_the_pixels_has_room() {
    let site = site("none", "");
    let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
    let object = trailing(50_000);
    let got = site.stores(&mut peer, &mut link, &object);
    assert!(site.open(&got, EXPLICIT) == object);
}

#[test]
fn the_ledger_knows_of_objects_without_pixels_too() {
    let site = site("none", "");
    let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
    let class = uid(crate::support::words::CT);
    let object = DataSet::new()
        .with_uid(Tag(0x0008, 0x0016), &class)
        .with_uid(Tag(0x0008, 0x0018), &uid(INSTANCE))
        .with(Tag(0x0009, 0x0010), b"LO", "SOMEBODY")
        .with(Tag(0x0009, 0x1010), b"OB", vec![7; 4000])
        .with(Tag(0x0010, 0x0020), b"LO", "4711")
        .with_uid(Tag(0x0020, 0x000d), &uid("1.2.3.4"))
        .with_uid(Tag(0x0020, 0x000e), &uid("1.2.3.4.1"))
        .encode(Encoding::ExplicitLe);
    peer.say(1, &Command::store_rq(1, &class, &uid(INSTANCE)), Some(&object));
    let got = link.message();
    assert!(!got.data.as_ref().unwrap().windows(64).any(|bytes| bytes == [7; 64]), "it is sealed");
    assert_eq!(site.marks(INSTANCE), [Mark::InDoubt], "the ledger knows before the archive answers");
    link.say(got.context, &success(&got.command), None);
    assert_eq!(peer.message().status(), 0);
    assert_eq!(site.marks(INSTANCE), [Mark::Acknowledged]);
    assert_eq!(site.open(&got, EXPLICIT), object);
    let record = site.world.record("operation");
    assert_eq!(record.text("seal"), Some(site.ledger(INSTANCE).unwrap().seals[0].id.to_string().as_str()));
}
