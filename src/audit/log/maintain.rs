//! The background thread: syncs in groups, checkpoints, new files.

use super::writer::Waiting;
use super::{Shared, Sync, Unrecorded, files, lock};
use crate::audit::body::Body;
use crate::audit::chain::Head;
use crate::audit::checkpoint::{Occasion, Statement};
use std::sync::atomic::Ordering;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A checkpoint is made this long after the last one, if there was traffic.
const CHECKPOINT: Duration = Duration::from_secs(1);
/// While writing fails it is tried again this often.
const RETRY: Duration = Duration::from_millis(250);
/// Interval where every write is synced by itself, and only checkpoints are left to do.
const TICK: Duration = Duration::from_millis(50);

/// Wakes the background thread.
#[derive(Default)]
pub(super) struct Bell {
    state: Mutex<BellState>,
    rung: Condvar,
}

#[derive(Default)]
struct BellState {
    rung: bool,
    stop: bool,
}

impl Bell {
    pub(super) fn ring(&self) {
        lock(&self.state).rung = true;
        self.rung.notify_one();
    }

    pub(super) fn stop(&self) {
        lock(&self.state).stop = true;
        self.rung.notify_all();
    }

    pub(super) fn stopped(&self) -> bool {
        lock(&self.state).stop
    }

    /// Waits for the bell, or for as long as said. `false`: stop.
    fn wait(&self, longest: Option<Duration>) -> bool {
        let mut state = lock(&self.state);
        let waits = |state: &mut BellState| !state.rung && !state.stop;
        state = match longest {
            Some(longest) => {
                self.rung.wait_timeout_while(state, longest, waits).unwrap_or_else(PoisonError::into_inner).0
            }
            None => self.rung.wait_while(state, waits).unwrap_or_else(PoisonError::into_inner),
        };
        state.rung = false;
        !state.stop
    }

    /// Lets time pass, so that writes gather. `false`: stop.
    fn pause(&self, time: Duration) -> bool {
        let state = lock(&self.state);
        let state = self.rung.wait_timeout_while(state, time, |state| !state.stop);
        !state.unwrap_or_else(PoisonError::into_inner).0.stop
    }
}

impl Shared {
    /// The background thread, until the bell says stop.
    pub(super) fn maintain(&self) {
        let interval = match self.options.sync {
            Sync::Group(interval) => interval,
            Sync::Each => TICK,
        };
        let mut since_checkpoint = Duration::ZERO;
        let mut proven = *lock(&self.head);
        loop {
            let troubled = self.failing.load(Ordering::Acquire) || self.unproven.load(Ordering::Acquire);
            let traffic = *lock(&self.head) != proven;
            let go_on = match (troubled, traffic) {
                (true, _) => self.bell.wait(Some(RETRY)),
                (false, true) => true,
                (false, false) => self.bell.wait(None),
            };
            if !go_on || !self.bell.pause(interval) {
                return;
            }
            since_checkpoint = since_checkpoint.saturating_add(interval);
            if self.dirty.swap(false, Ordering::AcqRel) || troubled {
                self.flush();
                let _ = self.sync();
            }
            if *lock(&self.head) != proven && since_checkpoint >= CHECKPOINT || troubled {
                // What was recorded since is not proven by it. One that failed is tried again: this is trouble.
                proven = self.checkpoint(Occasion::Second).unwrap_or_else(|_| *lock(&self.head));
                since_checkpoint = Duration::ZERO;
            }
            if lock(&self.writer).length > self.options.file_size {
                let _ = self.rotate();
            }
        }
    }

    /// Writes what waits; after an outage, that it is over.
    fn flush(&self) {
        let mut writer = lock(&self.writer);
        // Only under the writer's lock: who holds it and finds its record gone from the list knows it is written.
        let batch = std::mem::take(&mut *lock(&self.pending));
        self.commit(&mut writer, batch);
    }

    /// Makes a checkpoint. The key it needs is spent on the disk first, and only then is the record written: a crash
    /// between the two loses a key, and never uses one twice. Where the chain stood when it was written.
    pub(super) fn checkpoint(&self, occasion: Occasion) -> Result<Head, Unrecorded> {
        let done = self.try_checkpoint(occasion);
        self.unproven.store(done.is_err(), Ordering::Release);
        done
    }

    fn try_checkpoint(&self, occasion: Occasion) -> Result<Head, Unrecorded> {
        let mut keys = lock(&self.keys);
        self.flush();
        let held: Head = *lock(&self.head);
        self.sync()?;
        keys.spend(held).map_err(|_| Unrecorded)?;
        let mut writer = lock(&self.writer);
        if writer.outage.is_some() {
            return Err(Unrecorded);
        }
        let number = keys.spent().ok_or(Unrecorded)?.number();
        let statement = Statement { gateway: &self.options.gateway, file: &writer.file, number, head: writer.head };
        let body = keys.signer.checkpoint(&statement, keys.spent().ok_or(Unrecorded)?, occasion);
        let before = writer.head;
        self.commit(&mut writer, vec![Waiting { body, at: self.now(), room: false, slot: None }]);
        if writer.head == before {
            return Err(Unrecorded);
        }
        keys.wipe_spent();
        let stands = writer.head;
        drop(writer);
        self.sync()?;
        Ok(stands)
    }

    /// Begins a new file; the chain goes on.
    pub(super) fn rotate(&self) -> Result<(), Unrecorded> {
        self.checkpoint(Occasion::Rotation)?;
        let (public_key, checkpoints) = {
            let keys = lock(&self.keys);
            (keys.signer.public_key().to_vec(), keys.last_spent())
        };
        let mut writer = lock(&self.writer);
        if writer.outage.is_some() {
            return Err(Unrecorded);
        }
        let name = files::name(writer.head.sequence.saturating_add(1));
        let folder = files::folder(&self.options.state);
        let Ok(fresh) = files::create(&folder, &name) else { return Err(Unrecorded) };
        let fresh = (self.options.sink)(fresh);
        let old =
            (std::mem::replace(&mut writer.sink, fresh), std::mem::replace(&mut writer.file, name), writer.length);
        writer.length = 0;
        let body = file_body(&self.options.gateway, &public_key, checkpoints, Some(&old.1));
        let before = writer.head;
        self.commit(&mut writer, vec![Waiting { body, at: self.now(), room: false, slot: None }]);
        if writer.head == before {
            let _ = std::fs::remove_file(folder.join(&writer.file));
            (writer.sink, writer.file, writer.length) = old;
            return Err(Unrecorded);
        }
        drop(writer);
        old.0.sync().map_err(|_| Unrecorded)
    }
}

/// The first record of a file: what it takes to check the file by itself.
pub(super) fn file_body(gateway: &str, public_key: &[u8], checkpoints: u64, previous: Option<&str>) -> Body {
    let mut body = Body::new("file", false);
    body.number("format", 1)
        .text("gateway", gateway)
        .hex("public_key", public_key)
        .number("checkpoints", checkpoints)
        .text_if("previous", previous);
    body
}
