use super::archive::{Archive, Habit, compress};
use super::reading::dying;
use super::{means, ring};
use crate::dicom::Uid;
use crate::dicom::dimse::{Command, Status};
use crate::proxy::vault::convert::{Converter, Done, InDoubt, Stop};
use crate::proxy::vault::prove::testing::sample;
use crate::proxy::vault::verify::{Place, ReadBack};
use crate::proxy::vault::walk::Walker;
use crate::scu::{Ask, Link};
use crate::state::{Mark, SealMark, SealRow, State, StateOptions};
use crate::transform::open::OpenOptions;
use crate::vault::carrier::Carrier;
use crate::vault::{SealId, Unlock};
use std::path::PathBuf;
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
        how: ReadBack { unlock: Unlock::from(ring()), options: OpenOptions::default(), compare: false, decoder: None },
        carrier: Carrier::Pixels,
        state,
        folder: folder.path().join("held"),
        aside: folder.path().join("aside"),
        patience: &[],
        proven: Box::new(|_, _| Ok(())),
        holds: Box::new(|_| Ok(())),
    };
    let (study, series) = (Some(sample.study), Some(sample.series));
    let place = Place { class: sample.class, instance: sample.instance, study, series, patient: None };
    (folder, converter, place, original)
}

/// As the archive says it now.
async fn convert(converter: &Converter<'_>, place: &Place) -> Result<Done, Stop> {
    let mut walker = Walker::open(&converter.target).await.unwrap();
    let listed = walker.facts(place).await.unwrap().unwrap();
    walker.close().await;
    converter.convert(place, &listed).await
}

async fn resume(converter: &Converter<'_>) -> Vec<(InDoubt, Done)> {
    let mut all = Vec::new();
    converter.resume(|what, done| all.push((what, done))).await.unwrap();
    all
}

fn held(converter: &Converter<'_>) -> usize {
    std::fs::read_dir(&converter.folder).map_or(0, |entries| entries.count())
}

#[tokio::test]
async fn what_it_holds_is_sealed_in_its_place_and_only_once() {
    let archive = Archive::start(Habit::None).await;
    let (_folder, converter, place, original) = ground(&archive).await;
    let Done::Sealed { seal, bytes } = convert(&converter, &place).await.unwrap() else { panic!("it is not sealed") };
    let now = archive.held.lock().unwrap()[0].data.clone();
    assert_eq!((archive.held.lock().unwrap().len(), now.len() as u64), (1, bytes));
    let pixels = &original[original.len() - 64..];
    assert!(!now.windows(64).any(|window| window == pixels), "its pixels are still there");
    let row = converter.state.seals(converter.archive, &place.instance).await.unwrap().unwrap();
    assert_eq!((row.seals.len(), row.seals[0].id, row.seals[0].mark), (1, seal, Mark::Acknowledged));
    assert!(row.seals[0].verified.is_some());
    assert_eq!(held(&converter), 0);
    assert_eq!(convert(&converter, &place).await.unwrap(), Done::Already);
    // Also where the ledger is lost.
    converter.state.seal_forget(converter.archive, &place.instance).await.unwrap();
    assert_eq!(convert(&converter, &place).await.unwrap(), Done::Already);
    assert_eq!(archive.held.lock().unwrap()[0].data, now);
}

#[tokio::test]
async fn nothing_is_stored_with_a_key_that_has_gone_since() {
    let archive = Archive::start(Habit::None).await;
    let (_folder, mut converter, place, original) = ground(&archive).await;
    converter.holds = Box::new(|id| Err(format!("key {id} is destroyed")));
    let stop = convert(&converter, &place).await.unwrap_err();
    assert!(matches!(&stop, Stop::Key(why) if why == "key 1 is destroyed"), "{stop}");
    assert_eq!(archive.held.lock().unwrap()[0].data, original);
    let row = converter.state.seals(converter.archive, &place.instance).await.unwrap();
    assert!(row.is_none_or(|row| row.seals.is_empty()), "nothing of it is on its way");
    assert_eq!(held(&converter), 0);
}

