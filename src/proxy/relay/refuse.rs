//! Saying no, in the words of the standard.

use super::stage::Fate;
use super::{End, Ending, Relay};
use crate::dicom::dimse::{Command, Field, Status};
use crate::dicom::pdu::{Abort, pdata};
use bytes::Bytes;

/// A refused message of which the data set may still be coming.
#[derive(Debug)]
pub(super) struct Refused {
    /// Its presentation context.
    pub context: u8,
    /// What will be answered.
    pub answer: Command,
    /// Bytes of the data set that have been dropped.
    pub dropped: u64,
}

/// The transient status of a service: come again.
pub(super) const fn transient(field: Field) -> Status {
    match field {
        Field::StoreRq | Field::FindRq => Status::OUT_OF_RESOURCES,
        Field::GetRq | Field::MoveRq => Status::OUT_OF_RESOURCES_SUB_OPERATIONS,
        _ => Status::PROCESSING_FAILURE,
    }
}

impl Relay {
    /// Answers the caller in the gateway's own name, as soon as no message of a called system is under way to it.
    pub(super) fn answer_caller(&mut self, context: u8, answer: &Command, data: Option<&[u8]>) {
        // A side that was asked for release is sent no more data (Sta7); it does not wait for answers either.
        if !self.caller_machine.may_send_pdata() {
            return;
        }
        let bytes = Bytes::from(pdata::write_message(context, &answer.encode(), data, self.longest));
        if self.down_between() {
            self.caller.send(bytes);
        } else {
            self.own_answers.push_back(bytes);
        }
    }

    /// Answers the system in focus in the gateway's own name, as soon as no message of the caller is under way to it.
    pub(super) fn answer_called(&mut self, context: u8, answer: &Command) {
        if !self.called.leg.machine.may_send_pdata() {
            return;
        }
        let bytes = Bytes::from(pdata::write_message(context, &answer.encode(), None, self.called.longest));
        if self.up_between() {
            self.called.leg.answer(bytes);
        } else {
            self.called.own_answers.push_back(bytes);
        }
    }

    /// Own answers that waited for the end of a message go now.
    pub(super) fn send_own_answers(&mut self) {
        if !self.own_answers.is_empty() && self.down_between() {
            while let Some(bytes) = self.own_answers.pop_front() {
                self.caller.send(bytes);
            }
        }
        let (up_for, up_between) = (self.up_for, self.up.between());
        for called in std::iter::once(&mut self.called).chain(&mut self.others) {
            if called.number != up_for || up_between {
                while let Some(bytes) = called.own_answers.pop_front() {
                    called.leg.answer(bytes);
                }
            }
        }
    }

    /// Bounds what is held: fragments without a byte in them never fill a command or data set, but their heads add up.
    pub(super) fn held_too_much(&self, end: End) -> Result<(), Ending> {
        let direction = match end {
            End::Caller => &self.up,
            End::Called => &self.called.down,
        };
        let limits = &self.snapshot.settings.limits;
        let most = limits.inspect.max(limits.command).saturating_add(limits.pdu_length);
        if direction.fate == Fate::Hold && u64::try_from(direction.lane.held_bytes()).is_ok_and(|held| held > most) {
            let words = "a message that does not come to its point within the limit `inspect`";
            return Err(Ending::malformed(end, "message", words, Abort::NOT_SPECIFIED));
        }
        Ok(())
    }

    /// Whether refused data sets are read to their end however long they are: an archive sends what it was asked for, one
    /// sealed object that is refused may be large, and those behind it are not.
    pub(super) fn drains_patiently(&self) -> bool {
        self.errand.inward().is_some() && self.snapshot.vault.is_some()
    }

    /// More of a refused data set has been dropped.
    ///
    /// # Errors
    /// It is longer than `[limits] refused_drain`.
    pub(super) fn dropped(&self, refused: &mut Refused, bytes: usize) -> Result<(), Ending> {
        if self.drains_patiently() {
            return Ok(());
        }
        refused.dropped = refused.dropped.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        if refused.dropped > self.snapshot.settings.limits.refused_drain {
            return Err(Ending::TimedOut("refused_drain"));
        }
        Ok(())
    }
}
