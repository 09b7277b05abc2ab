//! Values from outside: taken from who asks, and compared literally.

use super::fits::Compared;
use crate::dicom::matching::{Extended, Key};
use crate::policy::request::{Moment, Principal};
use crate::policy::value::{Day, Given, Piece, Value, written};
use dicom_core::VR;
use std::borrow::Cow;

/// The most keys that one value of a rule may become, by attributes of a person with several values.
const MOST_KEYS: usize = 256;

/// Who asks, and when.
#[derive(Debug, Clone, Copy)]
pub(in crate::policy) struct Givens<'a> {
    pub principal: Option<&'a Principal>,
    pub at: Moment,
}

/// The value that is absent, or cannot be compared literally; as the file writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::policy) struct Lacking(pub String);

impl Givens<'_> {
    /// The keys that a value of a rule becomes for an attribute of this representation.
    pub(super) fn keys(&self, vr: VR, value: &Value) -> Result<Vec<Compared>, Lacking> {
        let lacking = || Lacking(value.to_string());
        let texts = match value {
            Value::Key(text) => vec![text.clone()],
            Value::Days { from, until } => vec![self.days(*from, *until).ok_or_else(lacking)?],
            Value::Template(pieces) => self.texts(vr, pieces)?,
        };
        texts
            .into_iter()
            .map(|text| match Key::new(vr, &text, Extended::default()) {
                Ok(key) if !key.is_universal() => Ok(Compared { key, text }),
                _ => Err(lacking()),
            })
            .collect()
    }

    fn days(&self, from: Option<Day>, until: Option<Day>) -> Option<String> {
        let today = self.at.date();
        let day = |day: Option<Day>| match day {
            Some(day) => day.on(today).filter(|date| date.year() > 0).map(written),
            None => Some(String::new()),
        };
        Some(format!("{}-{}", day(from)?, day(until)?))
    }

    /// Every way to fill a template in.
    fn texts(&self, vr: VR, pieces: &[Piece]) -> Result<Vec<String>, Lacking> {
        let mut texts = vec![String::new()];
        for piece in pieces {
            match piece {
                Piece::Text(own) => texts.iter_mut().for_each(|text| text.push_str(own)),
                Piece::Given(given) => {
                    let lacking = || Lacking(given.to_string());
                    let values = self.values(given);
                    if values.is_empty() || values.len().saturating_mul(texts.len()) > MOST_KEYS {
                        return Err(lacking());
                    }
                    let mut filled = Vec::with_capacity(values.len() * texts.len());
                    for value in values.iter() {
                        let value = literal(vr, value).ok_or_else(lacking)?;
                        filled.extend(texts.iter().map(|text| format!("{text}{value}")));
                    }
                    texts = filled;
                }
            }
        }
        Ok(texts)
    }

    fn values(&self, given: &Given) -> Cow<'_, [String]> {
        match given {
            Given::AeTitle => {
                Cow::Owned(self.principal.map(|principal| principal.calling.to_string()).into_iter().collect())
            }
            Given::Person(name) => {
                let user = self.principal.and_then(|principal| principal.user.as_deref());
                Cow::Borrowed(user.map_or(&[], |user| user.values(name)))
            }
        }
    }
}

/// A value that can be put into a key without meaning anything but itself; `None` for any other.
///
/// Wild cards, backslashes and control characters mean something in every key; `^` and `=` are delimiters of names
/// alone; a hyphen makes a range of a date or time.
fn literal(vr: VR, value: &str) -> Option<&str> {
    let value = value.trim_matches([' ', '\0']);
    let odd = |c: char| match c {
        '*' | '?' | '\\' => true,
        '^' | '=' => vr != VR::PN,
        '-' => matches!(vr, VR::DA | VR::TM | VR::DT),
        c => c.is_control(),
    };
    // A name of delimiters alone is nobody's.
    let blank = value.chars().all(|c| c.is_whitespace() || (vr == VR::PN && matches!(c, '^' | '=')));
    (!blank && !value.chars().any(odd)).then_some(value)
}
