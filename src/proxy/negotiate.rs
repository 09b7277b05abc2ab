//! Which archives, and what of a proposal may go on to one.

use super::snapshot::{ArchiveWiring, Snapshot};
use crate::dicom::Uid;
use crate::dicom::dimse::Operation;
use crate::dicom::negotiation::{Candidate, Roles};
use crate::dicom::{AeTitle, sop_class};
use crate::policy::{Moment, Policy, Principal};

/// The archives that answer to a called title, in the order of the file: several only where `for` tells them apart.
pub fn answering<'a>(snapshot: &'a Snapshot, called: &AeTitle) -> Vec<&'a ArchiveWiring> {
    snapshot.archives.iter().filter(|archive| archive.settings.answers_to.contains(called)).collect()
}

/// The roles that are left of those proposed: a role stays if any operation that it allows could be permitted, and the
/// archive is there for it. `None`: nothing is left.
pub fn keep_roles(
    policy: &Policy,
    principal: &Principal,
    to: &str,
    class: &Uid,
    syntaxes: &[Uid],
    roles: Roles,
    at: Moment,
) -> Option<Roles> {
    let possible = |scu: bool, scp: bool| {
        policy.possible(principal, to, Operation::of_context(class, scu, scp).iter(), class, syntaxes, at)
    };
    let kept = Roles { scu: roles.scu && possible(true, false), scp: roles.scp && possible(false, true) };
    (!kept.is_none()).then_some(kept)
}

/// What people call a SOP class, or its UID.
pub fn name_of(class: &Uid) -> String {
    sop_class::name(class).map_or_else(|| class.as_str().to_owned(), str::to_owned)
}

/// Sifts one proposed context.
///
/// # Errors
/// Why nothing is left of it, in words for the record.
pub fn sift(
    snapshot: &Snapshot,
    archive: &ArchiveWiring,
    principal: &Principal,
    candidate: Candidate<'_>,
    at: Moment,
) -> Result<Roles, String> {
    let to = archive.settings.ae_title;
    let class = candidate.abstract_syntax;
    let operations = Operation::of_context(class, candidate.roles.scu, candidate.roles.scp);
    let words = || operations.iter().map(|operation| operation.as_str()).collect::<Vec<_>>().join(" or ");
    let named = &archive.settings.operations;
    if !named.is_empty() && !operations.iter().any(|op| op == Operation::Echo || named.contains(&op)) {
        return Err(format!("{}: `for` of {to} does not name {}", name_of(class), words()));
    }
    keep_roles(&snapshot.policy, principal, to.as_str(), class, candidate.transfer_syntaxes, candidate.roles, at)
        .ok_or_else(|| format!("{}: no rule permits {} to {to}", name_of(class), words()))
}
