//! Deliveries that would go astray, and answers that would say too much: archives that count what they did not send, or
//! send on one association what belongs on another; requesters in a hurry.

use crate::inside::{Inside, answer, asks, inside};
use crate::support::conn::{Conn, Message};
use crate::support::words::{COMMIT, CT, FIND, INSTANCE, MOVE, identified, object, rq, store, success, title, uid};
use crate::support::world::World;
use dicomgate::dicom::dataset::write::DataSet;
use dicomgate::dicom::dimse::{Command, Counters, Field, Status};
use dicomgate::dicom::pdu::pdata::write_message;
use dicomgate::dicom::transfer_syntax::Encoding;
use dicomgate::dicom::{AeTitle, Tag};

const MOVERS: &str = r#"
[[rule]]
name = "workstations"
who = ["peer:WS1"]
to = ["PACS"]
may = ["echo", "find", "move"]
destinations = ["self", "CT3"]
"#;

/// The study that [`object`] makes images of.
const STUDY: &str = "1.2.3.4";
const OTHER: &str = "1.2.3.9";
/// As an archive without originators has it.
const BY_TITLE: &str = "correlate = \"destination\"";

fn ae(text: &str) -> AeTitle {
    AeTitle::new(text).unwrap()
}

fn of(study: &str) -> Vec<u8> {
    DataSet::new()
        .with(Tag(0x0008, 0x0052), b"CS", "STUDY")
        .with_uid(Tag(0x0020, 0x000d), &uid(study))
        .encode(Encoding::ExplicitLe)
}

fn image_of(study: &str) -> Vec<u8> {
    identified(CT, INSTANCE).with_uid(Tag(0x0020, 0x000d), &uid(study)).encode(Encoding::ExplicitLe)
}

fn workstation(inside: &Inside) -> (Conn, Conn) {
    inside.world.associate(inside.world.plain(), &rq("WS1", &[FIND, MOVE]))
}

fn moves(workstation: &mut Conn, archive: &mut Conn, message: u16, what: (&str, &str)) -> Message {
    let (study, destination) = what;
    workstation.say(3, &Command::move_rq(message, &uid(MOVE), ae(destination)), Some(&of(study)));
    archive.message()
}

fn counted(asked: &Message, completed: u16) -> Command {
    let counters = Counters { completed: Some(completed), failed: Some(0), warning: Some(0), remaining: None };
    Command { counters, ..success(&asked.command) }
}

/// What comes behind pending answers.
fn last(workstation: &mut Conn) -> Message {
    let mut messages = std::iter::repeat_with(|| workstation.message()).take(8);
    messages.find(|message| message.status() != Status::PENDING.0).expect("a final answer")
}

