//! Every service that runs on one association, forwarded byte by byte in both directions, statuses unchanged.

use crate::support::conn::Conn;
use crate::support::wait_until;
use crate::support::words::{
    CT, FIND, GET, INSTANCE, MOVE, MPPS, VERIFICATION, ac, answer, echo, object, query, rq, store, success, uid,
};
use crate::support::world::World;
use dicomgate::dicom::AeTitle;
use dicomgate::dicom::dimse::{Command, Field, Status};
use dicomgate::dicom::pdu::{AssociateAc, AssociateRq, Role};

/// The peer asks, the archive answers in turn; both see the other's bytes.
fn turn(peer: &mut Conn, link: &mut Conn, context: u8, request: (&Command, Option<&[u8]>), statuses: &[u16]) {
    let sent = peer.say(context, request.0, request.1);
    let asked = link.message();
    assert_eq!(asked.bytes, sent);
    for status in statuses {
        let pending = status & 0xfffe == 0xff00;
        let found = pending.then(query);
        let reply = answer(&asked.command, *status);
        let reply = if pending { reply.with_data_set() } else { reply };
        let said = link.say(context, &reply, found.as_deref());
        let got = peer.message();
        assert_eq!((got.bytes, got.command.status.unwrap()), (said, Status(*status)));
    }
}

fn release(world: &World, mut peer: Conn, mut link: Conn) {
    peer.release();
    link.confirm_release();
    peer.released();
    assert_eq!(world.ended(), "released");
}

#[test]
fn echo_and_store_go_there_and_back_unchanged_in_clear_and_over_tls() {
    let world = World::new();
    for peer in [world.plain(), world.tls("ct2")] {
        let calling = if matches!(world.count("association-opened"), 0) { "CT1" } else { "CT2" };
        let (mut peer, mut link) = world.associate(peer, &rq(calling, &[VERIFICATION, CT]));
        turn(&mut peer, &mut link, 1, (&echo(7), None), &[0]);
        // Failures, warnings and codes that nobody knows pass as they are.
        for (message, status) in [(8, 0), (9, 0xb007), (10, 0xa700), (11, 0xc123), (12, 0x0124), (13, 0x7fff)] {
            turn(&mut peer, &mut link, 3, (&store(message), Some(&object(CT, INSTANCE, 100_000))), &[status]);
        }
        release(&world, peer, link);
    }
    let statuses: Vec<String> = world
        .records()
        .iter()
        .filter(|record| record.event() == "operation")
        .map(|record| record.text("status").unwrap().to_owned())
        .collect();
    let once = ["0000H", "B007H", "A700H", "C123H", "0124H", "7FFFH"];
    assert_eq!(statuses, [once, once].concat());
    let record = world.record("operation");
    assert_eq!((record.text("patient_id"), record.text("instance")), (Some("4711"), Some(INSTANCE)));
    assert_eq!(record.number("bytes"), Some(object(CT, INSTANCE, 100_000).len() as u64));
}

#[test]
fn a_query_has_hundreds_of_answers_and_one_record() {
    let world = World::new();
    let (mut peer, mut link) = world.associate(world.plain(), &rq("WS1", &[FIND]));
    let mut statuses = vec![0xff00; 300];
    statuses[17] = 0xff01;
    statuses.push(0);
    turn(&mut peer, &mut link, 1, (&Command::find_rq(1, &uid(FIND)), Some(&query())), &statuses);
    let record = world.record("operation");
    assert_eq!((record.number("answers"), record.text("status")), (Some(300), Some("0000H")));
    release(&world, peer, link);
}

#[test]
fn a_cancel_in_time_goes_on_and_a_late_one_ends_here() {
    let world = World::new();
    let (mut peer, mut link) = world.associate(world.plain(), &rq("WS1", &[FIND]));
    peer.say(1, &Command::find_rq(4, &uid(FIND)), Some(&query()));
    let asked = link.message();
    link.say(1, &answer(&asked.command, 0xff00).with_data_set(), Some(&query()));
    peer.message();
    let sent = peer.say(1, &Command::cancel_rq(4), None);
    let cancel = link.message();
    assert_eq!((cancel.bytes, cancel.command.responded_to), (sent, Some(4)));
    link.say(1, &answer(&asked.command, 0xfe00), None);
    assert_eq!(peer.message().status(), 0xfe00);
    // Nothing is under way any more.
    peer.say(1, &Command::cancel_rq(4), None);
    turn(&mut peer, &mut link, 1, (&Command::find_rq(5, &uid(FIND)), Some(&query())), &[0]);
    release(&world, peer, link);
}

