//! A PostgreSQL of one's own, in a folder of its own, gone with the test.

#[path = "../support/ports.rs"]
mod ports;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

/// Of the owner of everything, and of the gateway's role.
const PASSWORD: &str = "of the tests";

/// Certificate and key of the server, in PEM.
pub struct Tls {
    pub certificate: String,
    pub key: String,
}

pub struct Server {
    folder: TempDir,
    pub port: u16,
    running: Option<Child>,
    /// What the shell does when the server has ended.
    afterwards: String,
}

/// The server does not run as root: the account that it does run as, where the tests do.
fn account() -> Option<nix::unistd::User> {
    let name = |name: &str| nix::unistd::User::from_name(name).unwrap();
    nix::unistd::Uid::effective().is_root().then(|| name("postgres").or_else(|| name("nobody")).unwrap())
}

fn command(program: &Path) -> Command {
    let Some(user) = account() else { return Command::new(program) };
    let mut command = Command::new("setpriv");
    command.arg(format!("--reuid={}", user.uid)).arg(format!("--regid={}", user.gid)).arg("--clear-groups");
    command.arg(program);
    command
}

/// Debian keeps the programs of the server apart from the others.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("tests/run installs `postgresql`");
    let newest = versions.map(|entry| entry.unwrap().path().join("bin")).filter(|bin| bin.join("initdb").exists());
    newest.max().expect("tests/run installs `postgresql`")
}

impl Server {
    pub fn start(tls: Option<&Tls>) -> Self {
        let mut server = Self::prepare(tls);
        server.run();
        server
    }

    fn prepare(tls: Option<&Tls>) -> Self {
        let folder = tempfile::Builder::new().prefix("dicomgate-state").tempdir().unwrap();
        let own = |path: &Path| {
            if let Some(user) = account() {
                chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
            }
        };
        own(folder.path());
        let file = |name: &str, content: &str| {
            let path = folder.path().join(name);
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            own(&path);
            path
        };
        let password = file("password", PASSWORD);
        let made = command(&programs().join("initdb"))
            .current_dir("/")
            .args([
                "--username=owner",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
                "--pwfile",
            ])
            .arg(password)
            .arg("--pgdata")
            .arg(folder.path().join("data"))
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut settings = String::from(
            "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nfsync = off\nmax_connections = 300\n",
        );
        if let Some(tls) = tls {
            let certificate = file("server.crt", &tls.certificate);
            let key = file("server.key", &tls.key);
            settings +=
                &format!("ssl = on\nssl_cert_file = '{}'\nssl_key_file = '{}'\n", certificate.display(), key.display());
        }
        let configuration = folder.path().join("data/postgresql.conf");
        fs::OpenOptions::new().append(true).open(configuration).unwrap().write_all(settings.as_bytes()).unwrap();
        let port = ports::free_port();
        Self { folder, port, running: None, afterwards: "true".to_owned() }
    }

    /// Starts it again, at the same port.
    pub fn run(&mut self) {
        let log = fs::File::create(self.folder.path().join("log")).unwrap();
        // Should the tests be killed, the pipe to the shell is closed, and the shell ends the server.
        let script = format!(
            "'{}/postgres' -D '{}/data' -p {} & server=$!; read end; kill -INT $server; wait $server; {}",
            programs().display(),
            self.folder.path().display(),
            self.port,
            self.afterwards
        );
        let shell = command(Path::new("/bin/sh"))
            .current_dir("/")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.running = Some(shell);
        let begin = Instant::now();
        let ready = || {
            let options = format!("host=127.0.0.1 port={} connect_timeout=2", self.port);
            let status = Command::new(programs().join("pg_isready")).args(["-q", "-d", &options]).status();
            status.unwrap().success()
        };
        while !ready() {
            let log = || fs::read_to_string(self.folder.path().join("log")).unwrap();
            assert!(begin.elapsed() < Duration::from_secs(30), "the server does not start: {}", log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it: every connection is cut.
    pub fn stop(&mut self) {
        if let Some(mut shell) = self.running.take() {
            drop(shell.stdin.take());
            shell.wait().unwrap();
        }
    }

    /// The URL of a database, for some role.
    pub fn url(&self, role: &str, host: &str, database: &str, mode: &str) -> String {
        let port = self.port;
        format!("postgres://{role}:{}@{host}:{port}/{database}?sslmode={mode}", PASSWORD.replace(' ', "%20"))
    }

    /// As the owner of everything.
    pub async fn owner(&self, database: &str) -> Client {
        let url = self.url("owner", "127.0.0.1", database, "disable");
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// A database of its own, with a role `gate` that owns it and may do nothing else.
    pub async fn database(&self) -> String {
        let owner = self.owner("postgres").await;
        let role = format!(
            "DO $$ BEGIN CREATE ROLE gate LOGIN PASSWORD '{PASSWORD}'; \
             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        );
        owner.batch_execute(&role).await.unwrap();
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let name = format!("gate{}", NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        owner.batch_execute(&format!("CREATE DATABASE {name} OWNER gate")).await.unwrap();
        name
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The one that tests share which only need some database. It ends with the process: its pipe is closed then, and the
/// shell takes the folder with it, as a static is never dropped.
pub fn shared() -> &'static Server {
    static SHARED: OnceLock<Server> = OnceLock::new();
    SHARED.get_or_init(|| {
        let mut server = Server::prepare(None);
        server.afterwards = format!("rm -rf '{}'", server.folder.path().display());
        server.run();
        server
    })
}
