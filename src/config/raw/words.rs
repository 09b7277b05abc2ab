//! Single values of both files: text, names, numbers, sizes, times, dates, choices.

use super::Read;
use super::table::{source, wrong_type};
use crate::config::fault::{Report, nearest};
use crate::config::settings::{
    ArchiveTls, Calling, Correlate, CrlCheck, CrlExpired, DatabaseUrl, ListenerTls, Serves, Sync,
};
use crate::config::units::{Count, Size, Span};
use crate::dicom::AeTitle;
use crate::dicom::dimse::Operation;
use crate::policy::model::{CommitReport, Effect, Expectation};
use schemars::{Schema, SchemaGenerator, json_schema};
use std::path::PathBuf;
use toml::Spanned;
use toml::de::DeValue;

/// The longest text that a key may hold, in characters.
const TEXT: usize = 512;

/// Takes text, or reports that there is none.
pub(super) fn text<'v>(
    key: &str,
    wanted: &str,
    value: &'v Spanned<DeValue<'_>>,
    report: &mut Report<'_>,
) -> Option<&'v str> {
    let Some(text) = value.get_ref().as_str() else {
        let fault = wrong_type(key, wanted, value, report);
        if value.get_ref().is_integer() || value.get_ref().is_float() {
            fault.hint("text stands in quotes");
        }
        return None;
    };
    if text.is_empty() || text.chars().count() > TEXT || text.chars().any(char::is_control) || text.trim() != text {
        let message = format!("`{key}` must be 1 to {TEXT} characters without control characters or outer spaces");
        report.error(value.span(), message);
        return None;
    }
    Some(text)
}

/// Reports text that is not one of the known words.
pub(super) fn choice<T: Copy>(
    key: &str,
    choices: &[(&str, T)],
    later: &[(&str, &str)],
    value: &Spanned<DeValue<'_>>,
    report: &mut Report<'_>,
) -> Option<T> {
    let words = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
    let text = text(key, &format!("one of {words}"), value, report)?;
    if let Some((_, chosen)) = choices.iter().find(|(word, _)| *word == text) {
        return Some(*chosen);
    }
    if let Some((_, words)) = later.iter().find(|(word, _)| *word == text) {
        let (what, meanwhile) = words.split_once(" | ").unwrap_or((words, "leave it out"));
        report.error(value.span(), format!("not yet: `{text}` {what}")).hint(meanwhile);
        return None;
    }
    let hint = match nearest(text, choices.iter().map(|(word, _)| *word)) {
        Some(meant) => format!("did you mean \"{meant}\"?"),
        None => format!("write one of {words}"),
    };
    report.error(value.span(), format!("`{text}` is not a value of `{key}`")).hint(hint);
    None
}

macro_rules! choices {
    ($($Type:ty { $($word:literal => $value:expr,)+ } $(later { $($later:literal => $words:literal,)+ })?;)+) => {
        $(impl $crate::config::raw::Read for $Type {
            fn read(
                key: &str,
                value: &toml::Spanned<toml::de::DeValue<'_>>,
                report: &mut $crate::config::fault::Report<'_>,
            ) -> Option<Self> {
                $crate::config::raw::words::choice(key, &[$(($word, $value),)+], &[$($(($later, $words),)+)?], value, report)
            }
            fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "enum": [$($word),+] })
            }
        })+
    };
}

pub(super) use choices;

/// `tls` of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerTlsWord {
    /// The device cannot do TLS.
    Off,
    /// It can: the default.
    On,
}

/// `effect` of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EffectWord(pub Effect);

/// `expect` of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpectWord(pub Expectation);

/// A day of the week, Monday is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weekday(pub u8);

