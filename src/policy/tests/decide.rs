//! How rules combine, and every condition.

use super::kit::{
    CT_STORAGE, EXPLICIT, IMPLICIT, MR_STORAGE, NOON, deny, hours, model, ops, policy, principal, request, rule,
    subject, title, to, uid, user, verdict,
};
use crate::policy::model::{Effect, Rule};
use crate::policy::{Decision, DenialReason, Known, Moment, Policy, Principal, Transport, User};
use std::sync::Arc;

#[test]
fn nothing_is_permitted_that_no_rule_permits() {
    let policy = policy(vec![rule("modalities store", "group:modality", "echo store")]);
    for (who, wants, expected) in [
        ("CT1", "store", "permit modalities store"),
        ("CT2", "echo", "permit modalities store"),
        ("CT1", "find", "deny"),
        ("WS1", "store", "deny"),
    ] {
        let principal = principal(&policy, who);
        assert_eq!(verdict(&policy.decide(&request(&principal, wants))), expected, "{who} {wants}");
    }
    let principal = principal(&policy, "CT1");
    let elsewhere = crate::policy::Request { to: "RIS", ..request(&principal, "store") };
    assert_eq!(verdict(&policy.decide(&elsewhere)), "deny");
    let nowhere = crate::policy::Request { to: "VNA", ..request(&principal, "store") };
    assert_eq!(verdict(&policy.decide(&nowhere)), "deny: fault");
}

#[test]
fn a_deny_beats_every_permit_wherever_it_stands() {
    for rules in [
        vec![rule("all store", "anyone", "store"), deny("not ct2", "peer:CT2", "store")],
        vec![deny("not ct2", "peer:CT2", "store"), rule("all store", "anyone", "store")],
    ] {
        let policy = policy(rules);
        assert_eq!(verdict(&policy.decide(&request(&principal(&policy, "CT1"), "store"))), "permit all store");
        assert_eq!(verdict(&policy.decide(&request(&principal(&policy, "CT2"), "store"))), "deny not ct2");
    }
}

#[test]
fn who_and_via_must_both_fit() {
    let via = Rule { via: vec![subject("group:ward")], ..rule("ward modalities", "group:modality", "store") };
    let policy = policy(vec![via]);
    assert_eq!(verdict(&policy.decide(&request(&principal(&policy, "CT1"), "store"))), "deny");
    assert_eq!(verdict(&policy.decide(&request(&principal(&policy, "CT2"), "store"))), "permit ward modalities");
}

#[test]
fn a_permit_for_people_permits_no_device_and_a_deny_loses_nothing_by_naming_them() {
    let referrers = Rule { via: vec![subject("group:workstation")], ..rule("referrers", "role:referrer", "find") };
    let mixed = rule("mixed", "group:workstation user:mueller", "find");
    let denied = deny("no one", "group:modality role:student", "store");
    let echo = rule("echo", "group:workstation", "echo");
    let policy = policy(vec![referrers, mixed, denied, rule("modalities", "group:modality", "store"), echo]);
    let decided = |asker: &str, user: Option<User>, wants| {
        let principal = Principal { user: user.map(Arc::new), ..principal(&policy, asker) };
        verdict(&policy.decide(&request(&principal, wants)))
    };
    let referrer = user("meier", "referrer");
    assert_eq!(decided("WS1", None, "find"), "permit mixed", "the device of a mixed rule");
    assert_eq!(decided("WS1", None, "echo"), "permit echo");
    assert_eq!(decided("WS1", Some(referrer.clone()), "find"), "permit referrers");
    assert_eq!(decided("WS1", Some(referrer.clone()), "echo"), "deny", "rules for devices are not for persons");
    assert_eq!(decided("CT1", Some(referrer), "find"), "deny", "not from another device");
    assert_eq!(decided("CT1", Some(user("mueller", "")), "find"), "permit mixed");
    assert_eq!(decided("WS1", Some(user("student", "student")), "store"), "deny no one", "by role");
    assert_eq!(decided("CT1", Some(user("mueller", "")), "store"), "deny no one", "by device");
    assert_eq!(verdict(&policy.decide(&request(&principal(&policy, "CT1"), "store"))), "deny no one");
}

