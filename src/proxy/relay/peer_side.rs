//! What comes from the peer: requests, C-CANCEL, and answers to the archive's requests.

use super::outstanding::Outstanding;
use super::refuse::{Refused, transient};
use super::stage::{Completed, DataSet, Fate, Stage, Walk};
use super::timers::Timers;
use super::{End, Ending, Relay, inspect};
use crate::dicom::Phi;
use crate::dicom::association::Indication;
use crate::dicom::dimse::{Command, Field, Operation, Status};
use crate::dicom::pdu::{Abort, Event, Fragment};
use crate::gate::{Admission, Basis, Object, Outcome, SubOperations};
use crate::policy::{Known, Request};
use crate::proxy::clock;
use bytes::Bytes;
use std::time::Instant;

impl Relay {
    /// Takes what the peer has sent.
    pub(super) fn take_from_peer(&mut self, input: Bytes, now: Instant) -> Result<(), Ending> {
        self.up.lane.feed(input);
        let mut ended = false;
        while let Some(event) = self.up.lane.next().map_err(|fault| Ending::pdu(End::Peer, fault))? {
            match event {
                Event::Fragment(fragment) => {
                    // Until a release is confirmed data still comes (AR-6).
                    if let Some(effects) = self.peer_machine.on_pdata(now)
                        && effects.indicate != Some(Indication::Data)
                    {
                        self.say_to_peer(effects);
                        return Err(self.out_of_state(End::Peer, effects));
                    }
                    self.peer_fragment(&fragment)?;
                }
                Event::PDataEnd { end } => {
                    ended = true;
                    self.peer_pdu_end(end)?;
                }
                Event::Control { pdu, end } => {
                    ended = true;
                    self.settle_released(end);
                    self.peer_control(&pdu, now)?;
                }
            }
        }
        self.settle_up();
        Timers::pdu(&mut self.timers.began.0, self.up.lane.mid_pdu(), ended, now);
        self.send_own_answers();
        Ok(())
    }

    /// A control PDU is no part of what is forwarded; what was released before it goes first.
    fn settle_released(&mut self, end: usize) {
        let Self { up, leg, asked, .. } = self;
        up.lane.discard(end, &mut |bytes| match asked.last() {
            Some(current) => leg.forward(&current.permit, bytes),
            None => leg.answer(bytes),
        });
    }

    /// What is released goes, the rest stays as it is.
    pub(super) fn hand_out_up(&mut self) {
        let Self { up, leg, asked, .. } = self;
        up.lane.hand_out(&mut |bytes| match asked.last() {
            Some(current) => leg.forward(&current.permit, bytes),
            None => leg.answer(bytes),
        });
    }

    fn settle_up(&mut self) {
        let Self { up, leg, asked, .. } = self;
        match asked.last() {
            Some(current) => up.lane.settle(&mut |bytes| leg.forward(&current.permit, bytes)),
            // The rest of a message that the archive has answered early, or an answer to the archive itself.
            None => up.lane.settle(&mut |bytes| leg.answer(bytes)),
        }
    }

    fn peer_pdu_end(&mut self, end: usize) -> Result<(), Ending> {
        self.up.fresh = true;
        let Self { up, leg, asked, .. } = self;
        let mut forward = |bytes: Bytes| match asked.last() {
            Some(current) => leg.forward(&current.permit, bytes),
            None => leg.answer(bytes),
        };
        match up.fate {
            Fate::Hold => up.lane.hold(end, &mut forward),
            Fate::Forward => up.lane.release(end, &mut forward),
            Fate::Drop => up.lane.discard(end, &mut forward),
        }
        if self.up.stage.is_between()
            && let Some(refused) = self.up.refusal.take()
        {
            self.timers.set_refusing(None);
            self.answer_peer(refused.context, &refused.answer);
        }
        self.held_too_much(End::Peer)
    }

