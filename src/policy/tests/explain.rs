//! Explanations: every rule that concerns the peer, and the verdict of `decide`.

use super::kit::{NOON, deny, hours, model, ops, policy, rule, title};
use crate::policy::explain::{Outcome, Verdict};
use crate::policy::model::{Asker, Rule};
use crate::policy::{Policy, Question, QuestionFault};

fn question(peer: &str, wants: &str) -> Question {
    Question {
        asker: Asker::Peer(peer.to_owned()),
        from: None,
        wants: ops(wants).first().copied(),
        to: Some("PACS".to_owned()),
        sop_class: None,
        transfer_syntax: None,
        modality: None,
        destination: None,
        person: None,
        level: None,
        keys: Vec::new(),
        at: NOON,
    }
}

fn hospital() -> Policy {
    let office = Rule { hours: hours("07:00", "11:30"), line: 12, ..rule("office", "group:workstation", "find") };
    policy(vec![
        rule("modalities store", "group:modality", "store"),
        office,
        rule("all read", "anyone", "find get"),
        deny("never get", "peer:WS1", "get"),
    ])
}

#[test]
fn every_rule_that_concerns_the_peer_says_what_it_matched_or_lacked() {
    let explanation = hospital().explain(&question("WS1", "find"), false).unwrap();
    assert_eq!(explanation.verdict, Verdict::Permit);
    assert_eq!(explanation.rule.as_deref(), Some("all read"));
    assert_eq!(explanation.because, "rule `all read` permits it");
    assert_eq!(explanation.for_others, 1);
    let rules: Vec<_> = explanation.rules.iter().map(|rule| (rule.name.as_str(), rule.outcome)).collect();
    assert_eq!(rules, [("office", Outcome::Lacks), ("all read", Outcome::Applies), ("never get", Outcome::Lacks)]);
    let office: Vec<_> =
        explanation.rules[0].conditions.iter().map(|report| (report.stops, report.words.as_str())).collect();
    let expected = [
        (false, "who has group:workstation"),
        (false, "to has `PACS`"),
        (false, "may has `find`"),
        (true, "hours are 07:00-11:30, it was 12:00"),
    ];
    assert_eq!(office, expected);
    let all = hospital().explain(&question("WS1", "find"), true).unwrap();
    assert_eq!((all.rules.len(), all.for_others), (4, 0));
}

#[test]
fn the_verdict_is_that_of_the_decision() {
    let denied = hospital().explain(&question("WS1", "get"), false).unwrap();
    assert_eq!((denied.verdict, denied.rule.as_deref()), (Verdict::Deny, Some("never get")));
    let lacking = hospital().explain(&question("WS1", "store"), false).unwrap();
    assert_eq!(lacking.verdict, Verdict::Deny);
    assert!(lacking.because.starts_with("no rule permits it; nearest came `"), "{}", lacking.because);
    let anything = hospital().explain(&question("CT1", ""), false).unwrap();
    assert_eq!((anything.verdict, anything.rule.as_deref()), (Verdict::Permit, Some("modalities store")));
}

#[test]
fn who_is_not_identified_is_told_why_and_no_rule_counts() {
    let elsewhere = Question { from: Some("192.0.2.7".parse().unwrap()), ..question("WS1", "find") };
    let explanation = hospital().explain(&elsewhere, true).unwrap();
    assert_eq!((explanation.verdict, explanation.rules.len()), (Verdict::Deny, 0));
    assert_eq!(explanation.identity, "`WS1` from 192.0.2.7: peer `WS1` may not call from this address");
}

#[test]
fn a_question_about_nobody_is_a_fault() {
    let which = Question { to: None, ..question("WS1", "find") };
    assert_eq!(hospital().explain(&which, false), Err(QuestionFault::WhichArchive));
    let nowhere = Question { to: Some("VNA".to_owned()), ..question("WS1", "find") };
    assert_eq!(hospital().explain(&nowhere, false), Err(QuestionFault::NoArchive("VNA".to_owned())));
    let nobody = question("no title at all, this", "find");
    assert!(matches!(hospital().explain(&nobody, false), Err(QuestionFault::NoPeer(_))));
    let mut shared = model(Vec::new());
    shared.peers.iter_mut().for_each(|peer| peer.ae_titles.push(title("SCU")));
    let shared = Policy::compile(shared).unwrap();
    let several = shared.explain(&question("SCU", "find"), false);
    assert_eq!(several, Err(QuestionFault::SeveralPeers("SCU".to_owned())));
}

#[test]
fn observing_is_said() {
    let mut model = model(Vec::new());
    model.observe_until = Some(jiff::Timestamp::from_second(NOON.unix + 1).unwrap());
    let explanation = Policy::compile(model).unwrap().explain(&question("WS1", "find"), false).unwrap();
    assert_eq!((explanation.verdict, explanation.rule), (Verdict::Permit, None));
    assert!(explanation.because.contains("observe_until"), "{}", explanation.because);
}
