//! The way back: which archive calls, who receives, what archives send unasked, what a peer may learn of.

use super::kit::{NOON, archive, certificate, deny, faults, hours, model, ops, peer, policy, principal, rule, test};
use super::kit::{request, title, to, verdict};
use crate::dicom::Uid;
use crate::policy::model::{ArchiveName, Asker, CertificatePattern, Expectation, Peer, PolicyTest, Rule};
use crate::policy::{
    Anchor, ArchiveCaller, ArchiveReason, CertificateFacts, Credential, IdentityReason, Moment, Policy, Principal,
    Question, QuestionFault, Receiver, Request, Transport,
};

const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
const US: &str = "1.2.840.10008.5.1.4.1.1.6.1";

/// PACS (calls as PACS and PACS_OUT), RIS (calls from its own network), VNA (shows a certificate, shares PACS_OUT).
fn archives() -> Policy {
    let mut model = model(Vec::new());
    let pacs = ArchiveName { calls_as: vec![title("PACS"), title("PACS_OUT")], ..archive("PACS", &[]) };
    let ris = ArchiveName { calls_from: vec!["10.0.1.0/24".parse().unwrap()], ..archive("RIS", &[]) };
    let vna = ArchiveName {
        calls_as: vec![title("VNA"), title("PACS_OUT")],
        certificate: Some(CertificatePattern::Dns("vna.example".into())),
        trust: Some("archive:VNA".to_owned()),
        ..archive("VNA", &[])
    };
    model.archives = vec![pacs, ris, vna];
    Policy::compile(model).unwrap()
}

fn call(policy: &Policy, calling: &str, from: &str, credential: Credential<'_>) -> Result<Principal, IdentityReason> {
    let caller = ArchiveCaller { calling: Some(title(calling)), from: from.parse().unwrap(), credential };
    policy.identify_archive(&caller).map_err(|fault| fault.reason)
}

fn vna(anchor: Anchor) -> CertificateFacts {
    CertificateFacts { anchor, ..certificate(&["vna.example"]) }
}

#[test]
fn title_and_address_make_an_archive() {
    let policy = archives();
    let pacs = call(&policy, "PACS", "::ffff:127.0.0.1", Credential::Plain).unwrap();
    assert_eq!((&*pacs.name, pacs.calling.as_str(), pacs.from), ("PACS", "PACS", "127.0.0.1".parse().unwrap()));
    assert_eq!(pacs.transport, Transport::Plain);
    assert_eq!(&*call(&policy, "RIS", "10.0.1.7", Credential::Tls).unwrap().name, "RIS");
    let right = vna(Anchor::Peer("archive:VNA".into()));
    let out = call(&policy, "PACS_OUT", "10.0.0.5", Credential::Mutual(&right)).unwrap();
    assert_eq!((&*out.name, out.calling.as_str()), ("VNA", "PACS_OUT"), "the certificate tells who calls so");
    assert_eq!(out.transport, Transport::Mutual { spki: [7; 32] });
}

#[test]
fn nobody_passes_for_an_archive() {
    let policy = archives();
    let archive = IdentityReason::Archive;
    let unknown = || archive(ArchiveReason::UnknownTitle);
    let foreign = certificate(&["elsewhere.example"]);
    let ours = vna(Anchor::ClientCa);
    let (plain, mutual) = (Credential::Plain, Credential::Mutual);
    let both = ArchiveReason::Ambiguous(vec!["PACS".into(), "VNA".into()]);
    for (calling, from, credential, expected) in [
        ("CT1", "10.20.0.11", plain, unknown()),
        ("pacs", "10.0.0.5", plain, unknown()),
        ("RIS", "10.0.2.7", plain, archive(ArchiveReason::WrongNetwork("RIS".into()))),
        ("PACS", "10.0.0.5", mutual(&foreign), archive(ArchiveReason::NotBound("PACS".into()))),
        ("VNA", "10.0.0.5", mutual(&foreign), archive(ArchiveReason::OtherCertificate("VNA".into()))),
        ("VNA", "10.0.0.5", mutual(&ours), archive(ArchiveReason::WrongAnchor("VNA".into()))),
        ("PACS_OUT", "10.0.0.5", mutual(&foreign), archive(ArchiveReason::OtherCertificate("VNA".into()))),
        ("PACS_OUT", "10.0.0.5", plain, archive(both)),
    ] {
        assert_eq!(call(&policy, calling, from, credential).unwrap_err(), expected, "{calling} {from} {credential:?}");
    }
    let caller = ArchiveCaller { calling: None, from: "10.0.0.5".parse().unwrap(), credential: plain };
    assert_eq!(policy.identify_archive(&caller).unwrap_err().reason, IdentityReason::NoTitle);
    let peer = policy.identify(&ArchiveCaller { calling: Some(title("PACS")), ..caller });
    assert_eq!(peer.unwrap_err().reason, IdentityReason::UnknownTitle, "an archive is no peer");
}

