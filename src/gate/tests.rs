//! One record for every way through the door.

use super::{Admission, Basis, Entry, Gate, How, Object, Opening, Outcome, Permit, Refusal, RefusalLimits, Visit};
use crate::audit::event::{Caller, Cause};
use crate::audit::explain::explain;
use crate::audit::log::LogOptions;
use crate::audit::read::{Filter, Record, scan};
use crate::audit::{Incident, Log};
use crate::dicom::dimse::Operation;
use crate::dicom::{AeTitle, Phi, Uid};
use crate::policy::model::{ArchiveName, CertificatePattern, Effect, Peer, PolicyModel, Rule, Subject};
use crate::policy::request::{Known, Moment};
use crate::policy::{Policy, Principal, Request, Transport};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

mod chain;
mod tripwires;

fn title(text: &str) -> AeTitle {
    AeTitle::new(text).unwrap()
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
        name: "modalities store".into(),
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
    Policy::compile(PolicyModel { peers: vec![peer], archives, rules: vec![rule], ..PolicyModel::default() }).unwrap()
}

fn principal() -> Principal {
    Principal {
        peer: 0,
        name: "CT1".into(),
        calling: title("CT1"),
        from: [10, 20, 0, 11].into(),
        transport: Transport::Mutual { spki: [0; 32] },
        user: None,
    }
}

fn request(principal: &Principal, operation: Option<Operation>) -> Request<'_> {
    Request {
        principal,
        to: "PACS",
        operation,
        sop_class: None,
        transfer_syntax: None,
        destination: None,
        modality: Known::Absent,
        query: Known::Unread,
        at: Moment { unix: 1_795_000_000, minute: 600, weekday: 2 },
    }
}

fn gate(state: &Path) -> Gate {
    Gate::new(Arc::new(Log::open(LogOptions::new("gate-1", state, jiff::Timestamp::now)).unwrap().log))
}

