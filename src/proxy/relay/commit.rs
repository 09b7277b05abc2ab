//! Storage commitment on its way through an association (PS3.4 J): requests are registered before the archive hears of
//! them, reports are kept before the archive is answered, and reports that wait are brought to whoever asked.

use super::refuse::Refused;
use super::stage::{DataSet, Walk};
use super::wait::Woken;
use super::{Ending, Errand, Relay};
use crate::dicom::commitment::SOP_CLASS;
use crate::dicom::dimse::{Command, Field, Status};
use crate::dicom::pdu::pdata;
use crate::dicom::transfer_syntax::encoding_of;
use crate::dicom::{AeTitle, Uid};
use crate::gate::Permit;
use crate::proxy::commitment::{Arrival, Asked, Delivery, Mailbox, RegisterFault, Undelivered, accept, register};
use crate::proxy::person;
use bytes::Bytes;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Message ids of what the gateway itself asks a caller count from here: archives count from 1.
const FIRST_OWN_MESSAGE: u16 = 0xe000;

/// What an association has to do with storage commitment beyond passing messages.
#[derive(Debug)]
pub(super) struct Reports {
    mailbox: Mailbox,
    /// The presentation context.
    context: u8,
    message: u16,
    /// A report that the caller has not answered.
    offered: Option<Delivery>,
}

impl Reports {
    /// Whether the caller owes an answer.
    pub(super) const fn is_offering(&self) -> bool {
        self.offered.is_some()
    }
}

impl Relay {
    /// Opens a mailbox where the caller may ask for commitment.
    pub(super) fn open_mailbox(&mut self) {
        if !matches!(self.errand, Errand::Outward) {
            return;
        }
        let context = self
            .contexts
            .iter()
            .find(|(_, context)| context.abstract_syntax.as_str() == SOP_CLASS && context.roles.scu);
        let Some(context) = context.map(|(id, _)| id) else { return };
        let mailbox = self.shared.commitments.mailboxes().open(&self.principal.name, self.principal.calling);
        self.reports = Some(Box::new(Reports { mailbox, context, message: FIRST_OWN_MESSAGE, offered: None }));
    }

    /// A request for commitment that the gate permits goes on once it is known whose it is.
    pub(super) fn begin_commitment(&mut self, data: &DataSet, walk: &Walk, permit: Permit) -> Result<(), Ending> {
        let Some(transaction) = walk.leading.transaction().copied() else {
            // What the archive makes of it is its own affair: no report could be tied to it anyway.
            self.go_on(data.context, &data.command, permit);
            return Ok(());
        };
        let asked = Asked {
            archive: self.called.title,
            title: self.title_seen(),
            requester: Arc::clone(&self.principal.name),
            requester_title: self.principal.calling,
            person: person::kept(self.principal.user.as_deref()),
            transaction,
        };
        let (shared, keep) = (Arc::clone(&self.shared), self.snapshot.settings.limits.commit_keep);
        self.pending = Some(permit);
        self.up.wait =
            Some(Box::pin(async move { Woken::Registered(register(&shared.commitments, asked, keep).await) }));
        Ok(())
    }

    /// It is registered, or could not be.
    pub(super) fn go_on_with_commitment(
        &mut self,
        data: &DataSet,
        registered: Result<(), RegisterFault>,
    ) -> Result<(), Ending> {
        let Some(permit) = self.pending.take() else { return Ok(()) };
        if let Err(fault) = registered {
            tracing::warn!(%fault, peer = %self.principal.name, "a request for storage commitment is refused");
            return self.refuse_permitted(data, permit, fault.status(), &fault.to_string());
        }
        if let (Some(reports), Some(walk)) = (&self.reports, &data.walk)
            && let Some(transaction) = walk.leading.transaction()
        {
            reports.mailbox.asked(*transaction);
        }
        self.go_on(data.context, &data.command, permit);
        Ok(())
    }

    /// Whether a called system reports on storage commitment.
    pub(super) fn is_commitment_report(&self, context: u8, command: &Command) -> bool {
        let class = self.contexts.get(context).map(|context| context.abstract_syntax);
        command.field == Field::EventReportRq
            && matches!(self.errand, Errand::Outward)
            && class.is_some_and(|class| class.as_str() == SOP_CLASS)
    }

    /// A called system's report, all of it.
    pub(super) fn commitment_report(&mut self, data: DataSet) -> Result<(), Ending> {
        let (archive, title) = (self.called.title, self.title_seen());
        self.called.reported = Some((data.context, data.command.clone()));
        self.called.down.wait = self.take_report(archive, title, data);
        Ok(())
    }

