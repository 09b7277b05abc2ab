use super::{CHARACTER_SET, INSTANCE, Keys, LEVEL, PATIENT_ID, Retrieve, Root, SERIES, STUDY, VIEW};
use crate::dicom::dataset::Level;
use crate::dicom::dataset::record::RecordLimits;
use crate::dicom::dataset::write::DataSet;
use crate::dicom::transfer_syntax::Encoding;
use crate::dicom::{Phi, Tag, Uid};

fn set(keys: &[(Tag, &str)]) -> DataSet {
    keys.iter().fold(DataSet::new(), |set, (tag, value)| {
        let vr = match *tag {
            PATIENT_ID => b"LO",
            LEVEL | VIEW | CHARACTER_SET => b"CS",
            _ => b"UI",
        };
        set.with(*tag, vr, value)
    })
}

fn read(root: Root, keys: &[(Tag, &str)]) -> Result<Retrieve, String> {
    let bytes = set(keys).encode(Encoding::ExplicitLe);
    Retrieve::read(&bytes, root, Encoding::ExplicitLe, RecordLimits::default()).map_err(|fault| fault.to_string())
}

fn uid(text: &str) -> Uid {
    Uid::new(text).unwrap()
}

#[test]
fn roots_are_told_by_their_classes() {
    for (class, root) in [
        ("1.2.840.10008.5.1.4.1.2.1.2", Some(Root::Patient)),
        ("1.2.840.10008.5.1.4.1.2.2.3", Some(Root::Study)),
        ("1.2.840.10008.5.1.4.1.2.3.3", Some(Root::PatientStudyOnly)),
        ("1.2.840.10008.5.1.4.1.2.4.2", Some(Root::Composite)),
        ("1.2.840.10008.5.1.4.1.2.5.3", Some(Root::Composite)),
        ("1.2.840.10008.5.1.4.1.2.2.1", None),
    ] {
        assert_eq!(Root::of(&uid(class)), root, "{class}");
    }
}

#[test]
fn what_is_asked_for_is_read() {
    let asked = read(
        Root::Study,
        &[
            (CHARACTER_SET, "ISO_IR 100"),
            (LEVEL, "SERIES"),
            (VIEW, "ENHANCED"),
            (STUDY, "1.2"),
            (SERIES, "1.2.3\\1.2.4"),
        ],
    );
    let asked = asked.unwrap();
    assert_eq!(
        (asked.root(), asked.level(), asked.frames(), asked.is_relational()),
        (Root::Study, Level::Series, false, false)
    );
    assert_eq!(asked.keys().series, [uid("1.2.3"), uid("1.2.4")]);
    let keys = Keys { studies: vec![uid("9")], series: vec![uid("9.1")], ..Keys::default() };
    let wanted = set(&[(LEVEL, "SERIES"), (VIEW, "ENHANCED"), (STUDY, "9"), (SERIES, "9.1")]);
    assert_eq!(asked.write(Encoding::ExplicitLe, Level::Series, &keys).unwrap(), wanted.encode(Encoding::ExplicitLe));
    let wanted = set(&[(LEVEL, "STUDY"), (VIEW, "ENHANCED"), (STUDY, "9")]);
    assert_eq!(asked.write(Encoding::ImplicitLe, Level::Study, &keys).unwrap(), wanted.encode(Encoding::ImplicitLe));
    assert_eq!(asked.write(Encoding::ImplicitLe, Level::Image, &keys), None, "no instance to ask for");
    assert_eq!(asked.write(Encoding::ImplicitLe, Level::Patient, &keys), None, "no such level");

    let relational = read(Root::Patient, &[(LEVEL, "IMAGE"), (PATIENT_ID, "4711"), (INSTANCE, "1.2.3.4")]).unwrap();
    assert!(relational.is_relational());
    let patient = read(Root::Patient, &[(LEVEL, "PATIENT"), (PATIENT_ID, " 4711 ")]).unwrap();
    assert_eq!(patient.keys().patient, Some(Phi::new("4711".to_owned())));
    assert!(!patient.is_relational());
}

