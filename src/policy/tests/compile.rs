//! Every fault of a policy, all at once, with what to write instead.

use super::kit::{archive, deny, faults, hours, model, peer, rule, subject, test, title, to};
use crate::policy::model::{CertificatePattern, Expectation, Peer, Rule};
use crate::policy::{Policy, PolicyModel};

fn words(model: PolicyModel) -> Vec<String> {
    faults(model).iter().map(ToString::to_string).collect()
}

#[test]
fn all_faults_are_reported_at_once_in_the_order_of_the_file() {
    let lost = Rule { line: 40, to: vec!["PACSS".into()], ..rule("lost", "peer:CT9 group:modalty", "store") };
    let moves = Rule { line: 50, ..rule("moves", "archive:PAC group:workstation", "move") };
    let astray = Rule { line: 60, destinations: to(&["WS2"]), ..rule("astray", "peer:WS1", "move") };
    let twice = Rule { line: 70, ..rule("lost", "peer:WS1", "echo") };
    let mut model = model(vec![lost, moves, astray, twice]);
    model.peers.push(Peer { line: 30, ..peer("CT1", "") });
    let faults = faults(model);
    let found: Vec<_> = faults.iter().map(|fault| (fault.place.line, fault.key, fault.to_string())).collect();
    let expected = [
        (30, "name", "peer `CT1`: another peer is called `CT1`; give it a `name` of its own"),
        (
            30,
            "ae_titles",
            "peer `CT1`: `CT1` is also a title of peer `CT1`, and certificates do not tell them apart; give each a \
             `certificate` of its own, or another title",
        ),
        (40, "who", "rule `lost`: there is no peer `CT9`; did you mean `CT1`?"),
        (40, "who", "rule `lost`: no peer belongs to group `modalty`; did you mean `modality`?"),
        (40, "to", "rule `lost`: there is no archive `PACSS`; did you mean `PACS`?"),
        (50, "who", "rule `moves`: there is no archive `PAC`; did you mean `PACS`?"),
        (
            50,
            "destinations",
            "rule `moves`: it can never permit `move`: there are no `destinations`; write `destinations = [\"self\"]`, \
             or peers",
        ),
        (60, "destinations", "rule `astray`: no peer or archive has the name or title `WS2`; did you mean `WS1`?"),
        (
            70,
            "name",
            "rule `lost`: the rule in line 40 has the same name; records name rules: give each a name of its own",
        ),
    ];
    let expected: Vec<_> = expected.map(|(line, key, words)| (line, key, words.to_owned())).into();
    assert_eq!(found, expected);
}

#[test]
fn a_rule_that_can_never_apply_is_a_fault() {
    let apart = Rule { via: vec![subject("group:workstation")], ..rule("it", "group:modality", "find") };
    let seated = Rule { via: vec![subject("role:nurse")], ..rule("it", "group:modality", "find") };
    let to_peer = Rule { to: vec!["WS1".into()], ..rule("it", "group:modality", "store") };
    let find_ct = Rule { modalities: vec!["CT".into()], ..rule("it", "peer:WS1", "store find") };
    let odd = Rule { modalities: vec!["CT;MR".into()], ..rule("it", "peer:WS1", "store") };
    for (rule, key) in [
        (Rule { who: Vec::new(), ..rule("it", "anyone", "find") }, "who"),
        (Rule { to: Vec::new(), ..rule("it", "anyone", "find") }, "to"),
        (rule("it", "anyone", ""), "may"),
        (rule("it", "anyone", "move"), "destinations"),
        (apart, "via"),
        (seated, "via"),
        (to_peer, "to"),
        (find_ct, "modalities"),
        (odd, "modalities"),
        (Rule { hours: hours("07:00", "07:00"), ..rule("it", "anyone", "find") }, "hours"),
        (Rule { hours: hours("07:00", "25:00"), ..rule("it", "anyone", "find") }, "hours"),
        (Rule { days: vec![7], ..rule("it", "anyone", "find") }, "days"),
    ] {
        let words = format!("{rule:?}");
        let keys: Vec<_> = faults(model(vec![rule])).iter().map(|fault| fault.key).collect();
        assert_eq!(keys, [key], "{words}");
    }
    let people = Rule { via: vec![subject("group:workstation")], ..rule("it", "role:nurse", "find") };
    assert!(words(model(vec![people, deny("never", "peer:CT1", "move")])).is_empty());
}

