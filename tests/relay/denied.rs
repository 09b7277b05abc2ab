//! What policy denies or command and data set disagree about: the answer, the archive that sees nothing, the record.

use crate::support::conn::{Conn, Message};
use crate::support::words::{
    CT, FIND, INSTANCE, KEY_OBJECT, MOVE, MR, VERIFICATION, answer, echo, identified, object, query, rq, store,
    success, uid,
};
use crate::support::world::{Setup, World};
use dicomgate::dicom::dataset::write::DataSet;
use dicomgate::dicom::dimse::Command;
use dicomgate::dicom::pdu::Pdu;
use dicomgate::dicom::pdu::pdata::{header, write_message};
use dicomgate::dicom::transfer_syntax::Encoding;
use dicomgate::dicom::{AeTitle, Tag, Uid};

/// CT1 may store what a CT makes, and nothing of another modality.
const NARROW: &str = r#"
[[rule]]
name = "ct stores ct"
who = ["peer:CT1"]
to = ["PACS"]
may = ["store"]
modalities = ["CT"]
[[rule]]
name = "echo"
who = ["peer:CT1"]
to = ["PACS"]
may = ["echo"]
"#;

fn narrow(limits: &str) -> World {
    World::with(&Setup { rules: NARROW.into(), limits: limits.into(), ..Setup::default() })
}

/// An echo comes back: the association goes on, and the archive saw nothing before it.
fn goes_on(peer: &mut Conn, link: &mut Conn, message: u16) {
    let sent = peer.say(1, &echo(message), None);
    let asked = link.message();
    assert_eq!(asked.bytes, sent);
    link.say(1, &success(&asked.command), None);
    assert_eq!(peer.message().status(), 0);
}

fn is_denial(world: &World, answer: &Message) {
    assert_eq!(answer.status(), 0x0124);
    let record = world.record("denied");
    assert_eq!(answer.comment(), format!("denied, incident {}", record.text("incident").unwrap()));
}

fn of_modality(modality: &str, pixels: usize) -> Vec<u8> {
    identified(CT, INSTANCE)
        .with(Tag(0x0008, 0x0060), b"CS", modality)
        .with(Tag(0x7fe0, 0x0010), b"OW", vec![0; pixels])
        .encode(Encoding::ExplicitLe)
}

#[test]
fn a_denied_object_never_reaches_the_archive_and_the_association_goes_on() {
    let world = narrow("");
    let (mut peer, mut link) = world.modality();
    for (message, pixels) in [(1, 0), (2, 100), (3, 500_000)] {
        peer.say(3, &store(message), Some(&of_modality("MR", pixels)));
        let answer = peer.message();
        is_denial(&world, &answer);
        assert_eq!(
            (answer.command.responded_to, answer.command.affected_sop_instance),
            (Some(message), Some(uid(INSTANCE)))
        );
        goes_on(&mut peer, &mut link, message + 100);
    }
    let record = world.record("denied");
    assert_eq!((record.text("operation"), record.text("modality")), (Some("store"), Some("MR")));
    peer.say(3, &store(9), Some(&of_modality("CT", 100)));
    assert_eq!(link.message().command.message_id, Some(9));
}

#[test]
fn the_answer_to_a_denied_object_comes_when_all_of_it_has_been_read() {
    let world = narrow("");
    let (mut peer, mut link) = world.modality();
    let bytes = write_message(3, &store(1).encode(), Some(&of_modality("MR", 100_000)), 16_384);
    let (most, last) = bytes.split_at(bytes.len() - 10);
    peer.send(most);
    world.record("denied");
    peer.nothing_yet();
    peer.send(last);
    is_denial(&world, &peer.message());
    goes_on(&mut peer, &mut link, 2);
}

#[test]
fn more_than_the_gateway_reads_of_a_denied_object_ends_the_association() {
    let world = narrow("refused_drain = \"100KiB\"");
    let (mut peer, mut link) = world.modality();
    let bytes = write_message(3, &store(1).encode(), Some(&of_modality("MR", 200_000)), 16_384);
    peer.send(&bytes[..150_000]);
    assert_eq!(peer.aborted(), (2, 0));
    assert_eq!(link.aborted(), (2, 0));
    assert_eq!(world.record("association-closed").text("ended"), Some("timeout"));
}

#[test]
fn a_denied_object_that_does_not_come_to_its_end_ends_the_association() {
    let world = narrow("refused_drain_time = \"200ms\"");
    let (mut peer, mut link) = world.modality();
    let bytes = write_message(3, &store(1).encode(), Some(&of_modality("MR", 200_000)), 16_384);
    peer.send(&bytes[..150_000]);
    assert_eq!(peer.aborted(), (2, 0));
    assert_eq!(link.aborted(), (2, 0));
}

