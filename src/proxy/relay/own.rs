//! What the gateway itself serves on an association: C-ECHO of archives, reports of storage commitment.

use super::refuse::Refused;
use super::stage::{DataSet, Fate, Stage};
use super::{Ending, Relay};
use crate::dicom::Uid;
use crate::dicom::dimse::{Command, Field, Status};

impl Relay {
    /// A request on a context of the gateway's own.
    pub(super) fn own_request(&mut self, context: u8, command: Command, _syntax: &Uid) -> Result<(), Ending> {
        self.up.fate = Fate::Drop;
        if command.field == Field::EventReportRq && command.data_set {
            let data = DataSet { context, command, bytes: 0, walk: None, kept: Some(Vec::new()), complete: false };
            self.up.stage = Stage::Data(Box::new(data));
            return Ok(());
        }
        let status = if command.field == Field::EchoRq { Status::SUCCESS } else { Status::UNRECOGNIZED_OPERATION };
        if let Some(answer) = command.response(status) {
            self.up.refusal = Some(Box::new(Refused { context, answer, dropped: 0 }));
        }
        if command.data_set {
            let data = DataSet { context, command, bytes: 0, walk: None, kept: None, complete: false };
            self.up.stage = Stage::Data(Box::new(data));
        }
        Ok(())
    }
}