choices! {
    CrlCheck { "leaf" => CrlCheck::Leaf, "chain" => CrlCheck::Chain, };
    CrlExpired { "warn" => CrlExpired::Warn, "refuse" => CrlExpired::Refuse, };
    ListenerTls { "mutual" => ListenerTls::Mutual, "server" => ListenerTls::Server, "off" => ListenerTls::Off, };
    Serves { "peers" => Serves::Peers, "archive" => Serves::Archive, };
    Correlate {
        "originator" => Correlate::Originator, "destination" => Correlate::Destination, "serial" => Correlate::Serial,
    };
    CommitReport { "same" => CommitReport::Same, "new" => CommitReport::New, "either" => CommitReport::Either, };
    ArchiveTls { "off" => ArchiveTls::Off, "mutual" => ArchiveTls::Mutual, };
    Sync { "group" => Sync::Group, "each" => Sync::Each, };
    PeerTlsWord { "off" => PeerTlsWord::Off, "on" => PeerTlsWord::On, };
    EffectWord { "permit" => EffectWord(Effect::Permit), "deny" => EffectWord(Effect::Deny), };
    ExpectWord { "permit" => ExpectWord(Expectation::Permit), "deny" => ExpectWord(Expectation::Deny), };
    Weekday {
        "mon" => Weekday(0), "tue" => Weekday(1), "wed" => Weekday(2), "thu" => Weekday(3),
        "fri" => Weekday(4), "sat" => Weekday(5), "sun" => Weekday(6),
    };
}

impl Read for Operation {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let all: Vec<(&str, Self)> = Self::ALL.iter().map(|operation| (operation.as_str(), *operation)).collect();
        choice(key, &all, &[], value, report)
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        let words: Vec<&str> = Self::ALL.iter().map(|operation| operation.as_str()).collect();
        json_schema!({ "enum": words })
    }
}

impl Read for String {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        text(key, "text", value, report).map(str::to_owned)
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": TEXT })
    }
}

impl Read for bool {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let truth = value.get_ref().as_bool();
        if truth.is_none() {
            wrong_type(key, "true or false", value, report).hint("write true or false, no quotes");
        }
        truth
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "boolean" })
    }
}

/// Says only that the text is wrong, never what it is: it may hold a password.
impl Read for DatabaseUrl {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        text(key, "text such as \"postgres://gate@db.hospital.example/dicomgate\"", value, report)
            .map(|url| Self::new(url.to_owned()))
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^postgres(ql)?://" })
    }
}

impl Read for PathBuf {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        text(key, "a path", value, report).map(Self::from)
    }
    fn schema(generator: &mut SchemaGenerator) -> Schema {
        String::schema(generator)
    }
}

/// Name of a gateway or listener: it becomes a metric label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(pub String);

impl Read for Name {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let name = text(key, "text", value, report)?;
        let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.len() > 32 || !name.chars().all(sound) {
            let hint: String = name.chars().map(|c| if sound(c) { c } else { '-' }).take(32).collect();
            report
                .error(value.span(), format!("`{key}` must be 1 to 32 letters, digits, `-`, `_` or `.`"))
                .hint(format!("write \"{hint}\""));
            return None;
        }
        Some(Self(name.to_owned()))
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9._-]{1,32}$" })
    }
}

/// Name of a peer, group, rule or test, as people read it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word(pub String);

impl Read for Word {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let word = text(key, "text", value, report)?;
        if word.chars().count() > 128 {
            report.error(value.span(), format!("`{key}` must have at most 128 characters"));
            return None;
        }
        Some(Self(word.to_owned()))
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": 128 })
    }
}

/// A value of Modality (0008,0060): VR CS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModalityWord(pub String);

impl Read for ModalityWord {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let word = text(key, "text such as \"CT\"", value, report)?;
        let sound = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || matches!(c, '_' | ' ');
        if word.len() > 16 || !word.chars().all(sound) {
            let fault = report.error(value.span(), format!("`{word}` is not a modality (0008,0060)"));
            let upper = word.to_uppercase();
            if upper.len() <= 16 && upper.chars().all(sound) {
                fault.hint(format!("write \"{upper}\""));
            } else {
                fault.hint("write at most 16 capital letters, digits, spaces or underscores, such as \"CT\"");
            }
            return None;
        }
        Some(Self(word.to_owned()))
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Z0-9_ ]{1,16}$" })
    }
}

impl Read for AeTitle {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let title = text(key, "text", value, report)?;
        match Self::new(title) {
            Ok(title) => Some(title),
            Err(fault) => {
                report.error(value.span(), format!("`{title}` is not an AE title: {fault}"));
                None
            }
        }
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": 16 })
    }
}

