//! The words of rules that narrow: attributes, values, levels, budgets, statuses.

use super::table::wrong_type;
use super::words::{choice, text};
use super::{List, Read};
use crate::config::fault::Report;
use crate::config::units::Span;
use crate::dicom::Tag;
use crate::dicom::dataset::Level;
use crate::policy::attribute::{self, Attribute, AttributeFault};
use crate::policy::model::{Blown, Budget, Unit};
use crate::policy::value::{Value, Wanted};
use schemars::{Schema, SchemaGenerator, json_schema};
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// `where` and `where_patient`: attributes, each with a value or a list of values.
#[derive(Debug, Clone, Default)]
pub struct WhereTable(pub Vec<Wanted>);

impl Read for WhereTable {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let Some(table) = value.get_ref().as_table() else {
            wrong_type(key, "a table", value, report)
                .hint(format!("write {key} = {{ ReferringPhysicianName = \"{{user.physician}}\" }}"));
            return None;
        };
        let mut all = Vec::new();
        let sound = attributes("", table, &mut all, report);
        if all.is_empty() && sound {
            report.error(value.span(), format!("`{key}` names no attribute: it narrows nothing")).hint("take it out");
            return None;
        }
        // A condition that was not understood must not be missing from the rule.
        sound.then_some(Self(all))
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        let text = json_schema!({ "type": "string", "minLength": 1 });
        let list = json_schema!({ "type": "array", "items": text, "minItems": 1 });
        json_schema!({
            "type": "object",
            "additionalProperties": { "anyOf": [text, list, { "type": "object" }] }
        })
    }
}

/// Reads every attribute of a table, and of the tables that unquoted points make of paths.
fn attributes(above: &str, table: &DeTable<'_>, all: &mut Vec<Wanted>, report: &mut Report<'_>) -> bool {
    let mut sound = true;
    for (name, value) in table {
        let path = match above {
            "" => name.get_ref().to_string(),
            _ => format!("{above}.{}", name.get_ref()),
        };
        if let DeValue::Table(below) = value.get_ref() {
            // As deep as paths may be; deeper ones are refused at their end.
            sound &= path.split('.').count() <= attribute::MAX_PATH && attributes(&path, below, all, report);
            continue;
        }
        match Attribute::parse(&path) {
            Ok(attribute) => match values(&attribute, value, report) {
                Some(any) => all.push(Wanted { attribute, any }),
                None => sound = false,
            },
            Err(fault) => {
                unknown(&fault, name.span(), report);
                sound = false;
            }
        }
    }
    sound
}

fn values(attribute: &Attribute, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Vec<Value>> {
    let items: Vec<&Spanned<DeValue<'_>>> = match value.get_ref() {
        DeValue::Array(list) => list.iter().collect(),
        _ => vec![value],
    };
    if items.is_empty() {
        report
            .error(value.span(), format!("`{attribute}` has no value: nothing would ever be shown"))
            .hint("write one or more values");
        return None;
    }
    let mut values = Vec::with_capacity(items.len());
    let mut sound = true;
    for item in items {
        let Some(text) = text(&attribute.written, "text or a list of texts", item, report) else {
            sound = false;
            continue;
        };
        match Value::parse(attribute.vr, text) {
            Ok(value) => values.push(value),
            Err(fault) => {
                report.error(item.span(), fault.to_string()).hint(fault.advice());
                sound = false;
            }
        }
    }
    sound.then_some(values)
}

fn unknown(fault: &AttributeFault, at: std::ops::Range<usize>, report: &mut Report<'_>) {
    report.error(at, fault.to_string()).hint(fault.advice());
}

/// An attribute, by keyword or tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttributeWord(pub Tag);

impl Read for AttributeWord {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let word = text(key, "text such as \"PatientBirthDate\"", value, report)?;
        match attribute::tag(word) {
            Ok(tag) => Some(Self(tag)),
            Err(fault) if word.contains('.') => {
                let hint = match word.rsplit_once('.').map(|(_, last)| attribute::tag(last)) {
                    Some(Ok(tag)) => format!("write \"{}\": it counts at any depth", attribute::keyword(tag)),
                    _ => fault.advice(),
                };
                report.error(value.span(), format!("`{word}` is a path, and `{key}` takes attributes")).hint(hint);
                None
            }
            Err(fault) => {
                unknown(&fault, value.span(), report);
                None
            }
        }
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1 })
    }
}

/// A level of a query or retrieve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LevelWord(pub Level);

const LEVELS: [(&str, LevelWord); 4] = [
    ("PATIENT", LevelWord(Level::Patient)),
    ("STUDY", LevelWord(Level::Study)),
    ("SERIES", LevelWord(Level::Series)),
    ("IMAGE", LevelWord(Level::Image)),
];

impl Read for LevelWord {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        choice(key, &LEVELS, &[], value, report)
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": LEVELS.map(|(word, _)| word) })
    }
}

