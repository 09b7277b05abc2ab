//! Operations of the past, decided again by two policies.

use super::{Change, Judge, Mark, Person, Recorded, Replay, Stand, Then, number};
use crate::dicom::dataset::Level;
use crate::dicom::dimse::Operation;
use crate::dicom::{AeTitle, Tag, Uid};
use crate::policy::model::{ArchiveName, Effect, Hours, Peer, Rule, Subject};
use crate::policy::{Moment, Open, Policy, PolicyModel};

const NIGHT: Moment = Moment { unix: 1_000, minute: 120, weekday: 2 };
const DAY: Moment = Moment { unix: 2_000, minute: 720, weekday: 2 };
const CT: &str = "1.2.840.10008.5.1.4.1.1.2";

fn title(text: &str) -> AeTitle {
    AeTitle::new(text).unwrap()
}

fn rule(name: &str, who: Subject, may: Operation) -> Rule {
    Rule { name: name.into(), who: vec![who], to: vec!["PACS".into()], may: vec![may], ..Rule::default() }
}

fn peer(name: &str) -> Subject {
    Subject::Peer(name.into())
}

fn policy(rules: Vec<Rule>) -> Policy {
    let peer = |name: &str| Peer {
        name: name.into(),
        ae_titles: vec![title(name)],
        networks: vec!["10.0.0.0/8".parse().unwrap()],
        plain: true,
        ..Peer::default()
    };
    let archives = vec![ArchiveName::of(title("PACS"))];
    let model = PolicyModel { peers: vec![peer("CT1"), peer("WS1")], archives, rules, ..PolicyModel::default() };
    Policy::compile(model).unwrap()
}

