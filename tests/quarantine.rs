//! Quarantine on a running gateway: who is held, in mid message too, and who is not; release, restart, two gateways.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where something is not as it must be"
)]

#[expect(
    clippy::duplicate_mod,
    dead_code,
    reason = "the server stands by itself elsewhere, and more is asked of it there"
)]
#[path = "state/server.rs"]
mod server;
#[expect(dead_code, reason = "what all tests over sockets share; these need but a part of it")]
mod support;

use dicomgate::dicom::pdu::pdata::write_message;
use dicomgate::state::{Database, Quarantined, Secret, State, StateOptions};
use std::process::Command;
use std::sync::Arc;
use support::conn::Conn;
use support::wait_until;
use support::words::{CT, INSTANCE, VERIFICATION, echo, object, rq, store, success};
use support::world::{Setup, World};

const REFUSED: [u8; 10] = [3, 0, 0, 0, 0, 4, 0, 1, 1, 1];

fn held(subject: &str) -> Quarantined {
    let words = |text: &str| text.to_owned();
    Quarantined {
        subject: words(subject),
        since: jiff::Timestamp::now().as_second(),
        why: words("the budget of the rule `x` is used up"),
        incident: words("7K3F-9QX2"),
        gateway: words("gate-2"),
        release: None,
    }
}

/// Asks the state of this gateway, as another gateway or a command does.
fn ask<T>(world: &World, database: Option<Database>, question: impl AsyncFnOnce(State) -> T) -> T {
    let clock = || jiff::Timestamp::now().as_second();
    let options = StateOptions::new(world.dir.path().join("state"), Arc::new(|_| {}), clock);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { question(State::open(StateOptions { database, ..options }).await.unwrap()).await })
}

/// Another gateway has put it there.
fn quarantine(world: &World, subject: &str) {
    ask(world, None, async |state| state.quarantine(&held(subject)).await.unwrap());
}

/// Runs the program; its exit code and what it says.
fn run(world: &World, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dicomgate"));
    command.args(arguments).arg("--config").arg(world.dir.path().join("gateway.toml"));
    let output = command.output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.code().unwrap(), text)
}

/// What a caller that asks for an association is told first.
fn told(world: &World, calling: &str) -> Vec<u8> {
    let mut peer = world.plain();
    peer.request(&rq(calling, &[VERIFICATION]));
    peer.pdu()
}

/// Until the gateway has seen what the state says.
fn sees(world: &World, count: usize) {
    wait_until("the gateway sees who is in quarantine", || {
        world.view().metrics().contains(&format!("dicomgate_quarantined {count}\n"))
    });
}

fn is_admitted(world: &World, calling: &str) {
    let (mut peer, mut link) = world.associate(world.plain(), &rq(calling, &[VERIFICATION]));
    goes_on(&mut peer, &mut link);
    peer.release();
}

fn goes_on(peer: &mut Conn, link: &mut Conn) {
    peer.say(1, &echo(9), None);
    let asked = link.message();
    link.say(1, &success(&asked.command), None);
    assert_eq!(peer.message().status(), 0);
}

