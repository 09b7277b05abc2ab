//! Answers of the archive to a query of which only part may be seen.

use super::super::canary::answered;
use super::super::outstanding::{Outstanding, Owed, Purpose};
use super::super::stage::{DataSet, Fate, Stage};
use super::super::{End as Side, Ending, Relay};
use super::charge::named;
use super::querying::{End, Querying, Taken};
use crate::dicom::dimse::{Command, Field, Status, StatusKind};
use crate::dicom::pdu::{Abort, pdata};
use crate::gate::Tripwire;
use crate::proxy::edge;
use bytes::Bytes;

impl Relay {
    /// Whether the system in focus answers a query that is narrowed.
    pub(in super::super) fn is_query_answer(&self, context: u8, command: &Command) -> bool {
        command.field == Field::FindRsp
            && self.called.asked.iter().any(|asked| {
                matches!(&asked.purpose, Purpose::Query(query) if !query.is_over())
                    && Some(asked.sent_as) == command.responded_to
                    && asked.context == context
            })
    }

    /// An answer to a query that is narrowed, all of it.
    pub(in super::super) fn query_answer(&mut self, data: DataSet) -> Result<(), Ending> {
        let DataSet { command, kept, .. } = data;
        let Some(message) = command.responded_to else { return Ok(()) };
        let Some((place, mut query)) = self.take_query(message) else { return Ok(()) };
        let mut more = false;
        let taken = if command.status.is_none_or(Status::is_final) {
            query.end = Some(End::Archive(Box::new(command)));
            Ok(Taken::More)
        } else {
            query.learn(&command);
            let (state, policy) = (&self.shared.state, &self.snapshot.policy);
            let name = |unit, item: &[u8]| named(state, unit, item);
            query.take(kept.unwrap_or_default(), &command, name, |answer| answered(policy, answer))
        };
        if taken.is_ok() {
            more = !query.is_over() && !query.has_gathered() && query.waiting.len() < self.most_waiting();
        }
        self.put_query(place, query);
        match taken {
            Ok(Taken::Canary(name)) => Err(self.trip(&Tripwire::Canary(name))),
            Ok(_) if more => Ok(()),
            Ok(_) => self.go_on_querying(message),
            Err(fault) => Err(Ending::malformed(Side::Called, "data set", fault.to_string(), Abort::INVALID_VALUE)),
        }
    }

    /// What has come in one go has been looked at: what may go of it goes.
    pub(in super::super) fn after_answers(&mut self) -> Result<(), Ending> {
        let querying = |asked: &Outstanding| matches!(asked.purpose, Purpose::Query(_)).then_some(asked.message);
        let mut from = 0;
        while self.called.down.wait.is_none()
            && let Some((place, message)) = self
                .called
                .asked
                .iter()
                .enumerate()
                .skip(from)
                .find_map(|(place, asked)| Some((place, querying(asked)?)))
        {
            from = place + 1;
            self.go_on_querying(message)?;
        }
        Ok(())
    }

    /// What waits is charged for; what need not wait goes; a query that is over ends.
    pub(super) fn go_on_querying(&mut self, message: u16) -> Result<(), Ending> {
        let Some((place, mut query)) = self.take_query(message) else { return Ok(()) };
        let ready = query.ready();
        if !query.waiting.is_empty() && self.called.down.wait.is_none() {
            self.charge_waiting(message, &query);
        }
        let end = if query.waiting.is_empty() { query.end.take() } else { None };
        self.put_query(place, query);
        if let Some(bytes) = ready {
            self.show_caller(Bytes::from(bytes));
        }
        match end {
            None => Ok(()),
            Some(End::Archive(command)) => self.end_query(place, &command),
            Some(End::Early(status, words)) => self.end_query_early(place, status, &words),
        }
    }

    /// The archive's own end goes on.
    fn end_query(&mut self, place: usize, command: &Command) -> Result<(), Ending> {
        let Some(asked) = self.take_asked(place) else { return Ok(()) };
        // A comment on an end that is no failure may count what is hidden.
        let told = edge::told(&self.snapshot.settings, &self.called.to, command).is_some();
        let failed = command.status.is_some_and(|status| status.kind() == StatusKind::Failure);
        let comment = command.comment.clone().filter(|_| told && failed);
        let (message, context) = (asked.message, asked.context);
        let answer = Command { responded_to: Some(message), data_set: false, ..command.clone() };
        self.settle_permit(asked, &answer)?;
        self.show_end(context, &Command { comment, ..answer });
        Ok(())
    }