#[tokio::test]
async fn an_archive_that_keeps_the_first_is_found_out_and_keeps_it() {
    let archive = Archive::start(Habit::Keeps).await;
    let (_folder, converter, place, original) = ground(&archive).await;
    let stop = convert(&converter, &place).await.unwrap_err();
    assert!(matches!(stop, Stop::NotReplaced(instance) if instance == place.instance), "{stop}");
    assert_eq!(archive.held.lock().unwrap()[0].data, original);
    // It may replace it yet: either may be opened.
    let row = converter.state.seals(converter.archive, &place.instance).await.unwrap().unwrap();
    assert_eq!((row.seals.len(), row.seals[0].mark), (1, Mark::InDoubt));
    assert_eq!(held(&converter), 2, "the object, and what is known of it");
    let looked_again = resume(&converter).await;
    assert!(matches!(looked_again[..], [(_, Done::Failed(_))]), "{looked_again:?}");
    assert_eq!((held(&converter), &archive.held.lock().unwrap()[0].data), (0, &original));
}

#[tokio::test]
async fn what_is_sorted_in_late_is_looked_at_when_it_is() {
    let archive = Archive::start(Habit::Keeps).await;
    let (_folder, converter, place, _) = ground(&archive).await;
    let stop = convert(&converter, &place).await.unwrap_err();
    assert!(matches!(stop, Stop::NotReplaced(_)), "{stop}");
    let mut files = std::fs::read_dir(&converter.folder).unwrap().map(|entry| entry.unwrap().path());
    let file = std::fs::read(files.find(|file| file.extension().is_none_or(|kind| kind != "json")).unwrap()).unwrap();
    // Behind the preamble and the meta information, whose length is its first value (PS3.10 7.1).
    let meta = u32::from_le_bytes(file[140..144].try_into().unwrap()) as usize;
    archive.held.lock().unwrap()[0].data = file[144 + meta..].to_vec();
    let looked_again = resume(&converter).await;
    assert!(matches!(looked_again[..], [(_, Done::Sealed { .. })]), "{looked_again:?}");
    assert_eq!(held(&converter), 0);
}

#[tokio::test]
async fn an_archive_that_refuses_keeps_what_it_has() {
    let archive = Archive::start(Habit::Refuses).await;
    let (_folder, converter, place, original) = ground(&archive).await;
    assert!(matches!(convert(&converter, &place).await.unwrap(), Done::Failed(_)));
    assert_eq!(archive.held.lock().unwrap()[0].data, original);
    assert_eq!(converter.state.seals(converter.archive, &place.instance).await.unwrap(), None);
}

#[tokio::test]
async fn what_the_archive_spoils_is_given_back() {
    let archive = Archive::start(Habit::Lossy).await;
    let (_folder, converter, place, original) = ground(&archive).await;
    // The original is too small for this archive to spoil it; the sealed object is not.
    let done = convert(&converter, &place).await.unwrap();
    assert!(matches!(done, Done::Restored(_)), "{done:?}");
    assert_eq!(archive.held.lock().unwrap()[0].data, original);
    assert_eq!(converter.state.seals(converter.archive, &place.instance).await.unwrap(), None);
    assert_eq!(held(&converter), 0);
}

#[tokio::test]
async fn an_archive_without_room_ends_the_round_and_keeps_what_it_has() {
    let archive = Archive::start(Habit::Full).await;
    let (_folder, converter, place, original) = ground(&archive).await;
    let stop = convert(&converter, &place).await.unwrap_err();
    assert!(matches!(stop, Stop::Full(_)), "{stop}");
    assert_eq!(archive.held.lock().unwrap()[0].data, original);
    assert_eq!(converter.state.seals(converter.archive, &place.instance).await.unwrap(), None);
    assert_eq!(held(&converter), 0);
}

/// Seals it, and puts what the archive has now and the original side by side.
async fn sealed(archive: &Archive, converter: &Converter<'_>, place: &Place) -> (SealId, Vec<u8>) {
    let Done::Sealed { seal, .. } = convert(converter, place).await.unwrap() else { panic!("it is not sealed") };
    let data = archive.held.lock().unwrap()[0].data.clone();
    (seal, data)
}

