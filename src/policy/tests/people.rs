//! Persons, what hangs on queries, emergencies, canaries; and what `explain` and tests say of them.

use super::kit::{hours, model, ops, policy, principal, request, rule, test, title, uid, user, verdict};
use crate::dicom::Tag;
use crate::dicom::dataset::Level;
use crate::policy::attribute::{Attribute, tag};
use crate::policy::model::{Asker, Canary, Expectation, Person, PolicyTest, Rule};
use crate::policy::value::{Value, Wanted};
use crate::policy::{
    Decision, Fact, Known, Permission, Policy, PolicyModel, Principal, Query, Question, Request, Transport, User,
};
use std::sync::Arc;

const PATIENT_ID: Tag = Tag(0x0010, 0x0020);

fn wanted(name: &str, value: &str) -> Wanted {
    let attribute = Attribute::parse(name).unwrap();
    let any = vec![Value::parse(attribute.vr, value).unwrap()];
    Wanted { attribute, any }
}

fn own(name: &str) -> Rule {
    Rule { r#where: vec![wanted("PatientID", "{user.id}")], ..rule(name, "role:reader", "find get echo") }
}

fn reader(id: &str) -> User {
    let mut reader = user("anna", "reader");
    reader.attributes.insert("id".to_owned(), vec![id.to_owned()]);
    reader
}

fn asks(policy: &Policy, user: Option<User>, wants: &str, query: Known<Query<'_>>) -> Decision {
    let principal = Principal { user: user.map(Arc::new), ..principal(policy, "WS1") };
    policy.decide(&Request { query, ..request(&principal, wants) })
}

fn permitted(decision: Decision) -> Permission {
    match decision {
        Decision::Permit(permission) => permission,
        other => panic!("{other:?}"),
    }
}

fn study(keys: &[Tag]) -> Known<Query<'_>> {
    Known::Is(Query { level: Some(Level::Study), keys })
}

#[test]
fn levels_and_required_keys_hang_on_the_query() {
    let strict = Rule {
        levels: vec![Level::Study, Level::Series],
        require_key: vec![PATIENT_ID],
        ..rule("strict", "group:workstation", "find get worklist store")
    };
    let policy = policy(vec![strict]);
    let ask = |wants, query| verdict(&asks(&policy, None, wants, query));
    assert!(matches!(asks(&policy, None, "find", Known::Unread), Decision::Need(Fact::Query)));
    assert_eq!(ask("find", study(&[PATIENT_ID])), "permit strict");
    assert_eq!(ask("find", study(&[])), "deny");
    assert_eq!(ask("find", Known::Is(Query { level: Some(Level::Image), keys: &[PATIENT_ID] })), "deny");
    assert_eq!(ask("find", Known::Is(Query { level: None, keys: &[PATIENT_ID] })), "deny", "a query without a level");
    assert_eq!(ask("find", Known::Absent), "deny");
    assert_eq!(ask("get", study(&[])), "permit strict", "retrieves need no key");
    assert_eq!(ask("get", Known::Is(Query { level: Some(Level::Patient), keys: &[] })), "deny");
    assert_eq!(ask("worklist", Known::Is(Query { level: None, keys: &[PATIENT_ID] })), "permit strict");
    assert_eq!(ask("worklist", Known::Is(Query { level: None, keys: &[] })), "deny");
    assert_eq!(ask("store", Known::Unread), "permit strict", "not what a query says");
    let Decision::Deny(denial) = asks(&policy, None, "find", study(&[])) else { panic!() };
    let words = denial.reason.to_string();
    assert!(
        words.ends_with("`strict`: require_key is PatientID, and the query asks a value of none of them"),
        "{words}"
    );
    assert!(policy.narrows() && policy.may_narrow(&principal(&policy, "WS1"), "PACS"));
}

