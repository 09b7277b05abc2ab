use super::Archive;
use crate::demo::client::{self, Call, STUDY_FIND, STUDY_GET, STUDY_MOVE, VERIFICATION};
use crate::demo::elements::{Set, Value};
use crate::demo::link::{Link, LinkFault};
use crate::demo::object::Object;
use crate::demo::phantom;
use crate::dicom::dimse::{Command, Field, Status};
use crate::dicom::pdu::ContextResult;
use crate::dicom::{AeTitle, Tag, Uid};
use crate::net::buffer::Pool;
use crate::net::{Wire, dial};
use dicom_core::VR;
use std::net::SocketAddr;
use std::process::Command as Program;
use std::sync::Arc;
use std::time::Duration;

const STUDY: Tag = Tag(0x0020, 0x000d);
const LEVEL: Tag = Tag(0x0008, 0x0052);
const NAME: Tag = Tag(0x0010, 0x0010);

fn title(text: &str) -> AeTitle {
    AeTitle::new(text).unwrap()
}

fn archive(name: &str, folder: &tempfile::TempDir) -> Archive {
    Archive::start(title(name), 0, folder.path().to_owned()).unwrap()
}

async fn wire(address: SocketAddr) -> Wire {
    let tcp = dial::tcp(&address.to_string(), None, Duration::from_secs(5)).await.unwrap();
    Wire::plain(tcp, address, Arc::new(Pool::new(64 * 1024, 4)))
}

async fn call(archive: &Archive, wanted: Vec<client::Wanted>, receives: bool) -> (Link, client::Contexts) {
    let call = Call { calling: title("TEST"), called: title("PACS") };
    client::associate(wire(archive.address()).await, call, wanted, receives).await.unwrap()
}

fn kinds(objects: &[Object]) -> Vec<client::Wanted> {
    client::storage_contexts(objects.iter().map(|object| (object.sop_class, object.transfer_syntax)))
}

async fn fill(archive: &Archive, objects: &[Object]) {
    let (mut link, contexts) = call(archive, kinds(objects), false).await;
    for (id, object) in (1..).zip(objects) {
        assert_eq!(client::store(&mut link, &contexts, object, id).await.unwrap().status, Status::SUCCESS);
    }
    link.release().await.unwrap();
}

fn query(level: &str, keys: &[(Tag, VR, &str)]) -> Set {
    let mut set = Set::new();
    set.text(LEVEL, VR::CS, level);
    for (tag, vr, text) in keys {
        set.text(*tag, *vr, text);
    }
    set
}

fn phantom(slices: usize) -> Vec<Object> {
    phantom::study().into_iter().take(slices).collect()
}

fn study_of(object: &Object) -> String {
    let encoding = crate::dicom::transfer_syntax::encoding_of(&object.transfer_syntax);
    crate::demo::elements::read(&object.data_set, encoding).unwrap().plain(STUDY).to_owned()
}

#[tokio::test]
async fn it_answers_at_every_level_what_was_stored() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive("PACS", &folder);
    let objects = phantom(3);
    fill(&archive, &objects).await;
    let wanted = [client::service(STUDY_FIND), client::service(VERIFICATION)];
    let (mut link, contexts) = call(&archive, wanted.into_iter().flatten().collect(), false).await;
    assert_eq!(client::echo(&mut link, &contexts).await.unwrap().status, Status::SUCCESS);

    let study = study_of(&objects[0]);
    for (level, keys, expected) in [
        ("PATIENT", vec![(NAME, VR::PN, "phantom*")], 1),
        ("STUDY", vec![(NAME, VR::PN, "PHANTOM^PETRA"), (STUDY, VR::UI, "")], 1),
        ("STUDY", vec![(NAME, VR::PN, "Nobody*")], 0),
        ("STUDY", vec![(Tag(8, 0x20), VR::DA, "20260301-20260303")], 1),
        ("STUDY", vec![(Tag(8, 0x20), VR::DA, "-20260301")], 0),
        ("SERIES", vec![(STUDY, VR::UI, study.as_str()), (Tag(8, 0x60), VR::CS, "CT")], 1),
        ("IMAGE", vec![(STUDY, VR::UI, study.as_str()), (Tag(0x20, 0x13), VR::IS, "02")], 1),
        ("IMAGE", vec![(STUDY, VR::UI, "")], 3),
    ] {
        let (matches, outcome) = client::find(&mut link, &contexts, &query(level, &keys)).await.unwrap();
        assert_eq!((outcome.status, matches.len()), (Status::SUCCESS, expected), "{level} {keys:?}");
    }
    let count = Tag(0x20, 0x1208);
    let (matches, _) = client::find(&mut link, &contexts, &query("STUDY", &[(count, VR::IS, "")])).await.unwrap();
    assert_eq!(matches[0].plain(count), "3");
    assert_eq!(matches[0].plain(Tag(8, 0x54)), "PACS");
    let (_, outcome) = client::find(&mut link, &contexts, &query("WARD", &[])).await.unwrap();
    assert_eq!(outcome.status, Status::DATA_SET_MISMATCH);
    let (_, outcome) =
        client::find(&mut link, &contexts, &query("STUDY", &[(Tag(8, 0x20), VR::DA, "tomorrow")])).await.unwrap();
    assert_eq!(outcome.status, Status::DATA_SET_MISMATCH);
    link.release().await.unwrap();
}

