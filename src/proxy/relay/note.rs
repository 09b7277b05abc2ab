//! Deliveries for a requester at another gateway: noted in the state before the archive hears of them.

use super::outstanding::Purpose;
use super::wait::Woken;
use super::{End, Ending, Relay};
use crate::dicom::dimse::{Command, Status};
use crate::state::Seen;
use std::sync::Arc;

/// An answer that waits until its delivery is noted.
#[derive(Debug)]
pub(super) struct Noting {
    context: u8,
    command: Command,
}

impl Relay {
    /// The answer to a delivery for another gateway's requester waits until that gateway can know of it. Whether it
    /// waits now.
    pub(super) fn must_be_noted(&mut self, index: usize, command: &Command) -> bool {
        let Some(asked) = self.called.asked.get(index) else { return false };
        let Purpose::Delivery(deliveries) = &asked.purpose else { return false };
        let status = command.status.map_or(0, |status| status.0);
        let foreign: Vec<_> = deliveries
            .iter()
            .filter(|delivery| delivery.held().foreign)
            .map(|delivery| (delivery.held().grant.id, Seen { instance: delivery.instance(), status }))
            .collect();
        if foreign.is_empty() {
            return false;
        }
        let (context, command) = (asked.context, command.clone());
        self.noting = Some(Box::new(Noting { context, command }));
        let grants = Arc::clone(&self.shared.grants);
        self.called.down.wait = Some(Box::pin(async move {
            for (id, seen) in foreign {
                if let Err(fault) = grants.note(id, seen).await {
                    return Woken::Noted(Err(fault));
                }
            }
            Woken::Noted(Ok(()))
        }));
        true
    }

    /// What a called system's message waited for has come.
    pub(super) fn go_on_down(&mut self, woken: Woken) -> Result<(), Ending> {
        match woken {
            Woken::Noted(noted) => {
                let Some(noting) = self.noting.take() else { return Ok(()) };
                if let Err(fault) = noted {
                    // The instance is there; that the requester's counters miss it is the lesser evil.
                    tracing::error!(%fault, "a delivery could not be noted for its requester");
                }
                self.answer_noted(&noting)
            }
            Woken::Reported(status) => {
                self.report_answered(status);
                Ok(())
            }
            Woken::Spooled(spooled) => {
                self.spooled_down(spooled)?;
                self.conclude_down()
            }
            Woken::Ledger(row) => {
                self.go_on_with_ledger(End::Called, *row)?;
                self.conclude_down()
            }
            Woken::Again(looked) => self.go_on_again(*looked),
            Woken::Charged(charged) => self.go_on_charged(*charged),
            Woken::SealEnded(ended) => self.answer_sealed(&ended),
            Woken::SealBegun(_)
            | Woken::Resent(_)
            | Woken::Compared(_)
            | Woken::Move(..)
            | Woken::Grants(_)
            | Woken::Registered(_)
            | Woken::Query(_)
            | Woken::Resolved(_)
            | Woken::Truths(_)
            | Woken::Judged(_)
            | Woken::Further(_)
            | Woken::Unsealed(_) => Ok(()),
        }
    }

    fn answer_noted(&mut self, noting: &Noting) -> Result<(), Ending> {
        let Noting { context, command } = noting;
        let found = self
            .called
            .asked
            .iter()
            .position(|asked| Some(asked.sent_as) == command.responded_to && asked.context == *context);
        let Some(index) = found else { return Ok(()) };
        if command.status.is_none_or(Status::is_final) {
            let asked = self.called.asked.remove(index);
            let translated = asked.is_translated();
            self.settle_permit(asked, command)?;
            if translated {
                self.called.down.fate = super::stage::Fate::Drop;
                self.answer_caller(*context, &Command { data_set: false, ..command.clone() }, None);
                return Ok(());
            }
        }
        self.called.down.fate = super::stage::Fate::Forward;
        Ok(())
    }
}
