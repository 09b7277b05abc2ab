//! The gateway as the program that is installed, where its memory or its death is looked at.

use super::conn::{Archive, Conn};
use super::ports::free_port;
use super::wait_until;
use super::world::{Setup, prepare, write_gateway};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

pub struct Process {
    pub dir: tempfile::TempDir,
    pub archive: Archive,
    pub child: Child,
    plain: SocketAddr,
}

impl Process {
    /// Starts it and waits until it accepts connections.
    pub fn start(setup: &Setup) -> Self {
        let dir = prepare(setup);
        let archive = Archive::new();
        let free = || SocketAddr::from(([127, 0, 0, 1], free_port()));
        let (outside, plain) = (free(), free());
        write_gateway(&dir, setup, archive.port(), outside.port(), plain.port());
        super::world::make_key(&dir);
        // A file that may not grow is to be an error, and not a signal.
        let program = format!(
            "trap '' XFSZ; exec '{}' run --config '{}'",
            env!("CARGO_BIN_EXE_dicomgate"),
            dir.path().join("gateway.toml").display()
        );
        let child = Command::new("sh")
            .args(["-c", &program])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let process = Self { dir, archive, child, plain };
        let address = socket2::SockAddr::from(plain);
        wait_until("the gateway listens", || {
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
            socket.connect(&address).is_ok()
        });
        process
    }

    pub fn plain(&self) -> Conn {
        Conn::dial(self.plain)
    }

    /// Where peers call it in clear.
    pub const fn address(&self) -> SocketAddr {
        self.plain
    }

    /// The most memory it has had resident, bytes.
    pub fn most_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// How far its files may grow, from now on.
    pub fn let_files_grow_to(&self, bytes: &str) {
        let pid = self.child.id().to_string();
        let done = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={bytes}:")]).status().unwrap();
        assert!(done.success(), "prlimit (package util-linux) is needed");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
