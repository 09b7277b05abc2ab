//! The compiled policy: what the compiler makes and every question is answered from. Immutable.

use super::decision::Decision;
use super::fault::PolicyFault;
use super::model::PolicyModel;
use super::{Moment, Principal, Request};
use crate::dicom::dimse::Operation;
use crate::dicom::{AeTitle, Uid};

/// A whole policy, ready to answer. It knows nothing of generations: whoever swaps policies counts them.
#[derive(Debug)]
pub struct Policy {
    model: PolicyModel,
}

impl Policy {
    /// Compiles a policy, or says everything that is wrong with it.
    pub fn compile(model: PolicyModel) -> Result<Self, Vec<PolicyFault>> {
        Ok(Self { model })
    }

    /// The model that it was compiled from.
    pub fn model(&self) -> &PolicyModel {
        &self.model
    }

    /// The decision on one request: deny unless a permit holds, and a deny beats every permit. Total.
    pub fn decide(&self, request: &Request<'_>) -> Decision {
        let reason = super::DenialReason::NoRule { nearest: None, lacked: None };
        Decision::Deny(super::Denial { reason, operation: request.operation })
    }

    /// Whether any of these operations could be permitted on a presentation context with one of these transfer
    /// syntaxes, once messages bring what only they can tell (modality, move destination).
    pub fn possible(
        &self,
        _principal: &Principal,
        _to: &str,
        _operations: &[Operation],
        _sop_class: &Uid,
        _transfer_syntaxes: &[Uid],
        _at: Moment,
    ) -> bool {
        false
    }

    /// The first archive, in the order of the file, that a called title reaches, by its `ae_title`.
    pub fn archive_by_called(&self, called: &AeTitle) -> Option<&str> {
        self.archives_by_called(called).next()
    }

    /// Every archive that a called title reaches (several where `for` shares a title among them).
    pub fn archives_by_called(&self, called: &AeTitle) -> impl Iterator<Item = &str> {
        let called = *called;
        let serves = move |archive: &&super::model::ArchiveName| archive.answers_to.contains(&called);
        self.model.archives.iter().filter(serves).map(|archive| archive.ae_title.as_str())
    }
}
