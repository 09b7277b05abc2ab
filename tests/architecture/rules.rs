//! The rules of the house, and what of a source breaks them.

use crate::paths::{self, Found, Kind};

/// Who may use whom. A room uses itself; all but the pure rooms may use `telemetry`. `pure` stands for the pure rooms.
const TABLE: [(&str, &[&str]); 22] = [
    ("dicom", &[]),
    ("policy", &["dicom"]),
    ("vault", &["dicom"]),
    ("transform", &["dicom", "policy", "vault"]),
    // the keys of the chain are files: `audit/keys.rs`
    ("audit", &["dicom", "durable", "policy"]),
    // labels are operations, by their names in `dicom`
    ("telemetry", &["dicom"]),
    ("durable", &[]),
    ("config", &["durable", "pure"]),
    ("net", &["config"]),
    // rows are about titles, UIDs and seals; the database is reached through `net`, which alone opens sockets
    ("state", &["config", "dicom", "net", "vault"]),
    // associations of the gateway's own; TLS as `pki` makes it
    ("scu", &["dicom", "net", "config", "pki"]),
    ("spool", &["config"]),
    ("keys", &["config", "durable", "vault"]),
    // a certificate's facts are values of `policy`, which decides on them
    ("pki", &["config", "durable", "vault", "policy"]),
    // a request is made of the titles, UIDs and operations of `dicom`
    ("identity", &["dicom", "policy", "net", "state", "config", "pki"]),
    ("gate", &["dicom", "policy", "audit", "state"]),
    ("archive", &["gate", "net", "config", "dicom"]),
    // a snapshot is swapped whole, its TLS configurations included: docs/decisions/008-snapshot.md
    (
        "proxy",
        &["identity", "gate", "archive", "durable", "scu", "spool", "keys", "state", "net", "config", "pki", "pure"],
    ),
    ("web", &["identity", "gate", "archive", "spool", "keys", "state", "net", "config", "pure"]),
    ("admin", &["any"]),
    ("cli", &["any"]),
    ("demo", &["any"]),
];

/// Bytes and values in, values out.
const PURE: [&str; 5] = ["dicom", "policy", "vault", "transform", "audit"];

/// Nobody uses these but `main.rs`, and they each other.
const TOP: [&str; 3] = ["admin", "cli", "demo"];

/// Files of a pure room that touch the world, with what for. A name that ends in `/` is a folder.
pub const EXEMPTIONS: [(&str, &str); 5] = [
    ("audit/keys.rs", "reads and writes the keys of the chain"),
    ("audit/log/", "writes the log"),
    ("audit/read.rs", "reads the log"),
    ("audit/sink.rs", "writes lines to a file"),
    ("audit/verify/folder.rs", "reads the log"),
];

/// What a pure room does not touch, and why.
const OUTSIDE: [(&[&str], &str); 19] = [
    (&["tokio"], "waits"),
    (&["socket2"], "opens sockets"),
    (&["nix"], "asks the system"),
    (&["axum"], "serves"),
    (&["tracing"], "logs"),
    (&["prometheus"], "counts"),
    (&["std", "fs"], "touches files"),
    (&["std", "env"], "reads the environment"),
    (&["std", "process"], "touches processes"),
    (&["std", "thread"], "starts threads"),
    (&["std", "os"], "asks the system"),
    (&["std", "net", "TcpStream"], "opens sockets"),
    (&["std", "net", "TcpListener"], "opens sockets"),
    (&["std", "net", "UdpSocket"], "opens sockets"),
    (&["std", "net", "ToSocketAddrs"], "resolves names"),
    (&["std", "io", "stdin"], "reads from the terminal"),
    (&["std", "io", "stdout"], "prints"),
    (&["std", "io", "stderr"], "prints"),
    (&["std", "time", "UNIX_EPOCH"], "reads the clock"),
];

/// Types whose `now` reads the clock.
const CLOCKS: [&str; 6] = ["Instant", "SystemTime", "Timestamp", "Zoned", "Utc", "Local"];

const PRINTING: [&str; 4] = ["println", "print", "eprintln", "eprint"];

