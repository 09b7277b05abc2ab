//! One key of a query, by the value representation of its attribute.

use super::name::NamePattern;
use super::temporal::{Range, Temporal};
use super::wildcard::Pattern;
use dicom_core::VR;
use std::collections::BTreeSet;

/// The longest key of one attribute, in characters (lists of UIDs aside).
pub const MAX_KEY: usize = 4096;
/// The most UIDs in a list.
pub const MAX_UIDS: usize = 65_536;
/// The most values in a key that is no list of UIDs.
pub const MAX_VALUES: usize = 64;

/// Ways of matching that hold only where both sides negotiated them (PS3.4 C.5.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extended {
    /// A pair of date and time ranges means one range of instants (C.2.2.2.5.4).
    pub combined_datetime: bool,
    /// A key of two quotation marks asks for empty values (C.2.2.2.7).
    pub empty_value: bool,
    /// Minutes from UTC that date-times without an offset of their own are in, of key and value alike.
    pub offset: i16,
}

/// What a key asks of its attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// C.2.2.2.3: everything, absent values included.
    Universal,
    /// C.2.2.2.7.
    Empty,
    /// C.2.2.2.2: any of these.
    Uids(BTreeSet<String>),
    /// C.2.2.2.1 and C.2.2.2.4, each of these in some value (C.2.2.2.8).
    Text { patterns: Vec<Pattern>, padding: Padding },
    /// As text, for one value that may hold backslashes.
    Whole(Pattern),
    /// As text, compared as numbers.
    Numbers(Vec<Number>),
    /// As text, compared as names.
    Names(Vec<NamePattern>),
    /// C.2.2.2.5.
    Temporal { range: Range, kind: Temporal, offset: i16 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Padding {
    Both,
    Trailing,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Number {
    Whole(i128),
    Decimal(f64),
}

impl Eq for Number {}

/// Why a key cannot be matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// Longer than [`MAX_KEY`], or more values than [`MAX_UIDS`] or [`MAX_VALUES`].
    #[error("the key is too long")]
    TooLong,
    /// No date, time, date-time, or range of one.
    #[error("the key is not a date, time or range")]
    Temporal,
    /// No number.
    #[error("the key is not a number")]
    Number,
    /// An attribute that holds bytes or items, of which no text key can say anything.
    #[error("attributes of this kind cannot be matched by a value")]
    Kind,
    /// Sequences deeper than [`super::identifier::MAX_DEPTH`], or more keys than [`super::identifier::MAX_KEYS`].
    #[error("the identifier nests too deeply or has too many keys")]
    Nested,
}

impl Key {
    /// Reads a key. Empty (after padding), or stars alone, is universal for every kind.
    pub fn new(vr: VR, text: &str, extended: Extended) -> Result<Self, KeyFault> {
        if vr == VR::UI {
            return uids(text);
        }
        if text.len() > MAX_KEY {
            return Err(KeyFault::TooLong);
        }
        let bare = text.trim_matches([' ', '\0']);
        if bare.chars().all(|c| c == '*') {
            return Ok(Self(Kind::Universal));
        }
        if extended.empty_value && bare == "\"\"" {
            return Ok(Self(Kind::Empty));
        }
        if bare.matches('\\').count() >= MAX_VALUES {
            return Err(KeyFault::TooLong);
        }
        let values = || bare.split('\\').map(|value| value.trim_matches(' ')).filter(|value| !value.is_empty());
        let temporal = |kind: Temporal| {
            let range = kind.range(bare, extended.offset).ok_or(KeyFault::Temporal)?;
            Ok(Kind::Temporal { range, kind, offset: extended.offset })
        };
        let kind = match vr {
            VR::AE | VR::CS | VR::LO | VR::SH => {
                Kind::Text { patterns: values().map(Pattern::wild).collect(), padding: Padding::Both }
            }
            // These may hold a question mark or star of their own, and no wild card is defined for them.
            VR::AS | VR::AT => {
                Kind::Text { patterns: values().map(Pattern::literal).collect(), padding: Padding::Both }
            }
            VR::UC => Kind::Text {
                patterns: trailing(text).split('\\').map(trailing).map(Pattern::wild).collect(),
                padding: Padding::Trailing,
            },
            VR::LT | VR::ST | VR::UR | VR::UT => Kind::Whole(Pattern::wild(trailing(text))),
            VR::PN => Kind::Names(values().map(NamePattern::new).collect()),
            VR::IS | VR::DS | VR::US | VR::SS | VR::UL | VR::SL | VR::UV | VR::SV | VR::FL | VR::FD => {
                Kind::Numbers(values().map(Number::new).collect::<Option<_>>().ok_or(KeyFault::Number)?)
            }
            VR::DA => temporal(Temporal::Date)?,
            VR::TM => temporal(Temporal::Time)?,
            VR::DT => temporal(Temporal::DateTime)?,
            _ => return Err(KeyFault::Kind),
        };
        Ok(Self(kind))
    }

    /// Whether the key asks nothing: it only wants the attribute returned.
    pub fn is_universal(&self) -> bool {
        match &self.0 {
            Kind::Universal => true,
            Kind::Names(names) => names.iter().all(NamePattern::is_universal),
            _ => false,
        }
    }

    /// Whether a stored value fits; `stored` is the whole value, its backslashes included, or `""` where there is none.
    pub fn matches(&self, stored: &str) -> bool {
        let bare = stored.trim_matches([' ', '\0']);
        match &self.0 {
            Kind::Universal => true,
            Kind::Empty => bare.is_empty(),
            _ if bare.is_empty() => false,
            Kind::Uids(wanted) => bare.split('\\').any(|uid| wanted.contains(uid.trim_matches([' ', '\0']))),
            Kind::Text { patterns, padding } => patterns.iter().all(|pattern| {
                stored.split('\\').any(|value| match padding {
                    Padding::Both => pattern.matches(value.trim_matches([' ', '\0'])),
                    Padding::Trailing => pattern.matches(trailing(value)),
                })
            }),
            Kind::Whole(pattern) => pattern.matches(trailing(stored)),
            Kind::Names(names) => names.iter().all(|name| bare.split('\\').any(|value| name.matches(value))),
            Kind::Numbers(numbers) => {
                numbers.iter().all(|number| bare.split('\\').filter_map(Number::new).any(|value| value == *number))
            }
            Kind::Temporal { range, kind, offset } => {
                bare.split('\\').filter_map(|value| kind.value(value, *offset)).any(|value| range.contains(value))
            }
        }
    }

    /// The range of a date or time key, for combined matching.
    pub(super) fn range(&self) -> Option<Range> {
        match &self.0 {
            Kind::Temporal { range, .. } => Some(*range),
            _ => None,
        }
    }
}

impl Number {
    fn new(text: &str) -> Option<Self> {
        let text = text.trim_matches([' ', '\0']);
        // Rust's parser also reads "inf" and "nan", which are no DICOM numbers.
        if text.is_empty() || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) {
            return None;
        }
        if let Ok(whole) = text.parse::<i128>() {
            return Some(Self::Whole(whole));
        }
        let value: f64 = text.parse().ok()?;
        // "1.50" and "1.5" are one number, and so are "2.0" and "2".
        if value.fract() == 0.0 && value.abs() < 9.0e15 {
            return format!("{value:.0}").parse().ok().map(Self::Whole);
        }
        Some(Self::Decimal(value))
    }
}

fn trailing(text: &str) -> &str {
    text.trim_end_matches([' ', '\0'])
}

fn uids(text: &str) -> Result<Key, KeyFault> {
    if text.len() > MAX_UIDS.saturating_mul(65) {
        return Err(KeyFault::TooLong);
    }
    let list: BTreeSet<String> = text
        .split('\\')
        .map(|uid| uid.trim_matches([' ', '\0']))
        .filter(|uid| !uid.is_empty())
        .map(str::to_owned)
        .collect();
    match list.len() {
        0 => Ok(Key(Kind::Universal)),
        // Some workstations send a star for "any"; no UID has one.
        1 if list.iter().all(|uid| uid.bytes().all(|byte| byte == b'*')) => Ok(Key(Kind::Universal)),
        count if count > MAX_UIDS => Err(KeyFault::TooLong),
        _ => Ok(Key(Kind::Uids(list))),
    }
}
