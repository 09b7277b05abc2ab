//! What a delivery costs beside a store, in CPU seconds of the gateway per GB: the same objects, the same loads, TLS on
//! the outer side of both; deliveries under a C-MOVE that is under way, with its message id restored in each command.
//! `cargo bench --bench deliveries [-- REPEATS]` prints both and their ratio, paired, in turns, one gateway process.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    dead_code,
    reason = "a bench ends where its ground is not sound, and shares the support of the tests"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use bytes::Bytes;
use dicomgate::dicom::dataset::write::DataSet;
use dicomgate::dicom::dimse::{Command, Tolerances};
use dicomgate::dicom::pdu::{Event, Framer, FramerLimits, Pdu, pdata};
use dicomgate::dicom::transfer_syntax::Encoding;
use dicomgate::dicom::{AeTitle, Tag};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use support::conn::{Archive, Conn};
use support::words::{CT, MOVE, ac, object, rq, store, success, title, uid};
use support::world::{Setup, prepare, write_gateway};

/// Objects a round; the first dozen warms up.
const OBJECTS: u16 = 400;
const PIXELS: usize = 524_288;

struct House {
    dir: tempfile::TempDir,
    child: std::process::Child,
    outside: SocketAddr,
    plain: SocketAddr,
    inside: SocketAddr,
    archive: Archive,
    destination: TcpListener,
}

impl House {
    fn new() -> Self {
        let archive = Archive::new();
        let destination = TcpListener::bind("127.0.0.1:0").unwrap();
        let free = || SocketAddr::from(([127, 0, 0, 1], support::ports::free_port()));
        let (outside, plain, inside) = (free(), free(), free());
        let peers = format!(
            "[[peer]]\nae_titles = [\"CT2\"]\ncertificate = \"ct2.hospital.example\"\n\
             [[peer]]\nae_titles = [\"WS1\"]\ntls = \"off\"\nnetwork = [\"127.0.0.1/32\"]\n\
             [[peer]]\nae_titles = [\"CT3\"]\ncertificate = \"ct3.hospital.example\"\naddress = \"{}\"\n",
            destination.local_addr().unwrap()
        );
        let rules = "[[rule]]\nname = \"stores\"\nwho = [\"peer:CT2\"]\nto = [\"PACS\"]\nmay = [\"store\"]\n\
             [[rule]]\nname = \"moves\"\nwho = [\"peer:WS1\"]\nto = [\"PACS\"]\nmay = [\"move\"]\ndestinations = [\"CT3\"]\n";
        let listen = format!(
            "[[listen]]\nname = \"inside\"\naddress = \"{inside}\"\ntls = \"off\"\nserves = \"archive\"\n\
             network = [\"127.0.0.0/8\"]\n"
        );
        let setup = Setup { archive: listen, peers, rules: rules.into(), ..Setup::default() };
        let dir = prepare(&setup);
        write_gateway(&dir, &setup, archive.port(), outside.port(), plain.port());
        let child = std::process::Command::new(env!("CARGO_BIN_EXE_dicomgate"))
            .args(["run", "--config"])
            .arg(dir.path().join("gateway.toml"))
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        support::wait_until("the gateway listens", || dial(inside).is_some());
        Self { dir, child, outside, plain, inside, archive, destination }
    }

    /// CPU nanoseconds that the gateway has used.
    fn used(&self) -> u64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let spent = |task: std::fs::DirEntry| {
            let text = std::fs::read_to_string(task.path().join("schedstat")).unwrap();
            text.split_whitespace().next().unwrap().parse::<u64>().unwrap()
        };
        tasks.map(|task| spent(task.unwrap())).sum()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "here the bench is the device")]
fn dial(address: SocketAddr) -> Option<TcpStream> {
    let tcp = TcpStream::connect(address).ok()?;
    tcp.set_nodelay(true).unwrap();
    Some(tcp)
}

fn accepted(listener: &TcpListener) -> TcpStream {
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

fn client(certs: &Path, tcp: TcpStream) -> StreamOwned<ClientConnection, TcpStream> {
    let (chain, key) = identity(certs, "ct2");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots(certs)).with_client_auth_cert(chain, key).unwrap();
    let name = ServerName::try_from("gateway.hospital.example").unwrap();
    StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), tcp)
}

fn server(certs: &Path, tcp: TcpStream) -> StreamOwned<ServerConnection, TcpStream> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(certs)), Arc::clone(&provider));
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let (chain, key) = identity(certs, "ct3");
    let config = config.with_client_cert_verifier(verifier.build().unwrap()).with_single_cert(chain, key).unwrap();
    StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), tcp)
}

/// One end of an association that is busy.
struct End<S> {
    stream: S,
    framer: Framer,
    buffer: Vec<u8>,
    command: Vec<u8>,
}

/// What came.
enum Came {
    Control(Pdu),
    Message(Box<Command>),
}

impl<S: Read + Write> End<S> {
    fn new(stream: S) -> Self {
        let framer = Framer::new(FramerLimits { pdata: 1 << 20, ..FramerLimits::default() });
        Self { stream, framer, buffer: vec![0; 256 * 1024], command: Vec::new() }
    }

