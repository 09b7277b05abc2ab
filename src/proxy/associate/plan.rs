//! What of a proposal goes to which system, as `for` says and policy lets it.

use super::spread::{Goes, spread};
use crate::config::Calling;
use crate::dicom::AeTitle;
use crate::dicom::dimse::Operation;
use crate::dicom::negotiation::extras::{add_extras, ask_for_extras};
use crate::dicom::negotiation::{Candidate, Roles, Wanted, ask_plainly, candidates, propose};
use crate::dicom::pdu::AssociateRq;
use crate::policy::request::Known;
use crate::policy::{Decision, Moment, Principal, Request};
use crate::proxy::negotiate::{name_of, sift};
use crate::proxy::snapshot::{ArchiveWiring, Snapshot};
use crate::proxy::vault::contexts::{ask_archive, natively};

/// What one system is asked.
#[derive(Debug)]
pub(super) struct Portion<'a> {
    pub(super) archive: &'a ArchiveWiring,
    pub(super) proposed: AssociateRq,
    /// What it is asked on a second association, where one cannot hold it all.
    pub(super) further: Option<AssociateRq>,
    /// What it can be asked on one more association, where what is sealed does not come as it is asked first.
    pub(super) natively: Vec<Wanted>,
    /// Something in it lets objects be stored.
    pub(super) may_store: bool,
}

/// What of a proposal goes on, and what does not.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    /// One for every system that is to be dialled.
    pub(super) portions: Vec<Portion<'a>>,
    /// SOP classes kept, for the record.
    pub(super) kept: Vec<String>,
    /// SOP classes taken away, and why.
    pub(super) removed: Vec<String>,
    /// The system by which admission is asked and recorded: the first of several.
    pub(super) to: AeTitle,
}

/// One context that is kept.
struct Kept {
    id: u8,
    system: usize,
    roles: Roles,
    operations: Vec<Operation>,
}

/// Plans an association. `systems`: all that answer to the called title; never empty, else there is no plan.
pub(super) fn plan<'a>(
    snapshot: &'a Snapshot,
    systems: &[&'a ArchiveWiring],
    principal: &Principal,
    rq: &AssociateRq,
    at: Moment,
) -> Option<Plan<'a>> {
    let first = systems.first()?;
    let named: Vec<&[Operation]> = systems.iter().map(|system| system.settings.operations.as_slice()).collect();
    let mut kept: Vec<Kept> = Vec::new();
    let mut removed = Vec::new();
    let (anywhere, somewhere): (Vec<_>, Vec<_>) =
        candidates(rq).zip(spread(rq, &named)).partition(|(_, goes)| *goes == Goes::Anywhere);
    let mut try_at = |systems_to_try: &[usize], candidate: Candidate<'_>| -> Option<Kept> {
        let mut why = None;
        for &place in systems_to_try {
            let Some(system) = systems.get(place) else { continue };
            match sift(snapshot, system, principal, candidate, at) {
                Ok(roles) => {
                    let operations = Operation::of_context(candidate.abstract_syntax, roles.scu, roles.scp);
                    let operations = operations.iter().collect();
                    return Some(Kept { id: candidate.id, system: place, roles, operations });
                }
                Err(words) => why = why.or(Some(words)),
            }
        }
        removed.extend(why);
        None
    };
    for (candidate, goes) in somewhere {
        if let Goes::To(system) = goes {
            kept.extend(try_at(&[system], candidate));
        }
    }
    let order = dialled_first(&kept, &named);
    for (candidate, _) in anywhere {
        kept.extend(try_at(&order, candidate));
    }
    let mut portions: Vec<Portion<'a>> = systems
        .iter()
        .enumerate()
        .filter(|(place, _)| kept.iter().any(|kept| kept.system == *place))
        .map(|(place, system)| portion(snapshot, (place, system), principal, rq, &kept))
        .collect();
    if portions.len() > 1 {
        // What each of them may have under way would have to add up to what the caller bears.
        portions.iter_mut().for_each(|portion| portion.proposed.user.async_window = None);
    }
    let to = match portions.first() {
        Some(portion) => portion.archive,
        None => systems.iter().find(|system| is_admitted(snapshot, system, principal, at)).unwrap_or(first),
    };
    Some(Plan { kept: names(rq, &portions), removed, to: to.settings.ae_title, portions })
}

