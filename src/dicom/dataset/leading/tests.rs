use super::*;
use crate::dicom::dataset::write::DataSet;
use crate::dicom::dataset::{WalkFault, WalkLimits, Walker};
use crate::dicom::transfer_syntax::Encoding;

fn read(bytes: &[u8], mut leading: Leading, encoding: Encoding) -> Result<Leading, WalkFault> {
    let tolerances = leading.tolerances;
    let mut walker = Walker::new(encoding, WalkLimits::default(), tolerances);
    for piece in bytes.chunks(3) {
        walker.push(piece, &mut leading)?;
    }
    walker.finish()?;
    leading.end();
    Ok(leading)
}

fn object(set: &DataSet) -> Result<Leading, WalkFault> {
    read(&set.encode(Encoding::ExplicitLe), Leading::of_object(Tolerances::STRICT), Encoding::ExplicitLe)
}

fn identifying() -> DataSet {
    DataSet::new()
        .with(CHARACTER_SET, b"CS", "ISO_IR 100")
        .with(SOP_CLASS, b"UI", "1.2.840.10008.5.1.4.1.1.2")
        .with(SOP_INSTANCE, b"UI", "1.2.3")
        .with(STUDY_DATE, b"DA", "20260102")
        .with(ACCESSION, b"SH", "A1")
        .with(MODALITY, b"CS", "CT")
        .with(PATIENT_NAME, b"PN", b"M\xfcller^Eva")
        .with(PATIENT_ID, b"LO", " P1 ")
        .with(STUDY, b"UI", "1.2.4")
        .with(SERIES, b"UI", "1.2.5")
}

fn key_object(items: &[(&str, &str)]) -> DataSet {
    let item = |(value, scheme): &(&str, &str)| {
        let set = DataSet::new().with(CODE_VALUE, b"SH", value);
        if scheme.is_empty() { set } else { set.with(CODE_SCHEME, b"SH", scheme) }
    };
    identifying().with_items(TITLE, items.iter().map(item).collect())
}

#[test]
fn what_an_object_says_is_read_without_padding() {
    // The same UID inside a sequence before it does not count.
    let nested = DataSet::new().with(SOP_INSTANCE, b"UI", "9.9").with(PATIENT_ID, b"LO", "X");
    let leading = object(&identifying().with_items(Tag(0x0008, 0x1140), vec![nested])).unwrap();
    let text = |value: Option<&Phi<Box<[u8]>>>| value.unwrap().reveal().to_vec();
    assert_eq!(leading.sop_class().unwrap().as_str(), "1.2.840.10008.5.1.4.1.1.2");
    assert_eq!(leading.sop_instance().unwrap().as_str(), "1.2.3");
    assert_eq!((leading.study().unwrap().as_str(), leading.series().unwrap().as_str()), ("1.2.4", "1.2.5"));
    assert_eq!((leading.modality(), leading.character_set()), (Some("CT"), Some(&b"ISO_IR 100"[..])));
    assert_eq!(text(leading.patient_name()), b"M\xfcller^Eva");
    assert_eq!(text(leading.patient_id()), b"P1");
    assert_eq!((text(leading.accession()), text(leading.study_date())), (b"A1".to_vec(), b"20260102".to_vec()));
    assert!(!leading.is_rejection());
    let shown = format!("{leading:?}");
    assert!(!shown.contains("P1") && !shown.contains("80, 49"), "{shown}");
}

#[test]
fn passed_means_that_nothing_more_can_be_said() {
    let mut leading = Leading::of_object(Tolerances::ALL);
    let mut walker = Walker::new(Encoding::ExplicitLe, WalkLimits::default(), Tolerances::ALL);
    assert!(!leading.passed(SOP_CLASS));
    let until = |tag| identifying().encode(Encoding::ExplicitLe).windows(4).position(|at| at == tag).unwrap();
    let bytes = identifying().encode(Encoding::ExplicitLe);
    let (before, after) = bytes.split_at(until([0x08, 0, 0x60, 0]));
    walker.push(before, &mut leading).unwrap();
    assert!(leading.passed(SOP_INSTANCE) && !leading.passed(ACCESSION) && !leading.passed(MODALITY));
    walker.push(after, &mut leading).unwrap();
    assert!(leading.passed(MODALITY) && !leading.passed(SERIES));
    // Out of order, though tolerated, does not take back what has passed.
    walker.push(&[0x09, 0, 0x10, 0, b'L', b'O', 0, 0], &mut leading).unwrap();
    assert!(leading.passed(STUDY));
    leading.end();
    assert!(leading.passed(SERIES) && leading.passed(TITLE));
}