fn caller(gate: &Gate) -> Caller<'static> {
    Caller {
        association: gate.association(),
        listener: "outside",
        from: "10.20.0.11:50000".parse().unwrap(),
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

fn visit(gate: &Gate, policy: &Policy) -> Visit {
    let principal = principal();
    let caller = caller(gate);
    let opening = Opening {
        caller,
        principal: principal.clone(),
        kept: &[],
        removed: &["MRImageStorage: no rule".into()],
        chained: false,
    };
    match gate.open_association(Basis { policy, generation: 3 }, opening, &request(&principal, None)) {
        Entry::Open(visit) => visit,
        other => panic!("{other:?}"),
    }
}

fn admit(gate: &Gate, policy: &Policy, visit: &Visit, operation: Operation) -> Admission {
    let instance = Uid::new("1.2.3").unwrap();
    let object = Object {
        message: 7,
        instance: Some(&instance),
        patient_id: Some(Phi::new(b"4711")),
        patient_name: Some(Phi::new(b"M\xfcller^Eva ")),
        ..Object::default()
    };
    gate.admit(Basis { policy, generation: 3 }, visit, &request(visit.principal(), Some(operation)), &object)
}

fn permit(gate: &Gate, policy: &Policy, visit: &Visit, operation: Operation) -> Permit {
    match admit(gate, policy, visit, operation) {
        Admission::Permit(permit) => permit,
        other => panic!("{other:?}"),
    }
}

fn records(state: &Path) -> Vec<Record> {
    let mut all = Vec::new();
    scan(&state.join("audit"), &Filter::default(), None, |record| {
        all.push(record);
        ControlFlow::Continue(())
    })
    .unwrap();
    all
}

fn only(state: &Path, event: &str) -> Record {
    let mut found: Vec<_> = records(state).into_iter().filter(|record| record.event() == event).collect();
    assert_eq!(found.len(), 1, "{event}: {found:?}");
    found.remove(0)
}

#[test]
fn a_permitted_store_has_one_record_when_it_ends() {
    let (state, policy) = (tempfile::tempdir().unwrap(), policy());
    let gate = gate(state.path());
    let visit = visit(&gate, &policy);
    let permit = permit(&gate, &policy, &visit, Operation::Store);
    let instance = Uid::new("1.2.3").unwrap();
    assert!(permit.allows(visit.id(), 7, Operation::Store, Some(&instance)));
    assert!(!permit.allows(visit.id(), 8, Operation::Store, Some(&instance)));
    assert!(!permit.allows(visit.id(), 7, Operation::Find, Some(&instance)));
    assert!(!permit.allows(visit.id(), 7, Operation::Store, None));
    assert!(records(state.path()).iter().all(|record| record.event() != "operation"));
    let outcome = Outcome { bytes: 524_288, ..Outcome::default() };
    permit.close(outcome).unwrap().unwrap();
    // Written before close returned, and not by any later flush.
    let record = only(state.path(), "operation");
    assert_eq!(record.text("rule"), Some("modalities store"));
    assert_eq!(record.text("status"), Some("0000H"));
    assert_eq!(record.text("patient_id"), Some("4711"));
    assert_eq!(record.text("patient_name"), Some("M\\xfcller^Eva"));
    assert_eq!((record.number("bytes"), record.number("generation")), (Some(524_288), Some(3)));
    visit.close(How::Released).unwrap();
    let closed = only(state.path(), "association-closed");
    assert_eq!((closed.number("stores"), closed.text("ended")), (Some(1), Some("released")));
}

#[test]
fn permits_and_visits_that_are_dropped_are_recorded_as_aborted() {
    let (state, policy) = (tempfile::tempdir().unwrap(), policy());
    let gate = gate(state.path());
    let visit = visit(&gate, &policy);
    drop(permit(&gate, &policy, &visit, Operation::Store));
    drop(visit);
    gate.log().checkpoint().unwrap();
    assert_eq!(only(state.path(), "operation").0["aborted"], true);
    let closed = only(state.path(), "association-closed");
    assert_eq!((closed.text("ended"), closed.number("aborted_operations")), (Some("dropped"), Some(1)));
}

#[test]
fn echoes_are_counted_and_not_recorded_one_by_one() {
    let (state, policy) = (tempfile::tempdir().unwrap(), policy());
    let gate = gate(state.path());
    let visit = visit(&gate, &policy);
    for _ in 0..5 {
        assert_eq!(permit(&gate, &policy, &visit, Operation::Echo).close(Outcome::default()), Ok(None));
    }
    visit.close(How::Released).unwrap();
    assert_eq!(only(state.path(), "association-closed").number("echoes"), Some(5));
    assert!(records(state.path()).iter().all(|record| record.event() != "operation"));
}

#[test]
fn a_denial_is_recorded_at_once_and_explained_with_the_rule_that_would_permit_it() {
    let (state, policy) = (tempfile::tempdir().unwrap(), policy());
    let gate = gate(state.path());
    let visit = visit(&gate, &policy);
    let Admission::Denied(refusal) = admit(&gate, &policy, &visit, Operation::Find) else { panic!() };
    let record = only(state.path(), "denied");
    let incident = refusal.incident.unwrap();
    assert_eq!(record.text("incident").unwrap().parse::<Incident>(), Ok(incident));
    assert_eq!(refusal.comment(), format!("denied, incident {incident}"));
    assert!(refusal.comment().len() <= 64);
    assert_eq!(record.text("patient_id"), Some("4711"));
    let words = explain(&record).join("\n");
    for part in
        ["find denied", "CT1 from 10.20.0.11:50000", "no rule permits it", "may  = [\"find\"]", "peer:CT1", "PACS"]
    {
        assert!(words.contains(part), "{part} is missing in\n{words}");
    }
    assert!(!words.contains("4711") && !words.contains("Eva"), "{words}");
    visit.close(How::Released).unwrap();
    let opened = explain(&only(state.path(), "association-opened")).join("\n");
    assert!(opened.contains("removed   MRImageStorage: no rule"), "{opened}");
}

#[test]
fn what_peers_send_cannot_move_the_readers_cursor() {
    let state = tempfile::tempdir().unwrap();
    let gate = gate(state.path());
    let caller = Caller { calling: Some(b"\x1b[2J\nCT1"), peer: None, ..caller(&gate) };
    let refusal = gate.refuse_connection(1, caller, Cause::Tls, "the certificate has expired\r\n");
    assert!(refusal.incident.is_some());
    let lines = explain(&only(state.path(), "connection-refused"));
    assert!(lines.iter().all(|line| !line.chars().any(char::is_control)), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("the certificate has expired")));
}

