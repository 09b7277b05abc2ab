//! A peer asks for systems behind the gateway.

use super::dial::{Answered, Dial, Full, Miss, Role, dial};
use super::establish::{Joined, System, establish};
use super::person::{self, Stranger};
use super::plan::{Plan, Portion, admission, plan};
use super::refuse::{No, known, refuse, refuse_denied, refuse_visit};
use crate::archive::Target;
use crate::audit::event::Cause;
use crate::dicom::AeTitle;
use crate::dicom::negotiation::{Part, merge, propose, reject};
use crate::dicom::pdu::AssociateRq;
use crate::gate::{Basis, Entry, Opening, Visit};
use crate::identity;
use crate::net::slots::Slot;
use crate::policy::{Moment, Principal};
use crate::proxy::connection::Asking;
use crate::proxy::live::Drain;
use crate::proxy::negotiate::answering;
use crate::proxy::relay::{Errand, Relay};
use crate::proxy::shared::Shared;
use crate::proxy::snapshot::{ArchiveWiring, Snapshot};
use crate::proxy::{bare, clock, edge, refusal};
use std::sync::Arc;

/// Answers an association request of a peer.
pub(super) async fn associate(asking: Asking) -> Option<Box<Relay>> {
    let snapshot = Arc::clone(&asking.newcomer.snapshot);
    let called: Option<AeTitle> = asking.rq.called.parse().ok();
    let calling = asking.rq.calling.parse().ok();
    // Both questions are always asked, so that neither the bytes nor the work tell an unknown called title from an
    // unknown calling one.
    let identified = identity::identify(&snapshot.policy, &asking.presented, calling);
    let systems = called.map(|called| answering(&snapshot, &called)).unwrap_or_default();
    let principal = match identified {
        Err(fault) => {
            return refuse(asking, No::new(reject::REFUSED, Cause::Identity, fault.to_string())).await;
        }
        Ok(principal) => principal,
    };
    identified_by(asking, &snapshot, &systems, principal).await
}

/// The device is known and calls a system that is there: now the person is asked for, if one is named.
async fn identified_by(
    mut asking: Asking,
    snapshot: &Snapshot,
    systems: &[&ArchiveWiring],
    mut principal: Principal,
) -> Option<Box<Relay>> {
    let Some(first) = systems.first() else {
        let words = "no archive answers to the called title".to_owned();
        let no = No { principal: Some(&principal), ..No::new(reject::REFUSED, Cause::Identity, words) };
        return refuse(asking, no).await;
    };
    if asking.newcomer.shared.live.draining() == Drain::No {
        match person::identify(&mut asking, snapshot, &principal).await {
            Ok(user) => principal.user = user,
            Err(Stranger { rj, cause, words, tried }) => {
                let to = Some(first.settings.ae_title.as_str());
                let no = No { to, principal: Some(&principal), tried: tried.as_deref(), ..No::new(rj, cause, words) };
                return refuse(asking, no).await;
            }
        }
    }
    admit(asking, snapshot, systems, principal).await
}

async fn admit(
    asking: Asking,
    snapshot: &Snapshot,
    systems: &[&ArchiveWiring],
    principal: Principal,
) -> Option<Box<Relay>> {
    let moment = clock::moment();
    let Some(planned) = plan(snapshot, systems, &principal, &asking.rq, moment) else {
        let words = "no archive answers to the called title".to_owned();
        let no = No { principal: Some(&principal), ..No::new(reject::REFUSED, Cause::Identity, words) };
        return refuse(asking, no).await;
    };
    let to = Some(planned.to.as_str());
    let no = |rj, cause, words: String| No { to, principal: Some(&principal), ..No::new(rj, cause, words) };
    if let Some(rj) = reject::by_provider(&asking.rq).or_else(|| reject::by_user(&asking.rq)) {
        let words =
            "the protocol version, the application context or the maximum length is none to talk with".to_owned();
        return refuse(asking, no(rj, Cause::Negotiation, words)).await;
    }
    if asking.newcomer.shared.live.draining() != Drain::No {
        return refuse(asking, no(reject::ARCHIVE_AWAY, Cause::Draining, "the gateway is stopping".to_owned())).await;
    }
    let Some(slot) = take_slot(&asking.newcomer.shared, snapshot, &principal) else {
        let words = "as many associations are open as `associations` or `associations_per_peer` allows".to_owned();
        return refuse(asking, no(reject::FULL, Cause::Limit, words)).await;
    };
    go_on(asking, snapshot, planned, principal, slot, moment).await
}

/// A place among the associations of this caller.
pub(super) fn take_slot(shared: &Shared, snapshot: &Snapshot, principal: &Principal) -> Option<Slot<Arc<str>>> {
    let limits = &snapshot.settings.limits;
    let most = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
    let (each, all) = (most(limits.associations_per_peer), most(limits.associations));
    shared.associations.take(Arc::clone(&principal.name), each, all).ok()
}

