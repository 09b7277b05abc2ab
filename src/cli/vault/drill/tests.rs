use super::keep::{keep, last};
use super::note::{Known, Noted};
use super::result::{Found, FoundObject, Inside, Picked, PickedObject, Signed, is_name};
use crate::vault::escrow::{Escrow, EscrowKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

fn key(kind: &str) -> (Escrow, EscrowKey) {
    static MADE: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = MADE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let made = Command::new("bash").arg("tests/vault/make-escrow").arg(folder.path().join("escrow")).status();
        assert!(made.unwrap().success());
        folder
    });
    let read = |name: String| std::fs::read(folder.path().join("escrow").join(name)).unwrap();
    let certificate = Escrow::from_der(&read(format!("{kind}.cert.der"))).unwrap();
    (certificate, EscrowKey::from_pkcs8(&read(format!("{kind}.key.der"))).unwrap())
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn found(drill: &str, opened: &str, fault: Option<&str>) -> Found {
    let inside = Inside {
        sop_instance: "1.2.3".into(),
        seal: "00".repeat(16),
        key: Some(1),
        segments: 2,
        bytes: 100,
        sha256: "11".repeat(32),
    };
    let good = FoundObject { file: "0001.dcm".into(), sha256: "22".repeat(32), inside: Some(inside), fault: None };
    let other = FoundObject { fault: fault.map(str::to_owned), inside: None, ..good.clone() };
    let objects = if fault.is_some() { vec![good, other] } else { vec![good] };
    Found {
        drill: drill.into(),
        picked: at("2026-01-01T00:00:00Z"),
        archive: "PACS".into(),
        opened: at(opened),
        objects,
    }
}

/// The pick that such a result is about.
fn pick(found: &Found) -> Noted {
    let objects = found.objects.iter().map(|one| PickedObject { file: one.file.clone(), sha256: one.sha256.clone() });
    let known = |_| Known { sop_instance: "1.2.3".into(), opened: Some(("00".repeat(16), "11".repeat(32))) };
    let picked = Picked {
        drill: found.drill.clone(),
        picked: found.picked,
        archive: found.archive.clone(),
        minted: false,
        objects: objects.collect(),
    };
    Noted { picked, known: found.objects.iter().map(known).collect() }
}

fn signed(found: &Found, key: &EscrowKey) -> Signed {
    let result = serde_json::to_string(found).unwrap();
    let signature = STANDARD.encode(key.sign(result.as_bytes()).unwrap());
    Signed { dicomgate_drill: 1, result, signature }
}

fn put(folder: &Path, signed: &Signed) -> PathBuf {
    let path = folder.join("result.json");
    std::fs::write(&path, serde_json::to_string(signed).unwrap()).unwrap();
    path
}

#[test]
fn what_the_escrow_key_signed_is_kept_and_the_latest_counts() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let (rsa, ec) = (key("rsa"), key("p384"));
    let escrow = [rsa.0.clone(), ec.0.clone()];
    let now = at("2026-03-01T00:00:00Z");
    assert_eq!(last(&state, &escrow).unwrap(), []);
    for (drill, opened, fault, key, good) in [
        ("aa", "2026-02-01T00:00:00Z", None, &rsa.1, true),
        ("bb", "2026-02-03T00:00:00Z", None, &ec.1, true),
        ("cc", "2026-02-02T00:00:00Z", None, &rsa.1, true),
        ("dd", "2026-02-04T00:00:00Z", Some("segment 1 was changed"), &rsa.1, false),
    ] {
        let found = found(drill, opened, fault);
        pick(&found).keep(&state).ok().unwrap();
        let file = put(folder.path(), &signed(&found, key));
        let report = keep(&file, &state, &escrow, now).ok().unwrap();
        assert_eq!((report.good, &report.json["kept"]), (good, &true.into()), "{}", report.words);
    }
    let proven = last(&state, &escrow).unwrap();
    let shown: Vec<_> = proven.iter().map(|one| (one.at, one.objects, one.certificate.as_str())).collect();
    let second = |text: &str| at(text).as_second();
    let expected =
        [(second("2026-02-03T00:00:00Z"), 1, ec.0.describe()), (second("2026-02-02T00:00:00Z"), 1, rsa.0.describe())];
    assert_eq!(shown, expected);
    // With another certificate in its place it proves nothing any more.
    assert_eq!(last(&state, &[key("p256").0]).unwrap(), []);
    // What lies there and was not signed counts for nothing.
    std::fs::write(state.join("vault/drills/forged.json"), "{}").unwrap();
    assert_eq!(last(&state, &escrow).unwrap().len(), 2);
    // Nor what was never picked here.
    std::fs::remove_file(state.join("vault/drills/picked-bb.json")).unwrap();
    assert_eq!(last(&state, &escrow).unwrap().len(), 1);
}

#[test]
fn of_an_archive_that_mints_uids_the_seal_says_which_instance_it_is() {
    let found = found("aa", "2026-02-01T00:00:00Z", None);
    let noted = |minted, opened: bool| {
        let mut noted = pick(&found);
        noted.picked.minted = minted;
        if !opened {
            noted.known[0] = Known { sop_instance: "2.25.9".into(), opened: None };
        }
        noted
    };
    assert_eq!(noted(true, true).fits(&found), Ok(()));
    assert_eq!(noted(true, false).fits(&found), Ok(()), "the ring does not open it, so which it is is not known");
    assert!(noted(false, false).fits(&found).is_err());
    let mut other = noted(true, true);
    other.known[0].sop_instance = "2.25.9".into();
    assert!(other.fits(&found).is_err(), "the ring opened it, and it is another");
}

