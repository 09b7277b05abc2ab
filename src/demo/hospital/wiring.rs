//! The two files of the demonstration's gateway, as an administrator would write them.

use std::net::SocketAddr;

/// The DNS name in the scanner's certificate.
pub const SCANNER_DNS: &str = "ct1.hospital.example";
/// The DNS name in the workstation's certificate.
pub const WORKSTATION_DNS: &str = "ws1.hospital.example";

/// The Patient ID of the canary.
pub const CANARY: &str = "P-0000-NOBODY";
/// The user name of the referring physician.
pub const REFERRER: &str = "flora";
/// Her passcode: everybody may know it, the demonstration listens on loopback alone.
pub const PASSCODE: &str = "eight-wild-geese";
/// What the archive calls her.
pub const PHYSICIAN: &str = "Family^Flora";

/// `gateway.toml`
pub fn gateway(port: u16, archive: SocketAddr) -> String {
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

[policy]
file = "config/policy.toml"

[users.local]
file = "config/users.toml"

[admin]
address = "off"
"#
    )
}

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

/// `policy.toml`
pub fn policy() -> String {
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

[[rule]]
name = "modalities store"
who  = ["group:modality"]
to   = ["PACS"]
may  = ["echo", "store"]

[[rule]]
name = "workstations read, each to itself"
who  = ["group:workstation"]
to   = ["PACS"]
may  = ["echo", "find", "get", "move"]
destinations = ["self"]

[[rule]]
name = "referrers see studies that they referred"
who  = ["role:referrer"]
via  = ["group:workstation"]
to   = ["PACS"]
may  = ["find", "get"]
where = {{ ReferringPhysicianName = "{{user.physician}}" }}
hide  = ["PatientBirthDate"]
hide_in_objects = true

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
