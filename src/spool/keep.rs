//! One object's spool: filled, then played back.

use super::Spools;
use super::disk::{Disk, SpoolFault};
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Bytes of one chunk of a file.
const CHUNK: usize = 1 << 20;

/// What is kept of one object, first in first out.
#[derive(Debug)]
pub struct Spool {
    spools: Arc<Spools>,
    head: VecDeque<Bytes>,
    /// Bytes of `head`, counted against the limits of memory.
    in_memory: u64,
    disk: Option<Box<Disk>>,
    /// How far the file has been read.
    at: u64,
    /// Behind what is in the file: not written yet.
    tail: Vec<u8>,
}

/// The next of what is kept.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// These bytes.
    Here(Bytes),
    /// It is in a file: [`Spool::read`].
    OnDisk,
    /// There is no more.
    Empty,
}

impl Spool {
    pub(super) const fn new(spools: Arc<Spools>) -> Self {
        Self { spools, head: VecDeque::new(), in_memory: 0, disk: None, at: 0, tail: Vec::new() }
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.head.is_empty() && self.tail.is_empty() && self.disk.as_ref().is_none_or(|disk| disk.is_read())
    }

    /// Keeps bytes behind what is kept. Where [`Spool::must_write`] says so afterwards, they have to be written before
    /// more comes.
    pub fn push(&mut self, bytes: Bytes) {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let behind_a_file = self.disk.is_some() || !self.tail.is_empty();
        let fits = self.in_memory.saturating_add(length) <= self.spools.options.memory;
        if !behind_a_file && fits && self.spools.take_memory(length) {
            self.in_memory += length;
            self.head.push_back(bytes);
        } else {
            self.tail.extend_from_slice(&bytes);
        }
    }

    /// Whether so much waits for the file that [`Spool::write`] is due.
    pub const fn must_write(&self) -> bool {
        self.tail.len() >= CHUNK
    }

    /// Writes what is due. The spool comes back with what came of it.
    ///
    /// # Errors
    /// [`SpoolFault`]: what is kept is no longer whole.
    pub async fn write(mut self: Box<Self>) -> Result<Box<Self>, SpoolFault> {
        let written = tokio::task::spawn_blocking(move || {
            let rest = self.tail.split_off(self.tail.len() / CHUNK * CHUNK);
            let due = std::mem::replace(&mut self.tail, rest);
            let disk = match &mut self.disk {
                Some(disk) => disk,
                none => none.insert(Box::new(Disk::create(&self.spools)?)),
            };
            for chunk in due.chunks(CHUNK) {
                disk.write(chunk)?;
            }
            Ok(self)
        });
        written.await.map_err(|_| SpoolFault::Broken)?
    }

    /// The next of what is kept, and keeps it no longer.
    pub fn next_part(&mut self) -> Next {
        if let Some(bytes) = self.head.pop_front() {
            let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            self.in_memory = self.in_memory.saturating_sub(length);
            self.spools.memory.fetch_sub(length, Relaxed);
            return Next::Here(bytes);
        }
        if self.disk.as_ref().is_some_and(|disk| !disk.is_read()) {
            return Next::OnDisk;
        }
        self.disk = None;
        self.at = 0;
        match std::mem::take(&mut self.tail) {
            tail if tail.is_empty() => Next::Empty,
            tail => Next::Here(Bytes::from(tail)),
        }
    }

    /// The next of what is in the file. The spool comes back with it.
    ///
    /// # Errors
    /// [`SpoolFault`]: it cannot be read back.
    pub async fn read(mut self: Box<Self>) -> Result<(Box<Self>, Bytes), SpoolFault> {
        let read = tokio::task::spawn_blocking(move || {
            let Some(disk) = &mut self.disk else { return Ok((self, Bytes::new())) };
            let chunk = disk.read(&mut self.at)?.unwrap_or_default();
            Ok((self, Bytes::from(chunk)))
        });
        read.await.map_err(|_| SpoolFault::Broken)?
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.spools.memory.fetch_sub(self.in_memory, Relaxed);
    }
}