    fn peer_fragment(&mut self, fragment: &Fragment) -> Result<(), Ending> {
        let limits = &self.snapshot.settings.limits;
        let begins_message = self.up.stage.is_between();
        if begins_message && !self.up.fresh {
            return Err(out_of_turn("a second message within one PDU"));
        }
        self.up.fresh = false;
        let completed = self.up.stage.take(fragment, limits.command).map_err(|fault| out_of_turn(fault.0))?;
        if begins_message {
            self.up.fate = Fate::Hold;
        }
        if !fragment.command {
            self.peer_data(&fragment.bytes)?;
        }
        match completed {
            Completed::Nothing => Ok(()),
            Completed::CommandHere => self.peer_command(fragment.context, &fragment.bytes),
            Completed::Command(partial) => self.peer_command(partial.context, &partial.bytes),
            Completed::DataSet => self.peer_data_end(),
        }
    }

    fn peer_command(&mut self, context: u8, bytes: &[u8]) -> Result<(), Ending> {
        let command = Command::decode(bytes, &self.tolerances).map_err(|fault| Ending::command(End::Peer, &fault))?;
        if self.contexts.get(context).is_none() {
            let words = "a message on a presentation context that was not accepted";
            return Err(Ending::malformed(End::Peer, "message", words, Abort::INVALID_VALUE));
        }
        if command.field.is_request() {
            self.peer_request(context, command)
        } else if command.field == Field::CancelRq {
            self.peer_cancel(context, &command)
        } else {
            self.peer_answer(context, command)
        }
    }

    fn peer_request(&mut self, context: u8, command: Command) -> Result<(), Ending> {
        self.keep_up()?;
        let Some(accepted) = self.contexts.get(context) else { return Ok(()) };
        let (class, roles, syntax) = (*accepted.abstract_syntax, accepted.roles, *accepted.transfer_syntax);
        // Reports go from SCP to SCU, everything else the other way (PS3.7 10.1.1).
        if !(if command.field == Field::EventReportRq { roles.scp } else { roles.scu }) {
            return Err(out_of_turn("a request on a presentation context on which the caller has not the role for it"));
        }
        if self.asked.len() >= self.window.0 {
            return Err(out_of_turn("more requests under way than negotiated"));
        }
        let message = command.message_id.unwrap_or_default();
        if self.asked.iter().any(|asked| asked.message == message) {
            return Err(out_of_turn("a message id that is still in use"));
        }
        let Some(operation) = Operation::of_command(&class, command.field, true) else {
            return Err(out_of_turn("a command that does not belong to the SOP class"));
        };
        if !inspect::class_fits(&command, &class, operation) {
            let words = "the SOP Class UID of the command is not the context's";
            return self.mismatched(End::Peer, context, &command, words);
        }
        if !command.data_set {
            return self.decide(context, &command, operation, None);
        }
        let waits = matches!(command.field, Field::StoreRq | Field::FindRq | Field::GetRq | Field::MoveRq);
        if !waits {
            self.decide(context, &command, operation, None)?;
        }
        let walk =
            (self.up.fate != Fate::Drop).then(|| Walk::new(&command, &syntax, self.walk_limits, self.tolerances));
        self.up.stage = Stage::Data(Box::new(DataSet { context, command, bytes: 0, walk }));
        Ok(())
    }

    /// A piece of a data set: looked at, and the decision made once enough has come.
    fn peer_data(&mut self, bytes: &[u8]) -> Result<(), Ending> {
        if let Some(mut refused) = self.up.refusal.take() {
            let outcome = self.dropped(&mut refused, bytes.len());
            self.up.refusal = Some(refused);
            outcome?;
        }
        let Stage::Data(data) = &mut self.up.stage else { return Ok(()) };
        let Some(walk) = &mut data.walk else { return Ok(()) };
        walk.push(bytes).map_err(|fault| Ending::walk(End::Peer, &fault))?;
        if self.up.fate == Fate::Hold {
            if inspect::enough(&data.command, walk) {
                return self.decide_on_data();
            }
            let held = u64::try_from(self.up.lane.held_bytes()).unwrap_or(u64::MAX);
            if data.bytes.max(held) > self.snapshot.settings.limits.inspect {
                return Err(Ending::malformed(
                    End::Peer,
                    "data set",
                    "what identifies the object does not come within the limit `inspect`",
                    Abort::NOT_SPECIFIED,
                ));
            }
        }
        Ok(())
    }

