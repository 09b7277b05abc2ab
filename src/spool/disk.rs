//! The part of a spool that is in a file: chunks, each encrypted and authenticated, in order.

use super::Spools;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use zeroize::Zeroize;

/// Of files that are about to lose their name.
pub(super) const EXTENSION: &str = "spool";

/// Why something cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum SpoolFault {
    /// The limit of all files together.
    #[error("as much is spooled as `spool_disk` allows")]
    Full,
    /// The disk, or the folder.
    #[error("the spool cannot be used: {0}")]
    Io(#[from] io::Error),
    /// The system gives no random numbers, or somebody changed what was spooled.
    #[error("what was spooled cannot be read back as it was written")]
    Broken,
}

/// A file without a name.
pub(super) struct Disk {
    spools: Arc<Spools>,
    file: File,
    key: LessSafeKey,
    /// Lengths of the chunks that have not been read, as they lie there.
    chunks: VecDeque<usize>,
    written: u64,
    /// Of the chunk that is being written: one buffer for all.
    sealed: Vec<u8>,
    read: u64,
    /// Bytes of the file, counted against `spool_disk`.
    bytes: u64,
}

impl Disk {
    /// A new file, already unlinked.
    pub(super) fn create(spools: &Arc<Spools>) -> Result<Self, SpoolFault> {
        let random = SystemRandom::new();
        let (mut key, mut name) = ([0_u8; 32], [0_u8; 16]);
        random.fill(&mut key).map_err(|_| SpoolFault::Broken)?;
        random.fill(&mut name).map_err(|_| SpoolFault::Broken)?;
        let unbound = UnboundKey::new(&AES_256_GCM, &key).map_err(|_| SpoolFault::Broken);
        key.zeroize();
        let folder = &spools.options.folder;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let name = u128::from_be_bytes(name);
        let file = unnamed(&folder.join(format!("{name:032x}.{EXTENSION}")))?;
        Ok(Self {
            spools: Arc::clone(spools),
            file,
            key: LessSafeKey::new(unbound?),
            chunks: VecDeque::new(),
            written: 0,
            sealed: Vec::new(),
            read: 0,
            bytes: 0,
        })
    }

    /// Whether everything has been read.
    pub(super) fn is_read(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Writes one chunk behind the others.
    pub(super) fn write(&mut self, chunk: &[u8]) -> Result<(), SpoolFault> {
        let nonce = nonce(self.written);
        let sealed = &mut self.sealed;
        sealed.clear();
        sealed.reserve_exact(chunk.len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(chunk);
        self.key.seal_in_place_append_tag(nonce, Aad::empty(), sealed).map_err(|_| SpoolFault::Broken)?;
        let length = u64::try_from(sealed.len()).unwrap_or(u64::MAX);
        if !self.spools.take_disk(length) {
            return Err(SpoolFault::Full);
        }
        self.bytes += length;
        self.file.seek(SeekFrom::End(0))?;
        self.file.write_all(sealed)?;
        self.written += 1;
        self.chunks.push_back(sealed.len());
        Ok(())
    }

    /// Reads the next chunk; `None` behind the last. `at`: where it begins in the file, moved on.
    pub(super) fn read(&mut self, at: &mut u64) -> Result<Option<Vec<u8>>, SpoolFault> {
        let Some(length) = self.chunks.pop_front() else { return Ok(None) };
        let mut chunk = vec![0; length];
        self.file.seek(SeekFrom::Start(*at))?;
        self.file.read_exact(&mut chunk)?;
        *at += u64::try_from(length).unwrap_or(u64::MAX);
        let nonce = nonce(self.read);
        self.read += 1;
        let plain = self.key.open_in_place(nonce, Aad::empty(), &mut chunk).map_err(|_| SpoolFault::Broken)?.len();
        chunk.truncate(plain);
        Ok(Some(chunk))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.spools.disk.fetch_sub(self.bytes, Relaxed);
    }
}

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Disk").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// The key serves one file, and each number one chunk of it.
fn nonce(chunk: u64) -> Nonce {
    let mut bytes = [0; 12];
    let (_, count) = bytes.split_at_mut(4);
    count.copy_from_slice(&chunk.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

fn unnamed(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
    std::fs::remove_file(path)?;
    Ok(file)
}
