use super::*;
use clap::Parser;

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    certs: Certs,
}

const NOW: i64 = 1_800_000_000;

/// Exit code, standard output, standard error; `DIR` in the arguments stands for the folder.
fn call(dir: &std::path::Path, arguments: &str) -> (u8, String, String) {
    let dir = dir.to_str().unwrap();
    let arguments = std::iter::once("certs".to_owned())
        .chain(arguments.split_whitespace().map(|argument| argument.replace("DIR", dir)));
    let program = Program::try_parse_from(arguments).unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = run(&program.certs, NOW, &mut out, &mut err);
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

#[test]
fn from_a_new_ca_to_a_revoked_device() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    assert_eq!(call(dir, "new-ca --dir DIR --name Clinic").0, 0);
    let (code, out, _) = call(dir, "issue --dir DIR --for ct1 --dns CT1.hospital.example --ip 10.20.0.11");
    assert_eq!(code, 0);
    assert!(out.contains("certificate = \"ct1.hospital.example\""), "{out}");

    let (_, shown, _) = call(dir, "show --format json DIR/ct1.crt");
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown[0]["names"], serde_json::json!(["ct1.hospital.example", "10.20.0.11"]));
    assert_eq!((&shown[0]["state"], &shown[0]["not_after"]), (&"valid".into(), &"2029-01-14".into()));
    assert_eq!(shown[0]["patterns"][1], "cn:ct1");
    let pin = shown[0]["patterns"][2].as_str().unwrap();
    assert_eq!(pin.strip_prefix("sha256:").map(str::len), Some(64));
    let (_, text, _) = call(dir, "show DIR/ct1.crt");
    assert!(text.contains(&format!("certificate = \"{pin}\"")), "{text}");

    let serial = shown[0]["serial"].as_str().unwrap();
    let (code, out, _) = call(dir, "revoke --dir DIR --for ct1 --reason key-compromise");
    assert_eq!((code, out.lines().next()), (0, Some(format!("revoked: `ct1`, serial {serial}").as_str())));
    let (code, _, err) = call(dir, "revoke --dir DIR --for ct1");
    assert_eq!(code, 1);
    assert!(err.starts_with("nothing to revoke: no valid certificate was issued for `ct1`"), "{err}");
    assert_eq!(call(dir, "revoke --dir DIR --refresh").0, 0);
}

#[test]
fn nothing_is_overwritten_unless_asked() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    assert_eq!(call(dir, "new-ca --dir DIR").0, 0);
    assert_eq!(call(dir, "new-ca --dir DIR").0, 1);
    assert_eq!(call(dir, "issue --dir DIR --for ct1").0, 0);
    let before = std::fs::read(dir.join("ct1.crt")).unwrap();
    let (code, _, err) = call(dir, "issue --dir DIR --for ct1");
    assert_eq!(code, 1);
    assert!(err.contains("ct1.key` is there already") || err.contains("ct1.crt` is there already"), "{err}");
    assert_eq!(std::fs::read(dir.join("ct1.crt")).unwrap(), before);
    assert_eq!(call(dir, "issue --dir DIR --for ct1 --renew").0, 0);
    assert_ne!(std::fs::read(dir.join("ct1.crt")).unwrap(), before);
    // both are known to the CA, so the old one can be revoked
    let (_, out, _) = call(dir, "revoke --dir DIR --for ct1");
    assert_eq!(out.lines().filter(|line| line.starts_with("revoked:")).count(), 2, "{out}");
}

#[test]
fn names_that_would_leave_the_folder_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    assert_eq!(call(dir, "new-ca --dir DIR").0, 0);
    for name in ["../ct1", "a/b", ".hidden", "ca", "CA", "ct\u{e4}"] {
        let (code, _, err) = call(dir, &format!("issue --dir DIR --for {name}"));
        assert_eq!(code, 1, "{name}");
        assert!(err.contains("cannot be used"), "{err}");
    }
    assert_eq!(call(dir, "issue --dir DIR --for ct1 --days 731").0, 1);
    assert_eq!(call(dir, "issue --dir DIR --for ct1 --dns not_a..name").0, 1);
    assert!(!dir.join("ct1.crt").exists());
}

#[test]
fn revoking_needs_to_know_what() {
    assert!(Program::try_parse_from(["certs", "revoke"]).is_err());
    assert!(Program::try_parse_from(["certs", "revoke", "--for", "ct1", "--refresh"]).is_err());
}
