//! From a path to settings: reads both files and what they import, and asks every step for all of its faults.

use super::fault::{Fault, Faults};
use super::settings::PolicyTexts;
use super::validated::{self, Texts};
use super::{Account, Settings, files};
use std::path::{Path, PathBuf};

/// The file that commands read when none is named.
pub const DEFAULT_PATH: &str = "config/gateway.toml";

/// Where a configuration may be that is not where it was looked for.
const ELSEWHERE: &str = "--config names it; without, it is `config/gateway.toml` below the folder that you are in";

/// No file of the configuration is longer than this.
const LONGEST: u64 = 16 << 20;

/// Reads and validates everything, as of now.
///
/// # Errors
/// Every fault of every file at once.
pub fn load(path: &Path) -> Result<Settings, Faults> {
    load_at(path, &jiff::Zoned::now())
}

/// As [`load`], but a policy that fails its own tests is handed out all the same: for commands that say why it does.
/// Nothing may serve with it.
///
/// # Errors
/// Every other fault of every file at once.
pub fn load_untested(path: &Path) -> Result<Settings, Faults> {
    read_all(path, &jiff::Zoned::now(), false, None)
}

/// As [`load_untested`], but with another policy in place of the one that `gateway.toml` names: for commands that compare.
/// The peers file is the one that this policy names, unless `with.peers` has a copy of it.
///
/// # Errors
/// Every fault of every file at once.
pub fn load_with(path: &Path, with: &PolicyFiles) -> Result<Settings, Faults> {
    let text = |path: &Path| read(path).map_err(|words| Faults(vec![Fault::of_file(path, words)]));
    let peers = with.peers.as_deref().map(|peers| Ok((peers, text(peers)?))).transpose()?;
    let instead = Instead {
        policy: (&with.policy, &text(&with.policy)?),
        peers: peers.as_ref().map(|(path, text)| (*path, text.as_str())),
    };
    read_all(path, &jiff::Zoned::now(), false, Some(&instead))
}

/// As [`load_with`], of a policy that is not written yet; `name` is what faults call it.
///
/// # Errors
/// Every fault of every file at once.
pub fn load_text(path: &Path, name: &Path, policy: &str) -> Result<Settings, Faults> {
    let instead = Instead { policy: (name, policy), peers: None };
    read_all(path, &jiff::Zoned::now(), false, Some(&instead))
}

/// A policy that lies elsewhere than `gateway.toml` says.
#[derive(Debug, Clone)]
pub struct PolicyFiles {
    /// `policy.toml`
    pub policy: PathBuf,
    /// What its `peers_file` held.
    pub peers: Option<PathBuf>,
}

/// The same, read.
struct Instead<'t> {
    policy: (&'t Path, &'t str),
    peers: Option<(&'t Path, &'t str)>,
}

/// Reads and validates everything, as of `now` (its time zone is the one in which the files name days).
///
/// # Errors
/// Every fault of every file at once.
pub fn load_at(path: &Path, now: &jiff::Zoned) -> Result<Settings, Faults> {
    read_all(path, now, true, None)
}

