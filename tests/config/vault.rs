//! The vault: `[vault]`, what belongs to it at archives, peers, rules and tests. Each fault in its words.

use super::{GATEWAY, House, POLICY, check, golden, now};
use dicomgate::config::pkcs11::PinSource;
use dicomgate::config::vault::{
    Carrier, CommitTrust, IdentityDrift, OpenHow, PrivateExempt, Resend, SealWhat, Unproven, Unsealable, Verify,
};
use dicomgate::config::{KeySource, Settings, Vault};
use dicomgate::policy::Open;
use std::time::Duration;

const VAULT: &str = r#"[vault]
keys   = "state/keys"
escrow = ["certs/escrow.crt"]
"#;

const WORKSTATION: &str = r#"[[peer]]
ae_titles   = ["WS1"]
certificate = "ws1.hospital.example"
groups      = ["workstation"]
[[rule]]
name = "workstations read"
who  = ["group:workstation"]
to   = ["PACS"]
may  = ["find", "get"]
"#;

/// An installation that seals. `archive` and `vault` are further keys of these tables, `rule` of the rule that stores.
fn with(archive: &str, vault: &str, rule: &str) -> House {
    let archive = format!("all_readers_pass_the_gateway = true\n{archive}");
    whole(&archive, &format!("{VAULT}{vault}"), &format!("seal = true\n{rule}"), "")
}

fn whole(archive: &str, vault: &str, rule: &str, policy: &str) -> House {
    let gateway = GATEWAY.replacen("[policy]", &format!("{archive}\n[policy]"), 1);
    let house = House::new(&format!("{gateway}{vault}"), &format!("{POLICY}{rule}\n{WORKSTATION}{policy}"));
    let pair = rcgen::KeyPair::generate().unwrap();
    house.write("certs/escrow.crt", &rcgen::CertificateParams::default().self_signed(&pair).unwrap().pem());
    std::fs::create_dir(house.0.path().join("safe")).unwrap();
    house.write("safe/escrow.key", &pair.serialize_pem());
    house
}

fn loaded(house: &House) -> Settings {
    let settings = house.load().unwrap();
    assert!(settings.source.warnings.is_empty(), "{:?}", settings.source.warnings);
    settings
}

fn vault(house: &House) -> Vault {
    loaded(house).vault.unwrap()
}