fn limited(world: &World, lines: &str) {
    let file = world.dir.path().join("gateway.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("[limits]", &format!("[limits]\n{lines}"))).unwrap();
    world.reload();
}

#[test]
fn pending_answers_do_not_put_off_the_last_one_for_ever() {
    let inside = inside("", "", MOVERS);
    limited(&inside.world, "move_pending = \"1s\"\ndelivery_wait = \"2s\"");
    let (mut workstation, mut archive) = workstation(&inside);
    let asked = moves(&mut workstation, &mut archive, 5, (STUDY, "WS1"));
    archive.say(3, &counted(&asked, 2), None);
    let done = last(&mut workstation);
    assert_eq!((done.status(), done.command.counters.failed), (0xa702, Some(2)));
}

/// The archive calls the requester's title while this move is under way, and CT3 answers.
fn to_ct3(inside: &Inside, workstation: &mut Conn, archive: &mut Conn) -> (Message, Conn, Conn) {
    let asked = moves(workstation, archive, 5, (STUDY, "CT3"));
    let mut link = inside.ask(&asks("PACS", "WS1", &[CT]));
    let (receiver, seen) = answer(inside.tls("ct3"), |_| ());
    assert_eq!(seen.called, title("CT3"));
    link.accepted();
    (asked, link, receiver)
}

#[test]
fn an_association_to_one_destination_takes_nothing_for_another() {
    let inside = inside("", BY_TITLE, MOVERS);
    let (mut workstation, mut archive) = workstation(&inside);
    let (asked, mut link, mut receiver) = to_ct3(&inside, &mut workstation, &mut archive);
    archive.say(3, &counted(&asked, 0), None);
    assert_eq!(last(&mut workstation).status(), 0);
    // An archive that keeps its association sends there what the next move wants elsewhere.
    moves(&mut workstation, &mut archive, 6, (OTHER, "WS1"));
    link.say(1, &store(1), Some(&image_of(OTHER)));
    assert_eq!(link.message().status(), 0x0124);
    receiver.nothing_yet();
    assert_eq!(inside.world.record("denied").text("instance"), Some(INSTANCE));
}

#[test]
fn what_is_routed_to_a_title_does_not_go_where_a_move_leads_it() {
    let routing =
        "[[rule]]\nname = \"routing\"\nwho = [\"archive:PACS\"]\nto = [\"WS1\", \"CT3\"]\nmay = [\"store\"]\n";
    let inside = inside("", BY_TITLE, &format!("{MOVERS}{routing}"));
    let (mut workstation, mut archive) = workstation(&inside);
    let (_asked, mut link, mut receiver) = to_ct3(&inside, &mut workstation, &mut archive);
    link.say(1, &store(1), Some(&image_of(OTHER)));
    assert_eq!(link.message().status(), 0x0124);
    receiver.nothing_yet();
    assert_eq!(inside.world.count("denied"), 1);
    // What the move asked for goes on.
    link.say(1, &store(2), Some(&object(CT, INSTANCE, 100)));
    assert_eq!(receiver.message().command.message_id, Some(2));
}

#[test]
fn a_cancel_in_the_same_breath_does_not_overtake_its_move() {
    let inside = inside("", "", MOVERS);
    let (mut workstation, mut archive) = workstation(&inside);
    for message in 1..=5 {
        let asks = Command::move_rq(message, &uid(MOVE), ae("WS1"));
        let asked = write_message(3, &asks.encode(), Some(&of(STUDY)), 16_384);
        let cancel = write_message(3, &Command::cancel_rq(message).encode(), None, 16_384);
        workstation.send([asked, cancel].concat());
        let asked = archive.message();
        assert_eq!(asked.data, Some(of(STUDY)));
        let cancel = archive.message();
        assert_eq!((cancel.command.field, cancel.command.responded_to), (Field::CancelRq, asked.command.message_id));
        archive.say(3, &Command { status: Some(Status(0xfe00)), ..counted(&asked, 0) }, None);
        assert_eq!(last(&mut workstation).status(), 0xfe00);
    }
}

#[test]
fn a_request_for_commitment_is_decided_on_once() {
    let world = World::new();
    let (mut peer, mut link) = world.associate(world.plain(), &rq("CT1", &[COMMIT]));
    let reference =
        DataSet::new().with_uid(Tag(0x0008, 0x1150), &uid(CT)).with_uid(Tag(0x0008, 0x1155), &uid(INSTANCE));
    let data = DataSet::new()
        .with_uid(Tag(0x0008, 0x1195), &uid("1.2.3.77"))
        .with_items(Tag(0x0008, 0x1199), vec![reference])
        .encode(Encoding::ExplicitLe);
    let asks = Command::n_request(Field::ActionRq, 1, &uid(COMMIT), &uid("1.2.840.10008.1.20.1.1"), true);
    peer.say(1, &Command { action_type: Some(1), ..asks }, Some(&data));
    let asked = link.message();
    assert_eq!(asked.data, Some(data));
    link.say(1, &success(&asked.command), None);
    assert_eq!(peer.message().status(), 0);
    let record = world.record("operation");
    assert_eq!((world.count("operation"), record.text("status")), (1, Some("0000H")));
}

#[test]
fn a_title_that_is_somebody_elses_by_now_takes_its_association_along() {
    let inside = inside("", "", MOVERS);
    let (mut workstation, mut archive) = workstation(&inside);
    let asked = moves(&mut workstation, &mut archive, 5, (STUDY, "WS1"));
    let mut link = inside.ask(&asks("PACS", "WS1", &[CT]));
    let (mut receiver, _) = inside.accepts(|_| ());
    link.accepted();
    let policy = std::fs::read_to_string(inside.world.dir.path().join("policy.toml")).unwrap();
    // The first of a peer's titles is its name.
    let moved = policy
        .replace("ae_titles = [\"WS1\"]", "name = \"WS1\"\nae_titles = [\"WS9\"]")
        .replace("ae_titles = [\"CT3\"]", "ae_titles = [\"CT3\", \"WS1\"]");
    inside.world.set_policy(&moved, "");
    let delivery = store(1).moved_for(ae("WS1"), asked.command.message_id.unwrap());
    let _ = link.try_send(&write_message(1, &delivery.encode(), Some(&object(CT, INSTANCE, 100)), 16_384));
    assert_eq!(link.aborted(), (2, 0));
    assert_eq!(receiver.aborted(), (2, 0));
}

#[test]
fn a_move_in_the_smallest_pieces_goes_on_whole() {
    let inside = inside("", "", MOVERS);
    let (mut workstation, mut archive) = workstation(&inside);
    let command = |message| Command::move_rq(message, &uid(MOVE), ae("WS1")).encode();
    let piece = |command: bool, last: bool, bytes: &[u8]| {
        let control = u8::from(command) | u8::from(last) << 1;
        let length = u32::try_from(bytes.len() + 2).unwrap();
        [&length.to_be_bytes()[..], &[3, control], bytes].concat()
    };
    let pdu = |pieces: Vec<Vec<u8>>| {
        let pieces = pieces.concat();
        [&[4, 0][..], &u32::try_from(pieces.len()).unwrap().to_be_bytes(), &pieces].concat()
    };
    let data = of(STUDY);
    let (head, tail) = data.split_at(10);
    let tiny = |message: u16| {
        let command = command(message);
        let mut pdus: Vec<Vec<u8>> = command.chunks(2).map(|two| pdu(vec![piece(true, false, two)])).collect();
        pdus.push(pdu(vec![piece(true, true, &[])]));
        pdus.extend(data.chunks(2).map(|two| pdu(vec![piece(false, false, &[]), piece(false, false, two)])));
        pdus.push(pdu(vec![piece(false, true, &[])]));
        pdus.concat()
    };
    let forms = [
        // Everything in one PDU, with empty pieces between.
        pdu(vec![
            piece(true, false, &[]),
            piece(true, true, &command(1)),
            piece(false, false, &[]),
            piece(false, false, head),
            piece(false, true, tail),
        ]),
        // The end of the command with the beginning of the data set.
        [
            pdu(vec![piece(true, false, &command(2)[..50])]),
            pdu(vec![piece(true, true, &command(2)[50..]), piece(false, false, head)]),
            pdu(vec![piece(false, false, tail), piece(false, true, &[])]),
        ]
        .concat(),
        tiny(3),
    ];
    for (message, bytes) in (1..).zip(forms) {
        // In one read, and byte by byte.
        for step in [bytes.len(), 1] {
            bytes.chunks(step).for_each(|chunk| workstation.send(chunk));
            let asked = archive.message();
            assert_eq!(asked.data.as_ref(), Some(&data), "message {message}, {step} bytes at a time");
            assert_eq!(asked.command.move_destination, Some(ae("WS1")));
            archive.say(3, &counted(&asked, 0), None);
            let done = last(&mut workstation);
            assert_eq!((done.status(), done.command.responded_to), (0, Some(message)));
        }
    }
}
