//! Wires that are tripped, and glass that is broken: the record, the set in memory, and what is still to be written into
//! the state. Nothing here waits: whoever trips a wire goes on at once, and others write.

use super::door::{Basis, Gate};
use super::quarantine::{Held, Quarantine, Subject};
use super::visit::Visit;
use crate::audit::tripwire::{EmergencyNote, QuarantineNote};
use crate::audit::{Event, Incident, Receipt, Unrecorded};
use crate::policy::{Decision, Denial, DenialReason, Permission, Request};
use crate::state::{NewReview, Quarantined};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// So many uses of emergency access wait for the state at once. The record of one that finds no room stays, and so does
/// the alert.
const MOST_USES: usize = 10_000;
/// So many wires wait to be told of.
const MOST_TRIPPED: usize = 10_000;

/// What was tripped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tripwire {
    /// A patient or study that exists nowhere, by its name in the policy.
    Canary(Arc<str>),
    /// The budget of this rule.
    Budget(Arc<str>),
}

impl Tripwire {
    /// One word, for records and metric labels.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Canary(_) => "canary",
            Self::Budget(_) => "budget",
        }
    }

    /// Every word.
    pub const ALL: [&str; 2] = ["canary", "budget"];

    fn words(&self) -> String {
        match self {
            Self::Canary(name) => format!("the canary `{name}`, which exists nowhere, was asked for, found or fetched"),
            Self::Budget(rule) => format!("the budget of the rule `{rule}` is used up"),
        }
    }
}

/// A wire that was tripped, to be told of.
#[derive(Debug, Clone)]
pub struct Tripped {
    /// Who is in quarantine now.
    pub held: Arc<Held>,
    /// What it was.
    pub wire: Tripwire,
}

/// A use of emergency access, to be told of and put on the review list.
#[derive(Debug, Clone)]
pub struct Use {
    /// The entry.
    pub review: NewReview,
    /// For so many seconds.
    pub seconds: u32,
}

/// What waits for whoever tells people and writes into the state.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    uses: Mutex<VecDeque<Use>>,
    tripped: Mutex<VecDeque<Tripped>>,
    rung: Notify,
}