#[test]
fn what_could_be_taken_in_another_way_is_refused_by_its_tag() {
    let study = (STUDY, "1.2");
    for (root, keys, wanted) in [
        (Root::Study, &[study][..], "(0008,0052) says no level of this information model"),
        (Root::Study, &[(LEVEL, "PATIENT"), (PATIENT_ID, "1")], "(0008,0052) says no level of this information model"),
        (Root::Study, &[(LEVEL, "FRAME"), (INSTANCE, "1")], "(0008,0052) says no level of this information model"),
        (
            Root::PatientStudyOnly,
            &[(LEVEL, "SERIES"), (SERIES, "1")],
            "(0008,0052) says no level of this information model",
        ),
        (Root::Composite, &[(LEVEL, "STUDY"), study], "(0008,0052) says no level of this information model"),
        (Root::Study, &[(LEVEL, "STUDY")], "(0020,000D) has no value"),
        (Root::Study, &[(LEVEL, "SERIES"), study], "(0020,000E) has no value"),
        (Root::Study, &[(LEVEL, "STUDY"), (STUDY, "")], "(0020,000D) is empty"),
        (Root::Study, &[(LEVEL, "SERIES"), (STUDY, ""), (SERIES, "1")], "(0020,000D) is empty"),
        (Root::Study, &[(LEVEL, "STUDY"), (STUDY, "*")], "(0020,000D) is no list of UIDs"),
        (Root::Study, &[(LEVEL, "STUDY"), (STUDY, "1.2\\")], "(0020,000D) is no list of UIDs"),
        (Root::Study, &[(LEVEL, "STUDY"), (STUDY, "1.?")], "(0020,000D) is no list of UIDs"),
        (Root::Study, &[(LEVEL, "STUDY"), study, (SERIES, "1")], "(0020,000E) may not stand in this retrieve"),
        (Root::Study, &[(LEVEL, "STUDY"), study, (PATIENT_ID, "1")], "(0010,0020) may not stand in this retrieve"),
        (
            Root::Study,
            &[(LEVEL, "STUDY"), study, (Tag(0x0010, 0x0010), "")],
            "(0010,0010) may not stand in this retrieve",
        ),
        (
            Root::Study,
            &[(LEVEL, "SERIES"), (STUDY, "1\\2"), (SERIES, "1")],
            "(0020,000D) may be a list at its own level only",
        ),
        (Root::Patient, &[(LEVEL, "PATIENT"), (PATIENT_ID, "47*")], "(0010,0020) is no single value"),
        (Root::Patient, &[(LEVEL, "PATIENT"), (PATIENT_ID, "1\\2")], "(0010,0020) is no single value"),
        (Root::Patient, &[(LEVEL, "STUDY"), (PATIENT_ID, " "), study], "(0010,0020) is empty"),
        (Root::Patient, &[(LEVEL, "PATIENT"), (PATIENT_ID, "ü")], "(0010,0020) cannot be read in its character set"),
        (Root::Composite, &[(LEVEL, "IMAGE"), study, (INSTANCE, "1")], "(0020,000D) may not stand in this retrieve"),
        (Root::Composite, &[(LEVEL, "FRAME"), (INSTANCE, "1")], "(0008,0052) says FRAME, but no frames are named"),
        (Root::Study, &[(LEVEL, "STUDY"), (VIEW, "X"), study], "(0008,0053) is neither CLASSIC nor ENHANCED"),
    ] {
        assert_eq!(read(root, keys).err().as_deref(), Some(wanted), "{keys:?}");
    }
    let damaged = Retrieve::read(&[1, 2, 3], Root::Study, Encoding::ImplicitLe, RecordLimits::default());
    assert_eq!(damaged.unwrap_err().to_string(), "the identifier cannot be read");
}

#[test]
fn frames_go_on_as_they_were_asked() {
    const LIST: Tag = Tag(0x0008, 0x1161);
    let set = |instance: &str| {
        let numbers = [1_u32.to_le_bytes(), 70_000_u32.to_le_bytes()].concat();
        DataSet::new().with(LEVEL, b"CS", "FRAME").with(INSTANCE, b"UI", instance).with(LIST, b"UL", numbers)
    };
    let read = |set: &DataSet| {
        let bytes = set.encode(Encoding::ExplicitLe);
        Retrieve::read(&bytes, Root::Composite, Encoding::ExplicitLe, RecordLimits::default())
    };
    let asked = read(&set("1.2.3")).unwrap();
    assert_eq!((asked.level(), asked.frames(), asked.is_relational()), (Level::Image, true, false));
    let keys = Keys { instances: vec![uid("2.25.1")], studies: vec![uid("1")], ..Keys::default() };
    let again = asked.write(Encoding::ImplicitLe, Level::Image, &keys).unwrap();
    assert_eq!(again, set("2.25.1").encode(Encoding::ImplicitLe));
    let big = asked.write(Encoding::ExplicitBe, Level::Image, &keys).unwrap();
    let from_big = Retrieve::read(&big, Root::Composite, Encoding::ExplicitBe, RecordLimits::default()).unwrap();
    assert_eq!(from_big.write(Encoding::ImplicitLe, Level::Image, &keys).unwrap(), again);
    for bad in [
        set("1\\2"),
        set("1.2.3").with(Tag(0x0008, 0x1162), b"UL", [0; 12]),
        DataSet::new().with(LEVEL, b"CS", "FRAME").with(INSTANCE, b"UI", "1").with(LIST, b"UL", [0; 6]),
        DataSet::new().with(LEVEL, b"CS", "IMAGE").with(INSTANCE, b"UI", "1").with(LIST, b"UL", [0; 4]),
    ] {
        assert!(read(&bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_patient_id_is_written_in_a_script_that_can_carry_it() {
    let of = |characters: &str| {
        let set = DataSet::new().with(CHARACTER_SET, b"CS", characters).with(LEVEL, b"CS", "PATIENT");
        let bytes = set.with(PATIENT_ID, b"LO", "1").encode(Encoding::ExplicitLe);
        Retrieve::read(&bytes, Root::Patient, Encoding::ExplicitLe, RecordLimits::default()).unwrap()
    };
    let keys = |id: &str| Keys { patient: Some(Phi::new(id.to_owned())), ..Keys::default() };
    for (characters, id, wanted) in [
        ("ISO_IR 100", "4711", DataSet::new().with(PATIENT_ID, b"LO", "4711")),
        ("ISO_IR 100", "ü1", DataSet::new().with(CHARACTER_SET, b"CS", "ISO_IR 100").with(PATIENT_ID, b"LO", b"\xfc1")),
        ("ISO_IR 100", "山", DataSet::new().with(CHARACTER_SET, b"CS", "ISO_IR 192").with(PATIENT_ID, b"LO", "山")),
        ("", "山", DataSet::new().with(CHARACTER_SET, b"CS", "ISO_IR 192").with(PATIENT_ID, b"LO", "山")),
    ] {
        let written = of(characters).write(Encoding::ExplicitLe, Level::Patient, &keys(id)).unwrap();
        assert_eq!(written, wanted.with(LEVEL, b"CS", "PATIENT").encode(Encoding::ExplicitLe), "{characters} {id}");
    }
}
