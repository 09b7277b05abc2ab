//! Which archive, and what of a proposal may go on to it.

use super::snapshot::{ArchiveWiring, Snapshot};
use crate::dicom::Uid;
use crate::dicom::dimse::{Operation, OperationSet};
use crate::dicom::negotiation::{Candidate, Roles};
use crate::dicom::pdu::AssociateRq;
use crate::dicom::{AeTitle, sop_class};
use crate::policy::{Moment, Policy, Principal};

/// The archive that answers to a called title. Of several, one whose `for` names everything that is proposed (C-ECHO
/// aside) goes before one without `for`, which goes before one whose `for` names something of it; among equals the first
/// in the file.
pub fn choose_archive<'a>(snapshot: &'a Snapshot, called: &AeTitle, rq: &AssociateRq) -> Option<&'a ArchiveWiring> {
    let proposed: Vec<OperationSet> =
        rq.contexts.iter().map(|context| Operation::of_context(&context.abstract_syntax, true, true)).collect();
    let asked = || proposed.iter().filter(|wanted| !wanted.has(Operation::Echo));
    let rank = |archive: &ArchiveWiring| {
        let named = &archive.settings.operations;
        let serves = |wanted: &OperationSet| wanted.iter().any(|operation| named.contains(&operation));
        match (named.is_empty(), asked().next().is_some() && asked().all(serves), asked().any(serves)) {
            (false, true, _) => 0,
            (true, ..) => 1,
            (false, false, true) => 2,
            (false, false, false) => 3,
        }
    };
    snapshot.archives.iter().filter(|archive| archive.settings.answers_to.contains(called)).min_by_key(|one| rank(one))
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

/// What is kept of a proposal and what policy takes away, in words for the record.
#[derive(Debug, Default)]
pub struct Sifted {
    /// SOP classes kept.
    pub kept: Vec<String>,
    /// SOP classes taken away.
    pub removed: Vec<String>,
    /// Something kept lets objects be stored.
    pub may_store: bool,
}

/// Sifts one proposed context.
pub fn sift(
    snapshot: &Snapshot,
    archive: &ArchiveWiring,
    principal: &Principal,
    candidate: Candidate<'_>,
    at: Moment,
    sifted: &mut Sifted,
) -> Option<Roles> {
    let to = archive.settings.ae_title;
    let class = candidate.abstract_syntax;
    let operations = Operation::of_context(class, candidate.roles.scu, candidate.roles.scp);
    let here = archive.settings.operations.is_empty()
        || operations.iter().any(|op| op == Operation::Echo || archive.settings.operations.contains(&op));
    let kept = here
        .then(|| {
            keep_roles(
                &snapshot.policy,
                principal,
                to.as_str(),
                class,
                candidate.transfer_syntaxes,
                candidate.roles,
                at,
            )
        })
        .flatten();
    let name = name_of(class);
    match kept {
        Some(roles) => {
            sifted.may_store |= roles.scu && operations.iter().any(|op| op == Operation::Store);
            sifted.kept.push(name);
        }
        None => {
            let words: Vec<&str> = operations.iter().map(|operation| operation.as_str()).collect();
            sifted.removed.push(format!("{name}: no rule permits {} to {to}", words.join(" or ")));
        }
    }
    kept
}
