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
    /// Answers the peer in the gateway's own name, as soon as no message of the archive is under way to it.
    pub(super) fn answer_peer(&mut self, context: u8, answer: &Command) {
        // A side that was asked for release is sent no more data (Sta7); it does not wait for answers either.
        if !self.peer_machine.may_send_pdata() {
            return;
        }
        let bytes = Bytes::from(pdata::write_message(context, &answer.encode(), None, self.longest.0));
        if self.down.between() {
            self.peer.send(bytes);
        } else {
            self.own_answers.0.push_back(bytes);
        }
    }

    /// Answers the archive in the gateway's own name, as soon as no message of the peer is under way to it.
    pub(super) fn answer_archive(&mut self, context: u8, answer: &Command) {
        if !self.leg.machine.may_send_pdata() {
            return;
        }
        let bytes = Bytes::from(pdata::write_message(context, &answer.encode(), None, self.longest.1));
        if self.up.between() {
            self.leg.answer(bytes);
        } else {
            self.own_answers.1.push_back(bytes);
        }
    }

    /// Own answers that waited for the end of a message go now.
    pub(super) fn send_own_answers(&mut self) {
        if self.down.between() {
            while let Some(bytes) = self.own_answers.0.pop_front() {
                self.peer.send(bytes);
            }
        }
        if self.up.between() {
            while let Some(bytes) = self.own_answers.1.pop_front() {
                self.leg.answer(bytes);
            }
        }
    }

    /// Bounds what is held: fragments without a byte in them never fill a command or data set, but their heads add up.
    pub(super) fn held_too_much(&self, end: End) -> Result<(), Ending> {
        let direction = match end {
            End::Peer => &self.up,
            End::Archive => &self.down,
        };
        let limits = &self.snapshot.settings.limits;
        let most = limits.inspect.max(limits.command).saturating_add(limits.pdu_length);
        if direction.fate == Fate::Hold && u64::try_from(direction.lane.held_bytes()).is_ok_and(|held| held > most) {
            let words = "a message that does not come to its point within the limit `inspect`";
            return Err(Ending::malformed(end, "message", words, Abort::NOT_SPECIFIED));
        }
        Ok(())
    }

    /// More of a refused data set has been dropped.
    ///
    /// # Errors
    /// It is longer than `[limits] refused_drain`.
    pub(super) fn dropped(&self, refused: &mut Refused, bytes: usize) -> Result<(), Ending> {
        refused.dropped = refused.dropped.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        if refused.dropped > self.snapshot.settings.limits.refused_drain {
            return Err(Ending::TimedOut("refused_drain"));
        }
        Ok(())
    }
}
