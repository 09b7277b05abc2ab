//! Release by either side, by both at once, and what still comes in between.

use crate::support::words::{CT, FIND, INSTANCE, VERIFICATION, answer, echo, object, query, rq, store, success, uid};
use crate::support::world::World;
use dicomgate::dicom::dimse::Command;
use dicomgate::dicom::pdu::Pdu;

#[test]
fn the_archive_may_release_too() {
    let world = World::new();
    let (mut peer, mut link) = world.modality();
    link.release();
    assert_eq!(peer.control(), Pdu::ReleaseRq);
    peer.send(Pdu::ReleaseRp.encode());
    link.released();
    assert_eq!(world.ended(), "released");
    peer.ended();
    link.ended();
}

#[test]
fn both_may_ask_at_once_and_the_gateway_hears_the_peer_first() {
    let world = World::new();
    let (mut peer, mut link) = world.modality();
    peer.release();
    assert_eq!(link.control(), Pdu::ReleaseRq);
    // The archive had asked as well; as the requestor of that association the gateway confirms first.
    link.release();
    link.released();
    link.send(Pdu::ReleaseRp.encode());
    peer.released();
    assert_eq!(world.ended(), "released");
}

#[test]
fn both_may_ask_at_once_and_the_gateway_hears_the_archive_first() {
    let world = World::new();
    let (mut peer, mut link) = world.modality();
    link.release();
    assert_eq!(peer.control(), Pdu::ReleaseRq);
    peer.release();
    // The archive is through and hangs up, before the peer has confirmed.
    link.released();
    drop(link);
    peer.stays_silent();
    peer.send(Pdu::ReleaseRp.encode());
    peer.released();
    assert_eq!(world.ended(), "released");
}

#[test]
fn answers_still_come_after_the_peer_has_asked_for_release() {
    let world = World::new();
    let (mut peer, mut link) = world.associate(world.plain(), &rq("WS1", &[FIND]));
    peer.say(1, &Command::find_rq(1, &uid(FIND)), Some(&query()));
    let asked = link.message();
    peer.release();
    assert_eq!(link.control(), Pdu::ReleaseRq);
    link.say(1, &answer(&asked.command, 0xff00).with_data_set(), Some(&query()));
    assert_eq!(peer.message().status(), 0xff00);
    link.say(1, &success(&asked.command), None);
    assert_eq!(peer.message().status(), 0);
    link.send(Pdu::ReleaseRp.encode());
    peer.released();
    assert_eq!(world.ended(), "released");
}

#[test]
fn a_message_that_crosses_the_archives_release_is_taken() {
    let world = World::new();
    let (mut peer, mut link) = world.modality();
    link.release();
    assert_eq!(peer.control(), Pdu::ReleaseRq);
    // Sent before the peer read it, as far as the archive can know.
    let sent = peer.say(3, &store(1), Some(&object(CT, INSTANCE, 40_000)));
    assert_eq!(link.message().bytes, sent);
    peer.send(Pdu::ReleaseRp.encode());
    link.released();
    assert_eq!(world.record("operation").0["aborted"], true);
}

#[test]
fn a_peer_that_hangs_up_after_asking_does_not_spoil_the_release() {
    let world = World::new();
    for over_tls in [false, true] {
        let (peer, calling) = if over_tls { (world.tls("ct2"), "CT2") } else { (world.plain(), "CT1") };
        let (mut peer, mut link) = world.associate(peer, &rq(calling, &[VERIFICATION]));
        peer.release();
        if over_tls {
            peer.tls().send_close_notify();
        }
        let _ = peer.try_send(b"");
        peer.close_writing();
        link.confirm_release();
        peer.released();
        link.ended();
        assert_eq!(world.ended(), "released");
    }
}

#[test]
fn data_after_asking_for_release_is_out_of_order() {
    let world = World::new();
    let (mut peer, mut link) = world.modality();
    peer.release();
    assert_eq!(link.control(), Pdu::ReleaseRq);
    peer.say(1, &echo(1), None);
    assert_eq!(peer.aborted(), (2, 2));
    assert_eq!(link.aborted(), (2, 0));
}

#[test]
fn a_confirmation_that_nobody_asked_for_is_out_of_order() {
    let world = World::new();
    let (mut peer, mut link) = world.modality();
    peer.send(Pdu::ReleaseRp.encode());
    assert_eq!(peer.aborted(), (2, 2));
    assert_eq!(link.aborted(), (2, 0));
    let (mut peer, mut link) = world.modality();
    link.send(Pdu::ReleaseRp.encode());
    assert_eq!(link.aborted(), (2, 2));
    assert_eq!(peer.aborted(), (2, 0));
}
