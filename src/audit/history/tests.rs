//! Lines as the log writes them, and what they tell.

use super::{History, Past};
use crate::audit::body::Body;
use crate::audit::chain::{Head, Stamp, link};
use crate::audit::event::{Asked, Caller};
use crate::audit::incident::IncidentKey;
use crate::audit::{AssociationId, Event};
use crate::dicom::Tag;
use crate::dicom::dataset::Level;
use crate::dicom::dimse::Operation;
use crate::policy::replay::{Person, Then};
use crate::policy::{Denial, DenialReason, User};
use jiff::tz::TimeZone;

const AT: &str = "2026-11-21T23:30:15.000000Z";
const FIND: &str = "1.2.840.10008.5.1.4.1.2.2.1";

fn line(body: &Body) -> Vec<u8> {
    let mut out = Vec::new();
    let stamp = Stamp::new(AT.parse().unwrap());
    link(&mut out, Head::START, &stamp, body, &IncidentKey::new(&[7; 32], "gate-1"));
    out.pop();
    out
}

fn caller(user: Option<&User>) -> Caller<'_> {
    Caller {
        association: AssociationId { run: 1, number: 7 },
        listener: "outside",
        from: "10.20.0.1:4000".parse().unwrap(),
        calling: Some(b"WS1"),
        called: Some(b"PACS"),
        peer: Some("WS1"),
        tls: None,
        certificate: None,
        edge: None,
        user,
        tried: None,
    }
}

fn asked<'a>(keys: Option<&'a [Tag]>) -> Asked<'a> {
    Asked {
        operation: Operation::Find,
        to: "PACS",
        message: 3,
        sop_class: Some(FIND),
        instance: None,
        study: None,
        transfer_syntax: Some("1.2.840.10008.1.2"),
        modality: None,
        destination: None,
        level: Some(Level::Study),
        keys,
        patient_id: None,
        patient_name: None,
        delivery: None,
    }
}

fn operation(user: Option<&User>, keys: Option<&[Tag]>, observed: bool) -> Vec<u8> {
    let mut body = Body::new("operation", false);
    caller(user).who(&mut body);
    asked(keys).encode(&mut body);
    body.flag("observed", observed);
    line(&body)
}

/// What a line tells, in words of this test.
fn told(history: &mut History, line: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    history.line(line, &mut |past: &Past<'_>| {
        let recorded = &past.recorded;
        let person = match recorded.person {
            Person::Nobody => "nobody".to_owned(),
            Person::Known { name, roles, emergency } => format!("{name} {roles:?} {emergency}"),
        };
        let keys = recorded.keys.map(|keys| keys.len());
        all.push(format!(
            "{} {:?} {} {person} {:?} {:?} {keys:?} {:?}x{} {}:{:02} day {}",
            recorded.who,
            recorded.operation.map(Operation::as_str),
            recorded.to,
            recorded.level,
            recorded.sop_class.map(|uid| uid.to_string()),
            past.then,
            past.count,
            recorded.at.minute / 60,
            recorded.at.minute % 60,
            recorded.at.weekday,
        ));
    });
    all
}

fn history() -> History {
    History::new(TimeZone::fixed(jiff::tz::offset(1)), None)
}

#[test]
fn an_operation_is_told_with_the_time_that_local_clocks_showed() {
    let keys = [Tag(0x0010, 0x0020), Tag(0x0020, 0x000d)];
    let words = format!("WS1 Some(\"find\") PACS nobody Some(Study) Some(\"{FIND}\") ");
    let mut history = history();
    // Half past eleven in the evening of a Saturday is half past midnight on Sunday one hour further east.
    let told_once = told(&mut history, &operation(None, Some(&keys), false));
    assert_eq!(told_once, [format!("{words}Some(2) {:?}x1 0:30 day 6", Then::Permitted)]);
    let none: [Tag; 0] = [];
    assert_eq!(
        told(&mut history, &operation(None, Some(&none), true)),
        [format!("{words}Some(0) Observedx1 0:30 day 6")]
    );
    assert_eq!(told(&mut history, &operation(None, None, false)), [format!("{words}None Permittedx1 0:30 day 6")]);
    assert_eq!((history.seen().lines, history.seen().operations), (3, 3));
}

#[test]
fn who_a_person_was_is_told_by_the_opening_of_the_association() {
    let user = User { name: "mueller".into(), source: "local".into(), roles: vec!["reader".into()], ..User::default() };
    let mut history = history();
    let before = told(&mut history, &operation(Some(&user), None, false));
    assert!(before.concat().contains("mueller None false"), "{before:?}");
    let none: [String; 0] = [];
    let opened = Event::AssociationOpened {
        caller: caller(Some(&user)),
        to: "PACS",
        kept: &none,
        removed: &none,
        numbered: false,
    };
    assert!(told(&mut history, &line(&opened.encode(1))).is_empty());
    let after = told(&mut history, &operation(Some(&user), None, false));
    assert!(after.concat().contains("mueller Some([\"reader\"]) false"), "{after:?}");
}

#[test]
fn only_refusals_by_rules_are_told() {
    let told_of = |reason: DenialReason| {
        let mut who = Body::fragment();
        caller(None).who(&mut who);
        let denial = Denial { reason, operation: Some(Operation::Find) };
        told(&mut history(), &line(&Event::Denied { who: &who, asked: &asked(None), denial: &denial }.encode(1))).len()
    };
    assert_eq!(told_of(DenialReason::Rule("no".into())), 1);
    assert_eq!(told_of(DenialReason::NoRule { nearest: None, lacked: None }), 1);
    assert_eq!(told_of(DenialReason::NotAsked("nobody".into())), 0);
    assert_eq!(told_of(DenialReason::Fault("odd".into())), 0);
}

#[test]
fn verifications_and_idle_associations_stand_in_closing_records() {
    let mut body = Body::new("association-closed", false);
    caller(None).who(&mut body);
    let mut echoed = Body::fragment();
    echoed.text("to", "PACS").text("transfer_syntax", "1.2.840.10008.1.2").number("count", 5).number("observed", 2);
    body.text("to", "PACS").number("echoes", 5).objects("echoed", [echoed]);
    let all = told(&mut history(), &line(&body)).join("\n");
    assert!(all.contains("Some(\"echo\")") && all.contains("Permittedx3") && all.contains("Observedx2"), "{all}");
    let mut idle = Body::new("association-closed", false);
    caller(None).who(&mut idle);
    idle.text("to", "PACS").flag("idle", true);
    let all = told(&mut history(), &line(&idle));
    assert!(matches!(&all[..], [one] if one.contains("None PACS") && one.contains("Permittedx1")), "{all:?}");
}

#[test]
fn what_is_older_is_left_out_and_what_is_no_record_is_counted() {
    let since = "2026-11-22T00:00:00Z".parse().unwrap();
    let mut history = History::new(TimeZone::UTC, Some(since));
    assert!(told(&mut history, &operation(None, None, false)).is_empty());
    for garbage in [&b"{"[..], b"", b"{\"seq\":1}", b"\xff\xfe", &operation(None, None, false)[..200]] {
        assert!(told(&mut history, garbage).is_empty());
    }
    assert_eq!(history.seen().operations, 0);
    assert_eq!(history.seen().unreadable, 5);
}
