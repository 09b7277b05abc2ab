//! What comes from the archive: answers, and its own requests (the sub-operations of a C-GET, event reports).

use super::outstanding::Outstanding;
use super::refuse::{Refused, transient};
use super::stage::{Completed, DataSet, Fate, Stage, Walk};
use super::timers::Timers;
use super::{End, Ending, Relay, inspect};
use crate::dicom::association::Indication;
use crate::dicom::dimse::{Command, Field, Operation, Status, StatusKind, Tolerances};
use crate::dicom::pdu::{Abort, Event, Fragment};
use crate::gate::{Admission, Object};
use crate::policy::{Known, Request};
use crate::proxy::clock;
use bytes::Bytes;
use std::time::Instant;

impl Relay {
    /// Takes what the archive has sent.
    pub(super) fn take_from_archive(&mut self, input: Bytes, now: Instant) -> Result<(), Ending> {
        self.down.lane.feed(input);
        let mut ended = false;
        while let Some(event) = self.down.lane.next().map_err(|fault| Ending::pdu(End::Archive, fault))? {
            match event {
                Event::Fragment(fragment) => {
                    // Until a release is confirmed data still comes (AR-6).
                    if let Some(effects) = self.leg.machine.on_pdata(now)
                        && effects.indicate != Some(Indication::Data)
                    {
                        self.say_to_archive(effects);
                        return Err(self.out_of_state(End::Archive, effects));
                    }
                    self.archive_fragment(&fragment)?;
                }
                Event::PDataEnd { end } => {
                    ended = true;
                    self.archive_pdu_end(end)?;
                }
                Event::Control { pdu, end } => {
                    ended = true;
                    let Self { down, peer, .. } = self;
                    down.lane.discard(end, &mut |bytes| peer.send(bytes));
                    self.archive_control(&pdu, now)?;
                }
            }
        }
        let Self { down, peer, .. } = self;
        down.lane.settle(&mut |bytes| peer.send(bytes));
        Timers::pdu(&mut self.timers.began.1, self.down.lane.mid_pdu(), ended, now);
        self.send_own_answers();
        Ok(())
    }

    fn archive_pdu_end(&mut self, end: usize) -> Result<(), Ending> {
        self.down.fresh = true;
        let Self { down, peer, .. } = self;
        let mut forward = |bytes: Bytes| peer.send(bytes);
        match down.fate {
            Fate::Hold => down.lane.hold(end, &mut forward),
            Fate::Forward => down.lane.release(end, &mut forward),
            Fate::Drop => down.lane.discard(end, &mut forward),
        }
        if self.down.stage.is_between()
            && let Some(refused) = self.down.refusal.take()
        {
            self.answer_archive(refused.context, &refused.answer);
        }
        self.held_too_much(End::Archive)
    }

    fn archive_fragment(&mut self, fragment: &Fragment) -> Result<(), Ending> {
        let begins_message = self.down.stage.is_between();
        if begins_message && !self.down.fresh {
            return Err(out_of_turn("a second message within one PDU"));
        }
        self.down.fresh = false;
        let longest = self.snapshot.settings.limits.command;
        let completed = self.down.stage.take(fragment, longest).map_err(|fault| out_of_turn(fault.0))?;
        if begins_message {
            self.down.fate = Fate::Hold;
        }
        if !fragment.command {
            self.archive_data(&fragment.bytes)?;
        }
        match completed {
            Completed::Nothing => Ok(()),
            Completed::CommandHere => self.archive_command(fragment.context, &fragment.bytes),
            Completed::Command(partial) => self.archive_command(partial.context, &partial.bytes),
            Completed::DataSet => self.archive_data_end(),
        }
    }

    fn archive_command(&mut self, context: u8, bytes: &[u8]) -> Result<(), Ending> {
        // The archive is what it is: every named tolerance holds for it.
        let command =
            Command::decode(bytes, &Tolerances::ALL).map_err(|fault| Ending::command(End::Archive, &fault))?;
        let Some(accepted) = self.contexts.get(context) else {
            let words = "a message on a presentation context that was not accepted";
            return Err(Ending::malformed(End::Archive, "message", words, Abort::INVALID_VALUE));
        };
        let syntax = *accepted.transfer_syntax;
        if command.field.is_response() {
            self.archive_answer(context, &command)?;
        } else {
            self.archive_request(context, &command)?;
        }
        if command.data_set {
            let walk =
                (self.down.fate != Fate::Drop).then(|| Walk::new(&command, &syntax, self.walk_limits, Tolerances::ALL));
            self.down.stage = Stage::Data(Box::new(DataSet { context, command, bytes: 0, walk }));
        }
        Ok(())
    }