/// Lays an object into the folder as it lies there between storing and reading back.
fn lay(converter: &Converter<'_>, place: &Place, seal: SealId, data: &[u8]) -> PathBuf {
    let note = serde_json::json!({
        "class": place.class, "instance": place.instance, "study": place.study, "series": place.series,
        "seal": seal.to_string(), "syntax": "1.2.840.10008.1.2.1",
    });
    let file = crate::dicom::dataset::part10::Part10 {
        sop_class: place.class,
        sop_instance: place.instance,
        transfer_syntax: Uid::new("1.2.840.10008.1.2.1").unwrap(),
        data_set: data,
    };
    let ours = Uid::new(crate::scu::IMPLEMENTATION_CLASS).unwrap();
    let path = converter.folder.join(format!("{}.dcm", place.instance));
    std::fs::write(&path, file.join(&ours)).unwrap();
    std::fs::write(path.with_extension("json"), note.to_string()).unwrap();
    path
}

/// The process ends behind any of the steps; the next round finds all of it.
#[tokio::test]
async fn what_was_under_way_is_found_again() {
    let archive = Archive::start(Habit::None).await;
    let (_folder, converter, place, original) = ground(&archive).await;
    let (seal, sealed) = sealed(&archive, &converter, &place).await;
    // The archive has it, or has not got it yet, or has spoilt it.
    let spoilt = [&sealed[..sealed.len() - 1000], &[9; 1000][..]].concat();
    for (has, expected, left) in
        [(&sealed, "sealed", &sealed), (&original, "as it was", &original), (&spoilt, "restored", &original)]
    {
        archive.held.lock().unwrap()[0].data = has.clone();
        lay(&converter, &place, seal, &sealed);
        let resumed = resume(&converter).await;
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
    assert_eq!(resume(&converter).await, []);
    assert_eq!(held(&converter), 0);
}

/// What was deleted at the archive meanwhile is not put back there, and not thrown away here.
#[tokio::test]
async fn what_the_archive_has_no_more_is_laid_aside() {
    let archive = Archive::start(Habit::None).await;
    let (_folder, converter, place, original) = ground(&archive).await;
    let (seal, sealed) = sealed(&archive, &converter, &place).await;
    for other in [Vec::new(), [&original[..original.len() - 64], &[1; 64][..]].concat()] {
        // Gone, or something else stands there that is not sealed.
        let gone = other.is_empty();
        let mut object = archive.held.lock().unwrap().remove(0);
        if !gone {
            object.data.clone_from(&other);
            archive.held.lock().unwrap().push(object.clone());
        }
        let path = lay(&converter, &place, seal, &sealed);
        let bytes = std::fs::read(&path).unwrap();
        let resumed = resume(&converter).await;
        let Done::Kept { file, .. } = &resumed[0].1 else { panic!("{resumed:?}") };
        assert_eq!(std::fs::read(file).unwrap(), bytes);
        assert_eq!((held(&converter), archive.held.lock().unwrap().len()), (0, usize::from(!gone)));
        assert_eq!(resume(&converter).await, []);
        if gone {
            archive.held.lock().unwrap().push(object);
        } else {
            assert_eq!(archive.held.lock().unwrap()[0].data, other);
        }
    }
}

/// Somebody stored it through the gateway meanwhile: nothing older goes over it.
#[tokio::test]
async fn a_later_seal_stays() {
    let archive = Archive::start(Habit::None).await;
    let (_folder, converter, place, original) = ground(&archive).await;
    let (first, older) = sealed(&archive, &converter, &place).await;
    archive.held.lock().unwrap()[0].data = original;
    converter.state.seal_forget(converter.archive, &place.instance).await.unwrap();
    let (_, later) = sealed(&archive, &converter, &place).await;
    lay(&converter, &place, first, &older);
    assert_eq!(resume(&converter).await[0].1, Done::Already);
    assert_eq!((held(&converter), &archive.held.lock().unwrap()[0].data), (0, &later));
    // One that nobody knows is for people to look into.
    lay(&converter, &place, first, &older);
    let row = converter.state.seals(converter.archive, &place.instance).await.unwrap().unwrap();
    archive.held.lock().unwrap()[0].data.clone_from(&later);
    let stranger = SealMark { id: SealId([7; 16]), ..row.seals[0].clone() };
    converter.state.seal_put(&SealRow { seals: vec![stranger], ..row.clone() }, Some(&row)).await.unwrap();
    assert!(matches!(resume(&converter).await[0].1, Done::Kept { .. }));
    assert_eq!(archive.held.lock().unwrap()[0].data, later);
}

/// An object that was exchanged in the archive for one without a seal is not sealed: it would look right then.
#[tokio::test]
async fn a_forgery_is_not_sealed() {
    let archive = Archive::start(Habit::None).await;
    let (_folder, converter, place, original) = ground(&archive).await;
    let (seal, _) = sealed(&archive, &converter, &place).await;
    let row = converter.state.seals(converter.archive, &place.instance).await.unwrap().unwrap();
    let unverified = SealMark { verified: None, ..row.seal(seal).unwrap().clone() };
    converter.state.seal_put(&SealRow { seals: vec![unverified], ..row.clone() }, Some(&row)).await.unwrap();
    archive.held.lock().unwrap()[0].data.clone_from(&original);
    assert!(matches!(convert(&converter, &place).await.unwrap(), Done::Failed(_)));
    assert_eq!(archive.held.lock().unwrap()[0].data, original);
}

#[tokio::test]
async fn what_cannot_be_judged_stays() {
    let archive = Archive::start(Habit::None).await;
    let (_folder, converter, place, _) = ground(&archive).await;
    let (seal, sealed) = sealed(&archive, &converter, &place).await;
    converter.state.seal_forget(converter.archive, &place.instance).await.unwrap();
    let path = lay(&converter, &place, seal, &sealed);
    let stop = convert(&converter, &place).await.unwrap_err();
    assert!(matches!(stop, Stop::Waits(_)), "{stop}");
    std::fs::write(path.with_extension("json"), "{").unwrap();
    let stop = converter.resume(|_, _| {}).await.unwrap_err();
    assert!(matches!(stop, Stop::File { .. }), "{stop}");
    assert_eq!(held(&converter), 2);
}

#[tokio::test]
async fn an_archive_that_is_busy_once_it_was_stored_is_asked_again() {
    let archive = Archive::start(Habit::Tires).await;
    let (_folder, converter, place, _) = ground(&archive).await;
    let stop = convert(&converter, &place).await.unwrap_err();
    assert!(matches!(stop, Stop::Unread { .. }), "{stop}");
    assert_eq!(held(&converter), 2, "it waits, with its note");
    assert!(!converter.aside.exists());
    *archive.refuses.lock().unwrap() = None;
    let resumed = resume(&converter).await;
    assert!(matches!(resumed[0].1, Done::Sealed { .. }), "{resumed:?}");
    assert_eq!(held(&converter), 0);
    // What is never given out again must not end every round.
    let seal = resumed[0].0.seal;
    let sealed = archive.held.lock().unwrap()[0].data.clone();
    lay(&converter, &place, seal, &sealed);
    *archive.refuses.lock().unwrap() = Some(Status::OUT_OF_RESOURCES_SUB_OPERATIONS);
    let resumed = resume(&converter).await;
    assert!(matches!(resumed[0].1, Done::Kept { .. }), "{resumed:?}");
}

#[tokio::test]
async fn what_is_sealed_and_compressed_is_not_sealed_again_while_workers_die() {
    let archive = Archive::start(Habit::None).await;
    let (_folder, mut converter, place, _) = ground(&archive).await;
    sealed(&archive, &converter, &place).await;
    compress(&mut archive.held.lock().unwrap()[0]);
    let now = archive.held.lock().unwrap()[0].data.clone();
    converter.how.decoder = Some(dying());
    converter.state.seal_forget(converter.archive, &place.instance).await.unwrap();
    let done = convert(&converter, &place).await.unwrap();
    assert!(matches!(done, Done::Failed(_)), "{done:?}");
    assert!(archive.held.lock().unwrap()[0].data == now);
}
