//! The chain, and what it says.

#[path = "../support/ports.rs"]
mod ports;

use dicomgate::audit::read::{Filter, Record, scan};
use dicomgate::config;
use dicomgate::demo::archive::Archive;
use dicomgate::demo::client::{self, Call, Contexts, Wanted};
use dicomgate::demo::device::{self, Target};
use dicomgate::demo::link::Link;
use dicomgate::demo::study::Study;
use dicomgate::dicom::AeTitle;
use dicomgate::net::buffer::Pool;
use dicomgate::proxy::Gateway;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const PROGRAM: &str = env!("CARGO_BIN_EXE_dicomgate");
/// How long anything may take that should happen at once, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// The DNS name in the main gateway's certificate.
pub const NAME: &str = "gate.hospital.example";

pub fn title(text: &str) -> AeTitle {
    AeTitle::new(text).unwrap()
}

/// Ports of this machine that nobody listened on a moment ago.
pub fn free_ports<const N: usize>() -> [u16; N] {
    std::array::from_fn(|_| ports::free_port())
}

pub fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// Both gateways, and the folder that they lie in. The device is CT1, and receives at `device`.
pub struct Chain {
    folder: tempfile::TempDir,
    pub main: Gateway,
    pub edge: Gateway,
    pub device: SocketAddr,
    /// Where the archive delivers.
    pub inside: SocketAddr,
}

/// A rule that the main gateway gets only after the edge was made.
pub const LATER: &str = "[[rule]]\nname = \"no CT today\"\nwho = [\"peer:CT1\"]\nto = [\"PACS\"]\nmay = [\"store\"]\n\
    modalities = [\"CT\"]\neffect = \"deny\"\n";

