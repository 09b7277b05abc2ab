//! A provider over HTTPS that does what a test says.

use super::signer::key_set;
use crate::net::Wire;
use crate::net::buffer::Pool;
use crate::net::tls::Session;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// What is answered.
#[derive(Clone)]
pub(super) enum Reply {
    /// These bytes, HTTP and all.
    Raw(Vec<u8>),
    /// Nothing, and the connection ends.
    Hangup,
    /// Nothing, and the connection stays.
    Silence,
}

impl Reply {
    pub(super) fn json(body: &[u8]) -> Self {
        Self::with("content-type: application/json\r\n", body)
    }

    pub(super) fn with(fields: &str, body: &[u8]) -> Self {
        let mut raw = format!("HTTP/1.1 200 OK\r\n{fields}content-length: {}\r\n\r\n", body.len()).into_bytes();
        raw.extend_from_slice(body);
        Self::Raw(raw)
    }

    pub(super) fn status(line: &str) -> Self {
        Self::Raw(format!("HTTP/1.1 {line}\r\ncontent-length: 0\r\n\r\n").into_bytes())
    }
}

#[derive(Default)]
struct Script {
    replies: HashMap<String, Reply>,
    asked: HashMap<String, usize>,
}

pub(super) struct Server {
    pub(super) issuer: String,
    folder: tempfile::TempDir,
    script: Arc<Mutex<Script>>,
    /// Requests wait here for a permit each, once a test has taken them all away.
    gate: Arc<Semaphore>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

const DESCRIPTION: &str = "/realms/hospital/.well-known/openid-configuration";

impl Server {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("https://{}/realms/hospital", listener.local_addr().unwrap());
        let mut ca = rcgen::CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca_key = rcgen::KeyPair::generate().unwrap();
        let ca_certificate = ca.self_signed(&ca_key).unwrap();
        let own_key = rcgen::KeyPair::generate().unwrap();
        let own = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let own = own.signed_by(&own_key, &rcgen::Issuer::new(ca, ca_key)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.crt"), ca_certificate.pem()).unwrap();
        let key = rustls_pki_types::PrivateKeyDer::try_from(own_key.serialize_der()).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(crate::pki::suites::provider())
            .with_protocol_versions(crate::pki::suites::VERSIONS)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.der().clone()], key)
            .unwrap();
        let script = Arc::new(Mutex::new(Script::default()));
        let gate = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
        let task = tokio::spawn(serve(listener, Arc::new(config), Arc::clone(&script), Arc::clone(&gate)));
        let server = Self { issuer, folder, script, gate, task };
        server.describe(&server.issuer.clone());
        server
    }

    pub(super) fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.crt")
    }

    /// Its description says this issuer.
    pub(super) fn describe(&self, issuer: &str) {
        let keys = format!("{}/keys", self.issuer);
        self.reply(DESCRIPTION, Reply::json(json!({ "issuer": issuer, "jwks_uri": keys }).to_string().as_bytes()));
    }

    pub(super) fn publish(&self, keys: &[Value]) {
        self.reply("/keys", Reply::json(&key_set(keys)));
    }

    /// What is answered where; `/keys` is below the issuer, everything else a whole path.
    pub(super) fn reply(&self, place: &str, reply: Reply) {
        self.script.lock().unwrap().replies.insert(whole(place), reply);
    }

    pub(super) fn reply_to_description(&self, reply: Reply) {
        self.reply(DESCRIPTION, reply);
    }

    /// How often it was asked for that.
    pub(super) fn asked(&self, place: &str) -> usize {
        self.script.lock().unwrap().asked.get(&whole(place)).copied().unwrap_or(0)
    }

    /// Requests wait from now on.
    pub(super) fn hold(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    /// So many requests go on.
    pub(super) fn let_go(&self, requests: usize) {
        self.gate.add_permits(requests);
    }
}

fn whole(place: &str) -> String {
    if place.starts_with("/realms") { place.to_owned() } else { format!("/realms/hospital{place}") }
}

async fn serve(
    listener: TcpListener,
    config: Arc<rustls::ServerConfig>,
    script: Arc<Mutex<Script>>,
    gate: Arc<Semaphore>,
) {
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        let (config, script, gate) = (Arc::clone(&config), Arc::clone(&script), Arc::clone(&gate));
        tokio::spawn(async move { answer(tcp, config, &script, &gate).await });
    }
}

async fn answer(
    tcp: TcpStream,
    config: Arc<rustls::ServerConfig>,
    script: &Mutex<Script>,
    gate: &Semaphore,
) -> Option<()> {
    let remote = tcp.peer_addr().unwrap();
    let mut wire =
        Wire::plain(tcp, remote, Arc::new(Pool::new(16 * 1024, 1))).with_tls(Session::server(config).unwrap());
    wire.handshake().await.ok()?;
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.extend_from_slice(&wire.recv().await.ok()??);
    }
    let request = String::from_utf8(request).unwrap();
    let place = request.split(' ').nth(1).unwrap().to_owned();
    assert!(request.starts_with("GET ") && request.contains("\r\nhost: 127.0.0.1:"), "{request}");
    *script.lock().unwrap().asked.entry(place.clone()).or_default() += 1;
    gate.acquire().await.unwrap().forget();
    let reply = script.lock().unwrap().replies.get(&place).cloned().unwrap_or_else(|| Reply::status("404 Not Found"));
    match reply {
        Reply::Raw(bytes) => {
            for piece in bytes.chunks(4096) {
                wire.send(piece.to_vec().into());
                wire.flush().await.ok()?;
            }
            wire.close().await;
            wire.linger().await;
        }
        Reply::Hangup => wire.reset(),
        Reply::Silence => std::future::pending().await,
    }
    Some(())
}
