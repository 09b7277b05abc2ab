//! Quarantine at the door.

use super::{admit, caller, gate, only, permit, policy, principal, records, request, title, visit};
use crate::audit::Log;
use crate::audit::event::{Caller, Cause};
use crate::audit::explain::explain;
use crate::audit::log::LogOptions;
use crate::audit::sink::{FileSink, Sink};
use crate::dicom::Uid;
use crate::dicom::dimse::Operation;
use crate::gate::quarantine::Quarantine;
use crate::gate::{Admission, Basis, Entry, Gate, How, Object, Opening, Subject, Tripwire, Visit};
use crate::policy::model::{self, ArchiveName, CertificatePattern, Effect, Peer, PolicyModel, Rule};
use crate::policy::{Policy, Principal, Request, User};
use crate::state::{Quarantined, Release};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

const AT: i64 = 1_800_000_000;

fn wire() -> Tripwire {
    Tripwire::Canary("Frau Holle".into())
}

fn peer() -> Subject {
    Subject::Peer("CT1".into())
}

fn row(subject: &str, since: i64, release: Option<Release>) -> Quarantined {
    let words = |text: &str| text.to_owned();
    Quarantined {
        subject: words(subject),
        since,
        why: words("a budget"),
        incident: words("7K3F-9QX2"),
        gateway: words("gate-2"),
        release,
    }
}

fn release(at: i64) -> Option<Release> {
    Some(Release { at, by: "Dr. Ong".to_owned(), reason: "a test".to_owned(), noted: false })
}

fn enter(gate: &Gate, policy: &Policy, principal: &Principal) -> Entry {
    let opening = Opening {
        caller: Caller { user: principal.user.as_deref(), ..caller(gate) },
        principal: principal.clone(),
        kept: &[],
        removed: &[],
        chained: false,
    };
    gate.open_association(Basis { policy, generation: 3 }, opening, &request(principal, None))
}

