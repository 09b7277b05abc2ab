//! Retrieves of which only part may be had: what the archive is asked, what it cannot be made to hand out, and that what
//! may not be seen looks like what is not there.

use crate::pacs::{Asked, INSTANCE, Image, LEVEL, NAME, PATIENT, Pacs, REFERRER, SERIES, STUDY, image};
use crate::support::conn::{Conn, Message};
use crate::support::words::{CT, FIND, GET, MOVE, rq, success, uid};
use crate::support::world::{PEERS, Setup, World};
use dicomgate::dicom::dataset::write::{DataSet, Flat};
use dicomgate::dicom::dimse::{Command, Counters, Field, Status};
use dicomgate::dicom::pdu::Role;
use dicomgate::dicom::transfer_syntax::Encoding;
use dicomgate::dicom::{AeTitle, Tag};

const PATIENT_GET: &str = "1.2.840.10008.5.1.4.1.2.1.3";
const COMPOSITE_GET: &str = "1.2.840.10008.5.1.4.1.2.4.3";

/// WS1 sees what Rita referred; WS2 everything.
const RULES: &str = r#"
[[peer]]
ae_titles = ["WS2"]
tls = "off"
network = ["127.0.0.1/32"]
[[rule]]
name = "referred"
who = ["peer:WS1"]
to = ["PACS"]
may = ["echo", "find", "get", "move"]
destinations = ["self", "PACS"]
where = { ReferringPhysicianName = "Ref^Rita" }
[[rule]]
name = "all"
who = ["peer:WS2"]
to = ["PACS"]
may = ["echo", "find", "get", "move"]
destinations = ["self"]
"#;

/// Rita's patient P1 with studies 1.1 and 1.2, of which 1.3 is Otto's; Otto's patient P2 with 2.1.
fn images() -> Vec<Image> {
    let study = |patient: &str, referrer: &str, study: &str| {
        [(1, 1), (1, 2), (2, 1)].map(|(series, number)| image(patient, referrer, study, series, number))
    };
    [
        study("P1", "Ref^Rita", "1.1"),
        study("P1", "Ref^Rita", "1.2"),
        study("P1", "Ref^Otto", "1.3"),
        study("P2", "Ref^Otto", "2.1"),
    ]
    .concat()
}

struct Site {
    world: World,
    pacs: Pacs,
}

fn site_with(rules: &str, limits: &str, archive: &str) -> Site {
    site_of(rules, limits, archive, images())
}

fn site_of(rules: &str, limits: &str, archive: &str, images: Vec<Image>) -> Site {
    let setup = Setup {
        rules: rules.into(),
        peers: PEERS.into(),
        limits: limits.into(),
        archive: archive.into(),
        ..Setup::default()
    };
    let world = World::with(&setup);
    let pacs = Pacs::serve(&world.archive, images);
    Site { world, pacs }
}

fn site() -> Site {
    site_with(RULES, "", "")
}

