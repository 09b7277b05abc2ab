//! What comes from the caller: its requests, C-CANCEL, and answers to what the called systems ask.

use super::called::Called;
use super::direction::Cut;
use super::stage::{Completed, DataSet, Fate, Stage, Walk};
use super::timers::Timers;
use super::{End, Ending, Errand, Relay, Way, inspect};
use crate::dicom::association::Indication;
use crate::dicom::dimse::{Command, Field, Operation, Status};
use crate::dicom::pdu::{Abort, Event, Fragment};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Instant;

impl Relay {
    /// Takes what the caller has sent.
    pub(super) fn take_from_caller(&mut self, input: Bytes, now: Instant) -> Result<(), Ending> {
        self.up.lane.feed(input);
        self.work_up(now)
    }

    /// Goes through what has been taken, until its end or until a message must wait.
    pub(super) fn work_up(&mut self, now: Instant) -> Result<(), Ending> {
        let mut ended = false;
        while !self.up.is_held()
            && let Some(event) = self.up.lane.next().map_err(|fault| Ending::pdu(End::Caller, fault))?
        {
            match event {
                Event::Fragment(fragment) => {
                    // Until a release is confirmed data still comes (AR-6).
                    if let Some(effects) = self.caller_machine.on_pdata(now)
                        && effects.indicate != Some(Indication::Data)
                    {
                        self.say_to_caller(effects);
                        return Err(self.out_of_state(End::Caller, effects));
                    }
                    self.caller_fragment(&fragment)?;
                }
                Event::PDataEnd { end } => {
                    ended = true;
                    self.caller_pdu_end(end)?;
                }
                Event::Control { pdu, end } => {
                    ended = true;
                    self.settle_released(end);
                    self.caller_control(&pdu, now)?;
                }
            }
        }
        // What waits stays where it is: the rest of the input is gone through when the wait is over.
        if !self.up.is_held() {
            self.settle_up();
        }
        Timers::pdu(&mut self.timers.began, self.up.lane.mid_pdu(), ended, now);
        self.send_own_answers();
        Ok(())
    }

    /// A control PDU is no part of what is forwarded; what was released before it goes first.
    fn settle_released(&mut self, end: usize) {
        self.focus_up();
        let Self { up, called, .. } = self;
        up.lane.discard(end, &mut |bytes| called.forward(bytes));
    }

    /// What is released goes, the rest stays as it is.
    pub(super) fn hand_out_up(&mut self) {
        let Self { up, called, .. } = self;
        up.lane.hand_out(&mut |bytes| called.forward(bytes));
    }

    fn settle_up(&mut self) {
        self.focus_up();
        let Self { up, called, .. } = self;
        up.lane.settle(&mut |bytes| called.forward(bytes));
    }

    fn caller_pdu_end(&mut self, end: usize) -> Result<(), Ending> {
        self.focus_up();
        self.up.fresh = true;
        self.end_of_cut_pdu(end);
        let Self { up, called, .. } = self;
        let mut forward = |bytes: Bytes| called.forward(bytes);
        match up.fate {
            Fate::Hold => up.lane.hold(end, &mut forward),
            Fate::Forward => up.lane.release(end, &mut forward),
            Fate::Drop | Fate::Rewrite => up.lane.discard(end, &mut forward),
        }
        if self.up.stage.is_between() {
            self.up.cut = None;
            if let Some(refused) = self.up.refusal.take() {
                self.timers.set_refusing(None);
                self.answer_caller(refused.context, &refused.answer, None);
            }
        }
        self.held_too_much(End::Caller)
    }

    fn caller_fragment(&mut self, fragment: &Fragment) -> Result<(), Ending> {
        let begins_message = self.up.stage.is_between();
        if begins_message && !self.up.fresh {
            return Err(out_of_turn("a second message within one PDU"));
        }
        if begins_message {
            self.begin_up(fragment.context);
            self.up.fate = Fate::Hold;
            self.up.lead = None;
            self.up.opening = None;
        } else {
            self.focus_up();
        }
        self.up.fresh = false;
        let longest = self.snapshot.settings.limits.command;
        let completed = self.up.stage.take(fragment, longest).map_err(|fault| out_of_turn(fault.0))?;
        if !fragment.command {
            self.keep_of_cut_pdu(fragment);
            self.caller_data(&fragment.bytes)?;
        }
        match completed {
            Completed::Nothing => Ok(()),
            Completed::CommandHere => self.caller_command(fragment.context, &fragment.bytes),
            Completed::Command(partial) => self.caller_command(partial.context, &partial.bytes),
            Completed::DataSet => self.caller_data_end(),
        }
    }

