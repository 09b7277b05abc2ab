//! Whoever does not read makes the other side wait, and the gateway keeps little meanwhile.

use crate::support::conn::{Archive, Conn};
use crate::support::process::Process;
use crate::support::wait_until;
use crate::support::words::{CT, FIND, INSTANCE, ac, answer, object, query, rq, store, success, uid};
use crate::support::world::{Setup, World, limits};
use dicomgate::dicom::dimse::Command;
use dicomgate::dicom::pdu::pdata::write_message;
use dicomgate::dicom::pdu::{AssociateRq, Pdu};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const MIB: usize = 1 << 20;

fn associate(peer: Conn, archive: &Archive, rq: &AssociateRq) -> (Conn, Conn) {
    let mut peer = peer;
    peer.request(rq);
    let mut link = archive.accept();
    let Pdu::AssociateRq(asked) = link.control() else { panic!("a request") };
    link.send(ac(&asked).encode());
    peer.accepted();
    (peer, link)
}

/// Sends in a thread and, once nothing moves any more, does something; then the other side reads it all.
fn stalled(from: &mut Conn, to: &mut Conn, bytes: &[u8], meanwhile: impl FnOnce(usize)) {
    let sent = AtomicUsize::new(0);
    from.tcp.set_write_timeout(Some(Duration::from_secs(60))).unwrap();
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            for piece in bytes.chunks(64 * 1024) {
                from.send(piece);
                sent.fetch_add(piece.len(), Ordering::Release);
            }
        });
        let (mut last, mut since) = (0, Instant::now());
        wait_until("the sender is held up", || {
            let now = sent.load(Ordering::Acquire);
            if now != last {
                (last, since) = (now, Instant::now());
            }
            now > 0 && since.elapsed() > Duration::from_millis(1500)
        });
        assert!(last < bytes.len(), "everything was taken, and nobody reads");
        meanwhile(last);
        to.wait_for(to.received.len() + bytes.len());
        sender.join().unwrap();
    });
    assert!(to.received.ends_with(bytes), "the bytes differ");
}

#[test]
fn neither_a_great_object_nor_a_stalled_archive_fills_the_memory() {
    let gateway = Process::start(&Setup::default());
    let (mut peer, mut link) = associate(gateway.plain(), &gateway.archive, &rq("CT1", &[CT]));
    let sent = write_message(1, &store(1).encode(), Some(&object(CT, INSTANCE, 64 * MIB)), 32_768);
    stalled(&mut peer, &mut link, &sent, |taken| {
        let memory = gateway.most_memory();
        assert!(memory < 64 * MIB as u64, "{memory} bytes while {taken} were taken");
    });
    let asked = link.message();
    link.say(1, &success(&asked.command), None);
    assert_eq!(peer.message().status(), 0);
    let memory = gateway.most_memory();
    assert!(memory < 64 * MIB as u64, "{memory} bytes for an object of 64 MiB");
}

#[test]
fn a_stalled_peer_does_not_fill_the_memory_either() {
    let gateway = Process::start(&Setup::default());
    let (mut peer, mut link) = associate(gateway.plain(), &gateway.archive, &rq("WS1", &[FIND]));
    peer.say(1, &Command::find_rq(1, &uid(FIND)), Some(&query()));
    let asked = link.message();
    let one = write_message(1, &answer(&asked.command, 0xff00).with_data_set().encode(), Some(&query()), 0);
    let many = one.repeat(32 * MIB / one.len());
    stalled(&mut link, &mut peer, &many, |taken| {
        let memory = gateway.most_memory();
        assert!(memory < 64 * MIB as u64, "{memory} bytes while {taken} were taken");
    });
}

#[test]
fn a_pdu_that_comes_byte_by_byte_costs_its_bytes_and_not_a_buffer_for_each() {
    let gateway = Process::start(&Setup::default());
    let (mut peer, mut link) = associate(gateway.plain(), &gateway.archive, &rq("CT1", &[CT]));
    let sent = write_message(1, &store(1).encode(), Some(&object(CT, INSTANCE, 20_000)), 32_768);
    for byte in &sent {
        peer.send([*byte]);
    }
    assert_eq!(link.message().bytes, sent);
    let memory = gateway.most_memory();
    assert!(memory < 64 * MIB as u64, "{memory} bytes for a PDU of {}", sent.len());
}

#[test]
fn a_sender_is_not_blamed_for_the_time_that_the_archive_was_slow() {
    let world = World::with(&limits("pdu_completion = \"1s\""));
    let (mut peer, mut link) = world.associate(world.plain(), &rq("CT1", &[CT]));
    let sent = write_message(1, &store(1).encode(), Some(&object(CT, INSTANCE, 32 * MIB)), 32_768);
    // It is held up for longer than a PDU may take.
    stalled(&mut peer, &mut link, &sent, |_| ());
    let asked = link.message();
    link.say(1, &success(&asked.command), None);
    assert_eq!(peer.message().status(), 0);
}