/// One rule with one condition, against requests: for a permit and for a deny beside an unconditional permit.
fn both_ways<'a>(condition: Rule, alter: impl Fn(&mut crate::policy::Request<'a>)) -> (String, String) {
    let permit = Rule { name: "it".into(), effect: Effect::Permit, ..condition.clone() };
    let deny = Rule { name: "it".into(), effect: Effect::Deny, ..condition.clone() };
    let mut free = Rule { name: "free".into(), who: condition.who, may: condition.may, ..rule("free", "", "") };
    free.destinations = to(&["self", "WS1", "CT2"]);
    let decide = |rules: Vec<Rule>| {
        let policy = policy(rules);
        // Leaked, so that the request may borrow what the test itself owns.
        let principal: &'static _ = Box::leak(Box::new(principal(&policy, "CT1")));
        let wants = policy.model().rules[0].may[0].as_str();
        let mut request = request(principal, wants);
        alter(&mut request);
        verdict(&policy.decide(&request))
    };
    (decide(vec![permit]), decide(vec![deny, free]))
}

fn applies() -> (String, String) {
    ("permit it".to_owned(), "deny it".to_owned())
}

fn lacks() -> (String, String) {
    ("deny".to_owned(), "permit free".to_owned())
}

/// What nobody can tell: no permit, but a deny all the same.
fn doubt() -> (String, String) {
    ("deny".to_owned(), "deny it".to_owned())
}

#[test]
fn sop_classes_and_transfer_syntaxes() {
    let classes = Rule { sop_classes: vec![uid(MR_STORAGE), uid(CT_STORAGE)], ..rule("", "peer:CT1", "store") };
    let (ct, other) = (uid(CT_STORAGE), uid("1.2.3"));
    assert_eq!(both_ways(classes.clone(), |request| request.sop_class = Some(&ct)), applies());
    assert_eq!(both_ways(classes.clone(), |request| request.sop_class = Some(&other)), lacks());
    assert_eq!(both_ways(classes, |_| {}), doubt());

    let syntaxes = Rule { transfer_syntaxes: vec![uid(EXPLICIT)], ..rule("", "peer:CT1", "store") };
    let (explicit, implicit) = (uid(EXPLICIT), uid(IMPLICIT));
    assert_eq!(both_ways(syntaxes.clone(), |request| request.transfer_syntax = Some(&explicit)), applies());
    assert_eq!(both_ways(syntaxes.clone(), |request| request.transfer_syntax = Some(&implicit)), lacks());
    assert_eq!(both_ways(syntaxes, |_| {}), doubt());
}

#[test]
fn modalities_are_needed_before_they_are_known_and_doubt_denies() {
    let modalities = || Rule { modalities: vec!["CT".into(), "PT".into()], ..rule("", "peer:CT1", "store") };
    for (modality, expected) in [
        (Known::Is("CT"), applies()),
        (Known::Is("PT "), applies()),
        // A lower-case value breaks PS3.5, and must not slip under a deny.
        (Known::Is("ct"), applies()),
        (Known::Is("MR"), lacks()),
        (Known::Is("MR\\CT"), doubt()),
        (Known::Is(""), doubt()),
        (Known::Is("AN OVERLONG MODALITY"), doubt()),
        (Known::Absent, doubt()),
        (Known::Unread, ("need".to_owned(), "need".to_owned())),
    ] {
        assert_eq!(both_ways(modalities(), |request| request.modality = modality), expected, "{modality:?}");
    }
}

#[test]
fn a_fact_is_needed_only_if_it_could_change_the_answer() {
    let only_ct = || Rule { modalities: vec!["CT".into()], ..rule("only ct", "peer:CT1", "store") };
    let no_us = || Rule { modalities: vec!["US".into()], ..deny("no us", "peer:CT1", "store") };
    let all = || rule("all", "peer:CT1", "store");
    let never = || deny("never", "peer:CT1", "store");
    for (rules, expected) in [
        (vec![only_ct(), all()], "permit all"),
        (vec![only_ct(), never()], "deny never"),
        (vec![no_us()], "deny"),
        (vec![no_us(), all()], "need"),
        (vec![no_us(), only_ct()], "need"),
    ] {
        let names: Vec<_> = rules.iter().map(|rule| rule.name.to_string()).collect();
        let policy = policy(rules);
        let principal = principal(&policy, "CT1");
        let request = crate::policy::Request { modality: Known::Unread, ..request(&principal, "store") };
        assert_eq!(verdict(&policy.decide(&request)), expected, "{names:?}");
    }
}

