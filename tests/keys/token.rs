//! A SoftHSM token wraps the ring. Its configuration is an environment variable of the process, so each test runs the
//! program itself; what makes tokens and keys runs as `softhsm2-util` and, for AES keys, as a test of its own process.

use super::{House, text};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::Attribute;
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;
use std::path::Path;
use std::process::{Command, Output};

const PIN: &str = "271828";

/// Where Debian puts it.
fn module() -> &'static str {
    let places = ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"];
    places.into_iter().find(|place| Path::new(place).exists()).expect("softhsm2 is installed: tests/run does")
}

/// What a key of the token may do.
const KINDS: [&str; 4] = ["aes-wrap", "aes-gcm", "rsa", "none"];

struct Token {
    house: House,
}

impl Token {
    /// A token called `ring` with a key called `wrap`.
    fn new(kind: &str) -> Self {
        assert!(KINDS.contains(&kind));
        let house = House::new(super::FILES);
        std::fs::create_dir(house.path("tokens")).unwrap();
        let tokens = house.path("tokens");
        house.write(
            "softhsm2.conf",
            &format!("directories.tokendir = {}\nobjectstore.backend = file\n", tokens.display()),
        );
        house.write("pin", &format!("{PIN}\n"));
        super::mode(&house.path("pin"), 0o600);
        let token = Self { house };
        let label = ["--init-token", "--free", "--label", "ring", "--so-pin", "314159", "--pin", PIN];
        let made = token.run("softhsm2-util", &label);
        assert!(made.status.success(), "{made:?}");
        if kind != "none" {
            token.key(kind);
        }
        token.uri("ring", "wrap", "pin");
        token
    }

    fn uri(&self, token: &str, object: &str, pin: &str) {
        let pin = self.house.path(pin);
        let pin = pin.display();
        self.house.vault(&format!(
            "keys = \"pkcs11:token={token};object={object}?module-path={}&pin-source=file:{pin}\"",
            module()
        ));
    }

    /// The module reads its configuration once a process: keys are made in another one.
    fn key(&self, kind: &str) {
        let own = std::env::current_exe().unwrap();
        let mut command = Command::new(own);
        command.args(["--exact", "token::makes_a_key_in_the_token_that_the_environment_names", "--nocapture"]);
        command.env("DICOMGATE_TEST_TOKEN_KEY", kind).env("SOFTHSM2_CONF", self.house.path("softhsm2.conf"));
        let made = command.output().unwrap();
        assert!(made.status.success(), "{made:?}");
        assert!(text(&made.stdout).contains("a key was made"), "{made:?}");
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let conf = self.house.path("softhsm2.conf");
        Command::new(program).args(arguments).env("SOFTHSM2_CONF", conf).output().unwrap()
    }

    fn vault(&self, arguments: &[&str]) -> Output {
        let config = self.house.path("gateway.toml");
        let mut all = vec!["vault"];
        all.extend(arguments);
        let config = config.to_str().unwrap();
        all.extend(["--config", config]);
        self.run(env!("CARGO_BIN_EXE_dicomgate"), &all)
    }

    /// Why the ring cannot be loaded, as `vault status` says it.
    fn words(&self) -> String {
        let status = self.vault(&["status"]);
        assert_eq!(status.status.code(), Some(1), "{status:?}");
        text(&status.stdout)
    }

    fn wraps(&self, how: &str) {
        for _ in 0..2 {
            let made = self.vault(&["new-key"]);
            assert!(made.status.success(), "{made:?}");
        }
        let file = std::fs::read_to_string(self.house.path("state/keys/ring-0001.key")).unwrap();
        assert!(file.contains(&format!("wrapped: {how}")) && !file.contains("\nkey:"), "{file}");
        let status = self.vault(&["status"]);
        assert_eq!(status.status.code(), Some(0), "{status:?}");
        assert!(text(&status.stdout).contains("key    2  seals and opens"), "{status:?}");
        assert!(dicomgate::keys::load_folder(&self.house.path("state/keys")).is_err(), "without the token, nothing");
    }
}

