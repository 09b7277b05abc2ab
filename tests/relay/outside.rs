//! What comes before an association: balancers, networks, TLS, and bytes that are no DICOM.

use crate::support::conn::Conn;
use crate::support::wait_until;
use crate::support::words::{CT, VERIFICATION, echo, rq, success};
use crate::support::world::{PEERS, Setup, World, limits};
use std::io::ErrorKind;

fn balanced() -> World {
    let plain = "proxy_protocol = [\"127.0.0.1/32\"]".into();
    let peers = PEERS.replace("network = [\"127.0.0.1/32\"]", "network = [\"10.20.0.0/16\"]");
    World::with(&Setup { plain, peers, ..Setup::default() })
}

fn works(world: &World, peer: Conn) {
    let (mut peer, mut link) = world.associate(peer, &rq("CT1", &[VERIFICATION]));
    peer.say(1, &echo(1), None);
    let asked = link.message();
    link.say(1, &success(&asked.command), None);
    assert_eq!(peer.message().status(), 0);
}

fn version_2(source: [u8; 4]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    header.extend_from_slice(&source);
    header.extend_from_slice(&[127, 0, 0, 1, 0x30, 0x39, 0x01, 0xbb]);
    header
}

#[test]
fn behind_a_balancer_the_header_says_who_calls() {
    let world = balanced();
    let mut peer = world.plain();
    peer.send(b"PROXY TCP4 10.20.0.11 127.0.0.1 50000 104\r\n");
    works(&world, peer);
    assert_eq!(world.record("association-opened").text("from"), Some("10.20.0.11:50000"));
    let mut peer = world.plain();
    // In pieces, and the request right behind it in the same segment.
    let mut bytes = version_2([10, 20, 0, 12]);
    let rest = bytes.split_off(9);
    peer.send(bytes);
    peer.request_behind(&rest, &rq("CT1", &[VERIFICATION]));
    let (mut link, _) = world.archive_accepts(|_| ());
    peer.accepted();
    peer.say(1, &echo(1), None);
    link.message();
    assert_eq!(world.record("association-opened").text("from"), Some("10.20.0.12:12345"));
}

#[test]
fn behind_a_balancer_nobody_comes_without_a_header_or_from_another_network() {
    let world = balanced();
    for (bytes, cause) in [
        (rq("CT1", &[CT]).encode(), "proxy-header"),
        (b"PROXY TCP4 10.20.0.11 127.0.0.1 99999 104\r\n".to_vec(), "proxy-header"),
        (b"PROXY TCP4 10.99.0.11 127.0.0.1 50000 104\r\n".to_vec(), "identity"),
    ] {
        let mut peer = world.plain();
        peer.send(&bytes);
        if cause == "identity" {
            peer.request(&rq("CT1", &[CT]));
            assert_eq!(peer.pdu(), [3, 0, 0, 0, 0, 4, 0, 1, 1, 1]);
        } else {
            peer.ended();
        }
        wait_until("the record", || world.records().iter().any(|record| record.text("cause") == Some(cause)));
        world.archive.was_not_dialled();
    }
}

#[test]
fn one_caller_does_not_use_up_the_places_of_all_behind_the_balancer() {
    let plain = "proxy_protocol = [\"127.0.0.1/32\"]".into();
    let peers = PEERS.replace("network = [\"127.0.0.1/32\"]", "network = [\"10.20.0.0/16\"]");
    let world = World::with(&Setup { plain, peers, ..limits("connections_per_address = 2") });
    let from = |host: &str| {
        let mut conn = world.plain();
        conn.send(format!("PROXY TCP4 10.20.0.{host} 127.0.0.1 50000 104\r\n"));
        conn
    };
    let mut flood = Vec::new();
    wait_until("further ones are closed", || {
        flood.push(from("66"));
        flood.iter().any(is_closed)
    });
    assert!(flood.len() > 2);
    works(&world, from("11"));
    drop(flood);
}

/// Whether it has been closed by now.
fn is_closed(conn: &Conn) -> bool {
    conn.tcp.set_nonblocking(true).unwrap();
    match conn.tcp.peek(&mut [0]) {
        Ok(read) => read == 0,
        Err(fault) => fault.kind() == ErrorKind::ConnectionReset,
    }
}

