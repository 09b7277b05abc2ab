//! The way back: inside listeners, archives that call, peers that receive, the shared database. Each fault in its words.

use super::{GATEWAY, House, POLICY, check, golden, now};
use dicomgate::config::{Correlate, Serves, Settings};
use dicomgate::policy::Receiver;
use dicomgate::policy::model::CommitReport;
use std::time::Duration;

/// An archive that calls back on this machine, a workstation that receives, rules for both, a database.
const INSIDE: &str = r#"[[listen]]
name    = "inside"
address = "127.0.0.1:11112"
tls     = "off"
serves  = "archive"
"#;

const WORKSTATION: &str = r#"[[peer]]
ae_titles   = ["WS1"]
certificate = "ws1.hospital.example"
address     = "10.30.0.21:11112"
groups      = ["workstation"]
[[rule]]
name = "workstations read"
who  = ["group:workstation"]
to   = ["PACS"]
may  = ["find", "move"]
destinations = ["self"]
"#;

const ROUTING: &str = r#"[[rule]]
name = "routing"
who  = ["archive:PACS"]
to   = ["WS1"]
may  = ["store"]
"#;

const ROW_KEY: &str = "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789ABCDEF\n";
const PASSWORD: &str = "hunter2";

fn with(gateway: &str, policy: &str) -> House {
    let house = House::new(&format!("{GATEWAY}{INSIDE}{gateway}"), &format!("{POLICY}{WORKSTATION}{policy}"));
    for (file, text) in [
        ("certs/state.key", ROW_KEY),
        ("certs/odd.key", "correct horse battery staple\n"),
        ("certs/database.url", "postgres://gate:hunter2@db.hospital.example/dicomgate\n"),
        ("certs/noise.url", "host=db.hospital.example password=hunter2\n"),
    ] {
        house.write(file, text);
        house.mode(file, 0o600);
    }
    house
}

fn loaded(gateway: &str, policy: &str) -> Settings {
    let settings = with(gateway, policy).load().unwrap();
    assert!(settings.source.warnings.is_empty(), "{:?}", settings.source.warnings);
    settings
}

/// `[gateway]` with keys of the database; the tables in front of it are those of `GATEWAY`.
fn database(keys: &str) -> House {
    let house = with("", "");
    house.write("gateway.toml", &GATEWAY.replacen("[tls]", &format!("{keys}\n[tls]"), 1));
    house
}

