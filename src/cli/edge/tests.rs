//! The folder as an administrator gets it, and every reason for which there is none.

use super::*;
use crate::cli::certs;
use crate::config::{ArchiveTls, ListenerTls, Serves, Settings};
use crate::dicom::AeTitle;
use crate::dicom::dimse::Operation;
use crate::pki::TlsMaterial;
use crate::policy::model::CertificatePattern;
use clap::Parser;
use std::os::unix::fs::PermissionsExt as _;
use tempfile::TempDir;

const GATEWAY: &str = r#"
[gateway]
name = "gate-1"
state = "state"
[tls]
certificate = "certs/gateway.crt"
private_key = "certs/gateway.key"
client_ca = "certs/ca.crt"
[[listen]]
name = "outside"
address = "0.0.0.0:2762"
[[listen]]
name = "plain"
address = "127.0.0.1:104"
tls = "off"
[[listen]]
name = "inside"
address = "127.0.0.1:11112"
tls = "off"
serves = "archive"
network = ["127.0.0.1/32"]
[[archive]]
ae_title = "PACS"
address = "127.0.0.1:4242"
answers_to = ["PACS", "PACS_QR"]
calls_as = ["PACS", "PACS_MOVE"]
[[archive]]
ae_title = "RIS"
address = "127.0.0.1:4243"
answers_to = ["RIS", "PACS"]
for = ["worklist", "mpps"]
[[archive]]
ae_title = "VNA"
address = "127.0.0.1:4244"
[policy]
file = "policy.toml"
"#;

const POLICY: &str = r#"
[[peer]]
ae_titles = ["CT1", "CT1_STORE"]
name = "CT 1"
description = "CT, ground floor"
tls = "off"
network = ["10.20.0.11/32"]
address = "10.20.0.11:11112"
groups = ["modality"]
tolerate = ["group-length"]
commit_report = "new"
[[peer]]
ae_titles = ["US1"]
tls = "off"
network = ["10.20.0.12/32"]
groups = ["modality"]
[[peer]]
ae_titles = ["NOBODY"]
certificate = "nobody.hospital.example"
[[peer]]
ae_titles = ["WS1"]
certificate = "ws1.hospital.example"
address = "10.30.0.21:11112"
[[rule]]
name = "modalities"
who = ["group:modality"]
to = ["PACS", "RIS"]
may = ["echo", "store", "worklist", "commit"]
[[rule]]
name = "the CT looks at priors"
who = ["peer:CT 1"]
to = ["PACS"]
may = ["find", "move"]
destinations = ["self", "WS1", "VNA"]
[[rule]]
name = "nothing at night"
who = ["group:modality"]
to = ["VNA"]
may = ["store"]
effect = "deny"
[[rule]]
name = "routing"
who = ["archive:PACS"]
to = ["CT 1"]
may = ["store"]
"#;

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    edge: Edge,
}

#[derive(Parser)]
struct CertsProgram {
    #[command(flatten)]
    certs: certs::Certs,
}

struct Installation(TempDir);