/// Each case: its name, and an installation.
fn cases() -> Vec<(&'static str, House)> {
    let vault = |keys: &str| with("", keys, "");
    let instead = |table: &str| whole("all_readers_pass_the_gateway = true", table, "seal = true", "");
    let rule = |keys: &str| with("", "", keys);
    let policy = |text: &str| whole("all_readers_pass_the_gateway = true", VAULT, "seal = true", text);
    vec![
        ("empty", instead("[vault]\n")),
        ("unknown-keys", vault("segmnet = \"4MiB\"\ncipher = \"cbc\"")),
        (
            "words",
            vault(
                "seal = \"some\"\ncarrier = \"pixel\"\nunsealable = \"clear\"\nunproven = true\nopen = \"never\"\n\
                 identity_drift = \"ignore\"\ncommit_trust = \"all\"",
            ),
        ),
        (
            "bounds",
            vault(
                "segment = \"16MiB\"\nhold = \"1KiB\"\nattributes_max = \"1GiB\"\nprivate_max = \"1MiB\"\n\
                 verify_sample = 0\nprobe_age = \"8d\"\nprobe_every = \"1m\"\ndecode_memory = \"1MiB\"\n\
                 decode_time = \"1h\"\ndecode_wait = \"0s\"\ndecode_workers = 65",
            ),
        ),
        (
            "exempt",
            vault(
                "private_exempt = [\"GEMS_PARM_01\", \"(0028,xx10)A\", \"(0029,1010)A\", \"GEMS_PARM_01\", \"(0029,xx10)\"]",
            ),
        ),
        ("reading-place", with("verify_after_store = \"all\"\nmax_associations = 1", "", "")),
        ("no-places", with("resend = \"compare\"\nmax_associations = 0\nreserved_for_store = 1", "", "")),
        ("too-many-reserved", with("resend = \"compare\"\nmax_associations = 4\nreserved_for_store = 3", "", "")),
        ("no-escrow", instead("[vault]\nkeys = \"state/keys\"\nescrow = []\n")),
        (
            "escrow-missing",
            instead(
                "[vault]\nkeys = \"state/keys\"\nescrow = [\"certs/none.crt\", \"certs/escrow.crt\", \"certs/escrow.crt\"]\n",
            ),
        ),
        ("keys-number", instead("[vault]\nkeys = 7\nescrow = [\"certs/escrow.crt\"]\n")),
        ("keys-env", instead("[vault]\nkeys = \"env:RING KEY\"\nescrow = [\"certs/escrow.crt\"]\n")),
        (
            "keys-token",
            instead("[vault]\nkeys = \"pkcs11:token=ring?module-path=/lib/x.so\"\nescrow = [\"certs/escrow.crt\"]\n"),
        ),
        (
            "keys-pin",
            instead(
                "[vault]\nkeys = \"pkcs11:token=r;object=w?module-path=gateway.toml&pin-value=4711\"\nescrow = [\"certs/escrow.crt\"]\n",
            ),
        ),
        ("keys-twice", vault("key_folder = \"elsewhere\"")),
        (
            "since",
            whole(
                "all_readers_pass_the_gateway = true",
                &format!("{VAULT}sealed_since = 2026-01-02\nunproven = \"pass\"\n"),
                "",
                "",
            ),
        ),
        ("since-later", vault("sealed_since = 2099-01-02")),
        ("readers", whole("", VAULT, "seal = true", "")),
        ("readers-false", whole("all_readers_pass_the_gateway = false", VAULT, "seal = true", "")),
        ("readers-all", whole("", &format!("{VAULT}seal = \"all\"\n"), "", "")),
        (
            "no-vault",
            whole(
                "carrier = \"pixels\"\nresend = \"compare\"\nseal_rate = 5",
                "",
                "seal = true",
                "[[rule]]\nname = \"o\"\nwho = [\"peer:WS1\"]\nto = [\"PACS\"]\nmay = [\"get\"]\nopen = true\n",
            ),
        ),
        (
            "archive",
            with(
                "carrier = \"film\"\nverify_after_store = \"some\"\nresend = \"twice\"\nrewrites = [\"sop\", \"sop\", \"study\"]\nseal_rate = 0",
                "",
                "",
            ),
        ),
        ("minted", with("verify_after_store = \"sample\"\nresend = \"compare\"\nrewrites = [\"sop\"]", "", "")),
        ("rule", rule("open = true")),
        ("rule-word", rule("open = \"maybe\"")),
        ("peer-word", policy("[[peer]]\nae_titles = [\"X\"]\ncertificate = \"x.example\"\nvault = true\n")),
        (
            "sealed-to-strangers",
            policy(
                "[[rule]]\nname = \"o\"\nwho = [\"group:workstation\"]\nto = [\"PACS\"]\nmay = [\"get\"]\nopen = \"sealed\"\n",
            ),
        ),
        (
            "test",
            policy(
                "[[test]]\nname = \"t\"\npeer = \"CT1\"\nwants = \"store\"\nexpect = \"permit\"\nseal = false\n[[test]]\nname = \"u\"\npeer = \"WS1\"\nwants = \"get\"\nexpect = \"permit\"\nopen = true\n",
            ),
        ),
        ("limits", whole("", "[limits]\nseal_header = \"1KiB\"\nspool_disk = \"1TiB\"\n", "", "")),
    ]
}

#[test]
fn every_fault_of_the_vault_is_said_in_these_words() {
    let mut text = String::new();
    for (name, house) in cases() {
        text.push_str(&format!("== {name}\n{}\n", house.words()));
    }
    assert!(!text.contains("4711"), "no PIN is printed");
    golden("vault.txt", &text);
}