/// Each case: its name, and an installation.
fn cases() -> Vec<(&'static str, House)> {
    let inside = |from: &str, to: &str| {
        assert!(INSIDE.contains(from), "{from}");
        let house = with("", "");
        house.write("gateway.toml", &format!("{GATEWAY}{}", INSIDE.replacen(from, to, 1)));
        house
    };
    let archive = |keys: &str| {
        let house = with("", "");
        let gateway = GATEWAY.replacen("[policy]", &format!("{keys}\n[policy]"), 1);
        house.write("gateway.toml", &format!("{gateway}{INSIDE}"));
        house
    };
    let told = |policy: &str| {
        let house = archive("correlate = \"destination\"");
        house.write("policy.toml", &format!("{POLICY}{WORKSTATION}{policy}"));
        house
    };
    let workstation = |from: &str, to: &str| {
        assert!(WORKSTATION.contains(from), "{from}");
        let house = with("", "");
        house.write("policy.toml", &format!("{POLICY}{}", WORKSTATION.replacen(from, to, 1)));
        house
    };
    let peer = |keys: &str| with("", &format!("[[peer]]\nname = \"P2\"\n{keys}\n"));
    let rule = |keys: &str| with("", &format!("[[rule]]\nname = \"two\"\n{keys}\n"));
    let lonely = |gateway: &str, policy: &str| House::new(gateway, &format!("{POLICY}{WORKSTATION}{policy}"));
    let second = "[[archive]]\nae_title = \"VNA\"\naddress = \"127.0.0.1:4243\"\n";
    let shared = "certificate = \"ws2.hospital.example\"\naddress = \"10.30.0.22:11112\"";
    vec![
        ("inside-anywhere", inside("127.0.0.1:11112", "0.0.0.0:11112")),
        (
            "inside-without-certificate",
            inside("127.0.0.1:11112\"\ntls     = \"off\"", "0.0.0.0:11112\"\ntls = \"server\""),
        ),
        ("inside-archive-without-certificate", inside("\"off\"", "\"mutual\"")),
        ("destination-for-peers", inside("serves  = \"archive\"", "destination = \"WS1\"")),
        ("destination-unknown", inside("serves  = \"archive\"", "serves = \"archive\"\ndestination = \"WS2\"")),
        ("destination-not-receiving", inside("serves  = \"archive\"", "serves = \"archive\"\ndestination = \"CT1\"")),
        ("nobody-outside", {
            let house = with("", "");
            house.write(
                "gateway.toml",
                &GATEWAY.replacen("\"0.0.0.0:2762\"", "\"127.0.0.1:2762\"\nserves = \"archive\"", 1),
            );
            house
        }),
        (
            "nobody-inside",
            lonely(
                &GATEWAY.replacen(
                    "[policy]",
                    "correlate = \"serial\"\ndeliveries_may_lag = \"4h\"\ncalls_from = [\"10.0.0.5/32\"]\n[policy]",
                    1,
                ),
                ROUTING,
            ),
        ),
        ("title-of-two-receivers", peer(&format!("ae_titles = [\"P2\", \"WS1\"]\n{shared}"))),
        ("title-of-receiver-and-archive", peer(&format!("ae_titles = [\"PACS\"]\n{shared}"))),
        ("calls-alike", with(&format!("{second}calls_as = [\"VNA\", \"PACS\"]\ncalls_from = [\"10.0.0.0/24\"]\n"), "")),
        ("calls-from-twice", archive("calls_from = [\"10.0.0.5/32\", \"10.0.0.5/32\"]")),
        ("moves-to-nowhere", workstation("address     = \"10.30.0.21:11112\"\n", "")),
        ("lag-bounds", archive("deliveries_may_lag = \"30s\"")),
        ("lag-bounds-above", archive("deliveries_may_lag = \"3d\"")),
        ("correlate", archive("correlate = \"orginator\"")),
        ("told-one-destination", {
            let house = told("");
            let gateway = std::fs::read_to_string(house.path()).unwrap();
            house.write("gateway.toml", &format!("{gateway}destination = \"WS1\"\n"));
            house
        }),
        (
            "told-two-movers",
            told(
                "[[peer]]\nname = \"WS2\"\nae_titles = [\"WS1\"]\ncertificate = \"ws2.hospital.example\"\ngroups = [\"workstation\"]\n",
            ),
        ),
        ("told-receiver", told(&format!("[[peer]]\nname = \"P2\"\nae_titles = [\"WS1\"]\n{shared}\n"))),
        (
            "told-archive",
            told(
                "[[peer]]\nname = \"WS2\"\nae_titles = [\"PACS\"]\ncertificate = \"ws2.hospital.example\"\ngroups = [\"workstation\"]\n",
            ),
        ),
        (
            "told-routed",
            told(&format!(
                "{ROUTING}[[rule]]\nname = \"hand on\"\nwho = [\"peer:WS1\"]\nto = [\"PACS\"]\nmay = [\"move\"]\ndestinations = [\"PACS\"]\n"
            )),
        ),
        ("receiver-without-certificate", {
            let house = workstation("certificate = \"ws1.hospital.example\"\n", "network = [\"10.30.0.0/24\"]\n");
            house.write(
                "gateway.toml",
                &format!("{}{INSIDE}", GATEWAY.replacen("0:2762\"", "0:2762\"\ntls = \"server\"", 1)),
            );
            house
        }),
        ("plain-receiver-anywhere", peer("ae_titles = [\"US1\"]\ntls = \"off\"\naddress = \"10.20.0.12:104\"")),
        ("plain-receiver-elsewhere", {
            let house =
                peer("ae_titles = [\"US1\"]\ntls = \"off\"\nnetwork = [\"10.20.0.0/16\"]\naddress = \"192.0.2.7:104\"");
            let plain = "[[listen]]\nname = \"plain\"\naddress = \"127.0.0.1:104\"\ntls = \"off\"\n";
            house.write("gateway.toml", &format!("{GATEWAY}{INSIDE}{plain}"));
            house
        }),
        ("routing-to-nowhere", rule("who = [\"archive:PACS\"]\nto = [\"CT1\"]\nmay = [\"store\"]")),
        ("routing-a-query", rule("who = [\"archive:PACS\"]\nto = [\"WS1\"]\nmay = [\"store\", \"find\", \"get\"]")),
        ("routing-unknown", rule("who = [\"archive:PACS\"]\nto = [\"WS9\"]\nmay = [\"store\"]")),
        ("commit-report-word", peer(&format!("ae_titles = [\"P2\"]\n{shared}\ncommit_report = \"both\""))),
        ("commit-report-in-vain", peer(&format!("ae_titles = [\"P2\"]\n{shared}\ncommit_report = \"same\""))),
        (
            "commit-report-nowhere",
            peer("ae_titles = [\"P2\"]\ncertificate = \"p2.hospital.example\"\ncommit_report = \"new\""),
        ),
        ("edge-word", peer("ae_titles = [\"P2\"]\ncertificate = \"p2.hospital.example\"\nedge = \"yes\"")),
        ("edge-any", peer("ae_titles = [\"P2\"]\ncertificate = \"any\"\nnetwork = [\"10.20.0.0/16\"]\nedge = true")),
        (
            "test-of-archive",
            rule(
                "who = [\"archive:PACS\"]\nto = [\"WS1\"]\nmay = [\"store\"]\n[[test]]\nname = \"routes\"\narchive = \"PACS\"\nwants = \"store\"\nto = \"WS1\"\nexpect = \"deny\"",
            ),
        ),
        (
            "test-of-both",
            rule(
                "who = [\"archive:PACS\"]\nto = [\"WS1\"]\nmay = [\"store\"]\n[[test]]\nname = \"routes\"\narchive = \"PACS\"\npeer = \"CT1\"\nwants = \"store\"\nexpect = \"deny\"\n[[test]]\nname = \"nobody\"\nwants = \"store\"\nexpect = \"deny\"",
            ),
        ),
        (
            "test-of-unknown-archive",
            rule(
                "who = [\"archive:PACS\"]\nto = [\"WS1\"]\nmay = [\"store\"]\n[[test]]\nname = \"routes\"\narchive = \"PAX\"\nwants = \"store\"\nto = \"WS1\"\nexpect = \"deny\"\n[[test]]\nname = \"nobody\"\narchive = \"PACS\"\nwants = \"store\"\nto = \"WS7\"\nexpect = \"deny\"",
            ),
        ),
        ("database-lonely", database("database_ca = \"certs/ca.crt\"\nstate_key = \"certs/state.key\"")),
        ("database-alone", database("database = \"postgres://gate@db.hospital.example/dicomgate\"")),
        (
            "database-password",
            database(
                "database = \"postgres://gate:hunter2@db.hospital.example/dicomgate\"\ndatabase_ca = \"certs/ca.crt\"\nstate_key = \"certs/state.key\"",
            ),
        ),
        (
            "database-clear",
            database(
                "database = \"postgres://gate:hunter2@db.hospital.example/dicomgate?sslmode=disable\"\nstate_key = \"certs/state.key\"",
            ),
        ),
        (
            "database-prefer",
            database(
                "database = \"postgres://gate@db.hospital.example/dicomgate?sslmode=prefer\"\nstate_key = \"certs/state.key\"",
            ),
        ),
        (
            "database-scheme",
            database(
                "database = \"mysql://gate:hunter2@db.hospital.example/dicomgate\"\nstate_key = \"certs/state.key\"",
            ),
        ),
        (
            "database-odd-password",
            database(
                "database = \"postgres://gate:hun/hunter2@db.hospital.example/dicomgate\"\nstate_key = \"certs/state.key\"",
            ),
        ),
        (
            "database-type",
            database(
                "database = { url = \"postgres://gate:hunter2@db.hospital.example/dicomgate\" }\nstate_key = \"certs/state.key\"",
            ),
        ),
        (
            "database-not-toml",
            database(
                "database = \"postgres://gate:hunter2\"@db.hospital.example/dicomgate\nstate_key = \"certs/state.key\"",
            ),
        ),
        (
            "database-misspelt",
            database(
                "databse = \"postgres://gate:hunter2@db.hospital.example/dicomgate\"\ndatabase_password = \"hunter2\"",
            ),
        ),
        (
            "database-twice",
            database(
                "database = \"postgres://gate:hunter2@db/dicomgate\"\ndatabase_file = \"certs/database.url\"\ndatabase_ca = \"certs/ca.crt\"\nstate_key = \"certs/state.key\"",
            ),
        ),
        (
            "database-file-url",
            database("database_file = \"postgres://gate:hunter2@db/dicomgate\"\nstate_key = \"certs/state.key\""),
        ),
        (
            "database-file-missing",
            database(
                "database_file = \"certs/none.url\"\ndatabase_ca = \"certs/ca.crt\"\nstate_key = \"certs/state.key\"",
            ),
        ),
        (
            "database-file-noise",
            database(
                "database_file = \"certs/noise.url\"\ndatabase_ca = \"certs/ca.crt\"\nstate_key = \"certs/state.key\"",
            ),
        ),
        (
            "database-row-key",
            database(
                "database_file = \"certs/database.url\"\ndatabase_ca = \"certs/ca.crt\"\nstate_key = \"certs/odd.key\"",
            ),
        ),
    ]
}

