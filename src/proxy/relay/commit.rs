//! Storage commitment on its way through an association (PS3.4 J): requests are registered, reports are kept.

use super::stage::{DataSet, Walk};
use super::{Ending, Relay};
use crate::dicom::dimse::{Command, Field, Operation};
use crate::gate::Permit;
use crate::state::StateFault;
use std::task::Context;

impl Relay {
    /// A request for commitment that the gate permits.
    pub(super) fn begin_commitment(&mut self, data: &DataSet, _walk: &Walk, permit: Permit) -> Result<(), Ending> {
        self.go_on(data.context, &data.command, permit);
        Ok(())
    }

    /// It is registered, or could not be.
    pub(super) fn go_on_with_commitment(
        &mut self,
        _data: &DataSet,
        _registered: Result<(), StateFault>,
    ) -> Result<(), Ending> {
        Ok(())
    }

    /// Whether a called system reports on storage commitment.
    pub(super) fn is_commitment_report(&self, context: u8, command: &Command) -> bool {
        let _ = (context, Field::EventReportRq, Operation::Commit, command);
        false
    }

    /// A called system's report, all of it.
    pub(super) fn commitment_report(&mut self, _data: &DataSet) -> Result<(), Ending> {
        Ok(())
    }

    /// A report of the called system in focus is kept, or not.
    pub(super) fn report_answered(&mut self, _status: u16) {}

    /// An archive's own report, all of it.
    pub(super) fn own_data_set(&mut self, _data: DataSet) -> Result<(), Ending> {
        Ok(())
    }

    /// An archive's own report is kept, or not.
    pub(super) fn own_report_answered(&mut self, _status: u16) {}

    /// Whether the caller answers something that the gateway itself asked it.
    pub(super) fn is_own_answer(&self, _context: u8, _command: &Command) -> bool {
        false
    }

    /// The caller answers what the gateway itself asked it.
    pub(super) fn own_answer(&mut self, _context: u8, _command: Command) -> Result<(), Ending> {
        Ok(())
    }

    /// Reports that wait for this association.
    pub(super) fn poll_mailbox(&mut self, _cx: &mut Context<'_>) -> bool {
        false
    }
}
