use super::{Narrow, narrow};
use crate::dicom::dataset::record::{Record, RecordLimits};
use crate::dicom::dataset::write::DataSet;
use crate::dicom::dimse::{Operation, Tolerances};
use crate::dicom::query::{Identifier, LEVEL, Model, PATIENT_ID, STUDY};
use crate::dicom::transfer_syntax::Encoding;
use crate::dicom::{AeTitle, Tag};
use crate::policy::model::{ArchiveName, CertificatePattern, Peer, Rule, Subject};
use crate::policy::narrow::Shown;
use crate::policy::{Decision, Known, Moment, Narrowing, Policy, PolicyModel, Principal, Query, Request, Transport};
use std::sync::Arc;

const NAME: Tag = Tag(0x0010, 0x0010);
const BIRTH: Tag = Tag(0x0010, 0x0030);
const REFERRER: Tag = Tag(0x0008, 0x0090);
const STEP: Tag = Tag(0x0040, 0x0100);
const STATION: Tag = Tag(0x0040, 0x0001);
const PERFORMER: Tag = Tag(0x0040, 0x0006);

/// One permit for each list of hidden attributes.
fn narrowing(hides: &[&[Tag]]) -> Arc<Narrowing> {
    let title = |text: &str| AeTitle::new(text).unwrap();
    let rule = |(place, hide): (usize, &&[Tag])| Rule {
        name: format!("rule {place}").into(),
        line: 1,
        who: vec![Subject::Peer("WS1".into())],
        to: vec!["PACS".into()],
        may: vec![Operation::Find],
        hide: hide.to_vec(),
        max_results: Some(1000),
        ..Rule::default()
    };
    let peer = Peer {
        name: "WS1".into(),
        line: 1,
        ae_titles: vec![title("WS1")],
        certificate: Some(CertificatePattern::Any),
        ..Peer::default()
    };
    let policy = Policy::compile(PolicyModel {
        peers: vec![peer],
        archives: vec![ArchiveName::of(title("PACS"))],
        rules: hides.iter().enumerate().map(rule).collect(),
        ..PolicyModel::default()
    })
    .unwrap_or_else(|faults| panic!("{faults:?}"));
    let principal = Principal {
        peer: 0,
        name: "WS1".into(),
        calling: title("WS1"),
        from: "10.20.0.11".parse().unwrap(),
        transport: Transport::Mutual { spki: [0; 32] },
        user: None,
    };
    let decision = policy.decide(&Request {
        principal: &principal,
        to: "PACS",
        operation: Some(Operation::Find),
        sop_class: None,
        transfer_syntax: None,
        destination: None,
        modality: Known::Absent,
        query: Known::Is(Query { level: None, keys: &[] }),
        at: Moment { unix: 1_893_585_600, minute: 720, weekday: 2 },
    });
    match decision {
        Decision::Permit(permission) => permission.narrowing.unwrap(),
        other => panic!("{other:?}"),
    }
}

fn query(set: &DataSet) -> Identifier {
    let bytes = set.clone().with(LEVEL, b"CS", "STUDY").encode(Encoding::ExplicitLe);
    let read =
        Identifier::read(bytes, Encoding::ExplicitLe, Model::StudyRoot, Tolerances::STRICT, RecordLimits::default());
    read.unwrap()
}

fn answer(set: &DataSet) -> Record {
    let bytes = set.encode(Encoding::ExplicitLe);
    Record::read(bytes, Encoding::ExplicitLe, Tolerances::STRICT, RecordLimits::default()).unwrap()
}

#[track_caller]
fn becomes(came: &DataSet, hides: &[&[Tag]], shown: Shown, asked: &Identifier, wanted: Option<&DataSet>) {
    let outcome = narrow(answer(came), &narrowing(hides), shown, asked.asked());
    let wanted = wanted.map_or(Narrow::Dropped, |set| Narrow::Answer(set.encode(Encoding::ExplicitLe)));
    assert_eq!(outcome, wanted);
}

fn both() -> Shown {
    Shown::of(0).or(Shown::of(1))
}

