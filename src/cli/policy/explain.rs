//! `dicomgate policy explain`: what a peer may do and why, rule by rule.

use super::{Answer, Common, Format, json, load};
use crate::dicom::dataset::Level;
use crate::dicom::dimse::Operation;
use crate::dicom::{AeTitle, Tag, Uid, sop_class};
use crate::policy::attribute::tag;
use crate::policy::explain::{Explanation, Outcome, RuleReport, Verdict};
use crate::policy::model::{Asker, Effect, Person};
use crate::policy::words::level_word;
use crate::policy::{Moment, Policy, Question};
use clap::Args;
use std::fmt::Write as _;
use std::net::IpAddr;

/// Arguments of `dicomgate policy explain`.
#[derive(Debug, Clone, Args)]
pub(super) struct Explain {
    #[command(flatten)]
    common: Common,
    /// The peer that asks, by name or AE title
    #[arg(long, value_name = "PEER", required_unless_present = "archive")]
    peer: Option<String>,
    /// In place of a peer: the archive that sends unasked
    #[arg(long, value_name = "ARCHIVE", conflicts_with = "peer", requires = "to")]
    archive: Option<String>,
    /// The address it calls from [default: one inside its network]
    #[arg(long, value_name = "ADDRESS")]
    from: Option<IpAddr>,
    /// What it wants, as `policy operations` lists it [default: anything at all]
    #[arg(long, value_name = "OPERATION", value_parser = operation)]
    wants: Option<Operation>,
    /// The archive, by name or called title [default: the only one]; with --archive, the receiver
    #[arg(long, value_name = "NAME")]
    to: Option<String>,
    /// SOP class, by UID
    #[arg(long, value_name = "UID")]
    sop_class: Option<Uid>,
    /// Transfer syntax, by UID
    #[arg(long, value_name = "UID")]
    transfer_syntax: Option<Uid>,
    /// Modality of the object
    #[arg(long)]
    modality: Option<String>,
    /// Where a `move` shall send to
    #[arg(long, value_name = "AE")]
    destination: Option<AeTitle>,
    /// The person who asks from there, by name
    #[arg(long, value_name = "NAME", conflicts_with = "archive")]
    user: Option<String>,
    /// A role of the person; once more for each further one
    #[arg(long, value_name = "ROLE", conflicts_with = "archive")]
    role: Vec<String>,
    /// What `{user.NAME}` stands for, or `{claim.PATH}` as claim.PATH=VALUE; once more for each further value
    #[arg(long, value_name = "NAME=VALUE", value_parser = attribute, conflicts_with = "archive")]
    attribute: Vec<(String, String)>,
    /// The person asks for emergency access
    #[arg(long, conflicts_with = "archive")]
    emergency: bool,
    /// Level of the query or retrieve: PATIENT, STUDY, SERIES or IMAGE
    #[arg(long, value_parser = level)]
    level: Option<Level>,
    /// An attribute that the query asks a value of, by keyword or tag; once more for each further one
    #[arg(long, value_name = "ATTRIBUTE", value_parser = key)]
    key: Vec<Tag>,
    /// Local date and time, such as 2026-12-24T22:00 [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<jiff::civil::DateTime>,
    /// List the rules for others, too
    #[arg(long)]
    all: bool,
}

pub(super) fn operation(word: &str) -> Result<Operation, String> {
    let known = Operation::ALL.iter().find(|operation| operation.as_str() == word);
    let words = || Operation::ALL.map(Operation::as_str).join(" ");
    known.copied().ok_or_else(|| format!("the operations are: {}", words()))
}

fn attribute(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, value)| !name.is_empty() && !value.is_empty());
    let (name, value) = pair.ok_or_else(|| "write NAME=VALUE".to_owned())?;
    Ok((name.to_owned(), value.to_owned()))
}

fn level(word: &str) -> Result<Level, String> {
    let levels = [Level::Patient, Level::Study, Level::Series, Level::Image];
    let known = levels.into_iter().find(|level| level_word(*level).eq_ignore_ascii_case(word));
    known.ok_or_else(|| format!("the levels are: {}", levels.map(level_word).join(" ")))
}

fn key(word: &str) -> Result<Tag, String> {
    tag(word).map_err(|fault| format!("{fault}: {}", fault.advice()))
}

/// The person, if the question is about one.
fn person(explain: &Explain) -> Option<Person> {
    let given =
        explain.user.is_some() || !explain.role.is_empty() || !explain.attribute.is_empty() || explain.emergency;
    let mut person = Person {
        name: explain.user.clone(),
        roles: explain.role.clone(),
        emergency: explain.emergency,
        ..Person::default()
    };
    for (name, value) in &explain.attribute {
        person.attributes.entry(name.clone()).or_default().push(value.clone());
    }
    given.then_some(person)
}

