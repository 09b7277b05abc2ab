//! Linking and writing: the part under the writer's lock.

use super::{Receipt, Shared, Unrecorded, lock};
use crate::audit::body::Body;
use crate::audit::chain::{self, Head, Stamp};
use crate::audit::incident::IncidentKey;
use crate::audit::sink::Sink;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

/// Records linked and written by one write(2) at most; after an outage many may wait.
const BATCH: usize = 256;
/// The line buffer is given back beyond this many bytes.
const KEEP: usize = 1 << 20;

/// Records that wait for the writer, in order.
pub(super) type Pending = Vec<Waiting>;

/// A record that waits.
pub(super) struct Waiting {
    pub(super) body: Body,
    pub(super) at: Stamp,
    /// It has room of its own: if writing fails it goes on waiting.
    pub(super) room: bool,
    /// Where its caller looks for the outcome.
    pub(super) slot: Option<Arc<Slot>>,
}

/// The outcome for a caller that waits: a receipt, or its body back.
#[derive(Default)]
pub(super) struct Slot(Mutex<Option<Result<Receipt, Body>>>);

impl Slot {
    pub(super) fn take(&self) -> Option<Result<Receipt, Body>> {
        lock(&self.0).take()
    }

    fn settle(&self, outcome: Result<Receipt, Body>) {
        *lock(&self.0) = Some(outcome);
    }
}

/// The state of the file that is written.
pub(super) struct Writer {
    pub(super) sink: Arc<dyn Sink>,
    /// Name of the file in the folder.
    pub(super) file: String,
    /// Bytes of whole records in the file.
    pub(super) length: u64,
    pub(super) head: Head,
    pub(super) incidents: IncidentKey,
    pub(super) out: Vec<u8>,
    pub(super) outage: Option<Outage>,
}

/// A time in which nothing could be recorded.
pub(super) struct Outage {
    since: Stamp,
    /// Records that were asked for and could not be written.
    lost: u64,
    reason: String,
    /// The file may end in part of a record, to be taken back before the next write.
    torn: bool,
}

impl Shared {
    /// Writes everything that waits, and then `own`. Its body comes back if that fails.
    pub(super) fn write(&self, writer: &mut Writer, own: Body, at: Stamp) -> Result<Receipt, Body> {
        let mut batch = std::mem::take(&mut *lock(&self.pending));
        let outcome = if batch.is_empty() {
            self.commit_one(writer, own, &at)
        } else {
            let slot = Arc::new(Slot::default());
            batch.push(Waiting { body: own, at, room: false, slot: Some(Arc::clone(&slot)) });
            self.commit(writer, batch);
            slot.take().unwrap_or_else(|| Err(Body::new("none", false)))
        };
        self.stir();
        outcome
    }

    /// Writes everything that waits.
    pub(super) fn write_waiting(&self, writer: &mut Writer) {
        let batch = std::mem::take(&mut *lock(&self.pending));
        self.commit(writer, batch);
        self.stir();
    }

    /// Nobody else waits: the usual case, without a list or a slot.
    fn commit_one(&self, writer: &mut Writer, body: Body, at: &Stamp) -> Result<Receipt, Body> {
        let linked = self.begin(writer).and_then(|head| {
            let (next, incident) = chain::link(&mut writer.out, head, at, &body, &writer.incidents);
            self.finish(writer, next)?;
            Ok(Receipt { sequence: next.sequence, incident })
        });
        linked.map_err(|error| {
            self.fail(writer, &error);
            if let Some(outage) = &mut writer.outage {
                outage.lost = outage.lost.saturating_add(1);
            }
            body
        })
    }

