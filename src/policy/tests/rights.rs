//! What is sealed, and what becomes of sealed objects.

use super::kit::{
    CT_STORAGE, MR_STORAGE, NOON, deny, faults, hours, model, ops, peer, policy, principal, request, rule, test, to,
    uid, user,
};
use crate::policy::model::{Asker, Expectation, Person, Rule};
use crate::policy::{
    Decision, Fact, Known, Moment, Open, Permission, Policy, PolicyModel, Principal, Request, Transport,
};
use std::sync::Arc;

fn seals(name: &str, who: &str) -> Rule {
    Rule { seal: true, ..rule(name, who, "store") }
}

fn opens(name: &str, who: &str, may: &str) -> Rule {
    Rule { open: Open::Opened, destinations: to(&["self"]), ..rule(name, who, may) }
}

fn permission(decision: Decision) -> Permission {
    match decision {
        Decision::Permit(permission) => permission,
        other => panic!("{other:?}"),
    }
}

fn says(policy: &Policy, request: &Request<'_>) -> (bool, Open) {
    let permission = permission(policy.decide(request));
    (permission.seal, permission.open)
}

fn with(principal: Principal, roles: &str) -> Principal {
    Principal { user: Some(Arc::new(user("mueller", roles))), ..principal }
}

#[test]
fn any_permit_that_holds_seals_wherever_it_stands() {
    let plain = rule("plain", "group:modality", "store");
    for rules in [vec![plain.clone(), seals("s", "peer:CT1")], vec![seals("s", "peer:CT1"), plain.clone()]] {
        let policy = policy(rules);
        let (ct1, ct2) = (principal(&policy, "CT1"), principal(&policy, "CT2"));
        assert_eq!(says(&policy, &request(&ct1, "store")), (true, Open::No));
        assert_eq!(says(&policy, &request(&ct2, "store")), (false, Open::No));
        assert!(policy.may_seal(&ct1, "PACS") && !policy.may_seal(&ct2, "PACS") && !policy.may_seal(&ct1, "RIS"));
    }
    let all = Policy::compile(PolicyModel { seal_all: true, ..model(vec![rule("all", "peer:CT1", "store find")]) });
    let all = all.unwrap();
    let ct1 = principal(&all, "CT1");
    assert_eq!(says(&all, &request(&ct1, "store")), (true, Open::No));
    assert_eq!(says(&all, &request(&ct1, "find")), (false, Open::No));
    assert!(all.may_seal(&ct1, "PACS"));
}

#[test]
fn the_permit_that_opens_most_counts_of_those_that_hold() {
    let sealed = Rule { open: Open::Sealed, ..rule("sealed", "group:workstation", "find get") };
    let at_night = Rule { hours: hours("19:00", "07:00"), ..opens("night", "peer:WS1", "get") };
    let mut model = model(vec![rule("plain", "peer:WS1", "find get"), sealed, at_night]);
    model.peers[2].vault_shared = true;
    let policy = Policy::compile(model).unwrap();
    let ws1 = principal(&policy, "WS1");
    assert_eq!(says(&policy, &request(&ws1, "find")).1, Open::Sealed);
    assert_eq!(says(&policy, &request(&ws1, "get")).1, Open::Sealed);
    let night = Moment { minute: 60, ..NOON };
    assert_eq!(says(&policy, &Request { at: night, ..request(&ws1, "get") }).1, Open::Opened);
    assert_eq!(policy.may_open(&ws1, "PACS"), Open::Opened);
    assert_eq!(policy.may_open(&ws1, "RIS"), Open::No);
}

#[test]
fn what_a_seal_hangs_on_is_read_first_and_doubt_seals() {
    let ct = Rule { modalities: vec!["CT".into()], ..seals("ct", "peer:CT1") };
    let policy = policy(vec![rule("plain", "peer:CT1", "store"), ct]);
    let ct1 = principal(&policy, "CT1");
    let ask = |modality| policy.decide(&Request { modality, ..request(&ct1, "store") });
    assert_eq!(ask(Known::Unread), Decision::Need(Fact::Modality));
    assert!(permission(ask(Known::Is("CT"))).seal);
    assert!(!permission(ask(Known::Is("MR"))).seal);
    assert!(permission(ask(Known::Absent)).seal, "an object that does not say what it is could be a CT");
    assert!(permission(ask(Known::Is("CT\\MR"))).seal);
}

