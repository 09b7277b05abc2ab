//! Loading, whole or not at all.

use super::check::CheckValue;
use super::environment;
use super::escrow;
use super::fault::{KeysFault, Problem};
use super::file::{Content, KeyText, Wrapped};
use super::manifest::{End, Manifest};
use super::{folder, locked, token};
use crate::config::{KeySource, Vault};
use crate::vault::escrow::Escrow;
use crate::vault::suite::Key256;
use crate::vault::{KeyId, KeyRing, RingKey};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// So often is the ring looked at while others change it.
const TRIES: u32 = 3;

/// Loads the ring and the escrow certificates that the configuration names. It reads files, perhaps talks to a token, and
/// blocks while it does.
///
/// # Errors
/// Everything that is wrong, at once: a key of the manifest that is missing, exchanged or damaged, files that others may
/// read, certificates that cannot be used. Then nothing is loaded.
pub fn load(vault: &Vault) -> Result<(KeyRing, Vec<Escrow>), KeysFault> {
    load_with(vault, &|name| std::env::var(name).ok())
}

/// Loads the ring alone, and the manifest that it was held against.
///
/// # Errors
/// As for [`load`].
pub fn load_ring(vault: &Vault) -> Result<(KeyRing, Manifest), KeysFault> {
    whole(vault, &|name| std::env::var(name).ok())
}

/// Loads the escrow certificates.
///
/// # Errors
/// Each one that cannot be used.
pub fn load_escrow(vault: &Vault) -> Result<Vec<Escrow>, KeysFault> {
    let (certificates, problems): (Vec<_>, Vec<_>) =
        vault.escrow.iter().map(|path| escrow::read(path)).partition(Result::is_ok);
    match problems.is_empty() {
        true => Ok(certificates.into_iter().flatten().collect()),
        false => Err(KeysFault(problems.into_iter().filter_map(Result::err).collect())),
    }
}