    fn peer_data_end(&mut self) -> Result<(), Ending> {
        if let Stage::Data(data) = &mut self.up.stage
            && let Some(walk) = &mut data.walk
        {
            walk.finish().map_err(|fault| Ending::walk(End::Peer, &fault))?;
            if self.up.fate == Fate::Hold {
                self.decide_on_data()?;
            }
        }
        let Stage::Data(data) = std::mem::replace(&mut self.up.stage, Stage::Between) else { return Ok(()) };
        if self.up.fate == Fate::Forward {
            self.shared.metrics.bytes_in.inc_by(data.bytes);
        }
        if let Some(message) = data.command.message_id
            && let Some(asked) = self.asked.iter_mut().find(|asked| asked.message == message)
        {
            asked.bytes = data.bytes;
        }
        Ok(())
    }

    fn decide_on_data(&mut self) -> Result<(), Ending> {
        let Stage::Data(data) = std::mem::replace(&mut self.up.stage, Stage::Between) else { return Ok(()) };
        let outcome = self.decide_with(&data);
        let mut data = data;
        if self.up.fate == Fate::Drop {
            data.walk = None;
        }
        self.up.stage = Stage::Data(data);
        outcome
    }

    fn decide_with(&mut self, data: &DataSet) -> Result<(), Ending> {
        let Some(walk) = &data.walk else { return Ok(()) };
        if let Some(words) = inspect::mismatch(&data.command, walk) {
            return self.mismatched(End::Peer, data.context, &data.command, words);
        }
        let Some(accepted) = self.contexts.get(data.context) else { return Ok(()) };
        let mut operation = Operation::of_command(accepted.abstract_syntax, data.command.field, true);
        if operation == Some(Operation::Store) && walk.leading.is_rejection() {
            operation = Some(Operation::Reject);
        }
        let Some(operation) = operation else { return Ok(()) };
        self.decide(data.context, &data.command, operation, Some(walk))
    }

