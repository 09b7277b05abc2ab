//! Asking the gate, and what follows from its answer.

use super::asked::Asked;
use super::outstanding::{Outstanding, Purpose};
use super::refuse::{Refused, transient};
use super::stage::{DataSet, Fate};
use super::{End, Ending, Relay, inspect};
use crate::audit::Incident;
use crate::dicom::Phi;
use crate::dicom::dimse::{Command, Operation, Status};
use crate::dicom::transfer_syntax::encoding_of;
use crate::gate::{Admission, Basis, Object, Outcome, Permit, SubOperations};
use crate::policy::{Known, Request};
use crate::proxy::{clock, edge};
use std::time::Instant;

impl Relay {
    /// Asks the gate, and sets the message's fate.
    pub(super) fn decide(&mut self, context: u8, command: &Command, operation: Operation) -> Result<(), Ending> {
        let Some(permit) = self.ask_gate(context, command, operation, None) else { return Ok(()) };
        if permit.narrowing().is_some() {
            return self.cannot_narrow(context, command, permit);
        }
        self.go_on(context, command, permit);
        Ok(())
    }

    /// A permitted request goes on as it is.
    pub(super) fn go_on(&mut self, context: u8, command: &Command, permit: Permit) {
        self.called.asked.push(Outstanding::new(context, command, permit, Purpose::Plain));
        self.up.fate = Fate::Forward;
    }

    /// Asks the gate. Without a permit the message is refused.
    pub(super) fn ask_gate(
        &mut self,
        context: u8,
        command: &Command,
        operation: Operation,
        data: Option<&DataSet>,
    ) -> Option<Permit> {
        let accepted = self.contexts.get(context)?;
        let walk = data.and_then(|data| data.walk.as_ref());
        let whole = data.and_then(|data| data.kept.as_deref()).filter(|_| inspect::is_retrieval(command.field));
        let query = whole.map(|bytes| {
            let encoding = encoding_of(accepted.transfer_syntax);
            Asked::read(bytes, accepted.abstract_syntax, encoding, self.walk_limits)
        });
        let modality = match walk {
            Some(walk) if about_object(operation) => walk.leading.modality().map_or(Known::Absent, Known::Is),
            _ => Known::Absent,
        };
        let request = Request {
            principal: &self.principal,
            to: &self.called.to,
            operation: Some(operation),
            sop_class: Some(accepted.abstract_syntax),
            transfer_syntax: Some(accepted.transfer_syntax),
            destination: command.move_destination.as_ref(),
            modality,
            query: query.as_ref().map_or(Known::Unread, Asked::query),
            at: clock::moment(),
        };
        let message = command.message_id.unwrap_or_default();
        let object = Object {
            message,
            instance: command.sop_instance().or_else(|| walk.and_then(|walk| walk.leading.sop_instance())),
            study: walk.and_then(|walk| walk.leading.study()),
            level: walk.and_then(|walk| walk.leading.level()),
            patient_id: walk.and_then(|walk| phi_of(walk.leading.patient_id())),
            patient_name: walk.and_then(|walk| phi_of(walk.leading.patient_name())),
            delivery: None,
        };
        match self.shared.gate.admit(self.basis(), &self.visit, &request, &object) {
            Admission::Permit(permit) => {
                self.shared.metrics.permitted(operation, permit.observed());
                Some(permit)
            }
            other => {
                self.not_admitted(context, command, operation, other);
                None
            }
        }
    }

    /// What the gate does not admit is refused.
    pub(super) fn not_admitted(&mut self, context: u8, command: &Command, operation: Operation, answer: Admission) {
        match answer {
            // Dropped, it is recorded as aborted.
            Admission::Permit(_) => {}
            Admission::Denied(refusal) => {
                self.shared.metrics.denied(operation);
                self.refuse(context, command, Status::NOT_AUTHORIZED, &refusal.comment());
            }
            Admission::Need(_) => {
                self.refuse(context, command, Status::PROCESSING_FAILURE, "a rule hangs on what cannot be known");
            }
            Admission::Unrecorded => {
                self.refuse(context, command, transient(command.field), "the gateway cannot record this now");
            }
        }
    }

    /// Refuses what the gate has permitted, for another reason; the record says how it was answered.
    pub(super) fn refuse_permitted(
        &mut self,
        data: &DataSet,
        permit: Permit,
        status: Status,
        words: &str,
    ) -> Result<(), Ending> {
        self.refuse_command(data.context, &data.command, permit, status, words)
    }