#[test]
fn a_vault_without_further_words_has_these_defaults() {
    let house = with("", "", "");
    let settings = loaded(&house);
    let vault = settings.vault.clone().unwrap();
    let folder = house.0.path().join("state/keys");
    assert_eq!((vault.seal, &vault.keys, &vault.key_folder), (SealWhat::Policy, &KeySource::Folder, &folder));
    assert_eq!(vault.escrow, [house.0.path().join("certs/escrow.crt")]);
    assert_eq!((vault.segment, vault.hold, vault.attributes_max, vault.private_max), (1 << 20, 1 << 20, 4 << 20, 1024));
    assert_eq!(
        (vault.carrier, vault.unsealable, vault.unproven),
        (Carrier::Pixels, Unsealable::Pass, Unproven::Refuse)
    );
    assert_eq!((vault.open, vault.identity_drift), (OpenHow::Stream, IdentityDrift::Record));
    assert_eq!((vault.sealed_since, vault.commit_trust, vault.verify_sample), (None, CommitTrust::Verified, 100));
    assert_eq!((vault.probe_age, vault.probe_every), (Duration::from_secs(60), Duration::from_secs(30 * 86_400)));
    let archive = settings.archives[0].vault;
    assert_eq!((archive.carrier, archive.verify, archive.resend), (Carrier::Pixels, Verify::None, Resend::Pass));
    assert_eq!((archive.rewrites_sop, archive.all_readers_pass, archive.seal_rate), (false, true, 60));
    assert!(settings.policy.rules[0].seal && !settings.policy.seal_all);
    assert_eq!(settings.policy.rules[1].open, Open::No);
    let manifest = folder.join("manifest.json");
    assert!(settings.source.files.contains(&manifest), "a new key is a change: {:?}", settings.source.files);
}

#[test]
fn everything_that_can_be_said_of_a_vault_is_read() {
    let house = with(
        "carrier = \"pixels\"\nverify_after_store = \"all\"\nresend = \"compare\"\nseal_rate = 10",
        "seal = \"all\"\ncarrier = \"attributes\"\nsegment = \"64KiB\"\nprivate_exempt = [\"(0029,xx1F)SIEMENS CSA HEADER\", \"X\"]\n\
         unsealable = \"refuse\"\nunproven = \"pass\"\nopen = \"whole\"\nidentity_drift = \"refuse\"\nsealed_since = 2026-01-02\n\
         commit_trust = \"probe\"\nverify_sample = 7",
        "",
    );
    let settings = house.load().unwrap();
    assert_eq!(
        settings.source.warnings.len(),
        1,
        "what passes unproven is refused later: {:?}",
        settings.source.warnings
    );
    let vault = settings.vault.clone().unwrap();
    assert!(settings.policy.seal_all);
    assert_eq!((settings.archives[0].vault.carrier, vault.carrier), (Carrier::Pixels, Carrier::Attributes));
    let archive = settings.archives[0].vault;
    assert_eq!((archive.verify, archive.resend, archive.rewrites_sop), (Verify::All, Resend::Compare, false));
    let element = PrivateExempt { creator: "SIEMENS CSA HEADER".to_owned(), element: Some((0x0029, 0x1f)) };
    assert_eq!(vault.private_exempt, [element, PrivateExempt { creator: "X".to_owned(), element: None }]);
    assert_eq!((vault.unsealable, vault.unproven), (Unsealable::Refuse, Unproven::Pass));
    assert_eq!((vault.open, vault.identity_drift), (OpenHow::Whole, IdentityDrift::Refuse));
    assert_eq!(vault.sealed_since.unwrap().to_string(), "2026-01-02T00:00:00Z");
    assert_eq!((vault.commit_trust, vault.verify_sample), (CommitTrust::Probe, 7));
    let minted = loaded(&with("rewrites = [\"sop\"]", "commit_trust = \"probe\"", ""));
    assert!(minted.archives[0].vault.rewrites_sop);
}

