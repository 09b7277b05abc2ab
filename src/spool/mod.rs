//! What does not fit into memory while an object is sealed or opened: kept in memory up to a limit, then in a file
//! encrypted with a key that only this process knows.
//!
//! It never keeps anything past the message it was made for. A file has no name from the moment it is open; what a process
//! leaves that is killed in that moment goes at the next start.

mod disk;
mod keep;

pub use disk::SpoolFault;
pub use keep::{Next, Spool};

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The folder below the state folder.
pub const FOLDER: &str = "spool";

/// How much may be kept, bytes, and where.
#[derive(Debug, Clone)]
pub struct SpoolOptions {
    /// The folder of the files; made when the first one is needed.
    pub folder: PathBuf,
    /// In memory, of one object.
    pub memory: u64,
    /// In memory, of all objects together.
    pub memory_all: u64,
    /// In files, all together.
    pub disk: u64,
}

/// What all spools share: how much is kept.
#[derive(Debug)]
pub struct Spools {
    options: SpoolOptions,
    memory: AtomicU64,
    disk: AtomicU64,
}

impl Spools {
    /// Keeps within these limits.
    pub fn new(options: SpoolOptions) -> Arc<Self> {
        Arc::new(Self { options, memory: AtomicU64::new(0), disk: AtomicU64::new(0) })
    }

    /// An empty spool for one object.
    pub fn spool(self: &Arc<Self>) -> Spool {
        Spool::new(Arc::clone(self))
    }

    /// Bytes kept in memory and in files.
    pub fn kept(&self) -> (u64, u64) {
        (self.memory.load(Relaxed), self.disk.load(Relaxed))
    }

    fn take_memory(&self, bytes: u64) -> bool {
        take(&self.memory, bytes, self.options.memory_all)
    }

    fn take_disk(&self, bytes: u64) -> bool {
        take(&self.disk, bytes, self.options.disk)
    }
}

fn take(counter: &AtomicU64, bytes: u64, most: u64) -> bool {
    let taken = |now: u64| now.checked_add(bytes).filter(|sum| *sum <= most);
    counter.fetch_update(Relaxed, Relaxed, taken).is_ok()
}

/// Removes what a process that was killed left behind. A folder that is not there is empty.
///
/// # Errors
/// The folder cannot be read, or a file in it cannot be removed.
pub fn clear(folder: &Path) -> io::Result<u64> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(fault) => return Err(fault),
    };
    let mut removed = 0;
    for entry in entries {
        let entry = entry?;
        let ours = Path::new(&entry.file_name()).extension().is_some_and(|extension| extension == disk::EXTENSION);
        if ours && entry.file_type()?.is_file() {
            std::fs::remove_file(entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests;
