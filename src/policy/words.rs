//! Conditions and reasons in words, for denials, `explain` and records.

use super::attribute::keyword;
use super::compiled::{Modality, Narrows, Policy};
use super::decision::DenialReason;
use super::evaluate::{Condition, Finding};
use super::model::{Budget, Destination, Hours, Rule, Subject, Unit};
use super::narrow::{Givens, Lacking, Narrowed};
use super::request::{Known, Query, Request};
use crate::dicom::Uid;
use crate::dicom::dataset::Level;
use std::fmt;

/// The days as `days` names them, Monday first.
pub const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// Values of a rule that are spelled out before "and N more".
const SPELLED: usize = 4;

impl Policy {
    /// One condition of one rule in words. What came from the wire appears only as far as it is printable.
    pub(super) fn in_words(
        &self,
        number: u32,
        condition: Condition,
        finding: Finding,
        request: &Request<'_>,
    ) -> String {
        let Some(rule) = self.model.rules.get(number as usize) else { return String::new() };
        let key = condition.as_str();
        let has = match condition {
            Condition::Who | Condition::Via => {
                let subjects = if condition == Condition::Who { &rule.who } else { &rule.via };
                return self.subjects_in_words(key, subjects, finding, request);
            }
            Condition::To => list(rule.to.iter()),
            Condition::May => list(rule.may.iter()),
            Condition::SopClasses => list(rule.sop_classes.iter()),
            Condition::TransferSyntaxes => list(rule.transfer_syntaxes.iter()),
            Condition::Destinations => list(rule.destinations.iter()),
            Condition::Modalities => list(rule.modalities.iter()),
            Condition::Hours => rule.hours.map(|hours| hours.to_string()).unwrap_or_default(),
            Condition::Days => list(rule.days.iter().filter_map(|&day| DAYS.get(usize::from(day)))),
            Condition::Levels => list(rule.levels.iter().map(|&level| level_word(level))),
            Condition::RequireKey => return required(rule, finding),
            Condition::Where => return self.outside(number, rule, finding, request),
            Condition::BreakGlass => {
                let words = match finding {
                    Finding::Holds => "emergency access is asked for",
                    _ => "it holds only for who asks for emergency access",
                };
                return format!("{key}: {words}");
            }
        };
        let asked = asked(condition, request);
        match (finding, asked) {
            (Finding::Free, _) => format!("{key}: any"),
            (Finding::Holds, Some(asked)) => format!("{key} has `{asked}`"),
            (Finding::Fails, Some(asked)) if condition == Condition::Hours => {
                format!("{key} are {has}, it was {asked}")
            }
            (Finding::Fails, Some(asked)) => format!("{key} lacks `{asked}`{}", besides(condition, rule, &has)),
            (Finding::Later, _) => format!("{key} is {has}, which only the message can tell"),
            (Finding::Untold, _) | (_, None) => format!("{key} is {has}, and the request states none"),
        }
    }

    /// Whether the values from outside are there. Never what they are: they may be a patient's or a person's.
    fn outside(&self, number: u32, rule: &Rule, finding: Finding, request: &Request<'_>) -> String {
        let key = if rule.r#where.is_empty() { "where_patient" } else { "where" };
        if finding != Finding::Fails {
            return format!("{key}: its values from outside are there");
        }
        let lacking = match self.rule(number).and_then(|rule| rule.narrows.as_ref()) {
            Some(Narrows::Each(rule)) => {
                Narrowed::of(rule, &Givens { principal: Some(request.principal), at: request.at }).err()
            }
            _ => None,
        };
        let Lacking(value) = lacking.unwrap_or_else(|| Lacking("a value".to_owned()));
        format!("{key} needs `{value}`, which is absent or holds characters that cannot be compared literally")
    }

    /// What a rule shows, in the words of the file: values from outside stay in their braces.
    pub(super) fn shown_by(&self, name: &str) -> String {
        let Some(rule) = self.model.rules.iter().find(|rule| *rule.name == *name) else { return String::new() };
        let mut words = Vec::new();
        for (key, all) in [("where", &rule.r#where), ("where_patient", &rule.where_patient)] {
            words.extend(all.iter().map(|wanted| {
                format!(
                    "{key} {} is {}",
                    wanted.attribute,
                    wanted.any.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
                )
            }));
        }
        if !rule.hide.is_empty() {
            words.push(format!("without {}", list(rule.hide.iter().map(|&tag| keyword(tag)))));
        }
        words.extend(rule.max_results.map(|most| format!("at most {most} answers")));
        words.extend(rule.budget.map(|budget| format!("within a budget of {budget}")));
        format!("by `{name}`: {}", words.join("; "))
    }

    fn subjects_in_words(&self, key: &str, subjects: &[Subject], finding: Finding, request: &Request<'_>) -> String {
        let name = &request.principal.name;
        let user = request.principal.user.as_deref();
        let person = |subject: &Subject| matches!(subject, Subject::User(_) | Subject::Role(_));
        match finding {
            Finding::Free => format!("{key}: any"),
            Finding::Holds => {
                let groups = self.peer(name).map(|peer| peer.groups.as_slice()).unwrap_or_default();
                let by = subjects.iter().find(|subject| match subject {
                    Subject::Peer(peer) | Subject::Archive(peer) => peer == name,
                    Subject::Group(group) => groups.contains(group),
                    Subject::Anyone => true,
                    Subject::User(name) => user.is_some_and(|user| *user.name == **name),
                    Subject::Role(role) => user.is_some_and(|user| user.roles.iter().any(|own| **own == **role)),
                });
                by.map_or_else(|| format!("{key} matches"), |by| format!("{key} has {by}"))
            }
            _ if key == "who" && user.is_none() && subjects.iter().all(person) => {
                format!("{key} names users or roles, and no person asks")
            }
            _ if key == "who" && user.is_some() && !subjects.iter().any(person) => {
                format!("{key} names devices alone, and a person asks")
            }
            _ if key == "who" && user.is_some() => format!("{key} names neither the person nor a role of theirs"),
            _ => format!("{key} names neither `{name}` nor a group of it"),
        }
    }
}

/// (0008,0052) as queries write it.
pub const fn level_word(level: Level) -> &'static str {
    match level {
        Level::Patient => "PATIENT",
        Level::Study => "STUDY",
        Level::Series => "SERIES",
        Level::Image => "IMAGE",
    }
}