/// Refuses this many strangers from this address.
fn flood(gate: &Gate, from: &str, count: usize) -> Vec<Refusal> {
    (0..count)
        .map(|_| {
            let caller = Caller { peer: None, calling: None, from: from.parse().unwrap(), ..caller(gate) };
            gate.refuse_connection(1, caller, Cause::Tls, "the TLS handshake failed")
        })
        .collect()
}

#[test]
fn a_flood_of_strangers_is_counted_by_address_and_peers_are_recorded_one_by_one() {
    let state = tempfile::tempdir().unwrap();
    let gate = gate(state.path());
    gate.set_refusal_limits(RefusalLimits { recorded: 1, burst: 5, addresses: 16 });
    let few = flood(&gate, "192.0.2.7:1000", 1);
    let many = flood(&gate, "192.0.2.8:1000", 300);
    assert!(few[0].incident.is_some() && !few[0].summed);
    let summed = many.iter().filter(|refusal| refusal.summed).count();
    assert!(summed > 250, "{summed}");
    assert!(many.iter().all(|refusal| refusal.summed == refusal.incident.is_none()));
    for _ in 0..300 {
        let refusal = gate.refuse_association(1, caller(&gate), None, Cause::Limit, "too many");
        assert!(refusal.incident.is_some() && !refusal.summed);
    }
    assert_eq!(gate.sum_refusals(1), Ok(u64::try_from(summed).unwrap()));
    assert_eq!(gate.sum_refusals(1), Ok(0), "nothing is counted twice");
    let sum = only(state.path(), "refusals-summed");
    assert_eq!(sum.number("refused"), Some(u64::try_from(summed).unwrap()));
    let one_by_one = records(state.path()).iter().filter(|record| record.event() == "connection-refused").count();
    assert_eq!(one_by_one + summed, 301, "nothing goes unrecorded");
    assert_eq!(records(state.path()).iter().filter(|record| record.event() == "association-refused").count(), 300);
    // Who asks about an address finds it, and not that of another.
    let about = |from: &str| {
        let mut found = Vec::new();
        let filter = Filter { from: Some(from.parse().unwrap()), ..Filter::default() };
        scan(&state.path().join("audit"), &filter, None, |record| {
            found.push(record.event().to_owned());
            ControlFlow::Continue(())
        })
        .unwrap();
        found
    };
    assert!(about("192.0.2.8").contains(&"refusals-summed".to_owned()));
    assert_eq!(about("192.0.2.7"), ["connection-refused"]);
    let words = explain(&sum).join("\n");
    assert!(words.contains(&format!("counted   {summed} from 192.0.2.8 at outside (tls)")), "{words}");
}

#[test]
fn what_was_counted_is_recorded_before_the_gateway_stops() {
    let state = tempfile::tempdir().unwrap();
    let gate = gate(state.path());
    gate.set_refusal_limits(RefusalLimits { recorded: 1, burst: 1, addresses: 16 });
    flood(&gate, "[2001:db8::1]:1000", 50);
    gate.stopped(1, "signal").unwrap();
    let words = explain(&only(state.path(), "refusals-summed")).join("\n");
    assert!(words.contains("from 2001:db8::1 at outside (tls)"), "{words}");
}
