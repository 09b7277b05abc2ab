//! The wiring of a small hospital on loopback: an archive that knows some destinations, a workstation, a dead one.

use super::{Check, Format, answer};
use crate::cli::archive::keep;
use crate::cli::archive::report::{Found, Key, Report, VERSION};
use crate::demo::archive::Archive;
use crate::dicom::AeTitle;
use crate::scu::Answerer;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;
use tokio::runtime::Runtime;

struct Ward {
    folder: tempfile::TempDir,
    runtime: Runtime,
    archive: Archive,
    workstation: Option<Answerer>,
    at: SocketAddr,
    /// Further lines of `[[archive]]`.
    archive_lines: &'static str,
}

fn title(text: &str) -> AeTitle {
    AeTitle::new(text).unwrap()
}

impl Ward {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let _inside = runtime.enter();
        let archive = Archive::start(title("PACS"), 0, folder.path().to_path_buf()).unwrap();
        let workstation = Answerer::listen("127.0.0.1:0".parse().unwrap(), None, Duration::from_secs(10)).unwrap();
        let at = workstation.address();
        drop(_inside);
        Self { folder, runtime, archive, workstation: Some(workstation), at, archive_lines: "" }
    }

    fn write(&self) -> PathBuf {
        let gateway = format!(
            r#"
[gateway]
name = "gate-1"
state = "state"
[[listen]]
name = "plain"
address = "127.0.0.1:0"
tls = "off"
[[listen]]
name = "inside"
address = "127.0.0.1:11112"
tls = "off"
serves = "archive"
network = ["127.0.0.1/32"]

[[archive]]
ae_title = "PACS"
address = "{}"
{}
[policy]
file = "policy.toml"
[admin]
address = "off"
"#,
            self.archive.address(),
            self.archive_lines
        );
        let peer = |name: &str, lines: &str| {
            format!("[[peer]]\nae_titles = [\"{name}\"]\ntls = \"off\"\nnetwork = [\"127.0.0.1/32\"]\n{lines}\n")
        };
        let policy = [
            peer("CT1", "groups = [\"modality\"]"),
            peer("WS1", &format!("address = \"{}\"\ngroups = [\"workstation\"]", self.at)),
            "[[rule]]\nname = \"store\"\nwho = [\"group:modality\"]\nto = [\"PACS\"]\nmay = [\"echo\", \"store\"]\n"
                .into(),
            "[[rule]]\nname = \"read\"\nwho = [\"group:workstation\"]\nto = [\"PACS\"]\nmay = [\"find\", \"move\"]\n\
             destinations = [\"self\"]\n"
                .into(),
        ];
        std::fs::write(self.folder.path().join("gateway.toml"), gateway).unwrap();
        std::fs::write(self.folder.path().join("policy.toml"), policy.concat()).unwrap();
        self.folder.path().join("gateway.toml")
    }

    fn check(&self, format: Format) -> (String, u8) {
        let check = Check { config: self.write(), offline: false, format };
        answer(&check, &jiff::Zoned::now())
    }

    fn json(&self) -> (serde_json::Value, u8) {
        let (text, code) = self.check(Format::Json);
        (serde_json::from_str(&text).unwrap(), code)
    }

    fn know(&self, destination: &str) {
        let _inside = self.runtime.enter();
        self.archive.set_destination(title(destination), "127.0.0.1:11112".into());
    }
}

#[test]
fn wiring_that_works_is_said_to_and_ends_with_zero() {
    let ward = Ward::new();
    ward.know("WS1");
    let (text, code) = ward.check(Format::Text);
    assert_eq!(code, 0, "{text}");
    for words in ["answers when called by WS1, CT1", "knows the destinations WS1", "answers C-ECHO", "no fault"] {
        assert!(text.contains(words), "`{words}` is not in {text}");
    }
}

#[test]
fn an_archive_that_does_not_know_a_destination_is_told_where_it_is() {
    let ward = Ward::new();
    let (text, code) = ward.check(Format::Text);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("does not know the destination `WS1` (it answers A801H)"), "{text}");
    assert!(
        text.contains("enter `WS1` as a destination at host 127.0.0.1, port 11112 (the listener `inside`)"),
        "{text}"
    );
    assert!(text.contains("gateway.toml:16:1: archive `PACS`"), "{text}");
    let (json, _) = ward.json();
    let faults: Vec<_> = json["wiring"].as_array().unwrap().iter().filter(|found| !found["fault"].is_null()).collect();
    assert_eq!((json["accepted"].as_bool(), faults.len()), (Some(true), 1));
    assert_eq!(faults[0]["fault"]["line"], 16);
}

