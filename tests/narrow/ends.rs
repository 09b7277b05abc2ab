//! How narrowed queries end: as many answers as may, a C-CANCEL, an archive that goes on all the same.

use crate::kit::{HOUSE, STUDY, all, answers, asking, find, query, read, rule, shown, study, text, world};
use crate::support::conn::{Conn, Message};
use crate::support::words::{FIND, answer};
use dicomgate::dicom::dimse::{Command, Field};

fn some(numbers: std::ops::Range<u32>) -> Vec<Vec<u8>> {
    numbers.map(|number| study(number, "P1", "House^Gregory")).collect()
}

fn ask(peer: &mut Conn, link: &mut Conn) -> Message {
    peer.say(1, &find(FIND), Some(&query("STUDY", &[(STUDY, "")])));
    link.message()
}

#[test]
fn as_many_answers_as_may_and_then_the_status_and_the_archive_is_told_to_stop() {
    let world = world(&[rule("referred", &format!("{HOUSE}; max_results = 3; limit_status = \"C001\""))]);
    let (mut peer, mut link) = asking(&world, FIND);
    // What may not be seen does not count, and exactly as many as may are all.
    let asked = ask(&mut peer, &mut link);
    let mut found = some(1..4);
    found.insert(1, study(9, "P1", "Cuddy^Lisa"));
    answers(&mut link, &asked, &found, 0);
    let (sets, last) = shown(&mut peer);
    assert_eq!((all(&sets, STUDY), last.status()), (vec!["1.2.3.1".into(), "1.2.3.2".into(), "1.2.3.3".into()], 0));
    // One more: the status comes at once, while the archive goes on.
    let asked = ask(&mut peer, &mut link);
    for data in some(1..7) {
        link.say(1, &answer(&asked.command, 0xff00).with_data_set(), Some(&data));
    }
    let (sets, last) = shown(&mut peer);
    assert_eq!((sets.len(), last.status()), (3, 0xc001));
    let cancel = link.message();
    assert_eq!((cancel.command.field, cancel.command.responded_to), (Field::CancelRq, asked.command.message_id));
    let record = world.record("operation");
    assert_eq!((record.number("answers"), record.text("status")), (Some(3), Some("C001H")));
    // The next query waits until the archive has ended the one before: its late answers are no answers to it.
    peer.say(1, &find(FIND), Some(&query("STUDY", &[(STUDY, "1.2.3.8")])));
    link.stays_silent();
    for data in some(7..10) {
        link.say(1, &answer(&asked.command, 0xff00).with_data_set(), Some(&data));
    }
    link.say(1, &answer(&asked.command, 0xfe00), None);
    let asked = link.message();
    assert_eq!(text(&read(&asked), STUDY).as_deref(), Some("1.2.3.8"));
    answers(&mut link, &asked, &some(8..9), 0);
    let (sets, last) = shown(&mut peer);
    assert_eq!((all(&sets, STUDY), last.status()), (vec!["1.2.3.8".to_owned()], 0));
}

#[test]
fn a_cancel_goes_on_to_the_archive_which_ends_the_query() {
    let world = world(&[rule("referred", HOUSE)]);
    let (mut peer, mut link) = asking(&world, FIND);
    let asked = ask(&mut peer, &mut link);
    link.say(1, &answer(&asked.command, 0xff00).with_data_set(), Some(&study(1, "P1", "House^Gregory")));
    assert_eq!(peer.message().status(), 0xff00);
    let cancel = peer.say(1, &Command::cancel_rq(7), None);
    assert_eq!(link.message().bytes, cancel);
    link.say(1, &answer(&asked.command, 0xff00).with_data_set(), Some(&study(2, "P1", "Cuddy^Lisa")));
    link.say(1, &answer(&asked.command, 0xfe00), None);
    assert_eq!(peer.message().status(), 0xfe00);
    // Too late, it goes nowhere.
    peer.say(1, &Command::cancel_rq(7), None);
    let asked = ask(&mut peer, &mut link);
    assert_eq!(asked.command.field, Field::FindRq);
    answers(&mut link, &asked, &[], 0);
    assert_eq!(shown(&mut peer).1.status(), 0);
}

#[test]
fn an_answer_behind_the_end_is_an_answer_to_nothing() {
    let world = world(&[rule("referred", HOUSE)]);
    let (mut peer, mut link) = asking(&world, FIND);
    let asked = ask(&mut peer, &mut link);
    answers(&mut link, &asked, &[], 0);
    assert_eq!(shown(&mut peer).1.status(), 0);
    link.say(1, &answer(&asked.command, 0xff00).with_data_set(), Some(&study(2, "P1", "House^Gregory")));
    link.aborted();
    peer.aborted();
}

#[test]
fn an_archive_that_never_ends_what_it_was_told_to_end_ends_the_association() {
    let rules = rule("referred", &format!("{HOUSE}; max_results = 1"));
    let setup = crate::support::world::Setup {
        rules,
        archive: "response_timeout = \"1s\"".to_owned(),
        ..crate::support::world::Setup::default()
    };
    let world = crate::support::world::World::with(&setup);
    let (mut peer, mut link) = asking(&world, FIND);
    let asked = ask(&mut peer, &mut link);
    for data in some(1..3) {
        link.say(1, &answer(&asked.command, 0xff00).with_data_set(), Some(&data));
    }
    assert_eq!(shown(&mut peer).1.status(), 0xa700);
    assert_eq!(link.message().command.field, Field::CancelRq);
    peer.aborted();
}