#[test]
fn hours_may_span_midnight_and_days_are_local() {
    let at = |hour: u16, minute: u16, weekday: u8| Moment { minute: hour * 60 + minute, weekday, ..NOON };
    let shift = |from, until| Rule { hours: hours(from, until), ..rule("", "peer:CT1", "store") };
    for (from, until, moment, holds) in [
        ("07:00", "19:00", at(7, 0, 2), true),
        ("07:00", "19:00", at(18, 59, 2), true),
        ("07:00", "19:00", at(19, 0, 2), false),
        ("07:00", "19:00", at(6, 59, 2), false),
        ("22:00", "06:00", at(23, 30, 2), true),
        ("22:00", "06:00", at(0, 0, 2), true),
        ("22:00", "06:00", at(6, 0, 2), false),
        ("22:00", "24:00", at(23, 59, 2), true),
        ("22:00", "00:00", at(23, 59, 2), true),
        ("22:00", "00:00", at(0, 0, 2), false),
        ("00:00", "24:00", at(12, 0, 2), true),
    ] {
        let expected = if holds { applies() } else { lacks() };
        assert_eq!(both_ways(shift(from, until), |request| request.at = moment), expected, "{from} {until} {moment:?}");
    }
    let weekend = || Rule { days: vec![5, 6], ..rule("", "peer:CT1", "store") };
    assert_eq!(both_ways(weekend(), |request| request.at = at(12, 0, 6)), applies());
    assert_eq!(both_ways(weekend(), |request| request.at = at(12, 0, 0)), lacks());
}

#[test]
fn a_move_goes_only_where_the_rule_says() {
    let moves = |names: &[&str]| Rule { destinations: to(names), ..rule("", "peer:CT1", "move") };
    let (own, named, other) = (title("CT1"), title("WS1"), title("CT2"));
    let (archive, stranger) = (title("PACS_QR"), title("EVIL"));
    assert_eq!(both_ways(moves(&["self"]), |request| request.destination = Some(&own)), applies());
    assert_eq!(both_ways(moves(&["self"]), |request| request.destination = Some(&named)), lacks());
    assert_eq!(both_ways(moves(&["WS1"]), |request| request.destination = Some(&named)), applies());
    assert_eq!(both_ways(moves(&["WS1"]), |request| request.destination = Some(&other)), lacks());
    assert_eq!(both_ways(moves(&["self", "WS1"]), |request| request.destination = Some(&named)), applies());
    assert_eq!(both_ways(moves(&["PACS"]), |request| request.destination = Some(&archive)).0, "permit it");
    assert_eq!(both_ways(moves(&["self"]), |_| {}), doubt());
    let nowhere = ("deny: destination".to_owned(), "deny: destination".to_owned());
    assert_eq!(both_ways(moves(&["self", "WS1"]), |request| request.destination = Some(&stranger)), nowhere);
}

#[test]
fn a_deny_without_destinations_forbids_them_all() {
    let permit = Rule { destinations: to(&["self"]), ..rule("moves", "anyone", "move") };
    let policy = policy(vec![permit, deny("no moves", "peer:CT1", "move")]);
    let own = title("CT1");
    let principal = principal(&policy, "CT1");
    let request = crate::policy::Request { destination: Some(&own), ..request(&principal, "move") };
    assert_eq!(verdict(&policy.decide(&request)), "deny no moves");
}

