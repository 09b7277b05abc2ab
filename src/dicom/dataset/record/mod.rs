//! A small data set read whole: an answer or the identifier of a query, looked into, edited, and written again.
//!
//! The walker checks it first, so nothing here meets a length that runs over or an element twice where that matters. Values
//! stay where they are in one buffer; what no edit touches is written byte for byte as it came. Never for objects with pixels.

use super::WalkFault;
use crate::dicom::dimse::Tolerances;
use crate::dicom::matching::Attributes;
use crate::dicom::transfer_syntax::Encoding;
use crate::dicom::{Tag, Uid};
use dicom_core::VR;
use std::borrow::Cow;

/// How large a record may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordLimits {
    /// Bytes, once inflated; default 1 MiB.
    pub bytes: u32,
    /// Elements and items, all together; default 65,536.
    pub elements: u32,
    /// Sequences inside each other; default 16.
    pub depth: u16,
}

impl Default for RecordLimits {
    fn default() -> Self {
        Self { bytes: 1 << 20, elements: 65_536, depth: 16 }
    }
}

/// Why a record is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordFault {
    /// It is no data set, or nests deeper or has more elements than the limit.
    #[error(transparent)]
    Walk(#[from] WalkFault),
    /// Longer than the limit.
    #[error("the data set is longer than {0} bytes")]
    TooLong(u32),
}

/// Why a value cannot be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EditFault {
    /// The record's character set has no way to write the text.
    #[error("the text of {0} cannot be written in the character set of the data set")]
    Repertoire(Tag),
    /// The character set that the record declares is not known.
    #[error("the character set of the data set is not known")]
    CharacterSet,
    /// The value has no text form, or is too long for its length field.
    #[error("{0} cannot be given this value")]
    Value(Tag),
}

/// A small data set. Top-level attributes are read and edited by tag.
#[derive(Clone)]
pub struct Record {
    encoding: Encoding,
}

impl Record {
    /// Without elements, to be filled by edits. Its text is in the default repertoire until (0008,0005) is set.
    pub fn new(encoding: Encoding) -> Self {
        Self { encoding }
    }

    /// Reads a whole data set.
    ///
    /// # Errors
    /// It is damaged, or past a limit.
    pub fn read(
        _bytes: impl Into<Vec<u8>>,
        _encoding: Encoding,
        _tolerances: Tolerances,
        limits: RecordLimits,
    ) -> Result<Self, RecordFault> {
        Err(RecordFault::TooLong(limits.bytes))
    }

    /// How it is written.
    pub const fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Whether an attribute is there at the top level, with a value or without.
    pub fn has(&self, _tag: Tag) -> bool {
        false
    }

    /// The top-level attributes in the order they stand, with their VR (in implicit VR the dictionary's; private ones UN).
    pub fn tags(&self) -> impl Iterator<Item = (Tag, VR)> {
        std::iter::empty()
    }

    /// A value as it stands, padding included; `None` for what is absent and for sequences.
    pub fn value(&self, _tag: Tag) -> Option<&[u8]> {
        None
    }

    /// A value that is one UID.
    pub fn uid(&self, tag: Tag) -> Option<Uid> {
        self.value(tag).and_then(|value| Uid::new(value).ok())
    }

    /// Takes an attribute away; whether it was there.
    pub fn remove(&mut self, _tag: Tag) -> bool {
        false
    }

    /// Makes a value (or sequence) empty; whether it was there.
    pub fn empty(&mut self, _tag: Tag) -> bool {
        false
    }

    /// Gives an attribute a value as text, in the record's repertoire; in its place if it was not there.
    ///
    /// # Errors
    /// The repertoire cannot carry the text, or the VR has no text.
    pub fn set_text(&mut self, tag: Tag, _vr: VR, _text: &str) -> Result<(), EditFault> {
        Err(EditFault::Value(tag))
    }

    /// Adds an attribute without value: a return key, with the dictionary's VR. Whether it was not there before.
    pub fn insert_empty(&mut self, _tag: Tag) -> bool {
        false
    }

    /// The whole data set: byte for byte as it came where nothing was edited.
    pub fn write(&self) -> Vec<u8> {
        Vec::new()
    }
}

impl Attributes for Record {
    fn text(&self, _tag: Tag) -> Option<Cow<'_, str>> {
        None
    }

    fn some_item(&self, _tag: Tag, _fits: &mut dyn FnMut(&dyn Attributes) -> bool) -> bool {
        false
    }
}

/// May hold what a patient is called.
impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.tags().map(|(tag, _)| tag)).finish()
    }
}
