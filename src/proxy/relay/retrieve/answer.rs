//! Answers to a retrieve of which only part may be had: they speak of what was asked, under the names it was asked by,
//! and never of what an archive sent besides.

use super::super::outstanding::{Confined, Purpose};
use super::super::settle::failed_list;
use super::super::stage::DataSet;
use super::super::{Ending, Relay};
use crate::dicom::Uid;
use crate::dicom::dimse::{Command, Counters, Status};

impl Relay {
    /// The system in focus owes an answer to a retrieve that the gateway says in other words.
    pub(in super::super) fn is_retrieve_answer(&self, command: &Command) -> bool {
        self.is_move_answer(command)
            || self.is_one_of_two_answers(command)
            || self.called.asked.iter().any(|asked| {
                Some(asked.sent_as) == command.responded_to
                    && asked.purpose.is_confined()
                    && Some(command.field) == asked.field.response()
            })
    }

    /// An answer to such a retrieve, all of it.
    pub(in super::super) fn retrieve_answer(&mut self, data: &DataSet) -> Result<(), Ending> {
        if self.is_move_answer(&data.command) {
            return self.move_answer(data);
        }
        let found = self.called.asked.iter().position(|asked| {
            Some(asked.sent_as) == data.command.responded_to && matches!(asked.purpose, Purpose::Retrieve(_))
        });
        let Some(index) = found else { return Ok(()) };
        let syntax = self.contexts.get(data.context).map(|accepted| *accepted.transfer_syntax);
        let failed = failed_list(data, syntax)?;
        let Some(said) = self.both_turns(index, data, failed) else { return Ok(()) };
        if data.command.status.is_none_or(Status::is_final) && self.looks_again(index, data.context, &said) {
            return Ok(());
        }
        self.conclude_retrieve(index, data.context, said)
    }
}

/// A list of instances that failed, under the names they were asked by, without what nobody asked for.
pub(in super::super) fn named(confined: &Confined, failed: &[Uid]) -> Vec<Uid> {
    let asked = failed.iter().filter(|uid| !confined.refused.contains(uid));
    asked.map(|uid| confined.resolved.asked_for(uid)).collect()
}

/// An answer that does not count what was refused to the archive.
pub(super) fn told(command: &Command, confined: &Confined) -> Command {
    let refused = u16::try_from(confined.refused.len()).unwrap_or(u16::MAX);
    if refused == 0 {
        return command.clone();
    }
    let failed = command.counters.failed.map(|failed| failed.saturating_sub(refused));
    let status = match (command.status, failed) {
        (Some(Status::SUB_OPERATIONS_WARNING), Some(0)) => Some(Status::SUCCESS),
        (status, _) => status,
    };
    Command { status, counters: Counters { failed, ..command.counters }, ..command.clone() }
}
