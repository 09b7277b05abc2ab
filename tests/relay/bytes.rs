//! However a message is cut into fragments, PDUs and segments: the archive gets the same bytes, PDU for PDU.

use crate::support::conn::Conn;
use crate::support::words::{CT, FIND, INSTANCE, VERIFICATION, answer, echo, object, query, rq, store, success, uid};
use crate::support::world::{World, limits};
use dicomgate::dicom::dimse::Command;
use dicomgate::dicom::pdu::pdata::{control_header, write_message};
use proptest::prelude::{Strategy, any, prop};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// One presentation data value.
fn pdv(context: u8, command: bool, last: bool, bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len() + 2).unwrap();
    [&length.to_be_bytes(), [context, control_header(command, last)].as_slice(), bytes].concat()
}

/// One P-DATA-TF around some values.
fn pdu(values: &[u8]) -> Vec<u8> {
    let length = u32::try_from(values.len()).unwrap();
    [&[4, 0], length.to_be_bytes().as_slice(), values].concat()
}

fn even(cut: usize) -> usize {
    cut & !1
}

/// The message, command and data set cut at `cuts`, with a new PDU before the values that `breaks` names.
fn cut_up(context: u8, command: &[u8], data: &[u8], cuts: &[usize], breaks: &[bool]) -> Vec<u8> {
    let mut values = Vec::new();
    for (is_command, part) in [(true, command), (false, data)] {
        let mut places: Vec<usize> = cuts.iter().map(|cut| even(cut % (part.len() + 1))).collect();
        places.extend([0, part.len()]);
        places.sort_unstable();
        let pieces: Vec<_> = places.windows(2).map(|pair| &part[pair[0]..pair[1]]).collect();
        for (index, piece) in pieces.iter().enumerate() {
            values.push(pdv(context, is_command, index + 1 == pieces.len(), piece));
        }
    }
    let mut out = Vec::new();
    let mut current = Vec::new();
    for (index, value) in values.iter().enumerate() {
        if !current.is_empty() && (breaks[index % breaks.len()] || current.len() + value.len() > 32_000) {
            out.extend(pdu(&current));
            current.clear();
        }
        current.extend_from_slice(value);
    }
    out.extend(pdu(&current));
    out
}

/// Sends in pieces; the kernel joins some of them, so every run differs a little and none may matter.
fn send_in_pieces(conn: &mut Conn, bytes: &[u8], pieces: &[usize]) {
    let mut rest = bytes;
    for piece in pieces.iter().cycle() {
        if rest.is_empty() {
            return;
        }
        let (now, later) = rest.split_at((piece % 4000 + 1).min(rest.len()));
        conn.send(now);
        rest = later;
    }
}

#[test]
fn any_split_of_a_message_gives_the_same_bytes_both_ways() {
    let world = World::new();
    let (mut peer, mut link) = world.associate(world.plain(), &rq("CT1", &[CT]));
    let (mut viewer, mut viewed) = world.associate(world.plain(), &rq("WS1", &[FIND]));
    viewer.say(1, &Command::find_rq(1, &uid(FIND)), Some(&query()));
    let find = viewed.message();
    let cuts = prop::collection::vec(any::<usize>(), 0..12);
    let strategy =
        (cuts, prop::collection::vec(any::<bool>(), 1..9), prop::collection::vec(any::<usize>(), 1..9), 0..3_000_usize)
            .prop_map(|(cuts, breaks, pieces, pixels)| (cuts, breaks, pieces, pixels & !1));
    let mut runner = TestRunner::default();
    for message in 1..60 {
        // One association for all cases, so a failing one cannot be made smaller: it is shown as it is.
        let case = strategy.new_tree(&mut runner).unwrap().current();
        let (cuts, breaks, pieces, pixels) = &case;
        let sent = cut_up(1, &store(message).encode(), &object(CT, INSTANCE, *pixels), cuts, breaks);
        send_in_pieces(&mut peer, &sent, pieces);
        let got = link.message();
        assert_eq!(got.bytes, sent, "{case:?}");
        link.say(1, &success(&got.command), None);
        peer.message();

        let pending = answer(&find.command, 0xff00).with_data_set();
        let said = cut_up(1, &pending.encode(), &query(), cuts, breaks);
        send_in_pieces(&mut viewed, &said, pieces);
        assert_eq!(viewer.message().bytes, said, "{case:?}");
    }
}

