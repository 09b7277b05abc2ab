//! Several systems behind one association: each is asked for its own, the caller sees one answer, and one that cannot
//! be had takes only its contexts with it.

use crate::support::conn::{Archive, Conn};
use crate::support::words::{CT, INSTANCE, MPPS, VERIFICATION, ac, echo, object, rq, store, success, title, uid};
use crate::support::world::{Setup, World};
use bytes::Bytes;
use dicomgate::dicom::dimse::Command;
use dicomgate::dicom::pdu::{AssociateAc, AssociateRj, AssociateRq, Pdu, Role};

const WORKLIST: &str = "1.2.840.10008.5.1.4.31";

const RULES: &str = r#"
[[rule]]
name = "modalities"
who = ["group:modality"]
to = ["PACS", "RIS"]
may = ["echo", "store", "mpps", "worklist"]
"#;

/// A gateway in front of a PACS, and of a RIS that is there for worklists and procedure steps.
fn world(ris: u16, pacs: &str) -> World {
    world_with(ris, pacs, RULES, "")
}

fn world_with(ris: u16, pacs: &str, rules: &str, limits: &str) -> World {
    let ris = format!(
        "{pacs}\n[[archive]]\nae_title = \"RIS\"\naddress = \"127.0.0.1:{ris}\"\nanswers_to = [\"PACS\", \"RIS\"]\n\
         for = [\"worklist\", \"mpps\"]\nconnect_timeout = \"2s\"\n"
    );
    World::with(&Setup { archive: ris, rules: rules.into(), limits: limits.into(), ..Setup::default() })
}

/// A system accepts what it is asked, changed at will.
fn accepts(system: &Archive, change: impl FnOnce(&mut AssociateAc)) -> (Conn, AssociateRq) {
    let mut link = system.accept();
    let Pdu::AssociateRq(asked) = link.control() else { panic!("a request") };
    let mut answer = ac(&asked);
    change(&mut answer);
    link.send(answer.encode());
    (link, *asked)
}

fn classes(rq: &AssociateRq) -> Vec<(u8, &str)> {
    rq.contexts.iter().map(|context| (context.id, context.abstract_syntax.as_str())).collect()
}

fn results(ac: &AssociateAc) -> Vec<(u8, u8)> {
    ac.contexts.iter().map(|context| (context.id, context.result.byte())).collect()
}

#[test]
fn each_system_is_asked_for_its_own_and_the_answer_is_one() {
    let ris = Archive::new();
    let world = world(ris.port(), "");
    let mut asked = rq("CT1", &[WORKLIST, CT, VERIFICATION, MPPS]);
    asked.user.roles =
        vec![Role { sop_class: uid(CT), scu: true, scp: false }, Role { sop_class: uid(MPPS), scu: true, scp: false }];
    asked.user.extended = vec![(uid(CT), Bytes::from_static(b"\x02\0")), (uid(WORKLIST), Bytes::from_static(b"\x01"))];
    asked.user.async_window = Some((4, 1));
    let mut peer = world.plain();
    peer.request(&asked);
    let (_pacs, of_pacs) = accepts(&world.archive, |ac| ac.user.max_length = 40_000);
    let (_ris, of_ris) = accepts(&ris, |ac| ac.user.max_length = 20_000);
    assert_eq!(classes(&of_pacs), [(3, CT), (5, VERIFICATION)]);
    assert_eq!(classes(&of_ris), [(1, WORKLIST), (7, MPPS)]);
    assert_eq!((of_ris.called, of_ris.calling), (title("RIS"), title("CT1")));
    assert_eq!(of_pacs.user.roles.len() + of_ris.user.roles.len(), 2);
    assert_eq!(of_ris.user.roles[0].sop_class, uid(MPPS));
    assert_eq!(of_ris.user.extended, asked.user.extended[1..]);
    let answer = peer.accepted();
    assert_eq!(results(&answer), [(1, 0), (3, 0), (5, 0), (7, 0)]);
    assert_eq!((answer.user.max_length, answer.user.async_window), (20_000, None));
    assert_eq!(answer.user.roles.len(), 2);
    let opened = world.record("association-opened");
    assert_eq!(opened.text("to"), Some("PACS"));
    assert!(opened.list("contexts").iter().any(|kept| kept.ends_with(" to RIS")), "{opened:?}");
}

#[test]
fn messages_go_where_their_context_belongs_and_both_are_released() {
    let ris = Archive::new();
    let world = world(ris.port(), "");
    let mut peer = world.plain();
    peer.request(&rq("CT1", &[WORKLIST, CT]));
    let (mut pacs, _) = accepts(&world.archive, |_| ());
    let (mut worklist, _) = accepts(&ris, |_| ());
    peer.accepted();
    let sent = peer.say(3, &store(1), Some(&object(CT, INSTANCE, 50_000)));
    let got = pacs.message();
    assert!(got.bytes == sent);
    pacs.say(3, &success(&got.command), None);
    assert_eq!(peer.message().status(), 0);
    let query = Command::find_rq(2, &uid(WORKLIST));
    peer.say(1, &query, Some(&crate::support::words::query()));
    let got = worklist.message();
    worklist.say(1, &success(&got.command), None);
    assert_eq!(peer.message().status(), 0);
    peer.release();
    pacs.confirm_release();
    worklist.confirm_release();
    peer.released();
    assert_eq!(world.ended(), "released");
}

