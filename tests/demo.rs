//! `dicomgate demo --once` as somebody tries it: every step does what it should, and nothing is left behind.

#![expect(clippy::expect_used, reason = "a test may panic")]

use dicomgate::demo::study::Study;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Runs the tour with its folder in this one; its exit code, and what it said.
fn tour(place: &Path, more: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dicomgate"));
    let output = command.args(["demo", "--once"]).args(more).env("TMPDIR", place).output().expect("it starts");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

fn says(said: &str, all: &[&str]) {
    for words in all {
        assert!(said.contains(words), "`{words}` in\n{said}");
    }
}

#[test]
fn the_tour_does_what_it_should_and_leaves_nothing_behind() {
    let place = tempfile::tempdir().expect("a folder");
    let (code, said) = tour(place.path(), &[]);
    assert_eq!(code, Some(0), "{said}");
    says(
        &said,
        &[
            "bit for bit",
            "rejected (1/1/1)",
            "incident ",
            "nothing is proven of PACS",
            "a stolen disk shows no image: 0 of 196,607 pieces",
            "`SEALED: open through the gateway. Not for diagnosis.`",
            "DESK1, which may find, and for which no rule opens",
            "because   it is sealed",
            "the key from the safe opens 24 of the archive's files",
            "escrow proven 0 days ago, by 3 objects",
            "the audit chain verifies",
        ],
    );
    let proof = said.lines().find(|line| line.contains("sealed objects came back as they were")).expect("it is proven");
    let numbers: Vec<&str> = proof.split(' ').filter(|word| word.parse::<u32>().is_ok()).collect();
    assert!(numbers.windows(2).any(|pair| pair[0] == pair[1]), "all of them came back: {proof}");
    assert_eq!(fs::read_dir(place.path()).expect("it is there").count(), 0, "{said}");
}

#[test]
fn with_own_files_a_person_still_sees_her_own_patients_study_alone() {
    let (place, files) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    fs::write(files.path().join("1.dcm"), Study::phantom().objects[0].to_file()).expect("it is written");
    let (code, said) = tour(place.path(), &["--study", &files.path().to_string_lossy()]);
    assert_eq!(code, Some(0), "{said}");
    says(
        &said,
        &[
            "the key from the safe opens 1 of the archive's files",
            "finds 1 study, her patient's, where WS1 by itself finds 3 studies; the birth date comes back empty",
            "the other study is answered 0000H without an object, like one that does not exist",
            "policy: wrong passcode of a local account, 1 in a row",
            "policy: the canary",
            "lets her in again",
        ],
    );
}
