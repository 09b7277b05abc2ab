//! Admitting and refusing.

use super::permit::{Permit, Record};
use super::quarantine::Quarantine;
use super::refusal::Refusal;
use super::tally::{RefusalLimits, Tally};
use super::tripwire::Alarms;
use super::visit::{Ledger, Visit};
use crate::audit::body::Body;
use crate::audit::commitment::CommitmentNote;
use crate::audit::event::{Asked, Caller, Cause, Delivery};
use crate::audit::{AssociationId, Event, Log, Receipt, Unrecorded};
use crate::dicom::dataset::Level;
use crate::dicom::dimse::Operation;
use crate::dicom::{Phi, Uid};
use crate::policy::request::Known;
use crate::policy::{Decision, Denial, DenialReason, Fact, Permission, Policy, Principal, Request};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The door. One for the process, shared by reference.
#[derive(Debug)]
pub struct Gate {
    pub(super) log: Arc<Log>,
    /// The gateway's name.
    pub(super) name: Arc<str>,
    pub(super) quarantine: Quarantine,
    pub(super) alarms: Alarms,
    associations: AtomicU64,
    tally: Mutex<Tally>,
}

/// The configuration in force: what decides, and its number.
#[derive(Debug, Clone, Copy)]
pub struct Basis<'a> {
    /// The policy.
    pub policy: &'a Policy,
    /// Generation of the snapshot it belongs to; stands in every record.
    pub generation: u64,
}

/// What an association is about to be, once identified.
#[derive(Debug)]
pub struct Opening<'a> {
    /// Who, for the record.
    pub caller: Caller<'a>,
    /// Who, for the policy.
    pub principal: Principal,
    /// Presentation contexts that policy keeps, for people: `CTImageStorage`.
    pub kept: &'a [String],
    /// Presentation contexts that policy takes away, and why, for people.
    pub removed: &'a [String],
    /// An archive that is to be asked is a gateway: the opening record gets an incident id, [`Visit::incident`].
    pub chained: bool,
}

/// What an operation is about, beyond what the policy is asked.
#[derive(Debug, Clone, Default)]
pub struct Object<'a> {
    /// Message id of the command.
    pub message: u16,
    /// SOP instance.
    pub instance: Option<&'a Uid>,
    /// Study Instance UID.
    pub study: Option<&'a Uid>,
    /// Level of a query or retrieve.
    pub level: Option<Level>,
    /// Patient ID, as it stands in the data set or query.
    pub patient_id: Option<Phi<&'a [u8]>>,
    /// Patient's Name, as it stands in the data set or query.
    pub patient_name: Option<Phi<&'a [u8]>>,
    /// What an archive sends because somebody asked it to.
    pub delivery: Option<Delivery<'a>>,
}

/// The answer to an association.
#[derive(Debug)]
pub enum Entry {
    /// Admitted; its opening record is written.
    Open(Visit),
    /// Denied; the record is written.
    Denied(Refusal),
    /// Nothing can be recorded: reject it for now (A-ASSOCIATE-RJ 2/3/1).
    Unrecorded,
}

/// The answer to an operation.
#[derive(Debug)]
pub enum Admission {
    /// Admitted.
    Permit(Permit),
    /// Denied; the record is written. The answer is 0124H with [`Refusal::comment`].
    Denied(Refusal),
    /// The policy needs this first.
    Need(Fact),
    /// Nothing can be recorded: refuse for now, with a status of resources (A700H, 0213H).
    Unrecorded,
}

impl Gate {
    /// A door that records into this log.
    pub fn new(log: Arc<Log>) -> Self {
        Self {
            log,
            name: Arc::default(),
            quarantine: Quarantine::default(),
            alarms: Alarms::default(),
            associations: AtomicU64::new(0),
            tally: Mutex::default(),
        }
    }

    /// Gives it the gateway's name, which stands where several gateways keep something together.
    #[must_use]
    pub fn named(mut self, gateway: Arc<str>) -> Self {
        self.name = gateway;
        self
    }

    /// Sets how many refusals of strangers are recorded one by one; at start and at every reload.
    pub fn set_refusal_limits(&self, limits: RefusalLimits) {
        self.tally().limits = limits;
    }

