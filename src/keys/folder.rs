//! The folder of the ring: read only if it is for its owner alone, written whole or not at all, one command at a time.

use super::fault::Problem;
use crate::durable;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Permission bits of everybody but the owner.
const OTHERS: u32 = 0o077;
/// Those that let everybody but the owner write.
const OTHERS_WRITE: u32 = 0o022;
/// No file here is longer, in bytes.
const LONGEST: u64 = 1 << 20;
/// More files than this are not looked through.
const MOST: usize = 10_000;

/// One command at a time; released when dropped.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "the lock lives as long as the file is open")] File);

impl Lock {
    /// Makes the folder (0700) if need be, and waits until nobody else changes it.
    pub fn take(folder: &Path) -> Result<Self, Problem> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        let known = folder.exists();
        builder.create(folder).map_err(|fault| unwritable(folder, &fault))?;
        if !known {
            settle(folder)?;
        }
        let path = folder.join(".lock");
        let mut options = OpenOptions::new();
        let file =
            options.create(true).append(true).mode(0o600).open(&path).map_err(|fault| unwritable(&path, &fault))?;
        file.lock().map_err(|fault| unwritable(&path, &fault))?;
        Ok(Self(file))
    }
}

/// Whether a folder may hold keys: nobody but its owner may change it, and that is us or root.
pub(super) fn guarded(folder: &Path) -> Result<(), Problem> {
    let meta = fs::metadata(folder).map_err(|fault| unreadable(folder, &fault))?;
    owned(folder, &meta)?;
    exposed(folder, &meta, OTHERS_WRITE, "700")
}

/// Reads a file that may be secret. `secret`: nobody else may read it.
pub(super) fn read(path: &Path, secret: bool) -> Result<Zeroizing<String>, Problem> {
    let file = File::open(path).map_err(|fault| unreadable(path, &fault))?;
    let meta = file.metadata().map_err(|fault| unreadable(path, &fault))?;
    if meta.is_dir() {
        return Err(Problem::Unreadable { path: path.to_path_buf(), words: "it is a folder".to_owned() });
    }
    if secret {
        owned(path, &meta)?;
        exposed(path, &meta, OTHERS, "600")?;
    }
    // Of its length from the beginning: a buffer that grows would leave copies behind.
    let room = usize::try_from(meta.len().min(LONGEST)).unwrap_or_default();
    let mut bytes = Zeroizing::new(Vec::with_capacity(room + 1));
    file.take(LONGEST).read_to_end(&mut bytes).map_err(|fault| unreadable(path, &fault))?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(Problem::Unreadable { path: path.to_path_buf(), words: "it is not text".to_owned() }),
    }
}

fn owned(path: &Path, meta: &fs::Metadata) -> Result<(), Problem> {
    let (owner, own) = (meta.uid(), nix::unistd::geteuid().as_raw());
    match owner == own || owner == 0 {
        true => Ok(()),
        false => Err(Problem::Owner { path: path.to_path_buf(), owner, own }),
    }
}

fn exposed(path: &Path, meta: &fs::Metadata, bits: u32, right: &'static str) -> Result<(), Problem> {
    let mode = meta.mode() & 0o777;
    match mode & bits == 0 {
        true => Ok(()),
        false => Err(Problem::Exposed { path: path.to_path_buf(), mode, right }),
    }
}

/// The key files of a folder, by name. A folder that is not there has none.
pub(super) fn key_files(folder: &Path) -> Result<Vec<PathBuf>, Problem> {
    let entries = match fs::read_dir(folder) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(|fault| unreadable(folder, &fault))?,
    };
    let mut files = Vec::new();
    for entry in entries.take(MOST) {
        let path = entry.map_err(|fault| unreadable(folder, &fault))?.path();
        if path.extension().is_some_and(|extension| extension == "key") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Where a key lies.
pub(super) fn key_path(folder: &Path, id: u32) -> PathBuf {
    folder.join(format!("ring-{id:04}.key"))
}

/// Writes a file that must not be there yet, for its owner alone.
pub(super) fn create(path: &Path, text: &str) -> Result<(), Problem> {
    durable::create(path, text.as_bytes(), 0o600).map_err(|fault| unwritable(path, &fault))
}

/// Writes a file in place of what is there.
pub(super) fn replace(path: &Path, text: &str, mode: u32) -> Result<(), Problem> {
    durable::replace(path, text.as_bytes(), mode).map_err(|fault| unwritable(path, &fault))
}

/// Overwrites a file and removes it. What file systems and disks keep of it besides is out of reach: docs/keys.md.
pub(super) fn shred(path: &Path) -> Result<(), Problem> {
    let overwrite = || {
        let mut file = OpenOptions::new().write(true).open(path)?;
        let length = usize::try_from(file.metadata()?.len().min(LONGEST)).unwrap_or_default();
        file.write_all(&vec![0; length])?;
        file.sync_all()?;
        fs::remove_file(path)
    };
    match overwrite() {
        Err(fault) if fault.kind() != io::ErrorKind::NotFound => Err(unwritable(path, &fault)),
        _ => settle(path),
    }
}

/// The folder's entry on the disk, too.
fn settle(path: &Path) -> Result<(), Problem> {
    durable::settle(path).map_err(|fault| unwritable(path, &fault))
}

pub(super) fn unreadable(path: &Path, fault: &io::Error) -> Problem {
    Problem::Unreadable { path: path.to_path_buf(), words: words(fault) }
}

pub(super) fn unwritable(path: &Path, fault: &io::Error) -> Problem {
    Problem::Unwritable { path: path.to_path_buf(), words: words(fault) }
}

/// An error of the system without its number.
fn words(fault: &io::Error) -> String {
    match fault.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::AlreadyExists => "it is there already".to_owned(),
        _ => fault.to_string().split(" (os error").next().unwrap_or_default().to_lowercase(),
    }
}