    /// A report of the called system in focus is kept, or not.
    pub(super) fn report_answered(&mut self, status: u16) {
        let Some((context, command)) = self.called.reported.take() else { return };
        if let Some(answer) = command.response(Status(status)) {
            self.answer_called(context, &answer);
        }
    }

    /// An archive's own report, all of it.
    pub(super) fn own_data_set(&mut self, data: DataSet) -> Result<(), Ending> {
        let Some(inward) = self.errand.inward().filter(|_| data.kept.is_some()) else { return Ok(()) };
        let (archive, title) = (inward.archive, inward.told);
        self.reported = Some((data.context, data.command.clone()));
        self.up.wait = self.take_report(archive, title, data);
        Ok(())
    }

    /// An archive's own report is kept, or not.
    pub(super) fn own_report_answered(&mut self, status: u16) {
        let Some((context, command)) = self.reported.take() else { return };
        if let Some(answer) = command.response(Status(status)) {
            self.up.refusal = Some(Box::new(Refused { context, answer, dropped: 0 }));
        }
    }

    fn take_report(&self, archive: AeTitle, title: AeTitle, data: DataSet) -> Option<super::wait::Wait> {
        let syntax: Uid = self.contexts.get(data.context).map(|context| *context.transfer_syntax)?;
        let shared = Arc::clone(&self.shared);
        Some(Box::pin(async move {
            let bytes = data.kept.unwrap_or_default();
            let encoding = encoding_of(&syntax);
            let arrival = Arrival { archive, title, command: &data.command, data: &bytes, encoding };
            Woken::Reported(accept(&shared, &shared.commitments, arrival).await.0)
        }))
    }

    /// Whether the caller answers something that the gateway itself asked it.
    pub(super) fn is_own_answer(&self, context: u8, command: &Command) -> bool {
        self.reports.as_ref().is_some_and(|reports| {
            reports.is_offering()
                && reports.context == context
                && command.responded_to == Some(reports.message)
                && command.field == Field::EventReportRsp
        })
    }

    /// The caller answers what the gateway itself asked it.
    pub(super) fn own_answer(&mut self, context: u8, command: Command) {
        self.up.fate = super::stage::Fate::Drop;
        if let Some(delivery) = self.reports.as_mut().and_then(|reports| reports.offered.take()) {
            delivery.answer(Ok(command.status.unwrap_or(Status::PROCESSING_FAILURE)));
        }
        if command.data_set {
            let data = DataSet { context, command, bytes: 0, walk: None, kept: None, complete: false };
            self.up.stage = super::stage::Stage::Data(Box::new(data));
        }
    }

    /// Reports that wait for this association: one at a time, when nobody else talks to the caller.
    pub(super) fn poll_mailbox(&mut self, cx: &mut Context<'_>) -> bool {
        let quiet = self.down_between()
            && self.caller_machine.may_send_pdata()
            && self.all_called().all(|called| called.asked_back.is_empty());
        let Some(reports) = self.reports.as_mut().filter(|reports| quiet && !reports.is_offering()) else {
            return false;
        };
        let Poll::Ready(Some(delivery)) = pin!(reports.mailbox.next()).poll(cx) else { return false };
        reports.message = reports.message.checked_add(1).unwrap_or(FIRST_OWN_MESSAGE);
        let (context, message) = (reports.context, reports.message);
        let syntax = self.contexts.get(context).map(|context| *context.transfer_syntax);
        let (Some(command), Some(syntax)) = (delivery.command(message), syntax) else { return false };
        let data = delivery.data_set(encoding_of(&syntax));
        let bytes = pdata::write_message(context, &command.encode(), Some(&data), self.longest);
        self.caller.send(Bytes::from(bytes));
        reports.offered = Some(delivery);
        self.timers.heard(std::time::Instant::now());
        true
    }

    /// The association ends: what was offered goes another way.
    pub(super) fn close_mailbox(&mut self) {
        if let Some(delivery) = self.reports.take().and_then(|reports| reports.offered) {
            delivery.answer(Err(Undelivered::Ending));
        }
    }

    /// Whether an outstanding request of the gateway's own keeps the association.
    pub(super) fn is_reporting(&self) -> bool {
        self.reports.as_ref().is_some_and(|reports| reports.is_offering())
    }
}
