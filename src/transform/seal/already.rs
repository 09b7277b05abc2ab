//! Whether an object is sealed already: it must not be sealed twice, nor pass for an original.
//! It looks where opening looks, and a mark alone is no proof: a segment has to begin behind it.

use crate::dicom::dataset::Length;
use crate::transform::open::items::{TELLING, is_segment};
use crate::transform::open::probe::{Attributes, Pixels, Verdict};
use crate::transform::scan::Head;
use crate::vault::carrier::magic_at;

/// Looks for the magic in native Pixel Data.
pub(super) struct Probe {
    pixels: Pixels,
    /// The magic is there: the beginning of what stands behind it.
    found: Option<Vec<u8>>,
}

impl Probe {
    /// For pixels of so many columns, bits allocated and samples; `None`: no sealed object looks like that.
    pub(super) fn new(head: &Head, columns: u16, bits: u16, samples: u16) -> Option<Self> {
        let Length::Defined(length) = head.raw.length else { return None };
        let pixels = Pixels::new(length.into(), magic_at(columns, bits, samples));
        pixels.possible().then_some(Self { pixels, found: None })
    }

    /// Takes the next pixels; says whether a seal is there once that is known.
    pub(super) fn push(&mut self, pixels: &[u8]) -> Option<bool> {
        let mut behind = pixels;
        if self.found.is_none() {
            match self.pixels.push(pixels) {
                Verdict::Unknown => return None,
                Verdict::Nothing => return Some(false),
                Verdict::Seal => {
                    let from = pixels.len().saturating_sub(self.pixels.behind);
                    behind = pixels.get(from..).unwrap_or_default();
                }
            }
        }
        let segment = self.found.get_or_insert_with(|| Vec::with_capacity(TELLING));
        segment.extend(behind.iter().take(TELLING - segment.len()));
        (segment.len() == TELLING).then(|| is_segment(segment))
    }
}

/// Looks for a segment in Encrypted Attributes.
pub(super) struct Encrypted(Attributes);

impl Encrypted {
    /// `None`: what it holds cannot be read.
    pub(super) fn new(head: &Head, depth: u16) -> Option<Self> {
        Attributes::new(head, depth).ok().map(Self)
    }

    /// Takes the next bytes of the sequence; says whether a seal is there once that is known.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Option<bool> {
        match self.0.push(bytes) {
            Ok(Verdict::Unknown) => None,
            Ok(Verdict::Seal) => Some(true),
            Ok(Verdict::Nothing) | Err(_) => Some(false),
        }
    }
}