    /// The log, for its head and state.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// A new id, for a connection just accepted.
    pub fn association(&self) -> AssociationId {
        AssociationId { run: self.log.run(), number: self.associations.fetch_add(1, Relaxed).saturating_add(1) }
    }

    /// Records that the gateway took up work.
    pub fn started(&self, generation: u64, version: &str, listeners: &[String]) -> Result<Receipt, Unrecorded> {
        self.log.append(&Event::Started { version, listeners }, generation)
    }

    /// Records that the gateway stops; after it only [`Log::close`].
    pub fn stopped(&self, generation: u64, reason: &str) -> Result<Receipt, Unrecorded> {
        self.sum_refusals(generation)?;
        self.log.append(&Event::Stopped { reason }, generation)
    }

    /// Records that a new configuration serves.
    pub fn reloaded(&self, generation: u64, changes: &[String]) -> Result<Receipt, Unrecorded> {
        self.log.append(&Event::Reloaded { changes }, generation)
    }

    /// Records that a new configuration was refused.
    pub fn reload_refused(&self, generation: u64, faults: &[String]) -> Result<Receipt, Unrecorded> {
        self.log.append(&Event::ReloadRefused { faults }, generation)
    }

    /// Records the refusals that were counted since the last time, in one record, and says how many they were. To be
    /// called once a second; what cannot be recorded is kept for the next time.
    pub fn sum_refusals(&self, generation: u64) -> Result<u64, Unrecorded> {
        let mut tally = self.tally();
        let Some(sum) = tally.take() else { return Ok(0) };
        let (written, refused) = tally.told(&sum, Instant::now(), |span, counted| {
            let refused = counted.iter().fold(0, |all: u64, one| all.saturating_add(one.count));
            if !self.log.is_writable() {
                return (Err(Unrecorded), refused);
            }
            (self.log.append(&Event::RefusalsSummed { span, counted }, generation), refused)
        });
        if written.is_err() {
            tally.put_back(sum);
        }
        written.map(|_| refused)
    }

    /// Records why a connection ends before it became an association. Strangers' refusals beyond
    /// [`RefusalLimits::recorded`] a second are counted, for [`Gate::sum_refusals`].
    pub fn refuse_connection(&self, generation: u64, caller: Caller<'_>, cause: Cause, words: &str) -> Refusal {
        self.refuse_caller(&Event::ConnectionRefused { caller, cause, words }, generation, &caller, cause)
    }

    /// Records why an association is rejected, for other reasons than the policy's; a stranger's as
    /// [`Gate::refuse_connection`] does, a peer's always by itself.
    pub fn refuse_association(
        &self,
        generation: u64,
        caller: Caller<'_>,
        to: Option<&str>,
        cause: Cause,
        words: &str,
    ) -> Refusal {
        let event = Event::AssociationRefused { caller, to, cause, words, denial: None };
        self.refuse_caller(&event, generation, &caller, cause)
    }

    /// Asks the policy whether this principal may do anything at all there (`request.operation` is `None`), and
    /// records the opening. Nothing may be dialled before.
    pub fn open_association(&self, basis: Basis<'_>, opening: Opening<'_>, request: &Request<'_>) -> Entry {
        let generation = basis.generation;
        let decision = basis.policy.decide(request);
        if let Some(reason) = self.quarantined(request, None) {
            let (to, caller, cause) = (Some(request.to), opening.caller, Cause::Quarantine);
            let denial = Denial { reason, operation: None };
            let (words, denial) = ("in quarantine", Some(&denial));
            let event = Event::AssociationRefused { caller, to, cause, words, denial };
            return Entry::Denied(self.refuse(&event, generation, cause));
        }
        match decision {
            Decision::Deny(denial) => {
                let (to, denial, caller) = (Some(request.to), Some(&denial), opening.caller);
                let event =
                    Event::AssociationRefused { caller, to, cause: Cause::Policy, words: "the policy denies", denial };
                Entry::Denied(self.refuse(&event, generation, Cause::Policy))
            }
            Decision::Permit(permission) => self.open(generation, opening, request.to, Some(permission.observed)),
            Decision::Need(_) => self.open(generation, opening, request.to, Some(false)),
        }
    }

    /// Records the opening of an archive's association that was asked for (a grant is in force, or it concerns the
    /// gateway alone): whether a rule lets the archive send of its own accord does not matter. Every message is still
    /// decided on.
    pub fn open_asked(&self, generation: u64, opening: Opening<'_>, to: &str) -> Entry {
        self.open(generation, opening, to, None)
    }

