//! What the commands print, and their exit codes.

use super::{Format, explain, operations, test};
use crate::dicom::AeTitle;
use crate::dicom::dimse::Operation;
use crate::policy::model::{ArchiveName, Asker, Expectation, Peer, PolicyTest, Rule, Subject};
use crate::policy::{Moment, Policy, PolicyModel, Question};
use clap::Parser;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    policy: super::PolicyCommand,
}

fn hospital(expect: Expectation) -> Policy {
    let title = |text| AeTitle::new(text).unwrap();
    let networks = vec!["10.20.0.0/16".parse().unwrap()];
    let ct1 = Peer { name: "CT1".into(), ae_titles: vec![title("CT1")], networks, ..Peer::default() };
    let store = Rule {
        name: "scanners store".into(),
        line: 9,
        who: vec![Subject::Peer("CT1".into())],
        to: vec!["PACS".into()],
        may: vec![Operation::Store],
        ..Rule::default()
    };
    let test = PolicyTest {
        name: "a scanner does not ask".to_owned(),
        line: 20,
        asker: Asker::Peer("CT1".to_owned()),
        from: None,
        wants: Operation::Find,
        to: None,
        sop_class: None,
        modality: None,
        transfer_syntax: None,
        destination: None,
        person: None,
        level: None,
        keys: Vec::new(),
        at: None,
        expect,
        rule: None,
        seal: None,
        open: None,
    };
    let archives = vec![ArchiveName::of(title("PACS"))];
    let model =
        PolicyModel { peers: vec![ct1], archives, rules: vec![store], tests: vec![test], ..PolicyModel::default() };
    Policy::compile(model).unwrap()
}

#[test]
fn tests_that_fail_end_with_1_and_say_what_came_out() {
    let fine = test::outcome(&hospital(Expectation::Deny), Format::Text);
    assert_eq!((fine.code, fine.text.as_str()), (0, "ok      a scanner does not ask\n1 passed, 0 failed\n"));
    let wrong = test::outcome(&hospital(Expectation::Permit), Format::Text);
    let expected = "FAILED  a scanner does not ask\n        line 20, expected permit; deny: no rule permits it; nearest came \
                    `scanners store`: may lacks `find` (it has store)\n0 passed, 1 failed\n";
    assert_eq!((wrong.code, wrong.text.as_str()), (1, expected));
    let json: serde_json::Value =
        serde_json::from_str(&test::outcome(&hospital(Expectation::Permit), Format::Json).text).unwrap();
    assert_eq!(json["passed"], false);
    assert_eq!(json["tests"][0]["line"], 20);
}

#[test]
fn an_explanation_goes_rule_by_rule() {
    let question = |wants, from: Option<&str>| Question {
        asker: Asker::Peer("CT1".to_owned()),
        from: from.map(|from| from.parse().unwrap()),
        wants: Some(wants),
        to: None,
        sop_class: None,
        transfer_syntax: None,
        modality: None,
        destination: None,
        person: None,
        level: None,
        keys: Vec::new(),
        at: Moment { unix: 0, minute: 720, weekday: 2 },
    };
    let policy = hospital(Expectation::Deny);
    let permitted = explain::outcome(&policy, &question(Operation::Store, None), false, Format::Text);
    let expected = "May `CT1` from 10.20.0.1 do `store` at PACS?\nidentity: peer `CT1`, by its address alone\n\nrule \
                    `scanners store` (line 9, permit): applies\n  + who has peer:CT1\n  + to has `PACS`\n  + may has \
                    `store`\n\nPERMIT: rule `scanners store` permits it\n";
    assert_eq!((permitted.code, permitted.text.as_str()), (0, expected));
    let denied = explain::outcome(&policy, &question(Operation::Find, None), false, Format::Json);
    let json: serde_json::Value = serde_json::from_str(&denied.text).unwrap();
    assert_eq!((denied.code, &json["verdict"], &json["wants"]), (1, &"deny".into(), &"find".into()));
    assert_eq!(json["rules"][0]["conditions"][2]["words"], "may lacks `find` (it has store)");
    let stranger = explain::outcome(&policy, &question(Operation::Store, Some("192.0.2.7")), false, Format::Text);
    assert_eq!(stranger.code, 1);
    assert!(stranger.text.contains("may not call from this address"), "{}", stranger.text);
    let nobody =
        Question { asker: Asker::Peer("a name that is far too long".to_owned()), ..question(Operation::Find, None) };
    assert_eq!(explain::outcome(&policy, &nobody, false, Format::Text).code, 2);
}

#[test]
fn every_operation_is_listed_with_its_classes() {
    let line = Line::try_parse_from(["policy", "operations"]).unwrap();
    let super::What::Operations(all) = line.policy.what else { panic!("another command") };
    let text = operations::answer(&all).text;
    for operation in Operation::ALL {
        assert!(text.contains(&format!("{operation}\n  ")), "{operation}");
    }
    assert!(text.contains("1.2.840.10008.5.1.4.1.1.2 "), "CT Image Storage");
    let line = Line::try_parse_from(["policy", "operations", "echo", "--format", "json"]).unwrap();
    let super::What::Operations(one) = line.policy.what else { panic!("another command") };
    let json: serde_json::Value = serde_json::from_str(&operations::answer(&one).text).unwrap();
    assert_eq!(json[0]["sop_classes"][0]["uid"], "1.2.840.10008.1.1");
}

#[test]
fn words_that_are_none_are_usage_faults() {
    let refused = |words: &[&str]| Line::try_parse_from(words).is_err();
    assert!(refused(&["policy", "explain", "--peer", "CT1", "--wants", "delete"]));
    assert!(refused(&["policy", "explain", "--wants", "find"]));
    assert!(refused(&["policy", "explain", "--peer", "CT1", "--archive", "PACS", "--to", "WS1"]));
    assert!(refused(&["policy", "explain", "--archive", "PACS"]));
    assert!(!refused(&["policy", "explain", "--archive", "PACS", "--to", "WS1", "--wants", "store"]));
    assert!(refused(&["policy", "explain", "--peer", "CT1", "--sop-class", "CT"]));
    assert!(!refused(&["policy", "explain", "--peer", "CT1", "--wants", "find", "--at", "2026-12-24T22:00"]));
    assert!(!refused(&["policy", "test", "--config", "gateway.toml"]));
}

#[test]
fn a_configuration_that_is_not_there_ends_with_64() {
    let line = Line::try_parse_from(["policy", "test", "--config", "/nonexistent/gateway.toml"]).unwrap();
    let super::What::Test(test) = line.policy.what else { panic!("another command") };
    let answer = test::answer(&test);
    assert_eq!(answer.code, 64);
    assert!(!answer.complaint.is_empty());
}