/// No test by itself: it does nothing unless another test has started it.
#[test]
fn makes_a_key_in_the_token_that_the_environment_names() {
    let Ok(kind) = std::env::var("DICOMGATE_TEST_TOKEN_KEY") else { return };
    let pkcs11 = Pkcs11::new(module()).unwrap();
    pkcs11.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).unwrap();
    let slot = pkcs11.get_slots_with_token().unwrap()[0];
    let session = pkcs11.open_rw_session(slot).unwrap();
    session.login(UserType::User, Some(&AuthPin::new(PIN.into()))).unwrap();
    let label = || Attribute::Label(b"wrap".to_vec());
    let common = || vec![Attribute::Token(true), Attribute::Private(true), Attribute::Sensitive(true), label()];
    match kind.as_str() {
        "aes-wrap" | "aes-gcm" => {
            let wraps = kind == "aes-wrap";
            let mut template = common();
            template.extend([Attribute::ValueLen(32.into()), Attribute::Wrap(wraps), Attribute::Unwrap(wraps)]);
            template.extend([Attribute::Encrypt(!wraps), Attribute::Decrypt(!wraps)]);
            session.generate_key(&Mechanism::AesKeyGen, &template).unwrap();
        }
        _ => {
            let public = [
                Attribute::Token(true),
                Attribute::Private(false),
                Attribute::Encrypt(true),
                Attribute::PublicExponent(vec![1, 0, 1]),
                Attribute::ModulusBits(2048.into()),
                label(),
            ];
            let mut private = common();
            private.push(Attribute::Decrypt(true));
            session.generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &public, &private).unwrap();
        }
    }
    println!("a key was made");
}

#[test]
fn an_aes_key_that_may_wrap_wraps_the_ring() {
    Token::new("aes-wrap").wraps("aes-key-wrap");
}

#[test]
fn an_aes_key_that_may_only_encrypt_wraps_it_by_gcm() {
    Token::new("aes-gcm").wraps("aes-gcm");
}

#[test]
fn an_rsa_key_wraps_the_ring_by_oaep() {
    Token::new("rsa").wraps("rsa-oaep-sha");
}

#[test]
fn what_the_token_lacks_is_said_in_words() {
    let token = Token::new("aes-wrap");
    assert!(token.vault(&["new-key"]).status.success());
    token.house.write("wrong-pin", "000000\n");
    super::mode(&token.house.path("wrong-pin"), 0o600);
    token.uri("ring", "wrap", "wrong-pin");
    assert!(token.words().contains("the PIN of token `ring` is wrong"), "{}", token.words());
    token.uri("sealing", "wrap", "pin");
    assert!(token.words().contains("has no token `sealing`: it has `ring`"), "{}", token.words());
    token.uri("ring", "unwrap", "pin");
    assert!(token.words().contains("has no AES or RSA key as named"), "{}", token.words());
    super::mode(&token.house.path("pin"), 0o644);
    token.uri("ring", "wrap", "pin");
    assert!(token.words().contains("chmod 600"), "{}", token.words());
    super::mode(&token.house.path("pin"), 0o600);
    assert_eq!(token.vault(&["status"]).status.code(), Some(0));
}

#[test]
fn another_tokens_key_does_not_unwrap_the_ring() {
    let (one, other) = (Token::new("aes-wrap"), Token::new("aes-wrap"));
    assert!(one.vault(&["new-key"]).status.success() && other.vault(&["new-key"]).status.success());
    let file = "state/keys/ring-0001.key";
    std::fs::copy(one.house.path(file), other.house.path(file)).unwrap();
    let words = other.words();
    assert!(words.contains("does not unwrap") || words.contains("is damaged"), "{words}");
}

#[test]
fn a_module_that_is_none_is_said_with_its_name() {
    let token = Token::new("none");
    let none = token.vault(&["new-key"]);
    assert!(text(&none.stderr).contains("has no AES or RSA key as named"), "{none:?}");
    assert!(!token.house.path("state/keys/ring-0001.key").exists());
    let module = token.house.path("pin");
    token.house.vault(&format!("keys = \"pkcs11:token=ring;object=wrap?module-path={}\"", module.display()));
    let none = token.vault(&["new-key"]);
    let words = text(&none.stderr);
    assert!(words.contains("cannot be loaded") && words.contains("pin"), "{words}");
}
