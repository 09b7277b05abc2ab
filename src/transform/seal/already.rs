//! Whether an object is sealed already: it must not be sealed twice, nor pass for an original.

use crate::dicom::dataset::Length;
use crate::transform::scan::Head;
use crate::vault::carrier::{MAGIC, magic_at};
use smallvec::SmallVec;

/// How the recipient of a ring is called in each segment.
const RECIPIENT: &[u8] = b"dicomgate ring ";

/// Looks for the magic in native Pixel Data.
#[derive(Debug)]
pub(super) struct Probe {
    /// Bytes before the magic.
    before: u64,
    found: SmallVec<[u8; 8]>,
}

impl Probe {
    /// For pixels of so many columns, bits allocated and samples; `None`: no sealed object looks like that.
    pub(super) fn new(head: &Head, columns: u16, bits: u16, samples: u16) -> Option<Self> {
        let Length::Defined(length) = head.raw.length else { return None };
        let before = magic_at(columns, bits, samples)?;
        (before + MAGIC.len() as u64 <= length.into()).then(|| Self { before, found: SmallVec::new() })
    }

    /// Takes the next pixels; says whether the magic is there once that is known.
    pub(super) fn push(&mut self, pixels: &[u8]) -> Option<bool> {
        let skipped = usize::try_from(self.before).unwrap_or(usize::MAX).min(pixels.len());
        self.before -= skipped as u64;
        let wanted = MAGIC.len().saturating_sub(self.found.len());
        self.found.extend(pixels.iter().skip(skipped).take(wanted).copied());
        (self.found.len() == MAGIC.len()).then(|| self.found.as_slice() == MAGIC)
    }
}

/// Looks for a recipient of ours in Encrypted Attributes.
#[derive(Debug, Default)]
pub(super) struct Recipient {
    /// The end of what has passed.
    tail: Vec<u8>,
    found: bool,
}

impl Recipient {
    pub(super) fn push(&mut self, bytes: &[u8]) -> bool {
        let keep = RECIPIENT.len() - 1;
        let seen = |bytes: &[u8]| bytes.windows(RECIPIENT.len()).any(|window| window == RECIPIENT);
        // What stands across the border, then the rest.
        self.tail.extend_from_slice(bytes.get(..bytes.len().min(keep)).unwrap_or_default());
        self.found |= seen(&self.tail) || seen(bytes);
        if bytes.len() > keep {
            self.tail = bytes.to_vec();
        }
        let more = self.tail.len().saturating_sub(keep);
        self.tail.drain(..more);
        self.found
    }
}
