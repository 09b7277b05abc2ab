//! Small data sets as trees: the headers of objects that the demonstration's archive indexes, queries and answers.
//!
//! The gateway itself never builds such a tree; it serves the demonstration alone, which only talks to itself.

mod read;
mod text;
mod write;

#[cfg(test)]
mod tests;

pub use read::{ElementFault, pixels, read};
pub use write::write;

use crate::dicom::Tag;
use dicom_core::VR;

/// How deep sequences may nest.
pub const MAX_DEPTH: usize = 16;
/// The longest value that is kept, bytes; longer ones are left out of the tree.
pub const MAX_VALUE: usize = 64 * 1024;
/// The most elements in a tree.
pub const MAX_ELEMENTS: usize = 16 * 1024;

/// Specific Character Set.
pub const CHARACTER_SET: Tag = Tag(0x0008, 0x0005);

/// A data set or an item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Set {
    elements: Vec<Element>,
}

/// One element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// Its tag.
    pub tag: Tag,
    /// Its value representation; from the dictionary where the encoding does not say.
    pub vr: VR,
    /// Its value.
    pub value: Value,
}

/// The value of an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Bytes as they stand in the data set, numbers little endian.
    Bytes(Vec<u8>),
    /// Items of a sequence.
    Items(Vec<Set>),
}

impl Set {
    /// A set without elements.
    pub const fn new() -> Self {
        Self { elements: Vec::new() }
    }

    /// Its elements, ascending by tag.
    pub fn elements(&self) -> &[Element] {
        &self.elements
    }

    /// The element with a tag.
    pub fn get(&self, tag: Tag) -> Option<&Element> {
        let at = self.elements.binary_search_by_key(&tag, |element| element.tag).ok()?;
        self.elements.get(at)
    }

    /// The bytes of an element.
    pub fn bytes(&self, tag: Tag) -> Option<&[u8]> {
        match &self.get(tag)?.value {
            Value::Bytes(bytes) => Some(bytes),
            Value::Items(_) => None,
        }
    }

    /// The value of an element of plain characters (UID, CS, ...), padding taken off; `""` where it is absent.
    pub fn plain(&self, tag: Tag) -> &str {
        let bytes = self.bytes(tag).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default().trim_matches([' ', '\0'])
    }

    /// The same without group lengths (gggg,0000), which are retired, at every level.
    #[must_use]
    pub fn without_group_lengths(&self) -> Self {
        let inner = |element: &Element| Element {
            value: match &element.value {
                Value::Items(items) => Value::Items(items.iter().map(Self::without_group_lengths).collect()),
                Value::Bytes(bytes) => Value::Bytes(bytes.clone()),
            },
            ..*element
        };
        let kept = self.elements.iter().filter(|element| element.tag.element() != 0);
        Self { elements: kept.map(inner).collect() }
    }

    /// Puts an element in its place, over one that was there.
    pub fn put(&mut self, tag: Tag, vr: VR, value: Value) {
        let element = Element { tag, vr, value };
        match self.elements.binary_search_by_key(&tag, |held| held.tag) {
            Ok(at) => {
                if let Some(held) = self.elements.get_mut(at) {
                    *held = element;
                }
            }
            Err(at) => self.elements.insert(at, element),
        }
    }

    /// Puts text, padded to even length as its representation wants.
    pub fn text(&mut self, tag: Tag, vr: VR, text: &str) {
        let mut bytes = text.as_bytes().to_vec();
        if bytes.len() % 2 == 1 {
            bytes.push(if vr == VR::UI { 0 } else { b' ' });
        }
        self.put(tag, vr, Value::Bytes(bytes));
    }

    /// Puts an unsigned short.
    pub fn short(&mut self, tag: Tag, value: u16) {
        self.put(tag, VR::US, Value::Bytes(value.to_le_bytes().to_vec()));
    }
}
