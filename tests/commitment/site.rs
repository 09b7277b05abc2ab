//! A gateway with two archives and an inside listener, that can be started again over what it has kept.

use crate::support::conn::{Archive, Conn, Message};
use crate::support::words::{COMMIT, CT, ac, rq, title, uid};
use crate::support::world::{Setup, prepare, records, write_gateway};
use crate::support::{PATIENCE, wait_until};
use dicomgate::audit::read::Record;
use dicomgate::config;
use dicomgate::dicom::commitment::{self, Place, Reference, Report};
use dicomgate::dicom::dimse::{Command, Field, Status};
use dicomgate::dicom::pdu::{AssociateAc, AssociateRq, Pdu, Role};
use dicomgate::dicom::transfer_syntax::Encoding;
use dicomgate::proxy::Gateway;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use tokio::runtime::Runtime;

const RULES: &str = "[[rule]]\nname = \"modalities\"\nwho = [\"group:modality\"]\nto = [\"PACS\", \"VNA\"]\n\
    may = [\"echo\", \"store\", \"commit\"]\nsop_classes = [\"1.2.840.10008.1.1\", \"1.2.840.10008.1.20.1\", \
    \"1.2.840.10008.5.1.4.1.1.2\"]\n";

pub struct Site {
    dir: tempfile::TempDir,
    pub pacs: Archive,
    pub vna: Archive,
    /// Where CT1, in clear, and CT3, over TLS, listen.
    modality: Option<Archive>,
    modality_port: u16,
    gateway: Option<Gateway>,
    runtime: Option<Runtime>,
    addresses: Vec<(Arc<str>, SocketAddr)>,
}

impl Site {
    /// `peer`: further lines of the modalities.
    pub fn new(peer: &str) -> Self {
        let (pacs, vna, modality) = (Archive::new(), Archive::new(), Archive::new());
        let port = modality.port();
        let peers = format!(
            "[[peer]]\nae_titles = [\"CT1\"]\ntls = \"off\"\nnetwork = [\"127.0.0.1/32\"]\ngroups = [\"modality\"]\n\
             address = \"127.0.0.1:{port}\"\n{peer}\n[[peer]]\nae_titles = [\"CT3\"]\ngroups = [\"modality\"]\n\
             certificate = \"ct3.hospital.example\"\naddress = \"127.0.0.1:{port}\"\n{peer}\n"
        );
        let archive = format!(
            "answers_to = [\"PACS\", \"MAIN\"]\n[[archive]]\nae_title = \"VNA\"\naddress = \"127.0.0.1:{}\"\n\
             [[listen]]\nname = \"inside\"\naddress = \"127.0.0.1:0\"\ntls = \"off\"\nserves = \"archive\"\n\
             network = [\"127.0.0.0/8\"]\n",
            vna.port()
        );
        let limits = "commit_retry = \"1s\"".into();
        let setup = Setup { limits, archive, peers, rules: RULES.into(), ..Setup::default() };
        let dir = prepare(&setup);
        write_gateway(&dir, &setup, pacs.port(), 0, 0);
        let modality = Some(modality);
        let mut site =
            Self { dir, pacs, vna, modality, modality_port: port, gateway: None, runtime: None, addresses: Vec::new() };
        site.start();
        site
    }

    pub fn start(&mut self) {
        let file = self.dir.path().join("gateway.toml");
        let settings = config::load(&file).unwrap_or_else(|faults| panic!("{faults}"));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let gateway = runtime.block_on(Gateway::start(settings)).unwrap();
        self.addresses.clone_from(&gateway.addresses);
        (self.gateway, self.runtime) = (Some(gateway), Some(runtime));
    }

    pub fn stop(&mut self) {
        let (gateway, runtime) = (self.gateway.take().unwrap(), self.runtime.take().unwrap());
        runtime.block_on(async { tokio::time::timeout(PATIENCE, gateway.stop("test")).await.unwrap() });
    }

    fn address(&self, listener: &str) -> SocketAddr {
        self.addresses.iter().find(|(name, _)| &**name == listener).unwrap().1
    }

    /// The modality is switched off: nobody listens where it did.
    pub fn switch_off(&mut self) {
        self.modality = None;
    }

    pub fn switch_on(&mut self) {
        let listener = TcpListener::bind(("127.0.0.1", self.modality_port)).unwrap();
        listener.set_nonblocking(true).unwrap();
        self.modality = Some(Archive { listener });
    }

    pub fn modality(&self) -> &Archive {
        self.modality.as_ref().unwrap()
    }

    /// CT1's association with an archive, for storage and commitment, both ends.
    pub fn ct1(&self, called: &str) -> (Conn, Conn) {
        let mut peer = Conn::dial(self.address("plain"));
        peer.request(&AssociateRq { called: title(called), ..rq("CT1", &[CT, COMMIT]) });
        let link = self.archive_accepts(called);
        peer.accepted();
        (peer, link)
    }

