//! What a rule's `where` compares an attribute with: a key as in queries, days counted from today, or a value from
//! outside in braces.

use crate::dicom::matching::{Extended, Key, KeyFault};
use dicom_core::VR;
use std::fmt;
use std::sync::Arc;

/// The longest value, in bytes.
pub const MAX_VALUE: usize = 512;
/// Days are counted this far from today.
pub const MAX_DAYS: i32 = 73_000;

/// One attribute of a `where`, and what it must be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// Which attribute.
    pub attribute: super::attribute::Attribute,
    /// Any of these; never empty.
    pub any: Vec<Value>,
}

/// What an attribute is compared with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Value {
    /// A key as in a query (PS3.4 C.2.2.2), wild cards and ranges included.
    Key(String),
    /// A key with values from outside in it, which are compared literally.
    Template(Vec<Piece>),
    /// Days from the one to the other, both included.
    Days {
        /// The first; `None`: since ever.
        from: Option<Day>,
        /// The last; `None`: for ever.
        until: Option<Day>,
    },
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Piece {
    /// The administrator's own words, wild cards included.
    Text(String),
    /// What stands between braces.
    Given(Given),
}

/// A value from outside.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Given {
    /// `{user.name}`, `{user.x}`, `{claim.x}`: of the person; what stands between the braces.
    Person(Arc<str>),
    /// `{peer.ae_title}`: the title that the device calls with.
    AeTitle,
}

/// A day of local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Day {
    /// That day.
    On(jiff::civil::Date),
    /// So many days from today.
    FromToday(i32),
}

/// Why a value cannot be compared with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueFault {
    /// Longer than [`MAX_VALUE`], or with characters that no value has.
    #[error("`{0}` must be 1 to {MAX_VALUE} characters without control characters and backslashes")]
    Text(String),
    /// It fits everything.
    #[error("`{0}` fits every value: it narrows nothing")]
    Universal(String),
    /// The attribute cannot have it.
    #[error("`{text}` cannot be compared with a value of representation {vr}: {fault}")]
    Key {
        /// What was written.
        text: String,
        /// The attribute's representation.
        vr: &'static str,
        /// What the matching says.
        fault: KeyFault,
    },
    /// Braces that do not hold a name.
    #[error("`{0}` is no value from outside")]
    Given(String),
    /// A brace without its other half.
    #[error("`{0}` has a brace without its other half")]
    Brace(String),
    /// Not a day, or days that end before they begin.
    #[error("`{0}` is no span of days")]
    Days(String),
}

impl ValueFault {
    /// What to write instead.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Text(_) => "several values are a list: [\"A\", \"B\"]",
            Self::Universal(_) => "take it out, or write \"?*\" for any value that is there",
            Self::Key { fault: KeyFault::Temporal, .. } => {
                "write a range such as \"20240101-20241231\", or days such as \">=-90d\" or \">=2024-01-01 <=+7d\""
            }
            Self::Key { .. } => "write a value as a query would",
            Self::Given(_) => "write {user.name}, {user.ATTRIBUTE}, {claim.PATH} or {peer.ae_title}",
            Self::Brace(_) => "a value from outside stands in braces: \"{user.physician}\"",
            Self::Days(_) => "write \">=-90d\", \"<=+7d\", \">=2024-01-01\", or both ends: \">=-90d <=+7d\"",
        }
    }
}

impl Value {
    /// Reads what an attribute of this representation is to be compared with.
    pub fn parse(vr: VR, text: &str) -> Result<Self, ValueFault> {
        if text.is_empty() || text.len() > MAX_VALUE || text.contains('\\') || text.chars().any(char::is_control) {
            return Err(ValueFault::Text(text.chars().take(MAX_VALUE).collect()));
        }
        if matches!(vr, VR::DA | VR::DT) && text.trim_start().starts_with(['<', '>']) {
            return days(text).ok_or_else(|| ValueFault::Days(text.to_owned()));
        }
        if text.contains(['{', '}']) {
            return template(text).map(Self::Template);
        }
        let key = match (vr, text.trim().parse::<jiff::civil::Date>()) {
            (VR::DA | VR::DT, Ok(date)) if text.contains('-') && text.trim().len() == 10 => written(date),
            _ => text.to_owned(),
        };
        let made = Key::new(vr, &key, Extended::default());
        let made = made.map_err(|fault| ValueFault::Key { text: text.to_owned(), vr: vr.to_string(), fault })?;
        if made.is_universal() {
            return Err(ValueFault::Universal(text.to_owned()));
        }
        Ok(Self::Key(key))
    }

