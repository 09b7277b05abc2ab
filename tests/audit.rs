//! The chain against somebody with a text editor, with the machine's keys, and with `kill -9`.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends where something is not as it must be")]

use dicomgate::audit::body::{hex, unhex};
use dicomgate::audit::chain::sha256;
use dicomgate::audit::checkpoint::{Occasion, Signer, Statement};
use dicomgate::audit::log::{LogOptions, Sync, list};
use dicomgate::audit::verify::{Expectations, FaultKind, Report, verify};
use dicomgate::audit::{Event, Head, Log, Seed, keys};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

fn options(state: &Path) -> LogOptions {
    let sync = Sync::Group(Duration::from_millis(1));
    LogOptions { sync, ..LogOptions::new("gate-1", state, jiff::Timestamp::now) }
}

/// A closed log of two runs with checkpoints in between, its seed and its last head.
fn written(state: &Path) -> (Seed, Head) {
    let opened = Log::open(options(state)).unwrap();
    let seed = opened.seed.unwrap();
    let log = opened.log;
    for round in 0..4 {
        for _ in 0..5 {
            log.append(&Event::Reloaded { changes: &[format!("round {round}")] }, round).unwrap();
        }
        log.checkpoint().unwrap();
    }
    log.close().unwrap();
    let log = Log::open(options(state)).unwrap().log;
    let probe = log.append(&Event::Stopped { reason: "test" }, 9).unwrap().sequence;
    assert_eq!(log.head().sequence, probe);
    let head = log.head();
    log.close().unwrap();
    (seed, head)
}

fn path(state: &Path) -> PathBuf {
    let folder = state.join("audit");
    folder.join(list(&folder).unwrap().pop().unwrap().1)
}

fn lines(state: &Path) -> Vec<String> {
    std::fs::read_to_string(path(state)).unwrap().lines().map(str::to_owned).collect()
}