/// Rules that broke the glass on one association, and when each was first used.
pub(super) type Emergencies = Mutex<Vec<(Arc<str>, Instant)>>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Gate {
    /// Who may do nothing.
    pub fn quarantine(&self) -> &Quarantine {
        &self.quarantine
    }

    /// Somebody has tripped a wire: from now on they may do nothing until released, here at once and at other gateways
    /// when they hear of it. Says what they are held for, and whether they were not before. Live associations of theirs
    /// are for the caller to end. `visit`: what they were doing, for the record; `at`: seconds since 1970.
    ///
    /// Where nothing can be recorded they are held all the same.
    pub fn trip(
        &self,
        generation: u64,
        visit: Option<&Visit>,
        subject: &Subject,
        wire: &Tripwire,
        at: i64,
    ) -> (Arc<Held>, bool) {
        let (held, fresh) = self.quarantine.hold(subject, || {
            let (name, words) = (subject.to_string(), wire.words());
            let who = visit.map(|visit| &visit.ledger.who);
            let note =
                QuarantineNote { who, subject: &name, cause: wire.as_str(), words: &words, by: None, began: None };
            let incident = self.incident_of(&Event::Quarantined(note), generation);
            Held {
                subject: subject.clone(),
                since: at,
                why: words.into(),
                incident: incident.map(|incident| incident.to_string()).unwrap_or_default().into(),
                gateway: Arc::clone(&self.name),
                stored: false,
            }
        });
        if fresh {
            let mut tripped = lock(&self.alarms.tripped);
            if tripped.len() < MOST_TRIPPED {
                tripped.push_back(Tripped { held: Arc::clone(&held), wire: wire.clone() });
            }
            drop(tripped);
            self.alarms.rung.notify_one();
        }
        (held, fresh)
    }

    /// Records that a quarantine is over.
    pub fn quarantine_released(&self, generation: u64, over: &Quarantined) -> Result<Receipt, Unrecorded> {
        let (by, reason) = over.release.as_ref().map_or(("", ""), |release| (&release.by, &release.reason));
        let words = if reason.is_empty() { &over.why } else { reason };
        let note = QuarantineNote {
            who: None,
            subject: &over.subject,
            cause: "released",
            words,
            by: Some(by),
            began: Some((&over.incident, &over.gateway)),
        };
        self.log.append(&Event::QuarantineReleased(note), generation)
    }

    /// Waits until a wire is tripped or glass is broken.
    pub async fn rung(&self) {
        self.alarms.rung.notified().await;
    }

    /// Wires tripped since this was last asked.
    pub fn tripped(&self) -> Vec<Tripped> {
        lock(&self.alarms.tripped).drain(..).collect()
    }

    /// Uses of emergency access since this was last asked.
    pub fn emergencies(&self) -> Vec<Use> {
        lock(&self.alarms.uses).drain(..).collect()
    }

    /// Why this request is denied whatever the policy says: whoever asks is in quarantine, or whoever it goes to.
    /// `to`: who receives it in the end.
    pub(super) fn quarantined(&self, request: &Request<'_>, to: Option<&str>) -> Option<DenialReason> {
        if self.quarantine.is_empty() {
            return None;
        }
        let to = || {
            [Some(request.to), to].into_iter().flatten().find_map(|to| self.quarantine.find(&Subject::Peer(to.into())))
        };
        self.quarantine.of(request.principal).or_else(to).map(|held| held.denial())
    }

    /// Asks the policy; where emergency access decides, it counts from its first use on this association, and when its
    /// time is over the policy is asked again as if nobody had asked for it. `None`: its use cannot be recorded.
    pub(super) fn decide(&self, basis: Basis<'_>, visit: &Visit, request: &Request<'_>) -> Option<Decision> {
        let decision = basis.policy.decide(request);
        let Decision::Permit(Permission { rule: Some(rule), emergency: Some(seconds), .. }) = &decision else {
            return Some(decision);
        };
        match self.first_use(basis.generation, visit, request, rule, *seconds)? {
            used if used.elapsed() < Duration::from_secs(u64::from(*seconds)) => Some(decision),
            _ => Some(without_emergency(basis, request, rule)),
        }
    }

    /// When this rule was first used on this association: now, if it was not. Then it is recorded, and put on the list of
    /// what is to be looked at.
    fn first_use(
        &self,
        generation: u64,
        visit: &Visit,
        request: &Request<'_>,
        rule: &Arc<str>,
        seconds: u32,
    ) -> Option<Instant> {
        let mut used = lock(&visit.ledger.emergencies);
        if let Some((_, first)) = used.iter().find(|(known, _)| known == rule) {
            return Some(*first);
        }
        let note = EmergencyNote { who: &visit.ledger.who, rule, seconds };
        let incident = self.incident_of(&Event::Emergency(note), generation)?;
        let now = Instant::now();
        used.push((Arc::clone(rule), now));
        let review = NewReview {
            user: request.principal.user.as_ref().map(|user| user.name.clone()).unwrap_or_default(),
            peer: request.principal.name.as_ref().to_owned(),
            rule: rule.as_ref().to_owned(),
            since: request.at.unix,
            incident: incident.to_string(),
            gateway: self.name.as_ref().to_owned(),
        };
        let mut uses = lock(&self.alarms.uses);
        if uses.len() < MOST_USES {
            uses.push_back(Use { review, seconds });
        }
        drop(uses);
        self.alarms.rung.notify_one();
        Some(now)
    }

    fn incident_of(&self, event: &Event<'_>, generation: u64) -> Option<Incident> {
        self.log.append(event, generation).ok().and_then(|receipt| receipt.incident)
    }
}

/// What the policy says when the stated time of an emergency is over.
fn without_emergency(basis: Basis<'_>, request: &Request<'_>, rule: &Arc<str>) -> Decision {
    let principal = basis.policy.without_emergency(request.principal);
    match basis.policy.decide(&Request { principal: &principal, ..request.clone() }) {
        Decision::Deny(Denial { reason: DenialReason::NoRule { .. }, operation }) => {
            Decision::Deny(Denial { reason: DenialReason::EmergencyOver(Arc::clone(rule)), operation })
        }
        // A rule that breaks the glass does not hold without it: whatever still says so is a fault, and denies.
        Decision::Permit(Permission { emergency: Some(_), .. }) => Decision::Deny(Denial {
            reason: DenialReason::EmergencyOver(Arc::clone(rule)),
            operation: request.operation,
        }),
        other => other,
    }
}
