//! The log on disk: many callers, one writer, one chain.
//!
//! Whoever gets the writer's lock links and writes everything that waits with one write(2); the others find theirs
//! done. A background thread syncs, makes checkpoints and begins new files.

mod files;
mod maintain;
mod open;
mod writer;

#[cfg(test)]
mod tests;

pub use files::{FILE_NAME, first_sequence, list};
pub use open::Opened;

use crate::audit::body::Body;
use crate::audit::chain::{Head, Stamp};
use crate::audit::event::Event;
use crate::audit::incident::Incident;
use crate::audit::keys::{Keys, KeysFault};
use crate::audit::sink::Sink;
use maintain::Bell;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use writer::{Pending, Slot, Waiting, Writer};

/// How the log is kept.
#[derive(Clone)]
pub struct LogOptions {
    /// Name of the gateway, as checkpoints state it; no control characters.
    pub gateway: String,
    /// The state folder; the log lies in `audit/`, its keys in `audit-keys/`.
    pub state: PathBuf,
    /// A file that has grown beyond this many bytes is closed and a new one begun. It may be exceeded by what is
    /// written during one sync interval.
    pub file_size: u64,
    /// When writes are made to survive a power cut.
    pub sync: Sync,
    /// Operations that may be under way at once; each has room for its closing record.
    pub rooms: usize,
    /// Where the time comes from.
    pub clock: fn() -> jiff::Timestamp,
    /// Where lines go, for tests that fill the disk; normally [`LogOptions::file`].
    pub sink: fn(File) -> Arc<dyn Sink>,
}

/// When writes are made to survive a power cut. A killed process loses nothing either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    /// In groups, at the latest after this time.
    Group(Duration),
    /// Before the caller goes on.
    Each,
}

impl LogOptions {
    /// The defaults: 256 MiB a file, groups of 50 ms, 65,536 operations under way.
    pub fn new(gateway: impl Into<String>, state: impl Into<PathBuf>, clock: fn() -> jiff::Timestamp) -> Self {
        Self {
            gateway: gateway.into(),
            state: state.into(),
            file_size: 256 << 20,
            sync: Sync::Group(Duration::from_millis(50)),
            rooms: 65_536,
            clock,
            sink: Self::file,
        }
    }

    /// Lines go to the file.
    pub fn file(file: File) -> Arc<dyn Sink> {
        Arc::new(crate::audit::sink::FileSink(file))
    }
}

/// Why the log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum LogFault {
    /// Reading or writing failed.
    #[error(
        "the audit log `{path}` cannot be opened: {source}; it must belong to the user that the gateway runs as, and its disk must have room"
    )]
    File {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process has it.
    #[error("the audit log `{0}` is in use by another process: one gateway has one state folder")]
    InUse(PathBuf),
    /// There is a log, and its keys are gone.
    #[error(
        "the log `{0}` is there but its keys are not: restore `audit-keys`, or move `audit` aside to begin a new chain"
    )]
    KeysGone(PathBuf),
    /// The keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeysFault),
    /// The gateway's name cannot stand in a checkpoint.
    #[error("the gateway's name `{0}` has a control character")]
    Name(String),
    /// The first record could not be written.
    #[error(transparent)]
    Unrecorded(#[from] Unrecorded),
}

/// The event could not be recorded; what it is about must not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the audit log cannot be written: is the disk of the state folder full?")]
pub struct Unrecorded;

/// Proof that a record was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Its sequence number.
    pub sequence: u64,
    /// Its incident id, if it has one: refusals do, and what a gateway behind this one is told of.
    pub incident: Option<Incident>,
}

/// The log. Shared by reference; dropping it closes it in good order.
pub struct Log {
    shared: Arc<Shared>,
    worker: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    options: LogOptions,
    pending: Mutex<Pending>,
    writer: Mutex<Writer>,
    keys: Mutex<Keys>,
    head: Mutex<Head>,
    /// The last write failed: new work is refused until one succeeds.
    failing: AtomicBool,
    /// The last checkpoint failed: new work is refused until one succeeds.
    unproven: AtomicBool,
    /// Something was written since the last sync.
    dirty: AtomicBool,
    rooms: AtomicUsize,
    bytes: AtomicU64,
    bell: Bell,
    run: u64,
    _taken: files::Taken,
}

/// Room for one record that is bound to come: reserved before an operation is let through, given back by writing it.
#[must_use = "room that is dropped is given back unused"]
pub struct Room(Option<Arc<Shared>>);

impl Log {
    /// Records an event. The line is written (write(2)) before this returns; blocks for that long.
    pub fn append(&self, event: &Event<'_>, generation: u64) -> Result<Receipt, Unrecorded> {
        self.shared.append(event.encode(generation))
    }

    /// Records an encoded event, as [`Log::append`].
    pub fn append_body(&self, body: Body) -> Result<Receipt, Unrecorded> {
        self.shared.append(body)
    }

