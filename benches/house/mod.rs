//! A gateway process as it is installed, and busy ends of associations around it: what benches that weigh the gateway's own
//! CPU time share.

use super::support;
use super::support::conn::Archive;
use super::support::words::{CT, GET, ac, rq, store, success, title, uid};
use super::support::world::{Setup, prepare, write_gateway};
use bytes::Bytes;
use dicomgate::dicom::dataset::write::DataSet;
use dicomgate::dicom::dimse::{Command, Counters, Status, Tolerances};
use dicomgate::dicom::pdu::{AssociateRq, Event, Framer, FramerLimits, Pdu, Role, pdata};
use dicomgate::dicom::transfer_syntax::Encoding;
use dicomgate::dicom::{AeTitle, Tag};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;

/// Bytes of a PDU that these ends take and send.
const LONGEST: u32 = 131_072;

pub struct House {
    dir: tempfile::TempDir,
    child: Child,
    pub outside: SocketAddr,
    pub plain: SocketAddr,
    pub archive: Archive,
}

fn dicomgate(dir: &Path, words: &[&str]) -> Child {
    std::process::Command::new(env!("CARGO_BIN_EXE_dicomgate"))
        .args(words)
        .arg("--config")
        .arg(dir.join("gateway.toml"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

impl House {
    pub fn start(setup: &Setup) -> Self {
        Self::start_with(setup, &[], |_| ())
    }

    /// Starts it once its folder was made ready and each of these commands has been through.
    pub fn start_with(setup: &Setup, before: &[&[&str]], ready: impl FnOnce(&Path)) -> Self {
        let archive = Archive::new();
        let free = || SocketAddr::from(([127, 0, 0, 1], support::ports::free_port()));
        let (outside, plain) = (free(), free());
        let dir = prepare(setup);
        write_gateway(&dir, setup, archive.port(), outside.port(), plain.port());
        ready(dir.path());
        for words in before {
            assert!(dicomgate(dir.path(), words).wait().unwrap().success(), "{words:?}");
        }
        let child = dicomgate(dir.path(), &["run"]);
        support::wait_until("the gateway listens", || dial(outside).is_some());
        Self { dir, child, outside, plain, archive }
    }

    pub fn certs(&self) -> PathBuf {
        self.dir.path().join("certs")
    }

    pub fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// CPU nanoseconds that the gateway has used.
    pub fn used(&self) -> u64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let spent = |task: std::fs::DirEntry| {
            let text = std::fs::read_to_string(task.path().join("schedstat")).unwrap();
            text.split_whitespace().next().unwrap().parse::<u64>().unwrap()
        };
        tasks.map(|task| spent(task.unwrap())).sum()
    }

    /// The most memory that it has had resident, KiB.
    pub fn most_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// CPU seconds of the gateway per GB of one round, which says when it has warmed up.
    pub fn measured(&self, bytes: usize, round: impl FnOnce(&mut u64)) -> f64 {
        let mut begun = 0;
        round(&mut begun);
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let (spent, bytes) = ((self.used() - begun) as f64, bytes as f64);
        spent / bytes
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "here the bench is the device")]
pub fn dial(address: SocketAddr) -> Option<TcpStream> {
    let tcp = TcpStream::connect(address).ok()?;
    tcp.set_nodelay(true).unwrap();
    Some(tcp)
}

pub fn accepted(listener: &TcpListener) -> TcpStream {
    let mut accepted = None;
    support::wait_until("a call", || {
        accepted = listener.accept().ok();
        accepted.is_some()
    });
    let (tcp, _) = accepted.unwrap();
    tcp.set_nonblocking(false).unwrap();
    tcp.set_nodelay(true).unwrap();
    tcp
}

fn roots(certs: &Path) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certs.join("ca.crt")).unwrap()).unwrap();
    roots
}

fn identity(certs: &Path, name: &str) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let chain = vec![CertificateDer::from_pem_file(certs.join(format!("{name}.crt"))).unwrap()];
    (chain, PrivateKeyDer::from_pem_file(certs.join(format!("{name}.key"))).unwrap())
}

