//! A clinic's workstation with a certificate, and people with accounts who sit at it.

use crate::support::conn::Conn;
use crate::support::words::{VERIFICATION, rq};
use crate::support::world::{Setup, World};
use dicomgate::dicom::pdu::{AssociateRq, UserIdentity};
use dicomgate::identity::local::hash::new_phc;
use std::fmt::Write as _;

/// The one answer to whoever is not wanted.
pub const REFUSED: [u8; 10] = [3, 0, 0, 0, 0, 4, 0, 1, 1, 1];

pub const PASSCODE: &str = "correct horse";

const PEERS: &str = r#"
[[peer]]
ae_titles = ["WS2"]
certificate = "ct2.hospital.example"
groups = ["clinic"]
[[peer]]
ae_titles = ["WS9"]
tls = "off"
network = ["127.0.0.1/32"]
groups = ["clinic"]
"#;

const RULES: &str = r#"
[[rule]]
name = "referrers at the clinic"
who = ["role:referrer"]
via = ["group:clinic"]
to = ["PACS"]
may = ["echo"]
"#;

/// A gateway that knows people; `more`: further lines of `[users]`.
pub fn house(more: &str) -> World {
    let limits = format!(
        "password_checks = 4\n[users]\nanswer_after = \"100ms\"\n{more}\n[users.local]\nfile = \"users.toml\"\n"
    );
    let world = World::with(&Setup { limits, peers: PEERS.into(), rules: RULES.into(), ..Setup::default() });
    accounts(&world, &[("müller", "roles = [\"referrer\"]"), ("off", "disabled = true"), ("visitor", "")]);
    world
}

/// Writes the accounts, all with the same passcode, and lets the gateway take them.
pub fn accounts(world: &World, all: &[(&str, &str)]) {
    let phc = new_phc(PASSCODE.as_bytes()).unwrap();
    let mut text = String::new();
    for (name, more) in all {
        writeln!(text, "[[user]]\nname = \"{name}\"\npassword = \"{phc}\"\n{more}").unwrap();
    }
    let file = world.dir.path().join("users.toml");
    std::fs::write(&file, text).unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    world.reload();
}

pub fn identity(kind: u8, primary: &[u8], secondary: &[u8]) -> UserIdentity {
    UserIdentity { kind, positive_response: true, primary: primary.to_vec(), secondary: secondary.to_vec() }
}

pub fn asking(calling: &str, identity: UserIdentity) -> AssociateRq {
    let mut asked = rq(calling, &[VERIFICATION]);
    asked.user.identity = Some(identity);
    asked
}

/// Müller is let in: both ends of her association.
pub fn let_in(world: &World) -> (Conn, Conn) {
    let asked = asking("WS2", identity(2, "müller".as_bytes(), PASSCODE.as_bytes()));
    world.associate(world.tls("ct2"), &asked)
}
