//! An archive or sender that dies, lies or falls silent at any point: A-ABORT or a failure, never a success, never a
//! whole object made of half of one.

use crate::support::conn::Conn;
use crate::support::wait_until;
use crate::support::words::{CT, INSTANCE, VERIFICATION, answer, echo, object, rq, store, success};
use crate::support::world::{Setup, World, limits};
use dicomgate::dicom::pdu::pdata::write_message;
use dicomgate::dicom::pdu::{Abort, Pdu};
use proptest::prelude::{Strategy, any};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

fn message() -> Vec<u8> {
    write_message(3, &store(1).encode(), Some(&object(CT, INSTANCE, 60_000)), 16_384)
}

/// Where the PDUs of the message end.
fn ends(bytes: &[u8]) -> Vec<usize> {
    let (mut ends, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        at += 6 + u32::from_be_bytes(bytes[at + 2..at + 6].try_into().unwrap()) as usize;
        ends.push(at);
    }
    ends
}

/// What reached the archive is a beginning of the message in whole PDUs, without its last, and then an A-ABORT.
fn beginning_of(seen: &[u8], message: &[u8]) {
    let (got, abort) = seen.split_at(seen.len() - 10);
    assert_eq!(abort[0], 7, "an A-ABORT and not {abort:02x?}");
    assert!(message.starts_with(got) && got.len() < message.len());
    assert!(got.is_empty() || ends(message).contains(&got.len()), "half a PDU reached the archive");
}

#[test]
fn a_sender_that_vanishes_leaves_no_object_behind() {
    let message = message();
    let last = *ends(&message).iter().rev().nth(1).unwrap();
    let world = World::new();
    // In the head of a PDU, in the command, right behind it, in the data set, between two PDUs, before the last byte.
    for (round, cut) in [3, 40, ends(&message)[0], 30_000, last, message.len() - 1].into_iter().enumerate() {
        for over_tls in [false, true] {
            let (peer, calling) = if over_tls { (world.tls("ct2"), "CT2") } else { (world.plain(), "CT1") };
            let (mut peer, mut link) = world.associate(peer, &rq(calling, &[VERIFICATION, CT]));
            peer.send(&message[..cut]);
            if cut == last {
                // All that may go has gone before the sender dies.
                link.wait_for(link.received.len() + last);
            }
            if round % 2 == 0 {
                drop(peer)
            } else {
                peer.reset()
            }
            beginning_of(&link.rest(), &message);
        }
    }
    assert!(world.records().iter().all(|record| record.event() != "operation" || record.0["aborted"] == true));
}

#[test]
fn a_sender_that_aborts_in_mid_object_is_passed_on() {
    let message = message();
    let world = World::new();
    let (mut peer, mut link) = world.modality();
    peer.send(&message[..ends(&message)[1]]);
    peer.send(Pdu::Abort(Abort::user()).encode());
    let seen = link.rest();
    beginning_of(&seen, &message);
    assert_eq!(seen[seen.len() - 10..], Abort::user().to_bytes());
    assert_eq!(world.ended(), "aborted-by-peer");
}

#[test]
fn a_release_in_mid_object_is_no_good_order() {
    let message = message();
    let world = World::new();
    let (mut peer, mut link) = world.modality();
    peer.send(&message[..ends(&message)[1]]);
    peer.release();
    assert_eq!(peer.aborted(), (2, 2));
    beginning_of(&link.rest(), &message);
}

#[test]
fn an_archive_that_dies_is_never_a_success() {
    let message = message();
    let world = World::new();
    for cut in [0, ends(&message)[0], 30_000, message.len()] {
        for how in 0..3 {
            let (mut peer, mut link) = world.modality();
            peer.send(&message[..cut]);
            // The command waits for what the data set says.
            let whole = ends(&message).into_iter().skip(1).filter(|end| *end <= cut).max().unwrap_or(0);
            link.wait_for(link.received.len() + whole);
            match how {
                0 => drop(link),
                1 => link.reset(),
                _ => {
                    // It dies while it answers.
                    let half = write_message(3, &success(&store(1)).encode(), None, 0);
                    link.send(&half[..half.len() - 1]);
                    drop(link);
                }
            }
            assert_eq!(peer.aborted(), (2, 0), "{cut} {how}");
        }
    }
    let records = world.records();
    let operations: Vec<_> = records.iter().filter(|record| record.event() == "operation").collect();
    assert!(!operations.is_empty() && operations.iter().all(|record| record.0["aborted"] == true));
    assert!(records.iter().any(|record| record.text("ended") == Some("archive-lost")));
}

