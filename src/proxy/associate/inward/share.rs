//! What of an archive's proposal goes on to the destination.

use super::own::is_own;
use crate::config::{Archive, Calling};
use crate::dicom::AeTitle;
use crate::dicom::dimse::Operation;
use crate::dicom::negotiation::{Candidate, Roles, propose};
use crate::dicom::pdu::AssociateRq;
use crate::dicom::sop_class::{self, STORAGE_COMMITMENT_PUSH};
use crate::policy::{Moment, Principal};
use crate::proxy::associate::destination::Destination;
use crate::proxy::negotiate::{keep_roles, name_of};
use crate::proxy::snapshot::Snapshot;

/// What the destination is asked.
#[derive(Debug)]
pub(super) struct Share {
    pub(super) proposed: AssociateRq,
    /// What it is asked on a second association, where one cannot hold it all.
    pub(super) further: Option<AssociateRq>,
    /// SOP classes kept, for the record.
    pub(super) kept: Vec<String>,
    /// SOP classes taken away, and why.
    pub(super) removed: Vec<String>,
    /// Something in it lets objects be stored.
    pub(super) may_store: bool,
}

/// An archive that wants something of a destination.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sender<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) principal: &'a Principal,
    pub(super) archive: &'a Archive,
    pub(super) at: Moment,
}

impl Sender<'_> {
    /// What of a proposal goes to this destination: what some rule for the archive could let pass, and with a move under
    /// way (`asked_for`) every storage class, since each delivery is decided on for whoever asked.
    pub(super) fn share(&self, rq: &AssociateRq, to: &Destination<'_>, asked_for: bool) -> Share {
        let (mut kept, mut removed, mut may_store) = (Vec::new(), Vec::new(), false);
        let keep = |candidate: Candidate<'_>| {
            if self.is_own(candidate, Some(to)) {
                return None;
            }
            let class = candidate.abstract_syntax;
            let roles = self.roles(candidate, to, asked_for);
            match roles {
                Some(roles) => {
                    let operations = Operation::of_context(class, roles.scu, roles.scp);
                    may_store |= roles.scu && operations.iter().any(|operation| operation == Operation::Store);
                    kept.push(name_of(class));
                }
                None => removed.push(format!(
                    "{}: nobody asked for it, and no rule lets archive:{} send it to {}",
                    name_of(class),
                    self.principal.name,
                    to.name()
                )),
            }
            roles
        };
        let proposed = propose(rq, keep, &self.snapshot.own, to.title(), self.calling(to));
        let proposed = self.hidden(proposed, to);
        Share { proposed, further: None, kept, removed, may_store }
    }

    /// Whether the gateway itself answers on a context: C-ECHO, and storage commitment unless it goes on to another
    /// archive that the sender may ask to commit.
    pub(super) fn is_own(&self, candidate: Candidate<'_>, to: Option<&Destination<'_>>) -> bool {
        let goes_on = || match to {
            Some(to @ Destination::Archive(_)) => self.ruled(candidate, to).is_some(),
            _ => false,
        };
        is_own(candidate.abstract_syntax)
            && (candidate.abstract_syntax.as_str() != STORAGE_COMMITMENT_PUSH || candidate.roles.scp || !goes_on())
    }

    fn roles(&self, candidate: Candidate<'_>, to: &Destination<'_>, asked_for: bool) -> Option<Roles> {
        let class = candidate.abstract_syntax;
        let storable = sop_class::find(class).is_none() || sop_class::is_storage(class);
        let delivered = asked_for && storable && candidate.roles.scu;
        match (self.ruled(candidate, to), delivered) {
            (Some(roles), delivered) => Some(Roles { scu: roles.scu || delivered, ..roles }),
            (None, true) => Some(Roles { scu: true, scp: false }),
            (None, false) => None,
        }
    }

    fn ruled(&self, candidate: Candidate<'_>, to: &Destination<'_>) -> Option<Roles> {
        let Candidate { abstract_syntax, transfer_syntaxes, roles, .. } = candidate;
        let policy = &self.snapshot.policy;
        keep_roles(policy, self.principal, to.name(), abstract_syntax, transfer_syntaxes, roles, self.at)
    }

    /// The title that the destination knows the sender by.
    fn calling(&self, to: &Destination<'_>) -> AeTitle {
        match to {
            Destination::Peer { .. } => self.archive.answers_to.first().copied().unwrap_or(self.archive.ae_title),
            Destination::Archive(wiring) => match wiring.settings.calling {
                Calling::Peer => self.principal.calling,
                Calling::Title(title) => title,
            },
        }
    }

    /// Only whoever is known by a certificate learns what the archive is.
    fn hidden(&self, mut proposed: AssociateRq, to: &Destination<'_>) -> AssociateRq {
        if let Destination::Peer { peer, .. } = to
            && peer.plain
        {
            let own = &self.snapshot.own;
            proposed.user.implementation_class = Some(own.implementation_class);
            proposed.user.implementation_version = Some(own.implementation_version.clone());
        }
        proposed
    }
}
