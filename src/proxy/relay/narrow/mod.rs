//! Queries of which only part of the answers may be seen: what the archive is asked, and what of its answers goes on.
//!
//! It never decides what may be seen: that is the [`Narrowing`]'s. It never answers for the archive but with what the
//! archive itself answered, or not at all.

use super::stage::DataSet;
use super::{Ending, Relay};
use crate::dicom::dimse::Status;
use crate::gate::Permit;
use crate::policy::Narrowing;
use std::sync::Arc;

impl Relay {
    /// A query goes on so that only what may be seen comes back.
    pub(super) fn begin_query(
        &mut self,
        data: &DataSet,
        permit: Permit,
        _narrowing: Arc<Narrowing>,
    ) -> Result<(), Ending> {
        self.refuse_permitted(data, permit, Status::PROCESSING_FAILURE, "queries cannot be narrowed")
    }
}
