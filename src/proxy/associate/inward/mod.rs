//! An archive opens an association: deliveries that somebody asked for, reports of storage commitment, automatic routing.
//!
//! The destination is dialled only if a move under way or a rule could let something pass. Archives are told why they are
//! rejected; and nothing is refused without a record, since what an archive cannot deliver somebody will miss.

mod beside;
mod expected;
mod own;
mod share;

use super::destination::{Destination, away, destination, is_known};
use super::dial::{Answered, Miss, dial};
use super::establish::{Joined, System, establish};
use super::plan::admission;
use super::refuse::{No, known, refuse, refuse_denied, refuse_visit};
use crate::audit::event::Cause;
use crate::dicom::AeTitle;
use crate::dicom::negotiation::{Part, candidates, merge, reject};
use crate::dicom::pdu::{AssociateRj, AssociateRq};
use crate::gate::{Basis, Entry, Opening, Visit};
use crate::identity;
use crate::net::slots::Slot;
use crate::policy::Principal;
use crate::proxy::connection::Asking;
use crate::proxy::live::Drain;
use crate::proxy::negotiate::name_of;
use crate::proxy::relay::{Errand, Further, Inward, Relay};
use crate::proxy::shared::Shared;
use crate::proxy::snapshot::Snapshot;
use crate::proxy::{clock, refusal};
use own::{OwnPart, own_part};
use share::{Sender, Share};
use std::sync::Arc;

/// Answers an association request of an archive.
pub(super) async fn associate(asking: Asking) -> Option<Box<Relay>> {
    let snapshot = Arc::clone(&asking.newcomer.snapshot);
    let calling = asking.rq.calling.parse().ok();
    let principal = match identity::identify_archive(&snapshot.policy, &asking.presented, calling) {
        Ok(principal) => principal,
        Err(fault) => {
            return refuse(asking, No::new(reject::UNKNOWN_CALLING, Cause::Identity, fault.to_string())).await;
        }
    };
    let no = |rj, cause, words: String| No { principal: Some(&principal), ..No::new(rj, cause, words) };
    if let Err(fault) = identity::user(asking.rq.user.identity.as_ref()) {
        return refuse(asking, no(reject::REFUSED, Cause::UserIdentity, fault.to_string())).await;
    }
    if let Some(rj) = reject::by_provider(&asking.rq).or_else(|| reject::by_user(&asking.rq)) {
        let words =
            "the protocol version, the application context or the maximum length is none to talk with".to_owned();
        return refuse(asking, no(rj, Cause::Negotiation, words)).await;
    }
    let Some(told) = asking.newcomer.listener.destination.or_else(|| asking.rq.called.parse().ok()) else {
        let words = "the called field holds no AE title".to_owned();
        return refuse(asking, no(reject::UNKNOWN_CALLED, Cause::Identity, words)).await;
    };
    let archive = snapshot.archives.iter().find(|archive| archive.settings.ae_title.as_str() == &*principal.name)?;
    let Some(slot) = take_slot(&asking.newcomer.shared, &snapshot, &principal) else {
        let words = "as many associations of this archive are open as `associations_per_peer` allows".to_owned();
        return refuse(asking, no(reject::FULL, Cause::Limit, words)).await;
    };
    let sender = Sender { snapshot: &snapshot, principal: &principal, archive: &archive.settings, at: clock::moment() };
    match choose(&asking, sender, told).await {
        Ok(errand) => errand.run(asking, sender, slot).await,
        Err((rj, cause, words)) => refuse(asking, no(rj, cause, words)).await,
    }
}

/// A place among the associations of this archive. They count among all, but are not kept out when all places are taken:
/// whoever took them may be waiting for these deliveries.
fn take_slot(shared: &Shared, snapshot: &Snapshot, principal: &Principal) -> Option<Slot<Arc<str>>> {
    let most = usize::try_from(snapshot.settings.limits.associations_per_peer).unwrap_or(usize::MAX);
    // No peer's name begins like this.
    let name = Arc::from(format!("archive:{}", principal.name));
    shared.associations.take(name, most, usize::MAX).ok()
}

/// What an association is to become.
struct Intent<'a> {
    told: AeTitle,
    /// The gateway's own part.
    own: Option<OwnPart>,
    /// What goes on, and whereto.
    onward: Option<(Destination<'a>, Share)>,
    /// A move under way expects it.
    asked_for: bool,
    /// SOP classes taken away where nothing goes on, and why.
    removed: Vec<String>,
}