fn put(state: &Path, lines: &[String]) {
    std::fs::write(path(state), lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
}

fn check(state: &Path, seed: Option<&Seed>, anchor: Option<Head>) -> Report {
    let ratchet = Some(keys::ratchet_state(state).unwrap());
    let expect = Expectations { seed: seed.cloned(), anchor, ratchet, ..Expectations::default() };
    verify(&state.join("audit"), expect, || None).unwrap()
}

fn kinds(report: Report) -> Vec<FaultKind> {
    assert!(!report.is_proven());
    report.faults.into_iter().map(|fault| fault.kind).collect()
}

/// Hashes every line anew, as somebody would who edited one; with a signer, signs every checkpoint anew too.
fn rehash(lines: &mut [String], signer: Option<&Signer>) {
    let mut previous = hex(&[0; 32]);
    for line in lines {
        let mut record: Value = serde_json::from_str(line).unwrap();
        record["prev"] = previous.clone().into();
        if record["event"] == "checkpoint" {
            let of = record["of"].as_u64().unwrap();
            record["head"] = previous.clone().into();
            if let Some(signer) = signer {
                let file = record["file"].as_str().unwrap().to_owned();
                let number = record["checkpoint"].as_u64().unwrap();
                let head = Head { sequence: of, hash: unhex(&previous).unwrap() };
                let statement = Statement { gateway: "gate-1", file: &file, number, head };
                let guess = Seed::new([0; 32]).ratchet();
                let body = signer.checkpoint(&statement, &guess, Occasion::Second);
                let fresh: Value =
                    serde_json::from_str(&format!("{{{}}}", std::str::from_utf8(body.as_bytes()).unwrap())).unwrap();
                record["signature"] = fresh["signature"].clone();
            }
        }
        record.as_object_mut().unwrap().shift_remove("hash");
        let text = record.to_string();
        let open = text.strip_suffix('}').unwrap();
        previous = hex(&sha256(open.as_bytes()));
        *line = format!("{open},\"hash\":\"{previous}\"}}");
    }
}

#[test]
fn the_untouched_log_is_proven_and_anchored() {
    let state = tempfile::tempdir().unwrap();
    let (seed, head) = written(state.path());
    let report = check(state.path(), Some(&seed), Some(head));
    assert_eq!(report.faults, []);
    assert_eq!(report.anchored, Some(head.sequence));
    assert!(report.is_proven());
    assert_eq!(report.tail(), 1, "only the last checkpoint itself is behind what it proves");
    let mut same = lines(state.path());
    rehash(&mut same, None);
    assert_eq!(same, lines(state.path()), "the forger of these tests writes exactly what the gateway does");
}

#[test]
fn an_edited_record_is_found() {
    let state = tempfile::tempdir().unwrap();
    let (seed, _) = written(state.path());
    let mut lines = lines(state.path());
    lines[7] = lines[7].replace("round", "bound");
    put(state.path(), &lines);
    assert_eq!(kinds(check(state.path(), None, None)), [FaultKind::Edited(8)]);
    let report = check(state.path(), Some(&seed), None);
    assert_eq!(report.faults[0].line, 8);
    assert!(report.proven_to() < 8);
}

#[test]
fn an_edit_with_all_hashes_made_anew_breaks_the_signatures() {
    let state = tempfile::tempdir().unwrap();
    written(state.path());
    let mut lines = lines(state.path());
    lines[10] = lines[10].replace("round", "bound");
    rehash(&mut lines, None);
    put(state.path(), &lines);
    let kinds = kinds(check(state.path(), None, None));
    assert!(kinds.iter().any(|kind| matches!(kind, FaultKind::Signature(_))), "{kinds:?}");
    assert!(!kinds.iter().any(|kind| matches!(kind, FaultKind::Edited(_) | FaultKind::Link(_))), "{kinds:?}");
}

#[test]
fn what_was_rewritten_and_signed_with_the_machines_own_key_shows_with_the_seed() {
    let state = tempfile::tempdir().unwrap();
    let (seed, head) = written(state.path());
    let signer = Signer::new(&std::fs::read(keys::folder(state.path()).join("signing.pk8")).unwrap()).unwrap();
    let mut lines = lines(state.path());
    lines[10] = lines[10].replace("round", "bound");
    rehash(&mut lines, Some(&signer));
    put(state.path(), &lines);
    let mut without = check(state.path(), None, None);
    without.faults.retain(|fault| !matches!(fault.kind, FaultKind::Cut { .. }));
    assert_eq!(without.faults, [], "signatures alone cannot tell");
    let with = kinds(check(state.path(), Some(&seed), None));
    assert!(with.iter().any(|kind| matches!(kind, FaultKind::Mac(_))), "{with:?}");
    let anchored = kinds(check(state.path(), None, Some(head)));
    assert!(anchored.contains(&FaultKind::Anchor(head.sequence)), "{anchored:?}");
}

#[test]
fn dropped_and_reordered_records_are_found() {
    let state = tempfile::tempdir().unwrap();
    written(state.path());
    let whole = lines(state.path());
    let mut dropped = whole.clone();
    dropped.remove(5);
    put(state.path(), &dropped);
    assert_eq!(kinds(check(state.path(), None, None)), [FaultKind::Missing(6, 6)]);
    let mut reordered = whole;
    reordered.swap(5, 6);
    put(state.path(), &reordered);
    let kinds = kinds(check(state.path(), None, None));
    assert!(kinds.contains(&FaultKind::Missing(6, 6)), "{kinds:?}");
    assert!(kinds.contains(&FaultKind::Order { expected: 8, found: 6 }), "{kinds:?}");
}

#[test]
fn a_cut_tail_is_found_by_the_ratchet_and_by_the_anchor() {
    let state = tempfile::tempdir().unwrap();
    let (seed, head) = written(state.path());
    let mut cut = lines(state.path());
    cut.truncate(12);
    put(state.path(), &cut);
    let found = kinds(check(state.path(), Some(&seed), None));
    assert!(matches!(found.as_slice(), [FaultKind::Cut { last: 12, .. }]), "{found:?}");
    // A copy without the keys cannot tell, and says so; a witness can.
    let alone = verify(&state.path().join("audit"), Expectations::default(), || None).unwrap();
    assert!(alone.is_proven() && alone.notes.iter().any(|note| note.contains("cannot be told")), "{:?}", alone.notes);
    let expect = Expectations { anchor: Some(head), ..Expectations::default() };
    let anchored = kinds(verify(&state.path().join("audit"), expect, || None).unwrap());
    assert_eq!(anchored, [FaultKind::AnchorMissing(head.sequence)]);
}

#[test]
fn a_ratchet_put_back_from_a_copy_is_found() {
    let state = tempfile::tempdir().unwrap();
    let opened = Log::open(options(state.path())).unwrap();
    let file = keys::folder(state.path()).join("ratchet");
    let old = std::fs::read(&file).unwrap();
    opened.log.checkpoint().unwrap();
    opened.log.checkpoint().unwrap();
    opened.log.close().unwrap();
    std::fs::write(&file, old).unwrap();
    let kinds = kinds(check(state.path(), opened.seed.as_ref(), None));
    assert!(kinds.contains(&FaultKind::RatchetOld), "{kinds:?}");
}

#[test]
fn a_gateway_that_makes_checkpoints_while_its_log_is_read_is_no_fault() {
    let state = tempfile::tempdir().unwrap();
    let opened = Log::open(options(state.path())).unwrap();
    opened.log.checkpoint().unwrap();
    let expect = || Expectations {
        seed: opened.seed.clone(),
        ratchet: Some(keys::ratchet_state(state.path()).unwrap()),
        ..Expectations::default()
    };
    let (live, stale) = (expect(), expect());
    opened.log.checkpoint().unwrap();
    opened.log.checkpoint().unwrap();
    let folder = state.path().join("audit");
    let report = verify(&folder, live, || keys::ratchet_state(state.path()).ok()).unwrap();
    assert_eq!(report.faults, []);
    assert!(report.is_proven());
    assert_eq!(kinds(verify(&folder, stale, || None).unwrap()), [FaultKind::RatchetOld]);
}

#[test]
fn swapped_files_are_found() {
    let state = tempfile::tempdir().unwrap();
    let log = Log::open(LogOptions { file_size: 2000, ..options(state.path()) }).unwrap().log;
    let folder = state.path().join("audit");
    while list(&folder).unwrap().len() < 3 {
        log.append(&Event::Stopped { reason: "test" }, 1).unwrap();
    }
    log.close().unwrap();
    assert_eq!(check(state.path(), None, None).faults, []);
    let files = list(&folder).unwrap();
    let (one, two) = (folder.join(&files[0].1), folder.join(&files[1].1));
    let aside = folder.join("aside");
    std::fs::rename(&one, &aside).unwrap();
    std::fs::rename(&two, &one).unwrap();
    std::fs::rename(&aside, &two).unwrap();
    let kinds = kinds(check(state.path(), None, None));
    assert!(kinds.contains(&FaultKind::Swapped(files[1].0)), "{kinds:?}");
    assert!(kinds.contains(&FaultKind::Swapped(1)), "{kinds:?}");
}

/// Not a test by itself: the process that the next one kills.
#[test]
fn helper_that_appends_until_it_is_killed() {
    let Ok(state) = std::env::var("DICOMGATE_APPEND_TO") else { return };
    let log = Log::open(LogOptions { file_size: 20_000, ..options(Path::new(&state)) }).unwrap().log;
    use std::io::Write as _;
    let mut out = std::io::stdout();
    loop {
        let sequence = log.append(&Event::Stopped { reason: "test" }, 1).unwrap().sequence;
        writeln!(out, "acknowledged {sequence} {}", hex(&log.head().hash)).unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn a_killed_gateway_loses_no_acknowledged_record() {
    let state = tempfile::tempdir().unwrap();
    let seed = Log::open(options(state.path())).unwrap().seed.unwrap();
    let rounds = if std::env::var("DICOMGATE_FULL").is_ok_and(|full| full == "1") { 100 } else { 8 };
    let mut acknowledged = Vec::new();
    for round in 0..rounds {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "helper_that_appends_until_it_is_killed", "--nocapture"])
            .env("DICOMGATE_APPEND_TO", state.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        // The moment: after a number of answers that differs every time, in the midst of whatever runs then.
        let wanted = 1 + jiff::Timestamp::now().as_microsecond().unsigned_abs() % 400 + round;
        let mut seen = 0;
        let mut note = |line: &str| {
            // The test harness may have begun the line.
            let found = line.split_once("acknowledged ").and_then(|(_, rest)| rest.split_once(' '));
            found.is_some_and(|(sequence, hash)| {
                acknowledged.push((sequence.parse::<u64>().unwrap(), hash.to_owned()));
                true
            })
        };
        while seen < wanted {
            seen += u64::from(note(&output.next().unwrap().unwrap()));
        }
        child.kill().unwrap();
        for line in output.map_while(Result::ok).filter(|line| line.len() > 64) {
            note(&line);
        }
        child.wait().unwrap();
    }
    Log::open(options(state.path())).unwrap().log.close().unwrap();
    let report = check(state.path(), Some(&seed), None);
    assert_eq!(report.faults, []);
    let folder = state.path().join("audit");
    let mut sequences = std::collections::HashSet::new();
    for (_, name) in list(&folder).unwrap() {
        for line in std::fs::read_to_string(folder.join(name)).unwrap().lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            sequences.insert(record["seq"].as_u64().unwrap());
        }
    }
    assert!(acknowledged.len() >= usize::try_from(rounds).unwrap());
    for (sequence, _) in &acknowledged {
        assert!(sequences.contains(sequence), "record {sequence} was acknowledged and is not there");
    }
}