#[test]
fn only_what_was_picked_last_counts_and_all_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let (certificate, rsa) = key("rsa");
    let now = at("2026-03-01T00:00:00Z");
    let mut good = found("aa", "2026-02-01T00:00:00Z", None);
    good.objects.push(FoundObject { file: "0002.dcm".into(), ..good.objects[0].clone() });
    let say = |found: &Found| {
        let file = put(folder.path(), &signed(found, &rsa));
        let report = keep(&file, &state, std::slice::from_ref(&certificate), now).ok().unwrap();
        assert_eq!(report.good, report.json["kept"] == true, "{}", report.words);
        report.words
    };
    assert!(say(&good).contains("nothing was picked here"));
    pick(&good).keep(&state).ok().unwrap();
    let change = |change: &dyn Fn(&mut Found)| {
        let mut other = good.clone();
        change(&mut other);
        say(&other)
    };
    let inside = |found: &mut Found, change: &dyn Fn(&mut Inside)| change(found.objects[1].inside.as_mut().unwrap());
    for (words, said) in [
        ("1 objects, and 2 were picked", change(&|found| drop(found.objects.pop()))),
        ("3 objects, and 2 were picked", change(&|found| found.objects.push(found.objects[0].clone()))),
        (
            "`0001.dcm` is not what was picked as `0002.dcm`",
            change(&|found| found.objects[1] = found.objects[0].clone()),
        ),
        ("is not what was picked as", change(&|found| found.objects[1].sha256 = "33".repeat(32))),
        ("what it says is in `0002.dcm`", change(&|found| inside(found, &|one| one.sop_instance = "1.2.4".into()))),
        ("what it says is in `0002.dcm`", change(&|found| inside(found, &|one| one.seal = "44".repeat(16)))),
        ("what it says is in `0002.dcm`", change(&|found| inside(found, &|one| one.sha256 = "55".repeat(32)))),
        ("it is about archive OLD, and the pick was from PACS", change(&|found| found.archive = "OLD".into())),
        ("the time of the pick", change(&|found| found.picked = at("2026-01-02T00:00:00Z"))),
        ("the time of the pick", change(&|found| found.opened = at("2025-12-31T00:00:00Z"))),
    ] {
        assert!(said.contains("NOT KEPT") && said.contains(words), "{words}: {said}");
    }
    // Another archive's pick does not make it old; a later one of this archive does.
    let later = |drill: &str, archive: &str| {
        let found = found(drill, "2026-02-05T00:00:00Z", None);
        let mut noted = pick(&Found { archive: archive.into(), ..found });
        noted.picked.picked = at("2026-01-05T00:00:00Z");
        noted.keep(&state).ok().unwrap();
    };
    later("bb", "OLD");
    assert!(say(&good).contains("escrow is proven: 2 of 2"));
    later("cc", "PACS");
    assert!(say(&good).contains("something was picked from this archive since"));
    // A list that somebody changed is none.
    let path = state.join("vault/drills/picked-aa.json");
    let text = std::fs::read_to_string(&path).unwrap().replace("1.2.3", "1.2.5");
    std::fs::write(path, text).unwrap();
    assert!(say(&good).contains("nothing was picked here"));
}

#[test]
fn what_is_forged_changed_or_dated_ahead_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let (certificate, rsa) = key("rsa");
    let now = at("2026-03-01T00:00:00Z");
    let good = found("aa", "2026-02-01T00:00:00Z", None);
    pick(&good).keep(&state).ok().unwrap();
    let mut changed = signed(&good, &rsa);
    changed.result = changed.result.replace("\"segments\":2", "\"segments\":3");
    let mut other_format = signed(&good, &rsa);
    other_format.dicomgate_drill = 2;
    for bad in [
        signed(&good, &key("p256").1),
        changed,
        other_format,
        signed(&found("aa", "2026-03-01T02:00:00Z", None), &rsa),
        signed(&found("../aa", "2026-02-01T00:00:00Z", None), &rsa),
    ] {
        let report = keep(&put(folder.path(), &bad), &state, std::slice::from_ref(&certificate), now).ok().unwrap();
        assert_eq!((report.good, &report.json["kept"]), (false, &false.into()), "{}", report.words);
    }
    assert_eq!(std::fs::read_dir(state.join("vault/drills")).unwrap().count(), 1, "the pick alone");
}

#[test]
fn names_lead_nowhere_else() {
    assert!(is_name("0001.dcm"));
    for bad in ["", ".", "..", "../x", "a/b", "a\\b", ".hidden", "a b"] {
        assert!(!is_name(bad), "{bad}");
    }
}

#[test]
fn among_too_many_files_nothing_is_taken_for_the_latest() {
    let folder = tempfile::tempdir().unwrap();
    let noted = pick(&found("one", "2026-01-02T00:00:00Z", None));
    assert!(noted.keep(folder.path()).is_ok());
    assert!(!noted.is_older(folder.path()).unwrap());
    for number in 0..10_000 {
        std::fs::write(folder.path().join(format!("vault/drills/{number}.json")), "").unwrap();
    }
    assert!(noted.is_older(folder.path()).unwrap_err().to_string().contains("more than 10000 files"));
    assert!(last(folder.path(), &[]).is_err());
}
