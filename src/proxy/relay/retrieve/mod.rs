//! Retrieves of which only part may be had.

use super::stage::DataSet;
use super::{Ending, Relay};
use crate::dicom::dimse::{Command, Status};
use crate::gate::{Outcome, Permit};
use crate::policy::Narrowing;
use std::sync::Arc;

impl Relay {
    /// A retrieve goes on so that only what may be seen is handed out.
    pub(super) fn begin_retrieve(
        &mut self,
        data: &DataSet,
        permit: Permit,
        _narrowing: Arc<Narrowing>,
    ) -> Result<(), Ending> {
        self.refuse_permitted(data, permit, Status::PROCESSING_FAILURE, "retrieves cannot be narrowed")
    }

    /// An instance that the archive sends for a C-GET, of which only part may be had.
    pub(super) fn take_instance(&mut self, context: u8, command: &Command, permit: Permit) -> Result<(), Ending> {
        let status = Status::NOT_AUTHORIZED;
        permit.close(Outcome { status: status.0, ..Outcome::default() }).map_err(|_| Ending::Unrecorded)?;
        self.refuse_called(context, command, status, "not permitted");
        Ok(())
    }
}