/// The same with another environment.
///
/// # Errors
/// As for [`load`].
pub fn load_with(
    vault: &Vault,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<(KeyRing, Vec<Escrow>), KeysFault> {
    match (whole(vault, environment), load_escrow(vault)) {
        (Ok((ring, _)), Ok(certificates)) => Ok((ring, certificates)),
        (ring, escrow) => {
            let problems = [ring.err(), escrow.err()].into_iter().flatten().flat_map(|fault| fault.0);
            Err(KeysFault(problems.collect()))
        }
    }
}

fn whole(vault: &Vault, environment: &dyn Fn(&str) -> Option<String>) -> Result<(KeyRing, Manifest), KeysFault> {
    for _ in 0..TRIES {
        let before = Manifest::read(&vault.key_folder);
        let loaded = once(vault, environment);
        // A command that changes files and manifest meanwhile shows some of both: that is nothing to complain of.
        if loaded.is_ok() || Manifest::read(&vault.key_folder) == before {
            return loaded;
        }
    }
    once(vault, environment)
}

fn once(vault: &Vault, environment: &dyn Fn(&str) -> Option<String>) -> Result<(KeyRing, Manifest), KeysFault> {
    let mut problems = Vec::new();
    let (keys, manifest) = held(vault, environment, &mut problems);
    match problems.is_empty() {
        true => {
            let manifest = manifest.unwrap_or_default();
            Ok((ring(keys).sealing_with(manifest.newest()), manifest))
        }
        false => Err(KeysFault(problems)),
    }
}

/// The keys of a folder of key files, without manifest: for opening what was sealed, anywhere, years later.
///
/// # Errors
/// Files that cannot be read, or hold no key in clear.
pub fn load_folder(folder: &Path) -> Result<KeyRing, KeysFault> {
    let mut problems = Vec::new();
    let (keys, wrapped) = files(folder, &mut problems);
    if let Some((_, (path, _))) = wrapped.first_key_value() {
        let words = "it is wrapped by a token; name it as `keys` in [vault]";
        problems.push(Problem::NoKey { path: path.clone(), words });
    }
    if problems.is_empty() && keys.is_empty() {
        problems.push(Problem::Empty(format!("`{}`", folder.display())));
    }
    if problems.is_empty() { Ok(ring(keys)) } else { Err(KeysFault(problems)) }
}

fn ring(keys: BTreeMap<KeyId, Key256>) -> KeyRing {
    let locked = keys.values().filter(|key| locked::lock(key)).count();
    if locked < keys.len() {
        tracing::warn!(
            keys = keys.len(),
            locked,
            "the system does not let keys be kept out of swap space: raise the limit of locked memory (LimitMEMLOCK)"
        );
    }
    KeyRing::new(keys.into_iter().map(|(id, key)| RingKey { id, key }))
}

/// Every key at hand, held against the manifest.
pub(super) fn held(
    vault: &Vault,
    environment: &dyn Fn(&str) -> Option<String>,
    problems: &mut Vec<Problem>,
) -> (BTreeMap<KeyId, Key256>, Option<Manifest>) {
    let keys = candidates(vault, environment, problems);
    let manifest = Manifest::read(&vault.key_folder).unwrap_or_else(|problem| {
        problems.push(problem);
        None
    });
    let broken = !problems.is_empty();
    match &manifest {
        Some(manifest) => {
            // What could not be read is said already, and is not missing besides.
            let in_files = !matches!(vault.keys, KeySource::Environment(_));
            let absent = |id: KeyId| !broken || in_files && !folder::key_path(&vault.key_folder, id.0).exists();
            held_against(manifest, &keys, &absent, problems);
        }
        None if broken => {}
        None if keys.is_empty() => problems.push(Problem::Empty(place(vault))),
        None => problems.push(Problem::NoManifest(Manifest::path(&vault.key_folder))),
    }
    (keys, manifest)
}

/// Where the keys come from, for people.
fn place(vault: &Vault) -> String {
    match &vault.keys {
        KeySource::Folder => format!("`{}`", vault.key_folder.display()),
        KeySource::Environment(name) => format!("the environment variable `{name}`"),
        KeySource::Token(_) => format!("`{}`, wrapped by the token", vault.key_folder.display()),
    }
}

/// Every key at hand, whatever the manifest says of it.
pub(super) fn candidates(
    vault: &Vault,
    environment: &dyn Fn(&str) -> Option<String>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<KeyId, Key256> {
    if let KeySource::Environment(name) = &vault.keys {
        let value = environment(name).map(zeroize::Zeroizing::new);
        return match environment::parse(name, value.as_deref().map(String::as_str)) {
            Ok(keys) => keys.into_iter().collect(),
            Err(problem) => {
                problems.push(problem);
                BTreeMap::new()
            }
        };
    }
    if vault.key_folder.exists()
        && let Err(problem) = folder::guarded(&vault.key_folder)
    {
        problems.push(problem);
    }
    let (mut keys, wrapped) = files(&vault.key_folder, problems);
    match &vault.keys {
        KeySource::Token(uri) if !wrapped.is_empty() => {
            let items = wrapped.iter().map(|(id, (path, wrapped))| (*id, path.as_path(), wrapped)).collect::<Vec<_>>();
            match token::unwrap(uri, &items) {
                Ok(unwrapped) => keys.extend(unwrapped),
                Err(problem) => problems.push(problem),
            }
        }
        _ => {
            if let Some((_, (path, _))) = wrapped.first_key_value() {
                let words = "it is wrapped by a token, and `keys` names none";
                problems.push(Problem::NoKey { path: path.clone(), words });
            }
        }
    }
    keys
}

type Files = (BTreeMap<KeyId, Key256>, BTreeMap<KeyId, (PathBuf, (Wrapped, CheckValue))>);

/// The key files of a folder: those in clear, and those wrapped.
fn files(folder: &Path, problems: &mut Vec<Problem>) -> Files {
    let (mut keys, mut wrapped) = (BTreeMap::new(), BTreeMap::new());
    let mut paths: BTreeMap<KeyId, PathBuf> = BTreeMap::new();
    let all = folder::key_files(folder).unwrap_or_else(|problem| {
        problems.push(problem);
        Vec::new()
    });
    for path in all {
        let read = folder::read(&path, true)
            .and_then(|text| KeyText::parse(&text).map_err(|words| Problem::NoKey { path: path.clone(), words }));
        let text = match read {
            Ok(text) => text,
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        if let Some(one) = paths.insert(text.id, path.clone()) {
            problems.push(Problem::Twice { id: text.id, one, other: path });
            continue;
        }
        match text.content {
            Content::Key(key) if CheckValue::of(&key) == text.check => {
                keys.insert(text.id, key);
            }
            Content::Key(_) => problems.push(Problem::Damaged(path)),
            Content::Wrapped(content) => {
                wrapped.insert(text.id, (path, (content, text.check)));
            }
        }
    }
    (keys, wrapped)
}

/// Every key that ever was must be there, unless it is known to have ended; and no other.
fn held_against(
    manifest: &Manifest,
    keys: &BTreeMap<KeyId, Key256>,
    absent: &dyn Fn(KeyId) -> bool,
    problems: &mut Vec<Problem>,
) {
    for entry in &manifest.keys {
        match (keys.get(&entry.id), entry.end) {
            (Some(_), Some((End::Destroyed, _))) => problems.push(Problem::Returned(entry.id)),
            (Some(key), _) if entry.check.is_some_and(|check| check != CheckValue::of(key)) => {
                problems.push(Problem::Exchanged(entry.id))
            }
            (None, None) if absent(entry.id) => problems.push(Problem::Missing(entry.id)),
            _ => {}
        }
    }
    for id in keys.keys().filter(|id| manifest.get(**id).is_none()) {
        problems.push(Problem::Unknown(*id));
    }
    if manifest.newest().is_none() && problems.is_empty() {
        problems.push(Problem::NoneSeals);
    }
}