    /// The values from outside that it needs.
    pub fn givens(&self) -> impl Iterator<Item = &Given> {
        let pieces = match self {
            Self::Template(pieces) => pieces.as_slice(),
            Self::Key(_) | Self::Days { .. } => &[],
        };
        pieces.iter().filter_map(|piece| match piece {
            Piece::Given(given) => Some(given),
            Piece::Text(_) => None,
        })
    }
}

impl Day {
    /// Which day that is, as of today; `None` beyond the calendar.
    pub fn on(self, today: jiff::civil::Date) -> Option<jiff::civil::Date> {
        match self {
            Self::On(date) => Some(date),
            Self::FromToday(days) => today.checked_add(jiff::Span::new().try_days(days).ok()?).ok(),
        }
    }
}

/// A day as values of representation DA have it.
pub fn written(date: jiff::civil::Date) -> String {
    format!("{:04}{:02}{:02}", date.year(), date.month(), date.day())
}

/// `>=-90d`, `<=+7d`, `>=2024-01-01 <=2024-12-31`.
fn days(text: &str) -> Option<Value> {
    let bare: String = text.split_whitespace().collect();
    let (mut from, mut until) = (None, None);
    let mut rest = bare.as_str();
    while !rest.is_empty() {
        let first = rest.strip_prefix(">=");
        let behind = first.or_else(|| rest.strip_prefix("<="))?;
        let end = behind.find(['<', '>']).unwrap_or(behind.len());
        let (word, next) = behind.split_at_checked(end)?;
        let end = if first.is_some() { &mut from } else { &mut until };
        if end.replace(day(word)?).is_some() {
            return None;
        }
        rest = next;
    }
    let sound = match (from, until) {
        (None, None) => false,
        (Some(Day::On(from)), Some(Day::On(until))) => from <= until,
        (Some(Day::FromToday(from)), Some(Day::FromToday(until))) => from <= until,
        _ => true,
    };
    sound.then_some(Value::Days { from, until })
}

/// `-90d`, `+7d`, `2024-01-01`, `20240101`.
fn day(word: &str) -> Option<Day> {
    if let Some(count) = word.strip_suffix('d') {
        if !word.starts_with(['+', '-']) || !count.bytes().skip(1).all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let days: i32 = count.parse().ok()?;
        return (-MAX_DAYS..=MAX_DAYS).contains(&days).then_some(Day::FromToday(days));
    }
    let date = word.parse::<jiff::civil::Date>().ok()?;
    (date.year() > 0).then_some(Day::On(date))
}

/// Text and braces in turn.
fn template(text: &str) -> Result<Vec<Piece>, ValueFault> {
    let lone = || ValueFault::Brace(text.to_owned());
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('{') {
        let (name, next) = behind.split_once('}').ok_or_else(lone)?;
        if before.contains('}') || name.contains('{') {
            return Err(lone());
        }
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        }
        pieces.push(Piece::Given(given(name).ok_or_else(|| ValueFault::Given(format!("{{{name}}}")))?));
        rest = next;
    }
    if rest.contains('}') {
        return Err(lone());
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    Ok(pieces)
}

fn given(name: &str) -> Option<Given> {
    let attribute = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let plain = |c: char| !c.is_whitespace() && !matches!(c, '{' | '}' | '*' | '?' | '"');
    match name.split_once('.') {
        Some(("peer", "ae_title")) => Some(Given::AeTitle),
        Some(("user", word)) if (1..=64).contains(&word.len()) && word.chars().all(attribute) => {
            Some(Given::Person(name.into()))
        }
        Some(("claim", path)) if path.split('.').all(|step| !step.is_empty()) && path.chars().all(plain) => {
            Some(Given::Person(name.into()))
        }
        _ => None,
    }
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(name) => write!(f, "{{{name}}}"),
            Self::AeTitle => f.write_str("{peer.ae_title}"),
        }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::On(date) => date.fmt(f),
            Self::FromToday(days) => write!(f, "{days:+}d"),
        }
    }
}

/// As the file writes it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(text) => f.write_str(text),
            Self::Template(pieces) => pieces.iter().try_for_each(|piece| match piece {
                Piece::Text(text) => f.write_str(text),
                Piece::Given(given) => given.fmt(f),
            }),
            Self::Days { from: Some(from), until: Some(until) } => write!(f, ">={from} <={until}"),
            Self::Days { from: Some(from), until: None } => write!(f, ">={from}"),
            Self::Days { until: Some(until), .. } => write!(f, "<={until}"),
            Self::Days { .. } => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