#[test]
fn the_record_says_which_archive_it_was() {
    let policy = archives();
    let words = |calling, credential| {
        let caller = ArchiveCaller { calling: Some(title(calling)), from: "10.0.0.5".parse().unwrap(), credential };
        policy.identify_archive(&caller).unwrap_err().to_string()
    };
    assert_eq!(words("EVIL", Credential::Plain), "`EVIL` from 10.0.0.5: no archive calls with this title");
    let expected = "`RIS` from 10.0.0.5: archive `RIS` may not call from this address";
    assert_eq!(words("RIS", Credential::Plain), expected);
    let right = vna(Anchor::Peer("archive:VNA".into()));
    let expected = "`EVIL` from 10.0.0.5: no archive calls with this title; the certificate belongs to `VNA`";
    assert_eq!(words("EVIL", Credential::Mutual(&right)), expected);
}

#[test]
fn a_title_is_received_by_a_peer_with_an_address_or_an_archive() {
    let mut model = model(Vec::new());
    model.peers[2].address = Some("10.30.0.21:11112".to_owned());
    model.peers[2].ae_titles.push(title("WS1_QR"));
    let twin = |name| Peer { ae_titles: vec![title("TWIN")], address: Some("h:1".to_owned()), ..peer(name, "") };
    model.peers.extend([twin("T1"), twin("T2")]);
    model.peers[0].ae_titles.push(title("RIS"));
    let policy = Policy::compile(model).unwrap();
    let name = |text| policy.receiver(&title(text)).map(|receiver| receiver.name().to_owned());
    assert_eq!(name("WS1_QR").as_deref(), Some("WS1"));
    assert!(matches!(policy.receiver(&title("PACS")), Some(Receiver::Archive("PACS"))));
    assert_eq!(name("RIS").as_deref(), Some("RIS"), "the peer with this title receives nothing");
    for nobody in ["PACS_QR", "CT1", "TWIN", "ws1", "NOBODY"] {
        assert_eq!(name(nobody), None, "{nobody}");
    }
}

fn routing(to: &str) -> Rule {
    Rule { to: vec![to.into()], ..rule("routing", "archive:PACS", "store") }
}

#[test]
fn a_rule_for_an_archive_names_receivers_by_name_or_title() {
    let mut model = model(vec![routing("WS1_QR"), Rule { name: "on".into(), ..routing("RIS") }]);
    model.peers[2].ae_titles.push(title("WS1_QR"));
    let policy = Policy::compile(model).unwrap();
    let from = "127.0.0.1".parse().unwrap();
    let pacs = policy.archive_principal("PACS", from, Transport::Plain).unwrap();
    let asked = |to, wants| verdict(&policy.decide(&Request { to, ..request(&pacs, wants) }));
    assert_eq!(asked("WS1", "store"), "permit routing");
    assert_eq!(asked("RIS", "store"), "permit on");
    assert_eq!(asked("CT1", "store"), "deny");
    assert_eq!(asked("WS1", "reject"), "deny", "a rejection note is no image");
    assert_eq!(asked("WS1", ""), "permit routing");
    let ris = policy.archive_principal("RIS", from, Transport::Plain).unwrap();
    assert_eq!(verdict(&policy.decide(&Request { to: "WS1", ..request(&ris, "store") })), "deny");
    let ct1 = principal(&policy, "CT1");
    assert_eq!(verdict(&policy.decide(&Request { to: "WS1", ..request(&ct1, "store") })), "deny");
}

#[test]
fn observing_does_not_let_archives_send() {
    let mut model = model(vec![Rule { hours: hours("01:00", "02:00"), ..routing("WS1") }]);
    model.observe_until = Some(jiff::Timestamp::from_second(NOON.unix + 60).unwrap());
    let policy = Policy::compile(model).unwrap();
    let pacs = policy.archive_principal("PACS", "127.0.0.1".parse().unwrap(), Transport::Plain).unwrap();
    for wants in ["store", "echo", ""] {
        assert_eq!(verdict(&policy.decide(&Request { to: "WS1", ..request(&pacs, wants) })), "deny", "{wants}");
    }
    assert!(!policy.possible(&pacs, "WS1", ops("store"), &Uid::new(CT).unwrap(), &[Uid::new(CT).unwrap()], NOON));
    assert!(!policy.may_see(&pacs, "WS1", &Uid::new(CT).unwrap(), NOON));
}

#[test]
fn what_an_archive_never_sends_is_a_fault() {
    let mut odd = routing("WS1");
    odd.may = ops("echo store reject notify find get commit");
    let words: Vec<String> =
        faults(model(vec![odd])).iter().map(|fault| format!("{} {}", fault.key, fault.problem)).collect();
    assert_eq!(words, ["find", "get", "commit"].map(|word| format!("may an archive sends no `{word}` by itself")));
    let words: Vec<String> = faults(model(vec![routing("WS7")])).iter().map(|fault| fault.to_string()).collect();
    assert_eq!(words.len(), 1);
    assert!(words[0].contains("no peer or archive has the name or title `WS7`"), "{words:?}");
}

fn sends(name: &str, to: &str, expect: Expectation) -> PolicyTest {
    let asker = Asker::Archive("PACS".to_owned());
    PolicyTest { asker, to: Some(to.to_owned()), ..test(name, "", "store", expect) }
}