/// The room that a file below `src` lies in.
pub fn room_of(name: &str) -> Option<&'static str> {
    let first = name.split('/').next().unwrap_or(name);
    let first = first.strip_suffix(".rs").unwrap_or(first);
    TABLE.iter().map(|(room, _)| *room).find(|room| *room == first)
}

/// The module that a file below `src` is: `dicom/pdu/mod.rs` is `dicom::pdu`.
fn module_of(name: &str) -> Vec<String> {
    let mut module: Vec<String> =
        name.split('/').map(|part| part.strip_suffix(".rs").unwrap_or(part).to_owned()).collect();
    if module.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        module.pop();
    }
    module
}

/// What of a source breaks the rules, each with file and line.
pub fn faults(name: &str, source: &str) -> Vec<String> {
    let exempt = EXEMPTIONS.iter().any(|(known, _)| *known == name || known.ends_with('/') && name.starts_with(known));
    let room = room_of(name);
    let mut all = Vec::new();
    for found in paths::of_source(source, &module_of(name)) {
        let mut words = Vec::new();
        words.extend(anywhere(&found));
        words.extend(neighbours(name, room, &found));
        if let Some(room) = room {
            if PURE.contains(&room) && !exempt {
                words.extend(purity(room, &found));
            }
            if room != "net" {
                words.extend(sockets(&found));
            }
        }
        all.extend(words.into_iter().map(|words| format!("src/{name}:{}: {words}", found.line)));
    }
    all.dedup();
    all
}

fn anywhere(found: &Found) -> Option<String> {
    match found.kind {
        Kind::Glob => Some(format!("glob import of `{}`: name what is used", found.segments.join("::"))),
        Kind::Smuggled => Some(found.segments.concat()),
        Kind::Macro if found.segments == ["include"] => Some("`include!` brings in a source from elsewhere".to_owned()),
        _ => None,
    }
}

fn neighbours(name: &str, room: Option<&str>, found: &Found) -> Option<String> {
    let [first, other, ..] = found.segments.as_slice() else { return None };
    if first != "crate" || matches!(found.kind, Kind::Macro | Kind::Method) {
        return None;
    }
    let other = TABLE.iter().map(|(known, _)| *known).find(|known| known == other)?;
    let Some(room) = room else {
        return (name == "main.rs" && other != "cli").then(|| format!("`main` may not use `{other}`"));
    };
    if room == other {
        return None;
    }
    if !may_use(room, other) {
        return Some(format!("`{room}` may not use `{other}`"));
    }
    (found.kind == Kind::Export).then(|| format!("re-exports `{other}`: name things where they live"))
}

fn may_use(room: &str, other: &str) -> bool {
    let allowed = TABLE.iter().find(|(known, _)| *known == room).map_or(&[][..], |(_, allowed)| *allowed);
    if TOP.contains(&other) {
        return TOP.contains(&room);
    }
    let pure = PURE.contains(&other);
    allowed.contains(&"any")
        || allowed.contains(&other)
        || pure && allowed.contains(&"pure")
        || other == "telemetry" && !PURE.contains(&room)
}

fn purity(room: &str, found: &Found) -> Option<String> {
    let touches = |what: &str, why: &str| Some(format!("`{what}` in `{room}`, which is pure: it {why}"));
    match found.kind {
        Kind::Method if found.segments == ["elapsed"] => return touches(".elapsed()", "reads the clock"),
        Kind::Macro => {
            let name = found.segments.concat();
            return if PRINTING.contains(&name.as_str()) { touches(&format!("{name}!"), "prints") } else { None };
        }
        Kind::Method => return None,
        _ => {}
    }
    if let [.., clock, now] = found.segments.as_slice()
        && now == "now"
        && CLOCKS.contains(&clock.as_str())
    {
        return touches(&format!("{clock}::now"), "reads the clock");
    }
    OUTSIDE
        .iter()
        .find(|(path, _)| found.segments.len() >= path.len() && path.iter().zip(&found.segments).all(|(a, b)| a == b))
        .and_then(|(path, why)| touches(&path.join("::"), why))
}

fn sockets(found: &Found) -> Option<String> {
    match found.segments.as_slice() {
        [.., kind, call] if kind == "TcpStream" && call.starts_with("connect") => {
            Some(format!("`{kind}::{call}` opens a socket: only `net` dials"))
        }
        _ => None,
    }
}
