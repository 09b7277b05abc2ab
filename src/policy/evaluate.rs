//! One rule against one request, condition by condition. `decide`, `explain` and the search for the nearest rule all
//! come here, so that they cannot disagree.

use super::compiled::{CompiledRule, Destinations, Modality, Narrows, Party, Policy};
use super::decision::DenialReason;
use super::model::Effect;
use super::narrow::{Givens, Narrowed};
use super::request::{Known, Moment, Principal, Query, Request, Transport};
use super::user::User;
use crate::dicom::dimse::Operation;
use crate::dicom::{AeTitle, Uid};
use smallvec::SmallVec;
use std::sync::Arc;

/// The conditions of a rule, in the order in which people read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// `who`
    Who,
    /// `via`
    Via,
    /// `to`
    To,
    /// `may`
    May,
    /// `sop_classes`
    SopClasses,
    /// `transfer_syntaxes`
    TransferSyntaxes,
    /// `destinations`
    Destinations,
    /// `modalities`
    Modalities,
    /// `hours`
    Hours,
    /// `days`
    Days,
    /// `levels`
    Levels,
    /// `require_key`
    RequireKey,
    /// The values from outside in `where` and `where_patient`
    Where,
    /// `break_glass`
    BreakGlass,
}

impl Condition {
    pub(super) const ALL: [Self; 14] = [
        Self::Who,
        Self::Via,
        Self::To,
        Self::May,
        Self::SopClasses,
        Self::TransferSyntaxes,
        Self::Destinations,
        Self::Modalities,
        Self::Hours,
        Self::Days,
        Self::Levels,
        Self::RequireKey,
        Self::Where,
        Self::BreakGlass,
    ];

    /// The key as the file writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Who => "who",
            Self::Via => "via",
            Self::To => "to",
            Self::May => "may",
            Self::SopClasses => "sop_classes",
            Self::TransferSyntaxes => "transfer_syntaxes",
            Self::Destinations => "destinations",
            Self::Modalities => "modalities",
            Self::Hours => "hours",
            Self::Days => "days",
            Self::Levels => "levels",
            Self::RequireKey => "require_key",
            Self::Where => "where",
            Self::BreakGlass => "break_glass",
        }
    }
}

/// What one condition says about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding {
    /// The rule does not have this condition.
    Free,
    /// The condition holds.
    Holds,
    /// It does not.
    Fails,
    /// The request does not say, and never will.
    Untold,
    /// The request does not say yet.
    Later,
}

/// What a rule says about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hit {
    Yes,
    No,
    /// It hangs on a fact not read yet.
    Later,
}

/// A fact as conditions see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// The number of the value; `None`: no rule lists it.
    Is(Option<u32>),
    Untold,
    Later,
}

/// A request, its words looked up once.
#[derive(Debug, Clone)]
pub(super) struct Facts<'p> {
    pub principal: &'p Principal,
    pub party: &'p Party,
    /// Subject numbers of the person who asks; `None`: no person does.
    pub person: Option<SmallVec<[u32; 8]>>,
    /// Emergency access is asked for.
    pub emergency: bool,
    pub query: Known<Query<'p>>,
    pub to: u32,
    pub sop_class: Told,
    pub transfer_syntax: Told,
    pub destination: Told,
    pub modality: Told,
    pub at: Moment,
}

impl Policy {
    /// Looks a request's words up. `later`: what the request does not say, a message may still bring.
    pub(super) fn facts<'p>(&'p self, request: &Request<'p>, later: bool) -> Result<Facts<'p>, DenialReason> {
        let missing = if later { Told::Later } else { Told::Untold };
        let party = self.party_of(request.principal).ok_or_else(|| {
            DenialReason::Fault(format!("peer `{}` is no longer in the policy", request.principal.name))
        })?;
        let &to = self
            .names
            .get(request.to)
            .ok_or_else(|| DenialReason::Fault(String::from("the policy does not know this archive")))?;
        let destination = match request.destination {
            Some(title) if request.operation == Some(Operation::Move) => Told::Is(Some(self.title(title)?)),
            _ => missing,
        };
        Ok(Facts {
            principal: request.principal,
            party,
            person: self.person(request.principal),
            emergency: self.wishes_emergency(request.principal),
            query: request.query,
            to,
            sop_class: request.sop_class.map_or(missing, |uid| self.uid(uid)),
            transfer_syntax: request.transfer_syntax.map_or(missing, |uid| self.uid(uid)),
            destination,
            modality: match request.modality {
                Known::Unread => Told::Later,
                Known::Absent => Told::Untold,
                // What cannot be one modality (several values, odd characters) tells nothing.
                Known::Is(text) => match Modality::new(text) {
                    Some(modality) => Told::Is(self.values.modalities.get(&modality).copied()),
                    None => Told::Untold,
                },
            },
            at: request.at,
        })
    }

