//! The configuration as a language: each fault with its exact words, all of them in one run; the samples; the schemas.
//!
//! `UPDATE_GOLDEN=1 cargo test --test config` writes the expected texts and the schemas anew: read the difference.

#![expect(clippy::unwrap_used, clippy::string_slice, reason = "helpers of tests may fail loudly")]

use dicomgate::cli::check::{Check, Format, answer};
use dicomgate::config::{self, Faults, Limits, Settings};
use std::path::{Path, PathBuf};

#[path = "config/people.rs"]
mod people;
#[path = "config/users.rs"]
mod users;
#[path = "config/vault.rs"]
mod vault;
#[path = "config/way_back.rs"]
mod way_back;

const GATEWAY: &str = r#"[gateway]
name  = "gate-1"
state = "state"
[tls]
certificate = "certs/gateway.crt"
private_key = "certs/gateway.key"
client_ca   = "certs/ca.crt"
[[listen]]
name    = "outside"
address = "0.0.0.0:2762"
[[archive]]
ae_title = "PACS"
address  = "127.0.0.1:4242"
[policy]
file = "policy.toml"
"#;

const POLICY: &str = r#"[[peer]]
ae_titles   = ["CT1"]
certificate = "ct1.hospital.example"
network     = ["10.20.0.0/16"]
groups      = ["modality"]
[[rule]]
name = "modalities store"
who  = ["group:modality"]
to   = ["PACS"]
may  = ["echo", "store"]
"#;

/// An installation of its own, with a certificate and a CA.
struct House(tempfile::TempDir);

impl House {
    fn new(gateway: &str, policy: &str) -> Self {
        let house = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(house.0.path().join("certs")).unwrap();
        house.write("gateway.toml", gateway);
        house.write("policy.toml", policy);
        let made = rcgen::generate_simple_self_signed(["gateway.hospital.example".to_owned()]).unwrap();
        house.write("certs/gateway.crt", &made.cert.pem());
        let mut ca = rcgen::CertificateParams::default();
        ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca = ca.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        house.write("certs/ca.crt", &ca.pem());
        house.write("certs/gateway.key", &made.signing_key.serialize_pem());
        house.mode("certs/gateway.key", 0o600);
        house
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.0.path().join(file), text).unwrap();
    }

    fn mode(&self, file: &str, mode: u32) {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(self.0.path().join(file), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("gateway.toml")
    }

    fn load(&self) -> Result<Settings, Faults> {
        config::load_at(&self.path(), &now())
    }

    /// The faults in words, without the name of the temporary folder.
    fn words(&self) -> String {
        let faults = match self.load() {
            Ok(settings) => Faults(settings.source.warnings),
            Err(faults) => faults,
        };
        let folder = format!("{}/", self.0.path().display());
        format!("{faults}\n").replace(&folder, "")
    }
}

fn now() -> jiff::Zoned {
    "2026-11-21T12:00:00+00:00[UTC]".parse().unwrap()
}

/// What `check` prints.
fn check(house: &House, now: &jiff::Zoned) -> String {
    answer(&Check { config: house.path(), format: Format::Json, offline: true }, now).0
}

fn golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "{}", path.display());
}

