//! Archives and senders that fail while an object is sealed: never a success, never half an object, and a ledger that says
//! what may be there.

use crate::site::{Wants, image, natives, site, site_with};
use crate::support::wait_until;
use crate::support::words::{INSTANCE, store, success};
use dicomgate::dicom::pdu::pdata::write_message;
use dicomgate::dicom::pdu::{Abort, Pdu};
use dicomgate::state::Mark;

/// Segments that go before the object is over.
const SMALL: &str = "segment = \"64KiB\"\nhold = \"64KiB\"";

#[test]
fn a_sender_that_vanishes_leaves_no_object_and_no_row() {
    let site = site();
    let message = write_message(1, &store(1).encode(), Some(&image(INSTANCE, 6000)), 16_384);
    for cut in [100, 20_000, message.len() / 2, message.len() - 1] {
        let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
        peer.send(&message[..cut]);
        drop(peer);
        let seen = link.rest();
        assert_eq!(seen[seen.len() - 10], 7, "an A-ABORT");
        wait_until("the ledger forgets what was never stored", || site.marks(INSTANCE).is_empty());
    }
}

#[test]
fn an_archive_that_dies_before_the_end_is_never_a_success() {
    let site = site_with(&Wants { vault: SMALL, ..Wants::default() });
    let message = write_message(1, &store(1).encode(), Some(&image(INSTANCE, 6000)), 16_384);
    let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
    peer.send(&message[..message.len() / 2]);
    link.wait_for(link.received.len() + 100_000);
    link.send(Pdu::Abort(Abort::user()).encode());
    assert_eq!(peer.aborted().0, 0);
    wait_until("the ledger forgets what was never stored", || site.marks(INSTANCE).is_empty());
}

#[test]
fn an_archive_that_dies_instead_of_an_answer_leaves_the_seal_in_doubt() {
    let site = site();
    let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
    peer.say(1, &store(1), Some(&image(INSTANCE, 64)));
    link.message();
    drop(link);
    assert_eq!(peer.aborted(), (2, 0));
    assert_eq!(site.marks(INSTANCE), [Mark::InDoubt]);
    // The sender comes again, and both may be what the archive has.
    let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
    peer.say(1, &store(1), Some(&image(INSTANCE, 64)));
    let got = link.message();
    link.say(1, &success(&got.command), None);
    assert_eq!(peer.message().status(), 0);
    assert_eq!(site.marks(INSTANCE), [Mark::InDoubt, Mark::Acknowledged]);
}

#[test]
fn a_success_before_the_end_is_not_believed() {
    let site = site_with(&Wants { vault: SMALL, ..Wants::default() });
    let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
    let message = write_message(1, &store(1).encode(), Some(&image(INSTANCE, 6000)), 16_384);
    peer.send(&message[..message.len() / 2]);
    link.wait_for(link.received.len() + 100_000);
    link.say(1, &success(&store(1)), None);
    assert_eq!(peer.aborted().0, 2);
}

#[test]
fn a_slow_archive_slows_its_sender() {
    let site = site();
    let (mut peer, _, mut link, _) = site.modality(&[&natives()], &natives());
    let message = write_message(1, &store(1).encode(), Some(&image(INSTANCE, 60_000)), 16_384);
    let sent = std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            peer.tcp.set_write_timeout(Some(std::time::Duration::from_millis(300))).unwrap();
            let mut sent = 0;
            while sent < message.len() {
                let end = message.len().min(sent + 65_536);
                match std::io::Write::write(&mut &peer.tcp, &message[sent..end]) {
                    Ok(written) => sent += written,
                    Err(_) => break,
                }
            }
            sent
        });
        sender.join().unwrap()
    });
    assert!(sent < message.len() / 2, "{sent} of {} bytes were taken while nobody read them", message.len());
    peer.tcp.set_write_timeout(Some(crate::support::PATIENCE)).unwrap();
    let got = std::thread::scope(|scope| {
        let rest = scope.spawn(|| std::io::Write::write_all(&mut &peer.tcp, &message[sent..]).unwrap());
        let got = link.message();
        rest.join().unwrap();
        got
    });
    link.say(1, &success(&got.command), None);
    assert_eq!(peer.message().status(), 0);
}
