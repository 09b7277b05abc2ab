//! A fresh folder with the samples of the repository in it, the program under its own name, and a gateway that runs.

#[path = "../support/ports.rs"]
mod ports;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// How long anything may take that should happen at once, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
const PROGRAM: &str = env!("CARGO_BIN_EXE_dicomgate");
const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");

/// An installation of its own.
pub struct House(tempfile::TempDir);

/// What a command answered.
pub struct Answer {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Answer {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self { code: output.status.code().unwrap(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// The same, if it ended with this code.
    pub fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        self
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|fault| panic!("{fault}: {}", self.out))
    }
}

impl House {
    /// Only the two samples, and an empty folder for keys.
    pub fn new() -> Self {
        let house = Self(tempfile::tempdir().unwrap());
        for folder in ["config", "certs"] {
            std::fs::create_dir(house.path(folder)).unwrap();
        }
        for file in ["config/gateway.toml", "config/policy.toml", "certs/make-demo-keys"] {
            std::fs::copy(repository(file), house.path(file)).unwrap();
        }
        house
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    pub fn write(&self, file: &str, text: &str) {
        std::fs::write(self.path(file), text).unwrap();
    }

    /// Replaces in a file what must be there.
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path(file)).unwrap();
        assert!(text.contains(from), "`{from}` is not in {file}");
        self.write(file, &text.replace(from, to));
    }

    /// Runs the program in the house.
    pub fn run(&self, arguments: &[&str]) -> Answer {
        let output = Command::new(PROGRAM).args(arguments).current_dir(self.0.path()).stdin(Stdio::null()).output();
        Answer::of(&output.unwrap())
    }

    /// Types a line into a shell, with the program in the search path under its name.
    pub fn types(&self, line: &str) -> Answer {
        let folder = Path::new(PROGRAM).parent().unwrap();
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("bash");
        command.args(["-euc", line]).current_dir(self.0.path()).env("PATH", path).stdin(Stdio::null());
        Answer::of(&command.output().unwrap())
    }

    /// Makes a CA and the gateway's certificate.
    pub fn certify(&self) {
        self.run(&["certs", "new-ca"]).ends(0);
        self.run(&["certs", "issue", "--for", "gateway", "--dns", "localhost", "--server"]).ends(0);
    }

    /// Starts the gateway and waits until it listens at every one of its listeners.
    pub fn start(&self, listeners: usize) -> Running {
        let mut command = Command::new("bash");
        // A limit on the size of files must be an error, not a signal; `exec` hands that on.
        command.args(["-c", "trap '' XFSZ; exec \"$0\" run", PROGRAM]).current_dir(self.0.path());
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Log::default());
        let (lines, stderr) = (Arc::clone(&log), child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                lines.lines.lock().unwrap().push(line);
                lines.news.notify_all();
            }
        });
        let running = Running { child, log };
        running.wait(|lines| lines.iter().filter(|line| line.contains("listening")).count() >= listeners);
        running
    }
}

/// A file of the repository.
pub fn repository(file: &str) -> PathBuf {
    Path::new(REPOSITORY).join(file)
}

/// The commands of a document between two marks: its indented lines that begin so.
pub fn commands(file: &str, from: &str, to: &str, begin: &str) -> Vec<String> {
    let text = std::fs::read_to_string(repository(file)).unwrap();
    let (_, text) = text.split_once(from).unwrap_or_else(|| panic!("`{from}` is not in {file}"));
    let (text, _) = text.split_once(to).unwrap_or_else(|| panic!("`{to}` is not in {file}"));
    let lines: Vec<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with(begin))
        .map(str::to_owned)
        .collect();
    assert!(!lines.is_empty(), "{file} shows no commands there");
    lines
}

/// Ports of this machine that nobody listened on a moment ago.
pub fn free_ports<const N: usize>() -> [u16; N] {
    std::array::from_fn(|_| ports::free_port())
}

#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    news: Condvar,
}

/// A gateway that runs; killed if the test ends before it does.
pub struct Running {
    child: Child,
    log: Arc<Log>,
}

impl Running {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything that it has said so far.
    pub fn said(&self) -> Vec<String> {
        self.log.lines.lock().unwrap().clone()
    }

    /// Waits until its log is like this.
    pub fn wait(&self, like: impl Fn(&[String]) -> bool) {
        let lines = self.log.lines.lock().unwrap();
        let waited = self.log.news.wait_timeout_while(lines, PATIENCE, |lines| !like(lines));
        let (lines, timeout) = waited.unwrap();
        assert!(!timeout.timed_out(), "its log does not say that:\n{}", lines.join("\n"));
    }

    /// Where a listener listens.
    pub fn address(&self, listener: &str) -> SocketAddr {
        let said = self.said();
        let line = said.iter().find(|line| line.contains(&format!("listener={listener} "))).unwrap();
        line.split_whitespace().find_map(|word| word.strip_prefix("address=")).unwrap().parse().unwrap()
    }

    /// The seed of its first start.
    pub fn seed(&self) -> String {
        let seed = |line: &&String| line.trim().len() == 64 && !line.trim().contains(' ');
        self.wait(|lines| lines.iter().any(|line| seed(&line)));
        self.said().iter().find(seed).unwrap().trim().to_owned()
    }

    /// Tells it to stop, and waits until it has, in good order.
    pub fn stop(mut self) -> Vec<String> {
        let id = nix::unistd::Pid::from_raw(i32::try_from(self.id()).unwrap());
        nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}\n{}", self.said().join("\n"));
        self.wait(|lines| lines.iter().any(|line| line.contains(" INFO stopped")));
        self.said()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection of a test.
#[expect(clippy::disallowed_methods, reason = "a caller of the gateway, not the gateway")]
pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends these bytes and returns the first that come back, at most a rejection's ten; a reset is an end. Hangs up
/// then: the other side waits for that.
pub fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(address);
    let _ = stream.write_all(bytes);
    let mut heard = Vec::new();
    let _ = stream.take(10).read_to_end(&mut heard);
    heard
}

/// Status and body of a page of the admin address.
pub fn page(address: SocketAddr, path: &str) -> (u16, String) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n");
    let mut stream = connect(address);
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// Asks again until it is so.
pub fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether others than the owner may read a file.
pub fn is_private(path: &Path) -> bool {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o077 == 0
}
