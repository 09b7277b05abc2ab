//! Holds the house in order (design, section 2): who may use whom, what the pure rooms may touch, how long a file may be.
//!
//! Every file of `src` is parsed and every path in it visited: nested use groups, types, expressions, patterns, and what
//! looks like a path inside macros. Each rule is also shown a source that breaks it.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test may panic")]

#[path = "architecture/paths.rs"]
mod paths;
#[path = "architecture/rules.rs"]
mod rules;

use rules::{faults, room_of};
use std::fs;
use std::path::{Path, PathBuf};

/// Hard limit on the lines of one file; the table below names the flat lists of like things that may be longer.
const LONGEST: usize = 700;
/// Limit on the median over all files.
const MEDIAN: usize = 200;
/// Files that are lists, not logic, with what they list.
const LISTS: [(&str, &str); 0] = [];

struct Source {
    /// Below `src`, with `/`.
    name: String,
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found: Vec<Source> = walkdir::WalkDir::new(&root)
        .into_iter()
        .map(|entry| entry.expect("src is readable").into_path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| Source { name: name_of(&root, &path), text: fs::read_to_string(&path).expect("a source is text") })
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(found.len() > 30, "only {} sources found: this test looks in the wrong place", found.len());
    found
}

fn name_of(root: &Path, path: &Path) -> String {
    let below: PathBuf = path.strip_prefix(root).expect("below src").into();
    below.to_string_lossy().replace('\\', "/")
}

/// Tests beside the code: `tests.rs`, or anything in a folder `tests`.
fn is_test(name: &str) -> bool {
    name.ends_with("/tests.rs") || name.split('/').rev().skip(1).any(|folder| folder == "tests")
}

#[test]
fn nobody_uses_what_the_design_does_not_allow() {
    let mut all = Vec::new();
    for source in sources().iter().filter(|source| !is_test(&source.name)) {
        all.extend(faults(&source.name, &source.text));
    }
    assert!(all.is_empty(), "{} faults:\n{}", all.len(), all.join("\n"));
}

#[test]
fn every_room_is_on_the_plan() {
    let mut strangers: Vec<_> =
        sources().iter().filter(|source| room_of(&source.name).is_none()).map(|source| source.name.clone()).collect();
    strangers.retain(|name| !["lib.rs", "main.rs"].contains(&name.as_str()));
    assert!(strangers.is_empty(), "in no room that the design knows: {strangers:?}");
}

#[test]
fn every_folder_says_what_it_is() {
    let silent: Vec<_> = sources()
        .into_iter()
        .filter(|source| source.name.ends_with("mod.rs") || source.name == "lib.rs")
        .filter(|source| !is_test(&source.name) && !opens_with_docs(&source.text))
        .map(|source| source.name)
        .collect();
    assert!(silent.is_empty(), "open with `//!`, what it is and what it never does: {silent:?}");
}

fn opens_with_docs(text: &str) -> bool {
    let file = syn::parse_file(text).expect("a source parses");
    let words: usize = file
        .attrs
        .iter()
        .filter_map(|attribute| match &attribute.meta {
            syn::Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
                syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => {
                    Some(text.value().split_whitespace().count())
                }
                _ => None,
            },
            _ => None,
        })
        .sum();
    words >= 5
}

#[test]
fn files_stay_short() {
    let mut lengths = Vec::new();
    let mut long = Vec::new();
    for source in sources().iter().filter(|source| !is_test(&source.name)) {
        let lines = source.text.lines().count();
        lengths.push(lines);
        if lines > LONGEST && !LISTS.iter().any(|(name, _)| *name == source.name) {
            long.push(format!("{}: {lines} lines", source.name));
        }
    }
    lengths.sort_unstable();
    let median = lengths.get(lengths.len() / 2).copied().unwrap_or(0);
    assert!(long.is_empty(), "longer than {LONGEST} lines: {long:?}");
    assert!(median <= MEDIAN, "half of all files have more than {median} lines; the limit is {MEDIAN}");
}

