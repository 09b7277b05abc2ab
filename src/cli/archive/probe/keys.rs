//! Which keys of a query an archive matches, and which it gives back, level by level (PS3.4 C.6).

use super::ground::{Ground, accepted};
use super::object::{DATE, PATIENT_ID, PATIENT_NAME, REFERRER, Study};
use super::table::NOT_ASKED;
use crate::cli::archive::report::{Found, Key};
use crate::cli::fresh;
use crate::dicom::dataset::write::{DataSet, Flat};
use crate::dicom::dimse::{Command, Status, StatusKind};
use crate::dicom::transfer_syntax::encoding_of;
use crate::dicom::{Tag, sop_class};
use crate::scu::{Accepted, Link, LinkFault};

/// The most answers to one question; whoever sends more does not match what was asked.
const ANSWERS: usize = 500;

const LEVEL: Tag = Tag(0x0008, 0x0052);

/// A key: name, tag, VR, the right value, a wrong one. No wrong one: it is only asked back.
type Asked = (&'static str, Tag, &'static [u8; 2], String, Option<String>);

/// A level: its name, the unique keys above it and its own, and what to ask. The last unique key is its own.
struct Level {
    name: &'static str,
    above: Vec<(Tag, &'static [u8; 2], String)>,
    own: Tag,
    keys: Vec<Asked>,
}

/// Asks for every key twice, with the right value and with a wrong one.
pub async fn keys(ground: &Ground<'_>, study: &Study) -> Found<Vec<Key>> {
    match try_keys(ground, study).await {
        Ok(found) => found,
        Err(fault) => Found::unknown(fault.to_string()),
    }
}

async fn try_keys(ground: &Ground<'_>, study: &Study) -> Result<Found<Vec<Key>>, LinkFault> {
    let classes = [sop_class::STUDY_ROOT_FIND, sop_class::PATIENT_ROOT_FIND];
    let mut link = ground.open(ground.calling, &classes).await?;
    let patient = accepted(&link, &[sop_class::PATIENT_ROOT_FIND]);
    let Some(any) = accepted(&link, &classes) else {
        let _ = link.release().await;
        return Ok(Found::unknown("it does not offer C-FIND"));
    };
    let mut found = Vec::new();
    for level in levels(study, any.class.as_str() == sop_class::PATIENT_ROOT_FIND) {
        let context = if level.name == "PATIENT" { patient } else { Some(any) };
        if let Some(context) = context {
            ask(&mut link, &context, &level, &mut found).await?;
        }
    }
    let _ = link.release().await;
    Ok(Found::Known(found))
}

async fn ask(link: &mut Link, context: &Accepted, level: &Level, found: &mut Vec<Key>) -> Result<(), LinkFault> {
    let own = level.keys.iter().find(|(_, tag, ..)| *tag == level.own);
    let Some((_, own_tag, own_vr, own_value, _)) = own else { return Ok(()) };
    let base = || {
        let set = DataSet::new().with(LEVEL, b"CS", level.name);
        level.above.iter().fold(set, |set, (tag, vr, value)| set.with(*tag, vr, value))
    };
    let narrow = || base().with(*own_tag, own_vr, own_value);
    let all = level.keys.iter().fold(base(), |set, (_, tag, vr, ..)| set.with(*tag, vr, ""));
    let all = find(link, context, &all.with(*own_tag, own_vr, own_value)).await?;
    let ours = |answers: &[Flat]| answers.iter().any(|answer| text(answer, *own_tag) == own_value.as_bytes());
    for (name, tag, vr, right, wrong) in &level.keys {
        let returned = match &all {
            Ok(answers) if ours(answers) => {
                let mine = answers.iter().find(|answer| text(answer, *own_tag) == own_value.as_bytes());
                Found::Known(mine.is_some_and(|answer| !text(answer, *tag).is_empty()))
            }
            Ok(_) => Found::unknown("the object is not found by its unique keys"),
            Err(status) => Found::unknown(format!("refused with {status}")),
        };
        let matched = match wrong {
            None => Found::unknown(NOT_ASKED),
            Some(wrong) => {
                let ask = |value: &str| if tag == own_tag { base() } else { narrow() }.with(*tag, vr, value);
                let right = find(link, context, &ask(right)).await?;
                let wrong = find(link, context, &ask(wrong)).await?;
                match (right, wrong) {
                    (Err(status), _) | (_, Err(status)) => Found::unknown(format!("refused with {status}")),
                    (Ok(right), _) if !ours(&right) => Found::unknown("the right value does not find the object"),
                    (_, Ok(wrong)) => Found::Known(!ours(&wrong)),
                }
            }
        };
        found.push(Key { level: level.name.to_owned(), name: (*name).to_owned(), matched, returned });
    }
    Ok(())
}

/// The answers to a question; the status, if it is refused.
async fn find(link: &mut Link, context: &Accepted, set: &DataSet) -> Result<Result<Vec<Flat>, Status>, LinkFault> {
    let encoding = encoding_of(&context.syntax);
    let mut answers = Vec::new();
    let mut answer = link.call(context.id, &Command::find_rq(1, &context.class), Some(&set.encode(encoding))).await?;
    loop {
        match (answer.command.status, &answer.data) {
            (Some(status), data) if status.kind() == StatusKind::Pending => {
                let flat = data.as_deref().and_then(|data| Flat::read(data, encoding).ok());
                answers.extend(flat.filter(|_| answers.len() < ANSWERS));
                answer = link.receive().await?;
            }
            (Some(Status::SUCCESS), _) => return Ok(Ok(answers)),
            (Some(status), _) => return Ok(Err(status)),
            (None, _) => return Err(LinkFault::Malformed("a response without a status".into())),
        }
    }
}

/// A value without its padding.
fn text(answer: &Flat, tag: Tag) -> &[u8] {
    let value = answer.get(tag).unwrap_or_default();
    value.strip_suffix(b"\0").unwrap_or(value).trim_ascii()
}

fn levels(study: &Study, patient_root: bool) -> Vec<Level> {
    let [image, ..] = &study.images;
    let none = || fresh::uid().map(|uid| uid.to_string());
    let some = |text: &str| Some(text.to_owned());
    let study_key = (Tag(0x0020, 0x000d), b"UI", study.uid.to_string());
    let series_key = (Tag(0x0020, 0x000e), b"UI", image.series.to_string());
    let patient_key = (Tag(0x0010, 0x0020), b"LO", PATIENT_ID.to_owned());
    let root = || if patient_root { vec![patient_key.clone()] } else { Vec::new() };
    let other_modality = if study.modality == "CT" { "MR" } else { "CT" };
    vec![
        Level {
            name: "PATIENT",
            above: Vec::new(),
            own: Tag(0x0010, 0x0020),
            keys: vec![
                ("PatientID", Tag(0x0010, 0x0020), b"LO", PATIENT_ID.into(), some("DICOMGATE-NOBODY")),
                ("PatientName", Tag(0x0010, 0x0010), b"PN", PATIENT_NAME.into(), some("DICOMGATE^NOBODY")),
                ("PatientBirthDate", Tag(0x0010, 0x0030), b"DA", "19700101".into(), some("19710101")),
                ("PatientSex", Tag(0x0010, 0x0040), b"CS", "O".into(), some("M")),
            ],
        },
        Level {
            name: "STUDY",
            above: root(),
            own: Tag(0x0020, 0x000d),
            keys: vec![
                ("StudyInstanceUID", Tag(0x0020, 0x000d), b"UI", study.uid.to_string(), none()),
                ("PatientID", Tag(0x0010, 0x0020), b"LO", PATIENT_ID.into(), some("DICOMGATE-NOBODY")),
                ("PatientName", Tag(0x0010, 0x0010), b"PN", PATIENT_NAME.into(), some("DICOMGATE^NOBODY")),
                ("PatientBirthDate", Tag(0x0010, 0x0030), b"DA", "19700101".into(), some("19710101")),
                ("AccessionNumber", Tag(0x0008, 0x0050), b"SH", study.accession.clone(), some("DG-NOBODY")),
                ("StudyDate", Tag(0x0008, 0x0020), b"DA", DATE.into(), some("19990101")),
                ("StudyID", Tag(0x0020, 0x0010), b"SH", "PROBE".into(), some("NOBODY")),
                ("StudyDescription", Tag(0x0008, 0x1030), b"LO", "archive probe".into(), some("nothing like it")),
                ("ModalitiesInStudy", Tag(0x0008, 0x0061), b"CS", study.modality.into(), some(other_modality)),
                ("ReferringPhysicianName", Tag(0x0008, 0x0090), b"PN", REFERRER.into(), some("NOBODY^ELSE")),
                ("NumberOfStudyRelatedInstances", Tag(0x0020, 0x1208), b"IS", "4".into(), None),
            ],
        },
        Level {
            name: "SERIES",
            above: [root(), vec![study_key.clone()]].concat(),
            own: Tag(0x0020, 0x000e),
            keys: vec![
                ("SeriesInstanceUID", Tag(0x0020, 0x000e), b"UI", image.series.to_string(), none()),
                ("Modality", Tag(0x0008, 0x0060), b"CS", study.modality.into(), some(other_modality)),
                ("SeriesNumber", Tag(0x0020, 0x0011), b"IS", image.series_number.to_string(), some("77")),
                ("SeriesDescription", Tag(0x0008, 0x103e), b"LO", "series 1".into(), some("nothing like it")),
                ("NumberOfSeriesRelatedInstances", Tag(0x0020, 0x1209), b"IS", "2".into(), None),
            ],
        },
        Level {
            name: "IMAGE",
            above: [root(), vec![study_key, series_key]].concat(),
            own: Tag(0x0008, 0x0018),
            keys: vec![
                ("SOPInstanceUID", Tag(0x0008, 0x0018), b"UI", image.instance.to_string(), none()),
                ("InstanceNumber", Tag(0x0020, 0x0013), b"IS", image.number.to_string(), some("77")),
                ("SOPClassUID", Tag(0x0008, 0x0016), b"UI", study.class.to_string(), some("1.2.840.10008.5.1.4.1.1.4")),
            ],
        },
    ]
}