    /// What rules may call the person who asks.
    fn person(&self, principal: &Principal) -> Option<SmallVec<[u32; 8]>> {
        let user = principal.user.as_deref()?;
        let roles = user.roles.iter().filter_map(|role| self.people.roles.get(role.as_str()));
        Some(self.people.users.get(user.name.as_str()).into_iter().chain(roles).copied().collect())
    }

    /// Whether a person asks for emergency access: their source of identity says so, or they call, with the certificate
    /// of a peer, by one of its `emergency_titles`.
    pub fn wishes_emergency(&self, principal: &Principal) -> bool {
        let Some(user) = &principal.user else { return false };
        let titles = || self.peer(&principal.name).map(|peer| peer.emergency_titles.as_slice()).unwrap_or_default();
        let certified = matches!(principal.transport, Transport::Mutual { .. });
        user.emergency || certified && titles().contains(&principal.calling)
    }

    /// The same caller, as if nobody had asked for emergency access: under the first title of its own.
    pub fn without_emergency(&self, principal: &Principal) -> Principal {
        let user = principal.user.as_deref().map(|user| Arc::new(User { emergency: false, ..user.clone() }));
        let peer = self.peer(&principal.name).filter(|peer| peer.emergency_titles.contains(&principal.calling));
        let own = peer.and_then(|peer| peer.ae_titles.first().copied());
        Principal { user, calling: own.unwrap_or(principal.calling), ..principal.clone() }
    }

    pub(super) fn uid(&self, uid: &Uid) -> Told {
        Told::Is(self.values.uids.get(uid).copied())
    }

    fn title(&self, title: &AeTitle) -> Result<u32, DenialReason> {
        self.titles.get(title).map(|title| title.number).ok_or(DenialReason::UnknownDestination(*title))
    }
}

impl CompiledRule {
    /// What the whole rule says. A condition that cannot be told does not permit, and does not lift a deny.
    pub(super) fn hit(&self, facts: &Facts<'_>, operation: Operation) -> Hit {
        self.hit_where(facts, operation, self.effect == Effect::Deny)
    }

    /// What it says if conditions that cannot be told are taken to hold: for obligations.
    pub(super) fn hit_in_doubt(&self, facts: &Facts<'_>, operation: Operation) -> Hit {
        self.hit_where(facts, operation, true)
    }

    fn hit_where(&self, facts: &Facts<'_>, operation: Operation, untold_holds: bool) -> Hit {
        let mut hit = Hit::Yes;
        for condition in Condition::ALL {
            match self.check(condition, facts, operation) {
                Finding::Free | Finding::Holds => {}
                Finding::Untold if untold_holds => {}
                Finding::Fails | Finding::Untold => return Hit::No,
                Finding::Later => hit = Hit::Later,
            }
        }
        hit
    }

    /// Whether `who` names them. A person's request is permitted by rules that name persons, a device's by rules that name
    /// devices; what is denied to either is denied.
    fn is_for(&self, facts: &Facts<'_>) -> bool {
        let device = || meets(&facts.party.subjects, &self.who);
        let person = || facts.person.as_ref().is_some_and(|person| meets(person, &self.people));
        match (self.effect, &facts.person) {
            (Effect::Deny, _) => device() || person(),
            (Effect::Permit, Some(_)) => person(),
            (Effect::Permit, None) => device(),
        }
    }

    /// What it shows of what an archive has to who asks; `None`: all of it, or a value from outside is not there.
    pub(super) fn narrowed(&self, facts: &Facts<'_>) -> Option<Narrowed> {
        match self.narrows.as_ref()? {
            Narrows::Fixed(narrowed) => Some(narrowed.clone()),
            Narrows::Each(rule) => Narrowed::of(rule, &Givens { principal: Some(facts.principal), at: facts.at }).ok(),
        }
    }

