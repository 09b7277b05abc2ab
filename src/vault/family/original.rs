//! What an original says of itself, and what stands in its place.

use crate::dicom::Tag;
use crate::dicom::dataset::Vr;

/// What the replacements depend on: gathered from the top level of the original, before its first bulk value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Original {
    /// Whether it has pixel data of any kind (7FE0,0008/0009/0010).
    pub pixels: bool,
}

impl Original {
    /// Whether [`Self::note`] wants the value of a top-level element.
    pub fn wants(_tag: Tag) -> bool {
        false
    }

    /// Takes a value: all for which [`Self::wants`] says so, or those up to 64 bytes long (an empty one otherwise).
    pub fn note(&mut self, _tag: Tag, _value: &[u8], _big_endian: bool) {}
}

/// An element that stands in the sealed object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// Its tag.
    pub tag: Tag,
    /// Its VR.
    pub vr: Vr,
    /// Its value, little endian, of even length.
    pub value: Vec<u8>,
}
