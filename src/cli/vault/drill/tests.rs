use super::keep::{keep, last};
use super::result::{Found, FoundObject, Inside, Signed, is_name};
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
    Found { drill: drill.into(), picked: at("2026-01-01T00:00:00Z"), opened: at(opened), objects }
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
        let file = put(folder.path(), &signed(&found(drill, opened, fault), key));
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
}

#[test]
fn what_is_forged_changed_or_dated_ahead_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let (certificate, rsa) = key("rsa");
    let now = at("2026-03-01T00:00:00Z");
    let good = found("aa", "2026-02-01T00:00:00Z", None);
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
    assert!(!state.exists());
}

#[test]
fn names_lead_nowhere_else() {
    assert!(is_name("0001.dcm"));
    for bad in ["", ".", "..", "../x", "a/b", "a\\b", ".hidden", "a b"] {
        assert!(!is_name(bad), "{bad}");
    }
}