    fn next(&mut self) -> Came {
        loop {
            while let Some(event) = self.framer.next().unwrap() {
                match event {
                    Event::Control { pdu, .. } => return Came::Control(pdu),
                    Event::PDataEnd { .. } => {}
                    Event::Fragment(fragment) => {
                        if fragment.command {
                            self.command.extend_from_slice(&fragment.bytes);
                        }
                        if fragment.last && fragment.ends {
                            let command = Command::decode(&self.command, &Tolerances::STRICT).unwrap();
                            if !fragment.command || !command.data_set {
                                self.command.clear();
                                return Came::Message(Box::new(command));
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

    fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
        self.stream.flush().unwrap();
    }

    /// Accepts everything and takes objects until the release.
    fn serve(mut self) {
        let Came::Control(Pdu::AssociateRq(asked)) = self.next() else { panic!("a request") };
        let mut answer = ac(&asked);
        answer.user.max_length = 131_072;
        self.write(&answer.encode());
        loop {
            match self.next() {
                Came::Message(command) => {
                    let said = pdata::write_message(1, &success(&command).encode(), None, 16_384);
                    self.write(&said);
                }
                Came::Control(_) => {
                    self.write(&[6, 0, 0, 0, 0, 4, 0, 0, 0, 0]);
                    return;
                }
            }
        }
    }

    /// Sends the objects one after the other; `begun` is called when the warm-up is over.
    fn send(mut self, calling: &str, called: &str, originator: Option<u16>, begun: impl FnOnce()) {
        let mut request = rq(calling, &[CT]);
        request.called = title(called);
        request.user.max_length = 131_072;
        self.write(&request.encode());
        let Came::Control(Pdu::AssociateAc(accepted)) = self.next() else { panic!("an acceptance") };
        let mut begun = Some(begun);
        for message in 1..=OBJECTS + 12 {
            if message == 13
                && let Some(begun) = begun.take()
            {
                begun();
            }
            let instance = format!("1.2.3.4.5.{message}");
            let mut command = store(message);
            command.affected_sop_instance = Some(uid(&instance));
            if let Some(originator) = originator {
                command = command.moved_for(AeTitle::new("WS1").unwrap(), originator);
            }
            let data = object(CT, &instance, PIXELS);
            let pdus = pdata::write_message(1, &command.encode(), Some(&data), accepted.user.max_length);
            self.write(&pdus);
            let Came::Message(answer) = self.next() else { panic!("an answer") };
            assert_eq!(answer.status.unwrap().0, 0);
        }
        self.write(&[5, 0, 0, 0, 0, 4, 0, 0, 0, 0]);
        self.next();
    }
}

/// CPU seconds per GB of one round.
fn measured(house: &House, round: impl FnOnce(&mut u64)) -> f64 {
    let mut begun = 0;
    round(&mut begun);
    let spent = house.used() - begun;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let (spent, bytes) = (spent as f64, (usize::from(OBJECTS) * PIXELS) as f64);
    spent / bytes
}

fn stores(house: &House) -> f64 {
    let certs = house.dir.path().join("certs");
    measured(house, |begun| {
        thread::scope(|scope| {
            let sender = End::new(client(&certs, dial(house.outside).unwrap()));
            scope.spawn(move || sender.send("CT2", "PACS", None, || *begun = house.used()));
            End::new(accepted(&house.archive.listener)).serve();
        });
    })
}

fn deliveries(house: &House, message: u16) -> f64 {
    let certs = house.dir.path().join("certs");
    measured(house, |begun| {
        thread::scope(|scope| {
            let sender = End::new(dial(house.inside).unwrap());
            scope.spawn(move || sender.send("PACS", "CT3", Some(message), || *begun = house.used()));
            End::new(server(&certs, accepted(&house.destination))).serve();
        });
    })
}

/// A C-MOVE under way: the requester's and the archive's end, and the message id that the archive sees.
fn under_way(house: &House) -> (Conn, Conn, u16) {
    let mut requester = Conn::dial(house.plain);
    requester.request(&rq("WS1", &[MOVE]));
    let mut archive = house.archive.accept();
    let Pdu::AssociateRq(asked) = archive.control() else { panic!("a request") };
    archive.send(ac(&asked).encode());
    requester.accepted();
    let study = DataSet::new()
        .with(Tag(0x0008, 0x0052), b"CS", "STUDY")
        .with_uid(Tag(0x0020, 0x000d), &uid("1.2.3.4"))
        .encode(Encoding::ExplicitLe);
    requester.say(1, &Command::move_rq(7, &uid(MOVE), AeTitle::new("CT3").unwrap()), Some(&study));
    let seen = archive.message().command.message_id.unwrap();
    (requester, archive, seen)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap()
}

fn main() {
    let repeats: usize = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(15);
    let house = House::new();
    let (_requester, _archive, message) = under_way(&house);
    let (mut stored, mut delivered, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for repeat in 0..repeats {
        let (store, delivery) = if repeat % 2 == 0 {
            let store = stores(&house);
            (store, deliveries(&house, message))
        } else {
            let delivery = deliveries(&house, message);
            (stores(&house), delivery)
        };
        stored.push(store);
        delivered.push(delivery);
        ratios.push(delivery / store);
    }
    let spread = |values: &[f64]| {
        let (least, most) = values.iter().fold((f64::MAX, 0.0_f64), |(a, b), value| (a.min(*value), b.max(*value)));
        format!("{least:.3} to {most:.3}")
    };
    println!("CPU seconds of the gateway per GB, {OBJECTS} objects of {PIXELS} bytes, {repeats} repeats in turns");
    println!("store     {:.3} ({})", median(stored.clone()), spread(&stored));
    println!("delivery  {:.3} ({})", median(delivered.clone()), spread(&delivered));
    println!("ratio     {:.3} ({})", median(ratios.clone()), spread(&ratios));
}
