//! Texts in, all faults and, if there are none, settings out. Pure: time and texts are arguments.

pub(super) mod accounts;
mod archives;
mod database;
mod gateway;
mod inside;
mod listeners;
mod peers;
mod policy;
mod told;
mod users;
mod vault;
mod weakness;

use super::fault::{Fault, Report, Severity};
use super::raw::gateway::RawGatewayFile;
use super::raw::policy::RawPolicyFile;
use super::raw::{Field, parse};
use super::settings::{PolicyTexts, Source};
use super::{Limits, Settings};
use std::path::{Path, PathBuf};
use toml::Spanned;

/// A text and where it was read.
pub(super) type Text<'t> = (&'t Path, &'t str);

/// The texts that make a configuration.
#[derive(Clone, Copy)]
pub(super) struct Texts<'t> {
    pub(super) gateway: Text<'t>,
    pub(super) policy: Option<Text<'t>>,
    pub(super) peers: Option<Text<'t>>,
    /// What `database_file` holds.
    pub(super) database: Option<&'t str>,
    /// What `attributes` of `[users]` names.
    pub(super) attributes: Option<Text<'t>>,
    /// What `file` of `[users.local]` names; `None` where it is not there yet.
    pub(super) accounts: Option<Text<'t>>,
    /// Where relative paths begin.
    pub(super) root: &'t Path,
    /// A policy that fails its own tests is refused.
    pub(super) tests: bool,
}

/// What is to be looked at on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A file that is read.
    File,
    /// The same: a certificate for escrow.
    Escrow,
    /// The same: the module of a token.
    Module,
    /// A private key, or what else nobody else may read.
    Key,
    /// The key that rows of the state are sealed with: a `Key` of 64 hexadecimal digits.
    RowKey,
    /// A folder that is written to; it may come into being.
    Folder,
    /// A file that a command writes, and whose change is a reload; it may not be there yet.
    Told,
    /// One of the files of the configuration itself.
    Own,
    /// A password: nobody else may read it.
    Password,
    /// Accounts with digests of passwords: nobody else may read them. A command makes the file; it may not be there yet.
    Accounts,
}

/// A path that the configuration names, with the place of the key that names it.
pub(super) struct Named {
    pub(super) path: PathBuf,
    pub(super) kind: Kind,
    /// A fault at that place, without words yet.
    pub(super) place: Fault,
}

/// What came out of both files.
pub(super) struct Outcome {
    /// Settings, unless there is an error.
    pub(super) settings: Option<Settings>,
    pub(super) faults: Vec<Fault>,
    pub(super) named: Vec<Named>,
}

/// Everything that the steps of the validation share.
struct Ground<'t> {
    root: &'t Path,
    named: Vec<Named>,
}

impl Ground<'_> {
    /// The path of a key, ready to open; it is noted for the look at the disk.
    fn path(&mut self, field: &Field<PathBuf>, kind: Kind, report: &Report<'_>) -> Option<PathBuf> {
        let value = field.spanned()?;
        let path = self.root.join(value.get_ref());
        self.named.push(Named { path: path.clone(), kind, place: report.place(value.span()) });
        Some(path)
    }
}

/// The path of the policy file.
pub(super) fn policy_file((path, text): Text<'_>) -> Option<PathBuf> {
    let mut report = Report::new(path, text);
    let table = parse(text, &mut report);
    let raw = RawGatewayFile::read_table(table.get_ref(), table.span(), &mut report);
    raw.policy.get().and_then(|policy| policy.file.cloned())
}

/// The path of the file that holds the URL of the database.
pub(super) fn database_file((path, text): Text<'_>) -> Option<PathBuf> {
    let mut report = Report::new(path, text);
    let table = parse(text, &mut report);
    let raw = RawGatewayFile::read_table(table.get_ref(), table.span(), &mut report);
    raw.gateway.get().and_then(|gateway| gateway.database_file.cloned())
}

/// The path of the file that says what the archive calls people.
pub(super) fn attributes_file((path, text): Text<'_>) -> Option<PathBuf> {
    let mut report = Report::new(path, text);
    let table = parse(text, &mut report);
    let raw = RawGatewayFile::read_table(table.get_ref(), table.span(), &mut report);
    raw.users.get().and_then(|users| users.attributes.cloned())
}

/// The path of the file of local accounts.
pub(super) fn accounts_file((path, text): Text<'_>) -> Option<PathBuf> {
    let mut report = Report::new(path, text);
    let table = parse(text, &mut report);
    let raw = RawGatewayFile::read_table(table.get_ref(), table.span(), &mut report);
    raw.users.get().and_then(|users| users.local.get()?.file.cloned())
}

