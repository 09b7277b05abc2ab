use super::archive::{Archive, Habit};
use super::{means, ring};
use crate::dicom::Uid;
use crate::dicom::dimse::{Command, Status};
use crate::proxy::vault::convert::{Converter, Done, Stop};
use crate::proxy::vault::prove::testing::sample;
use crate::proxy::vault::verify::{Place, ReadBack};
use crate::scu::{Ask, Link};
use crate::state::{Mark, State, StateOptions};
use crate::transform::open::OpenOptions;
use crate::vault::Unlock;
use crate::vault::carrier::Carrier;
use std::sync::Arc;
use tempfile::TempDir;

/// An archive that holds one CT slice, and what seals it there.
async fn ground(archive: &Archive) -> (TempDir, Converter<'_>, Place, Vec<u8>) {
    let sample = sample();
    let (head, pixels) = sample.data(None);
    let original = [head, crate::proxy::vault::prove::testing::pixels(pixels)].concat();
    let mut link = Link::open(&archive.target(), &[Ask::plain(sample.class)]).await.unwrap();
    let on = link.accepted(&sample.class).unwrap();
    let store = Command::store_rq(1, &sample.class, &sample.instance);
    let stored = link.call(on.id, &store, Some(&original)).await.unwrap();
    assert_eq!(stored.command.status, Some(Status::SUCCESS));
    link.release().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let clock = || jiff::Timestamp::now().as_second();
    let state = State::open(StateOptions::new(folder.path(), Arc::new(|_| {}), clock)).await.unwrap();
    let converter = Converter {
        target: archive.target(),
        archive: archive.target().called,
        means: means(),
        how: ReadBack { unlock: Unlock::from(ring()), options: OpenOptions::default(), decoder: None },
        carrier: Carrier::Pixels,
        state,
        folder: folder.path().join("held"),
    };
    let (study, series) = (Some(sample.study), Some(sample.series));
    let place = Place { class: sample.class, instance: sample.instance, study, series, patient: None };
    (folder, converter, place, original)
}

fn held(converter: &Converter<'_>) -> usize {
    std::fs::read_dir(&converter.folder).map_or(0, |entries| entries.count())
}

#[tokio::test]
async fn what_it_holds_is_sealed_in_its_place_and_only_once() {
    let archive = Archive::start(Habit::None).await;
    let (_folder, converter, place, original) = ground(&archive).await;
    let Done::Sealed { seal, bytes } = converter.convert(&place).await.unwrap() else { panic!("it is not sealed") };
    let now = archive.held.lock().unwrap()[0].data.clone();
    assert_eq!((archive.held.lock().unwrap().len(), now.len() as u64), (1, bytes));
    let pixels = &original[original.len() - 64..];
    assert!(!now.windows(64).any(|window| window == pixels), "its pixels are still there");
    let row = converter.state.seals(converter.archive, &place.instance).await.unwrap().unwrap();
    assert_eq!((row.seals.len(), row.seals[0].id, row.seals[0].mark), (1, seal, Mark::Acknowledged));
    assert!(row.seals[0].verified.is_some());
    assert_eq!(held(&converter), 0);
    assert_eq!(converter.convert(&place).await.unwrap(), Done::Already);
    // Also where the ledger is lost.
    converter.state.seal_forget(converter.archive, &place.instance).await.unwrap();
    assert_eq!(converter.convert(&place).await.unwrap(), Done::Already);
    assert_eq!(archive.held.lock().unwrap()[0].data, now);
}

#[tokio::test]
async fn an_archive_that_keeps_the_first_is_found_out_and_keeps_it() {
    let archive = Archive::start(Habit::Keeps).await;
    let (_folder, converter, place, original) = ground(&archive).await;
    let stop = converter.convert(&place).await.unwrap_err();
    assert!(matches!(stop, Stop::NotReplaced(instance) if instance == place.instance), "{stop}");
    assert_eq!(archive.held.lock().unwrap()[0].data, original);
    assert_eq!(converter.state.seals(converter.archive, &place.instance).await.unwrap(), None);
    assert_eq!(held(&converter), 0);
}

#[tokio::test]
async fn an_archive_that_refuses_keeps_what_it_has() {
    let archive = Archive::start(Habit::Refuses).await;
    let (_folder, converter, place, original) = ground(&archive).await;
    assert!(matches!(converter.convert(&place).await.unwrap(), Done::Failed(_)));
    assert_eq!(archive.held.lock().unwrap()[0].data, original);
    assert_eq!(converter.state.seals(converter.archive, &place.instance).await.unwrap(), None);
}

#[tokio::test]
async fn what_the_archive_spoils_is_given_back() {
    let archive = Archive::start(Habit::Lossy).await;
    let (_folder, converter, place, original) = ground(&archive).await;
    // The original is too small for this archive to spoil it; the sealed object is not.
    let done = converter.convert(&place).await.unwrap();
    assert!(matches!(done, Done::Restored(_)), "{done:?}");
    assert_eq!(archive.held.lock().unwrap()[0].data, original);
    assert_eq!(converter.state.seals(converter.archive, &place.instance).await.unwrap(), None);
    assert_eq!(held(&converter), 0);
}

/// The process ends behind any of the steps; the next round finds all of it.
#[tokio::test]
async fn what_was_under_way_is_found_again() {
    let archive = Archive::start(Habit::None).await;
    let (_folder, converter, place, original) = ground(&archive).await;
    let Done::Sealed { seal, .. } = converter.convert(&place).await.unwrap() else { panic!("it is not sealed") };
    let sealed = archive.held.lock().unwrap()[0].data.clone();
    // As it lies there between storing and reading back: the archive has it, or has not got it yet, or has spoilt it.
    let note = serde_json::json!({
        "class": place.class, "instance": place.instance, "study": place.study, "series": place.series,
        "seal": seal.to_string(), "syntax": "1.2.840.10008.1.2.1",
    });
    let spoilt = [&sealed[..sealed.len() - 1000], &[9; 1000][..]].concat();
    for (has, expected, left) in
        [(&sealed, "sealed", &sealed), (&original, "as it was", &original), (&spoilt, "restored", &original)]
    {
        archive.held.lock().unwrap()[0].data = has.clone();
        let file = crate::dicom::dataset::part10::Part10 {
            sop_class: place.class,
            sop_instance: place.instance,
            transfer_syntax: Uid::new("1.2.840.10008.1.2.1").unwrap(),
            data_set: &sealed,
        };
        let ours = Uid::new(crate::scu::IMPLEMENTATION_CLASS).unwrap();
        std::fs::write(converter.folder.join(format!("{}.dcm", place.instance)), file.join(&ours)).unwrap();
        std::fs::write(converter.folder.join(format!("{}.json", place.instance)), note.to_string()).unwrap();
        let resumed = converter.resume().await.unwrap();
        assert_eq!(resumed.len(), 1);
        assert_eq!((resumed[0].0.instance, resumed[0].0.seal), (place.instance, seal));
        let found = match &resumed[0].1 {
            Done::Sealed { .. } => "sealed",
            Done::Failed(_) => "as it was",
            Done::Restored(_) => "restored",
            other => panic!("{other:?}"),
        };
        assert_eq!(found, expected);
        assert_eq!(&archive.held.lock().unwrap()[0].data, left, "{expected}");
        assert_eq!(held(&converter), 0, "{expected}");
    }
    // What has no note never left.
    std::fs::write(converter.folder.join("1.2.3.dcm"), b"half").unwrap();
    assert_eq!(converter.resume().await.unwrap(), []);
    assert_eq!(held(&converter), 0);
}