fn read_all(path: &Path, now: &jiff::Zoned, tests: bool, with: Option<&Instead<'_>>) -> Result<Settings, Faults> {
    let root = root(path);
    let gateway = read(path).map_err(|words| {
        let fault = Fault::of_file(path, words);
        Faults(vec![if path.exists() { fault } else { fault.with_hint(ELSEWHERE) }])
    })?;
    let text = (path, gateway.as_str());
    let policy_path = match with {
        Some(with) => Some(with.policy.0.to_path_buf()),
        None => validated::policy_file(text).map(|file| root.join(file)),
    };
    let policy = match with {
        Some(with) => Some(with.policy.1.to_owned()),
        None => policy_path.as_deref().and_then(|path| read(path).ok()),
    };
    let policy = policy_path.as_deref().zip(policy.as_deref());
    let copy = with.and_then(|with| with.peers);
    let peers_path = match copy {
        Some((path, _)) => Some(path.to_path_buf()),
        None => policy.and_then(validated::peers_file).map(|file| root.join(file)),
    };
    let peers = match copy {
        Some((_, text)) => Some(text.to_owned()),
        None => peers_path.as_deref().and_then(|path| read(path).ok()),
    };
    let peers = peers_path.as_deref().zip(peers.as_deref());
    let database = validated::database_file(text).and_then(|file| read(&root.join(file)).ok());
    let database = database.as_deref();
    let attributes_path = validated::attributes_file(text).map(|file| root.join(file));
    let attributes = attributes_path.as_deref().and_then(|path| read(path).ok());
    let attributes = attributes_path.as_deref().zip(attributes.as_deref());
    let accounts_path = validated::accounts_file(text).map(|file| root.join(file));
    let accounts = accounts_path.as_deref().and_then(|path| read(path).ok());
    let accounts = accounts_path.as_deref().zip(accounts.as_deref());
    let texts = Texts { gateway: text, policy, peers, database, attributes, accounts, root: &root, tests };
    let outcome = validated::validate(&texts, now);
    let mut faults = outcome.faults;
    faults.extend(files::look(&outcome.named));
    let order = [
        Some(path),
        policy_path.as_deref(),
        peers_path.as_deref(),
        attributes_path.as_deref(),
        accounts_path.as_deref(),
    ];
    let order: Vec<&Path> = order.into_iter().flatten().collect();
    let faults = Faults(faults).sorted(&order);
    match outcome.settings {
        Some(mut settings) if !faults.any_error() => {
            settings.source.warnings = faults.0;
            settings.source.texts =
                PolicyTexts::new(policy.map(|(_, text)| text).unwrap_or_default(), peers.map(|(_, text)| text));
            Ok(settings)
        }
        _ => Err(faults),
    }
}

/// The file of local accounts that a `gateway.toml` names, whatever else may be wrong with it. `None` if it names none.
pub fn accounts_path(path: &Path) -> Option<PathBuf> {
    let text = read(path).ok()?;
    Some(root(path).join(validated::accounts_file((path, &text))?))
}

/// Reads a `users.toml` by itself, for commands that list or change it. A file that is not there has no accounts.
///
/// # Errors
/// Every fault of the file.
pub fn load_accounts(path: &Path) -> Result<Vec<Account>, Faults> {
    let text = match path.exists() {
        true => read(path).map_err(|words| Faults(vec![Fault::of_file(path, words)]))?,
        false => String::new(),
    };
    accounts_of(path, &text)
}

/// The accounts of a text that is, or shall become, a `users.toml`.
///
/// # Errors
/// Every fault of the text.
pub fn accounts_of(path: &Path, text: &str) -> Result<Vec<Account>, Faults> {
    let (accounts, faults) = validated::accounts::validate((path, text));
    let faults = Faults(faults);
    if faults.any_error() { Err(faults) } else { Ok(accounts) }
}

/// The state folder that a `gateway.toml` names, whatever else may be wrong with it: the audit log is asked just when
/// something is. `None` if that cannot be read.
pub fn state_folder(path: &Path) -> Option<PathBuf> {
    let table: toml::Table = read(path).ok()?.parse().ok()?;
    let state = table.get("gateway")?.get("state")?.as_str()?;
    Some(root(path).join(state))
}

/// Where relative paths begin: the folder of `gateway.toml`, or the one above if that is called `config`.
fn root(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let in_config = absolute.parent().is_some_and(|folder| folder.file_name().is_some_and(|name| name == "config"));
    let folder = path.parent().unwrap_or(Path::new(""));
    match (in_config, folder.file_name().is_some()) {
        (false, _) => folder.to_path_buf(),
        (true, true) => folder.parent().unwrap_or(Path::new("")).to_path_buf(),
        (true, false) => folder.join(".."),
    }
}

/// Reads a file of the configuration, as far as such files may be long.
pub(super) fn read(path: &Path) -> Result<String, String> {
    use std::io::Read as _;
    let fail = |error: std::io::Error| format!("this file cannot be read: {}", words(&error));
    let mut bytes = Vec::new();
    std::fs::File::open(path).map_err(fail)?.take(LONGEST + 1).read_to_end(&mut bytes).map_err(fail)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > LONGEST {
        return Err("this file is longer than 16 MiB".to_owned());
    }
    String::from_utf8(bytes).map_err(|_| "this file is not UTF-8 text".to_owned())
}

/// An error of the operating system without its number.
pub(super) fn words(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => {
            let text = error.to_string();
            text.split(" (os error").next().unwrap_or_default().to_lowercase()
        }
    }
}