#[test]
fn every_fault_of_the_way_back_is_said_in_these_words() {
    let mut all = String::new();
    for (name, house) in cases() {
        let words = house.words();
        assert_ne!(words, "\n", "{name} is taken without a word");
        assert!(!words.contains(PASSWORD) && !words.contains("battery"), "{name} says a secret:\n{words}");
        all.push_str(&format!("== {name}\n{words}\n"));
    }
    golden("way_back.txt", &all);
}

#[test]
fn the_way_back_is_read() {
    let archive = "[[archive]]\nae_title = \"VNA\"\naddress = \"127.0.0.1:4243\"\ncalls_as = [\"VNA\", \"VNA_OUT\"]\n\
                   calls_from = [\"10.0.0.5/32\"]\ncorrelate = \"serial\"\ndeliveries_may_lag = \"4h\"\n[[listen]]\n\
                   name = \"for WS1\"\n"
        .replace("for WS1", "for-ws1")
        + "address = \"127.0.0.1:11113\"\ntls = \"off\"\nserves = \"archive\"\ndestination = \"WS1\"\n[limits]\ngrant_grace = \"0s\"\n";
    let edge = "[[peer]]\nae_titles = [\"CT9\"]\ncertificate = \"edge.hospital.example\"\nedge = true\n\
                commit_report = \"new\"\naddress = \"10.20.0.9:2762\"\n[[rule]]\nname = \"edges\"\nwho = [\"peer:CT9\"]\n\
                to = [\"PACS\"]\nmay = [\"store\", \"commit\"]\n";
    let settings = loaded(&archive, edge);
    let [outside, inside, own] = settings.listeners.as_slice() else { panic!("{:?}", settings.listeners) };
    assert_eq!((outside.serves, inside.serves, own.serves), (Serves::Peers, Serves::Archive, Serves::Archive));
    assert_eq!((inside.destination, own.destination.unwrap().as_str()), (None, "WS1"));
    let [pacs, vna] = settings.archives.as_slice() else { panic!("{:?}", settings.archives) };
    assert_eq!((pacs.correlate, pacs.deliveries_may_lag, pacs.calls_from.len()), (Correlate::Originator, None, 0));
    assert_eq!((vna.correlate, vna.deliveries_may_lag), (Correlate::Serial, Some(Duration::from_secs(4 * 3600))));
    assert_eq!(settings.policy.archives[1].calls_as, vna.calls_as);
    assert_eq!(settings.policy.archives[1].calls_from, vna.calls_from);
    let ct9 = settings.policy.peers.last().unwrap();
    assert_eq!((ct9.edge, ct9.commit_report), (true, CommitReport::New));
    assert_eq!((settings.policy.peers[0].edge, settings.policy.peers[0].commit_report), (false, CommitReport::Either));
    let limits = &settings.limits;
    assert_eq!((limits.grant_grace, limits.move_pending), (Duration::ZERO, Duration::from_secs(5)));
    assert_eq!((limits.delivery_wait, limits.state_answer), (Duration::from_secs(30), Duration::from_secs(5)));
    assert_eq!((limits.commit_keep, limits.commit_retry), (Duration::from_secs(30 * 86_400), Duration::from_secs(60)));
    assert_eq!((limits.move_instances, limits.commit_reports, limits.commit_report_size), (100_000, 100_000, 16 << 20));
    let policy = dicomgate::policy::Policy::compile(settings.policy).unwrap();
    let receiver = policy.receiver(&dicomgate::dicom::AeTitle::new("WS1").unwrap()).unwrap();
    assert!(matches!(receiver, Receiver::Peer(peer) if peer.address.as_deref() == Some("10.30.0.21:11112")));
}

