use super::{Command, run};
use clap::Parser;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

#[derive(Parser)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

/// Exit code, standard output and standard error.
fn user(file: &Path, arguments: &[&str], input: &str) -> (u8, String, String) {
    let file = file.display().to_string();
    let place = ["--file", file.as_str()];
    let all = ["user"].iter().chain(arguments).chain(&place);
    let program = Program::try_parse_from(all).unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = run(&program.command, &mut input.as_bytes(), &mut out, &mut err);
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

fn add(file: &Path, name: &str, more: &[&str]) -> (u8, String, String) {
    let arguments: Vec<&str> = ["add", name, "--password-stdin"].iter().chain(more).copied().collect();
    user(file, &arguments, "correct horse\n")
}

#[test]
fn accounts_are_added_listed_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users.toml");
    let with = ["--role", "referrer", "--attribute", "physician=MÜLLER^HANS", "--attribute", "physician=MUELLER^HANS"];
    assert_eq!(add(&file, "müller", &with).0, 0);
    assert_eq!(add(&file, "meier", &[]).0, 0);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let (code, listed, _) = user(&file, &["list"], "");
    assert_eq!(code, 0);
    assert_eq!(listed, "müller  roles referrer  physician=MÜLLER^HANS | MUELLER^HANS\nmeier\n");
    let json: serde_json::Value = serde_json::from_str(&user(&file, &["list", "--format", "json"], "").1).unwrap();
    assert_eq!(json[0]["roles"][0], "referrer");
    assert_eq!(json.as_array().unwrap().len(), 2);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("$argon2id$v=19$m=19456,t=2,p=1$") && !text.contains("correct horse"));
    assert_eq!(user(&file, &["remove", "müller"], "").0, 0);
    assert_eq!(user(&file, &["list"], "").1, "meier\n");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left behind");
}

#[test]
fn what_an_administrator_wrote_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users.toml");
    for name in ["first", "second", "third"] {
        assert_eq!(add(&file, name, &["--role", "a"]).0, 0);
    }
    let text = std::fs::read_to_string(&file).unwrap();
    let commented = text
        .replace("[[user]]\nname = \"second\"", "# Dr. Second\n[[user]] # radiology\nname = \"second\" # until May")
        .replace(
            "[[user]]\nname = \"third\"",
            "# Dr. Third\n  [[user]]\n  name = \"third\"\n  # [[user]] is no entry here",
        )
        .replace("roles = [\"a\"]", "roles = [\n  \"a\", # a role\n]");
    std::fs::write(&file, &commented).unwrap();
    assert_eq!(user(&file, &["remove", "second"], "").2, "");
    let after = std::fs::read_to_string(&file).unwrap();
    assert!(!after.contains("name = \"second\""), "{after}");
    for kept in ["# Dr. Third\n", "# [[user]] is no entry here", "# a role", "name = \"first\""] {
        assert!(after.contains(kept), "{kept}: {after}");
    }
    assert_eq!(user(&file, &["list"], "").1, "first  roles a\nthird  roles a\n");
    let (code, _, words) = user(&file, &["add", "first", "--password-stdin", "--replace"], "another one\n");
    assert_eq!((code, words.as_str()), (0, ""));
    let replaced = std::fs::read_to_string(&file).unwrap();
    assert_ne!(replaced, after);
    let others = |text: &str| text.lines().filter(|line| !line.starts_with("password")).collect::<Vec<_>>().join("\n");
    assert_eq!(others(&replaced), others(&after));
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users.toml");
    assert_eq!(add(&file, "müller", &[]).0, 0);
    let before = std::fs::read_to_string(&file).unwrap();
    let long = "x".repeat(65);
    let huge = format!("{}\n", "x".repeat(1025));
    for (arguments, input, words) in [
        (&["add", "müller", "--password-stdin"][..], "correct horse\n", "already"),
        (&["add", "new", "--password-stdin"], "short\n", "at least 8"),
        (&["add", "new", "--password-stdin"], "", "at least 8"),
        (&["add", "new", "--password-stdin"], "with\u{7}a bell in it\n", "control"),
        (&["add", "new", "--password-stdin"], &huge, "at most 1024"),
        (&["add", " new", "--password-stdin"], "correct horse\n", "1 to 64"),
        (&["add", "ne\nw", "--password-stdin"], "correct horse\n", "1 to 64"),
        (&["add", &long, "--password-stdin"], "correct horse\n", "1 to 64"),
        (&["add", "new", "--password-stdin", "--attribute", "physician"], "correct horse\n", "no attribute"),
        (&["add", "new", "--password-stdin", "--attribute", "name=x"], "correct horse\n", "cannot be the name"),
        (&["add", "new", "--password-stdin", "--replace"], "correct horse\n", "no account"),
        (&["remove", "nobody"], "", "no account"),
    ] {
        let (code, out, err) = user(&file, arguments, input);
        assert_eq!((code, out.as_str()), (1, ""), "{arguments:?}");
        assert!(err.contains(words), "{arguments:?}: {err}");
        assert!(!err.contains("correct horse"), "{err}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), before, "{arguments:?}");
    }
}

#[test]
fn a_file_with_a_fault_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users.toml");
    std::fs::write(&file, "[[user]]\nname = \"a\"\n").unwrap();
    let (code, _, words) = add(&file, "new", &[]);
    assert_eq!(code, 1);
    assert!(words.contains("users.toml:1:") && words.contains("`password` is missing"), "{words}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "[[user]]\nname = \"a\"\n");
}