#[test]
fn an_archive_that_aborts_is_passed_on() {
    let world = World::new();
    let (mut peer, mut link) = world.modality();
    peer.say(1, &echo(1), None);
    link.message();
    link.send(Pdu::Abort(Abort::user()).encode());
    assert_eq!(peer.aborted(), (0, 0));
    link.ended();
    assert_eq!(world.ended(), "aborted-by-archive");
}

#[test]
fn an_answer_before_its_hang_up_still_counts() {
    let world = World::new();
    let (mut peer, mut link) = world.modality();
    peer.say(1, &echo(1), None);
    let asked = link.message();
    link.say(1, &success(&asked.command), None);
    drop(link);
    assert_eq!(peer.message().status(), 0);
    assert_eq!(peer.aborted(), (2, 0));
}

/// Sends most of an object, and lets the archive answer with a status before the rest has come.
fn early(world: &World, status: u16) -> (Conn, Conn, Vec<u8>) {
    let message = message();
    let (mut peer, mut link) = world.modality();
    let (most, rest) = message.split_at(30_000);
    peer.send(most);
    link.wait_for(link.received.len() + ends(&message)[0]);
    link.say(3, &answer(&store(1), status), None);
    (peer, link, rest.to_vec())
}

#[test]
fn a_failure_may_come_early_and_the_rest_is_still_taken() {
    let world = World::new();
    let (mut peer, mut link, rest) = early(&world, 0xa700);
    assert_eq!(peer.message().status(), 0xa700);
    peer.send(&rest);
    assert_eq!(link.message().command.message_id, Some(1));
    peer.say(1, &echo(2), None);
    let asked = link.message();
    link.say(1, &success(&asked.command), None);
    assert_eq!(peer.message().status(), 0);
}

#[test]
fn a_success_may_not_come_early() {
    for status in [0x0000, 0xb000, 0xff00] {
        let world = World::new();
        let (mut peer, mut link, _) = early(&world, status);
        assert_eq!(peer.aborted(), (2, 0));
        let seen = link.rest();
        assert_eq!(seen[seen.len() - 10..], Abort::provider(5).to_bytes());
        assert!(world.record("malformed").text("words").unwrap().contains("before the whole request"));
    }
}

#[test]
fn answers_to_nothing_end_the_association() {
    let world = World::new();
    for wrong in [answer(&echo(2), 0), answer(&store(1), 0)] {
        let (mut peer, mut link) = world.modality();
        peer.say(1, &echo(1), None);
        link.message();
        link.say(1, &wrong, None);
        assert_eq!(peer.aborted(), (2, 0));
        assert_eq!(link.aborted(), (2, 5));
    }
    // Twice the same answer: the second is to nothing.
    let (mut peer, mut link) = world.modality();
    peer.say(1, &echo(1), None);
    let asked = link.message();
    link.say(1, &success(&asked.command), None);
    link.say(1, &success(&asked.command), None);
    assert_eq!(peer.message().status(), 0);
    assert_eq!(peer.aborted(), (2, 0));
}

/// Waits for the end of both sides; not at once, and not much later than a second.
fn times_out(world: &World, peer: &mut Conn, link: &mut Conn) {
    let since = Instant::now();
    assert_eq!(peer.aborted(), (2, 0));
    let seen = link.rest();
    assert_eq!(seen[seen.len() - 10..], Abort::provider(0).to_bytes());
    assert!(
        since.elapsed() > Duration::from_millis(500) && since.elapsed() < Duration::from_secs(5),
        "{:?}",
        since.elapsed()
    );
    assert_eq!(world.ended(), "timeout");
}