/// Each case: a name, what is replaced in which file, by what. The words of its faults stand in `tests/config/NAME.txt`.
fn cases() -> Vec<(&'static str, String, String)> {
    let gateway = |from: &str, to: &str| {
        assert!(GATEWAY.contains(from), "{from}");
        (GATEWAY.replacen(from, to, 1), POLICY.to_owned())
    };
    let policy = |from: &str, to: &str| {
        assert!(POLICY.contains(from), "{from}");
        (GATEWAY.to_owned(), POLICY.replacen(from, to, 1))
    };
    let more = |gateway: &str, policy: &str| (format!("{GATEWAY}{gateway}"), format!("{POLICY}{policy}"));
    let peer = |keys: &str| more("", &format!("[[peer]]\nae_titles = [\"MR1\"]\n{keys}\n"));
    let rule = |keys: &str| policy("may  = [\"echo\", \"store\"]", &format!("may = [\"echo\"]\n{keys}"));
    let with_rule = |keys: &str| more("", &format!("[[rule]]\nname = \"two\"\nto = [\"PACS\"]\n{keys}\n"));
    let limits = |keys: &str| more(&format!("[limits]\n{keys}\n"), "");
    let listen = |keys: &str| more(&format!("[[listen]]\n{keys}\n"), "");
    let archive = |keys: &str| more(&format!("[[archive]]\n{keys}\n"), "");
    let cases = [
        ("not-toml", gateway("[tls]", "[tls")),
        ("unknown-key", gateway("address = \"0.0.0.0:2762\"", "adress = \"0.0.0.0:2762\"")),
        ("unknown-table", more("[telemetry]\n", "")),
        ("wrong-type", gateway("name  = \"gate-1\"", "name = 1")),
        ("table-for-list", gateway("[[archive]]", "[archive]")),
        ("text-for-list", policy("[\"CT1\"]", "\"CT1\"")),
        ("missing-key", gateway("ae_title = \"PACS\"\n", "")),
        ("missing-table", gateway("[policy]\nfile = \"policy.toml\"\n", "")),
        ("missing-file", gateway("certs/ca.crt", "certs/there-is-none.crt")),
        ("missing-policy", gateway("\"policy.toml\"", "\"config/policy.toml\"")),
        ("bad-name", gateway("gate-1", "gate 1")),
        ("bad-choice", gateway("[[archive]]", "tls = \"mutal\"\n[[archive]]")),
        ("bad-address", gateway("0.0.0.0:2762", ":2762")),
        ("bad-endpoint", gateway("127.0.0.1:4242", "dicom://pacs:104")),
        ("bad-title", gateway("\"PACS\"", "\"THE_PACS_OF_THE_WHOLE_HOUSE\"")),
        ("listener-name-twice", listen("name = \"outside\"\naddress = \"0.0.0.0:2763\"")),
        ("listener-address-twice", listen("name = \"second\"\naddress = \"127.0.0.1:2762\"")),
        (
            "listener-is-admin",
            listen("name = \"second\"\naddress = \"127.0.0.1:9464\"\n[admin]\naddress = \"127.0.0.1:9464\""),
        ),
        (
            "archive-shares-title",
            archive("ae_title = \"RIS\"\naddress = \"127.0.0.1:4243\"\nanswers_to = [\"RIS\", \"PACS\"]"),
        ),
        ("archive-is-own-listener", gateway("127.0.0.1:4242", "127.0.0.1:2762")),
        ("archive-reserve", gateway("[policy]", "max_associations = 5\nreserved_for_store = 5\n[policy]")),
        ("archive-tls-keys", gateway("[policy]", "trust = \"certs/ca.crt\"\n[policy]")),
        ("observe-past", more("observe_until = 2026-11-20\n", "")),
        ("observe-far", more("observe_until = 2026-12-24\n", "")),
        ("observe-text", more("observe_until = \"2026-12-01\"\n", "")),
        ("limit-bounds", limits("artim = \"30m\"\nassociations = 0")),
        ("limit-units", limits("artim = 30\npdu_length = \"64k\"\nidle = \"10 min\"")),
        ("limit-unknown", limits("pdu_lenght = \"64KiB\"")),
        ("no-client-ca", gateway("client_ca   = \"certs/ca.crt\"\n", "")),
        ("no-tls", gateway(&GATEWAY[GATEWAY.find("[tls]").unwrap()..GATEWAY.find("[[listen]]").unwrap()], "")),
        ("crl-keys", gateway("[[listen]]", "crl_check = \"chain\"\n[[listen]]")),
        ("later-tables", more("[users.local]\nfile = \"users.toml\"\n[web]\n", "")),
        ("later-modalities", with_rule("who = [\"peer:CT1\"]\nmay = [\"get\"]\nmodalities = [\"CT\"]")),
        ("modalities-unread", with_rule("who = [\"peer:CT1\"]\nmay = [\"mpps\"]\nmodalities = [\"CT\"]")),
        ("peer-without-certificate", peer("network = [\"10.20.0.0/16\"]")),
        ("peer-plain-anywhere", peer("tls = \"off\"")),
        ("peer-any", peer("certificate = \"any\"")),
        ("peer-wildcard", peer("certificate = \"*.hospital.example\"")),
        ("peer-digest", peer("certificate = \"sha256:12\"")),
        ("everywhere", policy("10.20.0.0/16", "0.0.0.0/0")),
        ("everywhere-v6", policy("10.20.0.0/16", "::/0")),
        ("network-bits", policy("10.20.0.0/16", "10.20.0.11/16")),
        ("network-address", policy("10.20.0.0/16", "10.20.0.11")),
        ("anyone-permit", with_rule("who = [\"anyone\"]\nmay = [\"echo\"]")),
        ("subject-bare", with_rule("who = [\"CT1\"]\nmay = [\"echo\"]")),
        ("subject-kind", with_rule("who = [\"gruop:modality\"]\nmay = [\"echo\"]")),
        ("operation", with_rule("who = [\"peer:CT1\"]\nmay = [\"stor\"]")),
        ("hours", rule("hours = \"7-19\"\ndays = [\"monday\"]")),
        ("rule-names-nobody", with_rule("who = [\"group:modalty\"]\nmay = [\"echo\"]\nvia = [\"peer:CT9\"]")),
        (
            "rule-name-twice",
            more(
                "",
                "[[rule]]\nname = \"modalities store\"\nwho = [\"peer:CT1\"]\nto = [\"PACS\"]\nmay = [\"echo\"]\n",
            ),
        ),
        (
            "title-shared",
            more("", "[[peer]]\nname = \"CT2\"\nae_titles = [\"CT1\"]\ncertificate = \"ct1.hospital.example\"\n"),
        ),
        ("test-fails", more("", "[[test]]\nname = \"reads\"\npeer = \"CT1\"\nwants = \"find\"\nexpect = \"permit\"\n")),
        ("tolerance", peer("certificate = \"mr1.hospital.example\"\ntolerate = [\"group_length\"]")),
        (
            "sop-class",
            rule("sop_classes = [\"CT\"]\ntransfer_syntaxes = [\"JPEG2000Loseless\"]\nmodalities = [\"ct\"]"),
        ),
    ];
    cases.into_iter().map(|(name, (gateway, policy))| (name, gateway, policy)).collect()
}

