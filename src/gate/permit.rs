//! The permit: one operation, once.

use super::visit::Ledger;
use crate::audit::body::Body;
use crate::audit::log::Room;
use crate::audit::vault::Drift;
use crate::audit::{AssociationId, Incident, Receipt, Unrecorded};
use crate::dicom::Uid;
use crate::dicom::dimse::Operation;
use crate::policy::{Narrowing, Open};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

/// Leave to send one message to the archive. Only the gate makes one; it is used up by closing it. Dropped, it is
/// recorded as aborted, without blocking or failing.
#[must_use = "a permit that is dropped is recorded as aborted"]
pub struct Permit {
    pub(super) ledger: Arc<Ledger>,
    pub(super) message: u16,
    pub(super) operation: Operation,
    pub(super) instance: Option<Uid>,
    pub(super) observed: bool,
    pub(super) narrowing: Option<Arc<Narrowing>>,
    pub(super) seal: bool,
    pub(super) open: Open,
    /// The record but for its end, and the room it will go to. `None`: an echo, which is only counted.
    pub(super) record: Option<Record>,
}

pub(super) struct Record {
    pub(super) body: Body,
    pub(super) room: Room,
    pub(super) began: Instant,
}

/// How a permitted operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outcome {
    /// The archive's status (PS3.7 C), as it goes back.
    pub status: u16,
    /// Bytes of data sets that passed, both ways.
    pub bytes: u64,
    /// Answers that passed: C-FIND matches.
    pub answers: u32,
    /// Answers that were kept back, since no rule shows them. Stands in the record alone.
    pub withheld: u32,
    /// Of a C-MOVE or C-GET.
    pub sub_operations: Option<SubOperations>,
    /// The incident id with which the gateway behind this one refused it: [`told`](super::told).
    pub archive_incident: Option<Incident>,
    /// A sealed object passed: whether it was opened. `None`: it was not sealed.
    pub opened: Option<bool>,
    /// In what it differs from what was sealed.
    pub drift: Drift,
    /// The object was sealed on its way to the archive.
    pub sealed: Option<SealedAs>,
    /// It was to be sealed and went in clear all the same, as the configuration wants it: why, in one word.
    pub in_clear: Option<&'static str>,
}

/// How an object was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedAs {
    /// Identity of the seal.
    pub seal: [u8; 16],
    /// Number of the ring key.
    pub key: u32,
    /// How many segments it has.
    pub segments: u32,
    /// Their length together, bytes.
    pub bytes: u64,
    /// The archive held it already, sealed so: it was not stored again.
    pub same: bool,
}

/// The counters of PS3.7 C.4.2 and C.4.3, as the archive gave them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SubOperations {
    /// Completed.
    pub completed: u32,
    /// Failed.
    pub failed: u32,
    /// With a warning.
    pub warning: u32,
}

impl SealedAs {
    fn encode(&self, body: &mut Body) {
        let seal: String = self.seal.iter().map(|byte| format!("{byte:02x}")).collect();
        body.fact("sealed", true)
            .text("seal", &seal)
            .number("key", u64::from(self.key))
            .number("segments", u64::from(self.segments))
            .number("sealed_bytes", self.bytes);
        if self.same {
            body.fact("same", true);
        }
    }
}

impl Permit {
    /// The association it is for.
    pub fn association(&self) -> AssociationId {
        self.ledger.id
    }

    /// Message id of the command it is for.
    pub fn message(&self) -> u16 {
        self.message
    }

    /// The operation it is for.
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// No rule permits this; it passes because the policy observes.
    pub fn observed(&self) -> bool {
        self.observed
    }

    /// What of the answers may be seen; `None`: all of it.
    pub fn narrowing(&self) -> Option<&Arc<Narrowing>> {
        self.narrowing.as_ref()
    }

    /// The object that is stored must be sealed: it must not reach the archive in clear.
    pub fn seal(&self) -> bool {
        self.seal
    }

    /// What becomes of sealed objects that it lets be seen.
    pub fn open(&self) -> Open {
        self.open
    }

    /// Whether it is for this message: the archive leg asks before every send.
    pub fn allows(
        &self,
        association: AssociationId,
        message: u16,
        operation: Operation,
        instance: Option<&Uid>,
    ) -> bool {
        self.ledger.id == association
            && self.message == message
            && self.operation == operation
            && self.instance.as_ref() == instance
    }

    /// Records how it ended. Written before this returns, and so before the answer goes back; on an error the answer
    /// must not be a success (the record is written as soon as that is possible again).
    pub fn close(mut self, outcome: Outcome) -> Result<Option<Receipt>, Unrecorded> {
        self.ledger.counters.count(self.operation, outcome.bytes, self.observed);
        let Some(record) = self.record.take() else { return Ok(None) };
        let Record { mut body, room, began } = record;
        body.status("status", outcome.status).number("bytes", outcome.bytes);
        if outcome.answers > 0 {
            body.number("answers", u64::from(outcome.answers));
        }
        if outcome.withheld > 0 {
            body.number("withheld", u64::from(outcome.withheld));
        }
        if let Some(sub) = outcome.sub_operations {
            body.number("completed", u64::from(sub.completed))
                .number("failed", u64::from(sub.failed))
                .number("warning", u64::from(sub.warning));
        }
        if let Some(opened) = outcome.opened {
            body.fact("opened", opened);
        }
        body.list("drift", outcome.drift.names());
        if let Some(sealed) = outcome.sealed {
            sealed.encode(&mut body);
        }
        if let Some(why) = outcome.in_clear {
            body.fact("sealed", false).text("in_clear", why);
        }
        body.text_if("archive_incident", outcome.archive_incident.map(Incident::characters));
        body.number("microseconds", micros(began));
        room.append(body).map(Some)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Some(Record { mut body, room, began }) = self.record.take() else { return };
        self.ledger.counters.aborted.fetch_add(1, Relaxed);
        body.flag("aborted", true).number("microseconds", micros(began));
        room.append_soon(body);
    }
}

impl std::fmt::Debug for Permit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Permit")
            .field("association", &self.ledger.id)
            .field("message", &self.message)
            .field("operation", &self.operation)
            .finish_non_exhaustive()
    }
}

pub(super) fn micros(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX)
}