type Keys<'a> = &'a [(Tag, &'a str)];

/// What came of a C-GET.
#[derive(Debug, PartialEq, Eq)]
struct Got {
    instances: Vec<String>,
    status: u16,
    counters: Counters,
    failed: Vec<String>,
    comment: String,
}

impl Got {
    fn nothing(status: u16) -> Self {
        let (instances, failed, comment) = (Vec::new(), Vec::new(), String::new());
        let counters = Counters { completed: Some(0), failed: Some(0), warning: Some(0), remaining: None };
        Self { instances, status, counters, failed, comment }
    }
}

/// An association for C-GET of one class; objects come on context 3.
fn caller(site: &Site, calling: &str, class: &str) -> Conn {
    let mut asked = rq(calling, &[class, CT]);
    asked.user.roles = vec![Role { sop_class: uid(CT), scu: true, scp: true }];
    let mut peer = site.world.plain();
    peer.request(&asked);
    peer.accepted();
    peer
}

fn identifier(level: &str, keys: Keys<'_>) -> Vec<u8> {
    let set = DataSet::new().with(LEVEL, b"CS", level);
    let with = |set: DataSet, (tag, value): &(Tag, &str)| match *tag {
        PATIENT => set.with(PATIENT, b"LO", value),
        NAME | REFERRER => set.with(*tag, b"PN", value),
        tag => set.with(tag, b"UI", value),
    };
    keys.iter().fold(set, with).encode(Encoding::ExplicitLe)
}

fn get(peer: &mut Conn, class: &str, level: &str, keys: Keys<'_>) -> (Got, Vec<Message>) {
    peer.say(1, &Command::get_rq(7, &uid(class)), Some(&identifier(level, keys)));
    let mut objects = Vec::new();
    loop {
        let message = peer.message();
        if message.command.field == Field::StoreRq {
            peer.say(message.context, &success(&message.command), None);
            objects.push(message);
            continue;
        }
        assert_eq!((message.command.field, message.command.responded_to), (Field::GetRsp, Some(7)));
        let list = message.data.as_ref().map(|data| Flat::read(data, Encoding::ExplicitLe).unwrap());
        let list = list.and_then(|list| list.get(Tag(0x0008, 0x0058)).map(<[u8]>::to_vec)).unwrap_or_default();
        let list = String::from_utf8(list).unwrap();
        let failed = list.trim_end_matches('\0').split('\\').filter(|uid| !uid.is_empty()).map(str::to_owned).collect();
        let instances = objects.iter().map(|object| object.command.sop_instance().unwrap().to_string()).collect();
        let (status, counters) = (message.status(), message.command.counters);
        return (Got { instances, status, counters, failed, comment: message.comment() }, objects);
    }
}

/// What the archive was asked to hand out.
fn handed_out(asked: &[Asked]) -> &Asked {
    asked.iter().find(|asked| matches!(asked.field, Field::GetRq | Field::MoveRq)).expect("a retrieve")
}

/// Level by level, how often the archive was asked.
fn questions(asked: &[Asked]) -> Vec<(Field, String)> {
    asked.iter().map(|asked| (asked.field, asked.level().to_owned())).collect()
}

fn is_fresh(uid: &str) -> bool {
    uid.starts_with("2.25.") && uid.len() > 30
}

#[test]
fn of_a_list_what_may_be_seen_comes_and_the_rest_looks_absent() {
    let site = site();
    let mut peer = caller(&site, "WS1", GET);
    let (got, _) = get(&mut peer, GET, "STUDY", &[(STUDY, "1.1\\1.3\\9.9\\1.2")]);
    assert_eq!(got.instances, ["1.1.1.1", "1.1.1.2", "1.1.2.1", "1.2.1.1", "1.2.1.2", "1.2.2.1"]);
    assert_eq!((got.status, got.counters.completed, got.counters.failed), (0, Some(6), Some(0)));
    let asked = site.pacs.asked();
    let asked = handed_out(&asked);
    assert_eq!(asked.key(STUDY), "1.1\\1.2");
    // The level and the unique keys, nothing else.
    assert_eq!(asked.keys.keys().copied().collect::<Vec<_>>(), [LEVEL, STUDY]);
    drop(peer);
    let closed = site.world.record("association-closed");
    assert_eq!(closed.number("lookups"), Some(4), "{closed:?}");
}

#[test]
fn whoever_may_see_everything_is_not_looked_after() {
    let site = site();
    let mut peer = caller(&site, "WS2", GET);
    let (got, _) = get(&mut peer, GET, "STUDY", &[(STUDY, "1.3"), (PATIENT, "P1")]);
    assert_eq!(got.instances.len(), 3);
    let asked = site.pacs.asked();
    assert_eq!(questions(&asked), [(Field::GetRq, "STUDY".to_owned())]);
    assert_eq!(asked[0].key(PATIENT), "P1");
}

#[test]
fn hidden_and_absent_cost_the_same_and_are_answered_alike() {
    let site = site();
    let mut peer = caller(&site, "WS1", GET);
    let keys = |study: &str| -> Vec<(String, Vec<(Tag, String)>)> {
        let (series, instance) = (format!("{study}.1"), format!("{study}.1.1"));
        vec![
            ("STUDY".into(), vec![(STUDY, study.into())]),
            ("SERIES".into(), vec![(STUDY, study.into()), (SERIES, series.clone())]),
            ("IMAGE".into(), vec![(STUDY, study.into()), (SERIES, series), (INSTANCE, instance)]),
        ]
    };
    for (hidden, absent) in keys("1.3").into_iter().zip(keys("7.7")) {
        // Twice each: what is remembered must not tell them apart either.
        let mut told = Vec::new();
        for (level, keys) in [&hidden, &absent, &hidden, &absent] {
            let keys: Vec<(Tag, &str)> = keys.iter().map(|(tag, value)| (*tag, value.as_str())).collect();
            let before = peer.received.len();
            let (got, _) = get(&mut peer, GET, level, &keys);
            assert_eq!(got, Got::nothing(0));
            told.push((peer.received[before..].to_vec(), questions(&site.pacs.asked())));
        }
        assert_eq!(told[0], told[1], "{}", hidden.0);
        assert_eq!(told[2], told[3], "{}", hidden.0);
    }
}

#[test]
fn a_series_or_image_of_another_study_is_not_had_by_way_of_one_that_may_be_seen() {
    let site = site();
    let mut peer = caller(&site, "WS1", GET);
    for ignores in [false, true] {
        site.pacs.behaves(|behaviour| behaviour.ignores_parents = ignores);
        let (got, _) = get(&mut peer, GET, "SERIES", &[(STUDY, "1.1"), (SERIES, "1.1.2\\1.3.1")]);
        assert_eq!(got.instances, ["1.1.2.1"], "{ignores}");
        let keys = [(STUDY, "1.1"), (SERIES, "1.1.1"), (INSTANCE, "1.1.1.2\\1.3.1.1")];
        let (got, _) = get(&mut peer, GET, "IMAGE", &keys);
        assert_eq!(got.instances, ["1.1.1.2"], "{ignores}");
        let keys = [(STUDY, "1.1"), (SERIES, "1.3.1"), (INSTANCE, "1.3.1.1")];
        let (got, _) = get(&mut peer, GET, "IMAGE", &keys);
        assert_eq!(got, Got::nothing(0));
        let asked = site.pacs.asked();
        let retrieves: Vec<&Asked> = asked.iter().filter(|asked| asked.field == Field::GetRq).collect();
        let last = retrieves.last().unwrap();
        assert_eq!(last.key(STUDY), "1.1");
        assert!(is_fresh(last.key(SERIES)) && is_fresh(last.key(INSTANCE)), "{last:?}");
    }
}

#[test]
fn a_patient_is_the_studies_of_theirs_that_may_be_seen() {
    let site = site();
    let mut peer = caller(&site, "WS1", PATIENT_GET);
    let (got, _) = get(&mut peer, PATIENT_GET, "PATIENT", &[(PATIENT, "P1")]);
    assert_eq!((got.instances.len(), got.status), (6, 0));
    let asked = site.pacs.asked();
    let out = handed_out(&asked);
    assert_eq!((out.level(), out.key(PATIENT), out.key(STUDY)), ("STUDY", "P1", "1.1\\1.2"));
    let mut told = Vec::new();
    for patient in ["P2", "P9"] {
        let (got, _) = get(&mut peer, PATIENT_GET, "PATIENT", &[(PATIENT, patient)]);
        assert_eq!(got, Got::nothing(0));
        let asked = site.pacs.asked();
        let out = handed_out(&asked);
        assert!(is_fresh(out.key(PATIENT)) && is_fresh(out.key(STUDY)), "{out:?}");
        told.push(questions(&asked));
    }
    assert_eq!(told[0], told[1]);
    // The study is there and may be seen, but it is not this patient's.
    let (got, _) = get(&mut peer, PATIENT_GET, "STUDY", &[(PATIENT, "P2"), (STUDY, "1.1")]);
    assert_eq!(got, Got::nothing(0));
}

#[test]
fn what_could_be_taken_in_more_ways_than_one_is_taken_in_none() {
    let site = site();
    let mut peer = caller(&site, "WS1", GET);
    let cases: [(&str, Keys<'_>, &str); 7] = [
        ("STUDY", &[(STUDY, "")], "(0020,000D)"),
        ("STUDY", &[], "(0020,000D)"),
        ("STUDY", &[(STUDY, "1.*")], "(0020,000D)"),
        ("STUDY", &[(STUDY, "1.1"), (NAME, "Test*")], "(0010,0010)"),
        ("STUDY", &[(STUDY, "1.1"), (SERIES, "1.1.1")], "(0020,000E)"),
        ("PATIENT", &[(PATIENT, "P1")], "(0008,0052)"),
        ("SERIES", &[(SERIES, "1.1.1")], "(0020,000D)"),
    ];
    for (level, keys, tag) in cases {
        let (got, _) = get(&mut peer, GET, level, keys);
        assert_eq!(got.status, 0xa900, "{level} {keys:?}");
        assert!(got.comment.contains(tag), "{level} {keys:?}: {}", got.comment);
    }
    assert!(site.pacs.asked().iter().all(|asked| asked.field == Field::FindRq));
}

#[test]
fn relational_retrieves_are_resolved_where_the_archive_looks_up_by_the_lower_key() {
    let site = site();
    site.pacs.behaves(|behaviour| behaviour.relational = true);
    let mut peer = caller(&site, "WS1", GET);
    let (got, _) = get(&mut peer, GET, "SERIES", &[(SERIES, "1.1.1\\1.3.1\\8.8")]);
    assert_eq!(got.instances, ["1.1.1.1", "1.1.1.2"]);
    let asked = site.pacs.asked();
    assert_eq!(handed_out(&asked).key(STUDY), "1.1");
    let mut told = Vec::new();
    for series in ["1.3.1", "8.8"] {
        let (got, _) = get(&mut peer, GET, "SERIES", &[(SERIES, series)]);
        assert_eq!(got, Got::nothing(0));
        told.push(questions(&site.pacs.asked()));
    }
    assert_eq!(told[0], told[1]);
    let mut peer = caller(&site, "WS1", COMPOSITE_GET);
    let (got, _) = get(&mut peer, COMPOSITE_GET, "IMAGE", &[(INSTANCE, "1.1.2.1\\2.1.1.1\\1.2.1.1")]);
    assert_eq!(got.instances, ["1.1.2.1", "1.2.1.1"]);
}

#[test]
fn what_an_archive_sends_besides_reaches_nobody_and_is_counted_nowhere() {
    let site = site();
    let mut peer = caller(&site, "WS1", GET);
    site.pacs.behaves(|behaviour| behaviour.strays = vec!["1.3.1.1".into(), "2.1.1.1".into()]);
    let (got, _) = get(&mut peer, GET, "STUDY", &[(STUDY, "1.1")]);
    assert_eq!(got.instances, ["1.1.1.1", "1.1.1.2", "1.1.2.1"]);
    assert_eq!((got.status, got.counters.failed, got.counters.completed), (0, Some(0), Some(3)));
    assert_eq!(got.failed, Vec::<String>::new());
    let denied: Vec<_> = site.world.records().into_iter().filter(|record| record.event() == "denied").collect();
    assert_eq!(denied.len(), 2, "{denied:?}");
    assert!(denied.iter().all(|record| record.text("operation") == Some("get")));
    assert!(!String::from_utf8_lossy(&peer.received).contains("1.3.1.1"));
}

#[test]
fn an_archive_that_is_away_in_the_midst_of_it_is_no_reason_to_show_anything() {
    let site = site_with(RULES, "study_cache_age = \"0s\"", "");
    let mut peer = caller(&site, "WS1", GET);
    site.pacs.behaves(|behaviour| behaviour.away = true);
    let (got, _) = get(&mut peer, GET, "STUDY", &[(STUDY, "1.1")]);
    assert_eq!(got.status, Status::OUT_OF_RESOURCES_SUB_OPERATIONS.0);
    site.pacs.behaves(|behaviour| behaviour.away = false);
    site.pacs.behaves(|behaviour| behaviour.refuses = Some(0xc001));
    let (got, _) = get(&mut peer, GET, "STUDY", &[(STUDY, "1.1")]);
    assert_eq!(got.status, Status::OUT_OF_RESOURCES_SUB_OPERATIONS.0);
    site.pacs.behaves(|behaviour| behaviour.refuses = None);
    assert!(site.pacs.asked().iter().all(|asked| asked.field == Field::FindRq));
    let (got, _) = get(&mut peer, GET, "STUDY", &[(STUDY, "1.1")]);
    assert_eq!((got.status, got.instances.len()), (0, 3));
}

#[test]
fn an_archive_without_a_place_for_lookups_is_come_back_to() {
    let site = site_with(RULES, "", "max_associations = 1\nreserved_for_store = 0");
    let mut peer = caller(&site, "WS1", GET);
    let (got, _) = get(&mut peer, GET, "STUDY", &[(STUDY, "1.1")]);
    assert_eq!(got.status, Status::OUT_OF_RESOURCES.0);
}

#[test]
fn lookups_are_made_under_the_title_that_the_archive_knows_and_on_one_association() {
    for (archive, seen) in [("", "WS1"), ("calling = \"GATE\"", "GATE")] {
        let site = site_with(RULES, "", archive);
        let mut peer = caller(&site, "WS1", GET);
        get(&mut peer, GET, "STUDY", &[(STUDY, "1.1\\1.2")]);
        get(&mut peer, GET, "STUDY", &[(STUDY, "1.3")]);
        let asked = site.pacs.asked();
        assert!(asked.iter().all(|asked| asked.calling == seen), "{asked:?}");
        let finds: Vec<usize> =
            asked.iter().filter(|asked| asked.field == Field::FindRq).map(|asked| asked.association).collect();
        assert_eq!(finds, [finds[0]; 3], "one association for all lookups");
        // Remembered: nothing is looked up again.
        get(&mut peer, GET, "STUDY", &[(STUDY, "1.1\\1.2\\1.3")]);
        assert_eq!(questions(&site.pacs.asked()), [(Field::GetRq, "STUDY".to_owned())]);
        site.world.reload();
        get(&mut peer, GET, "STUDY", &[(STUDY, "1.1")]);
        assert_eq!(site.pacs.asked().len(), 2, "a new configuration forgets");
    }
}

#[test]
fn a_move_from_one_archive_to_another_names_only_what_may_be_seen() {
    let site = site();
    let mut peer = site.world.plain();
    peer.request(&rq("WS1", &[FIND, MOVE]));
    peer.accepted();
    let command = Command::move_rq(9, &uid(MOVE), AeTitle::new("PACS").unwrap());
    peer.say(3, &command, Some(&identifier("STUDY", &[(STUDY, "1.2\\2.1")])));
    let answer = peer.message();
    assert_eq!((answer.status(), answer.command.counters.completed), (0, Some(3)));
    let asked = site.pacs.asked();
    let out = handed_out(&asked);
    assert_eq!(out.key(STUDY), "1.2");
}

const HIDING: &str = r#"
[[rule]]
name = "referred"
who = ["peer:WS1"]
to = ["PACS"]
may = ["get"]
where = { ReferringPhysicianName = "Ref^Rita" }
hide = ["PatientName"]
hide_in_objects = true
"#;

#[test]
fn hidden_attributes_are_taken_out_of_objects_and_nothing_else_changes() {
    let site = site_with(HIDING, "", "");
    for longest in [0, 4096, 32_768, 1 << 20] {
        let mut asked = rq("WS1", &[GET, CT]);
        asked.user.roles = vec![Role { sop_class: uid(CT), scu: true, scp: true }];
        asked.user.max_length = longest;
        let mut peer = site.world.plain();
        peer.request(&asked);
        peer.accepted();
        let (got, objects) = get(&mut peer, GET, "STUDY", &[(STUDY, "1.1")]);
        assert_eq!((got.status, objects.len()), (0, 3));
        for (object, held) in objects.iter().zip(images()) {
            let without = held.data_set().with(NAME, b"PN", "").encode(Encoding::ExplicitLe);
            assert!(*object.data.as_ref().unwrap() == without, "{longest}: {}", held.instance);
        }
    }
}

#[test]
fn what_hides_in_objects_lets_none_pass_by_the_gateway() {
    let rules = HIDING.replace("[\"get\"]", "[\"get\", \"move\"]\ndestinations = [\"PACS\"]");
    let site = site_with(&rules, "", "");
    let mut peer = site.world.plain();
    peer.request(&rq("WS1", &[FIND, MOVE]));
    peer.accepted();
    let command = Command::move_rq(9, &uid(MOVE), AeTitle::new("PACS").unwrap());
    for (study, status) in [("1.1", Status::NOT_AUTHORIZED.0), ("1.3", 0), ("9.9", 0)] {
        peer.say(3, &command, Some(&identifier("STUDY", &[(STUDY, study)])));
        assert_eq!(peer.message().status(), status, "{study}");
        let moved = site.pacs.asked().iter().any(|asked| asked.field == Field::MoveRq);
        assert_eq!(moved, status == 0, "{study}");
    }
}

const OF_PATIENTS: &str = r#"
[[rule]]
name = "patients of Rita's"
who = ["peer:WS1"]
to = ["PACS"]
may = ["get"]
where_patient = { ReferringPhysicianName = "Ref^Rita" }
"#;

#[test]
fn some_study_of_the_patient_opens_all_of_theirs_and_nobody_elses() {
    let site = site_with(OF_PATIENTS, "study_cache_age = \"0s\"", "");
    let mut peer = caller(&site, "WS1", GET);
    let (got, _) = get(&mut peer, GET, "STUDY", &[(STUDY, "1.3")]);
    assert_eq!(got.instances.len(), 3);
    site.pacs.asked();
    let mut told = Vec::new();
    for study in ["2.1", "9.9"] {
        let (got, _) = get(&mut peer, GET, "STUDY", &[(STUDY, study)]);
        assert_eq!(got, Got::nothing(0));
        told.push(questions(&site.pacs.asked()));
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0].len(), 3, "the study, its patient, and the retrieve");
}

/// Bytes that the caller got, and the archive's questions.
type Told = (Vec<u8>, Vec<(Field, String)>);

/// What comes of two retrieves of a study, each asked twice.
fn told(site: &Site, studies: [&str; 2]) -> [Vec<Told>; 2] {
    studies.map(|study| {
        let mut peer = caller(site, "WS1", GET);
        let mut all = Vec::new();
        for _ in 0..2 {
            let before = peer.received.len();
            get(&mut peer, GET, "STUDY", &[(STUDY, study)]);
            all.push((peer.received[before..].to_vec(), questions(&site.pacs.asked())));
        }
        peer.release();
        all
    })
}

/// A study whose patient cannot be counted is not shown by queries; its retrieve must not tell that it is there.
#[test]
fn what_cannot_be_counted_looks_absent() {
    let rules = RULES.replacen("where =", "budget = \"5 patients/hour\"\non_budget = \"refuse\"\nwhere =", 1);
    let images = vec![image("", "Ref^Rita", "1.4", 1, 1)];
    let site = site_of(&rules, "", "", images);
    let [there, absent] = told(&site, ["1.4", "9.9"]);
    assert_eq!(there, absent);
}

/// However little is remembered, what is hidden is remembered no worse than what is absent.
#[test]
fn a_small_memory_does_not_tell_hidden_from_absent() {
    let site = site_with(OF_PATIENTS, "study_cache = 1", "");
    let [hidden, absent] = told(&site, ["2.1", "9.9"]);
    assert_eq!(hidden, absent);
}

/// A patient with more studies than are looked at, and none of them to be seen.
#[test]
fn a_patient_with_very_many_studies_looks_absent_too() {
    let many = (0..12).map(|number| image("P9", "Ref^Otto", &format!("9.{number}"), 1, 1)).collect();
    let site = site_of(OF_PATIENTS, "lookup_answers = 10", "", many);
    let [hidden, absent] = told(&site, ["9.1", "8.8"]);
    assert_eq!(hidden, absent);
}

/// Nor does a retrieve of the patient tell; one of whom all may be seen, and is too much, is refused for now.
#[test]
fn a_patient_with_very_many_hidden_studies_looks_absent_when_asked_for() {
    let of = |patient: &'static str, referrer: &'static str, root: u32| {
        (0..12).map(move |number| image(patient, referrer, &format!("{root}.{number}"), 1, 1))
    };
    let images = of("P9", "Ref^Otto", 9).chain(of("P8", "Ref^Rita", 8)).collect();
    let site = site_of(OF_PATIENTS, "lookup_answers = 10", "", images);
    let outcomes = ["P9", "P0", "P8"].map(|patient| {
        let mut peer = caller(&site, "WS1", PATIENT_GET);
        let before = peer.received.len();
        get(&mut peer, PATIENT_GET, "PATIENT", &[(PATIENT, patient)]);
        let told = (peer.received[before..].to_vec(), questions(&site.pacs.asked()).len());
        peer.release();
        told
    });
    assert_eq!(outcomes[0], outcomes[1]);
    assert_ne!(outcomes[0], outcomes[2]);
}