fn getting() -> AssociateRq {
    let mut rq = rq("WS1", &[GET, CT]);
    rq.user.roles = vec![Role { sop_class: uid(CT), scu: false, scp: true }];
    rq
}

#[test]
fn objects_of_a_c_get_come_on_the_same_association() {
    let world = World::new();
    let (mut peer, mut link) = world.associate(world.plain(), &getting());
    peer.say(1, &Command::get_rq(1, &uid(GET)), Some(&query()));
    let asked = link.message();
    for message in 100..103 {
        let sent = link.say(3, &store(message), Some(&object(CT, INSTANCE, 70_000)));
        let object = peer.message();
        assert_eq!(object.bytes, sent);
        assert_eq!(object.data.unwrap().len(), crate::support::words::object(CT, INSTANCE, 70_000).len());
        link.say(1, &answer(&asked.command, 0xff00), None);
        assert_eq!(peer.message().status(), 0xff00);
        let said = peer.say(3, &answer(&object.command, if message == 101 { 0xa700 } else { 0 }), None);
        assert_eq!(link.message().bytes, said);
    }
    link.say(1, &answer(&asked.command, 0xb000), None);
    assert_eq!(peer.message().status(), 0xb000);
    let records = world.records();
    let operations: Vec<_> = records.iter().filter(|record| record.event() == "operation").collect();
    assert_eq!(operations.len(), 4);
    assert_eq!(operations[1].text("status"), Some("A700H"));
    assert!(operations.iter().all(|record| record.text("operation") == Some("get")));
    release(&world, peer, link);
}

/// An association for C-GET of which the archive says this about roles.
fn with_roles(world: &World, asked: &AssociateRq, roles: &[Role]) -> (Conn, Conn, AssociateAc) {
    let mut peer = world.plain();
    peer.request(asked);
    let (link, _) = world.archive_accepts(|answer| answer.user.roles = roles.to_vec());
    let answer = peer.accepted();
    (peer, link, answer)
}

#[test]
fn an_archive_that_says_nothing_of_roles_sends_what_it_was_asked_for() {
    let world = World::new();
    let private = "1.2.3.99.1";
    for (class, scu) in [(CT, false), (private, false), (private, true)] {
        let mut asked = rq("WS1", &[GET, class]);
        asked.user.roles = vec![Role { sop_class: uid(class), scu, scp: true }];
        let (mut peer, mut link, answer) = with_roles(&world, &asked, &[]);
        // Nothing was said, and nothing is told but what policy has taken away.
        assert_eq!(answer.user.roles.len(), usize::from(scu));
        peer.say(1, &Command::get_rq(1, &uid(GET)), Some(&query()));
        let asked = link.message();
        let sent =
            link.say(3, &Command::store_rq(100, &uid(class), &uid(INSTANCE)), Some(&object(class, INSTANCE, 1000)));
        let object = peer.message();
        assert_eq!(object.bytes, sent);
        peer.say(3, &success(&object.command), None);
        assert_eq!(link.message().status(), 0);
        link.say(1, &success(&asked.command), None);
        assert_eq!(peer.message().status(), 0);
        release(&world, peer, link);
    }
    // One that says that the caller may not is held to its word.
    let denied = [Role { sop_class: uid(CT), scu: false, scp: false }];
    let (mut peer, mut link, answer) = with_roles(&world, &getting(), &denied);
    assert_eq!(answer.user.roles, denied);
    peer.say(1, &Command::get_rq(1, &uid(GET)), Some(&query()));
    link.message();
    link.say(3, &store(100), Some(&object(CT, INSTANCE, 1000)));
    assert_eq!(link.aborted(), (2, 5));
}

#[test]
fn an_object_that_nobody_asked_for_ends_the_association() {
    let world = World::new();
    let (mut peer, mut link) = world.associate(world.plain(), &getting());
    link.say(3, &store(100), Some(&object(CT, INSTANCE, 1000)));
    assert_eq!(link.aborted(), (2, 5));
    assert_eq!(peer.aborted(), (2, 0));
    assert!(world.record("malformed").text("words").unwrap().contains("no C-GET asked for"));
}