pub fn client(certs: &Path, name: &str, tcp: TcpStream) -> StreamOwned<ClientConnection, TcpStream> {
    let (chain, key) = identity(certs, name);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots(certs)).with_client_auth_cert(chain, key).unwrap();
    let name = ServerName::try_from("gateway.hospital.example").unwrap();
    StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), tcp)
}

pub fn server(certs: &Path, tcp: TcpStream) -> StreamOwned<ServerConnection, TcpStream> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(certs)), Arc::clone(&provider));
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let (chain, key) = identity(certs, "ct3");
    let config = config.with_client_cert_verifier(verifier.build().unwrap()).with_single_cert(chain, key).unwrap();
    StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), tcp)
}

/// An object: its instance, and its data set in explicit VR little endian.
pub type Thing = (String, Bytes);

/// One end of an association that is busy.
pub struct End<S> {
    stream: S,
    framer: Framer,
    buffer: Vec<u8>,
    command: Vec<u8>,
    data: Option<Vec<u8>>,
    /// Bytes of a PDU that the other side takes.
    longest: u32,
}

/// What came.
enum Came {
    Control(Pdu),
    Message(u8, Box<Command>),
}

impl<S: Read + Write> End<S> {
    pub fn new(stream: S) -> Self {
        let framer = Framer::new(FramerLimits { pdata: 1 << 20, ..FramerLimits::default() });
        Self { stream, framer, buffer: vec![0; 256 * 1024], command: Vec::new(), data: None, longest: LONGEST }
    }

    /// Keeps the data sets that come.
    pub fn keeping(mut self) -> Self {
        self.data = Some(Vec::new());
        self
    }

    fn next(&mut self) -> Came {
        loop {
            while let Some(event) = self.framer.next().unwrap() {
                match event {
                    Event::Control { pdu, .. } => return Came::Control(pdu),
                    Event::PDataEnd { .. } => {}
                    Event::Fragment(fragment) => {
                        match (fragment.command, &mut self.data) {
                            (true, _) => self.command.extend_from_slice(&fragment.bytes),
                            (false, Some(data)) => data.extend_from_slice(&fragment.bytes),
                            (false, None) => {}
                        }
                        if fragment.last && fragment.ends {
                            let command = Command::decode(&self.command, &Tolerances::STRICT).unwrap();
                            if !fragment.command || !command.data_set {
                                self.command.clear();
                                return Came::Message(fragment.context, Box::new(command));
                            }
                        }
                    }
                }
            }
            let read = self.stream.read(&mut self.buffer).unwrap();
            assert!(read > 0, "the connection ended");
            self.framer.feed(Bytes::copy_from_slice(self.buffer.get(..read).unwrap()));
        }
    }

    fn message(&mut self) -> (u8, Command) {
        let Came::Message(context, command) = self.next() else { panic!("a message") };
        (context, *command)
    }

    fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
        self.stream.flush().unwrap();
    }

    fn say(&mut self, context: u8, command: &Command, data: Option<&[u8]>) {
        self.write(&pdata::write_message(context, &command.encode(), data, self.longest));
    }

    /// Accepts everything.
    fn accept(&mut self) {
        let Came::Control(Pdu::AssociateRq(asked)) = self.next() else { panic!("a request") };
        self.longest = asked.user.max_length.min(LONGEST);
        let mut answer = ac(&asked);
        answer.user.max_length = LONGEST;
        self.write(&answer.encode());
    }

    /// Takes objects until the release; gives what it kept of them.
    pub fn serve(mut self) -> Vec<Thing> {
        self.accept();
        let mut kept = Vec::new();
        loop {
            match self.next() {
                Came::Message(context, command) => {
                    if let Some(data) = &mut self.data {
                        let instance = command.sop_instance().unwrap().to_string();
                        kept.push((instance, std::mem::take(data).into()));
                    }
                    self.say(context, &success(&command), None);
                }
                Came::Control(_) => {
                    self.write(&[6, 0, 0, 0, 0, 4, 0, 0, 0, 0]);
                    return kept;
                }
            }
        }
    }

    /// Answers one C-GET with these objects, on the first context of CT images.
    pub fn hand_out(mut self, things: &[Thing]) {
        self.accept();
        let (place, asked) = self.message();
        for (message, (instance, data)) in (1..).zip(things) {
            let mut command = store(message);
            command.affected_sop_instance = Some(uid(instance));
            self.say(3, &command, Some(data));
            let (_, answer) = self.message();
            assert_eq!(answer.status.unwrap().0, 0, "{instance}");
        }
        let completed = u16::try_from(things.len()).unwrap();
        let counters = Counters { completed: Some(completed), ..Counters::default() };
        let answer = asked.response(Status::SUCCESS).unwrap().with_counters(counters);
        self.say(place, &answer, None);
        self.next();
        self.write(&[6, 0, 0, 0, 0, 4, 0, 0, 0, 0]);
    }

    /// Sends these objects one after the other; `begun` is called when so many have warmed up.
    pub fn send(mut self, from: Caller<'_>, things: &[Thing], begun: (usize, impl FnOnce())) {
        self.ask(&from, rq(from.calling, &[CT]));
        let (warm, begun) = begun;
        let mut begun = Some(begun);
        for (place, (instance, data)) in things.iter().enumerate() {
            if place == warm {
                begun.take().unwrap()();
            }
            let mut command = store(u16::try_from(place + 1).unwrap());
            command.affected_sop_instance = Some(uid(instance));
            if let Some((requester, message)) = from.originator {
                command = command.moved_for(AeTitle::new(requester).unwrap(), message);
            }
            self.say(1, &command, Some(data));
            let (_, answer) = self.message();
            assert_eq!(answer.status.unwrap().0, 0, "{answer:?}");
        }
        self.release();
    }

    /// Retrieves a study, and gives how many objects came; `begun` is called when so many have warmed up.
    pub fn get(mut self, from: Caller<'_>, begun: (usize, impl FnOnce())) -> usize {
        let mut asked = rq(from.calling, &[GET, CT]);
        asked.user.roles = vec![Role { sop_class: uid(CT), scu: true, scp: true }];
        self.ask(&from, asked);
        let study = DataSet::new()
            .with(Tag(0x0008, 0x0052), b"CS", "STUDY")
            .with_uid(Tag(0x0020, 0x000d), &uid("1.2.3.4"))
            .encode(Encoding::ExplicitLe);
        self.say(1, &Command::get_rq(1, &uid(GET)), Some(&study));
        let (warm, begun) = begun;
        let mut begun = Some(begun);
        for count in 0.. {
            let (context, command) = self.message();
            if let Some(status) = command.status {
                assert_eq!(status, Status::SUCCESS, "{command:?}");
                self.release();
                return count;
            }
            self.say(context, &success(&command), None);
            if count + 1 == warm {
                begun.take().unwrap()();
            }
        }
        0
    }

    fn ask(&mut self, from: &Caller<'_>, mut request: AssociateRq) {
        request.called = title(from.called);
        request.user.max_length = LONGEST;
        self.write(&request.encode());
        let Came::Control(Pdu::AssociateAc(accepted)) = self.next() else { panic!("an acceptance") };
        self.longest = accepted.user.max_length.min(LONGEST);
    }

    fn release(&mut self) {
        self.write(&[5, 0, 0, 0, 0, 4, 0, 0, 0, 0]);
        self.next();
    }
}

/// Who calls whom, and for which C-MOVE.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    pub calling: &'a str,
    pub called: &'a str,
    pub originator: Option<(&'a str, u16)>,
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap()
}

/// The median, and in brackets the least and the most.
pub fn spread(values: &[f64]) -> String {
    let (least, most) = values.iter().fold((f64::MAX, f64::MIN), |(a, b), value| (a.min(*value), b.max(*value)));
    format!("{:.3} ({least:.3} to {most:.3})", median(values.to_vec()))
}
