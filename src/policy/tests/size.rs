//! A decision looks at a handful of rules however many there are: counted, not timed.

use super::kit::{archive, deny, hours, peer, principal, request, rule, subject, title, to, uid, verdict};
use crate::policy::model::{Effect, Rule};
use crate::policy::{Known, Policy, PolicyModel, Request};

/// Peers P0.., in ten groups; rules of every shape, for groups and for single peers.
fn hospital(peers: usize, rules: usize) -> Policy {
    let made = (0..rules).map(|at| {
        let (group, peer) = (format!("group:g{}", at % 10), format!("peer:P{}", at % peers));
        let class = uid(&format!("1.2.{}", at % 200));
        let base = Rule { name: format!("rule {at}").into(), ..rule("", &group, "store find") };
        match at % 8 {
            0 => base,
            1 => Rule { sop_classes: vec![class], ..base },
            2 => Rule {
                who: vec![subject(&peer)],
                destinations: to(&["self"]),
                may: vec![super::kit::ops("move")[0]],
                ..base
            },
            3 => Rule { may: super::kit::ops("move"), destinations: to(&[&format!("P{}", at % peers)]), ..base },
            4 => Rule { effect: Effect::Deny, sop_classes: vec![class], may: super::kit::ops("store"), ..base },
            5 => {
                Rule { hours: hours("07:00", "19:00"), via: vec![subject(&peer)], who: vec![subject("anyone")], ..base }
            }
            6 => Rule { transfer_syntaxes: vec![class], ..base },
            _ => Rule { modalities: vec![format!("M{}", at % 40).into()], may: super::kit::ops("store"), ..base },
        }
    });
    let model = PolicyModel {
        peers: (0..peers).map(|at| peer(&format!("P{at}"), &format!("g{} ward{}", at % 10, at % 50))).collect(),
        archives: vec![archive("PACS", &[])],
        rules: made.collect(),
        ..PolicyModel::default()
    };
    Policy::compile(model).unwrap_or_else(|faults| panic!("{:?}", faults.first()))
}

/// The most rules that any of some requests made the policy look at.
fn most_examined(policy: &Policy) -> usize {
    let peers = policy.model().peers.len();
    let (class, syntax, destination) = (uid("1.2.9"), uid("1.2.14"), title("P3"));
    let mut most = 0;
    for name in (0..peers).step_by((peers / 50).max(1)).map(|at| format!("P{at}")) {
        let principal = principal(policy, &name);
        for wants in ["store", "find", "move", "echo"] {
            for modality in [Known::Unread, Known::Absent, Known::Is("M7")] {
                let request = Request {
                    sop_class: Some(&class),
                    transfer_syntax: Some(&syntax),
                    destination: Some(&destination),
                    modality,
                    ..request(&principal, wants)
                };
                let facts = policy.facts(&request, false).unwrap();
                let examined = [Effect::Permit, Effect::Deny]
                    .map(|effect| policy.search(&facts, request.operation.unwrap(), effect).examined);
                most = most.max(examined.iter().sum());
            }
        }
    }
    most
}

#[test]
fn what_a_decision_costs_does_not_follow_the_size_of_the_policy() {
    let (small, large) = (most_examined(&hospital(100, 1_000)), most_examined(&hospital(1_000, 10_000)));
    assert!(large <= 16, "{large} rules looked at");
    assert!(large <= small + 4, "{small} rules at 1,000, {large} at 10,000");
}

#[test]
fn a_thousand_rules_for_one_group_stay_a_handful() {
    let one_each = |at: usize| Rule {
        sop_classes: vec![uid(&format!("1.2.{at}"))],
        ..rule(&format!("rule {at}"), "group:modality", "store")
    };
    let moves = |at: usize| Rule {
        destinations: to(&[&format!("P{at}")]),
        ..rule(&format!("move {at}"), "group:modality", "move")
    };
    let mut model = PolicyModel {
        peers: (0..1_000).map(|at| peer(&format!("P{at}"), "modality")).collect(),
        archives: vec![archive("PACS", &[])],
        rules: (0..1_000).map(one_each).chain((0..1_000).map(moves)).collect(),
        ..PolicyModel::default()
    };
    model.rules.push(deny("never", "peer:P1", "get"));
    let policy = Policy::compile(model).unwrap();
    let principal = principal(&policy, "P7");
    let (class, destination) = (uid("1.2.999"), title("P999"));
    for (wants, expected) in [("store", "permit rule 999"), ("move", "permit move 999")] {
        let destination = Some(&destination);
        let request = Request { sop_class: Some(&class), destination, ..request(&principal, wants) };
        assert_eq!(verdict(&policy.decide(&request)), expected);
        let facts = policy.facts(&request, false).unwrap();
        assert_eq!(policy.search(&facts, request.operation.unwrap(), Effect::Permit).examined, 1);
    }
}

#[test]
fn a_rule_of_very_many_words_is_filed_once_per_subject_and_still_found() {
    let classes = (0..5_000).map(|at| uid(&format!("1.2.{at}"))).collect();
    let wide = Rule { sop_classes: classes, ..rule("wide", "group:modality", "store find get") };
    let model = PolicyModel {
        peers: vec![peer("CT1", "modality")],
        archives: vec![archive("PACS", &[])],
        rules: vec![wide],
        ..PolicyModel::default()
    };
    let policy = Policy::compile(model).unwrap();
    let principal = principal(&policy, "CT1");
    let (listed, other) = (uid("1.2.4999"), uid("1.2.5000"));
    let ask = |class| verdict(&policy.decide(&Request { sop_class: Some(class), ..request(&principal, "get") }));
    assert_eq!((ask(&listed), ask(&other)), ("permit wide".to_owned(), "deny".to_owned()));
}
