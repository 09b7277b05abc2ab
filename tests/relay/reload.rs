//! Live associations under a changed policy, a revoked certificate, a drain.

use crate::support::conn::Conn;
use crate::support::words::{CT, INSTANCE, VERIFICATION, echo, object, rq, store, success};
use crate::support::world::{PEERS, RULES, World, limits};
use dicomgate::dicom::pdu::pdata::write_message;

fn still_works(peer: &mut Conn, link: &mut Conn) {
    peer.say(1, &echo(50), None);
    let asked = link.message();
    link.say(1, &success(&asked.command), None);
    assert_eq!(peer.message().status(), 0);
}

const WITHOUT_STORE: &str = r#"
[[rule]]
name = "modalities"
who = ["group:modality"]
to = ["PACS"]
may = ["echo"]
[[rule]]
name = "workstations"
who = ["group:workstation"]
to = ["PACS"]
may = ["echo", "find"]
"#;

#[test]
fn a_permit_that_is_taken_away_ends_the_association_between_messages() {
    let world = World::new();
    let (mut idle, mut idle_link) = world.modality();
    let (mut busy, mut busy_link) = world.modality();
    let (mut other, mut other_link) = world.associate(world.plain(), &rq("WS1", &[VERIFICATION]));
    let message = write_message(3, &store(1).encode(), Some(&object(CT, INSTANCE, 60_000)), 16_384);
    let (half, rest) = message.split_at(30_000);
    busy.send(half);
    busy_link.wait_for(busy_link.received.len() + 16_384);
    world.set_policy(PEERS, WITHOUT_STORE);
    assert_eq!(idle.aborted(), (2, 0));
    assert_eq!(idle_link.aborted(), (2, 0));
    let record = world.record("policy-ended");
    assert!(record.text("words").unwrap().contains("no rule permits"), "{record:?}");
    // What was under way comes to its end.
    busy.send(rest);
    let asked = busy_link.message();
    assert_eq!(asked.bytes, message);
    busy_link.say(3, &success(&asked.command), None);
    assert_eq!(busy.message().status(), 0);
    assert_eq!(busy.aborted(), (2, 0));
    assert_eq!(busy_link.aborted(), (2, 0));
    still_works(&mut other, &mut other_link);
    assert_eq!(world.count("policy-ended"), 2);
}

#[test]
fn a_peer_that_is_taken_out_is_ended_and_a_reload_that_fails_changes_nothing() {
    let world = World::new();
    let (mut peer, mut link) = world.modality();
    world.set_policy(PEERS, "[[rule]]\nname = 7\n");
    world.record("reload-refused");
    still_works(&mut peer, &mut link);
    world.set_policy(PEERS, RULES);
    still_works(&mut peer, &mut link);
    world.set_policy(&PEERS.replace("\"CT1\"", "\"CT9\""), RULES);
    assert_eq!(peer.aborted(), (2, 0));
    assert_eq!(link.aborted(), (2, 0));
}

#[test]
fn a_revoked_certificate_ends_the_association_in_the_middle_of_a_message() {
    let world = World::new();
    let associate = |name: &str| world.associate(world.tls(&name.to_lowercase()), &rq(name, &[VERIFICATION, CT]));
    let (mut peer, mut link) = associate("CT2");
    let (mut other, mut other_link) = associate("CT3");
    let message = write_message(3, &store(1).encode(), Some(&object(CT, INSTANCE, 60_000)), 16_384);
    peer.send(&message[..30_000]);
    link.wait_for(link.received.len() + 16_384);
    world.revoke("ct2");
    assert_eq!(peer.aborted(), (2, 0));
    let seen = link.rest();
    assert_eq!(seen[seen.len() - 10..], [7, 0, 0, 0, 0, 4, 0, 0, 2, 0]);
    assert!(world.record("policy-ended").text("words").unwrap().contains("revoked"));
    still_works(&mut other, &mut other_link);
}

#[test]
fn a_drain_lets_messages_end_and_takes_nothing_new() {
    let mut world = World::new();
    let (mut idle, mut idle_link) = world.modality();
    let (mut busy, mut busy_link) = world.modality();
    let mut late = world.plain();
    busy.say(3, &store(1), Some(&object(CT, INSTANCE, 60_000)));
    let asked = busy_link.message();
    let stopped = world.stop();
    assert_eq!(idle.aborted(), (2, 0));
    assert_eq!(idle_link.aborted(), (2, 0));
    late.request(&rq("CT1", &[VERIFICATION]));
    assert_eq!(late.pdu(), [3, 0, 0, 0, 0, 4, 0, 2, 3, 1]);
    drop(late);
    drop((idle, idle_link));
    assert!(!stopped.is_finished());
    busy_link.say(3, &success(&asked.command), None);
    assert_eq!(busy.message().status(), 0);
    assert_eq!(busy.aborted(), (2, 0));
    assert_eq!(busy_link.aborted(), (2, 0));
    drop((busy, busy_link));
    crate::support::wait_until("the gateway stops", || stopped.is_finished());
    world.record("stopped");
}

#[test]
fn what_does_not_end_in_the_time_to_drain_is_aborted() {
    let mut world = World::with(&limits("drain = \"200ms\""));
    let (mut peer, mut link) = world.modality();
    peer.say(1, &echo(1), None);
    link.message();
    let stopped = world.stop();
    assert_eq!(peer.aborted(), (2, 0));
    assert_eq!(link.aborted(), (2, 0));
    drop(peer);
    crate::support::wait_until("the gateway stops", || stopped.is_finished());
    assert_eq!(world.ended(), "drain");
}

#[test]
fn a_release_under_way_is_not_spoilt_by_a_drain() {
    let mut world = World::new();
    let (mut peer, mut link) = world.modality();
    peer.release();
    link.control();
    let stopped = world.stop();
    link.send(dicomgate::dicom::pdu::Pdu::ReleaseRp.encode());
    peer.released();
    drop(peer);
    crate::support::wait_until("the gateway stops", || stopped.is_finished());
    assert_eq!(world.ended(), "released");
}
