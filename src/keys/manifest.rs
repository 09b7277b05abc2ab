//! The manifest: every key that ever was, with a check value. No secret stands in it; keep it with the backups of the keys.

use super::check::CheckValue;
use super::fault::Problem;
use super::folder;
use crate::vault::KeyId;
use jiff::Timestamp;
use std::path::{Path, PathBuf};

const FILE: &str = "manifest.json";
/// The version of the file that this reads and writes.
const VERSION: u32 = 1;

/// Every key that ever was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// By number, ascending.
    pub keys: Vec<Entry>,
}

/// One key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub id: KeyId,
    /// Which key it is; `None`: it is known by its number alone, and has ended.
    pub check: Option<CheckValue>,
    /// When it was made, or taken in.
    pub made: Timestamp,
    /// Since when new objects may be sealed with it; `None`: it was made for later, and opens only.
    pub seals: Option<Timestamp>,
    /// How it ended; `None`: it must be there.
    pub end: Option<(End, Timestamp)>,
}

/// How a key ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// It was destroyed on purpose: what it sealed shall not open.
    Destroyed,
    /// It was lost, and somebody has said that they know.
    Forgotten,
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    keys: Vec<WrittenKey>,
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenKey {
    id: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    check: Option<String>,
    made: Timestamp,
    /// `false`: it was made for later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seals: Option<bool>,
    /// When what was made for later was put to use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    used: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end: Option<End>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended: Option<Timestamp>,
}

impl Manifest {
    /// Where it lies.
    pub fn path(key_folder: &Path) -> PathBuf {
        key_folder.join(FILE)
    }

    /// Reads it; `None`: there is none.
    ///
    /// # Errors
    /// It cannot be read, or is damaged.
    pub fn read(key_folder: &Path) -> Result<Option<Self>, Problem> {
        let path = Self::path(key_folder);
        // Only a file that is surely not there is none: a disk that fails must not make a ring look new.
        match path.try_exists() {
            Ok(false) => return Ok(None),
            Ok(true) => {}
            Err(fault) => return Err(folder::unreadable(&path, &fault)),
        }
        let text = folder::read(&path, false)?;
        Self::parse(&text).map(Some).map_err(|words| Problem::Manifest { path, words })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let written: Written = serde_json::from_str(text).map_err(|fault| fault.to_string())?;
        if written.version != VERSION {
            return Err(format!("version {} is not known here", written.version));
        }
        let mut keys = Vec::with_capacity(written.keys.len());
        for key in written.keys {
            let check = key.check.as_deref().map(str::parse).transpose();
            let check = check.map_err(|_| format!("the check value of key {} is none", key.id))?;
            if check.is_none() && key.end.is_none() {
                return Err(format!("key {} has no check value", key.id));
            }
            if key.id == 0 || keys.last().is_some_and(|before: &Entry| before.id.0 >= key.id) {
                return Err("its keys are not in ascending order".to_owned());
            }
            let end = key.end.map(|end| (end, key.ended.unwrap_or(key.made)));
            let seals = (key.seals != Some(false)).then_some(key.used.unwrap_or(key.made));
            keys.push(Entry { id: KeyId(key.id), check, made: key.made, seals, end });
        }
        Ok(Self { keys })
    }

    /// Writes it, whole or not at all.
    pub(super) fn write(&self, key_folder: &Path) -> Result<(), Problem> {
        let keys = self.keys.iter().map(|entry| WrittenKey {
            id: entry.id.0,
            check: entry.check.map(|check| check.to_string()),
            made: entry.made,
            seals: entry.seals.is_none().then_some(false),
            used: entry.seals.filter(|at| *at != entry.made),
            end: entry.end.map(|(end, _)| end),
            ended: entry.end.map(|(_, at)| at),
        });
        let path = Self::path(key_folder);
        let written = Written { version: VERSION, keys: keys.collect() };
        let mut text = serde_json::to_string_pretty(&written)
            .map_err(|fault| Problem::Manifest { path: path.clone(), words: fault.to_string() })?;
        text.push('\n');
        folder::replace(&path, &text, 0o644)
    }

    /// The entry of a key.
    pub fn get(&self, id: KeyId) -> Option<&Entry> {
        self.keys.iter().find(|entry| entry.id == id)
    }

    /// What is wrong if these keys have sealed something: a ring that never had one of them is another one, or an old copy,
    /// and would give its number to another key.
    pub fn lacks(&self, keys: impl IntoIterator<Item = KeyId>) -> Vec<Problem> {
        // Number 0 stands in the ledger where a key was not known.
        keys.into_iter().filter(|id| id.0 > 0 && self.get(*id).is_none()).map(Problem::Stranger).collect()
    }

    pub(super) fn get_mut(&mut self, id: KeyId) -> Option<&mut Entry> {
        self.keys.iter_mut().find(|entry| entry.id == id)
    }

    /// The key that new objects are sealed with: of those that were ever to seal the last, unless it has ended. Then none
    /// seals: those before it were rotated away, perhaps for a reason.
    pub fn newest(&self) -> Option<KeyId> {
        let last = self.keys.iter().rev().find(|entry| entry.seals.is_some());
        last.filter(|entry| entry.end.is_none()).map(|entry| entry.id)
    }

    /// The number of the next key: none was ever used twice.
    pub fn next(&self) -> KeyId {
        KeyId(self.keys.last().map_or(0, |entry| entry.id.0).saturating_add(1))
    }

    /// Takes a key in, in its place.
    pub(super) fn insert(&mut self, entry: Entry) {
        let at = self.keys.partition_point(|known| known.id < entry.id);
        self.keys.insert(at, entry);
    }
}