#[test]
fn exemptions_are_still_needed() {
    let names: Vec<String> = sources().into_iter().map(|source| source.name).collect();
    let gone: Vec<&str> = rules::EXEMPTIONS
        .iter()
        .map(|(name, _)| *name)
        .chain(LISTS.iter().map(|(name, _)| *name))
        .filter(|name| !names.iter().any(|known| known.starts_with(name)))
        .collect();
    assert!(gone.is_empty(), "exempt, but not there: {gone:?}");
}

#[test]
fn module_docs_are_asked_for() {
    assert!(opens_with_docs("//! What it is, and what it never does.\nfn f() {}"));
    assert!(!opens_with_docs("// an ordinary comment that nobody's documentation shows\nfn f() {}"));
    assert!(!opens_with_docs("/// Documentation of the function, not of the module.\nfn f() {}"));
}

/// Each of these must be found, in the file that it is put into.
#[test]
fn bad_sources_are_found() {
    let cases: &[(&str, &str, &str)] = &[
        // who may use whom
        ("policy/decision.rs", "use crate::net::Dialer;", "`policy` may not use `net`"),
        ("policy/decision.rs", "use crate::{dicom::Uid, audit::{chain, verify as v}};", "`policy` may not use `audit`"),
        ("policy/decision.rs", "use super::super::gate::Permit;", "`policy` may not use `gate`"),
        ("policy/mod.rs", "use super::gate::Permit;", "`policy` may not use `gate`"),
        ("policy/mod.rs", "mod inner { fn f() { super::super::cli::main(); } }", "`policy` may not use `cli`"),
        ("dicom/pdu/mod.rs", "fn f(x: &crate::policy::Policy) {}", "`dicom` may not use `policy`"),
        ("dicom/uid.rs", "fn f() -> Option<Vec<crate::policy::Rule>> { None }", "`dicom` may not use `policy`"),
        ("dicom/uid.rs", "impl crate::gate::Door for Uid {}", "`dicom` may not use `gate`"),
        (
            "dicom/uid.rs",
            "fn f(x: u8) { if let crate::policy::Decision::Permit = x {} }",
            "`dicom` may not use `policy`",
        ),
        ("dicom/uid.rs", "fn f() { write!(out, \"{}\", crate::policy::NAME) }", "`dicom` may not use `policy`"),
        ("dicom/uid.rs", "macro_rules! m { () => { $crate::policy::NAME } }", "`dicom` may not use `policy`"),
        ("archive/mod.rs", "use crate::proxy::Relay;", "`archive` may not use `proxy`"),
        ("proxy/mod.rs", "use crate::web::Front;", "`proxy` may not use `web`"),
        ("proxy/mod.rs", "use crate::cli;", "`proxy` may not use `cli`"),
        ("net/mod.rs", "use crate::identity::Principal;", "`net` may not use `identity`"),
        ("dicom/uid.rs", "fn f() { crate::telemetry::count(); }", "`dicom` may not use `telemetry`"),
        ("dicom/uid.rs", "use crate as house; fn f() { house::policy::x(); }", "another name for the crate"),
        ("dicom/uid.rs", "extern crate self as house;", "`extern crate`"),
        ("main.rs", "fn main() { dicomgate::gate::open(); }", "may not use `gate`"),
        // globs, re-exports, sources from elsewhere
        ("net/tls.rs", "use crate::config::*;", "glob import"),
        ("net/tls.rs", "use std::{io, collections::{hash_map::*}};", "glob import"),
        ("gate/mod.rs", "pub use crate::policy::Decision;", "re-exports `policy`"),
        ("gate/mod.rs", "pub(crate) use crate::policy::{Decision, Denial};", "re-exports `policy`"),
        ("gate/mod.rs", "use crate::policy; pub use policy::Decision;", "re-exports `policy`"),
        ("gate/mod.rs", "#[path = \"../proxy/relay.rs\"] mod relay;", "`#[path]`"),
        ("gate/mod.rs", "include!(\"../proxy/relay.rs\");", "`include!`"),
        // what the pure rooms may not touch
        ("dicom/uid.rs", "use tokio::sync::Mutex;", "`tokio`"),
        ("dicom/uid.rs", "use std::fs;", "`std::fs`"),
        ("dicom/uid.rs", "use std::{fmt, fs::File};", "`std::fs`"),
        ("dicom/uid.rs", "fn f() { ::std::fs::read(\"x\"); }", "`std::fs`"),
        ("dicom/uid.rs", "use std as s; fn f() { s::fs::read(\"x\"); }", "`std::fs`"),
        ("policy/mod.rs", "use std::net::{IpAddr, TcpStream};", "`std::net::TcpStream`"),
        ("policy/mod.rs", "fn f(x: impl std::net::ToSocketAddrs) {}", "`std::net::ToSocketAddrs`"),
        ("policy/mod.rs", "use std::time::Instant; fn f() { Instant::now(); }", "reads the clock"),
        ("policy/mod.rs", "use std::time::Instant as I; fn f() { let g = I::now; }", "reads the clock"),
        ("policy/mod.rs", "use std::time; fn f() { time::SystemTime::now(); }", "reads the clock"),
        ("policy/mod.rs", "fn f(x: std::time::Instant) { x.elapsed(); }", "reads the clock"),
        ("policy/mod.rs", "fn f() { jiff::Zoned::now(); }", "reads the clock"),
        ("policy/mod.rs", "fn f() { assert!(std::time::Instant::now() > x); }", "reads the clock"),
        ("policy/mod.rs", "fn f() { std::env::var(\"HOME\"); }", "`std::env`"),
        ("policy/mod.rs", "fn f() { println!(\"x\"); }", "`println!`"),
        ("policy/mod.rs", "fn f() { tracing::info!(\"x\"); }", "`tracing`"),
        ("audit/chain.rs", "use std::fs::File;", "`std::fs`"),
        ("audit/verify/mod.rs", "use std::fs::File;", "`std::fs`"),
        // sockets
        ("archive/mod.rs", "fn f() { tokio::net::TcpStream::connect(x); }", "opens a socket"),
        ("proxy/mod.rs", "use std::net::TcpStream; fn f() { TcpStream::connect_timeout(x, y); }", "opens a socket"),
    ];
    for (file, source, expected) in cases {
        let found = faults(file, source);
        assert!(
            found.iter().any(|fault| fault.contains(expected)),
            "{file}: `{source}`\nexpected {expected}, found {found:?}"
        );
    }
}