#[test]
fn a_shared_title_needs_certificates_that_differ() {
    let shared = |name: &str, certificate| Peer { certificate, ae_titles: vec![title("SCU")], ..peer(name, "") };
    let (dns, key) =
        (|name: &str| Some(CertificatePattern::Dns(name.into())), |key| Some(CertificatePattern::Spki([key; 32])));
    let any = Some(CertificatePattern::Any);
    for (one, other, fine) in [
        (dns("a"), dns("b"), true),
        (dns("a"), dns("a"), false),
        (key(1), key(2), true),
        (key(1), key(1), false),
        (dns("a"), any.clone(), false),
        (any.clone(), any.clone(), false),
        (key(1), any, false),
        (None, None, false),
    ] {
        let mut model = model(Vec::new());
        model.peers.extend([shared("S1", one.clone()), shared("S2", other.clone())]);
        assert_eq!(faults(model).is_empty(), fine, "{one:?} {other:?}");
    }
    let mut model = model(Vec::new());
    let theirs = Peer { trust: Some("partner.crt".to_owned()), ..shared("S2", dns("a")) };
    model.peers.extend([shared("S1", dns("a")), theirs]);
    assert!(words(model).is_empty(), "another CA makes it another certificate");
}

#[test]
fn names_are_unique_across_peers_and_archives() {
    let mut colliding = model(Vec::new());
    colliding.peers.push(peer("RIS", ""));
    let expected = "archive `RIS`: a peer has the same name; give the peer another `name`; its titles may stay";
    assert_eq!(words(colliding), [expected]);
    let mut twice = model(Vec::new());
    twice.archives.push(archive("RIS", &[]));
    assert_eq!(words(twice), ["archive `RIS`: another archive has the same `ae_title`"]);
}

#[test]
fn peers_that_contradict_themselves_are_faults() {
    let mut model = model(Vec::new());
    model.peers.push(Peer { plain: true, ..peer("US1", "") });
    model.peers.push(Peer { ae_titles: Vec::new(), ..peer("US2", "") });
    let keys: Vec<_> = faults(model).iter().map(|fault| fault.key).collect();
    assert_eq!(keys, ["certificate", "ae_titles"]);
}

#[test]
fn tests_must_be_about_something() {
    let mut model = model(vec![rule("find", "peer:WS1", "find")]);
    let pacs = |mut test: crate::policy::model::PolicyTest| {
        test.to = Some("PACS".to_owned());
        test
    };
    let deny = Expectation::Deny;
    model.tests = vec![
        test("which archive", "CT1", "find", deny),
        pacs(test("a stranger", "CT9", "find", deny)),
        pacs(test("a stranger is let in", "CT9", "find", Expectation::Permit)),
        pacs(test("no title", "a name that is far too long", "find", deny)),
        crate::policy::model::PolicyTest { rule: Some("fnd".to_owned()), ..pacs(test("rule", "CT1", "find", deny)) },
        pacs(test("rule", "CT1", "find", deny)),
        crate::policy::model::PolicyTest { to: Some("PACS_QX".to_owned()), ..test("to", "CT1", "find", deny) },
    ];
    let keys: Vec<_> = faults(model).iter().map(|fault| (fault.place.index, fault.key)).collect();
    assert_eq!(keys, [(0, "to"), (2, "peer"), (3, "peer"), (4, "rule"), (5, "name"), (6, "to")]);
}

#[test]
fn a_file_that_is_wrong_throughout_is_told_so_in_time() {
    let many = (0..20_000).map(|at| rule(&format!("rule {at}"), &format!("peer:NO{at}"), "find")).collect();
    assert_eq!(Policy::compile(model(many)).unwrap_err().len(), 20_000);
}
