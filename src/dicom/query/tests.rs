use super::{Builder, INSTANCE, Identifier, LEVEL, Model, PATIENT_ID, QueryFault, SERIES, STUDY};
use crate::dicom::dataset::Level;
use crate::dicom::dataset::record::{Record, RecordLimits};
use crate::dicom::dataset::write::DataSet;
use crate::dicom::dimse::Tolerances;
use crate::dicom::matching::{Attributes, Extended};
use crate::dicom::transfer_syntax::Encoding;
use crate::dicom::{Tag, Uid};
use dicom_core::VR;

const CHARACTER_SET: Tag = Tag(0x0008, 0x0005);
const NAME: Tag = Tag(0x0010, 0x0010);
const BIRTH: Tag = Tag(0x0010, 0x0030);
const STEP: Tag = Tag(0x0040, 0x0100);
const MODALITY: Tag = Tag(0x0008, 0x0060);
const STATION: Tag = Tag(0x0040, 0x0001);

fn identifier(model: Model, set: &DataSet) -> Result<Identifier, QueryFault> {
    let bytes = set.encode(Encoding::ExplicitLe);
    Identifier::read(bytes, Encoding::ExplicitLe, model, Tolerances::STRICT, RecordLimits::default())
}

fn study() -> DataSet {
    DataSet::new().with(LEVEL, b"CS", "STUDY").with(STUDY, b"UI", "")
}

fn uid(text: &str) -> Uid {
    Uid::new(text).unwrap()
}

#[test]
fn models_have_their_levels() {
    for (class, model) in [
        ("1.2.840.10008.5.1.4.1.2.1.1", Some(Model::PatientRoot)),
        ("1.2.840.10008.5.1.4.1.2.2.1", Some(Model::StudyRoot)),
        ("1.2.840.10008.5.1.4.1.2.3.1", Some(Model::PatientStudyOnly)),
        ("1.2.840.10008.5.1.4.31", Some(Model::Worklist)),
        ("1.2.840.10008.5.1.4.1.2.2.2", None),
    ] {
        assert_eq!(Model::of(&uid(class)), model, "{class}");
    }
    let at =
        |model, level: &str| identifier(model, &DataSet::new().with(LEVEL, b"CS", level)).map(|query| query.level());
    assert_eq!(at(Model::PatientRoot, "PATIENT "), Ok(Some(Level::Patient)));
    assert_eq!(at(Model::StudyRoot, "IMAGE"), Ok(Some(Level::Image)));
    assert_eq!(at(Model::StudyRoot, "PATIENT"), Err(QueryFault::Level));
    assert_eq!(at(Model::PatientStudyOnly, "SERIES"), Err(QueryFault::Level));
    assert_eq!(at(Model::StudyRoot, "STUDY\\SERIES"), Err(QueryFault::Level));
    assert_eq!(at(Model::StudyRoot, "study"), Err(QueryFault::Level));
    assert_eq!(identifier(Model::StudyRoot, &DataSet::new()).err(), Some(QueryFault::Level));
    assert_eq!(identifier(Model::Worklist, &DataSet::new()).unwrap().level(), None);
    assert_eq!(QueryFault::Level.tag(), Some(LEVEL));
}

