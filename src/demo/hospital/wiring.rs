//! The files of the demonstration's gateway, as an administrator would write them: first without a vault, then with one.

use std::net::SocketAddr;

/// The DNS name in the scanner's certificate.
pub const SCANNER_DNS: &str = "ct1.hospital.example";
/// The DNS name in the workstation's certificate.
pub const WORKSTATION_DNS: &str = "ws1.hospital.example";

/// The DNS name in the front desk's certificate.
pub const DESK_DNS: &str = "desk1.hospital.example";

/// The Patient ID of the canary.
pub const CANARY: &str = "P-0000-NOBODY";
/// The user name of the referring physician.
pub const REFERRER: &str = "flora";
/// Her passcode: everybody may know it, the demonstration listens on loopback alone.
pub const PASSCODE: &str = "eight-wild-geese";
/// What the archive calls her.
pub const PHYSICIAN: &str = "Family^Flora";

/// `gateway.toml`. `vault`: with a vault, whose keys and escrow certificate must be there.
pub fn gateway(port: u16, archive: SocketAddr, vault: bool) -> String {
    let (readers, vault) = if vault { (READERS, VAULT) } else { ("", "") };
    format!(
        r#"[gateway]
name  = "demo"
state = "state"

[tls]
certificate = "certs/gateway.crt"
private_key = "certs/gateway.key"
client_ca   = "certs/ca.crt"

[[listen]]
name    = "outside"
address = "127.0.0.1:{port}"
tls     = "mutual"
serves  = "peers"

[[archive]]
ae_title = "PACS"
address  = "{archive}"
{readers}
[policy]
file = "config/policy.toml"

[users.local]
file = "config/users.toml"

[admin]
address = "off"
{vault}"#
    )
}

/// What is said of an archive before anything is sealed for it, and that each object is read back before its sender hears of success.
const READERS: &str = "\
all_readers_pass_the_gateway = true
verify_after_store = \"all\"
";

/// The vault. A real archive is left alone for a minute or for days between storing and retrieving: `probe_age`.
const VAULT: &str = r#"
[vault]
keys      = "state/keys"
escrow    = ["certs/escrow.crt"]
probe_age = "0s"
"#;

/// `users.toml`, as `dicomgate user add` writes it. `phc`: the hash of the passcode.
pub fn users(phc: &str) -> String {
    format!(
        r#"[[user]]
name = "{REFERRER}"
password = "{phc}"
roles = ["referrer"]
attributes = {{ "physician" = ["{PHYSICIAN}"] }}
"#
    )
}

/// `policy.toml`. `vault`: what the scanner stores is sealed, and opened for whoever reads images.
pub fn policy(vault: bool) -> String {
    let (seal, open) = if vault { ("seal = true\n", "open = true\n") } else { ("", "") };
    format!(
        r#"[[peer]]
ae_titles   = ["CT1"]
description = "CT, ground floor"
certificate = "{SCANNER_DNS}"
groups      = ["modality"]

[[peer]]
ae_titles   = ["WS1"]
description = "reading room"
certificate = "{WORKSTATION_DNS}"
groups      = ["workstation"]

[[peer]]
ae_titles   = ["DESK1"]
description = "front desk"
certificate = "{DESK_DNS}"

[[rule]]
name = "modalities store"
who  = ["group:modality"]
to   = ["PACS"]
may  = ["echo", "store"]
{seal}
[[rule]]
name = "workstations read, each to itself"
who  = ["group:workstation"]
to   = ["PACS"]
may  = ["echo", "find", "get", "move"]
destinations = ["self"]
{open}
[[rule]]
name = "the front desk finds, and has nothing opened"
who  = ["peer:DESK1"]
to   = ["PACS"]
may  = ["echo", "find", "get"]

[[rule]]
name = "referrers see studies that they referred"
who  = ["role:referrer"]
via  = ["group:workstation"]
to   = ["PACS"]
may  = ["find", "get"]
where = {{ ReferringPhysicianName = "{{user.physician}}" }}
hide  = ["PatientBirthDate"]
hide_in_objects = true
{open}
[[canary]]
name       = "nobody's patient"
patient_id = "{CANARY}"

[[test]]
name   = "the scanner stores"
peer   = "CT1"
wants  = "store"
expect = "permit"

[[test]]
name   = "the scanner does not look at other people's images"
peer   = "CT1"
wants  = "find"
expect = "deny"

[[test]]
name   = "a referrer does not store"
peer   = "WS1"
user   = "{REFERRER}"
roles  = ["referrer"]
wants  = "store"
expect = "deny"
"#
    )
}
