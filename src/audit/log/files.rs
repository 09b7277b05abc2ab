//! The files of a log: `audit/00000000000000000001.jsonl`, named by the sequence of their first record.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Ending of a log file's name.
pub const FILE_NAME: &str = ".jsonl";
/// Digits of a sequence number in a file's name.
const DIGITS: usize = 20;

/// The log's folder within a state folder.
pub(super) fn folder(state: &Path) -> PathBuf {
    state.join("audit")
}

/// The name of the file whose first record has this sequence.
pub(super) fn name(sequence: u64) -> String {
    format!("{sequence:0DIGITS$}{FILE_NAME}")
}

/// The sequence that a file's name promises for its first record. `None`: not a log file.
pub fn first_sequence(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(FILE_NAME)?;
    if digits.len() == DIGITS { digits.parse().ok() } else { None }
}

/// The log files of a folder, oldest first, by name.
pub fn list(folder: &Path) -> io::Result<Vec<(u64, String)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        if let Some(name) = name.to_str()
            && let Some(first) = first_sequence(name)
        {
            found.push((first, name.to_owned()));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Makes the folder, for its owner alone.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Makes a new file, for its owner alone, and lets its name survive a power cut.
pub(super) fn create(folder: &Path, name: &str) -> io::Result<File> {
    let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(folder.join(name))?;
    File::open(folder)?.sync_all()?;
    Ok(file)
}

/// Opens a file to go on with it.
pub(super) fn reopen(folder: &Path, name: &str) -> io::Result<File> {
    OpenOptions::new().append(true).open(folder.join(name))
}

/// The folder is this process's alone, until this is dropped.
#[derive(Debug)]
pub(super) struct Taken(File);

impl Drop for Taken {
    fn drop(&mut self) {
        // Closing would do, were there no child between fork and exec that has the file open too.
        let _ = self.0.unlock();
    }
}

/// Takes the folder for this process alone. `None`: another has it.
pub(super) fn lock(folder: &Path) -> io::Result<Option<Taken>> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(folder.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Taken(file))),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

/// Moves the bytes of a file from `at` to its end into a file of their own beside it, and cuts them off.
pub(super) fn move_aside(folder: &Path, name: &str, at: u64) -> io::Result<(String, u64)> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let mut file = OpenOptions::new().read(true).write(true).open(folder.join(name))?;
    file.seek(SeekFrom::Start(at))?;
    for number in 1..=u32::MAX {
        let aside = format!("{}.torn-{at}-{number}", name.trim_end_matches(FILE_NAME));
        let mut options = OpenOptions::new();
        let mut target = match options.write(true).create_new(true).mode(0o600).open(folder.join(&aside)) {
            Ok(target) => target,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error),
        };
        let bytes = io::copy(&mut file.by_ref().take(u64::MAX), &mut target)?;
        target.sync_all()?;
        file.set_len(at)?;
        file.sync_all()?;
        File::open(folder)?.sync_all()?;
        return Ok((aside, bytes));
    }
    Err(io::ErrorKind::AlreadyExists.into())
}