#[tokio::test]
async fn what_is_got_back_is_what_was_stored_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive("PACS", &folder);
    let objects = phantom(3);
    fill(&archive, &objects).await;
    let mut wanted = kinds(&objects);
    wanted.extend(client::service(STUDY_GET));
    let (mut link, contexts) = call(&archive, wanted, true).await;
    let keys = query("STUDY", &[(STUDY, VR::UI, &study_of(&objects[0]))]);
    let (got, outcome) = client::get(&mut link, &contexts, &keys).await.unwrap();
    assert_eq!(outcome.status, Status::SUCCESS);
    assert_eq!(got, objects);
    let (got, outcome) = client::get(&mut link, &contexts, &query("STUDY", &[(STUDY, VR::UI, "1.2.3")])).await.unwrap();
    assert_eq!((got.len(), outcome.status), (0, Status::SUCCESS));
    let (_, outcome) = client::get(&mut link, &contexts, &query("STUDY", &[])).await.unwrap();
    assert_eq!(outcome.status, Status::DATA_SET_MISMATCH);
    link.release().await.unwrap();
    let mut names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["000001.dcm", "000002.dcm", "000003.dcm"]);
}

#[tokio::test]
async fn whoever_takes_no_other_gets_it_in_another_native_encoding() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive("PACS", &folder);
    let objects = phantom(1);
    fill(&archive, &objects).await;
    let [implicit, jpeg] = ["1.2.840.10008.1.2", "1.2.840.10008.1.2.4.70"].map(|syntax| Uid::new(syntax).unwrap());
    let keys = query("STUDY", &[(STUDY, VR::UI, &study_of(&objects[0]))]);
    for (syntaxes, expected) in [(vec![implicit], Some(implicit)), (vec![jpeg], None)] {
        let mut wanted = vec![(objects[0].sop_class, syntaxes)];
        wanted.extend(client::service(STUDY_GET));
        let (mut link, contexts) = call(&archive, wanted, true).await;
        let (got, outcome) = client::get(&mut link, &contexts, &keys).await.unwrap();
        link.release().await.unwrap();
        assert_eq!(got.first().map(|object| object.transfer_syntax), expected);
        let Some(object) = got.first() else {
            assert_eq!(outcome.status, Status::OUT_OF_RESOURCES_SUB_OPERATIONS);
            continue;
        };
        assert_eq!(outcome.status, Status::SUCCESS);
        assert_ne!(object.data_set, objects[0].data_set);
        let [mine, theirs] =
            [&objects[0], object].map(|object| dicom_object::from_reader(object.to_file().as_slice()).unwrap());
        assert!(mine.iter().eq(theirs.iter()), "the same elements and values");
    }
}

#[tokio::test]
async fn what_is_replaced_or_deleted_leaves_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive("PACS", &folder);
    let objects = phantom(2);
    fill(&archive, &objects).await;
    fill(&archive, &objects[..1]).await;
    let files = || std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    assert_eq!((files().len(), archive.store().all().len()), (2, 2));
    for stored in archive.store().all() {
        assert!(files().iter().any(|path| path == stored.file()));
    }
    assert_eq!(archive.store().delete_patient("P-0009").await.unwrap(), 0);
    assert_eq!(archive.store().delete_patient("P-0001").await.unwrap(), 2);
    assert_eq!((files().len(), archive.store().all().len()), (0, 0));
}