    /// Writes these records, and first of all that there was an outage, if there was. Settles every one of them.
    pub(super) fn commit(&self, writer: &mut Writer, batch: Vec<Waiting>) {
        if batch.is_empty() && writer.outage.is_none() {
            return;
        }
        let mut rest = batch.into_iter();
        loop {
            let some: Vec<Waiting> = rest.by_ref().take(BATCH).collect();
            let last = some.len() < BATCH;
            match self.commit_some(writer, &some) {
                Ok(receipts) => {
                    for (one, receipt) in some.into_iter().zip(receipts) {
                        if one.room {
                            self.rooms.fetch_sub(1, Ordering::Relaxed);
                        }
                        if let Some(slot) = one.slot {
                            slot.settle(Ok(receipt));
                        }
                    }
                }
                Err(error) => {
                    self.fail(writer, &error);
                    self.give_back(writer, some.into_iter().chain(rest));
                    return;
                }
            }
            if last {
                return;
            }
        }
    }

    fn commit_some(&self, writer: &mut Writer, some: &[Waiting]) -> io::Result<Vec<Receipt>> {
        let mut head = self.begin(writer)?;
        let mut receipts = Vec::with_capacity(some.len());
        for one in some {
            let (next, incident) = chain::link(&mut writer.out, head, &one.at, &one.body, &writer.incidents);
            receipts.push(Receipt { sequence: next.sequence, incident });
            head = next;
        }
        self.finish(writer, head)?;
        Ok(receipts)
    }

    /// Makes ready for lines: takes back what a failed write left, and tells of the outage first.
    fn begin(&self, writer: &mut Writer) -> io::Result<Head> {
        if writer.outage.as_ref().is_some_and(|outage| outage.torn) {
            writer.sink.truncate(writer.length)?;
        }
        writer.out.clear();
        let Some(outage) = &writer.outage else { return Ok(writer.head) };
        Ok(chain::link(&mut writer.out, writer.head, &self.now(), &outage.body(), &writer.incidents).0)
    }

    /// Writes the lines that were made ready; the chain then stands at `head`.
    fn finish(&self, writer: &mut Writer, head: Head) -> io::Result<()> {
        writer.sink.append(&writer.out)?;
        if self.options.sync == super::Sync::Each {
            writer.sink.sync()?;
        }
        let written = u64::try_from(writer.out.len()).unwrap_or_default();
        writer.length = writer.length.saturating_add(written);
        writer.head = head;
        *lock(&self.head) = head;
        self.bytes.fetch_add(written, Ordering::Relaxed);
        if writer.outage.take().is_some() {
            self.failing.store(false, Ordering::Release);
        }
        if writer.out.capacity() > KEEP {
            writer.out = Vec::new();
        }
        Ok(())
    }

    /// Notes that writing fails, and takes back what a failed write may have left.
    pub(super) fn fail(&self, writer: &mut Writer, error: &io::Error) {
        self.failing.store(true, Ordering::Release);
        let torn = writer.sink.truncate(writer.length).is_err();
        let now = self.now();
        let outage =
            writer.outage.get_or_insert_with(|| Outage { since: now, lost: 0, reason: error.to_string(), torn });
        outage.torn = torn;
    }

    /// Tells callers that their record was not written; records with room wait on, ahead of what came since.
    fn give_back(&self, writer: &mut Writer, unwritten: impl Iterator<Item = Waiting>) {
        let mut kept = Vec::new();
        for one in unwritten {
            match one.slot {
                Some(slot) => {
                    if let Some(outage) = &mut writer.outage {
                        outage.lost = outage.lost.saturating_add(1);
                    }
                    slot.settle(Err(one.body));
                }
                None if one.room => kept.push(one),
                // A checkpoint: it would not cover what is written before it later on.
                None => {}
            }
        }
        let mut pending = lock(&self.pending);
        kept.append(&mut pending);
        *pending = kept;
    }

    /// Makes everything written so far survive a power cut. Does not hold up writers.
    pub(super) fn sync(&self) -> Result<(), Unrecorded> {
        let sink = Arc::clone(&lock(&self.writer).sink);
        sink.sync().map_err(|error| {
            self.fail(&mut lock(&self.writer), &error);
            Unrecorded
        })
    }
}

impl Outage {
    fn body(&self) -> Body {
        let mut body = Body::new("resumed", false);
        body.text("unrecorded_since", self.since.as_str()).number("unrecorded", self.lost).words("words", &self.reason);
        body
    }
}