#[test]
fn the_first_rule_of_the_file_that_permits_is_named() {
    let narrow = Rule { sop_classes: vec![uid(CT_STORAGE)], ..rule("narrow", "group:modality", "store") };
    let ct = uid(CT_STORAGE);
    for (rules, expected) in [
        (vec![narrow.clone(), rule("wide", "anyone", "store")], "permit narrow"),
        (vec![rule("wide", "anyone", "store"), narrow], "permit wide"),
    ] {
        let policy = policy(rules);
        let principal = principal(&policy, "CT1");
        let request = crate::policy::Request { sop_class: Some(&ct), ..request(&principal, "store") };
        assert_eq!(verdict(&policy.decide(&request)), expected);
    }
}

fn observing(rules: Vec<Rule>) -> Policy {
    let mut model = model(rules);
    model.observe_until = Some(jiff::Timestamp::from_second(NOON.unix + 60).unwrap());
    Policy::compile(model).unwrap()
}

#[test]
fn observing_relaxes_that_no_rule_permits_and_nothing_else() {
    let policy = observing(vec![deny("never", "peer:CT1", "find"), rule("store", "peer:CT1", "store")]);
    let ct1 = principal(&policy, "CT1");
    assert_eq!(verdict(&policy.decide(&request(&ct1, "get"))), "observed");
    assert_eq!(verdict(&policy.decide(&request(&ct1, "store"))), "permit store");
    assert_eq!(verdict(&policy.decide(&request(&ct1, "find"))), "deny never");
    let stranger = title("EVIL");
    let astray = crate::policy::Request { destination: Some(&stranger), ..request(&ct1, "move") };
    assert_eq!(verdict(&policy.decide(&astray)), "deny: destination");
    let nowhere = crate::policy::Request { to: "VNA", ..request(&ct1, "get") };
    assert_eq!(verdict(&policy.decide(&nowhere)), "deny: fault");
    let over = crate::policy::Request { at: Moment { unix: NOON.unix + 60, ..NOON }, ..request(&ct1, "get") };
    assert_eq!(verdict(&policy.decide(&over)), "deny");
    let archive = policy.archive_principal("PACS", ct1.from, Transport::Plain).unwrap();
    assert_eq!(verdict(&policy.decide(&crate::policy::Request { to: "WS1", ..request(&archive, "store") })), "deny");
}

#[test]
fn admission_asks_whether_anything_could_be_permitted() {
    let narrow = Rule {
        sop_classes: vec![uid(CT_STORAGE)],
        modalities: vec!["CT".into()],
        hours: hours("07:00", "19:00"),
        ..rule("narrow", "peer:CT1", "store")
    };
    let moves = Rule { destinations: to(&["self"]), ..rule("moves", "peer:CT2", "move") };
    let policy = policy(vec![narrow, moves, deny("never", "peer:CT2", "move find")]);
    let ask = |who, at| {
        let principal = principal(&policy, who);
        verdict(&policy.decide(&crate::policy::Request { at, ..request(&principal, "") }))
    };
    assert_eq!(ask("CT1", NOON), "permit narrow");
    assert_eq!(ask("CT1", Moment { minute: 0, ..NOON }), "deny");
    assert_eq!(ask("CT2", NOON), "deny never");
    assert_eq!(ask("WS1", NOON), "deny");
}

#[test]
fn a_context_stays_if_some_message_on_it_could_be_permitted() {
    let store = Rule {
        sop_classes: vec![uid(CT_STORAGE)],
        transfer_syntaxes: vec![uid(EXPLICIT)],
        modalities: vec!["CT".into()],
        ..rule("store", "peer:CT1", "store")
    };
    let moves = Rule { destinations: to(&["WS1"]), ..rule("moves", "peer:CT1", "move") };
    let no_us = Rule { modalities: vec!["US".into()], ..deny("no us", "peer:CT1", "store") };
    let policy = policy(vec![store, moves, no_us]);
    let ct1 = principal(&policy, "CT1");
    let ask = |wants: &str, class: &str, syntaxes: &[&str]| {
        let syntaxes: Vec<_> = syntaxes.iter().map(|text| uid(text)).collect();
        policy.possible(&ct1, "PACS", ops(wants), &uid(class), &syntaxes, NOON)
    };
    assert!(ask("store reject", CT_STORAGE, &[IMPLICIT, EXPLICIT]));
    assert!(!ask("store reject", CT_STORAGE, &[IMPLICIT]));
    assert!(!ask("store", MR_STORAGE, &[EXPLICIT]));
    assert!(!ask("get", CT_STORAGE, &[EXPLICIT]));
    assert!(!ask("store", CT_STORAGE, &[]));
    assert!(ask("move", "1.2.840.10008.5.1.4.1.2.2.2", &[IMPLICIT]));
}