    fn caller_command(&mut self, context: u8, bytes: &[u8]) -> Result<(), Ending> {
        let command = Command::decode(bytes, &self.tolerances).map_err(|fault| Ending::command(End::Caller, &fault))?;
        if self.contexts.get(context).is_none() {
            let words = "a message on a presentation context that was not accepted";
            return Err(Ending::malformed(End::Caller, "message", words, Abort::INVALID_VALUE));
        }
        if command.field.is_request() {
            self.caller_request(context, command)
        } else if command.field == Field::CancelRq {
            self.caller_cancel(context, &command)
        } else {
            self.caller_answer(context, command)
        }
    }

    fn caller_request(&mut self, context: u8, command: Command) -> Result<(), Ending> {
        self.keep_up()?;
        self.session_is_open()?;
        let Some(accepted) = self.contexts.get(context) else { return Ok(()) };
        let (class, roles, syntax) = (*accepted.abstract_syntax, accepted.roles, *accepted.transfer_syntax);
        let own = self.routes.of(context) == Way::Own;
        // Reports go from SCP to SCU, everything else the other way (PS3.7 10.1.1). Archives that negotiate no roles
        // report to the gateway all the same.
        if !(if command.field == Field::EventReportRq { roles.scp || own } else { roles.scu }) {
            return Err(out_of_turn("a request on a presentation context on which the caller has not the role for it"));
        }
        let message = command.message_id.unwrap_or_default();
        let under_way = self.all_called().map(|called| called.asked.len()).sum::<usize>();
        if under_way >= self.window.0 {
            return Err(out_of_turn("more requests under way than negotiated"));
        }
        let in_use = |called: &Called| {
            called.asked.iter().any(|asked| asked.message == message)
                || called.owed.iter().any(|owed| owed.sent_as == message)
        };
        if self.all_called().any(in_use) {
            return Err(out_of_turn("a message id that is still in use"));
        }
        let Some(operation) = Operation::of_command(&class, command.field, true) else {
            return Err(out_of_turn("a command that does not belong to the SOP class"));
        };
        if !inspect::class_fits(&command, &class, operation) {
            let words = "the SOP Class UID of the command is not the context's";
            return self.mismatched(End::Caller, context, &command, words);
        }
        if own {
            return self.own_request(context, command, &syntax);
        }
        if command.field != Field::StoreRq {
            self.is_there()?;
        }
        if !command.data_set {
            return self.decide(context, &command, operation);
        }
        if self.is_written_anew(&command) {
            self.up.cut = Some(Box::new(Cut { in_command: true, ..Cut::default() }));
        }
        let waits = matches!(command.field, Field::StoreRq | Field::FindRq | Field::GetRq | Field::MoveRq)
            || operation == Operation::Commit;
        if !waits {
            self.decide(context, &command, operation)?;
        }
        if self.may_be_rewritten(command.field) || self.may_have_to_be_sealed(command.field, &class) {
            self.up.lead = Some(Vec::new());
        }
        let walk =
            (self.up.fate != Fate::Drop).then(|| Walk::new(&command, &syntax, self.walk_limits, self.tolerances));
        let kept = (self.up.cut.is_some() && command.field == Field::MoveRq || self.is_read_whole(command.field))
            .then(Vec::new);
        self.up.stage = Stage::Data(Box::new(DataSet { context, command, bytes: 0, walk, kept, complete: false }));
        Ok(())
    }

