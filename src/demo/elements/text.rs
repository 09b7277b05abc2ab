//! A tree as something that queries match against, and a tree as a query.

use super::{CHARACTER_SET, Element, Set, Value};
use crate::dicom::Tag;
use crate::dicom::matching::{Attributes, CharacterSet, Extended, Identifier, KeyFault};
use dicom_core::VR;
use std::borrow::Cow;

impl Set {
    /// The character set that this data set declares; the default where it declares one that is not known.
    pub fn character_set(&self) -> CharacterSet {
        self.bytes(CHARACTER_SET).and_then(|declared| CharacterSet::of(declared).ok()).unwrap_or(CharacterSet::DEFAULT)
    }

    /// This data set as the keys of a query.
    ///
    /// # Errors
    /// A key that cannot be matched.
    pub fn as_identifier(&self, extended: Extended) -> Result<Identifier, KeyFault> {
        identifier(self, self.character_set(), extended)
    }

    /// This data set as something to match, its text in the character set it declares.
    pub fn as_attributes(&self) -> Decoded<'_> {
        Decoded { set: self, characters: self.character_set() }
    }
}

fn identifier(set: &Set, characters: CharacterSet, extended: Extended) -> Result<Identifier, KeyFault> {
    let mut keys = Identifier::new(extended);
    for element in set.elements() {
        match &element.value {
            Value::Bytes(_) => {
                let text = text(element, characters);
                match element.vr {
                    // Bytes cannot be asked for by value; an empty key only wants them returned.
                    VR::UN | VR::OB | VR::OW | VR::SQ if text.is_empty() => {}
                    vr => keys.key(element.tag, vr, &text)?,
                }
            }
            Value::Items(items) => {
                if let Some(item) = items.first() {
                    keys.item(element.tag, identifier(item, characters, extended)?)?;
                }
            }
        }
    }
    Ok(keys)
}

/// A tree with the character set that holds in it.
#[derive(Debug)]
pub struct Decoded<'a> {
    set: &'a Set,
    characters: CharacterSet,
}

impl Attributes for Decoded<'_> {
    fn text(&self, tag: Tag) -> Option<Cow<'_, str>> {
        self.set.get(tag).map(|element| text(element, self.characters))
    }

    fn some_item(&self, tag: Tag, fits: &mut dyn FnMut(&dyn Attributes) -> bool) -> bool {
        match self.set.get(tag).map(|element| &element.value) {
            Some(Value::Items(items)) => {
                items.iter().any(|item| fits(&Decoded { set: item, characters: self.characters }))
            }
            _ => false,
        }
    }
}

/// The value as text; numbers in decimal, tags as `GGGGEEEE`.
fn text(element: &Element, characters: CharacterSet) -> Cow<'_, str> {
    let Value::Bytes(bytes) = &element.value else { return Cow::Borrowed("") };
    match element.vr {
        VR::US => numbers(bytes, u16::from_le_bytes),
        VR::SS => numbers(bytes, i16::from_le_bytes),
        VR::UL => numbers(bytes, u32::from_le_bytes),
        VR::SL => numbers(bytes, i32::from_le_bytes),
        VR::UV => numbers(bytes, u64::from_le_bytes),
        VR::SV => numbers(bytes, i64::from_le_bytes),
        VR::FL => numbers(bytes, f32::from_le_bytes),
        VR::FD => numbers(bytes, f64::from_le_bytes),
        VR::AT => numbers(bytes, |[a, b, c, d]: [u8; 4]| format!("{b:02X}{a:02X}{d:02X}{c:02X}")),
        VR::PN | VR::LO | VR::SH | VR::LT | VR::ST | VR::UC | VR::UT => characters.decode_lossy(bytes),
        VR::OB | VR::OW | VR::OD | VR::OF | VR::OL | VR::OV | VR::UN | VR::SQ => Cow::Borrowed(""),
        _ => CharacterSet::DEFAULT.decode_lossy(bytes),
    }
}

fn numbers<const N: usize, T: ToString>(bytes: &[u8], read: impl Fn([u8; N]) -> T) -> Cow<'_, str> {
    let (chunks, _) = bytes.as_chunks::<N>();
    Cow::Owned(chunks.iter().map(|chunk| read(*chunk).to_string()).collect::<Vec<_>>().join("\\"))
}
