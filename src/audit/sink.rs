//! Where lines go: a file that only grows. A trait, so that tests can fill the disk at will.

use std::fs::File;
use std::io::{self, Write as _};

/// A file that is only appended to.
pub trait Sink: Send + Sync {
    /// Appends all bytes. After an error any part of them may have been written.
    fn append(&self, bytes: &[u8]) -> io::Result<()>;
    /// Takes back what was written beyond `length`.
    fn truncate(&self, length: u64) -> io::Result<()>;
    /// Returns once everything written lies on the disk.
    fn sync(&self) -> io::Result<()>;
}

/// A real file, opened for appending.
#[derive(Debug)]
pub struct FileSink(pub File);

impl Sink for FileSink {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.0).write_all(bytes)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}
