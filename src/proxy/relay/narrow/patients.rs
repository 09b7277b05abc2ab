//! Queries for patients: those with a study that may be seen.

use super::super::stage::DataSet;
use super::super::{Ending, Relay};
use crate::dicom::dimse::Status;
use crate::dicom::query::Identifier;
use crate::gate::Permit;
use crate::policy::Narrowing;
use std::sync::Arc;

impl Relay {
    /// The studies are asked for, and those that may be seen are grouped by their patients.
    pub(super) fn begin_patients(
        &mut self,
        data: &DataSet,
        permit: Permit,
        _narrowing: Arc<Narrowing>,
        _identifier: Identifier,
    ) -> Result<(), Ending> {
        self.refuse_permitted(data, permit, Status::PROCESSING_FAILURE, "queries for patients cannot be narrowed")
    }
}
