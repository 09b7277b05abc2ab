//! Incident ids that the gateways of a chain share.

use super::{admit, caller, gate, only, permit, policy, principal, records, request};
use crate::audit::Incident;
use crate::audit::event::{Caller, Cause, EdgeNote};
use crate::audit::explain::explain;
use crate::audit::read::{Filter, Record, scan};
use crate::audit::verify::{Expectations, verify};
use crate::dicom::dimse::Operation;
use crate::gate::{Admission, Basis, Entry, Gate, How, Opening, Outcome, Visit};
use crate::policy::Policy;
use std::ops::ControlFlow;
use std::path::Path;

fn enter(gate: &Gate, policy: &Policy, edge: Option<EdgeNote<'_>>, chained: bool) -> Visit {
    let (principal, caller) = (principal(), Caller { edge, ..caller(gate) });
    let opening = Opening { caller, principal: principal.clone(), kept: &[], removed: &[], chained };
    match gate.open_association(Basis { policy, generation: 1 }, opening, &request(&principal, None)) {
        Entry::Open(visit) => visit,
        other => panic!("{other:?}"),
    }
}

fn elsewhere(state: &Path, incident: &str) -> Vec<Record> {
    let filter = Filter { elsewhere: Some(incident.parse().unwrap()), ..Filter::default() };
    let mut found = Vec::new();
    scan(&state.join("audit"), &filter, None, |record| {
        found.push(record);
        ControlFlow::Continue(())
    })
    .unwrap();
    found
}

#[test]
fn an_opening_has_an_id_only_if_a_gateway_is_told_it() {
    let (state, policy) = (tempfile::tempdir().unwrap(), policy());
    let gate = gate(state.path());
    assert_eq!(enter(&gate, &policy, None, false).incident(), None);
    assert_eq!(only(state.path(), "association-opened").text("incident"), None);
    let told = enter(&gate, &policy, None, true);
    let incident = told.incident().unwrap().to_string();
    let opened: Vec<Record> =
        records(state.path()).into_iter().filter(|record| record.text("incident") == Some(&incident)).collect();
    assert_eq!((opened.len(), opened[0].event()), (1, "association-opened"));
    // Nothing is wrong with it, so nobody is shown it who looks for what is.
    assert!(!opened[0].is_remarkable());
    drop(told);
    gate.log().stop().unwrap();
    let report = verify(&state.path().join("audit"), Expectations::default(), || None).unwrap();
    assert!(report.is_proven(), "{report:?}");
}

#[test]
fn every_record_of_an_association_names_the_gateway_before() {
    let (state, policy) = (tempfile::tempdir().unwrap(), policy());
    let gate = gate(state.path());
    let edge = Some(EdgeNote { gateway: "edge-ct1", incident: "7K3F-9QX2" });
    let visit = enter(&gate, &policy, edge, false);
    permit(&gate, &policy, &visit, Operation::Store).close(Outcome::default()).unwrap();
    let Admission::Denied(denied) = admit(&gate, &policy, &visit, Operation::Find) else { panic!("find") };
    let _ = gate.malformed(&visit, "message", "a command that is none");
    let _ = gate.end_by_policy(2, &visit, Cause::Policy, "the policy");
    visit.close(How::Released).unwrap();
    let refused = Caller { edge, ..caller(&gate) };
    let _ = gate.refuse_association(1, refused, Some("PACS"), Cause::ArchiveAway, "it is away");
    let found = elsewhere(state.path(), "7K3F-9QX2");
    let events: Vec<&str> = found.iter().map(Record::event).collect();
    let all = [
        "association-opened",
        "operation",
        "denied",
        "malformed",
        "policy-ended",
        "association-closed",
        "association-refused",
    ];
    assert_eq!(events, all);
    assert!(found.iter().all(|record| record.text("edge") == Some("edge-ct1")));
    let words = explain(&found[2]).join("\n");
    assert!(words.contains("edge-ct1, a gateway before this one; there: `dicomgate why 7K3F-9QX2`"), "{words}");
    // The id of its own stays as ever, and is what the caller reads.
    assert_eq!(found[2].text("incident"), Some(&*denied.incident.unwrap().to_string()));
    assert!(elsewhere(state.path(), "0000-0000").is_empty());
}

#[test]
fn a_refusal_by_the_gateway_behind_is_found_by_its_id_and_nothing_that_only_looks_so() {
    let (state, policy) = (tempfile::tempdir().unwrap(), policy());
    let gate = gate(state.path());
    let note = EdgeNote { gateway: "7K3F-9QX2", incident: "0000-0000" };
    let visit = enter(&gate, &policy, Some(note), false);
    permit(&gate, &policy, &visit, Operation::Store).close(Outcome::default()).unwrap();
    let archive_incident: Option<Incident> = "7K3F-9QX2".parse().ok();
    let refused = Outcome { status: 0x0124, archive_incident, ..Outcome::default() };
    permit(&gate, &policy, &visit, Operation::Store).close(refused).unwrap();
    let found = elsewhere(state.path(), "7K3F-9QX2");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].text("status"), found[0].text("archive_incident")), (Some("0124H"), Some("7K3F-9QX2")));
    assert!(found[0].is_remarkable());
    let words = explain(&found[0]).join("\n");
    assert!(words.contains("refused   by PACS, a gateway itself; there: `dicomgate why 7K3F-9QX2`"), "{words}");
}