    /// CT3's association over TLS.
    pub fn ct3(&self) -> (Conn, Conn) {
        let (roots, chain, key) = self.keys("ct3");
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .unwrap();
        let name = "gateway.hospital.example".try_into().unwrap();
        let tls = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut peer = Conn::dial(self.address("outside")).with_tls(tls);
        peer.request(&rq("CT3", &[CT, COMMIT]));
        let link = self.archive_accepts("PACS");
        peer.accepted();
        (peer, link)
    }

    fn archive_accepts(&self, called: &str) -> Conn {
        let archive = if called == "VNA" { &self.vna } else { &self.pacs };
        accepts(archive.accept()).0
    }

    /// An archive calls a requester at the inside listener, to report.
    pub fn inside(&self, calling: &str, called: &str) -> Conn {
        let mut link = Conn::dial(self.address("inside"));
        let mut asked = AssociateRq { called: title(called), ..rq(calling, &[COMMIT]) };
        asked.user.roles = vec![Role { sop_class: uid(COMMIT), scu: false, scp: true }];
        link.request(&asked);
        let answer = link.accepted();
        assert_eq!(answer.user.roles, asked.user.roles);
        link
    }

    /// The modality is called, over TLS if `tls`, and accepts.
    pub fn called_back(&self, tls: bool) -> (Conn, AssociateRq) {
        let conn = self.modality().accept();
        accepts(if tls { conn.with_server_tls(self.server()) } else { conn })
    }

    fn server(&self) -> ServerConnection {
        let (roots, chain, key) = self.keys("ct3");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .unwrap();
        ServerConnection::new(Arc::new(config)).unwrap()
    }

    fn keys(&self, name: &str) -> (RootCertStore, Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let file = |file: String| self.dir.path().join("certs").join(file);
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(file("ca.crt".into())).unwrap()).unwrap();
        let chain = vec![CertificateDer::from_pem_file(file(format!("{name}.crt"))).unwrap()];
        (roots, chain, PrivateKeyDer::from_pem_file(file(format!("{name}.key"))).unwrap())
    }

    /// The records of commitment with this outcome.
    pub fn records(&self, outcome: &str) -> Vec<Record> {
        let all = records(&self.dir.path().join("state/audit")).into_iter();
        all.filter(|record| record.event() == "commitment" && record.text("outcome") == Some(outcome)).collect()
    }

    pub fn wait_for(&self, outcome: &str, count: usize) {
        wait_until(&format!("{count} records `{outcome}`"), || self.records(outcome).len() >= count);
        assert_eq!(self.records(outcome).len(), count);
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        drop(self.gateway.take());
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Accepts everything in the first transfer syntax, the roles as they are asked for.
fn accepts(mut conn: Conn) -> (Conn, AssociateRq) {
    let Pdu::AssociateRq(asked) = conn.control() else { panic!("a request") };
    let answer: AssociateAc = ac(&asked);
    conn.send(answer.encode());
    (conn, *asked)
}

/// All of these are kept.
pub fn kept(transaction: &str, instances: &[(&str, &str)]) -> Report {
    let reference =
        |(class, instance): &(&str, &str)| Reference { class: uid(class), instance: uid(instance), place: None };
    let committed = instances.iter().map(reference).collect();
    Report { transaction: uid(transaction), place: Place::default(), committed, failed: Vec::new() }
}

/// A modality asks for what is in `wanted`; the archive agrees. What the archive saw is what was sent.
pub fn ask(peer: &mut Conn, link: &mut Conn, message: u16, wanted: &Report) {
    let (class, instance) = (uid(COMMIT), uid(commitment::SOP_INSTANCE));
    let action = Command {
        action_type: Some(commitment::REQUEST),
        ..Command::n_request(Field::ActionRq, message, &class, &instance, true)
    };
    let sent = peer.say(3, &action, Some(&wanted.encode(Encoding::ExplicitLe)));
    let asked = link.message();
    assert_eq!(asked.bytes, sent);
    link.say(3, &asked.command.response(Status::SUCCESS).unwrap(), None);
    assert_eq!(peer.message().status(), 0);
}

/// An archive reports; says what it is answered.
pub fn report(link: &mut Conn, context: u8, said: &Report) -> u16 {
    let (class, instance) = (uid(COMMIT), uid(commitment::SOP_INSTANCE));
    let command = Command {
        event_type: Some(said.event_type()),
        ..Command::n_request(Field::EventReportRq, 7, &class, &instance, true)
    };
    link.say(context, &command, Some(&said.encode(Encoding::ExplicitLe)));
    link.message().status()
}

/// The modality hears a report, and answers with that status.
pub fn hear(peer: &mut Conn, context: u8, status: u16) -> Report {
    let Message { command, data, .. } = peer.message();
    assert_eq!(command.field, Field::EventReportRq);
    let event_type = command.event_type.unwrap();
    let read = commitment::read(&data.unwrap(), Encoding::ExplicitLe, event_type, commitment::MOST_REFERENCES).unwrap();
    assert_eq!(read.event_type(), event_type);
    peer.say(context, &command.response(Status(status)).unwrap(), None);
    read
}
