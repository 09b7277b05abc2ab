//! Making, taking in, destroying and forgetting keys.

use super::check::CheckValue;
use super::fault::{KeysFault, Problem};
use super::file::{Content, KeyText};
use super::load::{candidates, held};
use super::manifest::{End, Entry, Manifest};
use super::{environment, folder, token};
use crate::config::{KeySource, Vault};
use crate::vault::KeyId;
use crate::vault::suite::Key256;
use jiff::Timestamp;
use ring::rand::{SecureRandom as _, SystemRandom};
use std::env::VarError;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A key that was made.
#[derive(Debug)]
pub struct Made {
    /// Its number.
    pub id: KeyId,
    /// Which key it is.
    pub check: CheckValue,
    /// Whether it seals from now on; otherwise it was made for later.
    pub seals: bool,
    /// Its file.
    pub file: Option<PathBuf>,
    /// What has to be added to the environment variable: `2:HEX`. A secret.
    pub variable: Option<Zeroizing<String>>,
    /// It was made and may be in use, and it is not sure that this is on the disk: back it up at once.
    pub unsettled: Option<Problem>,
}

/// Makes the next key, or the first, and enters it in the manifest.
///
/// # Errors
/// What is there is not sound, or the token or the folder does not take it. Then no key was made.
pub fn new_key(vault: &Vault, now: Timestamp) -> Result<Made, KeysFault> {
    make(vault, Some(now), now)
}

/// Makes the next key for later: it opens, and seals nothing before [`put_to_use`]. So every gateway that shares the ring
/// can have it before the first object is sealed with it.
///
/// # Errors
/// As for [`new_key`].
pub fn prepare(vault: &Vault, now: Timestamp) -> Result<Made, KeysFault> {
    make(vault, None, now)
}

/// Seals with a key from now on that was made for later.
///
/// # Errors
/// There is no such key here, a newer one seals already, or what is there is not sound.
pub fn put_to_use(vault: &Vault, id: KeyId, now: Timestamp) -> Result<(), KeysFault> {
    let folder = &vault.key_folder;
    let _lock = folder::Lock::take(folder)?;
    folder::guarded(folder)?;
    let mut manifest = sound_manifest(vault)?;
    let newer = manifest.keys.iter().rev().find(|entry| entry.seals.is_some()).map(|entry| entry.id);
    let entry = manifest.get_mut(id).ok_or(Problem::NoSuchKey(id))?;
    let words = match (entry.end, newer) {
        (Some(_), _) => format!("key {id} has ended"),
        (None, Some(newer)) if newer == id => format!("new objects are sealed with key {id} already"),
        (None, Some(newer)) if newer > id => format!("key {newer} is newer than key {id}, and seals or has sealed"),
        _ => {
            entry.seals = Some(now);
            return Ok(manifest.write(folder)?);
        }
    };
    Err(Problem::Refused(words).into())
}

fn make(vault: &Vault, seals: Option<Timestamp>, now: Timestamp) -> Result<Made, KeysFault> {
    let folder = &vault.key_folder;
    let _lock = folder::Lock::take(folder)?;
    folder::guarded(folder)?;
    let mut manifest = sound_manifest(vault)?;
    let id = manifest.next();
    let key = random_key()?;
    let check = CheckValue::of(&key);
    let path = folder::key_path(folder, id.0);
    let (file, variable) = match &vault.keys {
        KeySource::Environment(_) => (None, Some(variable(id, &key))),
        KeySource::Folder => {
            folder::create(&path, &KeyText { id, content: Content::Key(key), check }.text())?;
            (Some(path), None)
        }
        KeySource::Token(uri) => {
            let content = Content::Wrapped(token::wrap(uri, &key)?);
            folder::create(&path, &KeyText { id, content, check }.text())?;
            (Some(path), None)
        }
    };
    manifest.insert(Entry { id, check: Some(check), made: now, seals, end: None });
    let unsettled = match manifest.write(folder) {
        Ok(()) => None,
        // The manifest may be in its place, and only the folder not on the disk: then a gateway may seal with this key
        // already.
        Err(problem) if entered(folder, id) => Some(problem),
        Err(problem) => {
            // A key that the manifest does not know would keep the gateway from starting.
            if let Some(path) = &file {
                let _ = folder::shred(path);
            }
            return Err(problem.into());
        }
    };
    Ok(Made { id, check, seals: seals.is_some(), file, variable, unsettled })
}