#[test]
fn a_live_association_ends_in_mid_message_and_another_goes_on() {
    let world = World::new();
    let (mut peer, mut link) = world.modality();
    let (mut other, mut other_link) = world.associate(world.plain(), &rq("WS1", &[VERIFICATION]));
    let bytes = write_message(3, &store(1).encode(), Some(&object(CT, INSTANCE, 200_000)), 16_384);
    peer.send(&bytes[..100_000]);
    link.wait_for(20_000);
    quarantine(&world, "peer:CT1");
    assert_eq!(peer.aborted(), (2, 0));
    link.rest();
    wait_until("the closing record", || world.count("association-closed") == 1);
    assert_eq!(world.ended(), "quarantine");
    let ended = world.record("policy-ended");
    assert_eq!((ended.text("cause"), ended.text("peer")), (Some("quarantine"), Some("CT1")));
    goes_on(&mut other, &mut other_link);

    // Refused exactly like a stranger.
    assert_eq!((told(&world, "CT1"), told(&world, "NOBODY")), (REFUSED.to_vec(), REFUSED.to_vec()));
    let refused = world.records().into_iter().rfind(|record| record.text("cause") == Some("quarantine")).unwrap();
    let (code, words) = run(&world, &["why", refused.text("incident").unwrap()]);
    assert_eq!(code, 0);
    for part in ["peer:CT1 is in quarantine", "dicomgate why 7K3F-9QX2` at gate-2", "quarantine release peer:CT1"] {
        assert!(words.contains(part), "{part} is missing in\n{words}");
    }
    assert!(serde_json::to_string(&world.view().readiness()).unwrap().contains("1 in quarantine"));

    let (code, words) = run(&world, &["quarantine", "list"]);
    assert!(code == 0 && words.contains("peer:CT1") && words.contains("the budget of the rule"), "{words}");
    assert_eq!(run(&world, &["quarantine", "release", "peer:WS1", "--by", "Ong"]).0, 1, "it is not in quarantine");
    assert_eq!(run(&world, &["quarantine", "release", "CT1", "--by", "Ong"]).0, 2, "usage");
    let release = ["quarantine", "release", "peer:CT1", "--by", "Dr. Ong", "--reason", "a service test"];
    assert_eq!(run(&world, &release).0, 0);
    sees(&world, 0);
    is_admitted(&world, "CT1");
    let over = world.record("quarantine-released");
    assert_eq!((over.text("by"), over.text("words")), (Some("Dr. Ong"), Some("a service test")));
    let (_, words) = run(&world, &["quarantine", "list", "--all", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&words).unwrap();
    assert_eq!(json["quarantine"][0]["released"]["by"], "Dr. Ong");
    goes_on(&mut other, &mut other_link);
}

#[test]
fn a_restart_keeps_it_and_a_row_that_is_gone_is_no_release() {
    let mut world = World::new();
    quarantine(&world, "peer:CT1");
    sees(&world, 1);
    world.restart();
    assert_eq!(told(&world, "CT1"), REFUSED);
    let file = rusqlite::Connection::open(world.dir.path().join("state/state.db")).unwrap();
    file.execute("DELETE FROM dicomgate_quarantine", []).unwrap();
    let back = || ask(&world, None, async |state| state.quarantined().await.unwrap());
    wait_until("the row is written again", || back().iter().any(|row| row.subject == "peer:CT1"));
    assert_eq!(told(&world, "CT1"), REFUSED);
    assert_eq!(world.count("quarantine-released"), 0);
    is_admitted(&world, "WS1");
    // Released while nobody looks: it is recorded at the next start.
    assert_eq!(run(&world, &["quarantine", "release", "peer:CT1", "--by", "Ong"]).0, 0);
    world.restart();
    is_admitted(&world, "CT1");
    wait_until("the release is recorded", || world.count("quarantine-released") == 1);
    world.restart();
    sees(&world, 0);
    assert_eq!(world.count("quarantine-released"), 1, "and once");
}

#[test]
fn two_gateways_on_one_database_and_neither_forgets_while_it_is_away() {
    let mut server = server::Server::start(None);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let url = server.url("gate", "127.0.0.1", &runtime.block_on(server.database()), "disable");
    let keys = tempfile::tempdir().unwrap();
    let (key, file) = (keys.path().join("shared.key"), keys.path().join("database"));
    for (path, text) in [(&key, "0f".repeat(32)), (&file, url.clone())] {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let gateway = format!("database_file = \"{}\"\nstate_key = \"{}\"", file.display(), key.display());
    let limits = "state_answer = \"1s\"".to_owned();
    let setup = Setup { gateway, limits, ..Setup::default() };
    let (first, mut second) = (World::with(&setup), World::with(&setup));
    let (mut peer, mut link) = second.modality();
    let database = || Some(Database { url: Secret::new(url.as_str()), ca: None, key: key.clone() });
    ask(&first, database(), async |state| state.quarantine(&held("peer:CT1")).await.unwrap());
    assert_eq!(peer.aborted(), (2, 0));
    link.rest();
    sees(&first, 1);
    assert_eq!((told(&first, "CT1"), told(&second, "CT1")), (REFUSED.to_vec(), REFUSED.to_vec()));
    wait_until("the second has noted it", || {
        let noted = std::fs::read_to_string(second.dir.path().join("state/quarantine.json"));
        noted.is_ok_and(|noted| noted.contains("peer:CT1"))
    });
    server.stop();
    assert_eq!((told(&first, "CT1"), told(&second, "CT1")), (REFUSED.to_vec(), REFUSED.to_vec()));
    second.restart();
    assert_eq!(told(&second, "CT1"), REFUSED, "what was known last is known at a start");
    is_admitted(&second, "WS1");
    server.run();
    let released = ask(&first, database(), async |state| {
        loop {
            if let Ok(released) = state.release("peer:CT1", "Ong", "").await {
                return released.is_some();
            }
        }
    });
    assert!(released);
    for world in [&first, &second] {
        sees(world, 0);
        is_admitted(world, "CT1");
        assert_eq!(world.record("quarantine-released").text("by"), Some("Ong"));
    }
}