/// The path of the peers file.
pub(super) fn peers_file((path, text): Text<'_>) -> Option<PathBuf> {
    let mut report = Report::new(path, text);
    let table = parse(text, &mut report);
    RawPolicyFile::read_table(table.get_ref(), table.span(), &mut report).peers_file.cloned()
}

/// Validates everything at once.
pub(super) fn validate(texts: &Texts<'_>, now: &jiff::Zoned) -> Outcome {
    let mut ground = Ground { root: texts.root, named: Vec::new() };
    let (path, text) = texts.gateway;
    let mut report = Report::new(path, text);
    let table = parse(text, &mut report);
    let raw = RawGatewayFile::read_table(table.get_ref(), 0..0, &mut report);
    let limits = raw.limits.get().map_or_else(Limits::default, |limits| Limits::validated(limits, &mut report));
    let gateway = gateway::gateway(&raw, texts.database, &mut ground, &mut report);
    let tls = gateway::tls(&raw, &mut ground, &mut report);
    let listeners = listeners::validate(&raw, &mut report);
    let admin = gateway::admin(&raw, &mut report);
    let audit = gateway::audit(&raw, &mut report);
    let vault = vault::validate(&raw, now, &mut ground, &mut report);
    let archives = archives::validate(&raw, &limits, &mut ground, &mut report);
    let (accounts, wrong_accounts) = texts.accounts.map(accounts::validate).unwrap_or_default();
    let mut attributes = texts.attributes.map(|(path, text)| Report::new(path, text));
    let users = users::validate(&raw, &limits, attributes.as_mut(), accounts, &mut ground, &mut report);
    let observe_until = gateway::observe_until(&raw, now, &mut report);
    let confirm = gateway::confirm(&raw, &mut report);
    ground.path(&raw.policy.get().map(|policy| policy.file.clone()).unwrap_or_default(), Kind::Own, &report);

    let mut files = vec![path.to_path_buf()];
    let mut model = None;
    let mut faults = Vec::new();
    if let Some((path, text)) = texts.policy {
        files.push(path.to_path_buf());
        let mut policy = policy::Reports {
            policy: Report::new(path, text),
            peers: texts.peers.map(|(path, text)| Report::new(path, text)),
            gateway: report,
            tests: texts.tests,
        };
        model = Some(policy::validate(&raw, observe_until, &mut ground, &mut policy));
        report = policy.gateway;
        faults.extend(policy.policy.into_faults());
        if let Some(peers) = policy.peers {
            files.extend(texts.peers.map(|(path, _)| path.to_path_buf()));
            faults.extend(peers.into_faults());
        }
    }
    if let Some(attributes) = attributes {
        files.extend(texts.attributes.map(|(path, _)| path.to_path_buf()));
        faults.extend(attributes.into_faults());
    }
    faults.extend(wrong_accounts);
    faults.splice(0..0, report.into_faults());
    let sound = !faults.iter().any(|fault| fault.severity == Severity::Error);
    let source = Source {
        gateway: path.to_path_buf(),
        policy: texts.policy.map(|(path, _)| path.to_path_buf()).unwrap_or_default(),
        root: texts.root.to_path_buf(),
        files: files.into_iter().chain(watched(&ground.named)).collect(),
        warnings: Vec::new(),
        texts: PolicyTexts::default(),
    };
    let settings = match (sound, gateway, model) {
        (true, Some(gateway), Some(policy)) => Some(Settings {
            gateway,
            tls,
            listeners,
            archives,
            policy,
            users,
            confirm,
            vault,
            limits,
            audit,
            admin,
            source,
        }),
        _ => None,
    };
    Outcome { settings, faults, named: ground.named }
}

fn watched(named: &[Named]) -> impl Iterator<Item = PathBuf> {
    named.iter().filter(|named| !matches!(named.kind, Kind::Folder | Kind::Own)).map(|named| named.path.clone())
}

/// Reports what stands twice.
fn repeated<T: PartialEq + std::fmt::Display>(what: &str, items: &[Spanned<T>], report: &mut Report<'_>) {
    for (at, item) in items.iter().enumerate() {
        if items.iter().take(at).any(|earlier| earlier.get_ref() == item.get_ref()) {
            report.error(item.span(), format!("{what} `{}` stands here twice", item.get_ref())).hint("take one out");
        }
    }
}