#[test]
fn a_rejection_note_is_no_ordinary_object() {
    let world = World::new();
    let (mut peer, mut link) = world.associate(world.plain(), &rq("CT1", &[VERIFICATION, KEY_OBJECT]));
    let note = |code: &str| {
        let title = DataSet::new().with(Tag(0x0008, 0x0100), b"SH", code).with(Tag(0x0008, 0x0102), b"SH", "DCM").with(
            Tag(0x0008, 0x0104),
            b"LO",
            "title",
        );
        identified(KEY_OBJECT, INSTANCE)
            .with(Tag(0x0008, 0x0060), b"CS", "KO")
            .with_items(Tag(0x0040, 0xa043), vec![title])
            .encode(Encoding::ExplicitLe)
    };
    let command = |message| Command::store_rq(message, &uid(KEY_OBJECT), &uid(INSTANCE));
    for (message, code) in [(1, "113001"), (2, "113037"), (3, "113038"), (4, "113039")] {
        peer.say(3, &command(message), Some(&note(code)));
        is_denial(&world, &peer.message());
        assert_eq!(world.record("denied").text("operation"), Some("reject"));
    }
    goes_on(&mut peer, &mut link, 5);
    let sent = peer.say(3, &command(6), Some(&note("113000")));
    assert_eq!(link.message().bytes, sent);
}

/// The archive sees an A-ABORT and no last fragment of the object, the sender its fault.
fn cut_off(world: &World, command: &Command, data: &[u8], words: &str) {
    let (mut peer, mut link) = world.modality();
    let before = link.received.len();
    peer.say(3, command, Some(data));
    assert_eq!(peer.aborted(), (2, 6), "{words}");
    let seen = link.rest();
    let (object, abort) = seen.split_at(seen.len() - 10);
    assert_eq!(abort, [7, 0, 0, 0, 0, 4, 0, 0, 2, 0]);
    assert_eq!(link.received.len(), before + seen.len());
    // Data set fragments in whole PDUs, and none of them the last.
    let mut rest = object;
    while !rest.is_empty() {
        let length = u32::from_be_bytes(rest[2..6].try_into().unwrap()) as usize;
        assert!(rest[11] != 2, "a last fragment of the data set reached the archive: {words}");
        rest = &rest[6 + length..];
    }
    let records = world.records();
    let told = |record: &dicomgate::audit::read::Record| {
        matches!(record.event(), "mismatch" | "malformed") && record.text("words").unwrap().contains(words)
    };
    assert!(records.iter().any(told), "no record says `{words}`: {:?}", records.last());
}

#[test]
fn command_and_data_set_must_be_about_the_same_object() {
    let world = World::new();
    cut_off(&world, &store(1), &object(CT, "1.2.3.4.6", 1000), "SOP Instance UID of the data set is not the command's");
    cut_off(&world, &store(1), &object(MR, INSTANCE, 1000), "SOP Class UID of the data set is not the command's");
    let foreign = Command::store_rq(1, &uid(MR), &uid(INSTANCE));
    cut_off(&world, &foreign, &object(MR, INSTANCE, 1000), "SOP Class UID of the command is not the context's");
    cut_off(&world, &store(1), &query(), "of the data set is not the command's");
    assert_eq!(world.record("mismatch").text("incident").map(str::len), Some(9));
    assert_eq!(world.count("operation"), 0);
}

#[test]
fn nothing_is_smuggled_in_behind_what_was_decided_on() {
    let world = World::new();
    let explicit =
        |tag: Tag, vr: &[u8; 2], value: &[u8]| DataSet::new().with(tag, vr, value).encode(Encoding::ExplicitLe);
    let instance = |text: &str| explicit(Tag(0x0008, 0x0018), b"UI", Uid::new(text).unwrap().as_bytes());
    let object = object(CT, INSTANCE, 200_000);
    for (smuggled, words) in [
        (instance("1.2.3.4.6"), "(0008,0018)"),
        (instance(INSTANCE), "(0008,0018)"),
        (explicit(Tag(0x0010, 0x0020), b"LO", b"4712"), "(0010,0020)"),
        (explicit(Tag(0x0002, 0x0010), b"UI", b"1.2"), "(0002,0010)"),
        (explicit(Tag(0x0000, 0x1000), b"UI", b"1.2"), "(0000,1000)"),
        (vec![0xfe, 0xff, 0xff], ""),
    ] {
        cut_off(&world, &store(1), &[object.as_slice(), &smuggled].concat(), words);
    }
    // Twice the same element, next to each other, before the decision.
    let twice = identified(CT, INSTANCE).encode(Encoding::ExplicitLe);
    let behind_class = 8 + 26;
    let (class, rest) = twice.split_at(behind_class);
    cut_off(&world, &store(1), &[class, &instance("1.2.9"), rest].concat(), "(0008,0018)");
    assert_eq!(world.count("operation"), 6, "each aborted one has its record");
    assert!(
        world.records().iter().filter(|record| record.event() == "operation").all(|record| record.0["aborted"] == true)
    );
}