#[tokio::test]
async fn without_the_role_nothing_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive("PACS", &folder);
    let objects = phantom(1);
    fill(&archive, &objects).await;
    let mut wanted = kinds(&objects);
    wanted.extend(client::service(STUDY_GET));
    let (mut link, contexts) = call(&archive, wanted, false).await;
    let keys = query("STUDY", &[(STUDY, VR::UI, &study_of(&objects[0]))]);
    let (got, outcome) = client::get(&mut link, &contexts, &keys).await.unwrap();
    assert_eq!((got.len(), outcome.status), (0, Status::OUT_OF_RESOURCES_SUB_OPERATIONS));
    link.release().await.unwrap();
}

#[tokio::test]
async fn a_move_arrives_at_the_destination_and_nowhere_else() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let archive = archive("PACS", &here);
    let station = Archive::start(title("WS1"), 0, there.path().to_owned()).unwrap();
    archive.set_destination(title("WS1"), station.address().to_string());
    let objects = phantom(2);
    fill(&archive, &objects).await;
    let (mut link, contexts) = call(&archive, client::service(STUDY_MOVE).into_iter().collect(), false).await;
    let keys = query("STUDY", &[(STUDY, VR::UI, &study_of(&objects[0]))]);
    let outcome = client::move_to(&mut link, &contexts, &keys, title("NOBODY")).await.unwrap();
    assert_eq!(outcome.status, Status::MOVE_DESTINATION_UNKNOWN);
    let outcome = client::move_to(&mut link, &contexts, &keys, title("WS1")).await.unwrap();
    assert_eq!(outcome.status, Status::SUCCESS);
    link.release().await.unwrap();
    let mut arrived = Vec::new();
    for stored in station.store().all() {
        arrived.push(station.store().read(&stored).await.unwrap());
    }
    assert_eq!(arrived, objects);
}

#[tokio::test]
async fn a_cancel_ends_a_query_early() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive("PACS", &folder);
    fill(&archive, &phantom(5)).await;
    let (mut link, contexts) = call(&archive, client::service(STUDY_FIND).into_iter().collect(), false).await;
    let sop_class = Uid::new(STUDY_FIND).unwrap();
    let context = contexts.id(&sop_class, None).unwrap();
    let keys = crate::demo::elements::write(&query("IMAGE", &[(STUDY, VR::UI, "")]), true);
    // The cancel follows the request at once, so it is there before the archive has answered everything: either it ends
    // the query or the query was faster; both are allowed, and nothing else.
    link.send(context, &Command::find_rq(1, &sop_class), Some(&keys.into())).await.unwrap();
    link.send(context, &Command::cancel_rq(1), None).await.unwrap();
    let last = loop {
        let message = link.message().await.unwrap();
        assert_eq!(message.command.field, Field::FindRsp);
        let status = message.command.status.unwrap();
        if status.is_final() {
            break status;
        }
    };
    assert!(matches!(last, Status::CANCEL | Status::SUCCESS), "{last}");
    link.release().await.unwrap();
}

#[tokio::test]
async fn a_class_it_does_not_offer_is_refused_by_its_context() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive("PACS", &folder);
    let print = "1.2.840.10008.5.1.1.9";
    let (link, contexts) = call(&archive, client::service(print).into_iter().collect(), false).await;
    let result = contexts.result(&Uid::new(print).unwrap()).unwrap();
    assert_eq!(result, ContextResult::AbstractSyntaxNotSupported);
    link.release().await.unwrap();
}

#[tokio::test]
async fn noise_ends_one_association_and_the_next_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive("PACS", &folder);
    let mut noise = wire(archive.address()).await;
    noise.send(bytes::Bytes::from_static(b"GET / HTTP/1.1\r\n\r\n"));
    noise.flush().await.unwrap();
    while let Ok(Some(_)) = noise.recv().await {}
    let (mut link, contexts) = call(&archive, client::service(VERIFICATION).into_iter().collect(), false).await;
    assert_eq!(client::echo(&mut link, &contexts).await.unwrap().status, Status::SUCCESS);
    // An unknown context ends it too.
    let class = Uid::new(VERIFICATION).unwrap();
    link.send(99, &Command::echo_rq(2, &class), None).await.unwrap();
    assert!(matches!(link.message().await, Err(LinkFault::Closed | LinkFault::Aborted(_) | LinkFault::Wire(_))));
}

