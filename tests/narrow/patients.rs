//! Patients: those with a study that may be seen, made of their studies.

use crate::kit::{
    BIRTH, HOUSE, LEVEL, NAME, OF_PATIENT, PATIENT, PATIENT_FIND, REFERRING, STUDY, all, asking, find, query, read,
    rule, shown, study, text, world,
};
use crate::support::words::{FIND, answer};
use crate::support::world::World;

/// The archive answers what it is looked up for, on an association of the gateway's own.
fn listed(world: &World, found: &[Vec<u8>]) -> dicomgate::dicom::dataset::write::Flat {
    let (mut link, _) = world.archive_accepts(|_| ());
    let asked = link.message();
    let context = asked.bytes[10];
    for data in found {
        link.say(context, &answer(&asked.command, 0xff00).with_data_set(), Some(data));
    }
    link.say(context, &answer(&asked.command, 0), None);
    read(&asked)
}

const KEYS: [(dicomgate::dicom::Tag, &str); 4] = [(NAME, "Test*"), (PATIENT, ""), (BIRTH, ""), (OF_PATIENT, "")];

#[test]
fn patients_are_those_of_whom_a_study_may_be_seen() {
    let world = world(&[
        rule("referred", &format!("{HOUSE}; hide = [\"PatientBirthDate\"]")),
        rule("trial", "where = { StudyInstanceUID = \"1.2.3.4\" }"),
    ]);
    let (mut peer, link) = asking(&world, PATIENT_FIND);
    peer.say(1, &find(PATIENT_FIND), Some(&query("PATIENT", &KEYS)));
    let found = [
        study(1, "P1", "House^Gregory"),
        study(2, "P1", "Cuddy^Lisa"),
        study(3, "P2", "Cuddy^Lisa"),
        study(4, "P3", "Cuddy^Lisa"),
        study(5, "P3", "House^Gregory"),
        study(6, "P1", "House^Gregory"),
    ];
    let asked = listed(&world, &found);
    assert_eq!((text(&asked, LEVEL).as_deref(), text(&asked, NAME).as_deref()), (Some("STUDY"), Some("Test*")));
    let (sets, last) = shown(&mut peer);
    assert_eq!((all(&sets, PATIENT), last.status()), (vec!["P1".to_owned(), "P3".to_owned()], 0));
    assert_eq!(all(&sets, LEVEL), ["PATIENT", "PATIENT"]);
    // Some rule shows a study of the second one without hiding it.
    assert_eq!(all(&sets, BIRTH), ["", "19700101"]);
    assert_eq!(all(&sets, OF_PATIENT), ["", ""]);
    assert_eq!(
        (all(&sets, STUDY), all(&sets, REFERRING)),
        (vec!["absent".to_owned(); 2], vec!["absent".to_owned(); 2])
    );
    let record = world.record("operation");
    assert_eq!((record.number("answers"), record.text("status")), (Some(2), Some("0000H")));
    drop(link);
}

#[test]
fn patients_who_are_found_by_what_is_hidden_are_not_found() {
    let world = world(&[rule("referred", &format!("{HOUSE}; hide = [\"PatientBirthDate\"]"))]);
    let (mut peer, _link) = asking(&world, PATIENT_FIND);
    peer.say(1, &find(PATIENT_FIND), Some(&query("PATIENT", &[(PATIENT, ""), (BIRTH, "19700101")])));
    listed(&world, &[study(1, "P1", "House^Gregory")]);
    let (sets, last) = shown(&mut peer);
    assert_eq!((sets.len(), last.status()), (0, 0));
}

#[test]
fn no_more_patients_than_may_be_seen() {
    let world = world(&[rule("referred", &format!("{HOUSE}; max_results = 2"))]);
    let (mut peer, _link) = asking(&world, PATIENT_FIND);
    peer.say(1, &find(PATIENT_FIND), Some(&query("PATIENT", &KEYS)));
    let found: Vec<_> = (1..5).map(|number| study(number, &format!("P{number}"), "House^Gregory")).collect();
    listed(&world, &found);
    let (sets, last) = shown(&mut peer);
    assert_eq!((sets.len(), last.status()), (2, 0xa700));
}

#[test]
fn studies_of_patients_of_whom_some_study_fits() {
    let patient = "where_patient = { ReferringPhysicianName = \"HOUSE^GREGORY\" }";
    let world = world(&[rule("own patients", patient).replace(", \"worklist\"", "")]);
    let (mut peer, mut link) = asking(&world, FIND);
    peer.say(1, &find(FIND), Some(&query("STUDY", &[(STUDY, "")])));
    let asked = listed(&world, &[study(1, "P1", "House^Gregory"), study(2, "P2", "Cuddy^Lisa")]);
    assert_eq!(text(&asked, REFERRING).as_deref(), Some(""));
    let asked = link.message();
    assert_eq!(text(&read(&asked), PATIENT).as_deref(), Some(""));
    let found = [study(1, "P1", "House^Gregory"), study(2, "P2", "Cuddy^Lisa"), study(3, "P1", "Cuddy^Lisa")];
    crate::kit::answers(&mut link, &asked, &found, 0);
    let (sets, last) = shown(&mut peer);
    assert_eq!((all(&sets, STUDY), last.status()), (vec!["1.2.3.1".to_owned(), "1.2.3.3".to_owned()], 0));
    assert_eq!(all(&sets, PATIENT), ["absent", "absent"]);
}

/// What a rule hides of the studies that it alone shows is not shown because another rule shows another study.
#[test]
fn a_value_comes_from_a_study_in_which_it_is_not_hidden() {
    const ALLERGIES: dicomgate::dicom::Tag = dicomgate::dicom::Tag(0x0010, 0x2110);
    let world = world(&[
        rule("referred", &format!("{HOUSE}; hide = [\"Allergies\"]")),
        rule("trial", "where = { StudyInstanceUID = \"1.2.3.4\" }"),
    ]);
    let (mut peer, _link) = asking(&world, PATIENT_FIND);
    peer.say(1, &find(PATIENT_FIND), Some(&query("PATIENT", &[(PATIENT, ""), (ALLERGIES, "")])));
    let of = |number: &str, referring: &str, allergies: &str| {
        query("STUDY", &[(REFERRING, referring), (PATIENT, "P1"), (ALLERGIES, allergies), (STUDY, number)])
    };
    listed(&world, &[of("1.2.3.1", "House^Gregory", "hidden"), of("1.2.3.4", "Cuddy^Lisa", "shown")]);
    let (sets, last) = shown(&mut peer);
    assert_eq!((all(&sets, ALLERGIES), last.status()), (vec!["shown".to_owned()], 0));
}