#[test]
fn rejections_are_known_by_their_title() {
    for code in ["113001", "113037", "113038", "113039"] {
        assert!(object(&key_object(&[(code, "DCM")])).unwrap().is_rejection());
        assert!(object(&key_object(&[(code, "")])).unwrap().is_rejection(), "a scheme left out hides nothing");
        assert!(object(&key_object(&[("113000", "DCM"), (code, "dcm")])).unwrap().is_rejection());
        assert!(object(&key_object(&[(code, "DCM"), ("113000", "DCM")])).unwrap().is_rejection());
        assert!(!object(&key_object(&[(code, "99LOCAL")])).unwrap().is_rejection());
        for hidden in [format!(" {code} "), format!("{code}\0x"), format!("{code}\\1"), format!("1\\{code}")] {
            assert!(object(&key_object(&[(&hidden, "DCM")])).unwrap().is_rejection(), "{hidden:?}");
        }
    }
    assert!(!object(&key_object(&[("113000", "DCM")])).unwrap().is_rejection());
    assert!(!object(&key_object(&[])).unwrap().is_rejection());
    let implicit = key_object(&[("113001", "DCM")]).encode(Encoding::ImplicitLe);
    let leading = read(&implicit, Leading::of_object(Tolerances::STRICT), Encoding::ImplicitLe).unwrap();
    assert!(leading.is_rejection());
    for long in [LONG_CODE_VALUE, URN_CODE_VALUE] {
        let code = DataSet::new().with(CODE_SCHEME, b"SH", "DCM").with(long, b"UC", "113001");
        assert!(object(&identifying().with_items(TITLE, vec![code])).unwrap().is_rejection(), "{long}");
    }
    // The same code elsewhere says nothing.
    let code = DataSet::new().with(CODE_VALUE, b"SH", "113001").with(CODE_SCHEME, b"SH", "DCM");
    assert!(!object(&identifying().with_items(Tag(0x0040, 0xa168), vec![code])).unwrap().is_rejection());
}

#[test]
fn what_an_object_may_not_say() {
    let fault = |set: &DataSet| match object(set).unwrap_err() {
        WalkFault::Refused(fault) => (fault.tag, fault.tolerance),
        other => panic!("{other}"),
    };
    assert_eq!(fault(&identifying().with(STUDY, b"UI", "1.2\\1.3")), (STUDY, None));
    assert_eq!(fault(&identifying().with(STUDY, b"UI", "1.2 ")), (STUDY, Some(Tolerance::Padding)));
    assert_eq!(fault(&identifying().with(PATIENT_ID, b"LO", "x".repeat(1026))), (PATIENT_ID, None));
    assert_eq!(fault(&identifying().with(MODALITY, b"CS", "C\nT")), (MODALITY, None));
    assert_eq!(fault(&identifying().with_items(PATIENT_ID, vec![])), (PATIENT_ID, None));
    assert_eq!(fault(&identifying().with(TITLE, b"UN", "ab")), (TITLE, None));
    assert_eq!(fault(&key_object(&[(&format!("113001{}", " ".repeat(1024)), "DCM")])), (CODE_VALUE, None));
}

#[test]
fn a_query_may_ask_for_lists_and_say_its_level() {
    let set = DataSet::new()
        .with(LEVEL, b"CS", "SERIES")
        .with(MODALITY, b"CS", "")
        .with(PATIENT_ID, b"LO", "P*")
        .with(STUDY, b"UI", "1.2\\1.3")
        .with(SERIES, b"UI", "");
    for encoding in [Encoding::ImplicitLe, Encoding::ExplicitLe] {
        let leading = read(&set.encode(encoding), Leading::of_identifier(Tolerances::STRICT), encoding).unwrap();
        assert_eq!((leading.level(), leading.study(), leading.series()), (Some(Level::Series), None, None));
        assert_eq!((leading.modality(), &**leading.patient_id().unwrap().reveal()), (None, &b"P*"[..]));
    }
}
