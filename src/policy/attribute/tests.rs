//! Tests.

use super::{Attribute, AttributeFault, keyword, tag};
use crate::dicom::Tag;
use dicom_core::VR;

#[test]
fn attributes_are_named_by_keyword_tag_or_path() {
    let read = |text| Attribute::parse(text).map(|attribute| (attribute.path, attribute.vr));
    assert_eq!(read("PatientID"), Ok((vec![Tag(0x10, 0x20)], VR::LO)));
    for written in ["(0010,0020)", "0010,0020", "( 0010 , 0020 )"] {
        assert_eq!(read(written), Ok((vec![Tag(0x10, 0x20)], VR::LO)), "{written}");
    }
    let step = "ScheduledProcedureStepSequence.Modality";
    assert_eq!(read(step), Ok((vec![Tag(0x40, 0x100), Tag(0x08, 0x60)], VR::CS)));
    assert_eq!(read("(0040,0100).(0008,0060)"), Ok((vec![Tag(0x40, 0x100), Tag(0x08, 0x60)], VR::CS)));
    let attribute = Attribute::parse(step).unwrap();
    assert_eq!(
        (attribute.top(), attribute.tag(), attribute.to_string().as_str()),
        (Tag(0x40, 0x100), Tag(8, 0x60), step)
    );
}

#[test]
fn what_names_none_is_said() {
    let near = |text| match Attribute::parse(text) {
        Err(AttributeFault::Unknown { near, .. }) => near,
        other => panic!("{other:?}"),
    };
    assert_eq!(near("PatientId"), Some("PatientID"));
    assert_eq!(near("StudyDescripton"), Some("StudyDescription"));
    assert_eq!(near("Whatever"), None);
    assert_eq!(near(""), None);
    assert_eq!(near("(0010,ABCD)"), None);
    let fault = |text| Attribute::parse(text).unwrap_err();
    assert!(matches!(fault("PatientID.StudyID"), AttributeFault::NoSequence(_)));
    assert!(matches!(fault("ProcedureCodeSequence"), AttributeFault::NoText(_)));
    assert!(matches!(fault("PixelData"), AttributeFault::NoText(_)));
    assert!(matches!(fault("(0009,1001)"), AttributeFault::NoText(_)));
    let deep = ["ProcedureCodeSequence"; 5].join(".");
    assert!(matches!(fault(&deep), AttributeFault::TooDeep(_)));
    assert!(fault("ProcedureCodeSequence").advice().contains("\"ProcedureCodeSequence.Keyword\""));
}

#[test]
fn keywords_and_private_tags_are_there_and_back() {
    assert_eq!(tag("(0009,10AB)"), Ok(Tag(9, 0x10ab)));
    assert_eq!(keyword(Tag(9, 0x10ab)), "(0009,10AB)");
    assert_eq!(keyword(tag("PatientBirthDate").unwrap()), "PatientBirthDate");
    assert!(tag("(00100020)").is_err() && tag("(+010,0020)").is_err());
}