#[test]
fn only_keys_that_say_something_ask_a_value() {
    for (vr, text, asks, narrows) in [
        (b"PN", "", false, false),
        (b"PN", "*", false, false),
        (b"PN", "**  ", false, false),
        (b"LO", "\t", false, true),
        (b"LO", "4711\\*", false, true),
        (b"LO", "4711\\", false, true),
        (b"LO", "4711\\4712", true, true),
        (b"PN", "*^*", false, true),
        (b"PN", "???", false, true),
        (b"PN", "A*", true, true),
        (b"PN", "\u{ff}", false, true),
        (b"LO", "^", true, true),
        (b"CS", "*\\*", false, true),
        (b"CS", "CT\\*", false, true),
    ] {
        let tag = if vr == b"PN" { NAME } else { PATIENT_ID };
        let bytes: Vec<u8> = text.chars().map(|c| c as u8).collect();
        let query = identifier(Model::StudyRoot, &study().with(tag, vr, &bytes)).unwrap();
        assert_eq!(query.asks(), if asks { vec![tag] } else { vec![] }, "{text}");
        assert_eq!((query.asks_value(tag), query.asked().narrows(&[tag])), (asks, narrows), "{text}");
        assert!(query.asked().has(&[tag]) && !query.asked().has(&[BIRTH]));
    }
    let set = DataSet::new()
        .with(CHARACTER_SET, b"CS", "ISO_IR 100")
        .with_items(STEP, vec![DataSet::new().with(MODALITY, b"CS", "CT").with(STATION, b"AE", "")]);
    let worklist = identifier(Model::Worklist, &set).unwrap();
    assert_eq!(worklist.asks(), [STEP]);
    assert_eq!(worklist.asked().narrowing().collect::<Vec<_>>(), [&[STEP, MODALITY][..]]);
    assert!(worklist.asked().has(&[STEP, STATION]) && !worklist.asked().has(&[STEP, NAME]));
    let whole = identifier(Model::Worklist, &DataSet::new().with_items(STEP, vec![])).unwrap();
    assert!(whole.asks().is_empty() && whole.asked().has(&[STEP, NAME]));
}

#[test]
fn a_key_that_archives_cannot_read_as_its_attribute_asks_no_value() {
    let inside = |key: DataSet| study().with_items(BIRTH, vec![key]);
    for set in [
        inside(DataSet::new().with(NAME, b"PN", "Doe")),
        inside(DataSet::new().with(BIRTH, b"DA", "20240101")),
        study().with(BIRTH, b"DA", "-"),
        study().with(BIRTH, b"LO", "whenever"),
        study().with(BIRTH, b"DA", "20249999"),
        study().with(STEP, b"LO", "Doe"),
    ] {
        let query = identifier(Model::StudyRoot, &set).unwrap();
        assert_eq!(query.asks(), [], "{set:?}");
        assert!(query.asked().narrowing().next().is_some(), "a key it is all the same");
    }
    for text in ["20240101", "20240101-", "-20240101"] {
        assert_eq!(identifier(Model::StudyRoot, &study().with(BIRTH, b"DA", text)).unwrap().asks(), [BIRTH]);
    }
}

#[test]
fn lists_of_uids_are_read() {
    let of = |value: &str| identifier(Model::StudyRoot, &study().with(STUDY, b"UI", value)).unwrap().uids(STUDY);
    assert_eq!(of("1.2\\1.3 "), Some(vec![uid("1.2"), uid("1.3")]));
    assert_eq!(of(""), Some(vec![]));
    assert_eq!(of("*"), Some(vec![]));
    assert_eq!(of("1.2.*"), None);
    assert_eq!(identifier(Model::StudyRoot, &study()).unwrap().uids(SERIES), Some(vec![]));
}

#[test]
fn what_the_gateway_adds_is_remembered() {
    let set = study().with(NAME, b"PN", "").with(PATIENT_ID, b"LO", "47*");
    let mut query = identifier(Model::StudyRoot, &set).unwrap();
    query.return_key(NAME);
    query.return_key(BIRTH);
    assert!(query.matching_key(NAME, VR::PN, "Doe*") && !query.matching_key(PATIENT_ID, VR::LO, "4711"));
    assert!(query.matching_key(MODALITY, VR::CS, "CT"));
    assert!(!query.matching_key(Tag(0x0008, 0x0090), VR::PN, "Müller"), "the query is in the default repertoire");
    assert!(query.set_uids(STUDY, &[uid("1.2")]));
    query.set_level(Level::Series);
    let wanted = study()
        .with(LEVEL, b"CS", "SERIES")
        .with(MODALITY, b"CS", "CT")
        .with(NAME, b"PN", "Doe*")
        .with(PATIENT_ID, b"LO", "47*")
        .with(BIRTH, b"DA", "")
        .with(STUDY, b"UI", "1.2");
    assert_eq!(query.write(), wanted.encode(Encoding::ExplicitLe));
    let added: Vec<bool> =
        [NAME, BIRTH, MODALITY, PATIENT_ID, STUDY, LEVEL].map(|tag| query.asked().is_added(&[tag])).to_vec();
    assert_eq!(added, [false, true, true, false, false, false]);
    assert_eq!(query.asks(), [PATIENT_ID], "what she asked stays what she asked");
    assert_eq!(query.level(), Some(Level::Study));
    query.take_away(PATIENT_ID);
    assert!(!query.record().has(PATIENT_ID) && query.caller().has(PATIENT_ID));

    let mut worklist =
        identifier(Model::Worklist, &DataSet::new().with_items(STEP, vec![DataSet::new().with(MODALITY, b"CS", "")]));
    let worklist = worklist.as_mut().unwrap();
    worklist.return_path(&[STEP, STATION]);
    worklist.return_path(&[STEP, MODALITY]);
    worklist.return_path(&[Tag(0x0032, 0x1064), Tag(0x0008, 0x0100)]);
    assert!(worklist.asked().is_added(&[STEP, STATION]) && !worklist.asked().is_added(&[STEP, MODALITY]));
    assert!(worklist.asked().is_added(&[Tag(0x0032, 0x1064)]), "with the sequence goes what is inside");
}