impl Installation {
    fn new() -> Self {
        let one = Self(tempfile::tempdir().unwrap());
        std::fs::write(one.path("gateway.toml"), GATEWAY).unwrap();
        std::fs::write(one.path("policy.toml"), POLICY).unwrap();
        one.certs("new-ca --dir DIR/certs");
        one.certs("issue --dir DIR/certs --for gateway --dns gate.hospital.example --server");
        one
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    fn words(&self, program: &str, line: &str) -> Vec<String> {
        let dir = self.0.path().to_str().unwrap();
        std::iter::once(program).chain(line.split_whitespace()).map(|word| word.replace("DIR", dir)).collect()
    }

    fn certs(&self, line: &str) {
        let program = CertsProgram::parse_from(self.words("certs", line));
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let now = jiff::Timestamp::now().as_second();
        assert_eq!(certs::run(&program.certs, now, &mut out, &mut err), 0, "{}", String::from_utf8_lossy(&err));
    }

    /// Exit code, standard output, standard error. `_` in the line stands for a space within a word.
    fn edge(&self, line: &str) -> (u8, String, String) {
        let line = format!("new --config DIR/gateway.toml {line}");
        let words = self.words("edge", &line).into_iter().map(|word| word.replace("CT_1", "CT 1"));
        let program = Program::try_parse_from(words).unwrap();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = run(&program.edge, &jiff::Zoned::now(), &mut out, &mut err);
        (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    fn refused(&self, line: &str) -> String {
        let (code, out, err) = self.edge(line);
        assert_eq!((code, out.as_str()), (1, ""), "{line}: {err}");
        err
    }

    fn made(&self, line: &str) -> (String, Settings) {
        let (code, out, err) = self.edge(&format!("{line} --out DIR/edge"));
        assert_eq!((code, err.as_str()), (0, ""), "{out}");
        (out, config::load(&self.path("edge/gateway.toml")).unwrap())
    }

    fn text(&self, file: &str) -> String {
        std::fs::read_to_string(self.path(file)).unwrap()
    }
}

fn title(text: &str) -> AeTitle {
    AeTitle::new(text).unwrap()
}

const CT: &str = "--peer CT1_STORE --gateway gate.hospital.example:2762 --deliver 10.20.0.5:2762";

#[test]
fn the_edge_knows_one_device_and_one_way() {
    let main = Installation::new();
    let (_, edge) = main.made(CT);
    assert!(edge.source.warnings.is_empty(), "{:?}", edge.source.warnings);
    assert_eq!(&*edge.gateway.name, "edge-ct-1");
    assert_eq!(edge.policy.peers.len(), 1);
    let (device, known) = (&edge.policy.peers[0], config::load(&main.path("gateway.toml")).unwrap());
    let there = &known.policy.peers[0];
    assert_eq!((&device.name, &device.ae_titles), (&there.name, &there.ae_titles));
    assert_eq!((device.plain, &device.networks, &device.address), (true, &there.networks, &there.address));
    assert_eq!((&device.tolerate, device.commit_report), (&there.tolerate, there.commit_report));
    assert!(!device.edge && device.certificate.is_none());

    let [plain, inside] = edge.listeners.as_slice() else { panic!("{:?}", edge.listeners) };
    assert_eq!((plain.tls, plain.serves, &plain.networks), (ListenerTls::Off, Serves::Peers, &there.networks));
    assert_eq!((inside.tls, inside.serves), (ListenerTls::Mutual, Serves::Archive));
    assert_eq!(inside.address.to_string(), "10.20.0.5:2762");

    // The VNA, where no rule lets it do anything, is not among them.
    let [pacs, ris] = edge.archives.as_slice() else { panic!("{:?}", edge.archives) };
    for archive in [pacs, ris] {
        assert_eq!(
            (archive.address.to_string().as_str(), archive.tls),
            ("gate.hospital.example:2762", ArchiveTls::Mutual)
        );
        assert_eq!(archive.certificate, Some(CertificatePattern::Dns("gate.hospital.example".into())));
        assert!(archive.gateway);
    }
    assert_eq!((pacs.ae_title, &pacs.answers_to), (title("PACS"), &vec![title("PACS"), title("PACS_QR")]));
    assert_eq!(pacs.calls_as, [title("PACS"), title("PACS_MOVE")]);
    assert_eq!((ris.ae_title, &ris.operations), (title("RIS"), &vec![Operation::Worklist, Operation::Mpps]));

    let may = |name: &str| edge.policy.rules.iter().find(|rule| rule.name.contains(name)).unwrap();
    use Operation::{Commit, Echo, Find, Move, Store, Worklist};
    let (pacs, ris) = (may("permits at PACS"), may("permits at RIS"));
    let mut all = pacs.may.clone();
    all.sort_by_key(|operation| operation.as_str());
    assert_eq!(all, [Commit, Echo, Find, Move, Store, Worklist]);
    assert_eq!(ris.may, [Echo, Worklist]);
    assert_eq!(may("sends unasked").may, [Store]);
    // It loads, so its own tests pass; there are some.
    assert!(edge.policy.tests.len() >= 3);
    for file in ["README.txt", "policy.toml"] {
        assert!(main.text(&format!("edge/{file}")).contains("CT 1"));
    }
}

#[test]
fn keys_are_for_their_owner_and_lie_in_one_place() {
    let main = Installation::new();
    let (out, edge) = main.made(CT);
    let mode = |file: &str| std::fs::metadata(main.path(file)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("edge"), mode("edge/certs/edge-ct-1.key")), (0o700, 0o600));
    assert!(!main.path("certs/edge-ct-1.key").exists() && main.path("certs/edge-ct-1.crt").exists());
    assert!(out.contains("edge-ct-1.key"));
    let rest: Vec<String> = std::fs::read_dir(main.0.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".new"))
        .collect();
    assert!(rest.is_empty(), "{rest:?}");
    // The two gateways believe each other, as servers and as clients.
    let now = jiff::Timestamp::now().as_second();
    let of = |settings: &Settings| TlsMaterial::load(&TlsFiles::of(settings).unwrap(), now).unwrap();
    let (edge, main) = (of(&edge), of(&config::load(&main.path("gateway.toml")).unwrap()));
    for (one, other) in [(&edge, &main), (&main, &edge)] {
        one.verifier.recheck(&other.identity.cert, now).unwrap();
        one.verifier.recheck_server(&other.identity.cert, now).unwrap();
    }
}

#[test]
fn what_changes_at_the_main_gateway_is_printed_and_fits() {
    let main = Installation::new();
    let (out, _) = main.made(CT);
    let (_, change) = out.split_once("becomes\n\n").unwrap();
    let (change, remarks) = change.split_once("\nnote: ").unwrap();
    assert!(remarks.contains("`WS1`") && out.contains("`VNA`"), "{out}");
    let policy = main.text("policy.toml");
    let rest = policy.split("[[peer]]").skip(2).map(|peer| format!("[[peer]]{peer}")).collect::<String>();
    std::fs::write(main.path("policy.toml"), format!("{change}\n{rest}")).unwrap();
    let changed = config::load(&main.path("gateway.toml")).unwrap();
    let peer = &changed.policy.peers[0];
    assert_eq!((&*peer.name, peer.ae_titles.len(), peer.edge, peer.plain), ("CT 1", 2, true, false));
    assert_eq!(peer.certificate, Some(CertificatePattern::CommonName("edge-ct-1".into())));
    assert_eq!(peer.address.as_deref(), Some("10.20.0.5:2762"));
    assert_eq!((peer.groups.len(), peer.description.as_str()), (1, "CT, ground floor"));

    // Made anew behind that change: the device itself has to be named, for the policy names the edge.
    let again = "--peer CT_1 --gateway gate.hospital.example:2762 --force --out DIR/edge";
    assert!(main.refused(again).contains("--device"));
    assert!(main.refused(&format!("{again} --device 10.20.0.11")).contains("--receives"));
    let (code, out, err) = main.edge(&format!("{again} --device 10.20.0.11 --receives 10.20.0.11:11112"));
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("address     = \"10.20.0.5:2762\""), "{out}");
    assert_eq!(
        config::load(&main.path("edge/gateway.toml")).unwrap().listeners[1].address.to_string(),
        "10.20.0.5:2762"
    );
}

