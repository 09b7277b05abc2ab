//! What comes from a called system: answers, and its own requests (the sub-operations of a C-GET, event reports).

use super::outstanding::{Outstanding, Purpose};
use super::refuse::{Refused, transient};
use super::stage::{Completed, DataSet, Fate, Stage, Walk};
use super::timers::Timers;
use super::{End, Ending, Errand, Relay, inspect};
use crate::dicom::association::Indication;
use crate::dicom::dimse::{Command, Field, Operation, Status, StatusKind, Tolerances};
use crate::dicom::pdu::{Abort, Event, Fragment};
use crate::gate::{Admission, Object};
use crate::policy::{Known, Request};
use crate::proxy::clock;
use bytes::Bytes;
use std::time::Instant;

impl Relay {
    /// Takes what the system in focus has sent.
    pub(super) fn take_from_called(&mut self, input: Bytes, now: Instant) -> Result<(), Ending> {
        self.called.down.lane.feed(input);
        self.work_down(now)
    }

    /// Goes through what has been taken, until its end or until a message must wait.
    pub(super) fn work_down(&mut self, now: Instant) -> Result<(), Ending> {
        let mut ended = false;
        while !self.called.down.is_held()
            && let Some(event) = self.called.down.lane.next().map_err(|fault| Ending::pdu(End::Called, fault))?
        {
            match event {
                Event::Fragment(fragment) => {
                    // Until a release is confirmed data still comes (AR-6).
                    if let Some(effects) = self.called.leg.machine.on_pdata(now)
                        && effects.indicate != Some(Indication::Data)
                    {
                        self.say_to_called(effects);
                        return Err(self.out_of_state(End::Called, effects));
                    }
                    self.called_fragment(&fragment)?;
                }
                Event::PDataEnd { end } => {
                    ended = true;
                    self.called_pdu_end(end)?;
                }
                Event::Control { pdu, end } => {
                    ended = true;
                    let Self { called, caller, .. } = self;
                    called.down.lane.discard(end, &mut |bytes| caller.send(bytes));
                    self.called_control(&pdu, now)?;
                }
            }
        }
        if !self.called.down.is_held() {
            let Self { called, caller, .. } = self;
            called.down.lane.settle(&mut |bytes| caller.send(bytes));
            self.after_answers()?;
        }
        Timers::pdu(&mut self.called.began, self.called.down.lane.mid_pdu(), ended, now);
        self.send_own_answers();
        Ok(())
    }

    fn called_pdu_end(&mut self, end: usize) -> Result<(), Ending> {
        self.called.down.fresh = true;
        let Self { called, caller, .. } = self;
        let down = &mut called.down;
        let mut forward = |bytes: Bytes| caller.send(bytes);
        match down.fate {
            Fate::Hold => down.lane.hold(end, &mut forward),
            Fate::Forward => down.lane.release(end, &mut forward),
            Fate::Drop | Fate::Rewrite => down.lane.discard(end, &mut forward),
        }
        if self.called.down.stage.is_between()
            && let Some(refused) = self.called.down.refusal.take()
        {
            self.answer_called(refused.context, &refused.answer);
        }
        self.held_too_much(End::Called)
    }

    fn called_fragment(&mut self, fragment: &Fragment) -> Result<(), Ending> {
        let begins_message = self.called.down.stage.is_between();
        if begins_message && !self.called.down.fresh {
            return Err(out_of_turn("a second message within one PDU"));
        }
        self.called.down.fresh = false;
        let longest = self.snapshot.settings.limits.command;
        let completed = self.called.down.stage.take(fragment, longest).map_err(|fault| out_of_turn(fault.0))?;
        if begins_message {
            self.called.down.fate = Fate::Hold;
            self.called.down.lead = None;
            self.called.down.opening = None;
        }
        if !fragment.command {
            self.called_data(&fragment.bytes)?;
        }
        match completed {
            Completed::Nothing => Ok(()),
            Completed::CommandHere => self.called_command(fragment.context, &fragment.bytes),
            Completed::Command(partial) => self.called_command(partial.context, &partial.bytes),
            Completed::DataSet => self.called_data_end(),
        }
    }

    fn called_command(&mut self, context: u8, bytes: &[u8]) -> Result<(), Ending> {
        let command =
            Command::decode(bytes, &self.called_tolerances()).map_err(|fault| Ending::command(End::Called, &fault))?;
        let Some(accepted) = self.contexts.called(self.called.number, context) else {
            let words = "a message on a presentation context that was not accepted";
            return Err(Ending::malformed(End::Called, "message", words, Abort::INVALID_VALUE));
        };
        let syntax = *accepted.transfer_syntax;
        if self.is_retrieve_answer(&command)
            || self.is_commitment_report(context, &command)
            || self.is_query_answer(context, &command)
        {
            return self.take_whole(context, command);
        }
        if self.is_owed(context, &command) {
            return Ok(());
        }
        if command.field.is_response() {
            self.called_answer(context, &command)?;
        } else {
            self.called_request(context, &command)?;
        }
        self.watch_down(&command);
        if command.data_set {
            let tolerances = self.called_tolerances();
            let walk = (self.called.down.fate != Fate::Drop)
                .then(|| Walk::new(&command, &syntax, self.walk_limits, tolerances));
            let data = DataSet { context, command, bytes: 0, walk, kept: None, complete: false };
            self.called.down.stage = Stage::Data(Box::new(data));
        }
        Ok(())
    }