#[test]
fn a_key_is_added_in_the_script_of_the_query_or_not_at_all() {
    let mut query = identifier(Model::StudyRoot, &study().with(CHARACTER_SET, b"CS", "ISO_IR 100")).unwrap();
    assert!(query.matching_key(NAME, VR::PN, "Müller"));
    assert_eq!(query.record().value(NAME), Some(&b"M\xfcller"[..]));
    assert!(!query.set_key(NAME, VR::PN, "山田"));
    assert_eq!(query.record().text(NAME).as_deref(), Some("Müller"));
}

#[test]
fn keys_are_those_of_the_caller() {
    let mut query = identifier(Model::StudyRoot, &study().with(NAME, b"PN", "doe*").with(BIRTH, b"DA", "")).unwrap();
    query.set_key(NAME, VR::PN, "Nobody");
    let keys = query.keys(Extended::default()).unwrap();
    let answer = |name: &str| {
        let bytes = DataSet::new().with(NAME, b"PN", name).encode(Encoding::ExplicitLe);
        Record::read(bytes, Encoding::ExplicitLe, Tolerances::STRICT, RecordLimits::default()).unwrap()
    };
    assert!(keys.matches(&answer("Doe^Jane")) && !keys.matches(&answer("Nobody")));
    let bad = identifier(Model::StudyRoot, &study().with(BIRTH, b"DA", "yesterday")).unwrap();
    assert_eq!(bad.keys(Extended::default()).err(), Some(BIRTH));
}

#[test]
fn own_identifiers_declare_a_character_set_only_where_needed() {
    for encoding in [Encoding::ImplicitLe, Encoding::ExplicitLe] {
        let own = Builder::new(Model::PatientRoot, Level::Study)
            .text(PATIENT_ID, VR::LO, "4711")
            .uids(STUDY, &[uid("1.2"), uid("1.3")])
            .returns(&[NAME, STUDY])
            .write(encoding);
        let wanted = DataSet::new()
            .with(LEVEL, b"CS", "STUDY")
            .with(PATIENT_ID, b"LO", "4711")
            .with(STUDY, b"UI", "1.2\\1.3")
            .with(NAME, b"PN", "");
        assert_eq!(own.unwrap(), wanted.encode(encoding));
    }
    let own = Builder::new(Model::StudyRoot, Level::Image).text(NAME, VR::PN, "山田").uids(INSTANCE, &[]);
    let wanted = DataSet::new()
        .with(CHARACTER_SET, b"CS", "ISO_IR 192")
        .with(LEVEL, b"CS", "IMAGE")
        .with(INSTANCE, b"UI", "")
        .with(NAME, b"PN", "山田");
    assert_eq!(own.write(Encoding::ExplicitLe).unwrap(), wanted.encode(Encoding::ExplicitLe));
    let many = vec![uid("1.2.3"); 20_000];
    let own = Builder::new(Model::StudyRoot, Level::Study).uids(STUDY, &many);
    assert!(own.write(Encoding::ExplicitLe).is_none() && own.write(Encoding::ImplicitLe).is_some());
}