#[test]
fn a_certificate_of_an_archive_counts_at_a_mutual_inside_listener() {
    let house = with("", "");
    let gateway =
        GATEWAY.replacen("[policy]", "certificate = \"pacs.hospital.example\"\ntrust = \"certs/ca.crt\"\n[policy]", 1);
    house.write("gateway.toml", &format!("{gateway}{}", INSIDE.replacen("\"off\"", "\"mutual\"", 1)));
    let settings = house.load().unwrap();
    assert!(settings.source.warnings.is_empty());
    assert_eq!(settings.policy.archives[0].trust.as_deref(), Some("archive:PACS"));
    house.write("gateway.toml", &format!("{gateway}{INSIDE}"));
    assert_eq!(house.load().unwrap_err().0.len(), 2, "nobody looks at it");
}

#[test]
fn archives_that_call_alike_are_told_apart_by_networks_or_certificates() {
    let second =
        "[[archive]]\nae_title = \"VNA\"\naddress = \"vna.example:4243\"\ntls = \"mutual\"\ncalls_as = [\"PACS\"]\n";
    let house = with(second, "");
    assert!(house.words().contains("also calls as"));
    let gateway =
        format!("{GATEWAY}{INSIDE}{second}").replacen("127.0.0.1:4242\"", "pacs.example:4242\"\ntls = \"mutual\"", 1);
    house.write("gateway.toml", &gateway.replacen("\"off\"", "\"mutual\"", 1));
    house.load().unwrap();
    house.write("gateway.toml", &gateway);
    assert!(house.words().contains("also calls as"), "without certificates nothing tells them apart");
    let apart = gateway.replacen("[policy]", "calls_from = [\"10.0.0.0/24\"]\n[policy]", 1)
        + "calls_from = [\"10.0.1.0/24\"]\n";
    house.write("gateway.toml", &apart);
    house.load().unwrap();
}