/// `limit_status`: four hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusWord(pub u16);

impl Read for StatusWord {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let word = text(key, "a status such as \"A700\"", value, report)?;
        let digits = word.strip_prefix("0x").unwrap_or(word);
        let digits = digits.strip_suffix('H').unwrap_or(digits);
        let sound = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let status = u16::from_str_radix(digits, 16).ok().filter(|_| sound);
        if status.is_none() {
            report.error(value.span(), format!("`{word}` is no status")).hint("write four digits: \"A700\"");
        }
        status.map(Self)
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^(0x)?[0-9A-Fa-f]{4}H?$" })
    }
}

/// `budget`; what happens when it is used up stands beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetWord(pub Budget);

/// `on_budget`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlownWord(pub Blown);

impl Read for BlownWord {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let words = [("quarantine", Self(Blown::Quarantine)), ("refuse", Self(Blown::Refuse))];
        choice(key, &words, &[], value, report)
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "enum": ["quarantine", "refuse"] })
    }
}

impl Read for BudgetWord {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let word = text(key, "text such as \"100 studies/hour\"", value, report)?;
        let budget = budget(word);
        if budget.is_none() {
            report
                .error(value.span(), format!("`{word}` is no budget"))
                .hint("write \"100 studies/hour\": studies or patients, per minute, hour, day, or such as \"/ 8h\"");
        }
        budget.map(Self)
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[0-9]+ *(study|studies|patients?) *(/|per) *(minute|hour|day|[0-9]+ *(s|m|h|d))$"
        })
    }
}

/// `100 studies/hour`, `20 patients / 8h`.
fn budget(word: &str) -> Option<Budget> {
    let (counted, window) = word.split_once('/').or_else(|| word.split_once(" per "))?;
    let counted = counted.trim();
    let end = counted.find(|c: char| !c.is_ascii_digit())?;
    let (most, unit) = counted.split_at_checked(end)?;
    let unit = match unit.trim() {
        "study" | "studies" => Unit::Studies,
        "patient" | "patients" => Unit::Patients,
        _ => return None,
    };
    let window = match window.trim() {
        "minute" => 60,
        "hour" => 3_600,
        "day" => 86_400,
        span => Span::parse(span)?.0.as_secs(),
    };
    let (most, window) = (most.parse().ok()?, u32::try_from(window).ok()?);
    (most > 0 && window > 0).then_some(Budget { most, unit, window, blown: Blown::default() })
}

/// `break_glass`: whether, and for how many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glass(pub Option<u32>);

/// How long emergency access lasts where nothing else is written: an hour.
const EMERGENCY: u32 = 3_600;

impl Read for Glass {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        match value.get_ref() {
            DeValue::Boolean(true) => Some(Self(Some(EMERGENCY))),
            DeValue::Boolean(false) => Some(Self(None)),
            DeValue::String(_) => {
                let span = Span::read(key, value, report)?;
                let seconds = u32::try_from(span.0.as_secs()).unwrap_or(u32::MAX);
                Some(Self(Some(seconds)))
            }
            _ => {
                wrong_type(key, "true or a time such as \"30m\"", value, report);
                None
            }
        }
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "boolean" }, { "type": "string", "pattern": "^[0-9]+ *(s|m|h|d)$" }] })
    }
}

/// `attributes` of a test: `{user.x}` by the name of the attribute, `{claim.x}` with `claim.` before it.
#[derive(Debug, Clone, Default)]
pub struct PersonTable(pub BTreeMap<String, Vec<String>>);

impl Read for PersonTable {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let Some(table) = value.get_ref().as_table() else {
            wrong_type(key, "a table", value, report).hint("write attributes = { physician = \"MUELLER^HANS\" }");
            return None;
        };
        let mut read = BTreeMap::new();
        people("", table, &mut read, report);
        Some(Self(read))
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        let text = json_schema!({ "type": "string", "minLength": 1 });
        json_schema!({
            "type": "object",
            "additionalProperties": { "anyOf": [text, { "type": "array", "items": text }, { "type": "object" }] }
        })
    }
}

fn people(above: &str, table: &DeTable<'_>, read: &mut BTreeMap<String, Vec<String>>, report: &mut Report<'_>) {
    for (name, value) in table {
        let path = match above {
            "" => name.get_ref().to_string(),
            _ => format!("{above}.{}", name.get_ref()),
        };
        let values = match value.get_ref() {
            DeValue::Table(below) if path.split('.').count() <= 8 => {
                people(&path, below, read, report);
                continue;
            }
            DeValue::Array(_) => List::<String>::read(&path, value, report)
                .map(|list| list.0.into_iter().map(Spanned::into_inner).collect()),
            _ => text(&path, "text or a list of texts", value, report).map(|text| vec![text.to_owned()]),
        };
        if let Some(values) = values {
            read.insert(path, values);
        }
    }
}