#[test]
fn a_service_that_a_rule_takes_away_is_denied_message_by_message() {
    // WS1 may look at other times only; the context stays because it could be permitted to look on Sundays.
    let rules = r#"
[[rule]]
name = "echo"
who = ["peer:WS1"]
to = ["PACS"]
may = ["echo", "move"]
destinations = ["self"]
"#;
    let world = World::with(&Setup { rules: rules.into(), ..Setup::default() });
    let (mut peer, mut link) = world.associate(world.plain(), &rq("WS1", &[VERIFICATION, FIND]));
    // No context for it: a message there is a fault.
    peer.say(3, &Command::find_rq(1, &uid(FIND)), Some(&query()));
    assert_eq!(peer.aborted(), (2, 6));
    assert_eq!(link.aborted(), (2, 0));
    assert!(world.record("malformed").text("words").unwrap().contains("not accepted"));
}

#[test]
fn a_command_of_another_service_ends_the_association() {
    let world = World::new();
    let (mut peer, mut link) = world.modality();
    peer.say(3, &Command::find_rq(1, &uid(CT)), Some(&query()));
    assert_eq!(peer.aborted(), (2, 5));
    assert_eq!(link.aborted(), (2, 0));
}

#[test]
fn fragments_without_bytes_do_not_fill_the_memory() {
    let world = narrow("inspect = \"4KiB\",command = \"4KiB\"".replace(',', "\n").as_str());
    let (mut peer, mut link) = world.modality();
    let empty = header(3, true, false, 0).unwrap().repeat(1000);
    for _ in 0..100 {
        // Sooner or later nobody reads them any more.
        let _ = peer.try_send(&empty);
    }
    assert_eq!(link.aborted(), (2, 0));
    assert!(world.record("malformed").text("words").unwrap().contains("inspect"));
}

#[test]
fn an_object_that_hides_what_it_is_behind_a_megabyte_ends_the_association() {
    let world = narrow("inspect = \"8KiB\"");
    let (mut peer, mut link) = world.modality();
    let long = identified(CT, INSTANCE).with(Tag(0x0009, 0x0010), b"LO", "TEST").with(
        Tag(0x0009, 0x1001),
        b"OB",
        vec![0; 100_000],
    );
    peer.say(3, &store(1), Some(&long.encode(Encoding::ExplicitLe)));
    assert_eq!(peer.aborted(), (2, 0));
    assert_eq!(link.aborted(), (2, 0));
}

#[test]
fn the_gateways_own_answer_waits_for_the_end_of_the_archives_message() {
    let world = World::new();
    let mut asked = rq("WS1", &[FIND, MOVE]);
    asked.user.async_window = Some((2, 1));
    let (mut peer, mut link) = world.associate(world.plain(), &asked);
    peer.say(1, &Command::find_rq(1, &uid(FIND)), Some(&query()));
    let find = link.message();
    let found = answer(&find.command, 0xff00).with_data_set();
    let found = write_message(1, &found.encode(), Some(&query()), 0);
    // The command has gone to the peer, the data set has not.
    let command_end = 6 + u32::from_be_bytes(found[2..6].try_into().unwrap()) as usize;
    link.send(&found[..command_end]);
    peer.wait_for(peer.received.len() + command_end);
    peer.say(3, &Command::move_rq(2, &uid(MOVE), AeTitle::new("CT1").unwrap()), Some(&query()));
    world.record("denied");
    // Behind a release no data may go, so it also goes before that.
    link.send([&found[command_end..], Pdu::ReleaseRq.encode().as_slice()].concat());
    let first = peer.message();
    assert_eq!((first.bytes, first.command.responded_to), (found, Some(1)));
    let second = peer.message();
    is_denial(&world, &second);
    assert_eq!(second.command.responded_to, Some(2));
    peer.confirm_release();
    link.released();
}

#[test]
fn a_denied_message_in_between_does_not_disturb_one_under_way() {
    let world = World::new();
    let mut asked = rq("WS1", &[FIND, MOVE]);
    asked.user.async_window = Some((2, 1));
    let (mut peer, mut link) = world.associate(world.plain(), &asked);
    let sent = peer.say(1, &Command::find_rq(1, &uid(FIND)), Some(&query()));
    peer.say(3, &Command::move_rq(2, &uid(MOVE), AeTitle::new("CT1").unwrap()), Some(&query()));
    is_denial(&world, &peer.message());
    let find = link.message();
    assert_eq!(find.bytes, sent);
    link.say(1, &success(&find.command), None);
    assert_eq!(peer.message().command.responded_to, Some(1));
    assert_eq!(world.record("operation").text("operation"), Some("find"));
}
