//! Files of the CA's folder: whole or not at all, never overwritten by accident, keys for their owner alone.

use super::CaFault;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Mode of keys.
pub(super) const SECRET: u32 = 0o600;
/// Mode of everything else.
pub(super) const PUBLIC: u32 = 0o644;

/// One command at a time in a folder; released when dropped.
pub(super) struct Lock(#[expect(dead_code, reason = "the lock lives as long as the file is open")] File);

impl Lock {
    /// Creates the folder (0700) if need be and waits until nobody else works in it.
    pub(super) fn take(dir: &Path) -> Result<Self, CaFault> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(dir).map_err(|fault| unwritable(dir, &fault))?;
        let path = dir.join(".lock");
        let file =
            OpenOptions::new().create(true).append(true).open(&path).map_err(|fault| unwritable(&path, &fault))?;
        file.lock().map_err(|fault| unwritable(&path, &fault))?;
        Ok(Self(file))
    }
}

/// Refuses early what [`create`] would refuse late.
pub(super) fn must_be_new(file: &Path, advice: &'static str) -> Result<(), CaFault> {
    match file.symlink_metadata() {
        Ok(_) => Err(CaFault::Exists { file: file.to_path_buf(), advice }),
        Err(_) => Ok(()),
    }
}

/// Writes a file that must not be there yet.
pub(super) fn create(file: &Path, bytes: &[u8], mode: u32, advice: &'static str) -> Result<(), CaFault> {
    let draft = draft(file, bytes, mode)?;
    // a link, unlike a rename, fails where something is
    let linked = std::fs::hard_link(&draft, file);
    let _ = std::fs::remove_file(&draft);
    match linked {
        Ok(()) => settle(file),
        Err(fault) if fault.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(CaFault::Exists { file: file.to_path_buf(), advice })
        }
        Err(fault) => Err(unwritable(file, &fault)),
    }
}

/// Writes a file in place of what is there.
pub(super) fn replace(file: &Path, bytes: &[u8], mode: u32) -> Result<(), CaFault> {
    let draft = draft(file, bytes, mode)?;
    if let Err(fault) = std::fs::rename(&draft, file) {
        let _ = std::fs::remove_file(&draft);
        return Err(unwritable(file, &fault));
    }
    settle(file)
}

/// A whole file beside the one meant, on the disk.
fn draft(file: &Path, bytes: &[u8], mode: u32) -> Result<PathBuf, CaFault> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let path = file.with_file_name(format!(".{name}.new"));
    let write = || {
        // left over from a command that was killed; nobody else writes here under the lock
        let _ = std::fs::remove_file(&path);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
        let mut opened = options.open(&path)?;
        opened.write_all(bytes)?;
        opened.sync_all()
    };
    write().map_err(|fault| unwritable(file, &fault))?;
    Ok(path)
}

/// The folder's entry on the disk too.
fn settle(file: &Path) -> Result<(), CaFault> {
    let Some(dir) = file.parent().filter(|dir| !dir.as_os_str().is_empty()) else { return Ok(()) };
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|fault| unwritable(file, &fault))
}

pub(super) fn unwritable(file: &Path, fault: &std::io::Error) -> CaFault {
    CaFault::Unwritable { file: file.to_path_buf(), reason: crate::pki::load::io(fault) }
}
