//! An object that must be sealed cannot be.

use super::super::outstanding::{Outstanding, Purpose};
use super::super::rewrite::TransformFault;
use super::super::stage::{DataSet, Stage};
use super::super::{Ending, Relay};
use super::Sealing;
use crate::dicom::Uid;
use crate::dicom::dimse::{Command, Operation, Status};
use crate::gate::{Object, Outcome, Permit, Refusal};
use crate::policy::{Known, Request};
use crate::proxy::clock;
use crate::state::SealEnd;
use crate::transform::seal::SealFault;

/// What a sender is told: what is wrong with the object itself, or that it may come again.
pub(super) const fn status_of(fault: &SealFault) -> Status {
    match fault {
        SealFault::Vault(_) | SealFault::Header(_) | SealFault::Trailing | SealFault::TooLong => {
            Status::OUT_OF_RESOURCES
        }
        _ => Status::PROCESSING_FAILURE,
    }
}

impl Relay {
    /// Refuses a store of which nothing has been done yet.
    pub(super) fn not_sealed(
        &mut self,
        data: &DataSet,
        permit: Permit,
        status: Status,
        words: &str,
    ) -> Result<(), Ending> {
        let syntax = self.contexts.get(data.context).map(|accepted| *accepted.transfer_syntax);
        let study = data.walk.as_ref().and_then(|walk| walk.leading.study().copied());
        let refusal = self.cannot_seal(&data.command, syntax.as_ref(), study.as_ref(), words);
        permit.close(Outcome { status: status.0, ..Outcome::default() }).map_err(|_| Ending::Unrecorded)?;
        self.refuse(data.context, &data.command, status, &refusal.comment());
        Ok(())
    }

    /// Records it.
    pub(super) fn cannot_seal(
        &self,
        command: &Command,
        syntax: Option<&Uid>,
        study: Option<&Uid>,
        words: &str,
    ) -> Refusal {
        let request = Request {
            principal: &self.principal,
            to: &self.called.to,
            operation: Some(Operation::Store),
            sop_class: command.sop_class(),
            transfer_syntax: syntax,
            destination: None,
            modality: Known::Absent,
            query: Known::Unread,
            at: clock::moment(),
        };
        let message = command.message_id.unwrap_or_default();
        let object = Object { message, instance: command.sop_instance(), study, ..Object::default() };
        let refusal = self.shared.gate.refuse_sealing(self.basis(), &self.visit, &request, &object, words);
        self.shared.metrics.denied(Operation::Store);
        let incident = refusal.incident.map(tracing::field::display);
        tracing::warn!(archive = %self.called.to, incident, "an object is refused: {words}");
        refusal
    }

    /// The transform has failed. What has not begun to go is refused by itself; of the rest the archive must not have the
    /// end.
    pub(in super::super) fn sealing_failed(&mut self, fault: &TransformFault) -> Result<(), Ending> {
        let status = match fault {
            TransformFault::Seal(fault) => status_of(fault),
            _ => Status::OUT_OF_RESOURCES,
        };
        let peer = std::sync::Arc::clone(&self.principal.name);
        let place = self.called.asked.iter().rposition(Outstanding::is_being_sealed);
        if let Some(Purpose::Seal(sealing)) = place.and_then(|at| self.called.asked.get(at)).map(|asked| &asked.purpose)
        {
            self.compare_no_more(sealing, fault);
        }
        if let TransformFault::Seal(SealFault::Trailing) = fault
            && let Some((asked, _)) = self.sealing()
            && let Purpose::Seal(sealing) = &asked.purpose
        {
            let class = sealing.class;
            self.shared.kept_whole.remember(&peer, class);
        }
        let words = fault.to_string();
        if !self.up.rewrite.as_ref().is_some_and(|rewrite| rewrite.has_begun()) {
            return self.refuse_sealed(status, &words);
        }
        if let Some(asked) = self.take_sealing()
            && let Some((context, command, comment)) = self.give_up(asked, status, &words)?
            && let Some(answer) = command.refusal(status, &comment)
        {
            self.answer_caller(context, &answer, None);
        }
        Err(Ending::Unsealed(words))
    }

    /// Nothing of it has gone: it is refused, and the association goes on.
    pub(super) fn refuse_sealed(&mut self, status: Status, words: &str) -> Result<(), Ending> {
        let Some(asked) = self.take_sealing() else { return Ok(()) };
        self.up.rewrite = None;
        if let Stage::Data(data) = &mut self.up.stage {
            data.walk = None;
        }
        if let Some((context, command, comment)) = self.give_up(asked, status, words)? {
            self.refuse(context, &command, status, &comment);
        }
        Ok(())
    }

    pub(super) fn take_sealing(&mut self) -> Option<Outstanding> {
        self.focus_up();
        let place = self.called.asked.iter().rposition(Outstanding::is_being_sealed)?;
        Some(self.called.asked.remove(place))
    }

    /// Records why, ends the permit and takes the seal out of the ledger; what is to be answered, and with which comment.
    fn give_up(
        &mut self,
        asked: Outstanding,
        status: Status,
        words: &str,
    ) -> Result<Option<(u8, Command, String)>, Ending> {
        let Outstanding { context, permit, purpose, .. } = asked;
        let Purpose::Seal(sealing) = purpose else { return Ok(None) };
        let refusal = self.cannot_seal(&sealing.command, Some(&sealing.syntax), sealing.study.as_ref(), words);
        permit.close(Outcome { status: status.0, ..Outcome::default() }).map_err(|_| Ending::Unrecorded)?;
        self.never_stored(&sealing);
        Ok(Some((context, sealing.command, refusal.comment())))
    }

    /// The archive has not had the end of it, so it cannot have stored it.
    fn never_stored(&self, sealing: &Sealing) {
        let Some(begun) = sealing.begun.as_ref().filter(|_| !sealing.gone) else { return };
        let (state, archive, instance, seal) =
            (self.shared.state.clone(), sealing.archive, sealing.instance, begun.seal);
        tokio::spawn(async move {
            if let Err(fault) = state.seal_end(archive, &instance, seal, SealEnd::Refused).await {
                tracing::warn!(%archive, %fault, "a seal that was never stored stays in the ledger as in doubt");
            }
        });
    }

    /// The association ends: seals of which the archive has not had the end are taken out of the ledger, the others stay
    /// in doubt.
    pub(in super::super) fn leave_seals(&mut self) {
        for asked in self.all_called().flat_map(|called| &called.asked) {
            if let Purpose::Seal(sealing) = &asked.purpose {
                self.never_stored(sealing);
            }
        }
    }
}