    /// A piece of a data set: looked at, and the decision made once enough has come.
    fn caller_data(&mut self, bytes: &Bytes) -> Result<(), Ending> {
        if let Some(mut refused) = self.up.refusal.take() {
            let outcome = self.dropped(&mut refused, bytes.len());
            self.up.refusal = Some(refused);
            outcome?;
        }
        let Stage::Data(data) = &mut self.up.stage else { return Ok(()) };
        data.keep(bytes, &self.snapshot.settings.limits)
            .map_err(|words| Ending::malformed(End::Caller, "data set", words, Abort::NOT_SPECIFIED))?;
        let Some(walk) = &mut data.walk else { return Ok(()) };
        if let Err(fault) = walk.push(bytes) {
            return self.unreadable(End::Caller, &fault);
        }
        if self.up.fate == Fate::Rewrite {
            return self.push_up(bytes);
        }
        if self.up.lead.is_some() {
            self.up.keep_lead(bytes);
        }
        let Stage::Data(data) = &mut self.up.stage else { return Ok(()) };
        let Some(walk) = &mut data.walk else { return Ok(()) };
        let own = self.routes.of(data.context) == Way::Own;
        if self.up.fate == Fate::Hold && self.up.wait.is_none() && !own {
            if data.kept.is_none() && inspect::enough(&data.command, walk) {
                return self.decide_on_data();
            }
            let held = u64::try_from(self.up.lane.held_bytes()).unwrap_or(u64::MAX);
            if data.bytes.max(held) > self.snapshot.settings.limits.inspect {
                return Err(Ending::malformed(
                    End::Caller,
                    "data set",
                    "what identifies the object does not come within the limit `inspect`",
                    Abort::NOT_SPECIFIED,
                ));
            }
        }
        Ok(())
    }

    fn caller_data_end(&mut self) -> Result<(), Ending> {
        let Stage::Data(data) = &mut self.up.stage else { return Ok(()) };
        data.complete = true;
        let own = self.routes.of(data.context) == Way::Own;
        match data.walk.as_mut().map(Walk::finish) {
            None => {}
            Some(Err(fault)) => self.unreadable(End::Caller, &fault)?,
            // What already waits was decided on with an earlier piece of the same fragment.
            Some(Ok(())) if self.up.fate == Fate::Hold && self.up.wait.is_none() && !own => self.decide_on_data()?,
            Some(Ok(())) => {}
        }
        if self.up.wait.is_some() {
            return Ok(());
        }
        let Stage::Data(data) = std::mem::replace(&mut self.up.stage, Stage::Between) else { return Ok(()) };
        if own {
            return self.own_data_set(*data);
        }
        self.conclude_up(data)
    }

    /// All of a data set has come: where it goes on changed, all of that must have gone before its message is over.
    pub(super) fn conclude_up(&mut self, data: Box<DataSet>) -> Result<(), Ending> {
        if !self.finish_up()? {
            self.up.stage = Stage::Data(data);
            return Ok(());
        }
        self.up_is_whole(&data);
        Ok(())
    }

    /// All of a data set has come, and gone: its length goes into the record.
    fn up_is_whole(&mut self, data: &DataSet) {
        if matches!(self.up.fate, Fate::Forward | Fate::Rewrite) {
            let metrics = &self.shared.metrics;
            let outward = matches!(self.errand, Errand::Outward);
            (if outward { &metrics.bytes_in } else { &metrics.bytes_out }).inc_by(data.bytes);
        }
        let message = data.command.message_id;
        if let Some(asked) = self.called.asked.iter_mut().find(|asked| Some(asked.message) == message) {
            asked.bytes = data.bytes;
        }
    }

    fn decide_on_data(&mut self) -> Result<(), Ending> {
        let Stage::Data(mut data) = std::mem::replace(&mut self.up.stage, Stage::Between) else { return Ok(()) };
        let outcome = self.decide_with(&data);
        if self.up.fate == Fate::Drop {
            data.walk = None;
        }
        self.up.stage = Stage::Data(data);
        outcome
    }