#[test]
fn a_device_that_only_sends_has_no_way_back() {
    let main = Installation::new();
    let (out, edge) = main.made("--peer US1 --gateway 10.0.0.5:2762 --listen 10.20.0.5:104 --name us-1");
    assert_eq!((edge.listeners.len(), &*edge.gateway.name), (1, "us-1"));
    assert_eq!(edge.listeners[0].address.to_string(), "10.20.0.5:104");
    assert!(!out.contains("address     ="), "{out}");
    assert!(edge.policy.rules.iter().all(|rule| !rule.may.contains(&Operation::Move)));
    assert!(
        main.refused("--peer US1 --gateway 10.0.0.5:2762 --deliver 10.1.1.1:1 --out DIR/x").contains("no `address`")
    );
}

#[test]
fn without_being_told_where_the_edge_is_it_is_made_all_the_same() {
    let main = Installation::new();
    let (out, edge) = main.made("--peer CT1 --gateway 10.0.0.5:2762");
    assert!(out.contains("address     = \"ADDRESS-OF-THE-EDGE:2762\""), "{out}");
    assert_eq!(edge.listeners[1].address.to_string(), "0.0.0.0:2762");
    // Called by address, the main gateway is known to call from it.
    assert_eq!(edge.listeners[1].networks, ["10.0.0.5/32".parse().unwrap()]);
}

#[test]
fn nothing_is_overwritten_unless_asked() {
    let main = Installation::new();
    std::fs::create_dir_all(main.path("edge")).unwrap();
    std::fs::write(main.path("edge/mine"), "mine").unwrap();
    assert!(main.refused(&format!("{CT} --out DIR/edge")).contains("is not empty"));
    assert!(!main.path("certs/edge-ct-1.crt").exists(), "a certificate was issued for nothing");
    let (_, edge) = main.made(&format!("{CT} --force"));
    assert_eq!((main.text("edge/mine").as_str(), edge.listeners.len()), ("mine", 2));
    let before = main.text("edge/certs/edge-ct-1.crt");
    let elsewhere = main.refused(&format!("{CT} --out DIR/other"));
    assert!(elsewhere.contains("--force issues another one") && elsewhere.contains("certs revoke"), "{elsewhere}");
    main.made(&format!("{CT} --force"));
    assert_ne!(main.text("edge/certs/edge-ct-1.crt"), before);
    assert!(!main.path("certs/edge-ct-1.key").exists());
}

