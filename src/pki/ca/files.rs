//! Files of the CA's folder: whole or not at all, never overwritten by accident, keys for their owner alone.

use super::CaFault;
use crate::durable;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::ErrorKind;
use std::path::Path;

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
    durable::create(file, bytes, mode).map_err(|fault| match fault.kind() {
        ErrorKind::AlreadyExists => CaFault::Exists { file: file.to_path_buf(), advice },
        _ => unwritable(file, &fault),
    })
}

/// Writes a file in place of what is there.
pub(super) fn replace(file: &Path, bytes: &[u8], mode: u32) -> Result<(), CaFault> {
    durable::replace(file, bytes, mode).map_err(|fault| unwritable(file, &fault))
}

pub(super) fn unwritable(file: &Path, fault: &std::io::Error) -> CaFault {
    CaFault::Unwritable { file: file.to_path_buf(), reason: crate::pki::load::io(fault) }
}
