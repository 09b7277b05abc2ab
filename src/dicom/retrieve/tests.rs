use super::*;
use crate::dicom::dataset::write::DataSet;
use proptest::prelude::*;

fn uid(text: &str) -> Uid {
    Uid::new(text).unwrap()
}

fn read(keys: &[(Tag, &[u8; 2], &str)]) -> Result<Scope, ScopeFault> {
    let set = keys.iter().fold(DataSet::new(), |set, (tag, vr, value)| set.with(*tag, vr, value));
    Scope::read(&set.encode(Encoding::ImplicitLe), Encoding::ImplicitLe, WalkLimits::default())
}

#[test]
fn the_level_that_was_asked_at_stays_beside_the_one_that_is_asked_at() {
    let bytes = DataSet::new().with(LEVEL, b"CS", "STUDY").with(STUDIES, b"UI", "1.2").encode(Encoding::ExplicitLe);
    let scope = Scope::read(&bytes, Encoding::ExplicitLe, WalkLimits::default()).unwrap();
    assert_eq!(scope.asked(), Level::Study);
    let scope = scope.asked_at(Level::Patient);
    assert_eq!(Scope::decode(&scope.encode()), Some(scope.clone()));
    assert_eq!((scope.asked(), scope.level), (Level::Patient, Level::Study));
    // As an earlier version wrote it.
    let mut old = scope.encode();
    old[0] &= 0xf;
    assert_eq!(Scope::decode(&old).map(|scope| scope.asked()), Some(Level::Study));
    old[0] |= 0x70;
    assert_eq!(Scope::decode(&old), None);
}

#[test]
fn a_study_covers_its_instances_whatever_keys_stand_below_its_level() {
    let scope = read(&[(LEVEL, b"CS", "STUDY "), (STUDIES, b"UI", "1.2\\1.3"), (SERIES, b"UI", "9.9")]).unwrap();
    let (study, series, instance) = (uid("1.3"), uid("1.3.1"), uid("1.3.1.1"));
    let object = Belongs { study: Some(&study), series: Some(&series), instance: Some(&instance), patient: None };
    assert!(scope.covers(&object));
    assert!(!scope.covers(&Belongs { study: Some(&uid("1.4")), ..object }));
    assert!(!scope.covers(&Belongs { study: None, ..object }));
    assert_eq!(scope.study(), None);
}

#[test]
fn every_key_at_the_level_and_above_counts() {
    let scope = read(&[
        (LEVEL, b"CS", "IMAGE"),
        (PATIENT, b"LO", "4711 "),
        (STUDIES, b"UI", "1.2"),
        (SERIES, b"UI", "1.2.3"),
        (INSTANCES, b"UI", "1.2.3.4\\1.2.3.5"),
    ])
    .unwrap();
    let (study, series, instance) = (uid("1.2"), uid("1.2.3"), uid("1.2.3.5"));
    let object =
        Belongs { study: Some(&study), series: Some(&series), instance: Some(&instance), patient: Some(b"4711") };
    assert!(scope.covers(&object));
    assert!(!scope.covers(&Belongs { patient: Some(b"4712"), ..object }));
    assert!(!scope.covers(&Belongs { series: Some(&uid("1.2.4")), ..object }));
    assert!(!scope.covers(&Belongs { instance: Some(&uid("1.2.3.6")), ..object }));
    assert_eq!(scope.study(), Some(&study));
}

#[test]
fn what_could_be_anything_is_no_scope() {
    assert_eq!(read(&[(LEVEL, b"CS", "STUDY")]), Err(ScopeFault::Key));
    assert_eq!(read(&[(STUDIES, b"UI", "1.2")]), Err(ScopeFault::Level));
    assert_eq!(read(&[(LEVEL, b"CS", "FRAME"), (STUDIES, b"UI", "1.2")]), Err(ScopeFault::Level));
    assert_eq!(read(&[(LEVEL, b"CS", "PATIENT"), (PATIENT, b"LO", "47*")]), Err(ScopeFault::Value));
    assert_eq!(read(&[(LEVEL, b"CS", "STUDY"), (STUDIES, b"UI", "1.*")]), Err(ScopeFault::Value));
    assert_eq!(read(&[(LEVEL, b"CS", "PATIENT"), (STUDIES, b"UI", "1.2")]), Err(ScopeFault::Key));
    let unreadable = Scope::read(&[1, 2, 3], Encoding::ImplicitLe, WalkLimits::default());
    assert_eq!(unreadable, Err(ScopeFault::Unreadable));
}

#[test]
fn a_patient_id_outside_ascii_is_left_to_the_uid_beside_it() {
    let set = DataSet::new().with(LEVEL, b"CS", "STUDY").with(PATIENT, b"LO", b"M\xfcller").with(STUDIES, b"UI", "1.2");
    let scope = Scope::read(&set.encode(Encoding::ExplicitLe), Encoding::ExplicitLe, WalkLimits::default()).unwrap();
    let study = uid("1.2");
    let object = Belongs { study: Some(&study), patient: Some("M\u{fc}ller".as_bytes()), ..Belongs::default() };
    assert!(scope.covers(&object));
    let other = uid("1.3");
    assert!(!scope.covers(&Belongs { study: Some(&other), ..object }));
}

proptest! {
    #[test]
    fn what_is_kept_is_what_comes_back(
        level in 0_u8..4,
        patient in proptest::option::of("[A-Z0-9]{1,16}"),
        lists in proptest::collection::vec(proptest::collection::vec("[1-9][0-9]{0,3}(\\.[1-9][0-9]{0,3}){1,5}", 0..5), 3),
    ) {
        let list = |at: usize| lists[at].iter().map(|text| uid(text)).collect::<Vec<_>>();
        let level = [Level::Patient, Level::Study, Level::Series, Level::Image][usize::from(level)];
        let patient = patient.map(|id| Phi::new(id.into_bytes().into()));
        let scope = Scope { level, asked: level, patient, studies: list(0), series: list(1), instances: list(2) };
        let bytes = scope.encode();
        prop_assert_eq!(Scope::decode(&bytes), Some(scope));
        for end in 0..bytes.len() {
            prop_assert_eq!(Scope::decode(&bytes[..end]), None);
        }
    }

    #[test]
    fn any_bytes_are_taken_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Scope::decode(&bytes);
        let _ = Scope::read(&bytes, Encoding::ExplicitLe, WalkLimits::default());
    }
}