    /// The query ends before the archive ends it; what it still says of it is dropped.
    fn end_query_early(&mut self, place: usize, status: Status, words: &str) -> Result<(), Ending> {
        let Some(asked) = self.take_asked(place) else { return Ok(()) };
        let Some(class) = self.contexts.get(asked.context).map(|context| *context.abstract_syntax) else {
            return Ok(());
        };
        let (context, sent_as) = (asked.context, asked.sent_as);
        let Some(answer) = Command::find_rq(asked.message, &class).refusal(status, words) else { return Ok(()) };
        self.settle_permit(asked, &answer)?;
        self.called.owed.push(Owed { sent_as, context });
        self.answer_called(context, &Command::cancel_rq(sent_as));
        self.show_end(context, &answer);
        Ok(())
    }

    /// What the system in focus still says of a query that has been ended is dropped. Whether this is such.
    pub(in super::super) fn is_owed(&mut self, context: u8, command: &Command) -> bool {
        let owed = |owed: &Owed| Some(owed.sent_as) == command.responded_to && owed.context == context;
        let Some(place) = self.called.owed.iter().position(owed).filter(|_| command.field == Field::FindRsp) else {
            return false;
        };
        if command.status.is_none_or(Status::is_final) {
            self.called.owed.remove(place);
        }
        self.called.down.fate = Fate::Drop;
        if command.data_set {
            let command = command.clone();
            let data = DataSet { context, command, bytes: 0, walk: None, kept: None, complete: false };
            self.called.down.stage = Stage::Data(Box::new(data));
        }
        true
    }

    fn show_end(&mut self, context: u8, answer: &Command) {
        self.show_caller(Bytes::from(pdata::write_message(context, &answer.encode(), None, self.longest)));
    }

    /// What the caller is shown in place of what the system in focus said goes behind what has been released of it.
    pub(super) fn show_caller(&mut self, bytes: Bytes) {
        if !self.caller_machine.may_send_pdata() {
            return;
        }
        let Self { called, caller, others, own_answers, shared, .. } = self;
        shared.metrics.bytes_out.inc_by(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        called.down.lane.hand_out(&mut |bytes| caller.send(bytes));
        // Of a message that is dropped, or held, nothing has gone: what goes now comes between two messages.
        let free = called.down.stage.is_between() || matches!(called.down.fate, Fate::Drop | Fate::Hold);
        if free && others.iter().all(|other| other.down.between()) {
            while let Some(before) = own_answers.pop_front() {
                caller.send(before);
            }
            caller.send(bytes);
        } else {
            own_answers.push_back(bytes);
        }
    }

    /// Takes a query of the system in focus out, to be put back.
    pub(super) fn take_query(&mut self, message: u16) -> Option<(usize, Box<Querying>)> {
        let asked = self.called.asked.iter_mut().enumerate();
        asked.filter(|(_, asked)| asked.sent_as == message).find_map(|(place, asked)| {
            match std::mem::replace(&mut asked.purpose, Purpose::Plain) {
                Purpose::Query(query) => Some((place, query)),
                other => {
                    asked.purpose = other;
                    None
                }
            }
        })
    }

    /// Puts it back.
    pub(super) fn put_query(&mut self, place: usize, query: Box<Querying>) {
        if let Some(asked) = self.called.asked.get_mut(place) {
            asked.answers = query.shown;
            asked.withheld = query.withheld;
            asked.purpose = Purpose::Query(query);
        }
    }

    fn take_asked(&mut self, place: usize) -> Option<Outstanding> {
        (place < self.called.asked.len()).then(|| self.called.asked.remove(place))
    }

    fn most_waiting(&self) -> usize {
        usize::try_from(self.snapshot.settings.limits.narrow_batch).unwrap_or(usize::MAX)
    }
}