    /// A message that does not go on as it is: it is dropped on the way and looked at once all of it has come.
    fn take_whole(&mut self, context: u8, command: Command) -> Result<(), Ending> {
        self.called.down.fate = Fate::Drop;
        let data_set = command.data_set;
        let data = DataSet { context, command, bytes: 0, walk: None, kept: Some(Vec::new()), complete: !data_set };
        if data_set {
            self.called.down.stage = Stage::Data(Box::new(data));
            return Ok(());
        }
        self.taken_whole(data)
    }

    fn taken_whole(&mut self, data: DataSet) -> Result<(), Ending> {
        match data.command.field {
            Field::FindRsp => self.query_answer(data),
            field if field.is_response() => self.retrieve_answer(&data),
            _ => self.commitment_report(data),
        }
    }

    /// What a called system may do wrong: an archive is what it is, and every named tolerance holds for it.
    fn called_tolerances(&self) -> Tolerances {
        match &self.errand {
            Errand::Outward => Tolerances::ALL,
            Errand::Inward(_) => self.called_peer_tolerances,
        }
    }

    /// An answer goes on with its own status; the closing record of a final one is written first.
    fn called_answer(&mut self, context: u8, command: &Command) -> Result<(), Ending> {
        let found = self.called.asked.iter().position(|asked| {
            Some(asked.sent_as) == command.responded_to
                && asked.sent_on == context
                && Some(command.field) == asked.field.response()
                && !asked.is_over()
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
            if self.must_be_noted(index, command) || self.must_be_kept_in_ledger(index, command) {
                return Ok(());
            }
            let asked = self.called.asked.remove(index);
            let translated = asked.is_translated().then_some(asked.context);
            self.settle_permit(asked, command)?;
            if let Some(callers) = translated {
                self.called.down.fate = Fate::Drop;
                self.answer_caller(callers, &Command { data_set: false, ..command.clone() }, None);
                return Ok(());
            }
        } else if let Some(asked) = self.called.asked.get_mut(index) {
            asked.answers = asked.answers.saturating_add(1);
        }
        self.called.down.fate = Fate::Forward;
        Ok(())
    }

    /// The archive asks: an instance of a C-GET under way, or an event report.
    fn called_request(&mut self, context: u8, command: &Command) -> Result<(), Ending> {
        self.keep_up()?;
        let Some(accepted) = self.contexts.called(self.called.number, context) else { return Ok(()) };
        let (class, syntax, roles) = (*accepted.abstract_syntax, *accepted.transfer_syntax, accepted.roles);
        let reports = command.field == Field::EventReportRq;
        if !roles.scp && !reports {
            return Err(out_of_turn("a request on a presentation context on which the caller is not SCP"));
        }
        let getting = self.called.asked.iter().find(|asked| asked.field == Field::GetRq);
        if command.field == Field::StoreRq && getting.is_none() {
            return Err(out_of_turn("an object that no C-GET asked for"));
        }
        let confined = command.field == Field::StoreRq && getting.is_some_and(|asked| asked.purpose.is_confined());
        if self.called.asked_back.len() >= self.window.1 {
            return Err(out_of_turn("more requests under way than negotiated"));
        }
        let message = command.message_id.unwrap_or_default();
        if self.called.asked_back.iter().any(|asked| asked.message == message) {
            return Err(out_of_turn("a message id that is still in use"));
        }
        let Some(operation) = Operation::of_command(&class, command.field, false) else {
            return Err(out_of_turn("a command that does not belong to the SOP class"));
        };
        if !inspect::class_fits(command, &class, operation) {
            return Err(out_of_turn("a command whose SOP class is not the context's"));
        }
        if self.has_come_before(context, command) {
            return Ok(());
        }
        if confined {
            // Whose it is stands in the data set; until then it waits.
            self.called.down.lead = Some(Vec::new());
            return Ok(());
        }
        let getting = self.called.asked.iter().find(|asked| asked.field == Field::GetRq);
        let query = getting.map_or(Known::Unread, |asked| asked.purpose.query());
        let request = Request {
            principal: &self.principal,
            to: &self.called.to,
            operation: Some(operation),
            sop_class: Some(&class),
            transfer_syntax: Some(&syntax),
            destination: None,
            modality: Known::Absent,
            query,
            at: clock::moment(),
        };
        let object = Object { message, instance: command.sop_instance(), ..Object::default() };
        match self.shared.gate.admit(self.basis(), &self.visit, &request, &object) {
            // Objects of a retrieve that was narrowed; reports are never.
            Admission::Permit(permit) if permit.narrowing().is_some() => {
                self.take_instance(context, command, permit)?;
            }
            Admission::Permit(permit) => {
                self.shared.metrics.permitted(operation, permit.observed());
                match self.vault_to_ask().filter(|_| command.field == Field::StoreRq && command.data_set) {
                    Some(room) => self.look_into_got(&room, context, command, permit, None, Vec::new())?,
                    None => {
                        self.called.asked_back.push(Outstanding::new(context, command, permit, Purpose::Plain));
                        self.called.down.fate = Fate::Forward;
                    }
                }
            }
            Admission::Denied(refusal) => {
                self.shared.metrics.denied(operation);
                self.refuse_called(context, command, Status::NOT_AUTHORIZED, &refusal.comment());
            }
            Admission::Need(_) => {
                self.refuse_called(context, command, Status::NOT_AUTHORIZED, "a rule hangs on what cannot be known");
            }
            Admission::Unrecorded => {
                self.refuse_called(context, command, transient(command.field), "the gateway cannot record this now");
            }
        }
        Ok(())
    }

    pub(super) fn refuse_called(&mut self, context: u8, command: &Command, status: Status, comment: &str) {
        self.called.down.fate = Fate::Drop;
        if let Some(answer) = command.refusal(status, comment) {
            self.called.down.refusal = Some(Box::new(Refused { context, answer, dropped: 0 }));
        }
    }

    fn called_data(&mut self, bytes: &Bytes) -> Result<(), Ending> {
        let Stage::Data(data) = &mut self.called.down.stage else { return Ok(()) };
        data.keep(bytes, &self.snapshot.settings.limits)
            .map_err(|words| Ending::malformed(End::Called, "data set", words, Abort::NOT_SPECIFIED))?;
        let Some(walk) = &mut data.walk else { return Ok(()) };
        if let Err(fault) = walk.push(bytes) {
            return self.unreadable(End::Called, &fault);
        }
        let identified = inspect::identified(walk);
        if self.called.down.fate == Fate::Rewrite {
            return self.push_down(bytes);
        }
        let held = self.called.down.fate == Fate::Hold;
        if held && identified {
            self.watched_down(None)?;
        }
        if self.called.down.lead.is_some() {
            self.called.down.keep_lead(bytes);
            if identified && self.called.down.fate == Fate::Hold {
                return self.decide_on_instance();
            }
        }
        Ok(())
    }

    fn called_data_end(&mut self) -> Result<(), Ending> {
        let Stage::Data(mut data) = std::mem::replace(&mut self.called.down.stage, Stage::Between) else {
            return Ok(());
        };
        if data.kept.is_some() {
            return self.taken_whole(*data);
        }
        if let Some(Err(fault)) = data.walk.as_mut().map(Walk::finish) {
            self.unreadable(End::Called, &fault)?;
            data.walk = None;
        }
        if let Some(walk) = &mut data.walk
            && let Some(words) = inspect::mismatch(&data.command, walk)
        {
            return self.mismatched(End::Called, data.context, &data.command, words);
        }
        if self.called.down.fate == Fate::Hold {
            self.watched_down(data.walk.as_ref())?;
        }
        // What identifies it came with the last of it.
        if self.called.down.lead.is_some() && self.called.down.fate == Fate::Hold {
            self.decide_instance(&data)?;
        }
        data.complete = true;
        self.called.down.stage = Stage::Data(data);
        self.conclude_down()
    }

    /// All of a data set has come: where it goes on changed, all of that must have gone before its message is over.
    pub(super) fn conclude_down(&mut self) -> Result<(), Ending> {
        if !matches!(&self.called.down.stage, Stage::Data(data) if data.complete) || !self.finish_down()? {
            return Ok(());
        }
        let Stage::Data(data) = std::mem::replace(&mut self.called.down.stage, Stage::Between) else { return Ok(()) };
        if matches!(self.called.down.fate, Fate::Forward | Fate::Rewrite) {
            self.shared.metrics.bytes_out.inc_by(data.bytes);
        }
        if let Some(message) = data.command.message_id
            && let Some(asked) = self.called.asked_back.iter_mut().find(|asked| asked.message == message)
        {
            asked.bytes = data.bytes;
        }
        Ok(())
    }
}

fn out_of_turn(words: &'static str) -> Ending {
    Ending::malformed(End::Called, "message", words, Abort::UNEXPECTED_PARAMETER)
}