#[test]
fn an_archive_sends_unasked_only_by_a_rule_of_its_own() {
    let mut routing = rule("routing", "archive:PACS", "store");
    routing.to = vec!["WS1".into()];
    let policy = policy(vec![routing, rule("all", "anyone", "store")]);
    let from = "127.0.0.1".parse().unwrap();
    let pacs = policy.archive_principal("PACS", from, Transport::Plain).unwrap();
    let ris = policy.archive_principal("RIS", from, Transport::Plain).unwrap();
    assert!(policy.archive_principal("CT1", from, Transport::Plain).is_none());
    let to_ws1 = |principal| crate::policy::Request { to: "WS1", ..request(principal, "store") };
    assert_eq!(verdict(&policy.decide(&to_ws1(&pacs))), "permit routing");
    assert_eq!(verdict(&policy.decide(&to_ws1(&ris))), "deny");
    assert_eq!(verdict(&policy.decide(&request(&ris, "store"))), "deny", "`anyone` is any identified peer");
}

#[test]
fn a_principal_of_an_older_policy_is_found_by_its_name_or_not_at_all() {
    let old = policy(vec![rule("all", "peer:WS1", "find")]);
    let ws1 = principal(&old, "WS1");
    let mut newer = model(vec![rule("all", "peer:WS1", "find")]);
    newer.peers.remove(0);
    let newer = Policy::compile(newer).unwrap();
    assert_eq!(verdict(&newer.decide(&request(&ws1, "find"))), "permit all");
    assert_eq!(verdict(&newer.decide(&request(&principal(&old, "CT1"), "find"))), "deny: fault");
}

#[test]
fn a_denial_names_the_nearest_rule_and_what_it_lacked() {
    let modalities = rule("modalities store", "group:modality", "echo store");
    let office = Rule { hours: hours("07:00", "19:00"), ..rule("office", "group:workstation", "find") };
    let classes = Rule { sop_classes: vec![uid(CT_STORAGE)], ..rule("ct get", "group:workstation", "get") };
    let policy = policy(vec![modalities, office, classes]);
    let lacked = |who: &str, wants: &str, to: &'static str| {
        let principal = principal(&policy, who);
        let at = Moment { minute: 22 * 60 + 14, ..NOON };
        match policy.decide(&crate::policy::Request { to, at, ..request(&principal, wants) }) {
            Decision::Deny(denial) => match denial.reason {
                DenialReason::NoRule { nearest, lacked } => nearest.map(|rule| format!("{rule}: {}", lacked.unwrap())),
                _ => None,
            },
            _ => None,
        }
        .unwrap_or_default()
    };
    assert_eq!(lacked("CT1", "find", "PACS"), "modalities store: may lacks `find` (it has echo, store)");
    assert_eq!(lacked("WS1", "find", "PACS"), "office: hours are 07:00-19:00, it was 22:14");
    assert_eq!(lacked("CT1", "store", "RIS"), "modalities store: to lacks `RIS` (it has PACS)");
    let neither = "modalities store: who names neither `WS1` nor a group of it";
    assert_eq!(lacked("WS1", "store", "PACS"), neither);
    let states = format!("ct get: sop_classes is {CT_STORAGE}, and the request states none");
    assert_eq!(lacked("WS1", "get", "PACS"), states);
}

#[test]
fn policies_with_the_same_words_have_the_same_identity() {
    let one = policy(vec![rule("all", "peer:WS1", "find")]);
    assert_eq!(one.identity(), policy(vec![rule("all", "peer:WS1", "find")]).identity());
    assert_ne!(one.identity(), policy(vec![rule("all", "peer:WS1", "find get")]).identity());
}
