//! Changing `users.toml` entry by entry: what is not meant stays as it is, byte for byte, and what is written is read
//! back before it takes the place of the old file.

use super::Refusal;
use crate::config::{self, Account};
use crate::durable::{self, folder_of};
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// What a file begins with that the program makes.
const HEAD: &str =
    "# Local accounts of dicomgate: `dicomgate user add`, `remove`, `list`. For the gateway's user alone.\n";

/// The file as it is, held against other commands that would change it.
pub(super) struct Book {
    path: PathBuf,
    /// Nobody else changes the file while this is open.
    _held: File,
    text: String,
    pub(super) accounts: Vec<Account>,
}

impl Book {
    /// Reads the file; one that is not there yet has no accounts.
    pub(super) fn open(path: &Path) -> Result<Self, Refusal> {
        // What a link leads to is changed, not the link.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        let folder = folder_of(&path);
        let cannot = |what: &Path, fault: io::Error| Refusal::no(format!("`{}`: {fault}", what.display()));
        let held = File::open(folder).map_err(|fault| cannot(folder, fault))?;
        held.lock().map_err(|fault| cannot(folder, fault))?;
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => HEAD.to_owned(),
            Err(fault) => return Err(cannot(&path, fault)),
        };
        let accounts = config::accounts_of(&path, &text).map_err(|faults| Refusal::no(faults.to_string()))?;
        Ok(Self { path, _held: held, text, accounts })
    }

    /// Where it lies.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds an entry at the end.
    pub(super) fn append(mut self, entry: &str) -> Result<(), Refusal> {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        if !self.text.trim().is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(entry);
        let most = self.accounts.len() + 1;
        self.write(|after| after.len() == most)
    }

    /// Takes an entry out; comments above and below it stay.
    pub(super) fn remove(mut self, name: &str) -> Result<(), Refusal> {
        let Some(block) = block_of(&self.text, name) else { return Err(self.by_hand(name)) };
        self.text.replace_range(block, "");
        let before: Vec<Account> = std::mem::take(&mut self.accounts);
        self.write(|after| before.iter().filter(|account| account.name != name).eq(after))
    }

    /// Gives an entry another hash.
    pub(super) fn rehash(mut self, name: &str, phc: &str) -> Result<(), Refusal> {
        let block = block_of(&self.text, name);
        let line = block.and_then(|block| password_line(self.text.get(block.clone())?, block.start));
        let Some(line) = line else { return Err(self.by_hand(name)) };
        self.text.replace_range(line, &format!("password = \"{phc}\"\n"));
        let before: Vec<Account> = std::mem::take(&mut self.accounts);
        self.write(|after| {
            let same = |(a, b): (&Account, &Account)| a.name == name || a == b;
            before.len() == after.len() && before.iter().zip(after).all(same)
        })
    }

    fn by_hand(&self, name: &str) -> Refusal {
        Refusal::no(format!(
            "the entry of `{name}` in `{}` cannot be told apart: change it by hand",
            self.path.display()
        ))
    }

    /// Replaces the file, whole or not at all, if what it then says is what is meant.
    fn write(self, is_meant: impl FnOnce(&[Account]) -> bool) -> Result<(), Refusal> {
        let after = config::accounts_of(&self.path, &self.text).map_err(|faults| Refusal::no(faults.to_string()))?;
        if !is_meant(&after) {
            let words = "the file cannot be changed without touching other entries: change it by hand";
            return Err(Refusal::no(format!("`{}`: {words}", self.path.display())));
        }
        replace(&self.path, &self.text).map_err(|fault| Refusal::no(format!("`{}`: {fault}", self.path.display())))
    }
}

/// Writes beside the file and renames. Whoever owned it, or owns the folder of a new one, owns it: the gateway's user
/// must be able to read what an administrator writes.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = folder_of(path);
    let owner = fs::metadata(path).or_else(|_| fs::metadata(folder))?;
    let draft = durable::draft(path, text.as_bytes(), 0o600)?;
    let made = fs::metadata(&draft)?;
    if (made.uid(), made.gid()) != (owner.uid(), owner.gid()) {
        // Who may not give files away is not root, and then writes as the user who will read.
        let _ = std::os::unix::fs::chown(&draft, Some(owner.uid()), Some(owner.gid()));
    }
    durable::take_place(&draft, path)
}

/// The bytes of the entry of this name: from its `[[user]]` to the end of its last key.
fn block_of(text: &str, name: &str) -> Option<Range<usize>> {
    let mut found = blocks(text).filter(|block| {
        let table = text.get(block.clone()).and_then(|entry| entry.parse::<toml::Table>().ok());
        let said = table.as_ref().and_then(|table| table.get("user")?.get(0)?.get("name")?.as_str().map(str::to_owned));
        said.as_deref() == Some(name)
    });
    let only = found.next()?;
    found.next().is_none().then_some(only)
}

/// Every `[[user]]` with its keys and tables; what only comments say at its end belongs to the next one.
fn blocks(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut all: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let words = line.trim();
        let end = at + line.len();
        if words.starts_with("[[user]]") {
            all.push(at..end);
        } else if let Some(block) = all.last_mut()
            && !words.is_empty()
            && !words.starts_with('#')
        {
            block.end = end;
        }
        at = end;
    }
    all.into_iter()
}

/// The bytes of the line of an entry that holds its hash. `start`: where the entry begins in the file.
fn password_line(entry: &str, start: usize) -> Option<Range<usize>> {
    let mut at = start;
    for line in entry.split_inclusive('\n') {
        let key = line.split('=').next().unwrap_or_default().trim().trim_matches(['"', '\'']);
        if key == "password" {
            return Some(at..at + line.len());
        }
        at += line.len();
    }
    None
}