#[test]
fn a_retrieve_goes_only_to_destinations_that_a_rule_names() {
    let world = World::new();
    let (mut peer, mut link) = world.associate(world.plain(), &rq("WS1", &[MOVE]));
    let to = |message, title| Command::move_rq(message, &uid(MOVE), AeTitle::new(title).unwrap());
    turn(&mut peer, &mut link, 1, (&to(1, "WS1"), Some(&query())), &[0xff00, 0xb000]);
    peer.say(1, &to(2, "CT1"), Some(&query()));
    let refused = peer.message();
    assert_eq!((refused.status(), refused.command.counters.failed), (0x0124, Some(0)));
    peer.say(1, &to(3, "NOWHERE"), Some(&query()));
    assert_eq!(peer.message().status(), 0x0124);
    assert_eq!(world.record("denied").text("unknown"), Some("NOWHERE"));
    turn(&mut peer, &mut link, 1, (&to(4, "WS1"), Some(&query())), &[0]);
    release(&world, peer, link);
}

/// Basic Grayscale Print Management, and the Printer that reports on it.
const PRINT: &str = "1.2.840.10008.5.1.1.9";
const PRINTER: &str = "1.2.840.10008.5.1.1.16";

#[test]
fn n_services_run_and_a_report_comes_back_on_the_same_association() {
    let world = World::new();
    let (mut peer, mut link) = world.associate(world.plain(), &rq("CT1", &[MPPS, PRINT]));
    let request = |field, message, class: &str| Command::n_request(field, message, &uid(class), &uid(INSTANCE), true);
    let data = query();
    turn(&mut peer, &mut link, 1, (&request(Field::CreateRq, 1, MPPS), Some(&data)), &[0]);
    turn(&mut peer, &mut link, 1, (&request(Field::SetRq, 2, MPPS), Some(&data)), &[0x0110]);
    let mut report = request(Field::EventReportRq, 9, PRINTER);
    report.event_type = Some(1);
    let sent = link.say(3, &report, Some(&data));
    let got = peer.message();
    assert_eq!(got.bytes, sent);
    let said = peer.say(3, &success(&got.command), None);
    assert_eq!(link.message().bytes, said);
    release(&world, peer, link);
}

#[test]
fn several_requests_are_under_way_where_both_sides_agreed() {
    let world = World::new();
    let mut asked = rq("CT1", &[CT]);
    asked.user.async_window = Some((3, 1));
    let (mut peer, mut link) = world.associate(world.plain(), &asked);
    for message in 1..4 {
        peer.say(1, &store(message), Some(&object(CT, INSTANCE, 20_000)));
    }
    let requests: Vec<_> = (0..3).map(|_| link.message()).collect();
    for (request, status) in requests.iter().rev().zip([0, 0xa700, 0]) {
        link.say(1, &answer(&request.command, status), None);
    }
    let answers: Vec<_> = (0..3).map(|_| peer.message()).map(|got| (got.command.responded_to, got.status())).collect();
    assert_eq!(answers, [(Some(3), 0), (Some(2), 0xa700), (Some(1), 0)]);
    release(&world, peer, link);
}

#[test]
fn more_requests_than_agreed_end_the_association() {
    let world = World::new();
    let (mut peer, mut link) = world.modality();
    peer.say(1, &echo(1), None);
    link.message();
    peer.say(1, &echo(2), None);
    assert_eq!(peer.aborted(), (2, 5));
    assert_eq!(link.aborted(), (2, 0));
}

#[test]
fn what_the_archive_says_behind_its_acceptance_is_not_lost() {
    let world = World::new();
    let mut peer = world.plain();
    peer.request(&rq("CT1", &[PRINT]));
    let mut link = world.archive.accept();
    let dicomgate::dicom::pdu::Pdu::AssociateRq(asked) = link.control() else { panic!() };
    let mut report = Command::n_request(Field::EventReportRq, 9, &uid(PRINTER), &uid(INSTANCE), false);
    report.event_type = Some(1);
    let report = dicomgate::dicom::pdu::pdata::write_message(1, &report.encode(), None, 0);
    link.send([ac(&asked).encode(), report.clone()].concat());
    peer.accepted();
    assert_eq!(peer.message().bytes, report);
    drop(peer);
    wait_until("the end", || world.count("association-closed") == 1);
}
