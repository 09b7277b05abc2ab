//! The ring from folders, the environment and a token (SoftHSM): whole, or refused in words that say what to do.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests may fail loudly")]

use dicomgate::config::{self, Vault};
use dicomgate::dicom::{AeTitle, Uid};
use dicomgate::keys::{self, CheckValue, End, Manifest};
use dicomgate::state::{Mark, SealMark, SealRow, State, StateOptions};
use dicomgate::vault::{KeyId, SealId};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

#[path = "keys/token.rs"]
mod token;

const FILES: &str = "keys = \"ring\"";
const FROM_ENVIRONMENT: &str = "keys = \"env:RING_OF_THE_TEST\"";
const RING: &str = "RING_OF_THE_TEST";

/// A gateway with a vault, whose `keys` are these words.
struct House(tempfile::TempDir);

impl House {
    fn new(keys: &str) -> Self {
        let house = Self(tempfile::tempdir().unwrap());
        let pair = rcgen::KeyPair::generate().unwrap();
        house.write("escrow.crt", &rcgen::CertificateParams::default().self_signed(&pair).unwrap().pem());
        house.write("policy.toml", "[[peer]]\nae_titles = [\"CT1\"]\nnetwork = [\"127.0.0.1/32\"]\ntls = \"off\"\n");
        house.vault(keys);
        house
    }

    fn vault(&self, keys: &str) {
        let text = format!(
            "[gateway]\nname = \"gate\"\nstate = \"state\"\n[[listen]]\nname = \"in\"\naddress = \"127.0.0.1:11112\"\n\
             tls = \"off\"\n[[archive]]\nae_title = \"PACS\"\naddress = \"127.0.0.1:4242\"\n[policy]\nfile = \
             \"policy.toml\"\n[vault]\n{keys}\nescrow = [\"escrow.crt\"]\n"
        );
        self.write("gateway.toml", &text);
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn settings(&self) -> Vault {
        config::load(&self.path("gateway.toml")).unwrap_or_else(|faults| panic!("{faults}")).vault.unwrap()
    }

    fn new_key(&self) -> KeyId {
        keys::new_key(&self.settings(), jiff::Timestamp::now()).unwrap_or_else(|fault| panic!("{fault}")).id
    }

    /// The numbers of the ring.
    fn ids(&self) -> Vec<u32> {
        let (ring, _) = keys::load(&self.settings()).unwrap_or_else(|fault| panic!("{fault}"));
        ring.ids().map(|id| id.0).collect()
    }

    /// Why there is no ring.
    fn words(&self) -> String {
        keys::load(&self.settings()).expect_err("no ring").to_string()
    }

    /// Everything of the ring happened so much earlier: a key is destroyed a minute after the next one took its place.
    fn ages(&self, seconds: i64) {
        let path = Manifest::path(&self.settings().key_folder);
        let mut manifest: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for key in manifest.get_mut("keys").and_then(|keys| keys.as_array_mut()).unwrap() {
            for name in ["made", "used", "ended"] {
                if let Some(at) = key.get_mut(name).filter(|at| at.is_string()) {
                    let earlier = at.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
                    *at = (earlier - jiff::SignedDuration::from_secs(seconds)).to_string().into();
                }
            }
        }
        std::fs::write(&path, manifest.to_string()).unwrap();
    }

    /// The ledger has an instance with these seals, begun in this order by these keys and acknowledged, `at` seconds since
    /// 1970.
    fn sealed(&self, archive: &str, instance: &str, keys: &[u32], at: i64) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let uid = |text: &str| Uid::new(text).unwrap();
        let mut marks = keys.iter().zip(1..).map(|(key, number)| SealMark {
            mark: Mark::Acknowledged,
            at,
            begun: number * 2 - 1,
            ended: number * 2,
            ..SealMark::new(SealId([number as u8; 16]), KeyId(*key), uid("1.2.840.10008.1.2.1"), (4, 4, 1))
        });
        let archive = AeTitle::new(archive).unwrap();
        let mut row = SealRow::new(archive, uid(instance), None, uid("1.2.3"), marks.next().unwrap());
        row.seals.extend(marks);
        std::fs::create_dir_all(self.path("state")).unwrap();
        let options = StateOptions::new(self.path("state"), Arc::new(|_| {}), || 1_800_000_000);
        let put = runtime.block_on(async { State::open(options).await.unwrap().seal_put(&row, None).await.unwrap() });
        assert!(put, "it was not known before");
    }