/// Finds out what an association is to become; the rejection, its cause and its words if nothing.
async fn choose<'a>(
    asking: &Asking,
    sender: Sender<'a>,
    told: AeTitle,
) -> Result<Intent<'a>, (AssociateRj, Cause, String)> {
    let shared = Arc::clone(&asking.newcomer.shared);
    let rq: AssociateRq = (*asking.rq).clone();
    let first = destination(sender.snapshot, told);
    let goes_on = candidates(&rq).any(|candidate| !sender.is_own(candidate, first.as_ref().ok()));
    let found = match goes_on {
        true => expected::expected(&shared, sender.snapshot, sender.archive, told).await,
        false => Ok(None),
    };
    let (expected, unknown) = match found {
        Ok(expected) => (expected, None),
        Err(fault) => (None, Some(fault)),
    };
    // Where an archive is told a requester's title, deliveries go where the requester's move wants them.
    let to = match expected {
        Some(title) if title != told => destination(sender.snapshot, title),
        _ => first,
    };
    let asked_for = expected.is_some();
    let draining = shared.live.draining();
    if draining == Drain::Now || draining == Drain::Gently && goes_on && !asked_for {
        return Err((reject::ARCHIVE_AWAY, Cause::Draining, "the gateway is stopping".to_owned()));
    }
    let mut share = to.as_ref().ok().filter(|_| goes_on).map(|to| sender.share(&rq, to, asked_for));
    if let (Ok(to), Some(share)) = (&to, &mut share) {
        beside::ask_beside(&shared, sender, to, told, &rq, share).await;
    }
    let own = sender.own_part(&rq, to.as_ref().ok(), told);
    let reports = own.as_ref().is_some_and(|own| own.reports);
    match (to, share) {
        (Ok(to), Some(share)) if !share.proposed.contexts.is_empty() => {
            Ok(Intent { told, own, onward: Some((to, share)), asked_for, removed: Vec::new() })
        }
        // C-ECHO or a report concern the gateway alone; a title that is nobody's is a mistake all the same.
        _ if !goes_on && own.is_some() && is_known(sender.snapshot, told) => {
            Ok(Intent { told, own, onward: None, asked_for, removed: Vec::new() })
        }
        // A report waits for nobody, whatever else was proposed with it.
        (_, share) if reports => {
            let removed = share.map(|share| share.removed).unwrap_or_else(|| others(&rq));
            Ok(Intent { told, own, onward: None, asked_for, removed })
        }
        (Err(words), _) => Err((reject::UNKNOWN_CALLED, Cause::Identity, words)),
        (Ok(_), _) if unknown.is_some() => {
            let words = unknown.map(|fault| fault.to_string()).unwrap_or_default();
            let words = format!("whether a move under way expects this cannot be told: {words}");
            Err((reject::ARCHIVE_AWAY, Cause::State, words))
        }
        (Ok(to), _) => {
            let (archive, to) = (&sender.principal.name, to.name());
            let words = format!(
                "a delivery nobody asked for: no move to `{told}` is under way, and no rule lets archive:{archive} send this to {to}"
            );
            Err((reject::REFUSED, Cause::Policy, words))
        }
    }
}

/// What was proposed for somebody who is nobody.
fn others(rq: &AssociateRq) -> Vec<String> {
    let others = candidates(rq).filter(|candidate| !own::is_own(candidate.abstract_syntax));
    others.map(|candidate| format!("{}: the called title is nobody's", name_of(candidate.abstract_syntax))).collect()
}