#[test]
fn a_database_is_named_and_its_url_printed_nowhere() {
    let keys =
        "database_file = \"certs/database.url\"\ndatabase_ca = \"certs/ca.crt\"\nstate_key = \"certs/state.key\"";
    let house = database(keys);
    let settings = house.load().unwrap();
    assert!(settings.source.warnings.is_empty());
    let database = settings.gateway.database.clone().unwrap();
    assert_eq!(database.url.expose(), "postgres://gate:hunter2@db.hospital.example/dicomgate");
    assert!(database.tls);
    assert!(database.ca.unwrap().ends_with("certs/ca.crt") && database.state_key.ends_with("certs/state.key"));
    assert!(!format!("{settings:?}").contains(PASSWORD));
    assert!(settings.source.files.iter().any(|file| file.ends_with("certs/database.url")));
    assert!(!check(&house, &now()).contains(PASSWORD));
    house.mode("certs/database.url", 0o644);
    assert!(house.words().contains("every user of this machine can read"));
}

#[test]
fn a_database_on_this_machine_may_do_without_tls() {
    for host in ["127.0.0.1", "127.0.0.1:5433", "[::1]:5432", "localhost"] {
        let url = format!("postgresql://gate@{host}/dicomgate?sslmode=disable&connect_timeout=3");
        let house = database(&format!("database = \"{url}\"\nstate_key = \"certs/state.key\""));
        let settings = house.load().unwrap_or_else(|faults| panic!("{host}: {faults}"));
        assert!(settings.source.warnings.is_empty(), "{host}");
        assert!(!settings.gateway.database.unwrap().tls);
    }
    for host in ["10.0.0.7", "127.0.0.1.example", "[fe80::1]", "localhost.example"] {
        let url = format!("postgres://gate@{host}/dicomgate?sslmode=disable");
        let house = database(&format!("database = \"{url}\"\nstate_key = \"certs/state.key\""));
        assert!(house.words().contains("in clear"), "{host}: {}", house.words());
    }
    for place in ["gate@127.0.0.1,db2", "gate@%2Frun%2Fpostgresql", "127.0.0.1", ":secret@127.0.0.1"] {
        let url = format!("postgres://{place}/dicomgate?sslmode=disable");
        let house = database(&format!("database = \"{url}\"\nstate_key = \"certs/state.key\""));
        assert!(house.load().is_err(), "{place}");
    }
}

