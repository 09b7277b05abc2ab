use super::{bits, images, lacks, read, thief};
use crate::demo::DemoArgs;
use crate::demo::elements::{self, Value};
use crate::demo::hospital::Hospital;
use crate::demo::pieces::{PIECE, Pieces};
use crate::demo::report::Report;
use crate::demo::study::Study;
use crate::dicom::Tag;
use crate::dicom::transfer_syntax::Encoding;
use dicom_core::VR;
use std::fs;

/// An archive that holds two slices in clear, behind a gateway that has no vault.
async fn in_clear() -> (Hospital, Study) {
    let phantom = Study::phantom();
    let others = phantom.objects[2..].iter().map(|object| object.sop_instance).collect();
    let study = phantom.without(&others);
    let args = DemoArgs { study: None, once: true, keep: false };
    let hospital = Hospital::open(&args, &study, jiff::Timestamp::now().as_second()).await.unwrap();
    for object in &study.objects {
        hospital.archive.store().put(object).await.unwrap();
    }
    (hospital, study)
}

/// What the steps say; the last of them must have failed.
fn cross(report: Report<Vec<u8>>) -> String {
    let (passed, failed) = (report.passed(), report.failed());
    let said = String::from_utf8(report.into_inner()).unwrap();
    assert_eq!((passed, failed), (0, 1), "{said}");
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_sealed_fails_every_look() {
    let (hospital, study) = in_clear().await;
    let images = images(&study);
    assert_eq!(images.objects, study.objects);
    let pieces = Pieces::of(images.objects.iter());
    assert!(thief::finds_all(&hospital, &pieces).unwrap().contains("in 2 files"));

    let mut report = Report::new(Vec::new(), false);
    thief::finds_nothing(&mut report, &hospital, &pieces);
    assert!(cross(report).contains("pieces of the pixels"));

    let mut report = Report::new(Vec::new(), false);
    thief::asks_past_the_gateway(&mut report, &hospital, &images.objects[0]).await;
    assert!(cross(report).contains("does not begin with the banner"));

    let fault = read::unopened(&hospital, &images.objects[0]).await.unwrap_err();
    assert_eq!(fault.to_string(), "C-GET: 1 object came");
    hospital.gateway.stop("the test is over").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_piece_anywhere_in_the_archives_folder_is_found() {
    let (hospital, study) = in_clear().await;
    let pieces = Pieces::of(study.objects.iter());
    hospital.archive.store().delete_patient("P-0001").await.unwrap();
    assert_eq!(fs::read_dir(hospital.files()).unwrap().count(), 0, "deleted is deleted");
    let mut report = Report::new(Vec::new(), false);
    let file = study.objects[1].to_file();
    let end = file.len() - 3;
    fs::write(hospital.files().join("leftover"), &file[end - 2 * PIECE + 1..end]).unwrap();
    thief::finds_nothing(&mut report, &hospital, &pieces);
    assert!(cross(report).contains("1 of "));
    assert!(thief::finds_all(&hospital, &pieces).unwrap_err().contains("1 stand"));
    hospital.gateway.stop("the test is over").await;
}

#[test]
fn only_group_lengths_may_be_lacking() {
    let sent = Study::phantom().objects.remove(0);
    let pixels = elements::pixels(&sent.data_set, Encoding::ExplicitLe).unwrap();
    let header = elements::read(&sent.data_set, Encoding::ExplicitLe).unwrap();
    let made = |change: &dyn Fn(&mut elements::Set)| {
        let mut set = header.clone();
        set.put(Tag(0x7fe0, 0x0010), VR::OW, Value::Bytes(pixels.to_vec()));
        change(&mut set);
        let data_set = elements::write(&set, true).into();
        crate::demo::object::Object { data_set, ..sent.clone() }
    };
    let long = made(&|set| set.put(Tag(0x0028, 0x0000), VR::UL, Value::Bytes(vec![8, 0, 0, 0])));
    assert_eq!(lacks(&sent, &sent).unwrap(), 0);
    assert_eq!(lacks(&long, &sent).unwrap(), 1);
    assert!(lacks(&sent, &long).is_err(), "more than was sent");
    let other = made(&|set| set.text(Tag(0x0028, 0x1052), VR::DS, "-1000"));
    assert!(lacks(&long, &other).is_err(), "another value");
    let darker = made(&|set| set.put(Tag(0x7fe0, 0x0010), VR::OW, Value::Bytes(vec![0; pixels.len()])));
    assert!(lacks(&long, &darker).is_err(), "other pixels");
    assert_eq!([bits(0), bits(1)], ["bit for bit", "bit for bit, 1 object without retired group lengths"]);
}