impl Chain {
    /// Makes and starts it in front of this archive. `later`: rules that come to the main gateway afterwards.
    pub async fn start(archive: SocketAddr, later: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |file: &str| folder.path().join(file);
        let [outside, inside, plain, delivery, device] = free_ports();
        std::fs::create_dir(at("edge")).unwrap();
        std::fs::write(at("gateway.toml"), main_gateway(outside, inside, archive)).unwrap();
        let policy =
            |peer: &str, later: &str| std::fs::write(at("policy.toml"), format!("{peer}\n{RULES}\n{later}")).unwrap();
        policy(&plain_peer(device), "");
        let run = |arguments: &[&str]| program(folder.path(), arguments).unwrap_or_else(|fault| panic!("{fault}"));
        run(&["certs", "new-ca"]);
        run(&["certs", "issue", "--for", "gateway", "--dns", NAME, "--ip", "127.0.0.1", "--server"]);
        run(&["certs", "issue", "--for", "ws1", "--dns", "ws1.hospital.example"]);
        let said = run(&[
            "edge",
            "new",
            "--config",
            "gateway.toml",
            "--peer",
            "CT1",
            "--out",
            "edge",
            "--gateway",
            &format!("127.0.0.1:{outside}"),
            "--listen",
            &format!("127.0.0.1:{plain}"),
            "--deliver",
            &format!("127.0.0.1:{delivery}"),
        ]);
        let change = said.split("\n\n").nth(1).unwrap();
        policy(change, later);
        let main = Gateway::start(config::load(&at("gateway.toml")).unwrap()).await.unwrap();
        let edge = Gateway::start(config::load(&at("edge/gateway.toml")).unwrap()).await.unwrap();
        Self { main, edge, device: local(device), inside: local(inside), folder }
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// What the program answers; an error if it does not end with 0.
    pub fn run(&self, arguments: &[&str]) -> Result<String, String> {
        program(self.folder.path(), arguments)
    }

    /// What the edge's audit log holds.
    pub fn at_edge(&self) -> Vec<Record> {
        records(&self.path("edge/state"))
    }

    /// What the main gateway's audit log holds.
    pub fn at_main(&self) -> Vec<Record> {
        records(&self.path("state"))
    }

    fn address(gateway: &Gateway, listener: &str) -> SocketAddr {
        gateway.addresses.iter().find(|(name, _)| &**name == listener).unwrap().1
    }

    /// Where the device finds the edge.
    pub fn plain(&self) -> Target {
        target(Self::address(&self.edge, "device"))
    }

    /// Where others find the main gateway.
    pub fn outside(&self) -> Target {
        target(Self::address(&self.main, "outside"))
    }

    /// An association of the device, as it ever made them.
    pub async fn associate(&self, wanted: Vec<Wanted>) -> (Link, Contexts) {
        let wire = device::plain(&self.plain()).await.unwrap();
        let call = Call { calling: title("CT1"), called: title("PACS") };
        client::associate(wire, call, wanted, false).await.unwrap()
    }
}

/// Contexts for a study's objects, and a service.
pub fn wanted(study: &Study, service: &str) -> Vec<Wanted> {
    let kinds = study.objects.iter().map(|object| (object.sop_class, object.transfer_syntax));
    let mut wanted = client::storage_contexts(kinds);
    wanted.extend(client::service(service));
    wanted
}

/// An archive of the demonstration.
pub fn archive(folder: &Path) -> Archive {
    Archive::start(title("PACS"), 0, folder.to_path_buf()).unwrap()
}

fn target(address: SocketAddr) -> Target {
    Target { address, name: NAME.to_owned(), pool: Arc::new(Pool::new(128 * 1024, 16)) }
}

fn program(folder: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(PROGRAM).args(arguments).current_dir(folder).stdin(Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(format!("{arguments:?}: {}\n{}{}", output.status, text(&output.stdout), text(&output.stderr))),
    }
}

fn records(state: &Path) -> Vec<Record> {
    let mut all = Vec::new();
    scan(&state.join("audit"), &Filter::default(), None, |record| {
        all.push(record);
        ControlFlow::Continue(())
    })
    .unwrap();
    all
}

/// Waits until it is so, and gives what it found.
pub async fn eventually<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn main_gateway(outside: u16, inside: u16, archive: SocketAddr) -> String {
    format!(
        "[gateway]\nname = \"gate-1\"\nstate = \"state\"\n\
         [tls]\ncertificate = \"certs/gateway.crt\"\nprivate_key = \"certs/gateway.key\"\nclient_ca = \"certs/ca.crt\"\n\
         [[listen]]\nname = \"outside\"\naddress = \"127.0.0.1:{outside}\"\n\
         [[listen]]\nname = \"inside\"\naddress = \"127.0.0.1:{inside}\"\ntls = \"off\"\nserves = \"archive\"\n\
         network = [\"127.0.0.1/32\"]\n\
         [[archive]]\nae_title = \"PACS\"\naddress = \"{archive}\"\n\
         [policy]\nfile = \"policy.toml\"\n[admin]\naddress = \"off\"\n"
    )
}

/// The device as it is known before it gets an edge.
fn plain_peer(device: u16) -> String {
    format!(
        "[[peer]]\nae_titles = [\"CT1\"]\ntls = \"off\"\nnetwork = [\"127.0.0.1/32\"]\naddress = \"127.0.0.1:{device}\"\n\
         groups = [\"modality\"]\n"
    )
}

const RULES: &str = "[[peer]]\nae_titles = [\"WS1\"]\ncertificate = \"ws1.hospital.example\"\n\
    [[rule]]\nname = \"modalities\"\nwho = [\"group:modality\"]\nto = [\"PACS\"]\n\
    may = [\"echo\", \"store\", \"find\", \"move\", \"commit\"]\ndestinations = [\"self\"]\n\
    [[rule]]\nname = \"workstations\"\nwho = [\"peer:WS1\"]\nto = [\"PACS\"]\nmay = [\"echo\"]\n\
    [[rule]]\nname = \"routing\"\nwho = [\"archive:PACS\"]\nto = [\"CT1\"]\nmay = [\"store\"]\n";
