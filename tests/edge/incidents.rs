//! Objects pass, and each gateway knows of the other's records.

use crate::chain::{self, Chain, LATER, eventually, title, wanted};
use dicomgate::audit::read::Record;
use dicomgate::demo::client::{self, Call, VERIFICATION};
use dicomgate::demo::device;
use dicomgate::demo::link::{Link, LinkFault};
use dicomgate::demo::study::Study;
use dicomgate::dicom::dimse::Status;
use dicomgate::dicom::pdu::{AssociateRq, ChainItem};
use dicomgate::net::buffer::Pool;
use dicomgate::net::{Wire, listen};
use std::sync::Arc;

fn of<'a>(records: &'a [Record], event: &str) -> Vec<&'a Record> {
    records.iter().filter(|record| record.event() == event).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_device_stores_through_both_and_both_logs_name_one_another() {
    let files = tempfile::tempdir().unwrap();
    let archive = chain::archive(files.path());
    let chain = Chain::start(archive.address(), "").await;
    let study = Study::phantom();
    let (mut link, contexts) = chain.associate(wanted(&study, VERIFICATION)).await;
    assert_eq!(client::echo(&mut link, &contexts).await.unwrap().status, Status::SUCCESS);
    for (id, object) in (1..).zip(&study.objects) {
        assert_eq!(client::store(&mut link, &contexts, object, id).await.unwrap().status, Status::SUCCESS);
    }
    link.release().await.unwrap();
    assert_eq!(archive.store().all().len(), study.objects.len());

    let closed = || Some(chain.at_main()).filter(|all| !of(all, "association-closed").is_empty());
    let main = eventually("the main gateway's closing record", closed).await;
    let edge = chain.at_edge();
    let opened = of(&edge, "association-opened");
    let [opened] = opened.as_slice() else { panic!("{opened:?}") };
    let incident = opened.text("incident").unwrap();
    let shared: Vec<&Record> = main.iter().filter(|record| record.text("edge_incident") == Some(incident)).collect();
    assert!(shared.iter().all(|record| record.text("edge") == Some("edge-ct1")));
    // Its opening, its end, and one for each object.
    assert_eq!(shared.len(), 2 + study.objects.len());
    assert_eq!(of(&main, "operation").len(), study.objects.len());
    // Both say that it came as it should: over TLS, as the device, and nobody was refused.
    let arrived = of(&main, "association-opened");
    assert_eq!(arrived[0].text("tls"), Some("1.3"));
    assert!(arrived[0].text("certificate").unwrap().contains("edge-ct1"));
    assert_eq!((arrived[0].text("calling"), arrived[0].text("peer")), (Some("CT1"), Some("CT1")));
    let words = chain.run(&["why", incident, "--config", "gateway.toml"]).unwrap();
    assert!(words.contains("edge-ct1, a gateway before this one"), "{words}");
    let words = chain.run(&["why", incident, "--config", "edge/gateway.toml"]).unwrap();
    assert!(words.contains("association admitted"), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_main_gateway_refuses_is_found_at_both_by_either_id() {
    let files = tempfile::tempdir().unwrap();
    let archive = chain::archive(files.path());
    let chain = Chain::start(archive.address(), LATER).await;
    let study = Study::phantom();
    let (mut link, contexts) = chain.associate(wanted(&study, VERIFICATION)).await;
    let refused = client::store(&mut link, &contexts, &study.objects[0], 1).await.unwrap();
    link.release().await.unwrap();
    assert_eq!((refused.status, archive.store().all().len()), (Status::NOT_AUTHORIZED, 0));
    let comment = refused.comment.unwrap();
    let theirs = comment.strip_prefix("denied, incident ").unwrap().trim().to_owned();

    let edge = chain.at_edge();
    let operations = of(&edge, "operation");
    let [operation] = operations.as_slice() else { panic!("{operations:?}") };
    assert_eq!(operation.text("archive_incident"), Some(&*theirs));
    let ours = of(&edge, "association-opened")[0].text("incident").unwrap().to_owned();
    assert_ne!(ours, theirs);
    for (incident, config, words) in [
        (&theirs, "gateway.toml", "rule `no CT today` denies it"),
        (&theirs, "edge/gateway.toml", "refused   by PACS, a gateway itself"),
        (&ours, "gateway.toml", "rule `no CT today` denies it"),
        (&ours, "edge/gateway.toml", "association admitted"),
    ] {
        let said = chain.run(&["why", incident, "--config", config]).unwrap();
        assert!(said.contains(words), "why {incident} --config {config}:\n{said}");
    }
    assert!(chain.run(&["why", "0000-0000", "--config", "gateway.toml"]).is_err());
}

/// An archive that keeps what it was asked, and rejects.
async fn recorded(listener: &tokio::net::TcpListener) -> AssociateRq {
    let (stream, from) = listen::accept(listener).await;
    let (_, request) = Link::accept(Wire::plain(stream, from, Arc::new(Pool::new(1 << 17, 4)))).await.unwrap();
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn no_archive_hears_of_it_and_nobody_else_is_believed() {
    let listener = listen::bind(chain::local(0)).unwrap();
    let chain = Chain::start(listener.local_addr().unwrap(), "").await;
    let echo = || client::service(VERIFICATION).into_iter().collect::<Vec<_>>();
    let forged = ChainItem::new("0000-0001", "edge-ct1").unwrap();
    let ask = |calling: &str| {
        let call = Call { calling: title(calling), called: title("PACS") };
        let mut request = client::request(call, echo(), false).unwrap();
        request.user.chain = Some(forged.clone());
        request
    };
    // Through both; the device says something of its own, which the edge does not pass on either.
    let plain = device::plain(&chain.plain()).await.unwrap();
    let device = ask("CT1");
    let (asked, answer) = tokio::join!(recorded(&listener), Link::request(plain, &device));
    assert_eq!((&asked.user.chain, asked.user.unknown.len()), (&None, 0));
    assert!(matches!(answer, Err(LinkFault::Rejected(_))));
    // A workstation with a certificate of its own that says the same.
    let tls =
        device::tls(&chain.path("certs/ca.crt"), Some((&chain.path("certs/ws1.crt"), &chain.path("certs/ws1.key"))));
    let secure = device::secure(&chain.outside(), tls.unwrap()).await.unwrap();
    let workstation = ask("WS1");
    let (asked, answer) = tokio::join!(recorded(&listener), Link::request(secure, &workstation));
    assert_eq!((&asked.user.chain, asked.user.unknown.len()), (&None, 0));
    assert!(matches!(answer, Err(LinkFault::Rejected(_))));

    let main = chain.at_main();
    assert!(main.iter().all(|record| record.text("edge_incident") != Some("0000-0001")), "{main:?}");
    let refused = of(&main, "association-refused");
    let edges: Vec<_> = refused.iter().map(|record| (record.text("peer"), record.text("edge"))).collect();
    assert_eq!(edges, [(Some("CT1"), Some("edge-ct1")), (Some("WS1"), None)]);
    assert!(chain.at_edge().iter().all(|record| record.text("edge").is_none()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_device_itself_no_longer_comes_to_the_main_gateway() {
    let files = tempfile::tempdir().unwrap();
    let archive = chain::archive(files.path());
    let chain = Chain::start(archive.address(), "").await;
    let call = Call { calling: title("CT1"), called: title("PACS") };
    let echo: Vec<_> = client::service(VERIFICATION).into_iter().collect();
    let tls =
        device::tls(&chain.path("certs/ca.crt"), Some((&chain.path("certs/ws1.crt"), &chain.path("certs/ws1.key"))));
    let secure = device::secure(&chain.outside(), tls.unwrap()).await.unwrap();
    let other = client::associate(secure, call, echo.clone(), false).await;
    assert!(matches!(other, Err(LinkFault::Rejected(_))), "another certificate came as CT1");
    // And nobody else comes to the edge.
    let plain = device::plain(&chain.plain()).await.unwrap();
    let call = Call { calling: title("WS1"), ..call };
    assert!(matches!(client::associate(plain, call, echo, false).await, Err(LinkFault::Rejected(_))));
}
