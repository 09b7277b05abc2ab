//! What of an object is sealed, by SOP class family (docs/sealing.md has the table).
//!
//! A family says of every element whether it is sealed, and what stands in its place so that the sealed object is a valid one
//! of its class. Data in tables; it never seals anything itself. What is sealed does not depend on the family, only on what
//! the object holds: a class that nobody knows is no way around the seal.

mod documents;
mod images;
mod original;
mod others;
mod part;
mod stand_in;
pub mod tags;
#[cfg(test)]
mod tests;

pub use original::{Original, Replacement};
pub use part::{Element, Exempt, FamilyOptions, Part};

use super::carrier::{Form, Geometry};
use crate::dicom::{Tag, Uid, sop_class};

/// What becomes of objects of a SOP class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// Sealed as this family says.
    Sealed(&'static Family),
    /// Never sealed, because archives act on what is in it, or because there is no picture in it.
    Never(&'static Family),
    /// Holds what would have to be sealed, and would be nothing without it: `[vault] unsealable` decides.
    Unsealable(&'static Family),
}

/// The same without the family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Sealed.
    Sealed,
    /// Never sealed.
    Never,
    /// Cannot be sealed.
    Unsealable,
}

/// How many bits a pixel of the sealed object has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// 8 where the original has up to 8, else 16.
    Original,
    /// The same, and 1 where the original has 1.
    OneOrMore,
    /// 8, whatever the original has.
    Eight,
    /// 16, whatever the original has.
    Sixteen,
}

/// The pixels of sealed objects of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pixels {
    depth: Depth,
    /// RGB: the class knows no grey.
    colour: bool,
    /// One frame, or as many as it takes: the number of frames means nothing.
    movable: bool,
    /// What grey objects of the class have to have, put beside the banner where the original is in colour.
    grey: Grey,
}

/// See [`Pixels::grey`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grey {
    /// Nothing.
    Plain,
    /// Presentation LUT Shape.
    Shape,
    /// Presentation LUT Shape and Rescale.
    ShapeAndScale,
}

/// SOP classes that are treated alike.
#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    /// Its name in docs/sealing.md.
    pub name: &'static str,
    /// The UIDs of its classes, behind [`ROOT`].
    classes: &'static [&'static str],
    /// What becomes of its objects.
    pub fate: Fate,
    pixels: Pixels,
    /// What stays, what stands in its place, and why, for docs/sealing.md.
    pub remarks: &'static str,
}

/// What the UIDs of all storage classes of the standard begin with.
const ROOT: &str = "1.2.840.10008.5.1.";

impl Family {
    /// What becomes of objects of a class. Storage classes that nobody knows are sealed by what their objects hold.
    pub fn of(class: &Uid) -> Treatment {
        let below = class.as_str().strip_prefix(ROOT);
        let family = below.and_then(|below| all().find(|family| family.classes.contains(&below)));
        let storage = sop_class::find(class).is_none_or(|known| known.kind == sop_class::Kind::Storage);
        let family = family.unwrap_or(if storage { &images::OTHER } else { &others::NO_STORAGE });
        match family.fate {
            Fate::Sealed => Treatment::Sealed(family),
            Fate::Never => Treatment::Never(family),
            Fate::Unsealable => Treatment::Unsealable(family),
        }
    }

    /// The family that seals objects of a class; `None`: they are not sealed.
    pub fn sealing(class: &Uid) -> Option<&'static Self> {
        match Self::of(class) {
            Treatment::Sealed(family) => Some(family),
            Treatment::Never(_) | Treatment::Unsealable(_) => None,
        }
    }

    /// What becomes of an element. Total: whatever stands in the header.
    pub fn of_tag(&self, element: &Element<'_>, options: &FamilyOptions) -> Part {
        element.part(options)
    }

    /// What stands in a sealed *nested* element's place, little endian and without padding; `None`: nothing does.
    /// Opening puts the sealed value in its place. `sibling` reads numbers (US, UL) of elements before it in the same item.
    pub fn stand_in(&self, path: &[Tag], tag: Tag, sibling: &dyn Fn(Tag) -> Option<u32>) -> Option<Vec<u8>> {
        if path.is_empty() { None } else { stand_in::of(tag, sibling) }
    }

    /// The form of the pixels of the sealed object; `None`: the original has no pixels, so it has none either.
    pub fn form(&self, original: &Original) -> Option<Form> {
        let Pixels { depth, colour, movable, .. } = self.pixels;
        let bits = match (depth, original.bits()) {
            (Depth::OneOrMore, 1) => 1,
            (Depth::Eight, _) | (Depth::Original | Depth::OneOrMore, ..=8) => 8,
            (Depth::Sixteen | Depth::Original | Depth::OneOrMore, _) => 16,
        };
        let frames = if movable { 1 } else { original.frames() };
        let samples = if colour { 3 } else { 1 };
        original.has_pixels().then_some(Form { bits, samples, frames, movable })
    }

    /// What stands at the top level of the sealed object beside what stayed, tags ascending; without Pixel Data and without
    /// Encrypted Attributes. `image` is `None` where [`Self::form`] is.
    pub fn replacements(&self, original: &Original, image: Option<&Geometry>) -> Vec<Replacement> {
        original::replacements(original, image, self.pixels.grey)
    }

    /// Whether a top-level element of a sealed object comes from sealing. The same for all families and for ever, so that
    /// what an older gateway sealed opens in a newer one: of these the seal holds what the original had, and what the
    /// archive returns is thrown away.
    pub fn is_replacement(tag: Tag) -> bool {
        tags::REPLACED.binary_search(&tag).is_ok()
    }

    /// Whether elements of a tag are sealed in every object, inside sequences or not, whatever is configured. What stands in
    /// the clear part of a sealed object all the same, and is no replacement, was added there. For ever, as
    /// [`Self::is_replacement`].
    pub fn is_always_sealed(tag: Tag, nested: bool) -> bool {
        !tag.is_private() && tags::decided(tag, nested) == Some(Part::Seal)
    }

    /// Whether sealing looks into elements of a tag wherever it finds items: sequences of the standard.
    pub fn is_looked_into(tag: Tag) -> bool {
        part::is_sequence(tag)
    }

    /// Whether a class of the standard is of this family.
    pub fn has(&self, class: &sop_class::SopClass) -> bool {
        class.uid.strip_prefix(ROOT).is_some_and(|below| self.classes.contains(&below))
    }
}

/// All families with classes of the standard, in the order of docs/sealing.md.
pub fn all() -> impl Iterator<Item = &'static Family> {
    images::PLAIN.iter().chain(images::ENHANCED).chain(others::SEALED).chain(others::CLEAR)
}
