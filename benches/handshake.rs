//! A full TLS 1.3 handshake with client certificate, both sides in one thread, by key exchange group.
//! `cargo bench --bench handshake`.

#![expect(
    clippy::expect_used,
    missing_docs,
    reason = "a bench ends where its ground is not sound; criterion's main has no documentation"
)]

use criterion::{Criterion, criterion_group, criterion_main};
use dicomgate::pki::ca::{self, Ca, Order};
use dicomgate::pki::{Mode, SessionLimits, TlsFiles, TlsMaterial, load, server_config};
use rustls::crypto::SupportedKxGroup;
use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use std::path::Path;
use std::sync::Arc;

fn issue(dir: &Path, name: &str, server: bool, now: i64) {
    let dns = vec![format!("{name}.hospital.example")];
    let order = Order { name: name.into(), dns, ip: Vec::new(), server, days: 100, renew: false };
    Ca::open(dir).and_then(|ca| ca.issue(&order, now)).expect("a certificate");
}

fn server(dir: &Path, now: i64) -> Arc<ServerConfig> {
    let files = TlsFiles {
        certificate: dir.join("gateway.crt"),
        private_key: dir.join("gateway.key"),
        client_ca: Some(dir.join("ca.crt")),
        ..TlsFiles::default()
    };
    let material = TlsMaterial::load(&files, now).expect("material");
    let sessions = SessionLimits { sessions: 0, ..SessionLimits::default() };
    server_config(&material, Mode::Mutual, sessions).expect("a configuration")
}

fn client(dir: &Path, group: &'static dyn SupportedKxGroup) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for root in load::certificates(&dir.join("ca.crt")).expect("a CA") {
        roots.add(root).expect("a root");
    }
    let provider = rustls::crypto::CryptoProvider { kx_groups: vec![group], ..default_provider() };
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_client_auth_cert(
            load::certificates(&dir.join("ct1.crt")).expect("a certificate"),
            load::private_key(&dir.join("ct1.key")).expect("a key"),
        )
        .expect("a client");
    Arc::new(config)
}

fn shake(server: &Arc<ServerConfig>, client: &Arc<ClientConfig>) {
    let name = ServerName::try_from("gateway.hospital.example").expect("a name");
    let mut here = ServerConnection::new(Arc::clone(server)).expect("a server");
    let mut there = ClientConnection::new(Arc::clone(client), name).expect("a client");
    let mut wire = Vec::new();
    while here.is_handshaking() || there.is_handshaking() {
        wire.clear();
        while there.wants_write() {
            there.write_tls(&mut wire).expect("bytes");
        }
        here.read_tls(&mut wire.as_slice()).expect("bytes");
        here.process_new_packets().expect("the server goes on");
        wire.clear();
        while here.wants_write() {
            here.write_tls(&mut wire).expect("bytes");
        }
        let mut rest = wire.as_slice();
        while !rest.is_empty() {
            there.read_tls(&mut rest).expect("bytes");
            there.process_new_packets().expect("the client goes on");
        }
    }
}

fn handshakes(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a folder");
    let now = jiff::Timestamp::now().as_second();
    ca::new_ca(dir.path(), "Hospital DICOM CA", now).expect("a CA");
    issue(dir.path(), "gateway", true, now);
    issue(dir.path(), "ct1", false, now);
    let server = server(dir.path(), now);
    for (name, group) in [("X25519", kx_group::X25519), ("X25519MLKEM768", kx_group::X25519MLKEM768)] {
        let client = client(dir.path(), group);
        criterion.bench_function(&format!("handshake, both sides, {name}"), |bencher| {
            bencher.iter(|| shake(&server, &client));
        });
    }
}

criterion_group!(benches, handshakes);
criterion_main!(benches);