#[test]
fn whoever_is_no_balancer_is_closed_where_one_is_expected() {
    let plain = "proxy_protocol = [\"10.0.0.9/32\"]".into();
    let world = World::with(&Setup { plain, ..Setup::default() });
    let mut peer = world.plain();
    let _ = peer.try_send(b"PROXY TCP4 10.20.0.11 127.0.0.1 50000 104\r\n");
    peer.ended();
    world.record("connection-refused");
}

#[test]
fn a_listener_serves_its_networks_alone() {
    let world = World::with(&Setup { plain: "network = [\"10.0.0.0/8\"]".into(), ..Setup::default() });
    let mut peer = world.plain();
    let _ = peer.try_send(&rq("CT1", &[CT]).encode());
    peer.ended();
    assert!(world.record("connection-refused").text("words").unwrap().contains("does not serve that address"));
    works_over_tls(&world);
}

fn works_over_tls(world: &World) {
    let (mut peer, mut link) = world.associate(world.tls("ct2"), &rq("CT2", &[VERIFICATION]));
    peer.say(1, &echo(1), None);
    let asked = link.message();
    link.say(1, &success(&asked.command), None);
    assert_eq!(peer.message().status(), 0);
}

#[test]
fn bytes_that_are_no_dicom_are_told_so_and_others_do_not_notice() {
    let world = World::new();
    let (mut peer, mut link) = world.modality();
    for bytes in [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        vec![1, 0, 0xff, 0xff, 0xff, 0xff, 0, 1, 0, 0],
        vec![4, 0, 0, 0, 0, 6, 0, 0, 0, 2, 1, 3],
        vec![5, 0, 0, 0, 0, 4, 0, 0, 0, 0],
        vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3],
    ] {
        let mut stranger = world.plain();
        stranger.send(&bytes);
        let abort = stranger.pdu();
        assert_eq!((abort[0], abort[8]), (7, 2), "{bytes:02x?}");
        let mut stranger = world.plain();
        stranger.send(&bytes[..1]);
        drop(stranger);
        // A plain caller on the TLS port gets an alert or is closed, and no DICOM.
        let mut stranger = Conn::dial(world.address("outside"));
        let _ = stranger.try_send(&bytes);
        stranger.close_writing();
        let seen = stranger.rest();
        assert!(seen.is_empty() || seen[0] == 0x15, "{seen:02x?}");
    }
    peer.say(1, &echo(1), None);
    let asked = link.message();
    link.say(1, &success(&asked.command), None);
    assert_eq!(peer.message().status(), 0);
    world.archive.was_not_dialled();
}

#[test]
fn a_flood_of_strangers_is_bounded_and_the_known_go_on() {
    let world = World::with(&limits("connections_per_address = 4"));
    let (mut peer, mut link) = world.modality();
    let mut strangers = Vec::new();
    wait_until("further ones are closed", || {
        strangers.push(world.plain());
        strangers.iter().any(is_closed)
    });
    assert!(strangers.len() > 4);
    peer.say(1, &echo(1), None);
    let asked = link.message();
    link.say(1, &success(&asked.command), None);
    assert_eq!(peer.message().status(), 0);
    drop(strangers);
    let mut known = None;
    wait_until("there is room again", || {
        let mut peer = world.plain();
        if peer.try_send(&rq("CT1", &[VERIFICATION]).encode()).is_err() {
            return false;
        }
        let dialled = world.archive.listener.accept().ok();
        known = dialled.map(|_| peer);
        known.is_some()
    });
}

#[test]
fn a_key_update_in_tls_is_answered_and_nothing_gets_stuck() {
    let world = World::new();
    let (mut peer, mut link) = world.associate(world.tls("ct2"), &rq("CT2", &[VERIFICATION]));
    for message in 1..20 {
        peer.tls().refresh_traffic_keys().unwrap();
        peer.say(1, &echo(message), None);
        let asked = link.message();
        // The answer to this key update has nothing else to travel with.
        peer.tls().refresh_traffic_keys().unwrap();
        let mut tcp = peer.tcp.try_clone().unwrap();
        while peer.tls().wants_write() {
            peer.tls().write_tls(&mut tcp).unwrap();
        }
        link.say(1, &success(&asked.command), None);
        assert_eq!(peer.message().status(), 0);
    }
}