#[test]
fn hidden_values_come_back_empty_where_asked_for_and_are_absent_otherwise() {
    let came = DataSet::new().with(NAME, b"PN", "Doe^Jane").with(BIRTH, b"DA", "19800101").with(STUDY, b"UI", "1.2");
    let asked = query(&DataSet::new().with(NAME, b"PN", "").with(STUDY, b"UI", ""));
    let wanted = DataSet::new().with(NAME, b"PN", "").with(STUDY, b"UI", "1.2");
    becomes(&came, &[&[NAME, BIRTH]], Shown::of(0), &asked, Some(&wanted));
    becomes(&came, &[&[NAME, BIRTH]], Shown::NOTHING, &asked, None);
}

#[test]
fn what_one_permit_that_shows_an_answer_does_not_hide_is_seen() {
    let came = DataSet::new().with(NAME, b"PN", "Doe^Jane").with(BIRTH, b"DA", "19800101");
    let asked = query(&came);
    let hides: &[&[Tag]] = &[&[NAME, BIRTH], &[BIRTH]];
    let asked_for_all = query(&DataSet::new().with(NAME, b"PN", "").with(BIRTH, b"DA", ""));
    becomes(
        &came,
        hides,
        both(),
        &asked_for_all,
        Some(&DataSet::new().with(NAME, b"PN", "Doe^Jane").with(BIRTH, b"DA", "")),
    );
    becomes(&came, hides, both(), &asked, None);
}

#[test]
fn an_answer_that_was_matched_by_a_hidden_key_is_dropped() {
    let came = DataSet::new().with(NAME, b"PN", "Doe^Jane").with(STUDY, b"UI", "1.2");
    for (key, dropped) in [("Doe*", true), ("?*", true), ("*^*", true), ("*", false), ("", false)] {
        let asked = query(&DataSet::new().with(NAME, b"PN", key));
        let wanted = DataSet::new().with(NAME, b"PN", "").with(STUDY, b"UI", "1.2");
        becomes(&came, &[&[NAME]], Shown::of(0), &asked, (!dropped).then_some(&wanted));
        becomes(&came, &[&[NAME], &[]], both(), &asked, Some(&came));
    }
    let inside = DataSet::new().with_items(STEP, vec![DataSet::new().with(PERFORMER, b"PN", "Doe*")]);
    becomes(&came, &[&[PERFORMER]], Shown::of(0), &query(&inside), None);
    becomes(&came, &[&[STEP]], Shown::of(0), &query(&inside), None);
}

#[test]
fn nobody_finds_out_numbers_of_related_objects_by_matching_them() {
    let number = |value: &str| DataSet::new().with(Tag(0x0020, 0x1200), b"IS", value).with(STUDY, b"UI", "1.2");
    for (key, dropped) in [("2", true), ("1\\2", true), ("?", true), ("", false), ("*", false)] {
        let wanted = number("");
        becomes(&number("2"), &[&[]], Shown::of(0), &query(&number(key)), (!dropped).then_some(&wanted));
    }
}

#[test]
fn numbers_of_related_objects_come_back_empty() {
    let number = |element, value: &str| DataSet::new().with(Tag(0x0020, element), b"IS", value);
    for (element, stays) in [(0x1200, false), (0x1202, false), (0x1204, false), (0x1206, true), (0x1208, true)] {
        let wanted = number(element, if stays { "42" } else { "" });
        becomes(&number(element, "42"), &[&[]], Shown::of(0), &query(&number(element, "")), Some(&wanted));
    }
}

#[test]
fn what_only_the_gateway_asked_for_is_taken_out() {
    let mut asked = query(&DataSet::new().with(STUDY, b"UI", ""));
    asked.return_key(REFERRER);
    asked.return_path(&[STEP, STATION]);
    assert!(asked.matching_key(PATIENT_ID, dicom_core::VR::LO, "4711"));
    let came = DataSet::new()
        .with(Tag(0x0008, 0x0005), b"CS", "ISO_IR 100")
        .with(LEVEL, b"CS", "STUDY")
        .with(Tag(0x0008, 0x0054), b"AE", "PACS")
        .with(REFERRER, b"PN", "House")
        .with(PATIENT_ID, b"LO", "4711")
        .with(STUDY, b"UI", "1.2")
        .with_items(STEP, vec![DataSet::new().with(STATION, b"AE", "CT1")]);
    let wanted = DataSet::new()
        .with(Tag(0x0008, 0x0005), b"CS", "ISO_IR 100")
        .with(LEVEL, b"CS", "STUDY")
        .with(Tag(0x0008, 0x0054), b"AE", "PACS")
        .with(STUDY, b"UI", "1.2");
    becomes(&came, &[&[]], Shown::of(0), &asked, Some(&wanted));
}