#[test]
fn what_is_opened_may_hang_on_what_is_asked() {
    let study = Rule { levels: vec![crate::dicom::dataset::Level::Study], ..opens("study", "peer:WS1", "get") };
    let policy = policy(vec![rule("plain", "peer:WS1", "get"), study]);
    let ws1 = principal(&policy, "WS1");
    assert_eq!(policy.decide(&request(&ws1, "get")), Decision::Need(Fact::Query));
    let level = |level| Known::Is(crate::policy::Query { level: Some(level), keys: &[] });
    let ask = |at| says(&policy, &Request { query: level(at), ..request(&ws1, "get") }).1;
    assert_eq!(ask(crate::dicom::dataset::Level::Study), Open::Opened);
    assert_eq!(ask(crate::dicom::dataset::Level::Image), Open::No);
}

#[test]
fn observing_opens_nothing_and_seals_what_some_rule_seals() {
    let by_day = Rule { hours: hours("07:00", "19:00"), ..seals("by day", "peer:CT1") };
    let observing = PolicyModel {
        observe_until: Some(jiff::Timestamp::MAX),
        ..model(vec![by_day, opens("opens", "peer:CT2", "get")])
    };
    let policy = Policy::compile(observing).unwrap();
    let night = Moment { minute: 60, ..NOON };
    let (ct1, ct2, ws1) = (principal(&policy, "CT1"), principal(&policy, "CT2"), principal(&policy, "WS1"));
    let stored = permission(policy.decide(&Request { at: night, ..request(&ct1, "store") }));
    assert!(stored.observed && stored.seal, "{stored:?}");
    let other = permission(policy.decide(&Request { at: night, ..request(&ct2, "store") }));
    assert!(other.observed && !other.seal, "{other:?}");
    let got = permission(policy.decide(&request(&ws1, "get")));
    assert!(got.observed && got.open == Open::No, "{got:?}");
    assert!(policy.may_seal(&ct1, "PACS") && !policy.may_seal(&ct2, "PACS"));
}

#[test]
fn what_is_sealed_while_observing_is_known_beforehand_whoever_passed_it_on() {
    let passed_on = Rule { via: vec![super::kit::subject("peer:CT1")], ..seals("passed on", "*") };
    let observing = PolicyModel { observe_until: Some(jiff::Timestamp::MAX), ..model(vec![passed_on]) };
    let policy = Policy::compile(observing).unwrap();
    let ct2 = principal(&policy, "CT2");
    let stored = permission(policy.decide(&request(&ct2, "store")));
    assert!(stored.observed && stored.seal, "{stored:?}");
    assert!(policy.may_seal(&ct2, "PACS"), "it would be negotiated as if nothing were sealed");
}

#[test]
fn a_persons_rights_are_those_of_rules_for_persons() {
    let reader = Rule { via: vec![super::kit::subject("peer:WS1")], ..opens("reader", "role:reader", "get") };
    let policy = policy(vec![rule("device", "peer:WS1", "get"), reader, rule("clerk", "role:clerk", "get")]);
    let ws1 = principal(&policy, "WS1");
    assert_eq!(says(&policy, &request(&ws1, "get")).1, Open::No);
    let (reader, clerk) = (with(ws1.clone(), "reader"), with(ws1, "clerk"));
    assert_eq!(says(&policy, &request(&reader, "get")).1, Open::Opened);
    assert_eq!(says(&policy, &request(&clerk, "get")).1, Open::No);
    let both = with(reader, "clerk reader");
    assert_eq!(says(&policy, &request(&both, "get")).1, Open::Opened);
}

