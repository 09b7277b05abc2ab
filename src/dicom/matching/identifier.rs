//! A whole query: keys by attribute, sequences item by item (PS3.4 C.2.2.2.6), pairs of date and time.

use super::key::{Extended, Key, KeyFault};
use super::temporal::{Range, Temporal, instant};
use crate::dicom::Tag;
use dicom_core::VR;
use std::borrow::Cow;

/// How deep sequences of keys may nest.
pub const MAX_DEPTH: usize = 8;
/// The most keys on one level.
pub const MAX_KEYS: usize = 1024;

/// Dates that have a time beside them.
const PAIRS: [(Tag, Tag); 8] = [
    (Tag(0x0008, 0x0020), Tag(0x0008, 0x0030)), // study
    (Tag(0x0008, 0x0021), Tag(0x0008, 0x0031)), // series
    (Tag(0x0008, 0x0022), Tag(0x0008, 0x0032)), // acquisition
    (Tag(0x0008, 0x0023), Tag(0x0008, 0x0033)), // content
    (Tag(0x0008, 0x0012), Tag(0x0008, 0x0013)), // instance creation
    (Tag(0x0010, 0x0030), Tag(0x0010, 0x0032)), // birth
    (Tag(0x0040, 0x0002), Tag(0x0040, 0x0003)), // scheduled procedure step
    (Tag(0x0040, 0x0244), Tag(0x0040, 0x0245)), // performed procedure step
];

/// Something that has attributes: an object of an archive, an answer on its way, an item of either.
pub trait Attributes {
    /// The decoded value of an attribute, backslashes included; `None` where it is absent.
    fn text(&self, tag: Tag) -> Option<Cow<'_, str>>;
    /// Whether `fits` says yes to some item of a sequence; no where there is none.
    fn some_item(&self, tag: Tag, fits: &mut dyn FnMut(&dyn Attributes) -> bool) -> bool;
}

/// The keys of a query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identifier {
    keys: Vec<(Tag, Condition)>,
    extended: Extended,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Condition {
    Value(Key),
    Item(Identifier),
}

impl Identifier {
    /// A query without keys, which everything fits.
    pub fn new(extended: Extended) -> Self {
        Self { keys: Vec::new(), extended }
    }

    /// Adds a key by its decoded text. Specific Character Set and Query/Retrieve Level say how to read a query and are
    /// never matched; they are taken and ignored.
    pub fn key(&mut self, tag: Tag, vr: VR, text: &str) -> Result<(), KeyFault> {
        if matches!(tag, Tag(0x0008, 0x0005 | 0x0052)) {
            return Ok(());
        }
        let key = Key::new(vr, text, self.extended)?;
        self.push(tag, Condition::Value(key))
    }

    /// Adds a key that some item of a sequence must fit; an empty one asks nothing.
    pub fn item(&mut self, tag: Tag, item: Self) -> Result<(), KeyFault> {
        if item.depth() >= MAX_DEPTH {
            return Err(KeyFault::Nested);
        }
        self.push(tag, Condition::Item(item))
    }

    fn push(&mut self, tag: Tag, condition: Condition) -> Result<(), KeyFault> {
        if self.keys.len() >= MAX_KEYS {
            return Err(KeyFault::Nested);
        }
        self.keys.push((tag, condition));
        Ok(())
    }

    fn depth(&self) -> usize {
        let below = self.keys.iter().map(|(_, condition)| match condition {
            Condition::Value(_) => 0,
            Condition::Item(item) => item.depth(),
        });
        1 + below.max().unwrap_or(0)
    }

    /// Whether nothing is asked: every key only wants its attribute returned.
    pub fn is_universal(&self) -> bool {
        self.keys.iter().all(|(_, condition)| match condition {
            Condition::Value(key) => key.is_universal(),
            Condition::Item(item) => item.is_universal(),
        })
    }

    /// Whether an object fits every key.
    pub fn matches(&self, object: &dyn Attributes) -> bool {
        self.keys.iter().all(|(tag, condition)| match condition {
            Condition::Value(key) => match self.partner(*tag) {
                Some((date, time)) => fits_combined(date, time, object),
                None => key.matches(object.text(*tag).as_deref().unwrap_or_default()),
            },
            Condition::Item(item) => item.is_universal() || object.some_item(*tag, &mut |held| item.matches(held)),
        })
    }

    /// The two ranges of a pair, where combined matching was negotiated and both are asked.
    fn partner(&self, tag: Tag) -> Option<((Tag, Range), (Tag, Range))> {
        if !self.extended.combined_datetime {
            return None;
        }
        let (date, time) = PAIRS.into_iter().find(|(date, time)| *date == tag || *time == tag)?;
        Some(((date, self.range(date)?), (time, self.range(time)?)))
    }

    fn range(&self, tag: Tag) -> Option<Range> {
        self.keys.iter().find(|(held, _)| *held == tag).and_then(|(_, condition)| match condition {
            Condition::Value(key) => key.range(),
            Condition::Item(_) => None,
        })
    }
}

fn fits_combined((date, dates): (Tag, Range), (time, times): (Tag, Range), object: &dyn Attributes) -> bool {
    let value = |tag, kind: Temporal| object.text(tag).and_then(|text| kind.value(&text, 0));
    match (value(date, Temporal::Date), value(time, Temporal::Time)) {
        (Some(day), Some(hour)) => Range::combined(dates, times).contains(instant(day, hour)),
        _ => false,
    }
}