fn refused(entry: Entry) -> Cause {
    match entry {
        Entry::Denied(refusal) => refusal.cause,
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_trips_a_wire_may_do_nothing_until_released_and_the_records_say_how() {
    let (state, policy) = (tempfile::tempdir().unwrap(), policy());
    let gate = gate(state.path()).named("gate-1".into());
    let visit = visit(&gate, &policy);
    drop(permit(&gate, &policy, &visit, Operation::Store));
    let (held, fresh) = gate.trip(3, Some(&visit), &peer(), &wire(), AT);
    assert!(fresh && !held.stored && held.since == AT && &*held.gateway == "gate-1");
    let Admission::Denied(refusal) = admit(&gate, &policy, &visit, Operation::Store) else { panic!() };
    assert_eq!(refusal.cause, Cause::Quarantine);
    assert_eq!(refused(enter(&gate, &policy, &principal())), Cause::Quarantine);

    let began = only(state.path(), "quarantined");
    assert_eq!(began.text("incident"), Some(&*held.incident));
    assert_eq!((began.text("subject"), began.text("cause")), (Some("peer:CT1"), Some("canary")));
    let words = explain(&began).join("\n");
    assert!(words.contains("CT1 from 10.20.0.11") && words.contains("quarantine release peer:CT1"), "{words}");
    for event in ["denied", "association-refused"] {
        let words = explain(&only(state.path(), event)).join("\n");
        for part in ["peer:CT1 is in quarantine", &format!("why {}` at gate-1", held.incident), "release peer:CT1"] {
            assert!(words.contains(part), "{part} is missing in\n{words}");
        }
    }
    // Again is not anew: one record, one alert.
    let (again, fresh) = gate.trip(3, Some(&visit), &peer(), &Tripwire::Budget("x".into()), AT + 5);
    assert!(!fresh && again == held);
    assert_eq!((gate.tripped().len(), gate.tripped().len()), (1, 0));
    only(state.path(), "quarantined");

    gate.quarantine().stored(&held);
    let over = row("peer:CT1", AT, release(AT + 60));
    let change = gate.quarantine().take_in(std::slice::from_ref(&over));
    assert_eq!((change.released.as_slice(), change.missing.len()), ([over.clone()].as_slice(), 0));
    gate.quarantine_released(3, &over).unwrap();
    let words = explain(&only(state.path(), "quarantine-released")).join("\n");
    assert!(words.contains("peer:CT1 is released from quarantine by Dr. Ong") && words.contains("a test"), "{words}");
    drop(permit(&gate, &policy, &visit, Operation::Store));
    assert!(matches!(enter(&gate, &policy, &principal()), Entry::Open(_)));
    visit.close(How::Released).unwrap();
}

#[test]
fn a_person_takes_nobody_along_and_a_device_takes_whoever_sits_there() {
    let state = tempfile::tempdir().unwrap();
    let gate = gate(state.path());
    let person = |name: &str| Principal {
        user: Some(Arc::new(User { name: name.to_owned(), ..User::default() })),
        ..principal()
    };
    assert_eq!(Subject::of(&person("mueller")).to_string(), "user:mueller");
    assert_eq!(Subject::of(&principal()).to_string(), "peer:CT1");
    let held = |principal: &Principal| gate.quarantine().of(principal).is_some();
    gate.trip(1, None, &Subject::of(&person("mueller")), &wire(), AT);
    assert!(held(&person("mueller")) && !held(&person("meier")) && !held(&principal()));
    // Names are what they are: a person who is called like a device is not it.
    assert!(!held(&person("CT1")));
    gate.trip(1, None, &peer(), &wire(), AT);
    assert!(held(&person("mueller")) && held(&person("meier")) && held(&principal()));
}

#[test]
fn what_goes_to_a_peer_in_quarantine_is_denied() {
    let (state, policy) = (tempfile::tempdir().unwrap(), policy());
    let gate = gate(state.path());
    let visit = visit(&gate, &policy);
    // As for what an archive sends: `to` is the receiver.
    gate.trip(1, None, &Subject::Peer("PACS".into()), &wire(), AT);
    let Admission::Denied(refusal) = admit(&gate, &policy, &visit, Operation::Store) else { panic!() };
    assert_eq!(refusal.cause, Cause::Quarantine);
}

#[test]
fn what_the_state_says_is_taken_in_and_what_it_should_say_holds_on() {
    let state = tempfile::tempdir().unwrap();
    let gate = gate(state.path());
    let set = gate.quarantine();
    let names = || {
        let mut names: Vec<String> = set.all().iter().map(|held| held.subject.to_string()).collect();
        names.sort();
        names
    };
    // Others have put somebody in.
    let change = set.take_in(&[row("user:a", AT, None), row("nobody", AT, None)]);
    assert_eq!((change.added.len(), names()), (1, vec!["user:a".to_owned()]));
    assert!(set.take_in(&[row("user:a", AT, None)]).added.is_empty(), "it is told of once");
    // Tripped here, and the state does not know yet: neither missing nor gone.
    let (own, _) = gate.trip(1, None, &Subject::User("b".into()), &wire(), AT + 1);
    let change = set.take_in(&[row("user:a", AT, None)]);
    assert!(change.missing.is_empty() && change.added.is_empty());
    assert_eq!(names(), ["user:a", "user:b"]);
    // Somebody deleted the rows: that is no release.
    set.stored(&own);
    let change = set.take_in(&[]);
    assert_eq!(change.missing.len(), 2);
    assert_eq!(names(), ["user:a", "user:b"]);
    assert!(set.all().iter().all(|held| !held.stored), "they are written again");
    assert!(set.take_in(&[]).missing.is_empty(), "and told of once");
    // Somebody put the row of an earlier release back.
    let change = set.take_in(&[row("user:b", AT - 9, release(AT))]);
    assert!(change.released.is_empty());
    assert_eq!(names(), ["user:a", "user:b"]);
    // A release is one, by whichever gateway it was put in.
    let over = [row("user:b", AT + 1, release(AT + 1)), row("user:a", AT, release(AT + 9))];
    set.stored(&set.find(&Subject::User("b".into())).unwrap());
    assert_eq!(set.take_in(&over).released.len(), 2);
    assert!(set.is_empty());
    // Not noted by anybody: one that starts anew records it as well, and once it is noted does not.
    assert_eq!(set.take_in(&over).released.len(), 2);
    let noted = over.map(|row| {
        let release = row.release.map(|release| Release { noted: true, ..release });
        Quarantined { release, ..row }
    });
    assert!(set.take_in(&noted).released.is_empty());
    assert!(records(state.path()).iter().filter(|record| record.event() == "quarantined").count() == 1);
}

/// A disk that is full when the test says so.
struct Full {
    file: FileSink,
    full: &'static AtomicBool,
}

impl Sink for Full {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        if self.full.load(Relaxed) { Err(io::ErrorKind::StorageFull.into()) } else { self.file.append(bytes) }
    }
    fn truncate(&self, length: u64) -> io::Result<()> {
        self.file.truncate(length)
    }
    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}

#[test]
fn where_nothing_can_be_recorded_who_trips_a_wire_is_held_all_the_same() {
    static FULL: AtomicBool = AtomicBool::new(false);
    let (state, policy) = (tempfile::tempdir().unwrap(), policy());
    let sink = |file| Arc::new(Full { file: FileSink(file), full: &FULL }) as Arc<dyn Sink>;
    let options = LogOptions { sink, ..LogOptions::new("gate-1", state.path(), jiff::Timestamp::now) };
    let gate = Gate::new(Arc::new(Log::open(options).unwrap().log));
    let visit = visit(&gate, &policy);
    FULL.store(true, Relaxed);
    let (held, fresh) = gate.trip(1, Some(&visit), &peer(), &wire(), AT);
    assert!(fresh && held.incident.is_empty());
    assert!(gate.quarantine().of(&principal()).is_some());
}

/// WS1's person, who has asked for emergency access, and rules: one that breaks the glass for so many seconds, and one
/// for everybody else of hers.
fn broken(seconds: u32, find: Vec<Operation>) -> (Policy, Principal) {
    let peer = Peer {
        name: "WS1".into(),
        line: 1,
        ae_titles: vec![title("WS1")],
        emergency_titles: vec![title("WS1EMERG")],
        certificate: Some(CertificatePattern::Any),
        ..Peer::default()
    };
    let rule = |name: &str, may: Vec<Operation>, break_glass| Rule {
        name: name.into(),
        line: 1,
        who: vec![model::Subject::Role("doctor".into())],
        to: vec!["PACS".into()],
        may,
        effect: Effect::Permit,
        break_glass,
        ..Rule::default()
    };
    let archives = vec![ArchiveName::of(title("PACS"))];
    let rules = vec![
        rule("emergency", vec![Operation::Find, Operation::Get], Some(seconds)),
        rule("always", [vec![Operation::Echo], find].concat(), None),
    ];
    let policy = PolicyModel { peers: vec![peer], archives, rules, ..PolicyModel::default() };
    let user = User {
        name: "mueller".to_owned(),
        roles: vec!["doctor".to_owned()],
        emergency: true,
        until: i64::MAX,
        ..User::default()
    };
    let principal = Principal { name: "WS1".into(), calling: title("WS1"), user: Some(Arc::new(user)), ..principal() };
    (Policy::compile(policy).unwrap(), principal)
}

fn of_class(gate: &Gate, policy: &Policy, visit: &Visit, operation: Operation) -> Admission {
    let class = Uid::new("1.2.840.10008.5.1.4.1.2.2.1").unwrap();
    let request = Request { sop_class: Some(&class), ..request(visit.principal(), Some(operation)) };
    gate.admit(Basis { policy, generation: 3 }, visit, &request, &Object::default())
}

fn visit_of(gate: &Gate, policy: &Policy, principal: &Principal) -> Visit {
    match enter(gate, policy, principal) {
        Entry::Open(visit) => visit,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_first_use_of_emergency_access_is_recorded_and_listed_once_for_each_association() {
    let state = tempfile::tempdir().unwrap();
    let gate = gate(state.path()).named("gate-1".into());
    let (policy, principal) = broken(3600, Vec::new());
    let visit = visit_of(&gate, &policy, &principal);
    assert!(gate.emergencies().is_empty(), "to come is no use yet");
    for operation in [Operation::Echo, Operation::Find, Operation::Get, Operation::Find] {
        assert!(matches!(of_class(&gate, &policy, &visit, operation), Admission::Permit(_)), "{operation:?}");
    }
    let record = only(state.path(), "emergency");
    assert_eq!((record.text("rule"), record.text("user")), (Some("emergency"), Some("mueller")));
    let words = explain(&record).join("\n");
    assert!(words.contains("the rule `emergency` breaks the glass for 3600 s"), "{words}");
    let uses = gate.emergencies();
    let [used] = uses.as_slice() else { panic!("{uses:?}") };
    assert_eq!((used.review.user.as_str(), used.review.peer.as_str()), ("mueller", "WS1"));
    assert_eq!(Some(used.review.incident.as_str()), record.text("incident"));
    // Another association is another use.
    let again = visit_of(&gate, &policy, &principal);
    assert!(matches!(of_class(&gate, &policy, &again, Operation::Find), Admission::Permit(_)));
    assert_eq!(gate.emergencies().len(), 1);
}

#[test]
fn when_its_time_is_over_only_other_rules_permit() {
    let state = tempfile::tempdir().unwrap();
    let gate = gate(state.path());
    let (policy, principal) = broken(60, vec![Operation::Get]);
    for calling in ["WS1", "WS1EMERG"] {
        // By the token, or by the title that the device declares for emergencies.
        let user = User { emergency: calling == "WS1", ..(**principal.user.as_ref().unwrap()).clone() };
        let principal = Principal { user: Some(Arc::new(user)), calling: title(calling), ..principal.clone() };
        let visit = visit_of(&gate, &policy, &principal);
        assert!(matches!(of_class(&gate, &policy, &visit, Operation::Find), Admission::Permit(_)));
        let minute = std::time::Duration::from_secs(60);
        for (_, first) in visit.ledger.emergencies.lock().unwrap().iter_mut() {
            *first = first.checked_sub(minute).unwrap();
        }
        let Admission::Denied(_) = of_class(&gate, &policy, &visit, Operation::Find) else { panic!("{calling}") };
        let denied = records(state.path()).into_iter().rfind(|record| record.event() == "denied").unwrap();
        assert_eq!((denied.text("reason"), denied.text("rule")), (Some("emergency-over"), Some("emergency")));
        let words = explain(&denied).join("\n");
        assert!(words.contains("is over") && words.contains("on a new association"), "{words}");
        for operation in [Operation::Get, Operation::Echo] {
            assert!(
                matches!(of_class(&gate, &policy, &visit, operation), Admission::Permit(_)),
                "{calling} {operation:?}"
            );
        }
    }
}

#[test]
fn a_person_in_quarantine_is_held_however_a_source_writes_the_name() {
    let quarantine = Quarantine::default();
    let of = |name: &str| Principal {
        user: Some(Arc::new(User { name: name.to_owned(), ..User::default() })),
        ..principal()
    };
    // One gateway heard of her from the directory, another one from a provider.
    quarantine.take_in(&[row(&Subject::of(&of("Müller")).to_string(), AT, None)]);
    for name in ["müller", "Müller", "MÜLLER"] {
        assert!(quarantine.of(&of(name)).is_some(), "{name}");
        assert_eq!(Subject::of(&of(name)).to_string(), "user:müller");
        assert!(quarantine.find(&format!("user:{name}").parse().unwrap()).is_some(), "{name}");
    }
    assert!(quarantine.of(&of("mueller")).is_none());
    // Peers are named by the policy alone.
    assert_eq!("peer:CT1".parse::<Subject>().unwrap().to_string(), "peer:CT1");
    let over = quarantine.take_in(&[row("user:müller", AT, release(AT + 1))]);
    assert_eq!(over.released.len(), 1);
    assert!(quarantine.is_empty());
}
