//! A gateway with its configuration in a temporary folder, on free ports, and its audit log to look into.

use super::conn::{Archive, Conn};
use super::{wait_until, words};
use dicomgate::audit::read::{Filter, Record, scan};
use dicomgate::config;
use dicomgate::dicom::pdu::{AssociateAc, AssociateRq, Pdu};
use dicomgate::pki::ca::{self, Ca, Order};
use dicomgate::proxy::Gateway;
use dicomgate::state::{State, StateOptions};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::runtime::Runtime;

/// CT1 and WS1 call in clear, CT2 and CT3 over TLS.
pub const PEERS: &str = r#"
[[peer]]
ae_titles = ["CT1"]
tls = "off"
network = ["127.0.0.1/32"]
groups = ["modality"]
[[peer]]
ae_titles = ["WS1"]
tls = "off"
network = ["127.0.0.1/32"]
address = "127.0.0.1:11112"
groups = ["workstation"]
[[peer]]
ae_titles = ["CT2"]
certificate = "ct2.hospital.example"
groups = ["modality"]
[[peer]]
ae_titles = ["CT3"]
certificate = "ct3.hospital.example"
groups = ["modality"]
"#;

pub const RULES: &str = r#"
[[rule]]
name = "modalities"
who = ["group:modality"]
to = ["PACS"]
may = ["echo", "store", "mpps", "commit", "print"]
[[rule]]
name = "workstations"
who = ["group:workstation"]
to = ["PACS"]
may = ["echo", "find", "get", "move"]
destinations = ["self"]
"#;

/// What a gateway is to be like.
pub struct Setup {
    /// Further lines of `[gateway]`.
    pub gateway: String,
    /// Lines of `[limits]`.
    pub limits: String,
    /// Further lines of `[[archive]]`.
    pub archive: String,
    /// Further lines of the plain listener.
    pub plain: String,
    /// Further lines of `[policy]`.
    pub policy: String,
    pub peers: String,
    pub rules: String,
}

impl Default for Setup {
    fn default() -> Self {
        let empty = String::new;
        Self {
            gateway: empty(),
            limits: empty(),
            archive: empty(),
            plain: empty(),
            policy: empty(),
            peers: PEERS.into(),
            rules: RULES.into(),
        }
    }
}

pub fn limits(lines: &str) -> Setup {
    Setup { limits: lines.replace(',', "\n"), ..Setup::default() }
}

/// A running gateway and its archive.
pub struct World {
    pub dir: tempfile::TempDir,
    pub archive: Archive,
    gateway: Option<Gateway>,
    runtime: Option<Runtime>,
    addresses: Vec<(Arc<str>, SocketAddr)>,
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

impl World {
    pub fn new() -> Self {
        Self::with(&Setup::default())
    }

    pub fn with(setup: &Setup) -> Self {
        let dir = prepare(setup);
        let archive = Archive::new();
        write_gateway(&dir, setup, archive.port(), 0, 0);
        let settings = config::load(&dir.path().join("gateway.toml")).unwrap_or_else(|faults| panic!("{faults}"));
        make_key(&dir);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let gateway = runtime.block_on(Gateway::start(settings)).unwrap();
        let addresses = gateway.addresses.clone();
        Self { dir, archive, gateway: Some(gateway), runtime: Some(runtime), addresses }
    }

    pub fn address(&self, listener: &str) -> SocketAddr {
        self.addresses.iter().find(|(name, _)| &**name == listener).unwrap().1
    }

    /// A connection in clear.
    pub fn plain(&self) -> Conn {
        Conn::dial(self.address("plain"))
    }

    /// A connection over TLS, with a certificate of that name; the handshake is done.
    pub fn tls(&self, name: &str) -> Conn {
        let mut conn = Conn::dial(self.address("outside")).with_tls(self.client(name));
        let mut tcp = conn.tcp.try_clone().unwrap();
        while conn.tls().is_handshaking() {
            conn.tls().complete_io(&mut tcp).unwrap();
        }
        conn
    }

    fn client(&self, name: &str) -> ClientConnection {
        let file = |file: String| self.dir.path().join("certs").join(file);
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(file("ca.crt".into())).unwrap()).unwrap();
        let chain = vec![CertificateDer::from_pem_file(file(format!("{name}.crt"))).unwrap()];
        let key = PrivateKeyDer::from_pem_file(file(format!("{name}.key"))).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .unwrap();
        ClientConnection::new(Arc::new(config), ServerName::try_from("gateway.hospital.example").unwrap()).unwrap()
    }

    /// Asks on a connection, has the archive accept everything, and gives both ends.
    pub fn associate(&self, mut peer: Conn, rq: &AssociateRq) -> (Conn, Conn) {
        peer.request(rq);
        let (link, _) = self.archive_accepts(|_| ());
        peer.accepted();
        (peer, link)
    }

    /// The archive accepts what it is asked, changed at will.
    pub fn archive_accepts(&self, change: impl FnOnce(&mut AssociateAc)) -> (Conn, AssociateRq) {
        let mut link = self.archive.accept();
        let Pdu::AssociateRq(asked) = link.control() else { panic!("a request") };
        let mut ac = words::ac(&asked);
        change(&mut ac);
        link.send(ac.encode());
        (link, *asked)
    }