#[test]
fn the_ground_of_all_cases_is_sound() {
    let settings = House::new(GATEWAY, POLICY).load().unwrap();
    assert!(settings.source.warnings.is_empty());
    assert_eq!(settings.limits, Limits::default());
    assert_eq!(settings.policy.peers[0].name.as_ref(), "CT1");
    assert_eq!(settings.archives[0].answers_to, [settings.archives[0].ae_title]);
}

#[test]
fn every_fault_is_said_in_these_words() {
    let mut all = String::new();
    for (name, gateway, policy) in cases() {
        let words = House::new(&gateway, &policy).words();
        assert_ne!(words, "\n", "{name} is taken without a word");
        all.push_str(&format!("== {name}\n{words}\n"));
    }
    golden("faults.txt", &all);
}

#[test]
fn twelve_faults_of_both_files_are_twelve_in_one_run() {
    let gateway = GATEWAY
        .replace("gate-1", "gate 1")
        .replace("client_ca   = \"certs/ca.crt\"", "client_ca = 7")
        .replace("address = \"0.0.0.0:2762\"", "address = \"0.0.0.0\"\ntsl = \"off\"")
        .replace("127.0.0.1:4242", "127.0.0.1")
        + "[limits]\nartim = \"1000h\"\nidle = 60\n";
    let policy = POLICY
        .replace("ct1.hospital.example", "*.hospital.example")
        .replace("10.20.0.0/16", "0.0.0.0/0")
        .replace("\"store\"", "\"stoer\"")
        + "seal = true\n[[rule]]\nname = \"two\"\nwho = [\"anyone\"]\nto = [\"PACS\"]\nmay = [\"echo\"]\n";
    let house = House::new(&gateway, &policy);
    let faults = house.load().unwrap_err();
    golden("twelve.txt", &house.words());
    assert_eq!(faults.0.len(), 12);
}