/// `calling` of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallingWord(pub Calling);

impl Read for CallingWord {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        if value.get_ref().as_str() == Some("peer") {
            return Some(Self(Calling::Peer));
        }
        AeTitle::read(key, value, report).map(|title| Self(Calling::Title(title)))
    }
    fn schema(generator: &mut SchemaGenerator) -> Schema {
        AeTitle::schema(generator)
    }
}

fn integer(value: &Spanned<DeValue<'_>>) -> Option<u64> {
    let integer = value.get_ref().as_integer()?;
    u64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

impl Read for Count {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        if let Some(count) = integer(value) {
            return Some(Self(count));
        }
        match value.get_ref().as_str().and_then(Self::parse) {
            Some(Self(count)) => wrong_type(key, "a number", value, report).hint(format!("write {count}, no quotes")),
            None if value.get_ref().is_integer() => {
                let found = source(value, report);
                report.error(value.span(), format!("`{found}` is not a possible `{key}`"))
            }
            None => wrong_type(key, "a whole number", value, report),
        };
        None
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 0 })
    }
}

impl Read for Size {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        if let Some(bytes) = integer(value) {
            return Some(Self(bytes));
        }
        let text = text(key, "a size such as \"64KiB\"", value, report)?;
        let size = Self::parse(text);
        if size.is_none() {
            let hint = match Self::meant(text) {
                Some(meant) => format!("write \"{meant}\""),
                None => "write a whole number and B, KiB, MiB or GiB: \"64KiB\"".to_owned(),
            };
            report.error(value.span(), format!("`{text}` is not a size")).hint(hint);
        }
        size
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer"], "minimum": 0, "pattern": "^[0-9]+ *(B|KiB|MiB|GiB)$" })
    }
}

impl Read for Span {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        if let Some(number) = integer(value) {
            wrong_type(key, "a time with its unit", value, report).hint(format!("write \"{number}s\""));
            return None;
        }
        let text = text(key, "a time such as \"10s\"", value, report)?;
        let span = Self::parse(text);
        if span.is_none() {
            let hint = match Self::meant(text) {
                Some(meant) => format!("write \"{meant}\""),
                None => "write a whole number and ms, s, m, h or d: \"10s\"".to_owned(),
            };
            report.error(value.span(), format!("`{text}` is not a length of time")).hint(hint);
        }
        span
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]+ *(ms|s|m|h|d)$" })
    }
}

/// A day, or a moment with its offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Date {
    /// The start of that local day.
    Day(jiff::civil::Date),
    /// A local date and time.
    Local(jiff::civil::DateTime),
    /// That moment.
    Moment(jiff::Timestamp),
}

impl Read for Date {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let Some(date) = value.get_ref().as_datetime() else {
            wrong_type(key, "a date", value, report).hint("write a date without quotes: 2026-12-24");
            return None;
        };
        let words = date.to_string();
        let date = match (date.date, date.time, date.offset) {
            (Some(_), None, _) => words.parse().ok().map(Self::Day),
            (Some(_), Some(_), None) => words.parse().ok().map(Self::Local),
            (Some(_), Some(_), Some(_)) => words.parse().ok().map(Self::Moment),
            (None, ..) => None,
        };
        if date.is_none() {
            report
                .error(value.span(), format!("`{words}` is not a date"))
                .hint("write a date: 2026-12-24, or 2026-12-24T18:00:00");
        }
        date
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date" })
    }
}

/// A local date and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At(pub jiff::civil::DateTime);

impl Read for At {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        match value.get_ref().as_datetime() {
            Some(_) => match Date::read(key, value, report)? {
                Date::Local(at) => Some(Self(at)),
                Date::Day(_) | Date::Moment(_) => {
                    report
                        .error(value.span(), format!("`{key}` must be a local date and time"))
                        .hint("write date and time without offset: 2026-12-24T18:00:00");
                    None
                }
            },
            None => {
                wrong_type(key, "a date and time", value, report).hint("write without quotes: 2026-12-24T18:00:00");
                None
            }
        }
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}
