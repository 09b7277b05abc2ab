//! What the program keeps in memory is no part of a core dump, and its pages are small.

use crate::support::process::Process;
use crate::support::wait_until;
use crate::support::world::Setup;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, Stdio};

/// Somebody who is not root, and has no files.
const NOBODY: u32 = 65534;

#[test]
fn the_gateway_leaves_no_core_dump_and_takes_no_huge_pages() {
    let mut gateway = Process::start(&Setup::default());
    let pid = gateway.child.id();
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[4..6], ["0", "0"], "{line}");
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    assert!(!status.contains("THP_enabled:\t1"), "{status}");
    let pid = nix::unistd::Pid::from_raw(pid.try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::SIGABRT).unwrap();
    let status = gateway.child.wait().unwrap();
    assert_eq!((status.signal(), status.core_dumped()), (Some(6), false), "{status:?}");
}

#[test]
fn the_process_is_not_dumpable() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("dicomgate");
    // By a process of its own: a file that this one had open for writing is busy while any child that was forked meanwhile,
    // for another test, has it open still.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_dicomgate")).arg(&program).status().unwrap();
    assert!(copied.success());
    for path in [folder.path(), &program] {
        fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = Command::new(&program);
    command.args(["user", "add", "anna", "--password-stdin", "--file"]).arg(folder.path().join("users.toml"));
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    if nix::unistd::geteuid().is_root() {
        command.uid(NOBODY);
    }
    // It waits for a passcode. What the system shows of a process that is not dumpable belongs to root (proc(5)).
    let mut child = command.spawn().unwrap();
    let shown = format!("/proc/{}/environ", child.id());
    wait_until("the process belongs to root", || fs::metadata(&shown).unwrap().uid() == 0);
    child.kill().unwrap();
    child.wait().unwrap();
}