    /// What one condition says; without an operation (admission), what the rule permits is not asked.
    pub(super) fn check_any(&self, condition: Condition, facts: &Facts<'_>, operation: Option<Operation>) -> Finding {
        match (condition, operation) {
            (Condition::May, None) => Finding::Free,
            (condition, operation) => self.check(condition, facts, operation.unwrap_or(Operation::Other)),
        }
    }

    /// What one condition says.
    pub(super) fn check(&self, condition: Condition, facts: &Facts<'_>, operation: Operation) -> Finding {
        match condition {
            Condition::Who => holds(self.is_for(facts)),
            Condition::Via => match &self.via {
                Some(via) => holds(meets(&facts.party.subjects, via)),
                None => Finding::Free,
            },
            Condition::To => holds(self.to.binary_search(&facts.to).is_ok()),
            Condition::May => holds(self.may.contains(&operation)),
            Condition::SopClasses => listed(self.sop_classes.as_deref(), facts.sop_class),
            Condition::TransferSyntaxes => listed(self.transfer_syntaxes.as_deref(), facts.transfer_syntax),
            Condition::Modalities => listed(self.modalities.as_deref(), facts.modality),
            Condition::Destinations if operation != Operation::Move => Finding::Free,
            Condition::Destinations => match &self.destinations {
                Destinations::All => Finding::Free,
                Destinations::Listed { own, titles } => match listed(Some(titles), facts.destination) {
                    Finding::Fails if *own => listed(Some(&facts.party.titles), facts.destination),
                    finding => finding,
                },
            },
            Condition::Hours => match self.hours {
                Some(hours) => holds(hours.contain(facts.at.minute)),
                None => Finding::Free,
            },
            Condition::Days => match self.days {
                Some(days) => holds(facts.at.weekday < 7 && days & 1 << facts.at.weekday != 0),
                None => Finding::Free,
            },
            Condition::Levels => match (&self.levels, facts.query) {
                (None, _) => Finding::Free,
                _ if !matches!(operation, Operation::Find | Operation::Get | Operation::Move) => Finding::Free,
                (_, Known::Unread) => Finding::Later,
                (Some(levels), Known::Is(Query { level: Some(level), .. })) => holds(levels.contains(&level)),
                _ => Finding::Untold,
            },
            Condition::RequireKey => match (&self.require_key, facts.query) {
                (None, _) => Finding::Free,
                _ if !matches!(operation, Operation::Find | Operation::Worklist) => Finding::Free,
                (_, Known::Unread) => Finding::Later,
                (Some(keys), Known::Is(query)) => holds(query.keys.iter().any(|key| keys.contains(key))),
                (Some(_), Known::Absent) => Finding::Untold,
            },
            Condition::Where => match &self.narrows {
                Some(Narrows::Each(_)) if reads(operation) => holds(self.narrowed(facts).is_some()),
                _ => Finding::Free,
            },
            Condition::BreakGlass => match self.break_glass {
                Some(_) => holds(facts.emergency),
                None => Finding::Free,
            },
        }
    }
}

/// Whether an operation shows what an archive has, so that rules can narrow it.
pub(super) const fn reads(operation: Operation) -> bool {
    matches!(operation, Operation::Find | Operation::Get | Operation::Move | Operation::Worklist)
}

const fn holds(holds: bool) -> Finding {
    if holds { Finding::Holds } else { Finding::Fails }
}

fn listed(list: Option<&[u32]>, fact: Told) -> Finding {
    match (list, fact) {
        (None, _) => Finding::Free,
        (Some(_), Told::Untold) => Finding::Untold,
        (Some(_), Told::Later) => Finding::Later,
        (Some(_), Told::Is(None)) => Finding::Fails,
        (Some(list), Told::Is(Some(value))) => holds(list.binary_search(&value).is_ok()),
    }
}

/// Whether two ascending lists have something in common: few subjects of a party, perhaps many of a rule.
pub(super) fn meets(few: &[u32], many: &[u32]) -> bool {
    few.iter().any(|subject| many.binary_search(subject).is_ok())
}