fn required(rule: &Rule, finding: Finding) -> String {
    let keys = list(rule.require_key.iter().map(|&tag| keyword(tag)));
    match finding {
        Finding::Holds => format!("require_key: the query asks a value of {keys}"),
        Finding::Later => format!("require_key is {keys}, which only the query can tell"),
        _ => format!("require_key is {keys}, and the query asks a value of none of them"),
    }
}

fn besides(condition: Condition, rule: &Rule, has: &str) -> String {
    match condition {
        Condition::Destinations if rule.destinations.is_empty() => String::from(" (it sends nowhere)"),
        _ => format!(" (it has {has})"),
    }
}

/// What the request says about a condition.
fn asked(condition: Condition, request: &Request<'_>) -> Option<String> {
    match condition {
        Condition::Who | Condition::Via => Some(request.principal.name.to_string()),
        Condition::To => Some(request.to.to_owned()),
        Condition::May => request.operation.map(|operation| operation.to_string()),
        Condition::SopClasses => request.sop_class.map(Uid::to_string),
        Condition::TransferSyntaxes => request.transfer_syntax.map(Uid::to_string),
        Condition::Destinations => request.destination.map(|title| title.to_string()),
        Condition::Modalities => match request.modality {
            Known::Is(text) => Modality::new(text).map(|_| text.trim_matches([' ', '\0']).to_owned()),
            Known::Absent | Known::Unread => None,
        },
        Condition::Levels => match request.query {
            Known::Is(Query { level: Some(level), .. }) => Some(level_word(level).to_owned()),
            _ => None,
        },
        Condition::RequireKey | Condition::Where | Condition::BreakGlass => None,
        Condition::Hours => Some(format!("{:02}:{:02}", request.at.minute / 60, request.at.minute % 60)),
        Condition::Days => DAYS.get(usize::from(request.at.weekday)).map(|&day| day.to_owned()),
    }
}

/// The first few values, comma separated, and how many more there are.
fn list(values: impl Iterator<Item = impl fmt::Display>) -> String {
    let mut words = String::new();
    let mut more = 0;
    for (count, value) in values.enumerate() {
        match count {
            0 => words = value.to_string(),
            _ if count < SPELLED => words = format!("{words}, {value}"),
            _ => more += 1,
        }
    }
    if more == 0 { words } else { format!("{words} and {more} more") }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Peer(name) => write!(f, "peer:{name}"),
            Self::Group(name) => write!(f, "group:{name}"),
            Self::Role(name) => write!(f, "role:{name}"),
            Self::User(name) => write!(f, "user:{name}"),
            Self::Archive(name) => write!(f, "archive:{name}"),
            Self::Anyone => f.write_str("anyone"),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("self"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

/// As the file writes it.
impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Studies => "studies",
            Unit::Patients => "patients",
        };
        write!(f, "{} {unit}", self.most)?;
        match self.window {
            60 => f.write_str("/minute"),
            3_600 => f.write_str("/hour"),
            86_400 => f.write_str("/day"),
            seconds => write!(f, " / {seconds}s"),
        }
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, until) = (self.from, self.until);
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, until / 60, until % 60)
    }
}

impl fmt::Display for DenialReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(rule) => write!(f, "rule `{rule}` denies it"),
            Self::NoRule { nearest: Some(rule), lacked: Some(lacked) } => {
                write!(f, "no rule permits it; nearest came `{rule}`: {lacked}")
            }
            Self::NoRule { .. } => f.write_str("no rule permits it, and none came near"),
            Self::UnknownDestination(title) => write!(f, "`{title}` is no title of a peer or archive"),
            Self::NotAsked(words) => write!(f, "the archive was not asked to send it: {words}"),
            Self::Quarantine { subject, .. } => write!(f, "`{subject}` is in quarantine"),
            Self::Budget(rule) => write!(f, "the budget of `{rule}` is used up"),
            Self::EmergencyOver(rule) => write!(f, "the time of `{rule}`, which breaks the glass, is over"),
            Self::Fault(fault) => write!(f, "the policy could not decide: {fault}"),
        }
    }
}