#[test]
fn a_message_may_come_one_byte_at_a_time() {
    let world = World::new();
    let (mut peer, mut link) = world.modality();
    let sent = write_message(3, &store(1).encode(), Some(&object(CT, INSTANCE, 200)), 0);
    for byte in &sent {
        peer.send([*byte]);
    }
    let got = link.message();
    assert_eq!(got.bytes, sent);
    let said = write_message(3, &success(&got.command).encode(), None, 0);
    for byte in &said {
        link.send([*byte]);
    }
    assert_eq!(peer.message().bytes, said);
}

#[test]
fn fragments_may_be_tiny_and_the_last_one_empty() {
    let world = World::new();
    let (mut peer, mut link) = world.modality();
    let (command, data) = (store(1).encode(), object(CT, INSTANCE, 64));
    let mut sent = Vec::new();
    for piece in command.chunks(2) {
        sent.extend(pdu(&pdv(3, true, false, piece)));
    }
    sent.extend(pdu(&pdv(3, true, true, &[])));
    for piece in data.chunks(2) {
        sent.extend(pdu(&pdv(3, false, false, piece)));
    }
    sent.extend(pdu(&pdv(3, false, true, &[])));
    peer.send(&sent);
    assert_eq!(link.message().bytes, sent);
}

#[test]
fn a_whole_message_may_be_one_pdu() {
    let world = World::new();
    let (mut peer, mut link) = world.modality();
    let sent = pdu(&[pdv(3, true, true, &store(1).encode()), pdv(3, false, true, &object(CT, INSTANCE, 64))].concat());
    peer.send(&sent);
    let got = link.message();
    assert_eq!(got.bytes, sent);
    link.say(3, &success(&got.command), None);
    assert_eq!(peer.message().status(), 0);
}

#[test]
fn two_messages_may_not_share_a_pdu() {
    let world = World::new();
    let (mut peer, mut link) = world.modality();
    peer.send(pdu(&[pdv(1, true, true, &echo(1).encode()), pdv(1, true, true, &echo(2).encode())].concat()));
    assert_eq!(peer.aborted(), (2, 5));
    assert_eq!(link.aborted(), (2, 0));
}

#[test]
fn requests_may_follow_each_other_in_one_segment() {
    let world = World::new();
    let mut asked = rq("CT1", &[VERIFICATION]);
    asked.user.async_window = Some((0, 0));
    let (mut peer, mut link) = world.associate(world.plain(), &asked);
    let sent: Vec<u8> = (1..20).flat_map(|message| write_message(1, &echo(message).encode(), None, 0)).collect();
    peer.send(&sent);
    let got: Vec<u8> = (1..20).flat_map(|_| link.message().bytes).collect();
    assert_eq!(got, sent);
}

#[test]
fn a_fragment_longer_than_announced_ends_the_association() {
    let world = World::new();
    let (mut peer, mut link) = world.modality();
    // The archive takes 64 KiB, so the peer was told no more.
    peer.send(pdu(&pdv(3, true, false, &[0; 70_000])));
    assert_eq!(peer.aborted(), (2, 6));
    assert_eq!(link.aborted(), (2, 0));
}

#[test]
fn an_object_of_many_megabytes_passes_over_tls() {
    let world = World::with(&limits("pdu_length = \"64KiB\""));
    let (mut peer, mut link) = world.associate(world.tls("ct2"), &rq("CT2", &[CT]));
    let sent = write_message(1, &store(1).encode(), Some(&object(CT, INSTANCE, 16 << 20)), 32_768);
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| peer.send(&sent));
        link.wait_for(link.received.len() + sent.len());
        sender.join().unwrap();
    });
    let got = link.message();
    assert!(got.bytes == sent, "the bytes differ");
    link.say(1, &success(&got.command), None);
    assert_eq!(peer.message().status(), 0);
}
