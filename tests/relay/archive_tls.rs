//! TLS towards the archive: it must show the certificate that is expected, and half a stream is never a whole object.

use crate::support::conn::Conn;
use crate::support::wait_until;
use crate::support::words::{CT, INSTANCE, VERIFICATION, ac, object, rq, store, success};
use crate::support::world::{Setup, World};
use dicomgate::dicom::pdu::Pdu;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection};
use std::sync::Arc;

fn world() -> World {
    World::with(&Setup {
        archive: "tls = \"mutual\"\ncertificate = \"archive.hospital.example\"".into(),
        ..Setup::default()
    })
}

/// The archive's end, with the certificate of that name.
fn accept(world: &World, name: &str) -> Conn {
    let file = |file: String| world.dir.path().join("certs").join(file);
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file("ca.crt".into())).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let chain = vec![CertificateDer::from_pem_file(file(format!("{name}.crt"))).unwrap()];
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(file(format!("{name}.key"))).unwrap())
        .unwrap();
    let conn = world.archive.accept();
    conn.with_server_tls(ServerConnection::new(Arc::new(config)).unwrap())
}

#[test]
fn an_archive_that_proves_who_it_is_is_talked_to() {
    let world = world();
    let mut peer = world.tls("ct2");
    peer.request(&rq("CT2", &[VERIFICATION, CT]));
    let mut link = accept(&world, "archive");
    let Pdu::AssociateRq(asked) = link.control() else { panic!("a request") };
    link.send(ac(&asked).encode());
    peer.accepted();
    let sent = peer.say(3, &store(1), Some(&object(CT, INSTANCE, 300_000)));
    let got = link.message();
    assert!(got.bytes == sent);
    link.say(3, &success(&got.command), None);
    assert_eq!(peer.message().status(), 0);
    // The next one is cut off, without a closing alert.
    peer.say(3, &store(2), Some(&object(CT, INSTANCE, 1000)));
    link.message();
    link.reset();
    assert_eq!(peer.aborted(), (2, 0));
    assert_eq!(world.ended(), "archive-lost");
}

#[test]
fn an_archive_with_another_certificate_is_told_nothing() {
    let world = world();
    let mut peer = world.tls("ct2");
    peer.request(&rq("CT2", &[CT]));
    let mut link = accept(&world, "ct3");
    assert!(link.is_broken_off(), "an impostor got as far as a request");
    assert_eq!(peer.pdu(), [3, 0, 0, 0, 0, 4, 0, 2, 3, 1]);
    wait_until("the record", || world.count("association-closed") == 1);
}
