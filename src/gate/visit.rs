//! An admitted association, from its opening record to its closing one.

use super::permit::micros;
use super::tripwire::Emergencies;
use crate::audit::body::Body;
use crate::audit::log::Room;
use crate::audit::{AssociationId, Incident, Receipt, Unrecorded};
use crate::dicom::dimse::Operation;
use crate::policy::Principal;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// An admitted association. Dropped without [`Visit::close`], it is recorded as aborted by the gateway.
#[must_use = "a visit that is dropped is recorded as aborted"]
pub struct Visit {
    pub(super) ledger: Arc<Ledger>,
    pub(super) principal: Principal,
    pub(super) room: Option<Room>,
    pub(super) generation: u64,
    pub(super) incident: Option<Incident>,
    pub(super) began: Instant,
}

/// What permits and their visit share.
pub(super) struct Ledger {
    pub(super) id: AssociationId,
    /// Association, peer, title and address, encoded once.
    pub(super) who: Body,
    pub(super) counters: Counters,
    pub(super) emergencies: Emergencies,
    to: Box<str>,
    /// Whether the policy, asked for admission, observed.
    observed: Option<bool>,
    echoes: Mutex<Vec<Echoes>>,
}

/// Systems and transfer syntaxes whose verifications are told apart; there are seldom two.
const ECHOES: usize = 16;

/// Verifications that were permitted: they have no records of their own.
struct Echoes {
    to: Box<str>,
    transfer_syntax: Box<str>,
    rule: Option<Box<str>>,
    count: u64,
    observed: u64,
}

impl Ledger {
    pub(super) fn new(id: AssociationId, who: Body, to: &str, observed: Option<bool>) -> Self {
        Self {
            id,
            who,
            counters: Counters::default(),
            emergencies: Emergencies::default(),
            to: to.into(),
            observed,
            echoes: Mutex::default(),
        }
    }

    /// Notes a verification that is permitted, so that the closing record says what it was.
    pub(super) fn echoed(&self, to: &str, transfer_syntax: &str, rule: Option<&str>, observed: bool) {
        let mut all = self.echoes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.iter_mut().find(|one| *one.to == *to && *one.transfer_syntax == *transfer_syntax) {
            known.count += 1;
            known.observed += u64::from(observed);
            known.rule = rule.map(Into::into).or_else(|| known.rule.take());
        } else if all.len() < ECHOES {
            let (to, transfer_syntax, rule) = (to.into(), transfer_syntax.into(), rule.map(Into::into));
            all.push(Echoes { to, transfer_syntax, rule, count: 1, observed: u64::from(observed) });
        }
    }

    /// Nothing was asked, not even what was refused.
    fn is_idle(&self) -> bool {
        let Counters { echoes, stores, others, aborted, denied, .. } = &self.counters;
        [echoes, stores, others, aborted, denied].iter().all(|counter| counter.load(Relaxed) == 0)
    }

    fn echoes(&self, body: &mut Body) {
        let all = self.echoes.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.is_empty() {
            body.objects("echoed", all.iter().map(Echoes::encode));
        }
    }
}

impl Echoes {
    fn encode(&self) -> Body {
        let mut body = Body::fragment();
        body.text("to", self.to.as_bytes())
            .text("transfer_syntax", self.transfer_syntax.as_bytes())
            .text_if("rule", self.rule.as_ref().map(|rule| rule.as_bytes()))
            .number("count", self.count);
        if self.observed > 0 {
            body.number("observed", self.observed);
        }
        body
    }
}

#[derive(Default)]
pub(super) struct Counters {
    echoes: AtomicU64,
    stores: AtomicU64,
    others: AtomicU64,
    observed: AtomicU64,
    bytes: AtomicU64,
    pub(super) aborted: AtomicU64,
    pub(super) denied: AtomicU64,
    pub(super) lookups: AtomicU64,
}