#[test]
fn a_silent_archive_is_not_waited_for_for_ever() {
    let world = World::with(&Setup { archive: "response_timeout = \"1s\"".into(), ..Setup::default() });
    let (mut peer, mut link) = world.modality();
    peer.say(1, &echo(1), None);
    link.message();
    times_out(&world, &mut peer, &mut link);
}

#[test]
fn a_message_that_does_not_go_on_ends_the_association() {
    let message = message();
    for cut in [3, 1000, ends(&message)[1]] {
        let world = World::with(&limits("pdu_completion = \"1s\""));
        let (mut peer, mut link) = world.modality();
        peer.send(&message[..cut]);
        times_out(&world, &mut peer, &mut link);
    }
}

#[test]
fn a_pdu_that_drips_in_has_no_more_time_than_one_that_stands_still() {
    let message = message();
    let world = World::with(&limits("pdu_completion = \"1s\""));
    let (mut peer, mut link) = world.modality();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for byte in &message {
                if over.load(Ordering::Acquire) || peer.try_send(&[*byte]).is_err() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        let seen = link.rest();
        over.store(true, Ordering::Release);
        assert_eq!(seen, Abort::provider(0).to_bytes());
    });
    assert_eq!(world.ended(), "timeout");
}

#[test]
fn an_idle_association_ends_and_so_does_one_that_was_never_asked_for() {
    let world = World::with(&limits("idle = \"1s\",artim = \"1s\""));
    let (mut peer, mut link) = world.modality();
    let mut silent = world.plain();
    times_out(&world, &mut peer, &mut link);
    silent.ended();
    assert!(world.record("connection-refused").text("words").unwrap().contains("artim"));
}

#[test]
fn a_release_that_is_not_answered_ends_within_artim() {
    let world = World::with(&limits("artim = \"1s\""));
    let (mut peer, mut link) = world.modality();
    peer.release();
    assert_eq!(link.control(), Pdu::ReleaseRq);
    times_out(&world, &mut peer, &mut link);
}

#[test]
fn whatever_dies_and_whenever_nothing_is_made_of_half_an_object() {
    let message = message();
    let reply = write_message(3, &success(&store(1)).encode(), None, 0);
    let world = World::new();
    let places = (0..=message.len(), 0..=message.len(), 0..reply.len(), any::<[bool; 2]>());
    let mut runner = TestRunner::default();
    for _ in 0..40 {
        let case = places.new_tree(&mut runner).unwrap().current();
        let (sent, read, said, resets) = case;
        let (mut peer, mut link) = world.modality();
        let (before_peer, before_link) = (peer.received.len(), link.received.len());
        let (to_peer, to_archive) = std::thread::scope(|scope| {
            // The archive reads so far, says a part of a success if it has all, and dies.
            let archive = scope.spawn(|| {
                link.read_up_to(before_link + read);
                if link.received[before_link..].starts_with(&message) {
                    let _ = link.try_send(&reply[..said]);
                }
                let seen = link.received[before_link..].to_vec();
                if resets[0] {
                    link.reset()
                } else {
                    drop(link)
                }
                seen
            });
            let _ = peer.try_send(&message[..sent]);
            let told = if sent == message.len() { peer.rest() } else { Vec::new() };
            if resets[1] {
                peer.reset()
            } else {
                drop(peer)
            }
            (told, archive.join().unwrap())
        });
        // An abort at most; a connection that is reset may lose even that.
        assert!(to_peer.is_empty() || to_peer == Abort::provider(0).to_bytes(), "{case:?}: {to_peer:02x?}");
        assert!(before_peer > 0 && (sent == message.len() || !to_archive.starts_with(&message)), "{case:?}");
    }
    wait_until("all have ended", || world.count("association-closed") == 40);
    assert!(world.records().iter().all(|record| record.event() != "operation" || record.0["aborted"] == true));
}
