//! The two files of the demonstration's gateway, as an administrator would write them.

use std::net::SocketAddr;

/// The DNS name in the scanner's certificate.
pub const SCANNER_DNS: &str = "ct1.hospital.example";
/// The DNS name in the workstation's certificate.
pub const WORKSTATION_DNS: &str = "ws1.hospital.example";

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

[admin]
address = "off"
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
"#
    )
}
