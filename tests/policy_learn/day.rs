//! A day in a small hospital that is observed: what was asked, and the program that is asked about it.

use crate::support::words::{CT, INSTANCE, VERIFICATION, answer, echo, object, query, rq, store, success};
use crate::support::world::{PEERS, Setup, World};
use dicomgate::dicom::Uid;
use dicomgate::dicom::dimse::Command;
use std::path::Path;
use std::process::Output;

pub const FIND: &str = "1.2.840.10008.5.1.4.1.2.2.1";

/// Nobody may do anything by a rule, and two things are denied.
pub const DENY: &str = r#"
[[rule]]
name = "scanners do not read"
who = ["group:modality"]
to = ["PACS"]
may = ["find", "get", "move"]
effect = "deny"
[[rule]]
name = "workstations keep no scans"
who = ["group:workstation"]
to = ["PACS"]
may = ["store"]
modalities = ["CT"]
effect = "deny"
"#;

/// `observe_until` some days ahead.
pub fn observing() -> String {
    let ahead = jiff::Zoned::now().checked_add(jiff::Span::new().days(20)).unwrap();
    format!("observe_until = {}", ahead.date())
}

/// A hospital that observes.
pub fn hospital() -> World {
    World::with(&Setup { policy: observing(), rules: DENY.to_owned(), ..Setup::default() })
}

/// CT1 verifies and stores `objects` images, CT2 the same over TLS, WS1 asks once; CT1 is refused a query.
pub fn day(world: &World, objects: u16) {
    for tls in [false, true] {
        let (mut peer, mut link) = match tls {
            false => world.associate(world.plain(), &rq("CT1", &[VERIFICATION, CT, FIND])),
            true => world.associate(world.tls("ct2"), &rq("CT2", &[VERIFICATION, CT])),
        };
        peer.say(1, &echo(1), None);
        let asked = link.message();
        link.say(1, &success(&asked.command), None);
        assert_eq!(peer.message().status(), 0);
        for message in 2..2 + objects {
            peer.say(3, &store(message), Some(&object(CT, INSTANCE, 100)));
            let asked = link.message();
            link.say(3, &success(&asked.command), None);
            assert_eq!(peer.message().status(), 0);
        }
        peer.release();
        link.confirm_release();
        peer.released();
    }
    let (mut peer, mut link) = world.associate(world.plain(), &rq("WS1", &[FIND]));
    let find = Command::find_rq(1, &Uid::new(FIND).unwrap());
    peer.say(1, &find, Some(&query()));
    let asked = link.message();
    link.say(1, &answer(&asked.command, 0), None);
    assert_eq!(peer.message().status(), 0);
    peer.release();
    link.confirm_release();
    peer.released();
    crate::support::wait_until("three associations are closed", || world.count("association-closed") == 3);
}

/// Runs the program in the hospital's folder.
pub fn run(world: &World, arguments: &[&str]) -> Output {
    run_in(world.dir.path(), arguments)
}

fn run_in(folder: &Path, arguments: &[&str]) -> Output {
    let program = std::process::Command::new(env!("CARGO_BIN_EXE_dicomgate"));
    let mut program = program;
    program.current_dir(folder).args(arguments).args(["--config", "gateway.toml"]).output().unwrap()
}

pub fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What ended with this code.
pub fn ends(output: Output, code: i32) -> String {
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{}\n{complaint}", out(&output));
    out(&output)
}

/// The learned policy, written beside the old one.
pub fn learn(world: &World) -> String {
    ends(run(world, &["policy", "learn", "--since", "1d", "--out", "learned.toml"]), 0);
    std::fs::read_to_string(world.dir.path().join("learned.toml")).unwrap()
}

/// The rules behind the peers.
pub fn peers() -> &'static str {
    PEERS
}