    /// Reserves room for a record that is bound to come. Fails while the log cannot be written, and when
    /// [`LogOptions::rooms`] are taken. Cheap: no lock, no allocation to speak of.
    pub fn reserve(&self) -> Result<Room, Unrecorded> {
        if !self.is_writable() {
            return Err(Unrecorded);
        }
        let taken = self.shared.rooms.fetch_add(1, Ordering::Relaxed);
        let room = Room(Some(Arc::clone(&self.shared)));
        if taken < self.shared.options.rooms { Ok(room) } else { Err(Unrecorded) }
    }

    /// The last record's sequence and hash, for logs and metrics. Cheap.
    pub fn head(&self) -> Head {
        *lock(&self.shared.head)
    }

    /// Whether new work may begin: the last write and the last checkpoint succeeded.
    pub fn is_writable(&self) -> bool {
        !self.shared.failing.load(Ordering::Acquire) && !self.shared.unproven.load(Ordering::Acquire)
    }

    /// Sequence of the record that opened the log for this run.
    pub fn run(&self) -> u64 {
        self.shared.run
    }

    /// Bytes written since the log was opened, for metrics.
    pub fn written(&self) -> u64 {
        self.shared.bytes.load(Ordering::Relaxed)
    }

    /// Writes what waits, syncs, and makes a checkpoint now. The background thread does this by itself; for tests and
    /// for a last word before something drastic.
    pub fn checkpoint(&self) -> Result<(), Unrecorded> {
        self.shared.checkpoint(crate::audit::checkpoint::Occasion::Second).map(drop)
    }

    /// Closes the log, as [`Log::stop`], and gives the folder free.
    pub fn close(self) -> Result<(), Unrecorded> {
        self.stop()
    }

    /// Ends the background thread, writes what waits, makes the last checkpoint, syncs. Dropping does the same; here
    /// the outcome shows. What is recorded after it is written, and not covered by a checkpoint.
    pub fn stop(&self) -> Result<(), Unrecorded> {
        let Some(worker) = lock(&self.worker).take() else { return Ok(()) };
        self.shared.bell.stop();
        let _ = worker.join();
        self.shared.checkpoint(crate::audit::checkpoint::Occasion::Stop)?;
        self.shared.sync()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log").field("head", &self.head()).finish_non_exhaustive()
    }
}

impl Room {
    /// Records the event that the room is for, as [`Log::append`]. If that fails, the record is kept in the room and
    /// written with `"late":true` as soon as writing works again: the caller must not report success meanwhile.
    pub fn append(mut self, body: Body) -> Result<Receipt, Unrecorded> {
        let Some(shared) = &self.0 else { return Err(Unrecorded) };
        let at = shared.now();
        let shared = Arc::clone(shared);
        let written = shared.append_at(body, at);
        written.map_err(|mut body| {
            body.flag("late", true);
            self.0 = None;
            shared.push(Waiting { body, at, room: true, slot: None });
            Unrecorded
        })
    }

    /// Records the event without waiting: neither blocks nor fails. Written with the next record, or by the background
    /// thread within a sync interval.
    pub fn append_soon(mut self, body: Body) {
        let Some(shared) = self.0.take() else { return };
        let at = shared.now();
        shared.push(Waiting { body, at, room: true, slot: None });
        shared.stir();
        if shared.bell.stopped() {
            // The background thread is gone: a straggler writes for itself.
            shared.write_waiting(&mut lock(&shared.writer));
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Some(shared) = &self.0 {
            shared.rooms.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl std::fmt::Debug for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Room")
    }
}

impl Shared {
    fn now(&self) -> Stamp {
        Stamp::new((self.options.clock)())
    }

    fn append(&self, body: Body) -> Result<Receipt, Unrecorded> {
        self.append_at(body, self.now()).map_err(|_| Unrecorded)
    }

    /// Writes one record, alone or together with others that wait. Gives the body back if that fails.
    fn append_at(&self, body: Body, at: Stamp) -> Result<Receipt, Body> {
        if let Ok(mut writer) = self.writer.try_lock() {
            return self.write(&mut writer, body, at);
        }
        let slot = Arc::new(Slot::default());
        self.push(Waiting { body, at, room: false, slot: Some(Arc::clone(&slot)) });
        let mut writer = lock(&self.writer);
        if let Some(done) = slot.take() {
            return done;
        }
        self.write_waiting(&mut writer);
        drop(writer);
        // The item was pushed before the lock was had, so whoever held the lock last has settled it.
        slot.take().unwrap_or_else(|| Err(Body::new("lost", false)))
    }

    fn push(&self, waiting: Waiting) {
        lock(&self.pending).push(waiting);
    }

    /// Tells the background thread that there is something to do.
    fn stir(&self) {
        if !self.dirty.swap(true, Ordering::AcqRel) {
            self.bell.ring();
        }
    }
}

/// Locks; a thread that panicked while it held the lock left whole values behind, as every writer here does.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