#[test]
fn a_key_that_others_can_read_is_refused_by_check_and_not_by_run() {
    let house = House::new(GATEWAY, POLICY);
    house.mode("certs/gateway.key", 0o644);
    let settings = house.load().unwrap();
    assert_eq!(settings.source.warnings.len(), 1);
    let (text, code) = answer(&Check { config: house.path(), offline: true, format: Format::Text }, &now());
    assert_eq!(code, 64);
    assert!(text.contains("every user of this machine can read"), "{text}");
    assert!(text.ends_with("1 fault: the configuration is refused\n"), "{text}");
}

#[test]
fn check_opens_what_run_will_open() {
    let house = House::new(GATEWAY, POLICY);
    house.write("certs/gateway.crt", "not a certificate");
    let (text, code) = answer(&Check { config: house.path(), offline: true, format: Format::Text }, &now());
    assert_eq!(code, 64, "{text}");
    assert!(text.contains("gateway.crt` holds no usable"), "{text}");
}

#[test]
fn check_answers_scripts_in_json() {
    let house = House::new(&GATEWAY.replace("name    =", "nmae ="), POLICY);
    let (text, code) = answer(&Check { config: house.path(), offline: true, format: Format::Json }, &now());
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &json["accepted"]), (64, &false.into()));
    assert_eq!(json["faults"][1]["hint"], "did you mean `name`?");
    assert_eq!(json["faults"][1]["line"], 9);
    assert_eq!(json["faults"][1]["text"], "nmae = \"outside\"");
}

#[test]
fn relative_paths_begin_at_the_folder_or_above_config() {
    let house = House::new(GATEWAY, POLICY);
    assert_eq!(house.load().unwrap().gateway.state, house.0.path().join("state"));
    std::fs::create_dir(house.0.path().join("config")).unwrap();
    house.write("config/gateway.toml", GATEWAY);
    let settings = config::load_at(&house.0.path().join("config/gateway.toml"), &now()).unwrap();
    assert_eq!(settings.gateway.state, house.0.path().join("state"));
    assert_eq!(settings.source.policy, house.0.path().join("policy.toml"));
}

#[test]
fn peers_are_imported_and_their_faults_have_places() {
    let house = House::new(GATEWAY, &format!("peers_file = \"peers.csv\"\n{POLICY}"));
    house.write(
        "peers.csv",
        "ae_titles,description,certificate,network,groups\n\
         MR1;MR1_STORE,\"MR, first floor\",mr1.hospital.example,10.20.0.0/16;10.21.0.0/16,modality\n\
         US1,,us1.hospital.example,,\n",
    );
    let settings = house.load().unwrap();
    let names: Vec<&str> = settings.policy.peers.iter().map(|peer| &*peer.name).collect();
    assert_eq!(names, ["CT1", "MR1", "US1"]);
    assert_eq!(settings.policy.peers[1].networks.len(), 2);
    assert!(settings.source.files.contains(&house.0.path().join("peers.csv")));
    house.write("peers.csv", "ae_title,certificate,network\nMR1,mr1.hospital.example,10.20.0.0/33\n,x y,,\n");
    golden("peers.txt", &house.words());
}

#[test]
fn the_samples_are_accepted() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let house = House::new("", "");
    std::fs::create_dir(house.0.path().join("config")).unwrap();
    for file in ["gateway.toml", "policy.toml"] {
        let text = std::fs::read_to_string(samples.join(file)).unwrap();
        house.write(&format!("config/{file}"), &text);
    }
    let config = house.0.path().join("config/gateway.toml");
    let (text, code) = answer(&Check { config, offline: true, format: Format::Text }, &now());
    assert_eq!(code, 0, "{text}");
    golden("sample.txt", &text.replace(&format!("{}/", house.0.path().display()), ""));
}

