//! Peers with a right to be there that want more than they may: rights outlived, memory filled, halves passed as wholes.

use crate::support::wait_until;
use crate::support::words::{CT, INSTANCE, VERIFICATION, echo, object, rq, store, uid};
use crate::support::world::{PEERS, Setup, World};
use dicomgate::dicom::dimse::{Command, Field};
use dicomgate::dicom::pdu::pdata::write_message;
use std::time::Duration;

const ECHO_ALONE: &str = r#"
[[rule]]
name = "modalities"
who = ["group:modality"]
to = ["PACS"]
may = ["echo"]
"#;
/// A private class: it may be stored, and nothing else may be done with it.
const PRIVATE: &str = "1.3.12.2.1107.5.9.1";

#[test]
fn overlapping_requests_do_not_keep_a_policy_alive() {
    let world = World::new();
    let mut asked = rq("CT1", &[VERIFICATION, CT]);
    asked.user.async_window = Some((2, 1));
    let (mut peer, mut link) = world.associate(world.plain(), &asked);
    peer.say(1, &echo(1), None);
    link.message();
    // Unanswered, so that the association is never idle.
    world.set_policy(PEERS, ECHO_ALONE);
    peer.say(3, &store(2), Some(&object(CT, INSTANCE, 100)));
    assert_eq!(peer.aborted(), (2, 0));
    assert_eq!(link.aborted(), (2, 0));
    assert_eq!(world.count("operation"), 0, "nothing was stored");
    world.record("policy-ended");
}

#[test]
fn a_release_in_mid_message_does_not_end_half_an_object_in_good_order() {
    let world = World::new();
    let (mut peer, mut link) = world.modality();
    let message = write_message(3, &store(1).encode(), Some(&object(CT, INSTANCE, 60_000)), 16_384);
    // The command's PDU, and the first of the data set.
    let first = 6 + u32::from_be_bytes(message[2..6].try_into().unwrap()) as usize;
    let half = first + 6 + u32::from_be_bytes(message[first + 2..first + 6].try_into().unwrap()) as usize;
    peer.send(&message[..half]);
    assert_eq!([link.pdu(), link.pdu()].concat(), message[..half]);
    peer.release();
    assert_eq!(peer.aborted(), (2, 2));
    assert_eq!(link.aborted().0, 2);
    assert_eq!(world.ended(), "protocol");
}

#[test]
fn a_peer_that_does_not_read_its_refusals_is_not_read_from() {
    let world = World::new();
    let (mut peer, _link) = world.associate(world.plain(), &rq("CT1", &[PRIVATE]));
    socket2::SockRef::from(&peer.tcp).set_recv_buffer_size(4096).unwrap();
    peer.tcp.set_write_timeout(Some(Duration::from_secs(3))).unwrap();
    let refused = Command::n_request(Field::NGetRq, 1, &uid(PRIVATE), &uid(INSTANCE), false);
    let many = write_message(1, &refused.encode(), None, 16_384).repeat(1000);
    let most = 400;
    let sent = (0..most).take_while(|_| peer.try_send(&many).is_ok()).count();
    assert!(sent < most, "everything was taken, and nobody reads the answers");
    assert!(world.count("denied") < sent * 1000, "what waits in the sockets is not decided on");
}

#[test]
fn strangers_do_not_have_a_megabyte_each_kept_for_them() {
    let world = World::new();
    // An association request of 960 KiB, of which 80,000 bytes come.
    let begun = [&[1, 0, 0, 0x0f, 0, 0][..], &[0; 80_000]].concat();
    let _waiting: Vec<_> = (0..40)
        .map(|_| {
            let mut peer = world.plain();
            // One that is refused may be closed before it has said everything.
            let _ = peer.try_send(&begun);
            peer
        })
        .collect();
    wait_until("those beyond the 32nd are refused", || world.count("connection-refused") == 8);
    assert_eq!(world.record("connection-refused").text("cause"), Some("limit"));
}

#[test]
fn one_caller_behind_a_balancer_does_not_take_the_places_of_the_others() {
    let world = World::with(&Setup {
        plain: "proxy_protocol = [\"127.0.0.1/32\"]".into(),
        limits: "connections_per_address = 2".into(),
        ..Setup::default()
    });
    let from = |address: &str| {
        let mut peer = world.plain();
        peer.send(format!("PROXY TCP4 {address} 127.0.0.1 5000 104\r\n"));
        peer
    };
    let _greedy: Vec<_> = (0..5).map(|_| from("127.0.0.9")).collect();
    wait_until("the third of one address is refused", || world.count("connection-refused") == 3);
    let mut peer = from("127.0.0.1");
    peer.request(&rq("CT1", &[VERIFICATION]));
    world.archive_accepts(|_| ());
    peer.accepted();
}