#[test]
fn breaking_the_glass_opens_with_an_alert_and_only_where_nothing_else_does() {
    let glass = Rule { break_glass: Some(600), ..opens("glass", "role:referrer", "get") };
    let plain = rule("plain", "role:referrer", "get");
    let policy = policy(vec![plain, glass, opens("reader", "role:reader", "get")]);
    let mut person = user("mueller", "referrer");
    let ws1 = principal(&policy, "WS1");
    let ask = |user: &crate::policy::User| {
        let principal = Principal { user: Some(Arc::new(user.clone())), ..ws1.clone() };
        permission(policy.decide(&request(&principal, "get")))
    };
    let calm = ask(&person);
    assert_eq!((calm.open, calm.emergency, calm.rule.as_deref()), (Open::No, None, Some("plain")));
    person.emergency = true;
    let broken = ask(&person);
    assert_eq!((broken.open, broken.emergency, broken.rule.as_deref()), (Open::Opened, Some(600), Some("glass")));
    person.roles = vec!["reader".to_owned(), "referrer".to_owned()];
    let reader = ask(&person);
    assert_eq!((reader.open, reader.emergency), (Open::Opened, None), "{reader:?}");
}

#[test]
fn a_receiver_has_opened_what_some_rule_opens_for_it() {
    let at_ws =
        Rule { via: vec![super::kit::subject("group:workstation")], ..opens("people", "role:reader", "find get") };
    let ct_only = Rule { sop_classes: vec![uid(CT_STORAGE)], ..opens("ct", "peer:CT1", "get") };
    let night = Rule { hours: hours("19:00", "07:00"), ..opens("night", "peer:CT2", "get") };
    let glass =
        Rule { break_glass: Some(600), via: vec![super::kit::subject("peer:CT2")], ..opens("g", "role:x", "get") };
    let policy = policy(vec![at_ws, ct_only, night, glass, opens("anywhere", "role:chief", "get")]);
    let opened = |name: &str, class: Option<&str>, at| policy.opens_for(name, "PACS", class.map(uid).as_ref(), at);
    assert!(opened("WS1", None, NOON), "people who sit there may open");
    assert!(opened("CT1", None, NOON) && opened("CT1", Some(CT_STORAGE), NOON));
    assert!(!opened("CT1", Some(MR_STORAGE), NOON) && !opened("CT1", Some("1.2.3"), NOON));
    assert!(!opened("CT2", None, NOON) && opened("CT2", None, Moment { minute: 60, ..NOON }));
    assert!(!opened("PACS", None, NOON) && !opened("RIS", None, NOON) && !opened("NOBODY", None, NOON));
    assert!(!policy.opens_for("WS1", "RIS", None, NOON));
}

#[test]
fn a_deny_takes_opening_away_from_a_receiver_if_it_leaves_no_way() {
    let no_get = deny("no get", "peer:WS1", "get");
    let reads = opens("reads", "peer:WS1", "get find");
    let still = policy(vec![reads.clone(), no_get.clone()]);
    assert!(!still.opens_for("WS1", "PACS", None, NOON), "finding hands nothing out");
    let by_move = policy(vec![opens("moves", "peer:WS1", "get move"), no_get]);
    assert!(by_move.opens_for("WS1", "PACS", None, NOON), "it may still move");
    let gets = opens("gets", "peer:WS1", "get");
    let some = Rule { modalities: vec!["US".into()], ..deny("no ultrasound", "peer:WS1", "get") };
    assert!(!policy(vec![gets.clone(), some]).opens_for("WS1", "PACS", None, NOON), "a doubt denies");
    let own = Rule { modalities: vec!["US".into()], ..gets };
    assert!(!policy(vec![own]).opens_for("WS1", "PACS", None, NOON), "it opens ultrasound alone");
    let ct = Rule { sop_classes: vec![uid(CT_STORAGE)], ..deny("no ct", "peer:WS1", "get find") };
    let by_class = policy(vec![reads, ct]);
    assert!(!by_class.opens_for("WS1", "PACS", Some(&uid(CT_STORAGE)), NOON));
    assert!(by_class.opens_for("WS1", "PACS", Some(&uid(MR_STORAGE)), NOON));
}

#[test]
fn what_an_archive_sends_unasked_is_opened_by_its_own_rule() {
    let mut routing = Rule { open: Open::Opened, ..rule("routing", "archive:PACS", "store") };
    routing.to = vec!["WS1".into()];
    let policy = policy(vec![routing]);
    let pacs = policy.archive_principal("PACS", "127.0.0.1".parse().unwrap(), Transport::Plain).unwrap();
    assert_eq!(says(&policy, &Request { to: "WS1", ..request(&pacs, "store") }), (false, Open::Opened));
}