#[test]
fn a_test_may_ask_for_an_archive() {
    let mut model = model(vec![routing("WS1")]);
    model.archives[0].calls_from = vec!["10.0.0.5/32".parse().unwrap()];
    model.archives[0].certificate = Some(CertificatePattern::Spki([3; 32]));
    let right = PolicyTest { rule: Some("routing".to_owned()), ..sends("routes", "WS1", Expectation::Permit) };
    let elsewhere =
        PolicyTest { from: Some("192.0.2.7".parse().unwrap()), ..sends("elsewhere", "WS1", Expectation::Deny) };
    model.tests = vec![
        right,
        sends("not to CT1", "CT1", Expectation::Deny),
        elsewhere,
        sends("wrong", "RIS", Expectation::Permit),
    ];
    let policy = Policy::compile(model).unwrap();
    let outcomes: Vec<(bool, String)> = policy.run_tests().into_iter().map(|one| (one.passed, one.verdict)).collect();
    assert_eq!(outcomes.iter().map(|(passed, _)| *passed).collect::<Vec<_>>(), [true, true, true, false]);
    assert!(outcomes[2].1.contains("archive `PACS` may not call from this address"), "{outcomes:?}");
}

#[test]
fn an_explanation_may_be_for_an_archive() {
    let policy = policy(vec![routing("WS1"), rule("read", "peer:WS1", "find")]);
    let question = |archive: &str, to: Option<&str>| Question {
        asker: Asker::Archive(archive.to_owned()),
        from: None,
        wants: ops("store").first().copied(),
        to: to.map(str::to_owned),
        sop_class: None,
        transfer_syntax: None,
        modality: None,
        destination: None,
        person: None,
        level: None,
        keys: Vec::new(),
        at: NOON,
    };
    let permitted = policy.explain(&question("PACS", Some("WS1")), false).unwrap();
    assert_eq!((permitted.because.as_str(), permitted.for_others), ("rule `routing` permits it", 1));
    assert_eq!(permitted.identity, "archive `PACS`, by its title and address");
    let denied = policy.explain(&question("PACS", Some("CT2")), false).unwrap();
    assert!(denied.because.contains("to lacks `CT2` (it has WS1)"), "{}", denied.because);
    let fault = |archive, to| policy.explain(&question(archive, to), false).unwrap_err();
    assert_eq!(fault("PACS", None), QuestionFault::WhichReceiver);
    assert_eq!(fault("CT1", Some("WS1")), QuestionFault::NoArchive("CT1".to_owned()));
    assert_eq!(fault("PACS", Some("WS7")), QuestionFault::NoReceiver("WS7".to_owned()));
}

#[test]
fn a_peer_may_see_what_it_could_store_or_read() {
    let class = |text: &str| Uid::new(text).unwrap();
    let at = |rules: Vec<Rule>, who: &str, sop_class: &str, at: Moment| {
        let policy = policy(rules);
        policy.may_see(&principal(&policy, who), "PACS", &class(sop_class), at)
    };
    let ct_alone = || Rule { sop_classes: vec![class(CT)], ..rule("ct", "peer:CT1", "store commit") };
    assert!(at(vec![ct_alone()], "CT1", CT, NOON));
    assert!(!at(vec![ct_alone()], "CT1", US, NOON), "another class");
    assert!(!at(vec![ct_alone()], "CT2", CT, NOON), "another peer");
    let no_us = || Rule { sop_classes: vec![class(US)], ..deny("no us", "peer:CT1", "store get") };
    let store = || rule("store", "peer:CT1", "store");
    assert!(!at(vec![store(), no_us()], "CT1", US, NOON), "a deny counts");
    assert!(at(vec![store(), no_us()], "CT1", CT, NOON));
    let moves = || Rule { destinations: to(&["self"]), ..rule("moves", "peer:CT1", "move") };
    assert!(at(vec![moves()], "CT1", US, NOON), "what it could have sent to itself");
    let query = Rule { sop_classes: vec![class("1.2.840.10008.5.1.4.1.2.2.1")], ..rule("find", "peer:CT1", "find") };
    assert!(at(vec![query], "CT1", US, NOON), "the class of a query says nothing about objects");
    assert!(!at(vec![rule("others", "peer:CT1", "echo worklist")], "CT1", CT, NOON));
    assert!(at(vec![rule("alone", "peer:CT1", "commit")], "CT1", CT, NOON), "it has nothing else to go by");
    assert!(!at(vec![rule("alone", "peer:CT1", "commit"), ct_alone()], "CT1", US, NOON), "it has");
    let office = || Rule { hours: hours("07:00", "11:00"), ..rule("office", "peer:CT1", "store") };
    assert!(!at(vec![office()], "CT1", CT, NOON), "not now");
    let elsewhere = Rule { to: vec!["RIS".into()], ..store() };
    assert!(!at(vec![elsewhere], "CT1", CT, NOON), "another archive");
    let modality = Rule { modalities: vec!["CT".into()], ..rule("store", "peer:CT1", "store") };
    assert!(at(vec![modality], "CT1", US, NOON), "what only the object tells is taken at its best");
}