#[test]
fn keys_come_from_three_places() {
    let table = |keys: &str| format!("[vault]\nkeys = \"{keys}\"\nescrow = [\"certs/escrow.crt\"]\n");
    let house = |keys: &str| whole("all_readers_pass_the_gateway = true", &table(keys), "seal = true", "");
    let environment = house("env:DICOMGATE_RING");
    let read = vault(&environment);
    assert_eq!(read.keys, KeySource::Environment("DICOMGATE_RING".to_owned()));
    assert_eq!(read.key_folder, environment.0.path().join("state/keys"));
    let token = whole("all_readers_pass_the_gateway = true", "", "seal = true", "");
    let pin = token.0.path().join("pin");
    token.write("pin", "1234\n");
    token.mode("pin", 0o600);
    token.write("module.so", "");
    let root = token.0.path().display();
    let uri = format!("pkcs11:token=ring;object=wrap?module-path={root}/module.so&pin-source=file:{root}/pin");
    let gateway = GATEWAY.replacen("[policy]", "all_readers_pass_the_gateway = true\n[policy]", 1);
    token.write("gateway.toml", &format!("{gateway}{}key_folder = \"wrapped\"\n", table(&uri)));
    let read = vault(&token);
    let KeySource::Token(uri) = &read.keys else { panic!("{:?}", read.keys) };
    assert_eq!((uri.token.as_deref(), &uri.pin), (Some("ring"), &Some(PinSource::File(pin))));
    assert_eq!(read.key_folder, token.0.path().join("wrapped"));
    token.mode("pin", 0o644);
    assert!(token.words().contains("weak: every user of this machine can read"), "{}", token.words());
}

#[test]
fn check_says_what_keys_proofs_and_escrow_lack() {
    let house = with("", "", "");
    let said = check(&house, &now());
    assert!(said.contains("there is no key yet") && said.contains("vault new-key"), "{said}");
    assert!(said.contains("before a probe has proven") && said.contains("is refused"), "{said}");
    assert!(!said.contains("is the private key of"), "{said}");
    let settings = loaded(&house);
    dicomgate::keys::new_key(settings.vault.as_ref().unwrap(), now().timestamp()).unwrap();
    assert!(!check(&house, &now()).contains("there is no key yet"));
    std::fs::copy(house.0.path().join("safe/escrow.key"), house.0.path().join("certs/odd-name")).unwrap();
    let said = check(&house, &now());
    assert!(said.contains("certs/odd-name` is the private key of the escrow certificate"), "{said}");
}

#[test]
fn the_sample_of_a_vault_is_accepted() {
    let samples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let house = House::new("", "");
    std::fs::create_dir(house.0.path().join("config")).unwrap();
    let mut gateway = std::fs::read_to_string(samples.join("gateway.toml")).unwrap();
    let from = gateway.find("# [vault]").unwrap();
    let until = from + gateway[from..].find("\n\n").unwrap();
    let uncommented: String =
        gateway[from..until].lines().map(|line| format!("{}\n", line.strip_prefix("# ").unwrap())).collect();
    gateway.replace_range(from..until, &uncommented);
    let gateway = gateway.replacen("# all_readers_pass_the_gateway", "all_readers_pass_the_gateway", 1);
    let policy = std::fs::read_to_string(samples.join("policy.toml")).unwrap();
    assert!(policy.contains("# seal = true") && policy.contains("# open = true"));
    let policy = policy.replace("# seal = true", "seal = true").replace("# open = true", "open = true");
    let pair = rcgen::KeyPair::generate().unwrap();
    house.write("certs/escrow.crt", &rcgen::CertificateParams::default().self_signed(&pair).unwrap().pem());
    house.write("config/gateway.toml", &gateway);
    house.write("config/policy.toml", &policy);
    let settings = dicomgate::config::load_at(&house.0.path().join("config/gateway.toml"), &now()).unwrap();
    assert!(settings.source.warnings.is_empty(), "{:?}", settings.source.warnings);
    assert!(settings.vault.is_some() && settings.policy.rules.iter().any(|rule| rule.seal));
    assert!(settings.policy.rules.iter().any(|rule| rule.open == Open::Opened));
}
