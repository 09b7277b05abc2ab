//! A policy's own tests.

use super::kit::{deny, model, peer, rule, test, title, to};
use crate::policy::Policy;
use crate::policy::model::{Expectation, Peer, PolicyTest, Rule};

fn run(tests: Vec<PolicyTest>, observe: bool) -> Vec<(bool, String)> {
    let moves = Rule { destinations: to(&["self"]), ..rule("moves", "group:workstation", "move") };
    let night = Rule { days: vec![6], ..rule("sundays", "peer:CT2", "find") };
    let ct = Rule { modalities: vec!["CT".into()], ..rule("ct", "peer:WS1", "store") };
    let store = rule("modalities store", "group:modality", "store echo");
    let mut model = model(vec![store, moves, night, ct, deny("never", "peer:CT1", "find")]);
    model.peers.push(Peer { certificate: None, plain: true, ..peer("US1", "modality") });
    model.archives.pop();
    model.observe_until = observe.then_some(jiff::Timestamp::MAX);
    model.tests = tests;
    let policy = Policy::compile(model).unwrap_or_else(|faults| panic!("{faults:?}"));
    policy.run_tests().into_iter().map(|outcome| (outcome.passed, outcome.verdict)).collect()
}

fn passes(test: PolicyTest) -> bool {
    run(vec![test], false)[0].0
}

#[test]
fn a_test_is_identified_and_decided_like_a_caller() {
    use Expectation::{Deny, Permit};
    assert!(passes(test("it", "CT1", "store", Permit)));
    assert!(!passes(test("it", "CT1", "store", Deny)));
    assert!(passes(test("it", "US1", "store", Permit)), "a plain peer comes plain");
    assert!(passes(test("it", "CT1", "find", Deny)));
    assert!(passes(test("it", "EVIL", "store", Deny)));
    let elsewhere = PolicyTest { from: Some("192.0.2.7".parse().unwrap()), ..test("it", "CT1", "store", Deny) };
    let (passed, verdict) = run(vec![elsewhere], false).remove(0);
    assert!(passed);
    assert_eq!(verdict, "deny: `CT1` from 192.0.2.7: peer `CT1` may not call from this address");
    let called = PolicyTest { to: Some("PACS_QR".to_owned()), ..test("it", "CT1", "store", Permit) };
    assert!(passes(called));
}

#[test]
fn a_test_may_say_when_where_to_and_of_what() {
    use Expectation::{Deny, Permit};
    let own = PolicyTest { destination: Some(title("WS1")), ..test("it", "WS1", "move", Permit) };
    assert!(passes(own));
    let other = PolicyTest { destination: Some(title("CT1")), ..test("it", "WS1", "move", Deny) };
    assert!(passes(other));
    assert!(passes(test("it", "CT2", "find", Deny)), "a Wednesday if it does not say");
    let sunday = PolicyTest { at: Some("2026-12-20T12:00:00".parse().unwrap()), ..test("it", "CT2", "find", Permit) };
    assert!(passes(sunday));
    let ct = PolicyTest { modality: Some("CT".to_owned()), ..test("it", "WS1", "store", Permit) };
    assert!(passes(ct));
    assert!(passes(test("it", "WS1", "store", Deny)));
}

#[test]
fn the_rule_that_should_decide_must_be_the_one() {
    let ruled =
        |rule: &str, wants, expect| PolicyTest { rule: Some(rule.to_owned()), ..test("it", "CT1", wants, expect) };
    assert!(passes(ruled("modalities store", "store", Expectation::Permit)));
    assert!(passes(ruled("never", "find", Expectation::Deny)));
    assert!(!passes(ruled("never", "get", Expectation::Deny)), "for want of a rule is not by that rule");
    let (passed, verdict) = run(vec![ruled("moves", "store", Expectation::Permit)], false).remove(0);
    assert!(!passed);
    assert_eq!(verdict, "permit: rule `modalities store`, but rule `moves` should have decided");
}

#[test]
fn observing_does_not_make_tests_pass_or_fail() {
    assert!(run(vec![test("it", "CT1", "get", Expectation::Deny)], true)[0].0);
}