#[test]
fn inside_sequences_the_same_holds() {
    let step = |performer: Option<&str>| {
        let step = DataSet::new().with(STATION, b"AE", "CT1");
        match performer {
            Some(name) => step.with(PERFORMER, b"PN", name),
            None => step,
        }
    };
    let set = |performer| {
        DataSet::new().with(NAME, b"PN", "Doe^Jane").with_items(STEP, vec![step(performer), step(performer)])
    };
    let asked = DataSet::new().with_items(STEP, vec![DataSet::new().with(PERFORMER, b"PN", "")]);
    becomes(&set(Some("House")), &[&[PERFORMER]], Shown::of(0), &query(&asked), Some(&set(Some(""))));
    let whole = DataSet::new().with_items(STEP, Vec::new());
    becomes(&set(Some("House")), &[&[PERFORMER]], Shown::of(0), &query(&whole), Some(&set(Some(""))));
    let other = DataSet::new().with_items(STEP, vec![DataSet::new().with(STATION, b"AE", "")]);
    becomes(&set(Some("House")), &[&[PERFORMER]], Shown::of(0), &query(&other), Some(&set(None)));
    let wanted = DataSet::new().with(NAME, b"PN", "Doe^Jane").with_items(STEP, Vec::new());
    becomes(&set(Some("House")), &[&[STEP]], Shown::of(0), &query(&asked), Some(&wanted));
}

mod leaks {
    use super::{BIRTH, NAME, answer, narrowing, query};
    use crate::dicom::Tag;
    use crate::dicom::dataset::write::DataSet;
    use crate::policy::narrow::Shown;
    use crate::transform::narrow::{Narrow, narrow};
    use proptest::prelude::{Strategy, any, prop, prop_assert, prop_assert_eq, proptest};

    const SECRET: &str = "SECRET";
    const PLACES: [(Tag, &[u8; 2]); 4] =
        [(NAME, b"PN"), (BIRTH, b"DA"), (Tag(0x0010, 0x1040), b"LO"), (Tag(0x0020, 0x4000), b"LT")];
    const SEQUENCES: [Tag; 2] = [Tag(0x0008, 0x1110), Tag(0x0040, 0x0100)];

    /// Hidden attributes hold the secret, wherever they stand; all else holds something plain.
    fn answers() -> impl Strategy<Value = DataSet> {
        let leaf = prop::collection::vec(any::<bool>(), PLACES.len()).prop_map(|there| {
            PLACES.iter().zip(there).filter(|(_, there)| *there).fold(DataSet::new(), |set, ((tag, vr), _)| {
                let hidden = [NAME, BIRTH].contains(tag);
                set.with(*tag, vr, if hidden { SECRET } else { "xyz" })
            })
        });
        leaf.prop_recursive(3, 20, 3, |inner| {
            let items = prop::collection::vec(inner.clone(), 0..3);
            (inner, prop::sample::select(SEQUENCES.as_slice()), items)
                .prop_map(|(set, tag, items)| set.with_items(tag, items))
        })
    }

    proptest! {
        #[test]
        fn no_hidden_value_is_left_and_nothing_else_is_gone(came in answers(), asked in answers(), hide in any::<bool>()) {
            let text = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
            // Universal keys only: the query narrows nothing.
            let mut universal = DataSet::new();
            for tag in SEQUENCES {
                if format!("{asked:?}").contains(&tag.to_string()) {
                    universal = universal.with_items(tag, Vec::new());
                }
            }
            let hidden: &[Tag] = if hide { &[NAME, BIRTH] } else { &[] };
            let record = answer(&came);
            let before = record.write();
            let outcome = narrow(record, &narrowing(&[hidden]), Shown::of(0), query(&universal).asked());
            let Narrow::Answer(after) = outcome else { return Err(proptest::test_runner::TestCaseError::fail("dropped")) };
            if hide {
                prop_assert!(!text(&after, SECRET));
                let plain = |bytes: &[u8]| bytes.windows(3).filter(|three| *three == b"xyz").count();
                prop_assert_eq!(plain(&after), plain(&before));
            } else {
                prop_assert_eq!(after, before);
            }
        }
    }
}