impl Counters {
    pub(super) fn count(&self, operation: Operation, bytes: u64, observed: bool) {
        match operation {
            Operation::Echo => &self.echoes,
            Operation::Store | Operation::Reject => &self.stores,
            _ => &self.others,
        }
        .fetch_add(1, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
        if observed {
            self.observed.fetch_add(1, Relaxed);
        }
    }
}

/// How an association ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// A-RELEASE.
    Released,
    /// The caller sent A-ABORT.
    AbortedByPeer,
    /// The caller's connection broke.
    PeerLost,
    /// The archive sent A-ABORT.
    AbortedByArchive,
    /// The archive's connection broke.
    ArchiveLost,
    /// The archive did not answer, or rejected the association.
    ArchiveRefused,
    /// The gateway ended it, for bytes that break the protocol.
    Protocol,
    /// The gateway ended it: a timer ran out, by its name in the configuration.
    Timeout(&'static str),
    /// The gateway ended it: policy or certificates changed.
    Policy,
    /// The gateway ended it: the session of the person is over.
    SessionOver,
    /// The gateway ended it: whoever called, or was called, is in quarantine.
    Quarantine,
    /// The gateway ended it: it stops, and the time to drain was up.
    Drain,
    /// The gateway ended it: an object of which the archive had the beginning could not be sealed to its end.
    Unsealed,
    /// The gateway ended it: nothing can be recorded.
    Unrecorded,
}

impl How {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Released => "released",
            Self::AbortedByPeer => "aborted-by-peer",
            Self::PeerLost => "peer-lost",
            Self::AbortedByArchive => "aborted-by-archive",
            Self::ArchiveLost => "archive-lost",
            Self::ArchiveRefused => "archive-refused",
            Self::Protocol => "protocol",
            Self::Timeout(_) => "timeout",
            Self::Policy => "policy",
            Self::SessionOver => "session-over",
            Self::Quarantine => "quarantine",
            Self::Unsealed => "unsealed",
            Self::Drain => "drain",
            Self::Unrecorded => "unrecorded",
        }
    }
}

impl Visit {
    /// For how long it has been open.
    pub fn open_for(&self) -> Duration {
        self.began.elapsed()
    }

    /// Its id.
    pub fn id(&self) -> AssociationId {
        self.ledger.id
    }

    /// Who is calling.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The incident id of its opening record, if a gateway is to be told ([`Opening::chained`](super::Opening::chained)).
    pub fn incident(&self) -> Option<Incident> {
        self.incident
    }

    /// Generation of the configuration that it was last found in order under.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// It was asked again under a newer configuration, and stays.
    pub fn set_generation(&mut self, generation: u64) {
        self.generation = generation;
    }

    /// Records how it ended, with its counters. Closing it last, after its permits, gives whole counters.
    pub fn close(mut self, how: How) -> Result<Receipt, Unrecorded> {
        let body = self.closing(how.as_str(), how);
        self.room.take().ok_or(Unrecorded)?.append(body)
    }

    fn closing(&self, word: &'static str, how: How) -> Body {
        let mut body = Body::new("association-closed", false);
        body.number("generation", self.generation).fields(&self.ledger.who);
        body.text("to", self.ledger.to.as_bytes()).text("ended", word);
        if let How::Timeout(timer) = how {
            body.text("timer", timer);
        }
        let counters = &self.ledger.counters;
        for (name, counter) in [
            ("echoes", &counters.echoes),
            ("stores", &counters.stores),
            ("others", &counters.others),
            ("observed_operations", &counters.observed),
            ("denied", &counters.denied),
            ("aborted_operations", &counters.aborted),
            ("lookups", &counters.lookups),
            ("bytes", &counters.bytes),
        ] {
            let count = counter.load(Relaxed);
            if count > 0 {
                body.number(name, count);
            }
        }
        self.ledger.echoes(&mut body);
        if let Some(observed) = self.ledger.observed
            && self.ledger.is_idle()
        {
            body.flag("idle", true).flag("observed", observed);
        }
        body.number("microseconds", micros(self.began));
        body
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        if let Some(room) = self.room.take() {
            room.append_soon(self.closing("dropped", How::Unrecorded));
        }
    }
}

impl std::fmt::Debug for Visit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Visit").field("id", &self.ledger.id).field("peer", &self.principal.name).finish_non_exhaustive()
    }
}
