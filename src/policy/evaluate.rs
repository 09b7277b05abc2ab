//! One rule against one request, condition by condition. `decide`, `explain` and the search for the nearest rule all
//! come here, so that they cannot disagree.

use super::compiled::{CompiledRule, Destinations, Modality, Party, Policy};
use super::decision::DenialReason;
use super::model::Effect;
use super::request::{Known, Moment, Request};
use crate::dicom::dimse::Operation;
use crate::dicom::{AeTitle, Uid};

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
}

impl Condition {
    pub(super) const ALL: [Self; 10] = [
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
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts<'p> {
    pub party: &'p Party,
    pub to: u32,
    pub sop_class: Told,
    pub transfer_syntax: Told,
    pub destination: Told,
    pub modality: Told,
    pub at: Moment,
}

impl Policy {
    /// Looks a request's words up. `later`: what the request does not say, a message may still bring.
    pub(super) fn facts(&self, request: &Request<'_>, later: bool) -> Result<Facts<'_>, DenialReason> {
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
            party,
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
        let mut hit = Hit::Yes;
        for condition in Condition::ALL {
            match self.check(condition, facts, operation) {
                Finding::Free | Finding::Holds => {}
                Finding::Untold if self.effect == Effect::Deny => {}
                Finding::Fails | Finding::Untold => return Hit::No,
                Finding::Later => hit = Hit::Later,
            }
        }
        hit
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
            Condition::Who if self.people && self.effect == Effect::Permit => Finding::Fails,
            Condition::Who => holds(meets(&facts.party.subjects, &self.who)),
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
        }
    }
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