    fn command(&self, arguments: &[&str]) -> Output {
        self.command_with(arguments, None)
    }

    /// A command in whose environment the ring is this.
    fn command_with(&self, arguments: &[&str], ring: Option<&str>) -> Output {
        self.run([&["vault"], arguments].concat().as_slice(), ring)
    }

    /// A command of the program other than those of the vault.
    fn program(&self, arguments: &[&str]) -> Output {
        self.run(arguments, None)
    }

    fn run(&self, arguments: &[&str], ring: Option<&str>) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dicomgate"));
        command.args(arguments).arg("--config").arg(self.path("gateway.toml"));
        command.envs(ring.map(|ring| (RING, ring)));
        command.stdin(std::process::Stdio::null()).output().unwrap()
    }
}

fn mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn mode_of(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_ring_grows_key_by_key_for_its_owner_alone() {
    let house = House::new(FILES);
    assert!(house.words().contains("there is no key yet"), "{}", house.words());
    assert_eq!((house.new_key(), house.new_key()), (KeyId(1), KeyId(2)));
    assert_eq!(house.ids(), [1, 2]);
    assert_eq!((mode_of(&house.path("ring")), mode_of(&house.path("ring/ring-0002.key"))), (0o700, 0o600));
    let (ring, escrow) = keys::load(&house.settings()).unwrap();
    assert_eq!((ring.newest().unwrap().id, escrow.len()), (KeyId(2), 1));
    let manifest = Manifest::read(&house.path("ring")).unwrap().unwrap();
    for entry in &manifest.keys {
        assert_eq!(entry.check.unwrap(), CheckValue::of(&ring.get(entry.id).unwrap().key));
    }
    assert_eq!(keys::load_folder(&house.path("ring")).unwrap().ids().count(), 2);
}

#[test]
fn what_others_could_read_or_put_there_is_no_key() {
    let house = House::new(FILES);
    house.new_key();
    let file = house.path("ring/ring-0001.key");
    for bad in [0o640, 0o604, 0o660] {
        mode(&file, bad);
        let words = house.words();
        assert!(words.contains("chmod 600") && words.contains(&format!("{bad:03o}")), "{words}");
        assert!(!words.contains("is gone"), "one fault is said once: {words}");
    }
    mode(&file, 0o400);
    assert_eq!(house.ids(), [1]);
    mode(&house.path("ring"), 0o777);
    assert!(house.words().contains("chmod 700"), "{}", house.words());
    let manifest = std::fs::read(Manifest::path(&house.path("ring"))).unwrap();
    for change in ["--destroy", "--forget"] {
        let refused = house.command(&["rotate", change, "1", "--yes"]);
        assert!(text(&refused.stderr).contains("chmod 700"), "{refused:?}");
    }
    assert_eq!(std::fs::read(Manifest::path(&house.path("ring"))).unwrap(), manifest);
}

#[test]
fn a_key_that_is_gone_exchanged_or_damaged_is_found_at_start() {
    let house = House::new(FILES);
    house.new_key();
    house.new_key();
    let (one, two) = (house.path("ring/ring-0001.key"), house.path("ring/ring-0002.key"));
    let good = std::fs::read_to_string(&one).unwrap();
    std::fs::remove_file(&one).unwrap();
    let words = house.words();
    assert!(words.contains("key 1 of the ring is gone") && words.contains("--forget 1"), "{words}");

    let other = House::new(FILES);
    other.new_key();
    std::fs::copy(other.path("ring/ring-0001.key"), &one).unwrap();
    assert!(house.words().contains("key 1 of the ring is not the key"), "{}", house.words());

    let digit = good.find("key: ").unwrap() + 5;
    let flipped = if good.as_bytes()[digit] == b'0' { "1" } else { "0" };
    let mut damaged = good.clone();
    damaged.replace_range(digit..=digit, flipped);
    std::fs::write(&one, damaged).unwrap();
    assert!(house.words().contains("is damaged"), "{}", house.words());

    std::fs::write(&one, good.split_at(digit + 20).0).unwrap();
    let words = house.words();
    assert!(words.contains("does not hold a key") && words.contains("restore it from the backup"), "{words}");
    std::fs::remove_file(&one).unwrap();
    std::fs::create_dir(&one).unwrap();
    let words = house.words();
    assert!(words.contains("ring-0001.key` cannot be read: it is a folder") && !words.contains("chmod"), "{words}");
    std::fs::remove_dir(&one).unwrap();
    house.write("ring/ring-0001.key", "");
    mode(&one, 0o600);

    std::fs::write(&one, good.replace("key 1", "key 2")).unwrap();
    assert!(house.words().contains("key 2 is there twice"), "{}", house.words());

    std::fs::write(&one, &good).unwrap();
    mode(&one, 0o644);
    std::fs::remove_file(&two).unwrap();
    let words = house.words();
    assert!(words.contains("chmod 600") && words.contains("key 2 of the ring is gone"), "all at once: {words}");
    mode(&one, 0o600);
    std::fs::remove_file(Manifest::path(&house.path("ring"))).unwrap();
    assert!(house.words().contains("no manifest"), "{}", house.words());
}

#[test]
fn keys_from_elsewhere_are_taken_in_when_somebody_says_so() {
    let house = House::new(FILES);
    house.new_key();
    std::fs::remove_file(Manifest::path(&house.path("ring"))).unwrap();
    assert!(keys::new_key(&house.settings(), jiff::Timestamp::now()).is_err(), "it could be given a number twice");
    let adopted = house.command(&["new-key", "--adopt"]);
    assert!(adopted.status.success() && text(&adopted.stdout).contains("key 1"), "{adopted:?}");
    assert_eq!(house.ids(), [1]);
    assert_eq!(house.new_key(), KeyId(2));
}

#[test]
fn a_destroyed_key_is_gone_for_good_and_a_forgotten_one_may_come_back() {
    let house = House::new(FILES);
    house.new_key();
    let refused = house.command(&["rotate", "--destroy", "1", "--yes"]);
    assert!(!refused.status.success() && text(&refused.stderr).contains("rotate` first"), "{refused:?}");
    let rotated = house.command(&["rotate"]);
    assert!(rotated.status.success() && text(&rotated.stdout).contains("Keys that stay"), "{rotated:?}");
    let copy = std::fs::read_to_string(house.path("ring/ring-0001.key")).unwrap();

    // A gateway may have something on its way that is sealed with it. Nothing overrides that.
    for words in [&["--yes"][..], &["--yes", "--even-so"]] {
        let early = house.command(&[&["rotate", "--destroy", "1"], words].concat());
        let said = text(&early.stderr);
        assert_eq!((early.status.code(), house.ids()), (Some(1), vec![1, 2]), "{said}");
        assert!(
            said.contains("too early") && said.contains("key 2 took its place") && said.contains("Again in "),
            "{said}"
        );
    }
    house.ages(60);
    let asked = house.command(&["rotate", "--destroy", "1"]);
    assert!(!asked.status.success() && text(&asked.stderr).contains("nothing was done"), "{asked:?}");
    assert_eq!(house.ids(), [1, 2]);

    let destroyed = house.command(&["rotate", "--destroy", "1", "--yes"]);
    assert!(destroyed.status.success() && text(&destroyed.stdout).contains("escrow"), "{destroyed:?}");
    assert_eq!(house.ids(), [2]);
    assert!(!house.path("ring/ring-0001.key").exists());
    house.write("ring/ring-0001.key", &copy);
    mode(&house.path("ring/ring-0001.key"), 0o600);
    assert!(house.words().contains("was destroyed, and is there again"), "{}", house.words());
    std::fs::remove_file(house.path("ring/ring-0001.key")).unwrap();

    house.new_key();
    let there = house.command(&["rotate", "--forget", "2", "--yes"]);
    assert!(!there.status.success() && text(&there.stderr).contains("is there"), "{there:?}");
    let lost = std::fs::read_to_string(house.path("ring/ring-0002.key")).unwrap();
    std::fs::remove_file(house.path("ring/ring-0002.key")).unwrap();
    for word in ["--destroy", "--forget"] {
        let never = house.command(&["rotate", word, "99"]);
        let said = text(&never.stderr);
        assert!(!never.status.success() && said.contains("no key 99") && !said.contains("to go on"), "{said}");
    }
    let rotated = house.command(&["rotate"]);
    assert!(text(&rotated.stderr).contains("key 2 of the ring is gone"), "no new key hides it: {rotated:?}");
    assert!(house.command(&["rotate", "--forget", "2", "--yes"]).status.success());
    assert_eq!(house.ids(), [3]);
    house.write("ring/ring-0002.key", &lost);
    mode(&house.path("ring/ring-0002.key"), 0o600);
    assert_eq!(house.ids(), [2, 3]);
    let ends: Vec<_> =
        Manifest::read(&house.path("ring")).unwrap().unwrap().keys.iter().map(|key| key.end.map(|end| end.0)).collect();
    assert_eq!(ends, [Some(End::Destroyed), Some(End::Forgotten), None]);
    assert_eq!(house.new_key(), KeyId(4), "no number is given twice");
}

#[test]
fn the_environment_brings_keys_that_the_manifest_knows() {
    let house = House::new(FROM_ENVIRONMENT);
    let settings = house.settings();
    let made = keys::new_key(&settings, jiff::Timestamp::now()).unwrap();
    let variable = made.variable.unwrap().to_string();
    let load = |value: Option<String>| {
        keys::load_with(&settings, &|name| {
            assert_eq!(name, RING);
            value.clone()
        })
    };
    assert!(load(None).unwrap_err().to_string().contains("is not set"));
    let (ring, _) = load(Some(variable.clone())).unwrap();
    assert_eq!(ring.ids().collect::<Vec<_>>(), [KeyId(1)]);
    assert!(load(Some(String::new())).unwrap_err().to_string().contains("key 1 of the ring is gone"));
    let stranger = format!("{variable},2:{}", "ab".repeat(32));
    let words = load(Some(stranger)).unwrap_err().to_string();
    assert!(words.contains("key 2 of the ring is not in the manifest") && !words.contains("abab"), "{words}");
    assert!(keys::load_folder(&settings.key_folder).is_err(), "no key lies there");
}

#[test]
fn no_number_is_given_again_where_a_manifest_or_a_key_is_lost() {
    let house = House::new(FROM_ENVIRONMENT);
    let first = house.command(&["new-key", "--format", "json"]);
    let first: serde_json::Value = serde_json::from_slice(&first.stdout).unwrap();
    let first = first["variable"].as_str().unwrap();
    let gone = house.command(&["new-key"]);
    assert!(text(&gone.stderr).contains("is not set") && gone.stdout.is_empty(), "a key that is gone: {gone:?}");
    let second = house.command_with(&["new-key"], Some(first));
    assert!(text(&second.stdout).contains("2:"), "{second:?}");

    let manifest = Manifest::path(&house.path("state/keys"));
    std::fs::remove_file(&manifest).unwrap();
    let lost = house.command_with(&["new-key"], Some(first));
    assert!(text(&lost.stderr).contains("no manifest") && lost.stdout.is_empty(), "{lost:?}");
    let broken = house.command_with(&["new-key"], Some("1:abc"));
    assert!(!broken.status.success(), "{broken:?}");
    let empty = house.command_with(&["new-key"], Some(""));
    assert!(text(&empty.stdout).contains("1:"), "{empty:?}");

    // A disk that fails is not a ring that nobody has made yet.
    std::fs::remove_file(&manifest).unwrap();
    std::os::unix::fs::symlink("manifest.json", &manifest).unwrap();
    assert!(Manifest::read(&house.path("state/keys")).is_err());

    let house = House::new(FILES);
    house.new_key();
    std::fs::remove_file(house.path("ring/ring-0001.key")).unwrap();
    let hidden = house.command(&["new-key"]);
    assert!(text(&hidden.stderr).contains("key 1 of the ring is gone"), "{hidden:?}");
}

#[test]
fn an_old_or_another_folder_of_keys_is_noticed_by_the_ledger() {
    let house = House::new(FILES);
    house.new_key();
    let manifest = Manifest::path(&house.path("ring"));
    let old = std::fs::read_to_string(&manifest).unwrap();
    assert!(house.command(&["rotate"]).status.success());
    // An archive that the configuration names no more counts as well.
    house.sealed("OLD", "1.2.4", &[2], 1);
    assert!(house.command(&["status"]).status.success());
    // The folder as it was before.
    let lost = std::fs::read_to_string(house.path("ring/ring-0002.key")).unwrap();
    std::fs::write(&manifest, old).unwrap();
    std::fs::remove_file(house.path("ring/ring-0002.key")).unwrap();
    assert_eq!(house.ids(), [1], "the folder alone does not know better");
    for refused in [&["rotate"][..], &["new-key"], &["status"]] {
        let refused = house.command(refused);
        let said = text(&refused.stderr) + &text(&refused.stdout);
        assert!(!refused.status.success() && said.contains("sealed with key 2, which this ring never had"), "{said}");
    }
    let check = house.program(&["check"]);
    assert!(text(&check.stdout).contains("key 2, which this ring never had"), "{check:?}");
    let run = house.program(&["run"]);
    assert!(run.status.code() == Some(64) && text(&run.stderr).contains("key 2, which this ring never had"), "{run:?}");

    let forgotten = house.command(&["rotate", "--forget", "2", "--yes"]);
    assert!(forgotten.status.success(), "{forgotten:?}");
    assert!(house.words().contains("no key of the ring seals"), "{}", house.words());
    assert!(house.command(&["new-key"]).status.success());
    assert_eq!(house.ids(), [1, 3], "no number is given twice");
    house.write("ring/ring-0002.key", &lost);
    mode(&house.path("ring/ring-0002.key"), 0o600);
    assert_eq!(house.ids(), [1, 2, 3], "it is found, and opens again");

    std::fs::rename(house.path("ring"), house.path("elsewhere")).unwrap();
    let empty = house.command(&["new-key"]);
    assert!(text(&empty.stderr).contains("key 2, which this ring never had"), "{empty:?}");
    assert!(house.command(&["rotate", "--forget", "2", "--yes"]).status.success());
    assert_eq!(house.new_key(), KeyId(3));
}

#[test]
fn a_key_that_was_rotated_away_or_lost_never_seals_again() {
    let house = House::new(FILES);
    let seals = || keys::load(&house.settings()).unwrap().0.newest().unwrap().id;
    house.new_key();
    house.new_key();
    let found = std::fs::read_to_string(house.path("ring/ring-0002.key")).unwrap();
    std::fs::remove_file(house.path("ring/ring-0002.key")).unwrap();
    let forgotten = house.command(&["rotate", "--forget", "2", "--yes"]);
    assert!(text(&forgotten.stdout).contains("new-key` has made the next"), "{forgotten:?}");
    for _ in 0..2 {
        assert!(house.words().contains("no key of the ring seals any more"), "{}", house.words());
        house.write("ring/ring-0002.key", &found);
        mode(&house.path("ring/ring-0002.key"), 0o600);
    }
    assert!(house.command(&["new-key"]).status.success());
    assert_eq!((house.ids(), seals()), (vec![1, 2, 3], KeyId(3)));
    let sealing = house.command(&["rotate", "--destroy", "3", "--yes"]);
    assert!(text(&sealing.stderr).contains("rotate` first"), "{sealing:?}");

    // For gateways that share the ring: a key that opens everywhere before anybody seals with it.
    let prepared = house.command(&["rotate", "--prepare"]);
    assert!(text(&prepared.stdout).contains("rotate --use 4"), "{prepared:?}");
    assert_eq!((house.ids(), seals()), (vec![1, 2, 3, 4], KeyId(3)));
    assert!(text(&house.command(&["status"]).stdout).contains("key    4  made for later"));
    assert!(house.command(&["rotate", "--use", "4"]).status.success());
    assert_eq!(seals(), KeyId(4));
    // One that never sealed, and is lost before it does.
    assert!(house.command(&["rotate", "--prepare"]).status.success());
    std::fs::remove_file(house.path("ring/ring-0005.key")).unwrap();
    let forgotten = house.command(&["rotate", "--forget", "5", "--yes"]);
    assert!(text(&forgotten.stdout).contains("The gateway starts without it"), "{forgotten:?}");
    assert_eq!((house.ids(), seals()), (vec![1, 2, 3, 4], KeyId(4)));
    for (id, words) in [("4", "already"), ("1", "key 4 is newer"), ("2", "has ended"), ("9", "no key 9")] {
        let refused = house.command(&["rotate", "--use", id]);
        assert!(text(&refused.stderr).contains(words), "{refused:?}");
    }
    assert_eq!(seals(), KeyId(4));
}

#[test]
fn what_an_end_of_a_key_means_is_said_before_it_and_truly() {
    let house = House::new(FILES);
    house.new_key();
    assert!(house.command(&["rotate"]).status.success());
    house.ages(3600);
    let now = jiff::Timestamp::now().as_second();
    // Sealed again since with the newer key, which an archive that keeps what came first does not hold; at an archive that
    // the configuration names no more; and one that is sealed with the newer key alone.
    house.sealed("PACS", "1.2.3.1", &[1, 2], now - 4000);
    house.sealed("OLD", "1.2.3.2", &[1], now - 4000);
    house.sealed("PACS", "1.2.3.3", &[2], now - 3000);
    let asked = house.command(&["rotate", "--destroy", "1"]);
    let said = text(&asked.stderr);
    assert!(said.contains("2 objects in the ledger") && said.contains("while its certificate stood in"), "{said}");
    assert!(said.contains("escrow.crt` was NEVER PROVEN"), "{said}");

    // A gateway that never took key 2.
    house.sealed("PACS", "1.2.3.4", &[1], now - 5);
    let refused = house.command(&["rotate", "--destroy", "1", "--yes"]);
    assert!(!refused.status.success() && text(&refused.stderr).contains("still seal with key 1"), "{refused:?}");
    assert_eq!(house.ids(), [1, 2]);
    let destroyed = house.command(&["rotate", "--destroy", "1", "--yes", "--even-so"]);
    assert!(text(&destroyed.stdout).contains("3 objects in the ledger"), "{destroyed:?}");
    assert_eq!(house.ids(), [2]);
}

#[test]
fn what_is_destroyed_is_not_left_behind_under_another_name() {
    let house = House::new(FILES);
    house.new_key();
    house.new_key();
    let (file, other) = (house.path("ring/ring-0001.key"), house.path("ring/first.key"));
    std::fs::rename(&file, &other).unwrap();
    assert_eq!(house.ids(), [1, 2], "a key that was typed in again is called anything");
    let there = house.command(&["rotate", "--forget", "1", "--yes"]);
    assert!(text(&there.stderr).contains("first.key"), "{there:?}");
    house.ages(60);
    assert!(house.command(&["rotate", "--destroy", "1", "--yes"]).status.success());
    assert!(!other.exists());
    assert_eq!(house.ids(), [2]);
    // One that is there again is ended again.
    house.write(
        "ring/back.key",
        "dicomgate ring key 1\nkey: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\ncheck: 0011223344556677\n",
    );
    assert!(house.command(&["rotate", "--destroy", "1", "--yes"]).status.success());
    assert!(!house.path("ring/back.key").exists());
    house.new_key();
    house.ages(60);
    std::fs::remove_file(house.path("ring/ring-0002.key")).unwrap();
    let none = house.command(&["rotate", "--destroy", "2", "--yes"]);
    assert!(text(&none.stderr).contains("no file holds key 2"), "{none:?}");

    let house = House::new(FROM_ENVIRONMENT);
    let made = |ring| {
        let made = house.command_with(&["new-key", "--format", "json"], ring);
        let made: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
        made["variable"].as_str().unwrap().to_owned()
    };
    let one = made(None);
    let two = made(Some(&one));
    let both = format!("{one},{two}");
    house.ages(60);
    let forgotten = house.command_with(&["rotate", "--forget", "1", "--yes"], Some(&both));
    assert!(text(&forgotten.stderr).contains("is there: in RING_OF_THE_TEST"), "{forgotten:?}");
    let refused = house.command_with(&["rotate", "--destroy", "1", "--yes"], Some(&both));
    assert!(text(&refused.stderr).contains("take `1:...` out of RING_OF_THE_TEST"), "{refused:?}");
    assert!(house.command_with(&["status"], Some(&both)).status.success());
    assert!(house.command_with(&["rotate", "--destroy", "1", "--yes"], Some(&two)).status.success());
    assert!(house.command_with(&["status"], Some(&two)).status.success());
}

#[test]
fn what_is_taken_for_an_escrow_key_or_a_sealed_file_is_named() {
    let house = House::new(FILES);
    house.new_key();
    let made = house.command(&["new-key", "--make-escrow", house.path("safe").to_str().unwrap()]);
    assert!(made.status.success(), "{made:?}");
    let key = std::fs::read_to_string(house.path("safe/escrow.key")).unwrap();
    house.write("cut.key", key.split_at(key.len() / 2).0);
    house.write("locked.key", &key.replace("PRIVATE", "ENCRYPTED PRIVATE"));
    house.write("older.key", &key.replace("PRIVATE", "EC PRIVATE"));
    house.write("empty.key", "");
    for (name, said) in [
        ("safe/escrow.crt", "it is a certificate: the private key"),
        ("ring/ring-0001.key", "it is a key of the ring: `--keys`"),
        ("cut.key", "it is cut off: take the other copy"),
        ("locked.key", "it is encrypted: `openssl pkcs8"),
        ("older.key", "of other forms `openssl pkcs8"),
        ("empty.key", "it is empty"),
    ] {
        let opened = house.command(&["open", "any.dcm", "--escrow-key", house.path(name).to_str().unwrap()]);
        let words = text(&opened.stderr);
        assert!(opened.status.code() == Some(2) && words.contains(said), "{name}: {words}");
    }
    let folder = house.command(&["open", house.path("safe").to_str().unwrap()]);
    let said = text(&folder.stdout);
    assert!(!folder.status.success() && said.contains("is a folder: name the files in it"), "{folder:?}");
}

#[test]
fn no_pair_for_escrow_is_made_among_the_keys_of_the_ring() {
    let house = House::new(FILES);
    // By the configuration, before there is anything in it; and by what lies in it, where there is no configuration.
    let before = house.command(&["new-key", "--make-escrow", house.path("ring").to_str().unwrap()]);
    assert!(text(&before.stderr).contains("the folder of the ring's keys"), "{before:?}");
    house.new_key();
    house.vault("keys = \"elsewhere\"");
    let beside = house.command(&["new-key", "--make-escrow", house.path("ring").to_str().unwrap()]);
    assert!(text(&beside.stderr).contains("the folder of the ring's keys"), "{beside:?}");
    assert!(!house.path("ring/escrow.key").exists());
    let words = house.words();
    assert!(words.contains("no key yet") && words.contains("this is not the folder of its keys"), "{words}");
}

#[test]
fn a_private_key_of_escrow_beside_its_certificate_is_found_whatever_it_is_called() {
    let house = House::new(FILES);
    let made = house.command(&["new-key", "--make-escrow", house.path("safe").to_str().unwrap()]);
    let said = text(&made.stdout);
    assert!(made.status.success() && said.contains("TAKE IT AWAY"), "{made:?}");
    let (certificate, key) = (house.path("safe/escrow.crt"), house.path("safe/escrow.key"));
    assert_eq!((mode_of(&certificate), mode_of(&key)), (0o644, 0o600));
    let escrow = keys::escrow::read(&certificate).unwrap();
    assert!(escrow.describe().contains("EC P-384"), "{}", escrow.describe());
    let certificates = [certificate.clone(), house.path("escrow.crt")];
    let found = keys::escrow::nearby(&certificates, &[]);
    assert_eq!(found.iter().map(|one| (&one.certificate, &one.key)).collect::<Vec<_>>(), [(&certificate, &key)]);
    std::fs::rename(&key, house.path("notes.txt")).unwrap();
    let found = keys::escrow::nearby(&certificates[..1], &[]);
    assert!(found.is_empty(), "{found:?}");
    assert_eq!(keys::escrow::nearby(&certificates[..1], &[house.0.path().to_path_buf()]).len(), 1);
    let again = house.command(&["new-key", "--make-escrow", house.path("safe").to_str().unwrap()]);
    assert!(!again.status.success() && text(&again.stderr).contains("is not overwritten"), "{again:?}");
}

#[test]
fn status_shows_keys_escrow_and_what_is_sealed() {
    let house = House::new(FILES);
    let none = house.command(&["status"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(text(&none.stdout).contains("there is no key yet"), "{none:?}");
    house.new_key();
    house.new_key();
    let fine = house.command(&["status", "--format", "json"]);
    assert_eq!(fine.status.code(), Some(0), "{fine:?}");
    let report: serde_json::Value = serde_json::from_slice(&fine.stdout).unwrap();
    assert_eq!(
        (&report["keys"][0]["state"], &report["keys"][1]["state"]),
        (&"opens".into(), &"seals and opens".into())
    );
    assert_eq!(report["archives"][0]["archive"], "PACS");
    assert!(report["escrow"][0]["certificate"].as_str().unwrap().contains("EC P-256"), "{report}");
    for file in ["ring/ring-0001.key", "ring/ring-0002.key"] {
        let secret = std::fs::read_to_string(house.path(file)).unwrap();
        let key = secret.lines().find_map(|line| line.strip_prefix("key: ")).unwrap();
        assert!(!text(&fine.stdout).contains(key), "no key is shown");
    }
}

#[test]
fn certificates_that_cannot_serve_are_said_with_the_file() {
    let house = House::new(FILES);
    house.new_key();
    house.write("escrow.crt", "not a certificate");
    assert!(house.words().contains("escrow.crt` does not hold one certificate"), "{}", house.words());
    let params = rcgen::CertificateParams::default();
    let edwards = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    house.write("escrow.crt", &params.self_signed(&edwards).unwrap().pem());
    assert!(house.words().contains("cannot be used for escrow"), "{}", house.words());
}