#[test]
fn where_the_ca_is_elsewhere_two_commands_are_told_and_what_they_make_is_taken() {
    let main = Installation::new();
    std::fs::create_dir(main.path("vault")).unwrap();
    for file in ["ca.key", "ca.crt", "issued.jsonl"] {
        std::fs::copy(main.path(&format!("certs/{file}")), main.path(&format!("vault/{file}"))).unwrap();
    }
    std::fs::remove_file(main.path("certs/ca.key")).unwrap();
    let words = main.refused(&format!("{CT} --out DIR/edge"));
    let commands: Vec<&str> = words.lines().filter_map(|line| line.strip_prefix("    dicomgate certs ")).collect();
    assert_eq!(commands, ["issue --for edge-ct-1 --server", "show certs/edge-ct-1.crt"], "{words}");
    assert!(!main.path("edge").exists());
    main.certs(&format!("{} --dir DIR/vault", commands[0]));
    let (out, _) = main.made(&format!("{CT} --issued DIR/vault"));
    assert!(out.contains("delete `"), "{out}");
    assert_eq!(main.text("edge/certs/edge-ct-1.key"), main.text("vault/edge-ct-1.key"));
    assert!(main.refused(&format!("{CT} --issued DIR/nowhere --out DIR/x")).contains("edge-ct-1.crt"));
    // Of somebody else, though the CA is the right one.
    for ending in ["crt", "key"] {
        let from = main.path(&format!("certs/gateway.{ending}"));
        std::fs::copy(from, main.path(&format!("vault/edge-ct-1.{ending}"))).unwrap();
    }
    assert!(main.refused(&format!("{CT} --issued DIR/vault --out DIR/x")).contains("common name"));
    assert!(!main.path("x").exists());
}

#[test]
fn a_ca_that_neither_gateway_knows_is_refused_before_it_issues() {
    let main = Installation::new();
    main.certs("new-ca --dir DIR/other --name Other");
    let words = main.refused(&format!("{CT} --ca DIR/other --out DIR/edge"));
    assert!(words.contains("is not in `client_ca`"), "{words}");
    main.certs("issue --dir DIR/other --for gateway --dns gate.hospital.example --server");
    for ending in ["crt", "key"] {
        std::fs::copy(main.path(&format!("other/gateway.{ending}")), main.path(&format!("certs/gateway.{ending}")))
            .unwrap();
    }
    let words = main.refused(&format!("{CT} --out DIR/edge"));
    assert!(words.contains("would not believe this one"), "{words}");
    assert!(!main.path("certs/edge-ct-1.crt").exists() && !main.path("edge").exists());
}

#[test]
fn faults_say_what_to_do() {
    let main = Installation::new();
    let gateway = "--gateway gate.hospital.example:2762 --out DIR/edge";
    let words = main.refused(&format!("--peer CT9 {gateway}"));
    assert!(words.contains("there is no peer `CT9`") && words.contains("CT 1, US1"), "{words}");
    assert!(main.refused(&format!("--peer NOBODY {gateway} --device 10.1.1.1")).contains("no rule of"));
    assert!(main.refused(&format!("--peer WS1 {gateway}")).contains("--device"));
    assert!(main.refused(&format!("{CT} --out DIR/config")).contains("called `config`"));
    // One port for two listeners: told as the configuration tells it, and no certificate is issued for it.
    let words = main.refused(&format!("{CT} --listen 10.20.0.5:2762 --out DIR/edge"));
    assert!(words.contains("is taken by listener"), "{words}");
    assert!(!main.path("certs/edge-ct-1.crt").exists() && !main.path("edge").exists());
    for wrong in ["gate", "gate:0", ":2762", "https://gate:1", "[gate]:1", "a b:1"] {
        assert!(plan::endpoint(wrong).is_err(), "{wrong}");
    }
    assert_eq!(plan::endpoint("[2001:db8::1]:2762").unwrap().to_string(), "[2001:db8::1]:2762");
    for wrong in ["", "ca", "-x", "a b", "ä", "123456789012345678901234567890123"] {
        assert!(plan::name(wrong).is_err(), "{wrong}");
    }
    std::fs::write(main.path("gateway.toml"), "[gateway]\n").unwrap();
    assert_eq!(main.edge(&format!("--peer CT1 {gateway}")).0, EXIT_CONFIGURATION);
}

#[test]
fn scripts_read_the_answer() {
    let main = Installation::new();
    let (out, _) = main.made(&format!("{CT} --format json"));
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&value["name"], &value["peer"]), (&"edge-ct-1".into(), &"CT 1".into()));
    assert!(value["change"].as_str().unwrap().starts_with("[[peer]]\n"));
    assert!(Path::new(value["key"].as_str().unwrap()).is_file());
}
