//! Associations of an archive that a move under way expects: they need no rule of the archive's own, and a gateway that
//! is stopping still takes them.

use crate::inside::{Inside, answer, asks, inside, results};
use crate::support::conn::{Conn, Message};
use crate::support::words::{CT, FIND, INSTANCE, MOVE, VERIFICATION, object, rq, store, success, title, uid};
use dicomgate::dicom::dataset::write::DataSet;
use dicomgate::dicom::dimse::{Command, Counters, Status};
use dicomgate::dicom::transfer_syntax::Encoding;
use dicomgate::dicom::{AeTitle, Tag};

const MOVERS: &str = r#"
[[rule]]
name = "workstations"
who = ["peer:WS1"]
to = ["PACS"]
may = ["echo", "find", "move"]
destinations = ["self", "CT3", "CT1"]
"#;

fn ae(text: &str) -> AeTitle {
    AeTitle::new(text).unwrap()
}

/// The study that [`object`] makes images of.
fn study() -> Vec<u8> {
    DataSet::new()
        .with(Tag(0x0008, 0x0052), b"CS", "STUDY")
        .with_uid(Tag(0x0020, 0x000d), &uid("1.2.3.4"))
        .encode(Encoding::ExplicitLe)
}

/// A workstation's association with the archive, both ends.
fn workstation(inside: &Inside) -> (Conn, Conn) {
    inside.world.associate(inside.world.plain(), &rq("WS1", &[FIND, MOVE]))
}

/// The workstation asks, and the archive has it.
fn moves(workstation: &mut Conn, archive: &mut Conn, message: u16, destination: &str) -> Message {
    workstation.say(3, &Command::move_rq(message, &uid(MOVE), ae(destination)), Some(&study()));
    archive.message()
}

/// The archive has sent everything, and says so.
fn all_sent(archive: &mut Conn, asked: &Message, sent: u16) {
    let counters = Counters { completed: Some(sent), failed: Some(0), warning: Some(0), remaining: None };
    archive.say(3, &Command { counters, ..success(&asked.command) }, None);
}

fn delivery(asked: &Message, message: u16) -> Command {
    store(message).moved_for(ae("WS1"), asked.command.message_id.unwrap())
}

#[test]
fn a_move_under_way_lets_an_archive_deliver_and_nothing_else() {
    let inside = inside("", "", MOVERS);
    let before = asks("PACS_OUT", "WS1", &[VERIFICATION, CT, FIND]);
    inside.rejected(&before, (1, 1, 1), "policy", "a delivery nobody asked for");
    let (mut workstation, mut archive) = workstation(&inside);
    let asked = moves(&mut workstation, &mut archive, 5, "WS1");
    let mut link = inside.ask(&before);
    let (mut receiver, seen) = inside.accepts(|_| ());
    // Only what can be stored goes on.
    assert_eq!(seen.contexts.iter().map(|context| context.id).collect::<Vec<_>>(), [3]);
    assert_eq!((seen.called, seen.calling), (title("WS1"), title("MAIN")));
    assert_eq!(results(&link.accepted()), [(1, 0), (3, 0), (5, 1)]);
    link.say(3, &delivery(&asked, 1), Some(&object(CT, INSTANCE, 5000)));
    let got = receiver.message();
    assert_eq!(got.command.move_originator_message, Some(5));
    receiver.say(3, &success(&got.command), None);
    assert_eq!(link.message().status(), 0);
    all_sent(&mut archive, &asked, 1);
    let done = workstation.message();
    assert_eq!((done.status(), done.command.counters.completed), (Status::SUCCESS.0, Some(1)));
}

#[test]
fn an_archive_may_name_itself_as_the_originator_beside_the_right_message_id() {
    let inside = inside("", "", MOVERS);
    let (mut workstation, mut archive) = workstation(&inside);
    let asked = moves(&mut workstation, &mut archive, 5, "WS1");
    let message = asked.command.message_id.unwrap();
    let mut link = inside.ask(&asks("PACS_OUT", "WS1", &[CT]));
    let (mut receiver, _) = inside.accepts(|_| ());
    link.accepted();
    for (title, named) in [("PACS", message.wrapping_add(1)), ("CT1", message)] {
        link.say(1, &store(1).moved_for(ae(title), named), Some(&object(CT, INSTANCE, 5000)));
        assert_eq!(link.message().status(), Status::NOT_AUTHORIZED.0, "{title}");
    }
    link.say(1, &store(2).moved_for(ae("PACS"), message), Some(&object(CT, INSTANCE, 5000)));
    let got = receiver.message();
    assert_eq!((got.command.move_originator, got.command.move_originator_message), (Some(ae("WS1")), Some(5)));
    receiver.say(1, &success(&got.command), None);
    assert_eq!(link.message().status(), 0);
    all_sent(&mut archive, &asked, 1);
    assert_eq!(workstation.message().status(), 0);
}