#[test]
fn peers_files_know_where_reports_go_and_what_an_edge_is() {
    let house = with("", "peers_file = \"peers.csv\"\n");
    house.write("policy.toml", &format!("peers_file = \"peers.csv\"\n{POLICY}{WORKSTATION}"));
    house.write(
        "peers.csv",
        "ae_titles,certificate,edge,commit_report,groups\nCT8,ct8.example,true,,\nCT7,ct7.example,,same,modality\n",
    );
    let settings = house.load().unwrap();
    let peers = &settings.policy.peers;
    assert_eq!((peers[2].edge, peers[3].edge), (true, false));
    assert_eq!((peers[2].commit_report, peers[3].commit_report), (CommitReport::Either, CommitReport::Same));
    house.write("peers.csv", "ae_titles,certificate,edge\nCT8,ct8.example,yes\n");
    assert!(house.words().contains("`edge` must be true or false"), "{}", house.words());
}

/// The lines of a sample with those paragraphs uncommented that hold a word.
fn uncommented(sample: &str, word: &str) -> String {
    let block = |block: &str| match block.contains(word) {
        true => block
            .lines()
            .map(|line| {
                line.strip_prefix("# ").filter(|rest| rest.starts_with(['[']) || rest.contains(" = ")).unwrap_or(line)
            })
            .collect::<Vec<_>>()
            .join("\n"),
        false => block.to_owned(),
    };
    sample.split("\n\n").map(block).collect::<Vec<_>>().join("\n\n")
}

#[test]
fn what_the_samples_show_as_comments_is_accepted_too() {
    let samples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let house = House::new("", "");
    std::fs::create_dir(house.0.path().join("config")).unwrap();
    let read = |file| std::fs::read_to_string(samples.join(file)).unwrap();
    let gateway = uncommented(&read("gateway.toml"), "name    = \"inside\"");
    let policy = uncommented(&read("policy.toml"), "archive:PACS");
    let policy = uncommented(&policy, "archive = \"PACS\"");
    assert!(
        gateway.contains("\nserves  = \"archive\"") && policy.contains("\narchive = \"PACS\""),
        "{gateway}{policy}"
    );
    house.write("config/gateway.toml", &gateway);
    house.write("config/policy.toml", &policy);
    let settings = dicomgate::config::load_at(&house.0.path().join("config/gateway.toml"), &now()).unwrap();
    assert!(settings.source.warnings.is_empty(), "{:?}", settings.source.warnings);
    assert_eq!((settings.listeners.len(), settings.policy.tests.len(), settings.policy.rules.len()), (2, 8, 4));
}

#[test]
fn check_opens_what_a_partner_is_shown() {
    let house = with("", "");
    let policy = WORKSTATION.replacen("groups ", "present = \"certs/us.crt\"\ngroups ", 1);
    house.write("policy.toml", &format!("{POLICY}{policy}"));
    assert!(house.words().contains("certs/us.key` cannot be read"), "the key lies beside it: {}", house.words());
    let made = rcgen::generate_simple_self_signed(["us.partner.example".to_owned()]).unwrap();
    house.write("certs/us.crt", &made.cert.pem());
    house.write("certs/us.key", &made.signing_key.serialize_pem());
    house.mode("certs/us.key", 0o600);
    house.load().unwrap();
    assert!(!check(&house, &now()).contains("us.key"), "{}", check(&house, &now()));
    let other = rcgen::KeyPair::generate().unwrap();
    house.write("certs/us.key", &other.serialize_pem());
    house.load().unwrap();
    assert!(check(&house, &now()).contains("us."), "another key: {}", check(&house, &now()));
}