#[test]
fn one_that_is_away_loses_only_its_contexts() {
    let ris = Archive::new();
    let world = world(ris.port(), "");
    drop(ris);
    let mut peer = world.plain();
    peer.request(&rq("CT1", &[WORKLIST, CT, VERIFICATION]));
    let (mut pacs, of_pacs) = accepts(&world.archive, |_| ());
    assert_eq!(classes(&of_pacs), [(3, CT), (5, VERIFICATION)]);
    assert_eq!(results(&peer.accepted()), [(1, 2), (3, 0), (5, 0)]);
    let missed = world.record("system-missed");
    assert_eq!((missed.text("to"), missed.text("cause")), (Some("RIS"), Some("archive-away")));
    assert!(missed.text("incident").is_some());
    peer.say(5, &echo(1), None);
    let got = pacs.message();
    pacs.say(5, &success(&got.command), None);
    assert_eq!(peer.message().status(), 0);
}

#[test]
fn the_first_may_be_the_one_that_is_away() {
    let ris = Archive::new();
    let world = world(ris.port(), "max_associations = 1");
    let (_busy, _link) = world.modality();
    let mut peer = world.plain();
    peer.request(&rq("CT1", &[WORKLIST, CT]));
    let (mut worklist, _) = accepts(&ris, |_| ());
    assert_eq!(results(&peer.accepted()), [(1, 0), (3, 2)]);
    assert_eq!(world.record("system-missed").text("cause"), Some("archive-full"));
    peer.say(1, &Command::find_rq(1, &uid(WORKLIST)), Some(&crate::support::words::query()));
    let got = worklist.message();
    worklist.say(1, &success(&got.command), None);
    assert_eq!(peer.message().status(), 0);
}

#[test]
fn one_that_answers_for_another_is_not_believed() {
    let ris = Archive::new();
    let world = world(ris.port(), "");
    let mut peer = world.plain();
    peer.request(&rq("CT1", &[WORKLIST, CT]));
    let (_pacs, _) = accepts(&world.archive, |_| ());
    let (mut liar, _) = accepts(&ris, |ac| ac.contexts[0].id = 3);
    liar.aborted();
    assert_eq!(results(&peer.accepted()), [(1, 2), (3, 0)]);
}

#[test]
fn with_nobody_there_it_is_rejected_for_now() {
    let ris = Archive::new();
    let world = world(ris.port(), "");
    let mut peer = world.plain();
    peer.request(&rq("CT1", &[WORKLIST, CT]));
    for system in [&world.archive, &ris] {
        let mut link = system.accept();
        link.control();
        link.reset();
    }
    assert_eq!(peer.pdu(), [3, 0, 0, 0, 0, 4, 0, 2, 3, 1]);
    assert_eq!(world.count("system-missed"), 2);
    assert_eq!(world.ended(), "archive-refused");
    // One that says no is not asked in vain either.
    let mut peer = world.plain();
    peer.request(&rq("CT1", &[WORKLIST, CT]));
    let mut link = world.archive.accept();
    link.control();
    link.send(AssociateRj { result: 1, source: 1, reason: 3 }.encode());
    accepts(&ris, |_| ());
    assert_eq!(results(&peer.accepted()), [(1, 0), (3, 2)]);
}

#[test]
fn who_is_not_needed_is_not_dialled() {
    let ris = Archive::new();
    let world = world(ris.port(), "");
    let mut peer = world.plain();
    peer.request(&rq("CT1", &[VERIFICATION]));
    accepts(&world.archive, |_| ());
    peer.accepted();
    ris.was_not_dialled();
    let mut peer = world.plain();
    peer.request(&rq("CT1", &[VERIFICATION, MPPS]));
    let (_link, asked) = accepts(&ris, |_| ());
    assert_eq!(classes(&asked), [(1, VERIFICATION), (3, MPPS)]);
    peer.accepted();
    world.archive.was_not_dialled();
}

#[test]
fn one_that_says_nothing_is_not_waited_for_longer_than_the_answer_may_take() {
    let ris = Archive::new();
    let world = world_with(ris.port(), "", RULES, "association_answer = \"1s\"");
    let mut peer = world.plain();
    peer.request(&rq("CT1", &[WORKLIST, CT]));
    let (mut pacs, _) = accepts(&world.archive, |_| ());
    let mut silent = ris.accept();
    silent.control();
    assert_eq!(results(&peer.accepted()), [(1, 2), (3, 0)]);
    silent.ended();
    peer.say(3, &store(1), Some(&object(CT, INSTANCE, 1000)));
    let got = pacs.message();
    pacs.say(3, &success(&got.command), None);
    assert_eq!(peer.message().status(), 0);
}

#[test]
fn an_echo_goes_where_a_rule_lets_it() {
    let ris = Archive::new();
    let rules = RULES.replace("\"echo\", ", "");
    let echo = "[[rule]]\nname = \"echo\"\nwho = [\"group:modality\"]\nto = [\"RIS\"]\nmay = [\"echo\"]\n";
    let world = world_with(ris.port(), "", &format!("{rules}{echo}"), "");
    let mut peer = world.plain();
    peer.request(&rq("CT1", &[VERIFICATION]));
    let (_link, asked) = accepts(&ris, |_| ());
    assert_eq!(classes(&asked), [(1, VERIFICATION)]);
    peer.accepted();
    world.archive.was_not_dialled();
    assert_eq!(world.record("association-opened").text("to"), Some("RIS"));
}

#[test]
fn a_system_that_no_rule_opens_is_not_dialled() {
    let ris = Archive::new();
    let world = world_with(ris.port(), "", &RULES.replace("\"PACS\", \"RIS\"", "\"PACS\""), "");
    let mut peer = world.plain();
    peer.request(&rq("CT1", &[WORKLIST, CT]));
    accepts(&world.archive, |_| ());
    assert_eq!(results(&peer.accepted()), [(1, 1), (3, 0)]);
    ris.was_not_dialled();
    assert_eq!(world.record("association-opened").list("removed").len(), 1);
}