/// Enters keys that are there and not in the manifest: after the manifest was lost, or where keys come from elsewhere.
/// Returns their numbers.
///
/// # Errors
/// Keys that cannot be read, or that contradict the manifest.
pub fn adopt(vault: &Vault, now: Timestamp) -> Result<Vec<KeyId>, KeysFault> {
    let folder = &vault.key_folder;
    let _lock = folder::Lock::take(folder)?;
    folder::guarded(folder)?;
    let mut problems = Vec::new();
    let keys = candidates(vault, &|name| std::env::var(name).ok(), &mut problems);
    if !problems.is_empty() {
        return Err(KeysFault(problems));
    }
    let mut manifest = Manifest::read(folder)?.unwrap_or_default();
    let mut adopted = Vec::new();
    for (id, key) in &keys {
        let check = CheckValue::of(key);
        match manifest.get(*id) {
            None => {
                manifest.insert(Entry { id: *id, check: Some(check), made: now, seals: Some(now), end: None });
                adopted.push(*id);
            }
            Some(entry) if entry.check.is_some_and(|known| known != check) => problems.push(Problem::Exchanged(*id)),
            Some(Entry { end: Some((End::Destroyed, _)), .. }) => problems.push(Problem::Returned(*id)),
            Some(_) => {}
        }
    }
    if !problems.is_empty() {
        return Err(KeysFault(problems));
    }
    if !adopted.is_empty() {
        manifest.write(folder)?;
    }
    Ok(adopted)
}

/// Destroys a key: what it sealed opens by escrow alone from now on. Its file is overwritten and removed; copies elsewhere
/// (backups, the environment) are not reached.
///
/// # Errors
/// There is no such key, it is the newest, or the folder cannot be written.
pub fn destroy(vault: &Vault, id: KeyId, now: Timestamp) -> Result<(), KeysFault> {
    end(vault, id, End::Destroyed, now)
}

/// Says that a key is lost, and that this is known: the gateway starts without it. Should it come back, it opens again; it
/// never seals again. If it was the newest, a new one has to be made: those before it were rotated away.
///
/// # Errors
/// There is no such key, or it is there.
pub fn forget(vault: &Vault, id: KeyId, now: Timestamp) -> Result<(), KeysFault> {
    end(vault, id, End::Forgotten, now)
}

/// The same for a key that the manifest does not have, and that has sealed something: its number is not given again.
///
/// # Errors
/// It is there, or other keys are there without a manifest.
pub fn forget_stranger(vault: &Vault, id: KeyId, now: Timestamp) -> Result<(), KeysFault> {
    let folder = &vault.key_folder;
    let _lock = folder::Lock::take(folder)?;
    folder::guarded(folder)?;
    let mut manifest = match Manifest::read(folder)? {
        Some(manifest) => manifest,
        None => sound_manifest(vault)?,
    };
    if !files_of(vault, id)?.is_empty() || variable_with(vault, id).is_some() {
        return Err(Problem::Unknown(id).into());
    }
    if manifest.get(id).is_none() {
        manifest.insert(Entry { id, check: None, made: now, seals: Some(now), end: Some((End::Forgotten, now)) });
        manifest.write(folder)?;
    }
    Ok(())
}