    fn decide_with(&mut self, data: &DataSet) -> Result<(), Ending> {
        let Some(walk) = &data.walk else { return Ok(()) };
        if let Some(words) = inspect::mismatch(&data.command, walk) {
            return self.mismatched(End::Caller, data.context, &data.command, words);
        }
        self.ask_canaries(walk)?;
        self.ask_listed_canaries(data)?;
        let Some(accepted) = self.contexts.get(data.context) else { return Ok(()) };
        let mut operation = Operation::of_command(accepted.abstract_syntax, data.command.field, true);
        if operation == Some(Operation::Store) && walk.leading.is_rejection() {
            operation = Some(Operation::Reject);
        }
        let Some(operation) = operation else { return Ok(()) };
        if matches!(self.errand, Errand::Inward(_)) && data.command.field == Field::StoreRq {
            return self.deliver(data, walk);
        }
        let Some(permit) = self.ask_gate(data.context, &data.command, operation, Some(data)) else { return Ok(()) };
        let permit = match data.command.field {
            Field::FindRq => match self.begin_truths(data, permit) {
                None => return Ok(()),
                Some(permit) => permit,
            },
            _ => permit,
        };
        if let Some(narrowing) = permit.narrowing().map(Arc::clone) {
            return match data.command.field {
                Field::FindRq => self.begin_query(data, permit, narrowing),
                Field::GetRq | Field::MoveRq => self.begin_retrieve(data, permit, narrowing),
                _ => self.cannot_narrow(data.context, &data.command, permit),
            };
        }
        match data.command.field {
            Field::MoveRq if self.up.cut.is_some() => self.begin_move(data, permit),
            Field::ActionRq if operation == Operation::Commit => self.begin_commitment(data, walk, permit),
            Field::StoreRq if permit.seal() => {
                let between_vaults = self.snapshot.policy.shares_vault(&self.principal.name);
                self.begin_sealing(data, permit, between_vaults)
            }
            Field::StoreRq => {
                if let Some(permit) = self.ask_whether_sealed(data, permit, None) {
                    self.go_on(data.context, &data.command, permit);
                }
                Ok(())
            }
            _ => {
                self.go_on(data.context, &data.command, permit);
                self.remember_level(data, walk);
                Ok(())
            }
        }
    }

    /// A C-CANCEL goes on while the request that it names is under way; one that comes too late is dropped.
    fn caller_cancel(&mut self, context: u8, command: &Command) -> Result<(), Ending> {
        if command.data_set {
            return Err(out_of_turn("a C-CANCEL with a data set"));
        }
        let cancellable = |field| matches!(field, Field::FindRq | Field::GetRq | Field::MoveRq);
        let under_way = self.called.asked.iter().find(|asked| {
            Some(asked.message) == command.responded_to && asked.context == context && cancellable(asked.field)
        });
        self.up.fate = Fate::Drop;
        match under_way.filter(|asked| !asked.is_over()) {
            Some(asked) if asked.sent_as == asked.message => self.up.fate = Fate::Forward,
            Some(asked) => {
                let cancel = Command::cancel_rq(asked.sent_as);
                self.say_anew(context, &cancel);
            }
            None => self.cancel_between(command),
        }
        Ok(())
    }

    /// The caller answers a request of a called system.
    fn caller_answer(&mut self, context: u8, command: Command) -> Result<(), Ending> {
        if self.is_own_answer(context, &command) {
            self.own_answer(context, command);
            return Ok(());
        }
        let found = self.called.asked_back.iter().position(|asked| {
            Some(asked.message) == command.responded_to
                && asked.sent_on == context
                && Some(command.field) == asked.field.response()
        });
        let Some(index) = found else {
            return Err(out_of_turn("an answer to nothing that was asked"));
        };
        if command.status.is_none_or(Status::is_final) {
            let asked = self.called.asked_back.remove(index);
            let translated = asked.is_translated().then_some(asked.context);
            self.settle_back(asked, &command)?;
            if let Some(callers) = translated {
                self.up.fate = Fate::Drop;
                if command.data_set {
                    return Err(out_of_turn("an answer to an object with a data set"));
                }
                self.answer_called(callers, &command);
                return Ok(());
            }
        }
        self.up.fate = Fate::Forward;
        if command.data_set {
            let syntax = self.contexts.get(context).map(|accepted| *accepted.transfer_syntax);
            let walk = syntax.map(|syntax| Walk::new(&command, &syntax, self.walk_limits, self.tolerances));
            self.up.stage =
                Stage::Data(Box::new(DataSet { context, command, bytes: 0, walk, kept: None, complete: false }));
        }
        Ok(())
    }
}

fn out_of_turn(words: &'static str) -> Ending {
    Ending::malformed(End::Caller, "message", words, Abort::UNEXPECTED_PARAMETER)
}
