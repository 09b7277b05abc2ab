//! What becomes of an element.

use crate::dicom::Tag;
use crate::dicom::dataset::{Length, Vr};

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
    /// Its group, odd.
    pub group: u16,
    /// The low byte of its element number; `None`: all of the block.
    pub element: Option<u8>,
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
