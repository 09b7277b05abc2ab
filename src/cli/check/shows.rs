//! What rules narrow by, and whether the archive says it: a study of which an archive does not say an attribute fits no
//! `where` on it, so that such a rule shows nothing.

use super::place::Places;
use crate::cli::archive::keep;
use crate::cli::archive::report::Found;
use crate::config::{Archive, Fault, Settings};
use crate::dicom::dataset::write::{DataSet, Flat};
use crate::dicom::dimse::{Command, Operation, StatusKind};
use crate::dicom::transfer_syntax::encoding_of;
use crate::dicom::{AeTitle, Tag, sop_class};
use crate::policy::attribute::{keyword, vr};
use crate::policy::model::{Effect, Rule};
use crate::scu::{Accepted, Link, LinkFault};
use std::collections::BTreeSet;

/// Answers that are looked at; more would say nothing new.
const ANSWERS: usize = 200;
/// How many days back studies are looked for, until some are found.
const DAYS: [i32; 3] = [0, 7, 60];

/// A rule that narrows by an attribute which an archive does not give back, with its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsaid {
    /// The rule.
    pub rule: String,
    /// Its line in `policy.toml`, from 1.
    pub line: u32,
    /// The attribute, by keyword.
    pub attribute: String,
}

/// Rules that narrow what this archive is asked, with the attributes of studies that they look at.
fn narrowing(settings: &Settings, archive: AeTitle) -> impl Iterator<Item = (&Rule, BTreeSet<Tag>)> {
    let reads = |rule: &&Rule| {
        let queries = [Operation::Find, Operation::Get, Operation::Move];
        rule.effect == Effect::Permit && rule.may.iter().any(|operation| queries.contains(operation))
    };
    let here = move |rule: &&Rule| rule.to.iter().any(|to| **to == *archive.as_str());
    settings.policy.rules.iter().filter(reads).filter(here).filter_map(|rule| {
        let all = rule.r#where.iter().chain(&rule.where_patient);
        // What an archive says within sequences is not looked at.
        let plain = all.filter(|wanted| wanted.attribute.path.len() == 1);
        let tags: BTreeSet<Tag> = plain.map(|wanted| wanted.attribute.tag()).collect();
        (!tags.is_empty()).then_some((rule, tags))
    })
}

/// The attributes of studies that rules narrow by there.
pub fn attributes(settings: &Settings, archive: AeTitle) -> BTreeSet<Tag> {
    narrowing(settings, archive).flat_map(|(_, tags)| tags).collect()
}

/// The rules that narrow by attributes which do not come back.
pub fn unsaid(settings: &Settings, archive: AeTitle, missing: impl Fn(Tag) -> bool) -> Vec<Unsaid> {
    let mut all = Vec::new();
    for (rule, tags) in narrowing(settings, archive) {
        for tag in tags.into_iter().filter(|tag| missing(*tag)) {
            all.push(Unsaid { rule: rule.name.to_string(), line: rule.line, attribute: keyword(tag) });
        }
    }
    all
}

/// The rules that narrow by attributes which did not come back when the archive was probed last, and when that was.
pub fn probed(settings: &Settings, archive: &Archive) -> Option<(jiff::Timestamp, Vec<Unsaid>)> {
    let report = keep::read(&settings.gateway.state, &archive.ae_title)?;
    if report.address != archive.address.to_string() {
        return None;
    }
    let Found::Known(keys) = &report.keys else { return None };
    let missing = |tag: Tag| {
        let name = keyword(tag);
        keys.iter().any(|key| key.level == "STUDY" && key.name == name && key.returned == Found::Known(false))
    };
    Some((report.probed, unsaid(settings, archive.ae_title, missing)))
}

/// What rules narrow by though the archive was found not to say it: such rules show nothing.
pub fn faults(settings: &Settings) -> Vec<Fault> {
    let mut faults = Vec::new();
    for archive in &settings.archives {
        let Some((when, all)) = probed(settings, archive) else { continue };
        let (title, day) = (archive.ae_title, when.strftime("%Y-%m-%d"));
        for Unsaid { rule, line, attribute } in all {
            let message = format!(
                "rule `{rule}` narrows by `{attribute}`, which archive `{title}` does not return for studies (probed on {day}): \
                 it shows nothing"
            );
            let hint = format!(
                "narrow by an attribute that it returns, or let it return this one and probe it again: \
                 `dicomgate archive probe {title} --store`"
            );
            faults.push(Places::rule(settings, line, message).with_hint(hint));
        }
    }
    faults
}

/// What some studies of an archive say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// How many studies were looked at.
    pub studies: usize,
    /// Attributes that at least one of them has, if only empty.
    pub present: BTreeSet<Tag>,
    /// Attributes of which at least one of them says a value.
    pub valued: BTreeSet<Tag>,
}

/// Asks for recent studies and these attributes of them. Nothing of the answers is kept but which attributes they have.
pub async fn ask(
    link: &mut Link,
    context: &Accepted,
    tags: &BTreeSet<Tag>,
    today: jiff::civil::Date,
) -> Result<Said, LinkFault> {
    let mut said = Said::default();
    for (number, days) in (2..).zip(DAYS) {
        let Ok(from) = today.checked_sub(jiff::Span::new().days(days)) else { break };
        let dates = format!("{}-{}", from.strftime("%Y%m%d"), today.strftime("%Y%m%d"));
        let set = tags.iter().fold(DataSet::new(), |set, tag| match vr(*tag) {
            Some(vr) => set.with(*tag, &vr.to_bytes(), ""),
            None => set,
        });
        let set = set.with(Tag(0x0008, 0x0052), b"CS", "STUDY").with(Tag(0x0008, 0x0020), b"DA", dates).with(
            Tag(0x0020, 0x000d),
            b"UI",
            "",
        );
        let encoding = encoding_of(&context.syntax);
        let asked = Command::find_rq(number, &context.class);
        let mut answer = link.call(context.id, &asked, Some(&set.encode(encoding))).await?;
        while answer.command.status.is_some_and(|status| status.kind() == StatusKind::Pending) {
            if let Some(flat) = answer.data.as_deref().and_then(|data| Flat::read(data, encoding).ok()) {
                said.studies += 1;
                said.present.extend(tags.iter().filter(|tag| flat.get(**tag).is_some()));
                let says = |tag: &&Tag| flat.get(**tag).is_some_and(|value| !value.trim_ascii().is_empty());
                said.valued.extend(tags.iter().filter(says));
            }
            if said.studies >= ANSWERS || said.valued.len() == tags.len() {
                return Ok(said);
            }
            answer = link.receive().await?;
        }
        if said.studies > 0 {
            break;
        }
    }
    Ok(said)
}

/// The classes that studies can be asked for by; Study Root first.
pub const CLASSES: [&str; 2] = [sop_class::STUDY_ROOT_FIND, sop_class::PATIENT_ROOT_FIND];