#[test]
fn with_correlation_by_destination_the_requesters_titles_are_asked_for() {
    let mut ward = Ward::new();
    ward.archive_lines = "correlate = \"destination\"";
    let (text, code) = ward.check(Format::Text);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("destination `WS1`") && !text.contains("destination `CT1`"), "{text}");
}

#[test]
fn a_peer_that_is_away_is_named_with_its_line() {
    let mut ward = Ward::new();
    ward.know("WS1");
    ward.workstation = None;
    // A port that nobody has any more.
    ward.at = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (text, code) = ward.check(Format::Text);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("policy.toml:6:1: peer `WS1`") && text.contains("cannot be reached"), "{text}");
    let offline = Check { config: ward.write(), offline: true, format: Format::Text };
    let (text, code) = answer(&offline, &jiff::Zoned::now());
    assert!(code == 0 && !text.contains("the wiring"), "{text}");
}

#[test]
fn an_archive_that_is_away_is_one_fault_however_many_call_it() {
    let mut ward = Ward::new();
    // Its runtime ends at once, and its listener with it.
    ward.archive = Ward::new().archive;
    let (json, code) = ward.json();
    assert_eq!(code, 1);
    let faults: Vec<_> = json["wiring"].as_array().unwrap().iter().filter(|found| !found["fault"].is_null()).collect();
    assert_eq!(faults.len(), 1, "{json:#}");
    assert!(faults[0]["words"].as_str().unwrap().contains("archive `PACS`"), "{json:#}");
}

#[test]
fn a_configuration_that_is_refused_is_not_dialled() {
    let ward = Ward::new();
    let config = ward.write();
    let text = std::fs::read_to_string(&config).unwrap().replace("[gateway]", "[gateway]\nnome = \"x\"");
    std::fs::write(&config, text).unwrap();
    let (text, code) = answer(&Check { config, offline: false, format: Format::Json }, &jiff::Zoned::now());
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, json["accepted"].as_bool(), json["wiring"].is_null()), (64, Some(false), true));
}

#[test]
fn rules_that_narrow_by_what_an_archive_does_not_say_are_told() {
    let ward = Ward::new();
    ward.know("WS1");
    let narrow = |attribute: &str| {
        let config = ward.write();
        let policy = ward.folder.path().join("policy.toml");
        let text = std::fs::read_to_string(&policy).unwrap();
        let more = format!("may = [\"find\", \"move\"]\nwhere = {{ {attribute} = \"X\" }}");
        std::fs::write(&policy, text.replace("may = [\"find\", \"move\"]", &more)).unwrap();
        config
    };
    let ask = |config: PathBuf, offline| answer(&Check { config, offline, format: Format::Text }, &jiff::Zoned::now());
    let (text, code) = ask(narrow("StudyDescription"), false);
    assert_eq!(code, 0, "an empty archive shows nothing of the kind: {text}");
    assert!(text.contains("has no recent studies that would show whether it says what rules narrow by"), "{text}");

    // What a probe found is known without asking.
    for returned in [true, false] {
        let key = |name: &str, returned| Key {
            level: "STUDY".to_owned(),
            name: name.to_owned(),
            matched: Found::unknown("not asked"),
            returned,
        };
        let known = key("StudyDescription", Found::Known(returned));
        let keys = vec![known, key("AccessionNumber", Found::unknown("refused"))];
        let report = probed(ward.archive.address().to_string(), keys);
        keep::write(&ward.folder.path().join("state"), &title("PACS"), &report).unwrap();
        let (text, code) = ask(narrow("StudyDescription"), true);
        assert_eq!(code, if returned { 0 } else { 64 }, "{text}");
        let words = "rule `read` narrows by `StudyDescription`, which archive `PACS` does not return for studies";
        assert_eq!(text.contains(words), !returned, "{text}");
    }
    for unknown in ["AccessionNumber", "InstitutionName"] {
        let (text, code) = ask(narrow(unknown), true);
        assert_eq!(code, 0, "the probe says nothing of it: {text}");
    }
}

fn probed(address: String, keys: Vec<Key>) -> Report {
    fn not<T>() -> Found<T> {
        Found::unknown("not asked")
    }
    Report {
        version: VERSION,
        probed: jiff::Timestamp::now(),
        archive: "PACS".to_owned(),
        address,
        calling: "WS1".to_owned(),
        stored: true,
        hello: not(),
        echo: not(),
        offers: Vec::new(),
        window: not(),
        takes_strangers: not(),
        associations: not(),
        stores: not(),
        keys: Found::Known(keys),
        get: not(),
        moved: not(),
        moved_for_stranger: not(),
        destinations: Vec::new(),
        commitment: not(),
        left_behind: None,
    }
}