#[test]
fn one_request_at_a_time_where_message_ids_are_the_gateways() {
    let inside = inside("", "", MOVERS);
    for (classes, window) in [(&[FIND, MOVE][..], None), (&[FIND], Some((3, 1)))] {
        let mut asked = rq("WS1", classes);
        asked.user.async_window = Some((3, 1));
        let mut peer = inside.world.plain();
        peer.request(&asked);
        let (_archive, seen) = inside.world.archive_accepts(|_| ());
        assert_eq!((seen.user.async_window, peer.accepted().user.async_window), (window, window));
    }
}

#[test]
fn a_title_may_stand_for_the_requester() {
    let inside = inside("", "correlate = \"destination\"", MOVERS);
    let (mut workstation, mut archive) = workstation(&inside);
    let asked = moves(&mut workstation, &mut archive, 5, "CT3");
    // The archive is told the requester's own title, and calls that.
    assert_eq!(asked.command.move_destination, Some(ae("WS1")));
    let mut link = inside.ask(&asks("PACS", "WS1", &[CT]));
    let (_receiver, seen) = answer(inside.tls("ct3"), |_| ());
    assert_eq!(seen.called, title("CT3"));
    link.accepted();
}

#[test]
fn a_gateway_that_stops_takes_what_its_moves_wait_for() {
    let mut inside = inside("", "", MOVERS);
    let (mut workstation, mut archive) = workstation(&inside);
    let asked = moves(&mut workstation, &mut archive, 5, "WS1");
    let stopped = inside.world.stop();
    let mut stranger = inside.ask(&asks("PACS", "CT3", &[CT]));
    let mut link = inside.ask(&asks("PACS", "WS1", &[CT]));
    assert_eq!(stranger.pdu()[..1], [3]);
    drop(stranger);
    let (mut receiver, _) = inside.accepts(|_| ());
    link.accepted();
    for message in 1..=2 {
        link.say(1, &delivery(&asked, message), Some(&object(CT, INSTANCE, 5000)));
        let got = receiver.message();
        receiver.say(1, &success(&got.command), None);
        assert_eq!(link.message().status(), 0);
    }
    link.release();
    receiver.confirm_release();
    link.released();
    drop((link, receiver));
    all_sent(&mut archive, &asked, 2);
    assert_eq!(workstation.message().status(), 0);
    assert_eq!(workstation.aborted(), (2, 0));
    drop((workstation, archive));
    crate::support::wait_until("the gateway stops", || stopped.is_finished());
}

/// By its study nobody could know; the object that comes says whose it is.
#[test]
fn a_canary_that_is_delivered_reaches_nobody_and_ends_whoever_asked_for_it() {
    let canary = "[[canary]]\nname = \"nobody\"\npatient_id = \"4711\"\n";
    let inside = inside("", "", &format!("{MOVERS}{canary}"));
    let (mut workstation, mut archive) = workstation(&inside);
    let asked = moves(&mut workstation, &mut archive, 5, "WS1");
    let mut link = inside.ask(&asks("PACS", "WS1", &[CT]));
    let (mut receiver, _) = inside.accepts(|_| ());
    link.accepted();
    link.say(1, &delivery(&asked, 1), Some(&object(CT, INSTANCE, 5000)));
    assert_eq!(workstation.aborted(), (2, 0));
    assert_eq!(receiver.aborted(), (2, 0), "and nothing before it");
    link.rest();
    let began = inside.world.record("quarantined");
    assert_eq!((began.text("subject"), began.text("cause")), (Some("peer:WS1"), Some("canary")));
    let denied = inside.world.record("denied");
    assert_eq!((denied.text("reason"), denied.text("requester")), (Some("quarantine"), Some("WS1")));
}
