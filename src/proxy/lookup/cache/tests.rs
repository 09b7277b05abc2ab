use super::*;
use crate::dicom::dataset::record::{Record, RecordLimits};
use crate::dicom::dataset::write::DataSet;
use crate::dicom::dimse::Tolerances;
use crate::dicom::query::{PATIENT_ID, STUDY};
use crate::dicom::transfer_syntax::Encoding;

const AGE: Duration = Duration::from_secs(60);

fn uid(text: &str) -> Uid {
    Uid::new(text).unwrap()
}

fn key(study: &str) -> Key {
    let title = |text: &str| AeTitle::new(text).unwrap();
    let none: Arc<[Tag]> = Arc::from(Vec::new());
    Key { archive: title("PACS"), calling: title("WS1"), study: uid(study), wanted: none, of_patient: None }
}

fn record(study: &str, patient: &str) -> Record {
    let set = DataSet::new().with_uid(STUDY, &uid(study)).with(PATIENT_ID, b"LO", patient);
    let bytes = set.encode(Encoding::ExplicitLe);
    Record::read(bytes, Encoding::ExplicitLe, Tolerances::STRICT, RecordLimits::default()).unwrap()
}

fn known(study: &str) -> Known {
    StudyFacts::of(uid(study), vec![record(study, "4711")]).map(Arc::new)
}

#[test]
fn what_is_not_there_is_remembered_like_what_is_until_it_is_too_old() {
    let (remembered, now) = (Remembered::default(), Instant::now());
    assert!(remembered.study(&key("1.2"), AGE, now).is_none());
    remembered.learn(key("1.2"), &known("1.2"), 10, now);
    remembered.learn(key("1.3"), &None, 10, now);
    let later = now + AGE - Duration::from_millis(1);
    assert_eq!(remembered.study(&key("1.2"), AGE, later).unwrap().unwrap().study(), &uid("1.2"));
    assert!(remembered.study(&key("1.3"), AGE, later).unwrap().is_none());
    assert!(remembered.study(&key("1.2"), AGE, now + AGE).is_none());
    assert!(remembered.study(&key("1.3"), AGE, now + AGE).is_none());
    assert!(remembered.study(&key("1.2"), Duration::ZERO, now).is_none(), "no age at all");
}

#[test]
fn another_title_and_other_attributes_are_another_question() {
    let (remembered, now) = (Remembered::default(), Instant::now());
    remembered.learn(key("1.2"), &known("1.2"), 10, now);
    let title = Key { calling: AeTitle::new("WS2").unwrap(), ..key("1.2") };
    let archive = Key { archive: AeTitle::new("VNA").unwrap(), ..key("1.2") };
    let wanted = Key { wanted: Arc::from(vec![PATIENT_ID]), ..key("1.2") };
    for other in [title, archive, wanted] {
        assert!(remembered.study(&other, AGE, now).is_none());
    }
    remembered.clear();
    assert!(remembered.study(&key("1.2"), AGE, now).is_none());
}

#[test]
fn the_oldest_go_first_and_no_more_is_kept_than_may_be() {
    let (remembered, now) = (Remembered::default(), Instant::now());
    for number in 0..1000_u32 {
        let now = now + Duration::from_millis(number.into());
        remembered.learn(key(&format!("1.{number}")), &None, 10, now);
        // Learned again and again, it is still one.
        remembered.learn(key("2.1"), &None, 10, now);
    }
    let inner = remembered.inner();
    assert!(inner.studies.len() <= 10 && inner.order.len() <= 20, "{}", inner.order.len());
    assert!(inner.studies.contains_key(&key("2.1")) && inner.studies.contains_key(&key("1.999")));
    assert!(!inner.studies.contains_key(&key("1.0")));
}

#[test]
fn what_is_there_takes_as_much_room_as_what_is_not() {
    for (first, second) in [(known("1.1"), None), (None, known("1.2")), (None, None), (known("1.1"), known("1.2"))] {
        let (remembered, now) = (Remembered::default(), Instant::now());
        remembered.learn(key("1.1"), &first, 1, now);
        assert!(remembered.study(&key("1.1"), AGE, now).is_some());
        remembered.learn(key("1.2"), &second, 1, now);
        assert!(remembered.study(&key("1.1"), AGE, now).is_none(), "it made room");
        assert!(remembered.study(&key("1.2"), AGE, now).is_some());
        remembered.learn(key("1.5"), &None, 0, now);
        assert!(remembered.study(&key("1.5"), AGE, now).is_none(), "nothing is to be remembered");
    }
}

#[test]
fn whose_a_study_of_two_patients_is_cannot_be_said() {
    let two = vec![record("1.1", "4711"), record("1.1", "4712")];
    assert!(StudyFacts::of(uid("1.1"), two).is_none());
    let twice = vec![record("1.1", "4711"), record("1.1", "4711")];
    assert!(StudyFacts::of(uid("1.1"), twice).is_some());
    assert!(StudyFacts::of(uid("1.1"), Vec::new()).is_none());
    let facts = StudyFacts::of(uid("1.1"), vec![record("1.1", "4711")]).unwrap();
    assert!(!format!("{facts:?} {:?}", facts.patient()).contains("4711"));
}