/// Exit code 0 if it is permitted, 1 if it is denied or hangs on what was not said, 2 if the question makes no sense.
pub(super) fn answer(explain: &Explain, now: &jiff::Zoned) -> Answer {
    let policy = match load(&explain.common) {
        Ok((_, policy)) => policy,
        Err(answer) => return answer,
    };
    let local = explain.at.map(|at| at.to_zoned(now.time_zone().clone()));
    let at = match local {
        Some(Ok(zoned)) => Moment::of(&zoned),
        Some(Err(_)) => return Answer::complaint("there is no such moment in this time zone\n".to_owned(), 2),
        None => Moment::of(now),
    };
    let question = Question {
        asker: match &explain.archive {
            Some(archive) => Asker::Archive(archive.clone()),
            None => Asker::Peer(explain.peer.clone().unwrap_or_default()),
        },
        from: explain.from,
        wants: explain.wants,
        to: explain.to.clone(),
        sop_class: explain.sop_class,
        transfer_syntax: explain.transfer_syntax,
        modality: explain.modality.clone(),
        destination: explain.destination,
        person: person(explain),
        level: explain.level,
        keys: explain.key.clone(),
        at,
    };
    outcome(&policy, &question, explain.all, explain.common.format)
}

pub(super) fn outcome(policy: &Policy, question: &Question, all: bool, format: Format) -> Answer {
    match policy.explain(question, all) {
        Ok(explanation) => {
            let code = u8::from(explanation.verdict != Verdict::Permit);
            let text = match format {
                Format::Json => json(&explanation),
                Format::Text => text(&explanation, question),
            };
            Answer::new(text, code)
        }
        Err(fault) => Answer::complaint(format!("{fault}\n"), 2),
    }
}

fn text(explanation: &Explanation, question: &Question) -> String {
    let mut text = String::new();
    let wants = explanation.wants.map_or("anything", Operation::as_str);
    let class = question.sop_class.map(|uid| match sop_class::name(&uid) {
        Some(name) => format!(" of {name} ({uid})"),
        None => format!(" of {uid}"),
    });
    let (peer, from, to) = (&explanation.peer, explanation.from, &explanation.to);
    let class = class.unwrap_or_default();
    let person = match question.person.as_ref().map(|person| person.name.as_deref()) {
        Some(Some(name)) => format!("`{name}` at "),
        Some(None) => "somebody at ".to_owned(),
        None => String::new(),
    };
    let _ = match question.asker {
        Asker::Peer(_) => writeln!(text, "May {person}`{peer}` from {from} do `{wants}` at {to}{class}?"),
        Asker::Archive(_) => writeln!(text, "May archive `{peer}` from {from} send `{wants}`{class} to {to}, unasked?"),
    };
    let _ = writeln!(text, "identity: {}\n", explanation.identity);
    for rule in &explanation.rules {
        rule_text(&mut text, rule);
    }
    if explanation.for_others > 0 {
        let rules = if explanation.for_others == 1 { "rule is" } else { "rules are" };
        let _ = writeln!(text, "{} more {rules} for others (--all lists them)\n", explanation.for_others);
    }
    let verdict = match explanation.verdict {
        Verdict::Permit => "PERMIT",
        Verdict::Deny => "DENY",
        Verdict::Depends => "DEPENDS",
    };
    let _ = writeln!(text, "{verdict}: {}", explanation.because);
    for line in &explanation.shows {
        let _ = writeln!(text, "  shows {line}");
    }
    if explanation.seal {
        text.push_str("  what is stored is sealed\n");
    }
    if let Some(open) = explanation.open {
        let _ = writeln!(text, "  {}", open.words());
    }
    text
}

fn rule_text(text: &mut String, rule: &RuleReport) {
    let effect = match rule.effect {
        Effect::Permit => "permit",
        Effect::Deny => "deny",
    };
    let outcome = match rule.outcome {
        Outcome::Applies => "applies",
        Outcome::Lacks => "does not apply",
        Outcome::Depends => "depends on the message",
    };
    let _ = writeln!(text, "rule `{}` (line {}, {effect}): {outcome}", rule.name, rule.line);
    for condition in &rule.conditions {
        let _ = writeln!(text, "  {} {}", if condition.stops { "-" } else { "+" }, condition.words);
    }
    text.push('\n');
}
