//! What of an object is sealed, by SOP class family (docs/sealing.md has the table).
//!
//! A family says of every element whether it is sealed, and what stands in its place so that the sealed object is a valid one
//! of its class. Data in tables; it never seals anything itself.

mod original;
mod part;

pub use original::{Original, Replacement};
pub use part::{Element, Exempt, FamilyOptions, Part};

use super::carrier::{Form, Geometry};
use crate::dicom::{Tag, Uid};

/// What becomes of objects of a SOP class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// Sealed as this family says.
    Sealed(&'static Family),
    /// Never sealed, because archives act on what is in it, or because there is nothing to seal.
    Never(&'static Family),
    /// Holds what would have to be sealed, and would be nothing without it: `[vault] unsealable` decides.
    Unsealable(&'static Family),
}

/// SOP classes that are treated alike.
#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    /// Its name in docs/sealing.md.
    pub name: &'static str,
}

static GENERIC: Family = Family { name: "other" };

impl Family {
    /// What becomes of objects of a class. Storage classes that nobody knows are sealed by what their objects hold.
    pub fn of(_class: &Uid) -> Treatment {
        Treatment::Sealed(&GENERIC)
    }

    /// What becomes of an element. Total: whatever stands in the header.
    pub fn of_tag(&self, _element: &Element<'_>, _options: &FamilyOptions) -> Part {
        Part::Clear
    }

    /// What stands in a sealed *nested* element's place, little endian and without padding; `None`: nothing does.
    /// Opening puts the sealed value in its place. `sibling` reads numbers of elements before it in the same item.
    pub fn stand_in(&self, _path: &[Tag], _tag: Tag, _sibling: &dyn Fn(Tag) -> Option<u32>) -> Option<Vec<u8>> {
        None
    }

    /// The form of the pixels of the sealed object; `None`: the original has no pixels, so it has none either.
    pub fn form(&self, original: &Original) -> Option<Form> {
        original.pixels.then_some(Form { bits: 16, samples: 1, frames: 1, movable: false })
    }

    /// What stands at the top level of the sealed object beside what stayed, tags ascending; without Pixel Data and without
    /// Encrypted Attributes. `image` is `None` where [`Self::form`] is.
    pub fn replacements(&self, _original: &Original, _image: Option<&Geometry>) -> Vec<Replacement> {
        Vec::new()
    }

    /// Whether a top-level element of a sealed object comes from sealing. The same for all families and for ever, so that
    /// what an older gateway sealed opens in a newer one: of these the seal holds what the original had, and what the
    /// archive returns is thrown away.
    pub fn is_replacement(_tag: Tag) -> bool {
        false
    }
}