#[test]
fn the_schemas_in_the_repository_are_those_of_the_reader() {
    for (name, text) in config::schemas() {
        golden(&format!("../../config/schema/{name}"), &text);
    }
}

/// Every key and every limit stands in the reference, with its default and bounds.
#[test]
fn the_reference_knows_every_key() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let reference = std::fs::read_to_string(root.join("docs/configuration.md")).unwrap();
    for (_, text) in config::schemas() {
        let schema: serde_json::Value = serde_json::from_str(&text).unwrap();
        let tables = schema["$defs"].as_object().unwrap().iter().map(|(name, table)| (name.as_str(), table));
        for (table, keys) in tables.chain([("file", &schema)]) {
            for key in keys["properties"].as_object().into_iter().flatten().map(|(key, _)| key) {
                assert!(reference.contains(&format!("`{key}`")), "{table}: `{key}` is not explained");
            }
        }
    }
    for (name, default, low, high) in Limits::ALL {
        let row = format!("| `{name}` | {default} | {low} | {high} |");
        assert!(reference.contains(&row), "{row}");
    }
}

#[test]
fn a_change_is_noticed_once_it_has_settled() {
    let house = House::new(GATEWAY, POLICY);
    let mut watch = config::Watch::new(house.load().unwrap().source.files);
    assert!(!watch.changed());
    house.write("policy.toml", &format!("{POLICY}# longer\n"));
    assert!(!watch.changed(), "an edit may still be under way");
    assert!(watch.changed());
    assert!(!watch.changed());
    std::fs::remove_file(house.0.path().join("certs/ca.crt")).unwrap();
    assert!(!watch.changed());
    assert!(watch.changed());
}

#[test]
fn files_that_keep_changing_do_not_postpone_what_changed_for_ever() {
    let house = House::new(GATEWAY, POLICY);
    let mut watch = config::Watch::new(house.load().unwrap().source.files);
    let mut length = 0;
    let mut replace = || {
        length += 1;
        house.write("next", &format!("{POLICY}# {}\n", "x".repeat(length)));
        std::fs::rename(house.0.path().join("next"), house.0.path().join("policy.toml")).unwrap();
    };
    // As the manifest is by one key after another: it is said at every second look, within two seconds of each change.
    let mut said = Vec::new();
    for _ in 0..6 {
        replace();
        said.push(watch.changed());
    }
    assert_eq!(said, [false, true, false, true, false, true]);
    assert!(watch.changed(), "the last change was not said yet when it was seen");
    assert!(!watch.changed());

    // What is written where it stands is waited for longer, and not for ever.
    let mut text = POLICY.to_owned();
    let mut write = || {
        text.push_str("# longer\n");
        house.write("policy.toml", &text);
    };
    let looks = (1..100).find(|_| {
        write();
        watch.changed()
    });
    assert_eq!(looks, Some(11));
}

mod any_text {
    use super::{GATEWAY, House, POLICY};
    use proptest::prelude::{Strategy, any, prop, proptest};

    /// A file with some of its words replaced, lines lost, bytes inserted.
    fn spoiled(text: &'static str) -> impl Strategy<Value = String> {
        let edits =
            prop::collection::vec((any::<prop::sample::Index>(), "[\\[\\]\"=,.#{}a-z0-9\\n \u{e9}]{0,4}"), 0..6);
        edits.prop_map(move |edits| {
            let mut chars: Vec<char> = text.chars().collect();
            for (at, word) in edits {
                let at = at.index(chars.len());
                let until = (at + word.len()).min(chars.len());
                chars.splice(at..until, word.chars());
            }
            chars.into_iter().collect()
        })
    }

    proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]
        #[test]
        fn never_panics(gateway in spoiled(GATEWAY), policy in spoiled(POLICY)) {
            let house = House::new(&gateway, &policy);
            if let Err(faults) = house.load() {
                assert!(faults.any_error());
            }
        }

        #[test]
        fn never_panics_on_noise(gateway in ".{0,200}", policy in ".{0,200}") {
            assert!(House::new(&gateway, &policy).load().is_err());
        }
    }
}