/// None of these is a fault.
#[test]
fn good_sources_pass() {
    let cases: &[(&str, &str)] = &[
        ("policy/mod.rs", "pub mod decision; pub use decision::Decision; use crate::dicom::{Tag, Uid};"),
        (
            "policy/mod.rs",
            "use std::net::{IpAddr, SocketAddr}; use std::time::{Duration, Instant}; fn f(now: Instant) {}",
        ),
        ("policy/request.rs", "use super::decision::Decision; use crate::policy::model::Rule;"),
        ("policy/mod.rs", "#[cfg(test)] mod tests { use super::*; use std::fs; use crate::config::load; }"),
        ("policy/mod.rs", "#[cfg(test)] use std::fs;"),
        (
            "dicom/pdu/mod.rs",
            "mod rq; pub use rq::AssociateRq; pub use crate::dicom::uid::Uid; fn f() { self::rq::g() }",
        ),
        ("dicom/uid.rs", "fn f() { let policy = 1; policy::<u8>(); } mod policy { pub fn x() {} }"),
        ("dicom/uid.rs", "/// Like `crate::policy::Policy`, without a link.\nfn f() {}"),
        (
            "gate/mod.rs",
            "use crate::policy::{Decision, Policy}; use crate::audit::chain; use crate::telemetry::Metrics;",
        ),
        ("proxy/mod.rs", "use crate::{archive, audit, config, dicom, gate, identity, net, policy};"),
        ("cli/run.rs", "use crate::{proxy, config, net};"),
        ("net/dial.rs", "fn f() { tokio::net::TcpStream::connect(x); std::time::Instant::now(); }"),
        ("main.rs", "fn main() { dicomgate::cli::main() }"),
        ("lib.rs", "pub mod policy; pub mod dicom;"),
    ];
    for (file, source) in cases {
        let found = faults(file, source);
        assert!(found.is_empty(), "{file}: `{source}`\nfound {found:?}");
    }
}
