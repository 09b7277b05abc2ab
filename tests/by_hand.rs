//! The audit log proven with coreutils, sed and openssl alone, by the commands that `docs/audit.md` shows, as they stand
//! there.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends where something is not as it must be")]

use dicomgate::audit::log::{LogOptions, list};
use dicomgate::audit::{Event, Log};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The commands of the document, in one script.
fn commands() -> String {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/audit.md")).unwrap();
    let (_, text) = text.split_once("\nBy hand").unwrap();
    let (text, _) = text.split_once("\n## ").unwrap();
    let lines: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    assert!(lines.len() > 10, "the document shows the commands as indented lines: {lines:?}");
    lines.join("\n")
}

struct Proof {
    folder: tempfile::TempDir,
    file: PathBuf,
    seed: String,
    gateway: String,
    public_key: String,
    records: Vec<Value>,
}

impl Proof {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let opened = Log::open(LogOptions::new("gate-1", folder.path(), jiff::Timestamp::now)).unwrap();
        for round in 0..3 {
            opened
                .log
                .append(&Event::Reloaded { changes: &["a name: M\u{fc}ller, \"hash\"".to_owned()] }, round)
                .unwrap();
            opened.log.checkpoint().unwrap();
        }
        opened.log.close().unwrap();
        let audit = folder.path().join("audit");
        let file = audit.join(&list(&audit).unwrap()[0].1);
        let records: Vec<Value> =
            std::fs::read_to_string(&file).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let text = |name: &str| records[0][name].as_str().unwrap().to_owned();
        let (gateway, public_key) = (text("gateway"), text("public_key"));
        Self { folder, file, seed: opened.seed.unwrap().reveal(), gateway, public_key, records }
    }

    fn run(&self, script: &str, file: &Path, line: usize) -> Output {
        Command::new("bash")
            .args(["-euo", "pipefail", "-c", script])
            .current_dir(self.folder.path())
            .env("FILE", file)
            .env("N", line.to_string())
            .env("GATEWAY", &self.gateway)
            .env("PUBLIC_KEY", &self.public_key)
            .env("SEED", &self.seed)
            .output()
            .unwrap()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn every_checkpoint_is_proven_by_the_commands_of_the_document() {
    let proof = Proof::new();
    let mut proven = 0;
    for (index, record) in proof.records.iter().enumerate().filter(|(_, record)| record["event"] == "checkpoint") {
        let output = proof.run(&commands(), &proof.file, index + 1);
        let said = said(&output);
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        let lines: Vec<&str> = said.lines().collect();
        assert!(lines[0].starts_with(record["hash"].as_str().unwrap()), "{lines:?}");
        assert_eq!(lines[1], "Signature Verified Successfully");
        assert!(lines[2].ends_with(record["mac"].as_str().unwrap()), "{lines:?}");
        proven += 1;
    }
    assert!(proven >= 5, "start, three asked for, stop: {proven}");
}

#[test]
fn every_record_has_the_hash_that_the_first_command_gives_and_the_next_names_it() {
    let proof = Proof::new();
    let first = commands().lines().next().unwrap().to_owned();
    for (index, record) in proof.records.iter().enumerate() {
        let output = proof.run(&first, &proof.file, index + 1);
        let hash = said(&output).split(' ').next().unwrap().to_owned();
        assert_eq!(Some(hash.as_str()), record["hash"].as_str(), "line {}", index + 1);
        if let Some(next) = proof.records.get(index + 1) {
            assert_eq!(Some(hash.as_str()), next["prev"].as_str());
        }
    }
}

#[test]
fn a_forged_checkpoint_fails_by_hand_too() {
    let proof = Proof::new();
    let index = proof.records.iter().rposition(|record| record["event"] == "checkpoint").unwrap();
    let forged = proof.folder.path().join("forged");
    let head = proof.records[index]["head"].as_str().unwrap();
    let other = if head.starts_with('0') { head.replacen('0', "1", 1) } else { format!("0{}", head.get(1..).unwrap()) };
    std::fs::write(&forged, std::fs::read_to_string(&proof.file).unwrap().replace(head, &other)).unwrap();
    let output = proof.run(&commands(), &forged, index + 1);
    assert!(!output.status.success(), "{}", said(&output));
    assert!(!said(&output).contains("Signature Verified Successfully"), "{}", said(&output));
}