    /// Asks the gate, and sets the message's fate.
    fn decide(
        &mut self,
        context: u8,
        command: &Command,
        operation: Operation,
        walk: Option<&Walk>,
    ) -> Result<(), Ending> {
        let Some(accepted) = self.contexts.get(context) else { return Ok(()) };
        let modality = match walk {
            Some(walk) if about_object(operation) => walk.leading.modality().map_or(Known::Absent, Known::Is),
            _ => Known::Absent,
        };
        let request = Request {
            principal: &self.principal,
            to: self.archive.as_str(),
            operation: Some(operation),
            sop_class: Some(accepted.abstract_syntax),
            transfer_syntax: Some(accepted.transfer_syntax),
            destination: command.move_destination.as_ref(),
            modality,
            at: clock::moment(),
        };
        let message = command.message_id.unwrap_or_default();
        let object = Object {
            message,
            instance: command.sop_instance().or_else(|| walk.and_then(|walk| walk.leading.sop_instance())),
            study: walk.and_then(|walk| walk.leading.study()),
            patient_id: walk.and_then(|walk| phi_of(walk.leading.patient_id())),
            patient_name: walk.and_then(|walk| phi_of(walk.leading.patient_name())),
        };
        match self.shared.gate.admit(self.basis(), &self.visit, &request, &object) {
            Admission::Permit(permit) => {
                self.shared.metrics.permitted(operation, permit.observed());
                let field = command.field;
                self.asked.push(Outstanding { message, context, field, permit, bytes: 0, answers: 0 });
                self.up.fate = Fate::Forward;
            }
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
        Ok(())
    }

    fn refuse(&mut self, context: u8, command: &Command, status: Status, comment: &str) {
        self.up.fate = Fate::Drop;
        if let Some(answer) = command.refusal(status, comment) {
            if command.data_set {
                self.timers.set_refusing(Some(Instant::now()));
            }
            self.up.refusal = Some(Box::new(Refused { context, answer, dropped: 0 }));
        }
    }

    /// A C-CANCEL goes on while the request that it names is under way; one that comes too late is dropped.
    fn peer_cancel(&mut self, context: u8, command: &Command) -> Result<(), Ending> {
        if command.data_set {
            return Err(out_of_turn("a C-CANCEL with a data set"));
        }
        let cancellable = |field| matches!(field, Field::FindRq | Field::GetRq | Field::MoveRq);
        let under_way = self.asked.iter().any(|asked| {
            Some(asked.message) == command.responded_to && asked.context == context && cancellable(asked.field)
        });
        self.up.fate = if under_way { Fate::Forward } else { Fate::Drop };
        Ok(())
    }

    /// The peer answers a request of the archive's.
    fn peer_answer(&mut self, context: u8, command: Command) -> Result<(), Ending> {
        let found = self.asked_back.iter().position(|asked| {
            Some(asked.message) == command.responded_to
                && asked.context == context
                && Some(command.field) == asked.field.response()
        });
        let Some(index) = found else {
            return Err(out_of_turn("an answer to nothing that was asked"));
        };
        if command.status.is_none_or(Status::is_final) {
            let asked = self.asked_back.remove(index);
            self.settle_permit(asked, &command)?;
        }
        self.up.fate = Fate::Forward;
        if command.data_set {
            let syntax = self.contexts.get(context).map(|accepted| *accepted.transfer_syntax);
            let walk = syntax.map(|syntax| Walk::new(&command, &syntax, self.walk_limits, self.tolerances));
            self.up.stage = Stage::Data(Box::new(DataSet { context, command, bytes: 0, walk }));
        }
        Ok(())
    }

    /// Writes the closing record of an answered request; only then may its answer go on.
    pub(super) fn settle_permit(&mut self, asked: Outstanding, answer: &Command) -> Result<(), Ending> {
        let counters = answer.counters;
        let outcome = Outcome {
            status: answer.status.map_or(0, |status| status.0),
            bytes: asked.bytes,
            answers: asked.answers,
            sub_operations: counters.completed.map(|completed| SubOperations {
                completed: u32::from(completed),
                failed: u32::from(counters.failed.unwrap_or_default()),
                warning: u32::from(counters.warning.unwrap_or_default()),
            }),
            archive_incident: None,
        };
        asked.permit.close(outcome).map_err(|_| Ending::Unrecorded)?;
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
            .and_then(|accepted| Operation::of_command(accepted.abstract_syntax, command.field, end == End::Peer));
        let request = Request {
            principal: &self.principal,
            to: self.archive.as_str(),
            operation,
            sop_class: accepted.as_ref().map(|accepted| accepted.abstract_syntax),
            transfer_syntax: accepted.as_ref().map(|accepted| accepted.transfer_syntax),
            destination: None,
            modality: Known::Unread,
            at: clock::moment(),
        };
        let message = command.message_id.unwrap_or_default();
        let object = Object { message, instance: command.sop_instance(), ..Object::default() };
        let refusal = self.shared.gate.mismatch(&self.visit, &request, &object, words);
        self.shared.metrics.refused.with_label_values(&[refusal.cause.as_str()]).inc();
        Err(Ending::Mismatch(end))
    }
}

fn phi_of(value: Option<&Phi<Box<[u8]>>>) -> Option<Phi<&[u8]>> {
    value.map(|value| Phi::new(&**value.reveal()))
}

/// Whether rules about modalities speak of this operation's object. A query or retrieve is no object.
const fn about_object(operation: Operation) -> bool {
    matches!(operation, Operation::Store | Operation::Reject)
}

fn out_of_turn(words: &'static str) -> Ending {
    Ending::malformed(End::Peer, "message", words, Abort::UNEXPECTED_PARAMETER)
}