/// Where a context goes that any system can have: to one that is dialled anyway, to one without `for`, to the others.
fn dialled_first(kept: &[Kept], named: &[&[Operation]]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..named.len()).collect();
    order.sort_by_key(|&place| {
        let dialled = kept.iter().any(|kept| kept.system == place);
        (!dialled, named.get(place).is_none_or(|named| !named.is_empty()))
    });
    order
}

fn portion<'a>(
    snapshot: &Snapshot,
    (place, archive): (usize, &'a ArchiveWiring),
    principal: &Principal,
    rq: &AssociateRq,
    kept: &[Kept],
) -> Portion<'a> {
    let mine = || kept.iter().filter(|kept| kept.system == place);
    let calling = match archive.settings.calling {
        Calling::Peer => principal.calling,
        Calling::Title(title) => title,
    };
    let roles = |candidate: Candidate<'_>| mine().find(|kept| kept.id == candidate.id).map(|kept| kept.roles);
    let mut proposed = propose(rq, roles, &snapshot.own, archive.settings.ae_title, calling);
    let may = |operation| mine().any(|kept| kept.operations.contains(&operation));
    if may(Operation::Move) && snapshot.carries_deliveries() {
        // Message ids are rewritten there, which a window of one keeps simple; both sides are told.
        proposed.user.async_window = None;
    }
    let shows = [Operation::Find, Operation::Get, Operation::Move, Operation::Worklist];
    if shows.into_iter().any(may) && snapshot.policy.may_narrow(principal, archive.settings.ae_title.as_str()) {
        ask_plainly(&mut proposed.user);
    }
    let may_store = mine().any(|kept| kept.roles.scu && kept.operations.contains(&Operation::Store));
    let further = beside(snapshot, principal, archive.settings.ae_title.as_str(), rq, &mut proposed);
    let natively = natively(snapshot, principal, archive.settings.ae_title.as_str(), &proposed);
    Portion { archive, proposed, further, natively, may_store }
}

/// Adds to what a system is asked what sealed objects need; what finds no room is to be asked on a second association,
/// unless it is only welcome.
pub(super) fn beside(
    snapshot: &Snapshot,
    principal: &Principal,
    archive: &str,
    rq: &AssociateRq,
    proposed: &mut AssociateRq,
) -> Option<AssociateRq> {
    let beside = ask_archive(snapshot, principal, archive, proposed);
    let rest = add_extras(proposed, rq, beside.needed);
    add_extras(proposed, rq, beside.welcome);
    (!rest.is_empty()).then(|| ask_for_extras(proposed, rest))
}

/// The kept SOP classes; where there are several systems, with the one that each goes to.
fn names(rq: &AssociateRq, portions: &[Portion<'_>]) -> Vec<String> {
    let several = portions.len() > 1;
    let of_one = |portion: &Portion<'_>| -> Vec<String> {
        let is_callers = |id: u8| rq.contexts.iter().any(|context| context.id == id);
        let contexts = portion.proposed.contexts.iter().filter(|context| is_callers(context.id));
        let contexts = contexts.map(|context| name_of(&context.abstract_syntax));
        match several {
            true => contexts.map(|name| format!("{name} to {}", portion.archive.settings.ae_title)).collect(),
            false => contexts.collect(),
        }
    };
    portions.iter().flat_map(of_one).collect()
}

fn is_admitted(snapshot: &Snapshot, system: &ArchiveWiring, principal: &Principal, at: Moment) -> bool {
    let request = admission(principal, system.settings.ae_title.as_str(), at);
    !matches!(snapshot.policy.decide(&request), Decision::Deny(_))
}

/// The question whether somebody may do anything at all there.
pub(super) const fn admission<'a>(principal: &'a Principal, to: &'a str, at: Moment) -> Request<'a> {
    Request {
        principal,
        to,
        operation: None,
        sop_class: None,
        transfer_syntax: None,
        destination: None,
        modality: Known::Unread,
        query: Known::Unread,
        at,
    }
}