    /// `observed`: whether it is admitted because the policy observes; `None`: the policy was not asked.
    fn open(&self, generation: u64, opening: Opening<'_>, to: &str, observed: Option<bool>) -> Entry {
        let Opening { caller, principal, kept, removed, chained } = opening;
        let Ok(room) = self.log.reserve() else { return Entry::Unrecorded };
        let mut who = Body::fragment();
        caller.who(&mut who);
        let event = Event::AssociationOpened { caller, to, kept, removed, numbered: chained };
        let Ok(Receipt { incident, .. }) = self.log.append(&event, generation) else { return Entry::Unrecorded };
        let ledger = Arc::new(Ledger::new(caller.association, who, to, observed));
        Entry::Open(Visit { ledger, principal, room: Some(room), generation, incident, began: Instant::now() })
    }

    /// Asks the policy about one operation. A denial is recorded at once; a permit reserves room for its record.
    pub fn admit(&self, basis: Basis<'_>, visit: &Visit, request: &Request<'_>, object: &Object<'_>) -> Admission {
        if let Some(reason) = self.quarantined(request, object.delivery.map(|delivery| delivery.to)) {
            let denial = Denial { reason, operation: request.operation };
            return self.deny(basis, visit, request, object, &denial);
        }
        // What an archive delivers was asked for in time, and recorded then.
        let decision = match object.delivery {
            Some(_) => Some(basis.policy.decide(request)),
            None => self.decide(basis, visit, request),
        };
        let Some(decision) = decision else { return Admission::Unrecorded };
        match decision {
            Decision::Need(fact) => Admission::Need(fact),
            Decision::Deny(denial) => self.deny(basis, visit, request, object, &denial),
            Decision::Permit(permission) => match request.operation {
                Some(operation) => self.permit(basis, visit, request, object, operation, &permission),
                None => {
                    let reason = DenialReason::Fault("an operation without a name".to_owned());
                    self.deny(basis, visit, request, object, &Denial { reason, operation: None })
                }
            },
        }
    }

    /// Records that one of several systems could not be had, and the association goes on without it.
    pub fn missed(&self, visit: &Visit, to: &str, cause: Cause, words: &str) -> Refusal {
        let event = Event::SystemMissed { who: &visit.ledger.who, to, cause, words };
        self.refuse(&event, visit.generation, cause)
    }

    /// Records bytes that break the protocol; the association ends.
    pub fn malformed(&self, visit: &Visit, place: &str, words: &str) -> Refusal {
        let event = Event::Malformed { who: &visit.ledger.who, place, words };
        self.refuse(&event, visit.generation, Cause::Malformed)
    }

    /// Records that a command and its data set disagree; the association ends. `words` without the values: they may
    /// be a patient's.
    pub fn mismatch(&self, visit: &Visit, request: &Request<'_>, object: &Object<'_>, words: &str) -> Refusal {
        let asked = asked(request, object);
        let event = Event::Mismatch { who: &visit.ledger.who, asked: &asked, words };
        self.refuse(&event, visit.generation, Cause::Mismatch)
    }

    /// Records that an archive sends what nobody asked it for, or not so: the answer is 0124H.
    pub fn refuse_delivery(
        &self,
        basis: Basis<'_>,
        visit: &Visit,
        request: &Request<'_>,
        object: &Object<'_>,
        words: &str,
    ) -> Refusal {
        visit.ledger.counters.denied.fetch_add(1, Relaxed);
        let denial = Denial { reason: DenialReason::NotAsked(words.to_owned()), operation: request.operation };
        let asked = asked(request, object);
        let event = Event::Denied { who: &visit.ledger.who, asked: &asked, denial: &denial };
        self.refuse(&event, basis.generation, Cause::Policy)
    }

    /// Records that a live association ends because policy or certificates changed ([`Cause::Policy`]), or because of a
    /// quarantine.
    pub fn end_by_policy(&self, generation: u64, visit: &Visit, cause: Cause, words: &str) -> Refusal {
        self.refuse(&Event::PolicyEnded { who: &visit.ledger.who, cause, words }, generation, cause)
    }