async fn go_on(
    mut asking: Asking,
    snapshot: &Snapshot,
    planned: Plan<'_>,
    principal: Principal,
    slot: Slot<Arc<str>>,
    moment: Moment,
) -> Option<Box<Relay>> {
    let newcomer = &asking.newcomer;
    let basis = Basis { policy: &snapshot.policy, generation: snapshot.generation };
    let request = admission(&principal, planned.to.as_str(), moment);
    let entry = refusal::with_caller(newcomer, known(&asking, Some(&principal)), |caller| {
        let chained = planned.portions.iter().any(|portion| portion.archive.settings.gateway);
        let (kept, removed) = (planned.kept.as_slice(), planned.removed.as_slice());
        let opening = Opening { caller, principal: principal.clone(), kept, removed, chained };
        newcomer.shared.gate.open_association(basis, opening, &request)
    });
    let visit = match entry {
        Entry::Open(visit) => {
            // Whoever is let in has nothing left to guess: an archive that is away is answered as soon as that is known.
            asking.answer_after = None;
            visit
        }
        Entry::Denied(denied) => return refuse_denied(asking, denied, &principal, reject::REFUSED).await,
        Entry::Unrecorded => {
            let words = "the association could not be recorded".to_owned();
            let (cause, to) = (Cause::Unrecorded, Some(planned.to.as_str()));
            let no = No { to, principal: Some(&principal), ..No::new(reject::ARCHIVE_AWAY, cause, words) };
            return refuse(asking, no).await;
        }
    };
    if planned.portions.is_empty() {
        let nothing = propose(&asking.rq, |_| None, &snapshot.own, planned.to, principal.calling);
        bare::serve(asking, visit, &nothing).await;
        drop(slot);
        return None;
    }
    call_up(asking, snapshot, planned, visit, slot).await
}

/// Dials what is planned, and goes on with what answers.
async fn call_up(
    asking: Asking,
    snapshot: &Snapshot,
    planned: Plan<'_>,
    visit: Visit,
    slot: Slot<Arc<str>>,
) -> Option<Box<Relay>> {
    let shared = Arc::clone(&asking.newcomer.shared);
    let principal = visit.principal().clone();
    let Plan { mut portions, to, .. } = planned;
    for portion in &mut portions {
        let chain = edge::item(&portion.archive.settings, &snapshot.settings.gateway.name, &visit);
        if let Some(further) = &mut portion.further {
            further.user.chain.clone_from(&chain);
        }
        portion.proposed.user.chain = chain;
    }
    let mut systems: Vec<Dial<'_>> =
        portions.iter().map(|portion| dial_of(&shared, portion, &portion.proposed)).collect();
    systems.extend(further(&portions).map(|(portion, proposed)| dial_of(&shared, portion, proposed)));
    let mut outcomes = dial(&shared, snapshot, asking.since, systems).await;
    let seconds = outcomes.split_off(portions.len());
    if portions.len() > 1 {
        for (portion, outcome) in portions.iter().zip(&outcomes) {
            if let Err(miss) = outcome {
                missed(&shared, &visit, portion.archive.settings.ae_title, miss);
            }
        }
    }
    let parts: Vec<Part<'_>> = portions
        .iter()
        .zip(&outcomes)
        .map(|(portion, outcome)| Part { asked: &portion.proposed, answer: outcome.as_ref().ok().map(|(_, ac)| &**ac) })
        .collect();
    let Some((asked, answered)) = merge(&asking.rq, &parts) else {
        let first = outcomes.into_iter().find_map(Result::err);
        let Miss { rj, cause, words } = first.unwrap_or_else(nobody_planned);
        let no = No { to: Some(to.as_str()), principal: Some(&principal), ..No::new(rj, cause, words) };
        return refuse_visit(asking, visit, no).await;
    };
    let legs: Vec<(&Portion<'_>, Answered)> =
        portions.iter().zip(outcomes).filter_map(|(portion, outcome)| Some((portion, outcome.ok()?))).collect();
    let mut joined = Joined::new(asked, answered, Errand::Outward);
    for (portion, (leg, ac)) in legs {
        joined.may_ask_natively(&portion.proposed, &portion.natively);
        joined.add(&asking.rq, leg, system(portion), (&portion.proposed, &ac));
    }
    for ((portion, proposed), outcome) in further(&portions).zip(seconds) {
        match outcome {
            Ok((leg, ac)) => joined.add_further(&asking.rq, leg, system(portion), (proposed, &ac)),
            Err(miss) => missed(&shared, &visit, portion.archive.settings.ae_title, &miss),
        }
    }
    establish(asking, joined, visit, slot).await
}

/// The second associations that are needed.
fn further<'a>(portions: &'a [Portion<'a>]) -> impl Iterator<Item = (&'a Portion<'a>, &'a AssociateRq)> {
    portions.iter().filter_map(|portion| Some((portion, portion.further.as_ref()?)))
}

fn system(portion: &Portion<'_>) -> System {
    let title = portion.archive.settings.ae_title;
    System { to: Arc::from(title.as_str()), title }
}

fn dial_of<'a>(shared: &Shared, portion: &'a Portion<'_>, proposed: &'a AssociateRq) -> Dial<'a> {
    let archive = &portion.archive.settings;
    Dial {
        to: archive.ae_title.as_str(),
        role: Role::Archive,
        target: Target::archive(archive, portion.archive.tls.as_ref()),
        proposed,
        place: shared.capacity.take(archive, portion.may_store).map(Some).map_err(|_| Full),
    }
}

/// One of several systems is missing: the caller loses its contexts, and nothing else.
fn missed(shared: &Shared, visit: &Visit, system: AeTitle, miss: &Miss) {
    let refusal = shared.gate.missed(visit, system.as_str(), miss.cause, &miss.words);
    let incident = refusal.incident.map(tracing::field::display);
    let (association, words) = (visit.id(), &miss.words);
    tracing::warn!(archive = %system, %association, incident, %words, "an association goes on without this system");
}

/// For a plan without portions, which is not dialled for.
fn nobody_planned() -> Miss {
    Miss { rj: reject::ARCHIVE_AWAY, cause: Cause::ArchiveAway, words: "there was nobody to dial".to_owned() }
}