    /// An answer goes on with its own status; the closing record of a final one is written first.
    fn archive_answer(&mut self, context: u8, command: &Command) -> Result<(), Ending> {
        let found = self.asked.iter().position(|asked| {
            Some(asked.message) == command.responded_to
                && asked.context == context
                && Some(command.field) == asked.field.response()
        });
        let Some(index) = found else {
            return Err(out_of_turn("an answer to nothing that was asked"));
        };
        // A promise about an object of which a part is still on its way can only be false.
        let unfinished = matches!(&self.up.stage, Stage::Data(data)
            if data.command.field.is_request() && data.command.message_id == command.responded_to);
        if unfinished && command.status.is_none_or(|status| status.kind() != StatusKind::Failure) {
            return Err(out_of_turn("an answer other than a failure before the whole request was sent"));
        }
        if command.status.is_none_or(Status::is_final) {
            let asked = self.asked.remove(index);
            self.settle_permit(asked, command)?;
        } else if let Some(asked) = self.asked.get_mut(index) {
            asked.answers = asked.answers.saturating_add(1);
        }
        self.down.fate = Fate::Forward;
        Ok(())
    }

    /// The archive asks: an instance of a C-GET under way, or an event report.
    fn archive_request(&mut self, context: u8, command: &Command) -> Result<(), Ending> {
        self.keep_up()?;
        let Some(accepted) = self.contexts.get(context) else { return Ok(()) };
        let (class, syntax, roles) = (*accepted.abstract_syntax, *accepted.transfer_syntax, accepted.roles);
        let reports = command.field == Field::EventReportRq;
        if !roles.scp && !reports {
            return Err(out_of_turn("a request on a presentation context on which the caller is not SCP"));
        }
        let getting = self.asked.iter().any(|asked| asked.field == Field::GetRq);
        if command.field == Field::StoreRq && !getting {
            return Err(out_of_turn("an object that no C-GET asked for"));
        }
        if self.asked_back.len() >= self.window.1 {
            return Err(out_of_turn("more requests under way than negotiated"));
        }
        let message = command.message_id.unwrap_or_default();
        if self.asked_back.iter().any(|asked| asked.message == message) {
            return Err(out_of_turn("a message id that is still in use"));
        }
        let Some(operation) = Operation::of_command(&class, command.field, false) else {
            return Err(out_of_turn("a command that does not belong to the SOP class"));
        };
        if !inspect::class_fits(command, &class, operation) {
            return Err(out_of_turn("a command whose SOP class is not the context's"));
        }
        let request = Request {
            principal: &self.principal,
            to: self.archive.as_str(),
            operation: Some(operation),
            sop_class: Some(&class),
            transfer_syntax: Some(&syntax),
            destination: None,
            modality: Known::Absent,
            at: clock::moment(),
        };
        let object = Object { message, instance: command.sop_instance(), ..Object::default() };
        match self.shared.gate.admit(self.basis(), &self.visit, &request, &object) {
            Admission::Permit(permit) => {
                self.shared.metrics.permitted(operation, permit.observed());
                let field = command.field;
                self.asked_back.push(Outstanding { message, context, field, permit, bytes: 0, answers: 0 });
                self.down.fate = Fate::Forward;
            }
            Admission::Denied(refusal) => {
                self.shared.metrics.denied(operation);
                self.refuse_archive(context, command, Status::NOT_AUTHORIZED, &refusal.comment());
            }
            Admission::Need(_) => {
                self.refuse_archive(context, command, Status::NOT_AUTHORIZED, "a rule hangs on what cannot be known");
            }
            Admission::Unrecorded => {
                self.refuse_archive(context, command, transient(command.field), "the gateway cannot record this now");
            }
        }
        Ok(())
    }

    fn refuse_archive(&mut self, context: u8, command: &Command, status: Status, comment: &str) {
        self.down.fate = Fate::Drop;
        if let Some(answer) = command.refusal(status, comment) {
            self.down.refusal = Some(Box::new(Refused { context, answer, dropped: 0 }));
        }
    }

    fn archive_data(&mut self, bytes: &[u8]) -> Result<(), Ending> {
        let Stage::Data(data) = &mut self.down.stage else { return Ok(()) };
        let Some(walk) = &mut data.walk else { return Ok(()) };
        walk.push(bytes).map_err(|fault| Ending::walk(End::Archive, &fault))
    }

    fn archive_data_end(&mut self) -> Result<(), Ending> {
        let Stage::Data(mut data) = std::mem::replace(&mut self.down.stage, Stage::Between) else { return Ok(()) };
        if let Some(walk) = &mut data.walk {
            walk.finish().map_err(|fault| Ending::walk(End::Archive, &fault))?;
            if let Some(words) = inspect::mismatch(&data.command, walk) {
                return self.mismatched(End::Archive, data.context, &data.command, words);
            }
        }
        if self.down.fate == Fate::Forward {
            self.shared.metrics.bytes_out.inc_by(data.bytes);
        }
        if let Some(message) = data.command.message_id
            && let Some(asked) = self.asked_back.iter_mut().find(|asked| asked.message == message)
        {
            asked.bytes = data.bytes;
        }
        Ok(())
    }
}

fn out_of_turn(words: &'static str) -> Ending {
    Ending::malformed(End::Archive, "message", words, Abort::UNEXPECTED_PARAMETER)
}