#[test]
fn what_narrows_waits_for_what_may_show_more() {
    let all = Rule { require_key: vec![PATIENT_ID], ..rule("all", "role:reader", "find") };
    let policy = policy(vec![own("own"), all]);
    let ask = |query| asks(&policy, Some(reader("7")), "find", query);
    assert!(matches!(ask(Known::Unread), Decision::Need(Fact::Query)));
    assert_eq!(permitted(ask(study(&[PATIENT_ID]))).narrowing, None);
    assert_eq!(permitted(ask(study(&[]))).narrowing.unwrap().permits().len(), 1);
}

#[test]
fn what_is_not_read_is_not_narrowed() {
    let policy = policy(vec![own("own")]);
    let ask = |user, wants| asks(&policy, Some(user), wants, Known::Unread);
    assert!(permitted(ask(reader("7"), "find")).narrowing.is_some());
    assert_eq!(permitted(ask(reader("7"), "echo")).narrowing, None);
    assert_eq!(permitted(ask(reader("*"), "echo")).narrowing, None, "an echo needs no value");
    assert_eq!(verdict(&ask(reader("*"), "find")), "deny");
}

#[test]
fn glass_is_broken_only_by_who_asks_and_where_nothing_else_shows_everything() {
    let glass = Rule { break_glass: Some(1_800), ..rule("glass", "role:reader", "find get") };
    let short = Rule { name: "short".into(), break_glass: Some(600), ..glass.clone() };
    let urgent = |id| User { emergency: true, ..reader(id) };
    let only = policy(vec![glass.clone()]);
    assert_eq!(verdict(&asks(&only, Some(reader("7")), "find", Known::Unread)), "deny");
    let permission = permitted(asks(&only, Some(urgent("7")), "find", Known::Unread));
    assert_eq!((permission.rule.as_deref(), permission.emergency), (Some("glass"), Some(1_800)));

    let beside = policy(vec![own("own"), glass.clone(), short]);
    let permission = permitted(asks(&beside, Some(reader("7")), "find", Known::Unread));
    assert_eq!((permission.emergency, permission.narrowing.is_some()), (None, true));
    let permission = permitted(asks(&beside, Some(urgent("7")), "find", Known::Unread));
    assert_eq!((permission.rule.as_deref(), permission.emergency), (Some("glass"), Some(600)));
    assert_eq!(permission.narrowing, None, "beside one's own patients all others");

    let all = policy(vec![glass.clone(), rule("all", "role:reader", "find")]);
    let permission = permitted(asks(&all, Some(urgent("7")), "find", Known::Unread));
    assert_eq!((permission.rule.as_deref(), permission.emergency), (Some("all"), None));

    let narrow = Rule { r#where: vec![wanted("PatientID", "9*")], ..glass };
    let united = policy(vec![own("own"), narrow]);
    let permission = permitted(asks(&united, Some(urgent("7")), "find", Known::Unread));
    let told: Vec<(&str, Option<u32>)> =
        permission.narrowing.as_ref().unwrap().permits().iter().map(|one| (&*one.rule, one.emergency)).collect();
    assert_eq!(told, [("own", None), ("glass", Some(1_800))]);
    assert_eq!((permission.rule.as_deref(), permission.emergency), (Some("glass"), Some(1_800)));
}

#[test]
fn an_emergency_title_asks_for_it_with_certificate_and_person() {
    let mut model = model(vec![
        Rule { break_glass: Some(3_600), ..rule("glass", "role:reader", "find") },
        rule("all", "peer:WS1", "move"),
    ]);
    model.rules[1].destinations = super::kit::to(&["self"]);
    model.peers[2].emergency_titles = vec![title("WS1_NOW")];
    let policy = Policy::compile(model.clone()).unwrap();
    let ask = |calling: &str, transport: Transport, user: Option<User>| {
        let calling = title(calling);
        let principal = Principal { calling, transport, user: user.map(Arc::new), ..principal(&policy, "WS1") };
        verdict(&policy.decide(&request(&principal, "find")))
    };
    let mutual = || Transport::Mutual { spki: [0; 32] };
    assert_eq!(ask("WS1_NOW", mutual(), Some(reader("7"))), "permit glass");
    assert_eq!(ask("WS1", mutual(), Some(reader("7"))), "deny");
    assert_eq!(ask("WS1_NOW", Transport::Tls, Some(reader("7"))), "deny");
    assert_eq!(ask("WS1_NOW", mutual(), None), "deny");
    // It calls by that title like by any other, and nothing is delivered there.
    let facts = super::kit::certificate(&["ws1.example"]);
    let caller = crate::policy::Caller {
        calling: Some(title("WS1_NOW")),
        from: "10.20.0.9".parse().unwrap(),
        credential: crate::policy::Credential::Mutual(&facts),
    };
    assert_eq!(&*policy.identify(&caller).unwrap().name, "WS1");
    let (asker, there) = (principal(&policy, "WS1"), title("WS1_NOW"));
    let moves = Request { destination: Some(&there), ..request(&asker, "move") };
    assert_eq!(verdict(&policy.decide(&moves)), "deny");
    // Two peers may not share it.
    model.peers[1].emergency_titles = vec![title("WS1")];
    model.peers[1].certificate = model.peers[2].certificate.clone();
    let faults = super::kit::faults(model);
    assert!(faults.iter().any(|fault| fault.key == "ae_titles" || fault.key == "emergency_titles"), "{faults:?}");
}

#[test]
fn whether_somebody_could_be_shown_part_is_told_before_anything_is_asked() {
    let nights = Rule { hours: super::kit::hours("20:00", "06:00"), ..own("own") };
    let device = Rule { hide: vec![tag("PatientAddress").unwrap()], ..rule("device", "peer:CT1", "worklist") };
    let policy = policy(vec![nights, device, rule("all", "peer:WS1", "find")]);
    let may = |peer: &str, user: Option<User>, to| {
        policy.may_narrow(&Principal { user: user.map(Arc::new), ..principal(&policy, peer) }, to)
    };
    assert!(may("WS1", Some(reader("7")), "PACS"), "at whatever hour");
    assert!(!may("WS1", Some(reader("*")), "PACS"), "the rule never holds");
    assert!(!may("WS1", Some(user("bert", "clerk")), "PACS"));
    assert!(!may("WS1", None, "PACS") && may("CT1", None, "PACS") && !may("CT1", None, "RIS"));
    assert!(!super::kit::policy(vec![rule("all", "peer:WS1", "find")]).narrows());
}

#[test]
fn a_context_stays_for_a_person_if_a_rule_may_be_theirs() {
    let policy = policy(vec![own("own"), rule("modalities", "group:workstation", "store")]);
    let (class, syntax) = (uid("1.2.1"), uid("1.3.1"));
    let possible = |user: Option<User>, wants| {
        let principal = Principal { user: user.map(Arc::new), ..principal(&policy, "WS1") };
        let request = Request { operation: None, ..request(&principal, "") };
        let context = policy.possible(&principal, "PACS", ops(wants), &class, &[syntax], request.at);
        (context, verdict(&policy.decide(&request)).starts_with("permit"))
    };
    assert_eq!(possible(Some(reader("7")), "find"), (true, true));
    assert_eq!(possible(Some(reader("7")), "store"), (false, true), "the device's right is not hers");
    assert_eq!(possible(None, "store"), (true, true));
    assert_eq!(possible(None, "find"), (false, true));
    assert_eq!(possible(Some(user("bert", "clerk")), "find"), (false, false));
}

#[test]
fn canaries_are_known_in_whatever_case() {
    let canary = |name: &str, patient: Option<&str>, study: Option<&str>| Canary {
        name: name.into(),
        line: 1,
        patient_id: patient.map(Arc::from),
        study: study.map(uid),
    };
    let canaries = vec![canary("one", Some("Nobody-1"), None), canary("two", Some("N2"), Some("1.2.3"))];
    let policy = Policy::compile(PolicyModel { canaries, ..model(vec![]) }).unwrap();
    let name = |canary: Option<&Canary>| canary.map(|canary| canary.name.to_string());
    assert_eq!(name(policy.canary_patient("NOBODY-1 ")).as_deref(), Some("one"));
    assert_eq!(name(policy.canary_study(&uid("1.2.3"))).as_deref(), Some("two"));
    assert_eq!(policy.canaries().len(), 2);
    assert!(policy.canary_patient("").is_none() && policy.canary_patient("NOBODY-11").is_none());
    assert!(policy.canary_study(&uid("1.2.4")).is_none());
}

#[test]
fn explanations_say_which_person_asks_and_what_they_would_see() {
    let strict = Rule { require_key: vec![PATIENT_ID], ..own("own") };
    let policy = policy(vec![strict, rule("all", "peer:WS1", "find")]);
    let question = |person: Option<Person>, keys: Vec<Tag>| Question {
        asker: Asker::Peer("WS1".to_owned()),
        from: None,
        wants: ops("find").first().copied(),
        to: Some("PACS".to_owned()),
        sop_class: None,
        transfer_syntax: None,
        modality: None,
        destination: None,
        person,
        level: None,
        keys,
        at: super::kit::NOON,
    };
    let roles = vec!["reader".to_owned()];
    let attributes = [("id".to_owned(), vec!["7".to_owned()])].into();
    let anna = Person { name: Some("anna".to_owned()), roles: roles.clone(), attributes, emergency: false };
    let explained = policy.explain(&question(Some(anna.clone()), vec![PATIENT_ID]), false).unwrap();
    assert_eq!(explained.because, "rule `own` permits it");
    assert_eq!(explained.shows, ["by `own`: where PatientID is {user.id}"]);
    let words = |person: Option<Person>, keys| {
        let explained = policy.explain(&question(person, keys), true).unwrap();
        let of = |name: &str| {
            let rule = explained.rules.iter().find(|rule| rule.name == name).unwrap();
            rule.conditions.iter().filter(|one| one.stops).map(|one| one.words.clone()).collect::<Vec<_>>().join("; ")
        };
        (of("own"), of("all"))
    };
    let devices = "who names devices alone, and a person asks".to_owned();
    let none = "require_key is PatientID, and the query asks a value of none of them";
    assert_eq!(words(Some(anna.clone()), vec![]), (none.to_owned(), devices.clone()));
    let unknown = Person { attributes: [].into(), ..anna };
    let lacking = "where needs `{user.id}`, which is absent or holds characters that cannot be compared literally";
    assert_eq!(words(Some(unknown), vec![PATIENT_ID]), (lacking.to_owned(), devices));
    let (own, all) = words(None, vec![PATIENT_ID]);
    assert!(own.starts_with("who names users or roles, and no person asks") && all.is_empty(), "{own}");
}

#[test]
fn a_test_may_be_about_a_person() {
    let run = |test: PolicyTest| {
        let glass = Rule { break_glass: Some(3_600), ..rule("glass", "user:anna", "find") };
        let mut model = PolicyModel { tests: vec![test], ..model(vec![own("own"), glass]) };
        model.archives.pop();
        let outcome = Policy::compile(model).unwrap().run_tests().remove(0);
        (outcome.passed, outcome.verdict)
    };
    let person = |name: Option<&str>, roles: &[&str], id: Option<&str>, emergency| {
        let roles = roles.iter().map(|role| (*role).to_owned()).collect();
        let attributes = id.map(|id| ("id".to_owned(), vec![id.to_owned()])).into_iter().collect();
        Some(Person { name: name.map(str::to_owned), roles, attributes, emergency })
    };
    let find = |person, expect| PolicyTest { person, ..test("it", "WS1", "find", expect) };
    assert!(run(find(person(None, &["reader"], Some("7"), false), Expectation::Permit)).0);
    assert!(run(find(person(None, &["reader"], None, false), Expectation::Deny)).0);
    assert!(run(find(person(Some("anna"), &[], None, true), Expectation::Permit)).0);
    assert!(run(find(person(None, &[], None, true), Expectation::Deny)).0, "somebody is nobody in particular");
    assert!(run(find(None, Expectation::Deny)).0);
}

#[test]
fn rules_for_thousands_of_persons_stay_a_handful_each() {
    let one = |at: usize| rule(&format!("rule {at}"), &format!("user:u{at} role:r{}", at % 100), "find");
    let model = PolicyModel { rules: (0..5_000).map(one).collect(), ..model(vec![]) };
    let policy = Policy::compile(model).unwrap();
    let principal = Principal { user: Some(Arc::new(user("u4999", "r7 nobody's"))), ..principal(&policy, "WS1") };
    let request = request(&principal, "find");
    assert_eq!(verdict(&policy.decide(&request)), "permit rule 7");
    let facts = policy.facts(&request, false).unwrap();
    let found = policy.search(&facts, request.operation.unwrap(), crate::policy::model::Effect::Permit);
    assert!(found.examined <= 2, "{}", found.examined);
}

/// Rules that narrow are obligations: while they do not hold, their readers do not see everything instead.
#[test]
fn observing_does_not_lift_what_rules_narrow() {
    let strict = Rule {
        levels: vec![Level::Study],
        require_key: vec![PATIENT_ID],
        ..rule("strict", "peer:CT1", "find get store")
    };
    let by_day = Rule {
        hours: hours("07:00", "08:00"),
        sop_classes: vec![uid("1.2.840.10008.5.1.4.1.2.1.1")],
        max_results: Some(5),
        ..rule("by day", "peer:CT2", "find")
    };
    let rules = vec![own("own"), strict, by_day];
    let observing = PolicyModel { observe_until: Some(jiff::Timestamp::MAX), ..model(rules.clone()) };
    let observing = Policy::compile(observing).unwrap();
    let ask = |user, wants| verdict(&asks(&observing, user, wants, study(&[])));
    assert_eq!(ask(Some(user("anna", "reader")), "find"), "deny", "her rule has no value for her");
    assert_eq!(ask(Some(user("anna", "reader")), "get"), "deny");
    assert_eq!(ask(Some(reader("7")), "find"), "permit own");
    assert_eq!(ask(Some(user("anna", "reader")), "move"), "observed", "no rule narrows it for her");
    assert_eq!(ask(Some(user("bert", "clerk")), "find"), "observed", "the rule is not about him");
    assert_eq!(ask(None, "find"), "observed", "nor about a device");

    let device = |who: &str, wants, query| {
        let principal = principal(&observing, who);
        verdict(&observing.decide(&Request { query, ..request(&principal, wants) }))
    };
    assert_eq!(device("CT1", "find", study(&[PATIENT_ID])), "permit strict");
    assert_eq!(device("CT1", "find", study(&[])), "deny", "the key is required");
    let images = Known::Is(Query { level: Some(Level::Image), keys: &[PATIENT_ID] });
    assert_eq!(device("CT1", "get", images), "deny", "the level is not permitted");
    assert_eq!(device("CT1", "store", Known::Absent), "permit strict");
    assert_eq!(device("CT1", "move", Known::Absent), "observed");
    assert_eq!(device("CT2", "find", study(&[])), "deny", "whatever hour it is and whatever is asked");

    let principal = Principal { user: Some(Arc::new(user("anna", "reader"))), ..principal(&observing, "WS1") };
    let possible = |operation| {
        let class = uid("1.2.840.10008.5.1.4.1.2.2.1");
        observing.possible(
            &principal,
            "PACS",
            ops(operation),
            &class,
            &[uid("1.2.840.10008.1.2")],
            request(&principal, "find").at,
        )
    };
    assert!(!possible("find") && possible("move"), "nor is it negotiated");
}