    /// What is permitted only in part, and is no query or retrieve: no part of it could be shown.
    pub(super) fn cannot_narrow(&mut self, context: u8, command: &Command, permit: Permit) -> Result<(), Ending> {
        let words = "only part of it is permitted, and it cannot be narrowed";
        self.refuse_command(context, command, permit, Status::NOT_AUTHORIZED, words)
    }

    fn refuse_command(
        &mut self,
        context: u8,
        command: &Command,
        permit: Permit,
        status: Status,
        words: &str,
    ) -> Result<(), Ending> {
        permit.close(Outcome { status: status.0, ..Outcome::default() }).map_err(|_| Ending::Unrecorded)?;
        self.refuse(context, command, status, words);
        Ok(())
    }

    pub(super) fn refuse(&mut self, context: u8, command: &Command, status: Status, comment: &str) {
        self.up.fate = Fate::Drop;
        if let Some(answer) = command.refusal(status, comment) {
            if command.data_set && !self.drains_patiently() {
                self.timers.set_refusing(Some(Instant::now()));
            }
            self.up.refusal = Some(Box::new(Refused { context, answer, dropped: 0 }));
        }
    }

    /// Writes the closing record of a request that the called system answered; only then may its answer go on.
    pub(super) fn settle_permit(&mut self, asked: Outstanding, answer: &Command) -> Result<(), Ending> {
        let told = edge::told(&self.snapshot.settings, &self.called.to, answer);
        self.settle(asked, answer, told)
    }

    /// Writes the closing record of a request that the caller answered.
    pub(super) fn settle_back(&mut self, asked: Outstanding, answer: &Command) -> Result<(), Ending> {
        self.settle(asked, answer, None)
    }

    fn settle(&mut self, asked: Outstanding, answer: &Command, told: Option<Incident>) -> Result<(), Ending> {
        let counters = answer.counters;
        let outcome = Outcome {
            status: answer.status.map_or(0, |status| status.0),
            bytes: asked.bytes,
            answers: asked.answers,
            withheld: asked.withheld,
            sub_operations: counters.completed.map(|completed| SubOperations {
                completed: u32::from(completed),
                failed: u32::from(counters.failed.unwrap_or_default()),
                warning: u32::from(counters.warning.unwrap_or_default()),
            }),
            archive_incident: told,
            opened: asked.opened.map(|(opened, _)| opened),
            sealed: match &asked.purpose {
                Purpose::Seal(sealing) => sealing.note(),
                _ => None,
            },
            in_clear: match &asked.purpose {
                Purpose::Clear(why) => Some(why),
                _ => None,
            },
            drift: asked.opened.map(|(_, drift)| drift).unwrap_or_default(),
        };
        asked.permit.close(outcome).map_err(|_| Ending::Unrecorded)?;
        if let Purpose::Delivery(deliveries) = asked.purpose {
            for delivery in deliveries {
                delivery.end(outcome.status);
            }
        }
        Ok(())
    }

    /// What decides, and its number.
    pub(super) fn basis(&self) -> Basis<'_> {
        Basis { policy: &self.snapshot.policy, generation: self.snapshot.generation }
    }

    /// Records that command and context or data set disagree; nobody completes the object.
    pub(super) fn mismatched(
        &mut self,
        end: End,
        context: u8,
        command: &Command,
        words: &'static str,
    ) -> Result<(), Ending> {
        let accepted = self.contexts.get(context);
        let operation = accepted
            .as_ref()
            .and_then(|accepted| Operation::of_command(accepted.abstract_syntax, command.field, end == End::Caller));
        let request = Request {
            principal: &self.principal,
            to: &self.called.to,
            operation,
            sop_class: accepted.as_ref().map(|accepted| accepted.abstract_syntax),
            transfer_syntax: accepted.as_ref().map(|accepted| accepted.transfer_syntax),
            destination: None,
            modality: Known::Unread,
            query: Known::Unread,
            at: clock::moment(),
        };
        let message = command.message_id.unwrap_or_default();
        let object = Object { message, instance: command.sop_instance(), ..Object::default() };
        let refusal = self.shared.gate.mismatch(&self.visit, &request, &object, words);
        self.shared.metrics.refused.with_label_values(&[refusal.cause.as_str()]).inc();
        Err(Ending::Mismatch(end))
    }
}

pub(super) fn phi_of(value: Option<&Phi<Box<[u8]>>>) -> Option<Phi<&[u8]>> {
    value.map(|value| Phi::new(&**value.reveal()))
}

/// Whether rules about modalities speak of this operation's object. A query or retrieve is no object.
const fn about_object(operation: Operation) -> bool {
    matches!(operation, Operation::Store | Operation::Reject)
}