    /// CT1's association in clear for echoes (context 1) and CT images (3).
    pub fn modality(&self) -> (Conn, Conn) {
        self.associate(self.plain(), &words::rq("CT1", &[words::VERIFICATION, words::CT]))
    }

    pub fn reload(&self) {
        self.runtime.as_ref().unwrap().block_on(self.gateway.as_ref().unwrap().reload());
    }

    pub fn set_policy(&self, peers: &str, rules: &str) {
        std::fs::write(self.dir.path().join("policy.toml"), format!("{peers}{rules}")).unwrap();
        self.reload();
    }

    /// Stops, and starts anew on what lies there.
    pub fn restart(&mut self) {
        let stopped = self.stop();
        let runtime = self.runtime.as_ref().unwrap();
        runtime.block_on(stopped).unwrap();
        let settings = config::load(&self.dir.path().join("gateway.toml")).unwrap_or_else(|faults| panic!("{faults}"));
        let gateway = runtime.block_on(Gateway::start(settings)).unwrap();
        self.addresses = gateway.addresses.clone();
        self.gateway = Some(gateway);
    }

    /// What machines may see.
    pub fn view(&self) -> dicomgate::proxy::View {
        self.gateway.as_ref().unwrap().view()
    }

    /// Begins to stop; the handle ends once the gateway has.
    pub fn stop(&mut self) -> tokio::task::JoinHandle<()> {
        let gateway = self.gateway.take().unwrap();
        self.runtime.as_ref().unwrap().spawn(gateway.stop("test"))
    }

    pub fn revoke(&self, name: &str) {
        let ca = Ca::open(&self.dir.path().join("certs")).unwrap();
        ca.revoke(&ca::Which::Name(name.into()), ca::Reason::KeyCompromise, now()).unwrap();
        drop(ca);
        self.reload();
    }

    pub fn records(&self) -> Vec<Record> {
        records(&self.dir.path().join("state/audit"))
    }

    /// Waits for a record of this event and gives the latest.
    pub fn record(&self, event: &str) -> Record {
        let mut found = None;
        wait_until(&format!("a record `{event}`"), || {
            found = self.records().into_iter().rfind(|record| record.event() == event);
            found.is_some()
        });
        found.unwrap()
    }

    pub fn count(&self, event: &str) -> usize {
        self.records().iter().filter(|record| record.event() == event).count()
    }

    /// How the association ended, by its closing record.
    pub fn ended(&self) -> String {
        self.record("association-closed").text("ended").unwrap().to_owned()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        drop(self.gateway.take());
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

pub fn records(folder: &std::path::Path) -> Vec<Record> {
    let mut all = Vec::new();
    scan(folder, &Filter::default(), None, |record| {
        all.push(record);
        ControlFlow::Continue(())
    })
    .unwrap();
    all
}

/// The first key of the ring, where there is a vault.
pub fn make_key(dir: &tempfile::TempDir) {
    let settings = config::load(&dir.path().join("gateway.toml")).unwrap_or_else(|faults| panic!("{faults}"));
    if let Some(vault) = &settings.vault {
        dicomgate::keys::new_key(vault, jiff::Timestamp::now()).unwrap();
    }
}

/// A folder with certificates and a policy.
pub fn prepare(setup: &Setup) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let certs: PathBuf = dir.path().join("certs");
    std::fs::create_dir(&certs).unwrap();
    ca::new_ca(&certs, "Hospital DICOM CA", now()).unwrap();
    let ca = Ca::open(&certs).unwrap();
    for name in ["gateway", "archive", "ct2", "ct3"] {
        let dns = vec![format!("{name}.hospital.example")];
        let order =
            Order { name: name.into(), dns, ip: Vec::new(), server: !name.starts_with("ct2"), days: 10, renew: false };
        ca.issue(&order, now()).unwrap();
    }
    std::fs::write(dir.path().join("policy.toml"), format!("{}{}", setup.peers, setup.rules)).unwrap();
    dir
}

/// `gateway.toml`, with the ports that are to be listened on.
pub fn write_gateway(dir: &tempfile::TempDir, setup: &Setup, archive: u16, outside: u16, plain: u16) {
    let text = format!(
        r#"
[gateway]
name = "gate-1"
state = "state"
{}
[tls]
certificate = "certs/gateway.crt"
private_key = "certs/gateway.key"
client_ca = "certs/ca.crt"
crl = "certs/ca.crl"
[[listen]]
name = "outside"
address = "127.0.0.1:{outside}"
[[listen]]
name = "plain"
address = "127.0.0.1:{plain}"
tls = "off"
{}
[[archive]]
ae_title = "PACS"
address = "127.0.0.1:{archive}"
{}
[policy]
file = "policy.toml"
{}
[admin]
address = "off"
[limits]
{}
"#,
        setup.gateway, setup.plain, setup.archive, setup.policy, setup.limits
    );
    std::fs::write(dir.path().join("gateway.toml"), text).unwrap();
}

/// Asks the state of the gateway in this folder.
pub fn of_state<T>(folder: &Path, question: impl AsyncFnOnce(State) -> T) -> T {
    let clock = || jiff::Timestamp::now().as_second();
    let options = StateOptions::new(folder.join("state"), Arc::new(|_| {}), clock);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { question(State::open(options).await.unwrap()).await })
}
