//! What becomes of an element.

use super::tags;
use crate::dicom::Tag;
use crate::dicom::dataset::{Length, Vr};
use dicom_core::VR;
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_dictionary_std::StandardDataDictionary;

/// What becomes of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Stays where it is.
    Clear,
    /// Goes into the seal, whole.
    Seal,
    /// A sequence that stays, but for what is inside it: every element in it is asked for in turn. Where a value that does
    /// not say that it is a sequence (UN, or implicit VR) turns out to be none, it is sealed whole.
    Into,
    /// Goes nowhere: a group length.
    Drop,
}

/// The header of an element, as a family looks at it.
#[derive(Debug, Clone, Copy)]
pub struct Element<'a> {
    /// The sequences that it is inside of, outermost first; empty at the top level.
    pub path: &'a [Tag],
    /// Its tag.
    pub tag: Tag,
    /// Its VR; `None` in implicit VR.
    pub vr: Option<Vr>,
    /// Its length.
    pub length: Length,
    /// The private creator of its block in the same item, without padding, where it is private and has one.
    pub creator: Option<&'a [u8]>,
}

/// A private element that stays clear although it is long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exempt {
    /// Its private creator.
    pub creator: String,
    /// Its group and the low byte of its element number; `None`: all that this creator has.
    pub element: Option<(u16, u8)>,
}

/// `[vault]`, as far as families look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FamilyOptions {
    /// Bytes that a private value, or a binary one that nobody knows, has at most to stay clear; default 1 KiB.
    pub private_max: u32,
    /// What stays clear all the same.
    pub exempt: Vec<Exempt>,
}

impl Default for FamilyOptions {
    fn default() -> Self {
        Self { private_max: 1 << 10, exempt: Vec::new() }
    }
}

impl Element<'_> {
    /// What becomes of it: private elements by length, public ones by the table, the rest by what kind of value they have.
    pub(super) fn part(&self, options: &FamilyOptions) -> Part {
        if self.tag.element() == 0 {
            return Part::Drop;
        }
        if self.tag.is_private() {
            return self.private(options);
        }
        if let Some(part) = tags::decided(self.tag, !self.path.is_empty()) {
            return if part == Part::Clear { self.inside() } else { part };
        }
        match self.inside() {
            Part::Clear if self.bulk() && self.longer(options) => Part::Seal,
            part => part,
        }
    }

    fn private(&self, options: &FamilyOptions) -> Part {
        if self.inside() == Part::Into {
            return Part::Into;
        }
        let long = self.longer(options) && !options.exempt.iter().any(|exempt| exempt.covers(self));
        if long { Part::Seal } else { Part::Clear }
    }

    /// Whether it is looked into, or stays.
    fn inside(&self) -> Part {
        let sequence = match self.vr {
            Some(Vr::SQ) => true,
            // Encapsulated pixel data is in the table; elsewhere nothing else has an undefined length.
            Some(Vr::UN) | None => self.length == Length::Undefined || known(self.tag) == Some(VR::SQ),
            Some(_) => false,
        };
        if sequence { Part::Into } else { Part::Clear }
    }

    /// Whether it is binary, or nobody knows what it is.
    fn bulk(&self) -> bool {
        let vr = match self.vr {
            Some(Vr::UN) | None => known(self.tag).unwrap_or(VR::UN),
            Some(vr) => VR::from_binary(vr.0).unwrap_or(VR::UN),
        };
        matches!(vr, VR::OB | VR::OW | VR::OF | VR::OD | VR::OL | VR::OV | VR::UN)
    }

    fn longer(&self, options: &FamilyOptions) -> bool {
        match self.length {
            Length::Defined(length) => length > options.private_max,
            Length::Undefined => true,
        }
    }
}

impl Exempt {
    fn covers(&self, element: &Element<'_>) -> bool {
        let [_, low] = element.tag.element().to_be_bytes();
        self.element.is_none_or(|only| only == (element.tag.group(), low))
            && element.creator == Some(self.creator.as_bytes())
    }
}

/// Whether the dictionary knows a public element as a sequence.
pub(super) fn is_sequence(tag: Tag) -> bool {
    known(tag) == Some(VR::SQ)
}

/// The dictionary's VR of a public element.
fn known(tag: Tag) -> Option<VR> {
    if tag.is_private() {
        return None;
    }
    StandardDataDictionary.by_tag(dicom_core::Tag(tag.group(), tag.element())).map(|entry| entry.vr().relaxed())
}