    /// Records that a live association ends because access of the person ends: her token expired, or the longest time
    /// that a session may last is over.
    pub fn end_by_session(&self, generation: u64, visit: &Visit) -> Refusal {
        self.refuse(&Event::SessionOver { who: &visit.ledger.who }, generation, Cause::UserIdentity)
    }

    /// Records what became of a report of storage commitment.
    pub fn commitment(&self, generation: u64, note: CommitmentNote<'_>) -> Result<Receipt, Unrecorded> {
        self.log.append(&Event::Commitment(note), generation)
    }

    fn permit(
        &self,
        basis: Basis<'_>,
        visit: &Visit,
        request: &Request<'_>,
        object: &Object<'_>,
        operation: Operation,
        permission: &Permission,
    ) -> Admission {
        let record = if operation == Operation::Echo {
            if !self.log.is_writable() {
                return Admission::Unrecorded;
            }
            let syntax = request.transfer_syntax.map(Uid::as_str).unwrap_or_default();
            visit.ledger.echoed(request.to, syntax, permission.rule.as_deref(), permission.observed);
            None
        } else {
            let Ok(room) = self.log.reserve() else { return Admission::Unrecorded };
            let mut body = Body::new("operation", false);
            body.number("generation", basis.generation).fields(&visit.ledger.who);
            asked(request, object).encode(&mut body);
            body.text_if("rule", permission.rule.as_deref()).flag("observed", permission.observed);
            Some(Record { body, room, began: Instant::now() })
        };
        Admission::Permit(Permit {
            ledger: Arc::clone(&visit.ledger),
            message: object.message,
            operation,
            instance: object.instance.copied(),
            observed: permission.observed,
            narrowing: permission.narrowing.clone(),
            seal: permission.seal,
            open: permission.open,
            record,
        })
    }

    fn deny(
        &self,
        basis: Basis<'_>,
        visit: &Visit,
        request: &Request<'_>,
        object: &Object<'_>,
        denial: &Denial,
    ) -> Admission {
        visit.ledger.counters.denied.fetch_add(1, Relaxed);
        let asked = asked(request, object);
        let event = Event::Denied { who: &visit.ledger.who, asked: &asked, denial };
        let cause = match denial.reason {
            DenialReason::Quarantine { .. } => Cause::Quarantine,
            _ => Cause::Policy,
        };
        Admission::Denied(self.refuse(&event, basis.generation, cause))
    }

    fn refuse_caller(&self, event: &Event<'_>, generation: u64, caller: &Caller<'_>, cause: Cause) -> Refusal {
        if caller.peer.is_some() {
            return self.refuse(event, generation, cause);
        }
        let now = Instant::now();
        if self.log.is_writable() && self.tally().lets_through(now) {
            let refusal = self.refuse(event, generation, cause);
            if refusal.incident.is_some() {
                return refusal;
            }
        }
        self.tally().count(caller.listener, caller.from.ip(), cause, now);
        Refusal { incident: None, cause, summed: true }
    }

    pub(super) fn refuse(&self, event: &Event<'_>, generation: u64, cause: Cause) -> Refusal {
        let incident = self.log.append(event, generation).ok().and_then(|receipt| receipt.incident);
        Refusal { incident, cause, summed: false }
    }

    /// Whole values at every moment, so a thread that panicked with the lock left nothing half done.
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was asked for, as records have it.
pub(super) fn asked<'a>(request: &Request<'a>, object: &Object<'a>) -> Asked<'a> {
    let query = match request.query {
        Known::Is(query) => Some(query),
        Known::Unread | Known::Absent => None,
    };
    Asked {
        operation: request.operation.unwrap_or(Operation::Other),
        to: request.to,
        message: object.message,
        sop_class: request.sop_class.map(Uid::as_str),
        instance: object.instance.map(Uid::as_str),
        study: object.study.map(Uid::as_str),
        transfer_syntax: request.transfer_syntax.map(Uid::as_str),
        modality: match request.modality {
            Known::Is(modality) => Some(modality),
            Known::Unread | Known::Absent => None,
        },
        destination: request.destination.map(crate::dicom::AeTitle::as_str),
        level: query.and_then(|query| query.level).or(object.level),
        keys: query.map(|query| query.keys),
        patient_id: object.patient_id.clone(),
        patient_name: object.patient_name.clone(),
        delivery: object.delivery,
    }
}
