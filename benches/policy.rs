//! What a decision costs at 1,000 peers and 10,000 rules, and at a tenth of that: it should be the same, and at most
//! 5 microseconds. `cargo bench --bench policy`.

#![expect(
    clippy::expect_used,
    missing_docs,
    reason = "a bench ends where its ground is not sound; criterion's main has no documentation"
)]

use criterion::{Criterion, criterion_group, criterion_main};
use dicom_core::VR;
use dicomgate::dicom::dimse::Operation;
use dicomgate::dicom::{AeTitle, Uid};
use dicomgate::policy::attribute::Attribute;
use dicomgate::policy::model::{ArchiveName, CertificatePattern, Destination, Effect, Hours, Peer, Rule, Subject};
use dicomgate::policy::value::{Value, Wanted};
use dicomgate::policy::{
    Anchor, Caller, CertificateFacts, Credential, Decision, Known, Moment, Policy, PolicyModel, Principal, Request,
    User,
};
use std::hint::black_box;
use std::sync::Arc;

/// 2 January 2030, a Wednesday, 12:00 UTC.
const NOON: Moment = Moment { unix: 1_893_585_600, minute: 720, weekday: 2 };

fn title(text: &str) -> AeTitle {
    AeTitle::new(text).expect("a title")
}

fn class(at: usize) -> Uid {
    Uid::new(format!("1.2.840.10008.5.1.4.1.1.{}", at % 200 + 1)).expect("a UID")
}

fn peer(at: usize) -> Peer {
    let name = format!("PEER{at}");
    Peer {
        ae_titles: vec![title(&name)],
        certificate: Some(CertificatePattern::Dns(format!("peer{at}.example").into())),
        networks: vec!["10.0.0.0/8".parse().expect("a network")],
        groups: vec![format!("kind{}", at % 10).into(), format!("ward{}", at % 50).into()],
        name: name.into(),
        ..Peer::default()
    }
}

/// Rules of every shape, for groups and for single peers, denies among them.
fn rule(at: usize, peers: usize) -> Rule {
    let group = |name: &str, count: usize| vec![Subject::Group(format!("{name}{}", at % count).into())];
    let own: Arc<str> = format!("PEER{}", at % peers).into();
    let base = Rule {
        name: format!("rule {at}").into(),
        to: vec!["PACS".into()],
        may: vec![Operation::Store, Operation::Find],
        who: group("kind", 10),
        ..Rule::default()
    };
    let moving = Rule { may: vec![Operation::Move], ..base.clone() };
    match at % 7 {
        0 => Rule { who: vec![Subject::Peer(own)], sop_classes: vec![class(at), class(at + 1)], ..base },
        1 => Rule { sop_classes: vec![class(at)], hours: Some(Hours { from: 420, until: 1140 }), ..base },
        2 => Rule { destinations: vec![Destination::Own], who: group("ward", 50), ..moving },
        3 => Rule { destinations: vec![Destination::Named(own)], ..moving },
        4 => Rule { effect: Effect::Deny, sop_classes: vec![class(at * 7)], days: vec![5, 6], ..base },
        5 => Rule { modalities: vec![format!("M{}", at % 40).into()], may: vec![Operation::Store], ..base },
        _ => Rule { transfer_syntaxes: vec![class(at * 3)], who: group("ward", 50), ..base },
    }
}

fn policy(peers: usize, rules: usize) -> Policy {
    let archives = vec![ArchiveName::of(title("PACS"))];
    let reader = Rule {
        name: "readers".into(),
        who: vec![Subject::Role("reader".into())],
        to: vec!["PACS".into()],
        may: vec![Operation::Find],
        r#where: vec![Wanted {
            attribute: Attribute::parse("PatientID").expect("an attribute"),
            any: vec![Value::parse(VR::LO, "{user.id}").expect("a value")],
        }],
        ..Rule::default()
    };
    let rules = (0..rules).map(|at| rule(at, peers)).chain([reader]).collect();
    let peers = (0..peers).map(peer).collect();
    Policy::compile(PolicyModel { peers, archives, rules, ..PolicyModel::default() }).expect("a sound policy")
}

fn certificate(at: usize) -> CertificateFacts {
    CertificateFacts {
        dns: vec![format!("peer{at}.example").into()],
        common_name: None,
        spki: [7; 32],
        anchor: Anchor::ClientCa,
        subject: String::new(),
        serial: String::new(),
        not_after: i64::MAX,
    }
}

fn identify(policy: &Policy, at: usize, facts: &CertificateFacts) -> Principal {
    let from = "10.20.0.11".parse().expect("an address");
    let credential = Credential::Mutual(facts);
    policy.identify(&Caller { calling: Some(title(&format!("PEER{at}"))), from, credential }).expect("a peer")
}

fn decisions(criterion: &mut Criterion) {
    for (peers, rules) in [(100, 1_000), (1_000, 10_000)] {
        let policy = policy(peers, rules);
        let mut group = criterion.benchmark_group(format!("{peers} peers, {rules} rules"));
        let facts = certificate(77);
        let principal = identify(&policy, 77, &facts);
        let request = |operation, sop_class| Request {
            principal: &principal,
            to: "PACS",
            operation,
            sop_class,
            transfer_syntax: None,
            destination: None,
            modality: Known::Is("M7"),
            query: Known::Unread,
            at: NOON,
        };
        let (known, unknown) = (class(77), Uid::new("1.2.3.4").expect("a UID"));
        let own = title("PEER77");
        let syntax = class(231);
        for (name, request) in [
            ("store", Request { transfer_syntax: Some(&syntax), ..request(Some(Operation::Store), Some(&known)) }),
            ("store, unknown class", request(Some(Operation::Store), Some(&unknown))),
            ("move", Request { destination: Some(&own), ..request(Some(Operation::Move), Some(&unknown)) }),
            ("denied: no rule", request(Some(Operation::Print), Some(&unknown))),
            ("admission", request(None, None)),
        ] {
            group.bench_function(name, |bencher| bencher.iter(|| -> Decision { policy.decide(black_box(&request)) }));
        }
        let user = User {
            name: "anna".to_owned(),
            roles: vec!["reader".to_owned()],
            attributes: [("id".to_owned(), vec!["7".to_owned()])].into(),
            ..User::default()
        };
        let person = Principal { user: Some(Arc::new(user)), ..principal.clone() };
        let narrowed = Request { principal: &person, ..request(Some(Operation::Find), Some(&unknown)) };
        group.bench_function("find, a person, narrowed", |bencher| {
            bencher.iter(|| -> Decision { policy.decide(black_box(&narrowed)) });
        });
        group.bench_function("identify", |bencher| bencher.iter(|| identify(&policy, 77, black_box(&facts))));
        group.bench_function("a context", |bencher| {
            bencher
                .iter(|| policy.possible(&principal, "PACS", [Operation::Store], black_box(&known), &[syntax], NOON));
        });
        group.finish();
    }
}

criterion_group!(benches, decisions);
criterion_main!(benches);