fn recorded(who: &'static str, operation: Operation) -> Recorded<'static> {
    Recorded {
        who,
        caller: Some((title(who), "10.0.0.1".parse().unwrap())),
        person: Person::Nobody,
        to: "PACS",
        operation: Some(operation),
        sop_class: Some(Uid::new(CT).unwrap()),
        transfer_syntax: None,
        destination: None,
        modality: Some("CT"),
        level: None,
        keys: None,
        at: DAY,
    }
}

fn replayed(old: &Policy, new: &Policy, all: &[(Recorded<'_>, Then, u64)]) -> Change {
    let mut replay = Replay::new(old, new, (false, false));
    for (sequence, (recorded, then, count)) in (1..).zip(all) {
        replay.take(recorded, *then, *count, Mark { sequence, incident: None, at: "2026-11-21T08:00:00.000000Z" });
    }
    replay.finish()
}

#[test]
fn what_is_lost_and_what_is_won_is_counted_by_peer() {
    let old = policy(vec![rule("a", peer("CT1"), Operation::Store), rule("b", peer("WS1"), Operation::Find)]);
    let new = policy(vec![rule("b", peer("WS1"), Operation::Find), rule("c", peer("WS1"), Operation::Store)]);
    let all = [
        (recorded("CT1", Operation::Store), Then::Permitted, 9),
        (recorded("WS1", Operation::Find), Then::Permitted, 30),
        (recorded("WS1", Operation::Store), Then::Refused, 3),
        (recorded("CT1", Operation::Find), Then::Refused, 2),
    ];
    let change = replayed(&old, &new, &all);
    assert_eq!((change.passed, change.refused), (39, 5));
    assert_eq!(change.headline(), "would refuse 9 of 39 operations that were permitted: 9 from CT1");
    assert_eq!((change.newly_permitted.count, change.refused_then), (3, 3));
    let first = change.newly_refused.first.unwrap();
    assert!(first.asked.contains("store of CT Image Storage, modality CT at PACS"), "{first:?}");
    assert_eq!(replayed(&new, &new, &all).newly_refused.count, 0);
    assert_eq!(replayed(&new, &new, &all).neither.count, 9, "it passed then, and neither permits it");
}

#[test]
fn the_hour_of_the_record_counts() {
    let old = policy(vec![rule("a", peer("CT1"), Operation::Store)]);
    let hours = Some(Hours { from: 420, until: 1140 });
    let new = policy(vec![Rule { hours, ..rule("a", peer("CT1"), Operation::Store) }]);
    let night = Recorded { at: NIGHT, ..recorded("CT1", Operation::Store) };
    let all = [(night, Then::Permitted, 4), (recorded("CT1", Operation::Store), Then::Permitted, 5)];
    assert_eq!(replayed(&old, &new, &all).newly_refused.count, 4);
}

#[test]
fn observed_operations_are_told_apart() {
    let old = policy(vec![]);
    let new = policy(vec![rule("a", peer("CT1"), Operation::Store)]);
    let all =
        [(recorded("CT1", Operation::Store), Then::Observed, 5), (recorded("WS1", Operation::Find), Then::Observed, 2)];
    let mut replay = Replay::new(&old, &new, (false, false));
    let mark = Mark { sequence: 1, incident: None, at: "" };
    for (recorded, then, count) in &all {
        replay.take(recorded, *then, *count, mark);
    }
    let change = replay.finish();
    assert_eq!((change.observed, change.newly_permitted.count, change.neither.count), (7, 5, 2));
    assert_eq!((change.newly_refused.count, change.refused_then), (0, 0));
}

#[test]
fn a_peer_that_is_gone_or_elsewhere_is_refused_and_another_certificate_is_not_told() {
    let old = policy(vec![rule("a", peer("CT1"), Operation::Store)]);
    let far =
        Recorded { caller: Some((title("CT1"), "192.0.2.1".parse().unwrap())), ..recorded("CT1", Operation::Store) };
    assert!(matches!(Judge::new(&old).stand(&far, false, &[]), Stand::Strange(words) if words.contains("192.0.2.1")));
    let gone = recorded("US7", Operation::Store);
    assert!(matches!(Judge::new(&old).stand(&gone, true, &[]), Stand::Strange(_)));
    let mut model = old.model().clone();
    for peer in &mut model.peers {
        peer.plain = false;
        peer.certificate = Some(crate::policy::model::CertificatePattern::Any);
    }
    let new = Policy::compile(model).unwrap();
    let change = replayed(&old, &new, &[(recorded("CT1", Operation::Store), Then::Permitted, 6)]);
    assert_eq!(change.untold.values().map(|group| group.count).sum::<u64>(), 6, "{change:?}");
}

#[test]
fn persons_are_decided_by_the_roles_that_they_had_and_unknown_roles_are_said() {
    let old = policy(vec![rule("a", Subject::Role("reader".into()), Operation::Find)]);
    let new = policy(vec![rule("a", Subject::Role("chief".into()), Operation::Find)]);
    let roles = ["reader".to_owned()];
    let person = |roles| Recorded {
        person: Person::Known { name: "mueller", roles, emergency: false },
        ..recorded("WS1", Operation::Find)
    };
    let change =
        replayed(&old, &new, &[(person(Some(&roles)), Then::Permitted, 3), (person(None), Then::Permitted, 2)]);
    assert_eq!(change.newly_refused.count, 3);
    assert_eq!(change.untold.get("the roles that the person had").map(|group| group.count), Some(2), "{change:?}");
}

#[test]
fn keys_matter_only_where_a_rule_requires_them() {
    let plain = policy(vec![rule("a", peer("WS1"), Operation::Find)]);
    let require_key = vec![Tag(0x0010, 0x0020)];
    let required = policy(vec![Rule { require_key, ..rule("a", peer("WS1"), Operation::Find) }]);
    let level = Some(Level::Study);
    let asked = |keys| Recorded { level, keys, ..recorded("WS1", Operation::Find) };
    let all = [
        (asked(Some(&[Tag(0x0010, 0x0020)][..])), Then::Permitted, 1),
        (asked(Some(&[][..])), Then::Permitted, 2),
        (asked(None), Then::Permitted, 4),
    ];
    let change = replayed(&plain, &required, &all);
    assert_eq!((change.newly_refused.count, change.untold.values().map(|group| group.count).sum::<u64>()), (2, 4));
    assert_eq!(replayed(&plain, &plain, &all).untold.len(), 0);
}

#[test]
fn a_deny_refuses_while_observing_too() {
    let old = policy(vec![]);
    let deny = Rule { effect: Effect::Deny, ..rule("no", peer("CT1"), Operation::Store) };
    let new = policy(vec![deny]);
    let mut replay = Replay::new(&old, &new, (true, true));
    let mark = Mark { sequence: 1, incident: Some("AAAA-BBBB"), at: "" };
    replay.take(&recorded("CT1", Operation::Store), Then::Observed, 1, mark);
    replay.take(&recorded("WS1", Operation::Find), Then::Observed, 1, mark);
    let change = replay.finish();
    assert_eq!(change.newly_refused.count, 1, "what no rule permits goes on passing: {change:?}");
}

#[test]
fn numbers_are_grouped() {
    assert_eq!([0, 999, 1_000, 41_233, 1_000_000].map(number), ["0", "999", "1,000", "41,233", "1,000,000"]);
}

#[test]
fn what_would_be_sealed_or_opened_or_no_longer_is_counted() {
    let store = || rule("store", peer("CT1"), Operation::Store);
    let read = || rule("read", peer("WS1"), Operation::Get);
    let old = policy(vec![store(), Rule { open: Open::Opened, ..read() }]);
    let new = policy(vec![Rule { seal: true, ..store() }, read()]);
    let all = [
        (recorded("CT1", Operation::Store), Then::Permitted, 5),
        (recorded("WS1", Operation::Get), Then::Permitted, 3),
        (recorded("WS1", Operation::Get), Then::Refused, 9),
    ];
    let there = replayed(&old, &new, &all);
    assert_eq!((there.newly_sealed.count, there.no_longer_sealed.count), (5, 0), "{there:?}");
    assert_eq!((there.newly_opened.count, there.no_longer_opened.count), (0, 3), "{there:?}");
    let back = replayed(&new, &old, &all);
    assert_eq!((back.newly_sealed.count, back.no_longer_sealed.count), (0, 5), "{back:?}");
    assert_eq!((back.newly_opened.count, back.no_longer_opened.count), (3, 0), "{back:?}");
    let same = replayed(&old, &old, &all);
    assert_eq!((same.newly_sealed.count, same.newly_opened.count), (0, 0), "{same:?}");
}