fn end(vault: &Vault, id: KeyId, how: End, now: Timestamp) -> Result<(), KeysFault> {
    let folder = &vault.key_folder;
    let _lock = folder::Lock::take(folder)?;
    folder::guarded(folder)?;
    let mut manifest = Manifest::read(folder)?.ok_or_else(|| Problem::NoManifest(Manifest::path(folder)))?;
    let newest = manifest.newest();
    let files = files_of(vault, id)?;
    let variable = variable_with(vault, id);
    let entry = manifest.get_mut(id).ok_or(Problem::NoSuchKey(id))?;
    let refused = match (how, entry.end, files.first(), variable) {
        (End::Destroyed, _, _, _) if newest == Some(id) => {
            format!("key {id} is the one that new objects are sealed with: `dicomgate vault rotate` first")
        }
        (End::Destroyed, _, _, Some(name)) => {
            format!(
                "take `{id}:...` out of {name} where it is kept, then this again; a gateway lets go of it at its next start"
            )
        }
        (End::Destroyed, None, None, None) if !matches!(vault.keys, KeySource::Environment(_)) => {
            format!("no file holds key {id}, so there is nothing to destroy; if it is lost: `--forget {id}`")
        }
        (End::Forgotten, Some(_), _, _) => format!("key {id} has ended already"),
        (End::Forgotten, None, Some(path), _) => {
            format!("key {id} is there: `{}`; only what is lost is forgotten", path.display())
        }
        (End::Forgotten, None, None, Some(name)) => {
            format!("key {id} is there: in {name}; only what is lost is forgotten")
        }
        _ => String::new(),
    };
    if !refused.is_empty() {
        return Err(Problem::Refused(refused).into());
    }
    // A destruction that was interrupted is ended.
    if !matches!(entry.end, Some((End::Destroyed, _))) {
        entry.end = Some((how, now));
    }
    // First the word, then the deed: a key that is gone and not entered would keep the gateway from starting.
    manifest.write(folder)?;
    if how == End::Destroyed {
        for path in &files {
            folder::shred(path)?;
        }
        // A gateway that looked in between refused to go on with a destroyed key that is there: it looks again now.
        manifest.write(folder)?;
    }
    Ok(())
}

/// The files of a key, whatever they are called; one that cannot be read any more is known by its name.
fn files_of(vault: &Vault, id: KeyId) -> Result<Vec<PathBuf>, Problem> {
    let named = folder::key_path(&vault.key_folder, id.0);
    let mut files = Vec::new();
    for path in folder::key_files(&vault.key_folder)? {
        let holds = match folder::read(&path, false).map(|text| KeyText::parse(&text).map(|text| text.id)) {
            Ok(Ok(held)) => held == id,
            _ if path == named => true,
            Ok(Err(_)) => false,
            Err(problem) => return Err(problem),
        };
        files.extend(holds.then_some(path));
    }
    Ok(files)
}

/// The environment variable that holds a key, if this process can see it.
fn variable_with(vault: &Vault, id: KeyId) -> Option<&str> {
    let KeySource::Environment(name) = &vault.keys else { return None };
    let value = Zeroizing::new(std::env::var(name).ok()?);
    let keys = environment::parse(name, Some(&value)).ok()?;
    keys.iter().any(|(held, _)| *held == id).then_some(name.as_str())
}

/// The manifest for the next key. A new key must neither hide that an old one is gone nor be given its number.
fn sound_manifest(vault: &Vault) -> Result<Manifest, KeysFault> {
    let environment = |name: &str| std::env::var(name).ok();
    let mut problems = Vec::new();
    let manifest = Manifest::read(&vault.key_folder)?;
    let there = match (&manifest, &vault.keys) {
        (Some(_), _) => !held(vault, &environment, &mut problems).0.is_empty(),
        // Before the first key it is right that the variable is not set, or empty.
        (None, KeySource::Environment(name)) => match std::env::var(name) {
            Err(VarError::NotPresent) => false,
            Ok(value) if value.trim().is_empty() => false,
            _ => !candidates(vault, &environment, &mut problems).is_empty(),
        },
        (None, _) => !folder::key_files(&vault.key_folder)?.is_empty(),
    };
    // That is what a new key mends.
    problems.retain(|problem| *problem != Problem::NoneSeals);
    match (problems.is_empty(), manifest) {
        (false, _) => Err(KeysFault(problems)),
        (true, Some(manifest)) => Ok(manifest),
        (true, None) if there => Err(Problem::NoManifest(Manifest::path(&vault.key_folder)).into()),
        (true, None) => Ok(Manifest::default()),
    }
}

/// Whether the manifest has a key, or may have it.
pub(super) fn entered(folder: &Path, id: KeyId) -> bool {
    match Manifest::read(folder) {
        Ok(manifest) => manifest.is_some_and(|manifest| manifest.get(id).is_some()),
        Err(_) => true,
    }
}

fn random_key() -> Result<Key256, Problem> {
    let mut bytes = Zeroizing::new([0; 32]);
    SystemRandom::new().fill(bytes.as_mut()).map_err(|_| Problem::NoRandom)?;
    Ok(Key256::new(&bytes))
}

fn variable(id: KeyId, key: &Key256) -> Zeroizing<String> {
    use std::fmt::Write as _;
    let mut text = Zeroizing::new(String::with_capacity(80));
    // Writing to a string cannot fail.
    let _ = write!(text, "{id}:");
    for byte in key.reveal() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
