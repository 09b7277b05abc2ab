//! The way back: what the archive delivers comes through both gateways to the plain device.

use crate::chain::{self, Chain, eventually, local, title, wanted};
use dicom_core::VR;
use dicomgate::audit::read::Record;
use dicomgate::demo::archive::Archive;
use dicomgate::demo::client::{self, Call, STUDY_MOVE, VERIFICATION};
use dicomgate::demo::device::{self, Target};
use dicomgate::demo::elements::Set;
use dicomgate::demo::object::Object;
use dicomgate::demo::study::Study;
use dicomgate::dicom::Tag;
use dicomgate::dicom::dimse::Status;
use dicomgate::net::buffer::Pool;
use std::sync::Arc;

/// An archive that knows the device at the main gateway, the chain, and the device's own receiver.
struct Ward {
    archive: Archive,
    chain: Chain,
    receiver: Archive,
    study: Study,
    _files: [tempfile::TempDir; 2],
}

impl Ward {
    async fn open() -> Self {
        let files = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let archive = chain::archive(files[0].path());
        let chain = Chain::start(archive.address(), "").await;
        archive.set_destination(title("CT1"), chain.inside.to_string());
        let receiver = Archive::start(title("CT1"), chain.device.port(), files[1].path().to_path_buf()).unwrap();
        Self { archive, chain, receiver, study: Study::phantom(), _files: files }
    }

    /// What the device has received, as it came.
    async fn received(&self) -> Vec<Object> {
        let mut objects = Vec::new();
        for stored in self.receiver.store().all() {
            objects.push(self.receiver.store().read(&stored).await.unwrap());
        }
        objects
    }

    async fn fill(&self) {
        let (mut link, contexts) = self.chain.associate(wanted(&self.study, VERIFICATION)).await;
        for (id, object) in (1..).zip(&self.study.objects) {
            assert_eq!(client::store(&mut link, &contexts, object, id).await.unwrap().status, Status::SUCCESS);
        }
        link.release().await.unwrap();
    }
}

fn same(received: &[Object], sent: &[Object]) {
    assert_eq!(received.len(), sent.len());
    assert!(sent.iter().all(|object| received.contains(object)), "an object is not as it was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_device_moves_to_itself_through_both() {
    let ward = Ward::open().await;
    ward.fill().await;
    let (mut link, contexts) = ward.chain.associate(wanted(&ward.study, STUDY_MOVE)).await;
    let (uid, _) = ward.study.studies.first_key_value().unwrap();
    let mut keys = Set::new();
    keys.text(Tag(0x0008, 0x0052), VR::CS, "STUDY");
    keys.text(Tag(0x0020, 0x000d), VR::UI, uid);
    let outcome = client::move_to(&mut link, &contexts, &keys, title("CT1")).await.unwrap();
    assert_eq!(outcome.status, Status::SUCCESS, "{outcome:?}");
    link.release().await.unwrap();
    same(&ward.received().await, &ward.study.objects);
    // Both gateways saw every instance delivered, and say so of the move.
    for records in [ward.chain.at_main(), ward.chain.at_edge()] {
        let is_move = |record: &&Record| record.event() == "operation" && record.text("operation") == Some("move");
        let all = u64::try_from(ward.study.objects.len()).unwrap();
        let moved = records.iter().find(|record| is_move(record) && record.number("completed").is_some());
        let moved = moved.unwrap_or_else(|| panic!("{records:?}"));
        assert_eq!((moved.text("status"), moved.number("completed")), (Some("0000H"), Some(all)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_archive_sends_unasked_comes_through_both() {
    let ward = Ward::open().await;
    let object = &ward.study.objects[0];
    let push = |called: &'static str| {
        let pool = Arc::new(Pool::new(1 << 17, 4));
        let target = Target { address: ward.chain.inside, name: String::new(), pool };
        let wanted = wanted(&ward.study, VERIFICATION);
        async move {
            let call = Call { calling: title("PACS"), called: title(called) };
            client::associate(device::plain(&target).await.unwrap(), call, wanted, false).await
        }
    };
    let (mut link, contexts) = push("CT1").await.unwrap();
    assert_eq!(client::store(&mut link, &contexts, object, 1).await.unwrap().status, Status::SUCCESS);
    link.release().await.unwrap();
    same(&ward.received().await, std::slice::from_ref(object));
    // Nobody but the main gateway delivers to the edge: not even with a certificate of the same CA.
    let certificate = (ward.chain.path("certs/ws1.crt"), ward.chain.path("certs/ws1.key"));
    let tls = device::tls(&ward.chain.path("certs/ca.crt"), Some((&certificate.0, &certificate.1))).unwrap();
    let deliveries = ward.chain.edge.addresses.iter().find(|(name, _)| &**name == "deliveries").unwrap().1;
    let target = Target { address: deliveries, name: "127.0.0.1".into(), pool: Arc::new(Pool::new(1 << 17, 4)) };
    let call = Call { calling: title("PACS"), called: title("CT1") };
    let forged = match device::secure(&target, tls).await {
        Ok(wire) => client::associate(wire, call, wanted(&ward.study, VERIFICATION), false).await.is_err(),
        Err(_) => true,
    };
    assert!(forged, "somebody else delivered to the edge");
    same(&ward.received().await, std::slice::from_ref(object));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_is_off_fails_its_deliveries_and_nothing_else() {
    let ward = Ward::open().await;
    ward.fill().await;
    let Ward { archive: _archive, chain, receiver, study, _files } = ward;
    drop(receiver);
    let off = local(chain.device.port());
    eventually("the device to be off", || std::net::TcpListener::bind(off).ok()).await;
    let (mut link, contexts) = chain.associate(wanted(&study, STUDY_MOVE)).await;
    let (uid, _) = study.studies.first_key_value().unwrap();
    let mut keys = Set::new();
    keys.text(Tag(0x0008, 0x0052), VR::CS, "STUDY");
    keys.text(Tag(0x0020, 0x000d), VR::UI, uid);
    let outcome = client::move_to(&mut link, &contexts, &keys, title("CT1")).await.unwrap();
    assert_ne!(outcome.status, Status::SUCCESS);
    assert_eq!(client::store(&mut link, &contexts, &study.objects[0], 9).await.unwrap().status, Status::SUCCESS);
    link.release().await.unwrap();
}
