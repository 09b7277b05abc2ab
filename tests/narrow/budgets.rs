//! Budgets and canaries of queries.

use crate::kit::{HOUSE, STUDY, all, answers, asking, find, query, rule, shown, study, world};
use crate::support::conn::Conn;
use crate::support::words::{FIND, answer, rq};
use crate::support::world::World;
use dicomgate::dicom::dimse::Field;

fn ask(peer: &mut Conn, link: &mut Conn, found: std::ops::Range<u32>, last: Option<u16>) {
    peer.say(1, &find(FIND), Some(&query("STUDY", &[(STUDY, "")])));
    let asked = link.message();
    let found: Vec<_> = found.map(|number| study(number, "P1", "House^Gregory")).collect();
    match last {
        Some(last) => answers(link, &asked, &found, last),
        None => {
            for data in &found {
                link.say(1, &answer(&asked.command, 0xff00).with_data_set(), Some(data));
            }
        }
    }
}

#[test]
fn different_studies_count_and_what_was_seen_is_free() {
    let world = world(&[rule("referred", &format!("{HOUSE}; budget = \"3 studies/hour\"; on_budget = \"refuse\""))]);
    let (mut peer, mut link) = asking(&world, FIND);
    for found in [1..3, 1..3, 2..4] {
        let expected = found.len();
        ask(&mut peer, &mut link, found, Some(0));
        let (sets, last) = shown(&mut peer);
        assert_eq!((sets.len(), last.status()), (expected, 0));
    }
    // The fourth has no room: what comes before it is shown, what comes behind it is not.
    ask(&mut peer, &mut link, 3..7, None);
    let (sets, last) = shown(&mut peer);
    assert_eq!((all(&sets, STUDY), last.status()), (vec!["1.2.3.3".to_owned()], 0xa700));
    assert!(last.comment().starts_with("denied, incident "), "{}", last.comment());
    let denied = world.record("denied");
    assert_eq!((denied.text("reason"), denied.text("rule")), (Some("budget"), Some("referred")));
    assert!(last.comment().ends_with(denied.text("incident").unwrap()));
    let cancel = link.message();
    assert_eq!(cancel.command.field, Field::CancelRq);
}

#[test]
fn each_rule_has_its_own_budget_and_the_first_with_room_pays() {
    let world = world(&[
        rule("first", &format!("{HOUSE}; budget = \"2 studies/hour\"; on_budget = \"refuse\"")),
        rule("second", "where = { PatientID = \"P1\" }; budget = \"1 studies/hour\"; on_budget = \"refuse\""),
    ]);
    let (mut peer, mut link) = asking(&world, FIND);
    ask(&mut peer, &mut link, 1..6, None);
    let (sets, last) = shown(&mut peer);
    assert_eq!((sets.len(), last.status()), (3, 0xa700));
}

#[test]
fn a_rule_without_a_budget_goes_on_for_ever() {
    let world = world(&[
        rule("first", &format!("{HOUSE}; budget = \"2 studies/hour\"; on_budget = \"refuse\"")),
        rule("second", "where = { PatientID = \"P1\" }"),
    ]);
    let (mut peer, mut link) = asking(&world, FIND);
    ask(&mut peer, &mut link, 1..200, Some(0));
    let (sets, last) = shown(&mut peer);
    assert_eq!((sets.len(), last.status()), (199, 0));
}

#[test]
fn a_budget_that_is_used_up_puts_into_quarantine() {
    let world = world(&[rule("referred", &format!("{HOUSE}; budget = \"2 studies/hour\""))]);
    let (mut peer, mut link) = asking(&world, FIND);
    ask(&mut peer, &mut link, 1..5, None);
    let (sets, last) = shown(&mut peer);
    assert_eq!((sets.len(), last.status()), (2, 0xa700));
    peer.aborted();
    assert_ne!(link.rest(), b"");
    assert_held(&world);
}

fn assert_held(world: &World) {
    let mut again = world.plain();
    again.request(&rq("WS1", &[FIND]));
    assert!(matches!(again.control(), dicomgate::dicom::pdu::Pdu::AssociateRj(_)));
}

const CANARY: &str = "[[canary]]\nname = \"nobody\"\npatient_id = \"P-NOBODY\"\nstudy = \"1.2.3.99\"\n";

#[test]
fn a_canary_that_would_be_shown_is_not_and_ends_everything() {
    for rules in [
        vec![CANARY.to_owned(), rule("referred", HOUSE)],
        vec![CANARY.to_owned(), rule("all", "hours = \"00:00-24:00\"")],
    ] {
        let world = world(&rules);
        let (mut peer, mut link) = asking(&world, FIND);
        peer.say(1, &find(FIND), Some(&query("STUDY", &[(STUDY, "")])));
        let asked = link.message();
        for data in [study(1, "P1", "House^Gregory"), study(99, "P2", "House^Gregory")] {
            link.say(1, &answer(&asked.command, 0xff00).with_data_set(), Some(&data));
        }
        let rest = peer.rest();
        let seen = |number: &[u8]| rest.windows(number.len()).any(|window| window == number);
        assert!(!seen(b"1.2.3.99"), "the canary is not shown");
        assert_eq!(world.record("quarantined").text("cause"), Some("canary"));
        assert_held(&world);
    }
}

#[test]
fn who_asks_for_a_canary_by_name_reaches_no_archive() {
    for rules in [
        vec![CANARY.to_owned(), rule("referred", HOUSE)],
        vec![CANARY.to_owned(), rule("all", "hours = \"00:00-24:00\"")],
    ] {
        let world = world(&rules);
        let (mut peer, mut link) = asking(&world, FIND);
        peer.say(1, &find(FIND), Some(&query("STUDY", &[(crate::kit::PATIENT, "p-nobody"), (STUDY, "")])));
        peer.aborted();
        assert!(matches!(link.control(), dicomgate::dicom::pdu::Pdu::Abort(_)), "nothing came before");
        assert_held(&world);
    }
}

#[test]
fn a_canary_in_a_list_is_named_too() {
    let studies: Vec<String> = (1..60).map(|number| format!("1.2.826.0.1.3680043.9.{number}")).collect();
    let studies = format!("{}\\1.2.3.99\\1.2.3.4", studies.join("\\"));
    let lists = [(STUDY, studies.as_str()), (crate::kit::PATIENT, "P1\\P-NOBODY")];
    for rules in [
        vec![CANARY.to_owned(), rule("referred", HOUSE)],
        vec![CANARY.to_owned(), rule("all", "hours = \"00:00-24:00\"")],
    ] {
        for list in lists {
            let world = world(&rules);
            let (mut peer, mut link) = asking(&world, FIND);
            peer.say(1, &find(FIND), Some(&query("STUDY", &[list])));
            peer.aborted();
            assert!(matches!(link.control(), dicomgate::dicom::pdu::Pdu::Abort(_)), "nothing came before");
            assert_held(&world);
        }
    }
}

#[test]
fn a_canary_that_is_not_shown_trips_nobody() {
    let world = world(&[CANARY.to_owned(), rule("referred", HOUSE)]);
    let (mut peer, mut link) = asking(&world, FIND);
    peer.say(1, &find(FIND), Some(&query("STUDY", &[(STUDY, "")])));
    let asked = link.message();
    let found = [study(99, "P-NOBODY", "Cuddy^Lisa"), study(1, "P1", "House^Gregory")];
    answers(&mut link, &asked, &found, 0);
    let (sets, last) = shown(&mut peer);
    assert_eq!((all(&sets, STUDY), last.status()), (vec!["1.2.3.1".to_owned()], 0));
}