#[tokio::test]
async fn a_sequence_key_is_answered_with_its_items() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive("PACS", &folder);
    let mut object = phantom(1).remove(0);
    let mut set =
        crate::demo::elements::read(&object.data_set, crate::dicom::transfer_syntax::Encoding::ExplicitLe).unwrap();
    let codes = Tag(0x0008, 0x1032);
    let mut item = Set::new();
    item.text(Tag(0x0008, 0x0100), VR::SH, "CTHEAD");
    set.put(codes, VR::SQ, Value::Items(vec![item]));
    object.data_set = crate::demo::elements::write(&set, true).into();
    fill(&archive, &[object]).await;
    let (mut link, contexts) = call(&archive, client::service(STUDY_FIND).into_iter().collect(), false).await;
    for (code, expected) in [("CTHEAD", 1), ("CT*", 1), ("MRHEAD", 0)] {
        let mut key = Set::new();
        key.text(Tag(0x0008, 0x0100), VR::SH, code);
        let mut keys = query("STUDY", &[(STUDY, VR::UI, "")]);
        keys.put(codes, VR::SQ, Value::Items(vec![key]));
        let (matches, _) = client::find(&mut link, &contexts, &keys).await.unwrap();
        assert_eq!(matches.len(), expected, "{code}");
        if let Some(found) = matches.first() {
            assert!(matches!(&found.get(codes).unwrap().value, Value::Items(items) if items.len() == 1));
        }
    }
    link.release().await.unwrap();
}

/// Runs one of DCMTK's tools; `None` where it is not installed.
fn tool(name: &str, arguments: &[&str]) -> Option<(bool, String)> {
    let output = Program::new(name).args(arguments).output().ok()?;
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Some((output.status.success(), said))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dcmtk_echoes_stores_finds_gets_and_moves() {
    let (folder, there, files, got) = (
        tempfile::tempdir().unwrap(),
        tempfile::tempdir().unwrap(),
        tempfile::tempdir().unwrap(),
        tempfile::tempdir().unwrap(),
    );
    let archive = archive("PACS", &folder);
    let station = Archive::start(title("WS1"), 0, there.path().to_owned()).unwrap();
    archive.set_destination(title("WS1"), station.address().to_string());
    let port = archive.address().port().to_string();
    let peer = ["-aec", "PACS", "127.0.0.1", port.as_str()];
    let Some((ok, said)) = tool("echoscu", &peer) else {
        eprintln!("DCMTK is not installed: nothing compared");
        return;
    };
    assert!(ok, "{said}");
    let objects = phantom(4);
    for (number, object) in objects.iter().enumerate() {
        std::fs::write(files.path().join(format!("{number}.dcm")), object.to_file()).unwrap();
    }
    let path = files.path().to_str().unwrap();
    let (ok, said) = tool("storescu", &["+sd", "-aec", "PACS", "127.0.0.1", &port, path]).unwrap();
    assert!(ok, "{said}");
    let stored = archive.store().all();
    assert_eq!(stored.len(), 4);
    for object in &objects {
        let held = stored.iter().find(|held| held.sop_instance == object.sop_instance).unwrap();
        assert_eq!(archive.store().read(held).await.unwrap().data_set.len(), object.data_set.len());
    }

    let find = [
        "-v",
        "-S",
        "-k",
        "0008,0052=STUDY",
        "-k",
        "PatientName=PHANTOM*",
        "-k",
        "StudyInstanceUID",
        "-k",
        "NumberOfStudyRelatedInstances",
    ];
    let (ok, said) = tool("findscu", &[&find[..], &peer].concat()).unwrap();
    assert!(ok && said.contains("Phantom^Petra") && said.contains("[4 ]"), "{said}");
    assert_eq!(said.matches("Find Response: ").count(), 1, "{said}");

    let study = format!("StudyInstanceUID={}", study_of(&objects[0]));
    let keys = ["-S", "-k", "0008,0052=STUDY", "-k", &study];
    let into = ["-od", got.path().to_str().unwrap()];
    let (ok, said) = tool("getscu", &[&into[..], &keys, &peer].concat()).unwrap();
    assert!(ok, "{said}");
    assert_eq!(std::fs::read_dir(got.path()).unwrap().count(), 4, "{said}");

    let (ok, said) = tool("movescu", &[&["-aem", "WS1"][..], &keys, &peer].concat()).unwrap();
    assert!(ok, "{said}");
    assert_eq!(station.store().all().len(), 4);
    let (ok, _) = tool("movescu", &[&["-aem", "NOBODY"][..], &keys, &peer].concat()).unwrap();
    assert!(!ok || station.store().all().len() == 4);
}