#[test]
fn what_can_do_nothing_or_would_hand_out_what_nobody_can_open_is_a_fault() {
    let shared = |rule: Rule| Rule { open: Open::Sealed, ..rule };
    let mut routing = shared(rule("x", "archive:PACS", "store"));
    routing.to = vec!["WS1".into()];
    let mut to_peer = seals("x", "archive:PACS");
    to_peer.to = vec!["WS1".into()];
    for (rule, key, words) in [
        (Rule { seal: true, ..rule("x", "peer:CT1", "find") }, "seal", "works on store"),
        (Rule { seal: true, ..deny("x", "peer:CT1", "store") }, "seal", "a deny"),
        (Rule { open: Open::Opened, ..deny("x", "peer:CT1", "get") }, "open", "a deny"),
        (Rule { open: Open::Opened, ..rule("x", "peer:CT1", "store") }, "open", "works on find"),
        (Rule { open: Open::Opened, ..rule("x", "peer:CT1", "worklist echo") }, "open", "works on find"),
        (shared(rule("x", "group:modality", "get")), "open", "`CT1`, `CT2` could make nothing"),
        (shared(rule("x", "role:reader", "get")), "open", "at any device"),
        (Rule { via: vec![super::kit::subject("peer:WS1")], ..shared(rule("x", "role:r", "get")) }, "open", "`WS1`"),
        (routing, "open", "`WS1` could make nothing"),
        (to_peer, "seal", "`WS1` is a peer"),
    ] {
        let found = faults(model(vec![rule]));
        assert!(found.iter().any(|fault| fault.key == key && fault.problem.contains(words)), "{words}: {found:?}");
    }
    let mut sound = model(vec![shared(rule("x", "peer:WS1", "get"))]);
    sound.peers = vec![crate::policy::model::Peer { vault_shared: true, ..peer("WS1", "") }];
    assert!(faults(sound).is_empty());
}

#[test]
fn a_test_may_say_what_becomes_of_objects() {
    let rules = || vec![seals("seals", "peer:CT1"), rule("plain", "peer:CT2", "store"), opens("o", "peer:WS1", "get")];
    let mut stored = test("sealed", "CT1", "store", Expectation::Permit);
    stored.to = Some("PACS".to_owned());
    stored.seal = Some(true);
    let clear = crate::policy::model::PolicyTest {
        name: "clear".to_owned(),
        asker: Asker::Peer("CT2".to_owned()),
        ..stored.clone()
    };
    let mut opened = test("opened", "WS1", "get", Expectation::Permit);
    opened.to = Some("PACS".to_owned());
    opened.open = Some(Open::Sealed);
    let policy = Policy::compile(PolicyModel { tests: vec![stored.clone(), clear, opened], ..model(rules()) }).unwrap();
    let outcomes = policy.run_tests();
    let passed: Vec<bool> = outcomes.iter().map(|outcome| outcome.passed).collect();
    assert_eq!(passed, [true, false, false], "{outcomes:?}");
    assert!(outcomes[1].verdict.contains("is not sealed") && outcomes[2].verdict.contains("are opened"));
    stored.expect = Expectation::Deny;
    let found = faults(PolicyModel { tests: vec![stored], ..model(rules()) });
    assert!(found.iter().any(|fault| fault.key == "seal"), "{found:?}");
}

#[test]
fn an_explanation_says_what_becomes_of_objects() {
    let policy = policy(vec![seals("seals", "peer:CT1"), rule("plain", "peer:CT2", "get")]);
    let ask = |name: &str, wants: &str| {
        let question = crate::policy::Question {
            asker: Asker::Peer(name.to_owned()),
            from: None,
            wants: Some(ops(wants)[0]),
            to: Some("PACS".to_owned()),
            sop_class: None,
            transfer_syntax: None,
            modality: None,
            destination: None,
            person: None::<Person>,
            level: None,
            keys: Vec::new(),
            at: NOON,
        };
        let explained = policy.explain(&question, false).unwrap();
        (explained.seal, explained.open)
    };
    assert_eq!(ask("CT1", "store"), (true, None));
    assert_eq!(ask("CT2", "get"), (false, Some(Open::No)));
}