impl Intent<'_> {
    /// Records the opening, dials if need be, and hands over.
    async fn run(mut self, asking: Asking, sender: Sender<'_>, slot: Slot<Arc<str>>) -> Option<Box<Relay>> {
        let (principal, newcomer) = (sender.principal, &asking.newcomer);
        let mut kept = self.onward.as_mut().map(|(_, share)| std::mem::take(&mut share.kept)).unwrap_or_default();
        if let Some(own) = &self.own {
            kept.extend(own.asked.contexts.iter().map(|context| name_of(&context.abstract_syntax)));
        }
        if let Some((_, share)) = &mut self.onward {
            self.removed.append(&mut share.removed);
        }
        let to: Arc<str> = self.onward.as_ref().map_or(self.told.as_str(), |(to, _)| to.name()).into();
        let generation = sender.snapshot.generation;
        let entry = refusal::with_caller(newcomer, known(&asking, Some(principal)), |caller| {
            let opening =
                Opening { caller, principal: principal.clone(), kept: &kept, removed: &self.removed, chained: false };
            match self.onward.is_some() && !self.asked_for {
                true => {
                    let basis = Basis { policy: &sender.snapshot.policy, generation };
                    newcomer.shared.gate.open_association(basis, opening, &admission(principal, &to, sender.at))
                }
                false => newcomer.shared.gate.open_asked(generation, opening, &to),
            }
        });
        match entry {
            Entry::Open(visit) => self.go_on(asking, sender, visit, slot).await,
            Entry::Denied(denied) => refuse_denied(asking, denied, principal, reject::REFUSED).await,
            Entry::Unrecorded => {
                let (words, cause) = ("the association could not be recorded".to_owned(), Cause::Unrecorded);
                let known =
                    No { to: Some(&to), principal: Some(principal), ..No::new(reject::ARCHIVE_AWAY, cause, words) };
                refuse(asking, known).await
            }
        }
    }

    async fn go_on(self, asking: Asking, sender: Sender<'_>, visit: Visit, slot: Slot<Arc<str>>) -> Option<Box<Relay>> {
        let shared = Arc::clone(&asking.newcomer.shared);
        let (archive, calling) = (sender.archive.ae_title, sender.principal.calling);
        let mut inward = Inward { archive, calling, told: self.told, destination: None };
        let mut answered: Option<Answered> = None;
        let mut second: Option<Answered> = None;
        if let Some((to, share)) = &self.onward {
            match dial_destination(&shared, &asking, sender, to, share).await {
                Ok((reached, further)) => {
                    inward.destination = Some(to.name().into());
                    answered = Some(reached);
                    second = match further.transpose() {
                        Ok(further) => further,
                        Err(miss) => {
                            missed(&shared, &visit, to.name(), &miss, "the destination has no second association");
                            None
                        }
                    };
                }
                Err(miss) if self.own.as_ref().is_some_and(|own| own.reports) => {
                    missed(&shared, &visit, to.name(), &miss, "nothing is delivered");
                }
                Err(Miss { rj, cause, words }) => {
                    let no = No { to: Some(to.name()), principal: Some(sender.principal), ..No::new(rj, cause, words) };
                    return refuse_visit(asking, visit, no).await;
                }
            }
        }
        let mut parts: Vec<Part<'_>> = Vec::new();
        if let Some((_, share)) = &self.onward {
            parts.push(Part { asked: &share.proposed, answer: answered.as_ref().map(|(_, ac)| &**ac) });
        }
        parts.extend(self.own.iter().map(|own| Part { asked: &own.asked, answer: Some(&own.answer) }));
        let (asked, ac) = merge(&asking.rq, &parts)?;
        let mut joined = Joined::new(asked, ac, Errand::Inward(Box::new(inward)));
        match (answered, &self.onward) {
            (Some((leg, ac)), Some((to, share))) => {
                let system = System { to: to.name().into(), title: to.title() };
                let mut asks = Further::new(&share.proposed);
                asks.heard(&share.proposed, &ac);
                joined.add(&asking.rq, leg, system.clone(), (&share.proposed, &ac));
                if let (Some(proposed), Some((leg, ac))) = (&share.further, second) {
                    asks.heard(proposed, &ac);
                    joined.add_further(&asking.rq, leg, system, (proposed, &ac));
                }
                // Only who looks into objects finds any that fit nothing.
                if sender.snapshot.vault.is_some() {
                    joined.may_ask(asks);
                    if matches!(to, Destination::Peer { .. }) {
                        joined.delivers();
                    }
                }
            }
            _ => joined.add_nobody(sender.snapshot, self.told),
        }
        joined.add_own(self.own.iter().flat_map(|own| own.asked.contexts.iter().map(|context| context.id)));
        establish(asking, joined, visit, slot).await
    }
}

impl Sender<'_> {
    /// The gateway's own part of a proposal.
    fn own_part(&self, rq: &AssociateRq, to: Option<&Destination<'_>>, told: AeTitle) -> Option<OwnPart> {
        let is_own = |candidate: crate::dicom::negotiation::Candidate<'_>| self.is_own(candidate, to);
        own_part(rq, is_own, &self.snapshot.own, told, self.principal.calling)
    }
}

/// The destination, or a second association with it, is missing: that is recorded, and the log says what follows.
fn missed(shared: &Shared, visit: &Visit, destination: &str, miss: &Miss, follows: &str) {
    let refusal = shared.gate.missed(visit, destination, miss.cause, &miss.words);
    let incident = refusal.incident.map(tracing::field::display);
    let (association, words) = (visit.id(), &miss.words);
    tracing::warn!(%destination, %association, incident, %words, "{follows}");
}

/// The association with the destination, and the second one where it takes two.
async fn dial_destination(
    shared: &Shared,
    asking: &Asking,
    sender: Sender<'_>,
    to: &Destination<'_>,
    share: &Share,
) -> Result<(Answered, Option<Result<Answered, Miss>>), Miss> {
    let dial_one = |proposed| to.dial(shared, sender.snapshot, proposed, share.may_store);
    let mut dials = vec![dial_one(&share.proposed)?];
    if let Some(further) = &share.further {
        dials.push(dial_one(further)?);
    }
    let mut outcomes = dial(shared, sender.snapshot, asking.since, dials).await.into_iter();
    let first = outcomes.next().unwrap_or_else(|| Err(away("there was nobody to dial".to_owned())))?;
    Ok((first, outcomes.next()))
}
