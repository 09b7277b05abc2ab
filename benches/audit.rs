//! What a record costs: encoding and linking alone, and admitting and closing a store with its write(2).
//! `cargo bench --bench audit`.

#![expect(
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a bench ends where its ground is not sound; criterion's main has no documentation"
)]

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use dicomgate::audit::chain::{Head, Stamp, link};
use dicomgate::audit::event::{Asked, Caller};
use dicomgate::audit::incident::IncidentKey;
use dicomgate::audit::{AssociationId, Log, LogOptions, body::Body};
use dicomgate::dicom::dimse::Operation;
use dicomgate::dicom::{AeTitle, Phi, Uid};
use dicomgate::gate::{Admission, Basis, Entry, Gate, Object, Opening, Outcome};
use dicomgate::policy::model::{ArchiveName, CertificatePattern, Effect, Peer, Rule, Subject};
use dicomgate::policy::{Known, Moment, Policy, PolicyModel, Principal, Request, Transport};
use std::hint::black_box;
use std::sync::Arc;

const CLASS: &str = "1.2.840.10008.5.1.4.1.1.2";
const INSTANCE: &str = "1.2.826.0.1.3680043.8.498.12345678901234567890123456789012345";
const STUDY: &str = "1.2.826.0.1.3680043.8.498.98765432109876543210987654321098765";
const NOON: Moment = Moment { unix: 1_893_585_600, minute: 720, weekday: 2 };

fn title(text: &str) -> AeTitle {
    AeTitle::new(text).expect("a title")
}

fn policy() -> Policy {
    let peer = Peer {
        name: "CT1".into(),
        line: 1,
        ae_titles: vec![title("CT1")],
        certificate: Some(CertificatePattern::Any),
        groups: vec!["modality".into()],
        ..Peer::default()
    };
    let rule = Rule {
        name: "modalities store and ask for their worklist".into(),
        line: 1,
        who: vec![Subject::Group("modality".into())],
        via: Vec::new(),
        to: vec!["PACS".into()],
        may: vec![Operation::Echo, Operation::Store],
        effect: Effect::Permit,
        sop_classes: Vec::new(),
        modalities: Vec::new(),
        transfer_syntaxes: Vec::new(),
        hours: None,
        days: Vec::new(),
        destinations: Vec::new(),
        ..Rule::default()
    };
    let archives = vec![ArchiveName::of(title("PACS"))];
    Policy::compile(PolicyModel { peers: vec![peer], archives, rules: vec![rule], ..PolicyModel::default() })
        .expect("a sound policy")
}

fn caller(association: AssociationId) -> Caller<'static> {
    Caller {
        association,
        listener: "outside",
        from: "10.20.0.11:50000".parse().expect("an address"),
        calling: Some(b"CT1             "),
        called: Some(b"PACS            "),
        peer: Some("CT1"),
        tls: None,
        certificate: None,
        edge: None,
        user: None,
        tried: None,
    }
}

/// A record of a permitted store, as the gate makes it.
fn body(who: &Body) -> Body {
    let mut body = Body::new("operation", false);
    body.number("generation", 3).fields(who);
    Asked {
        operation: Operation::Store,
        to: "PACS",
        message: 7,
        sop_class: Some(CLASS),
        instance: Some(INSTANCE),
        study: Some(STUDY),
        transfer_syntax: Some("1.2.840.10008.1.2.1"),
        modality: Some("CT"),
        destination: None,
        patient_id: Some(Phi::new(b"4711-0815")),
        patient_name: Some(Phi::new(b"MUELLER^EVA ")),
        delivery: None,
        level: None,
        keys: None,
    }
    .encode(&mut body);
    body.text("rule", "modalities store and ask for their worklist");
    body.status("status", 0).number("bytes", 524_288).number("microseconds", 2_345);
    body
}

fn encoding(criterion: &mut Criterion) {
    let mut who = Body::fragment();
    caller(AssociationId { run: 4, number: 1234 }).who(&mut who);
    let keys = IncidentKey::new(&[7; 32], "gate-1");
    let (whole, at) = (body(&who), Stamp::new(jiff::Timestamp::UNIX_EPOCH));
    let mut out = Vec::with_capacity(4096);
    let mut group = criterion.benchmark_group("record");
    group.bench_function("encode", |bencher| bencher.iter(|| body(black_box(&who))));
    group.bench_function("link and hash", |bencher| {
        let mut head = Head::START;
        bencher.iter(|| {
            out.clear();
            (head, _) = link(&mut out, head, &at, black_box(&whole), &keys);
        });
    });
    group.finish();
}

fn writing(criterion: &mut Criterion) {
    let state = tempfile::tempdir().expect("a folder");
    let log = Log::open(LogOptions::new("gate-1", state.path(), jiff::Timestamp::now)).expect("a log").log;
    let mut who = Body::fragment();
    caller(AssociationId { run: 4, number: 1234 }).who(&mut who);
    let whole = body(&who);
    let mut group = criterion.benchmark_group("log");
    group.bench_function("append", |bencher| {
        bencher.iter_batched(|| whole.clone(), |body| log.append_body(body).expect("a receipt"), BatchSize::SmallInput);
    });
    group.bench_function("reserve and give back", |bencher| bencher.iter(|| drop(log.reserve())));
    let gate = Gate::new(Arc::new(log));
    let policy = policy();
    let basis = Basis { policy: &policy, generation: 3 };
    let principal = Principal {
        peer: 0,
        name: "CT1".into(),
        calling: title("CT1"),
        from: [10, 20, 0, 11].into(),
        transport: Transport::Mutual { spki: [0; 32] },
        user: None,
    };
    let uid = |text| Uid::new(text).expect("a UID");
    let (class, instance, study, syntax) = (uid(CLASS), uid(INSTANCE), uid(STUDY), uid("1.2.840.10008.1.2.1"));
    let mut request = Request {
        principal: &principal,
        to: "PACS",
        operation: None,
        sop_class: Some(&class),
        transfer_syntax: Some(&syntax),
        destination: None,
        modality: Known::Is("CT"),
        query: Known::Unread,
        at: NOON,
    };
    let opening = Opening {
        caller: caller(gate.association()),
        principal: principal.clone(),
        kept: &[],
        removed: &[],
        chained: false,
    };
    let Entry::Open(visit) = gate.open_association(basis, opening, &request) else { panic!("not admitted") };
    request.operation = Some(Operation::Store);
    let object = Object {
        message: 7,
        instance: Some(&instance),
        study: Some(&study),
        patient_id: Some(Phi::new(b"4711-0815")),
        patient_name: Some(Phi::new(b"MUELLER^EVA ")),
        delivery: None,
        level: None,
    };
    group.bench_function("admit and close a store", |bencher| {
        bencher.iter(|| {
            let Admission::Permit(permit) = gate.admit(basis, &visit, &request, &object) else { panic!("denied") };
            permit.close(Outcome { bytes: 524_288, ..Outcome::default() }).expect("a receipt")
        });
    });
    group.finish();
    drop(visit);
}

criterion_group!(benches, encoding, writing);
criterion_main!(benches);
