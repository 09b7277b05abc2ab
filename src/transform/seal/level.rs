//! What is open while elements are taken apart, and what is remembered of it.

use crate::dicom::Tag;
use crate::dicom::dataset::{Length, Vr, vr_of};
use crate::dicom::transfer_syntax::Encoding;
use crate::transform::scan::Head;
use smallvec::SmallVec;

/// Private creators that are remembered of each item, and numbers; few objects have ten.
const MOST: usize = 256;
/// The longest value that is remembered: LO has 64 characters of at most four bytes.
const LONGEST: u32 = 256;

/// A sequence or item that is taken apart, or the data set itself.
#[derive(Debug, Default)]
pub(super) struct Level {
    pub(super) sequence: bool,
    /// Something in it is sealed.
    pub(super) sealed: bool,
    /// Where its header ends in what stays, and where it begins and ends in what is sealed.
    pub(super) clear: usize,
    pub(super) start: usize,
    pub(super) payload: usize,
    /// Whether its length is defined, and written big end first.
    defined: bool,
    big: bool,
    /// By the tags of their own elements.
    creators: SmallVec<[(Tag, SmallVec<[u8; 24]>); 1]>,
    numbers: SmallVec<[(Tag, u32); 4]>,
}

impl Level {
    pub(super) fn new(head: &Head, sequence: bool, clear: usize, start: usize, payload: usize) -> Self {
        let defined = head.raw.length != Length::Undefined;
        let big = head.encoding == Encoding::ExplicitBe;
        Self { sequence, clear, start, payload, defined, big, ..Self::default() }
    }

    /// Makes its length right in a buffer in which its header ends there.
    pub(super) fn mend(&self, buffer: &mut [u8], header: usize) {
        let length = u32::try_from(buffer.len().saturating_sub(header)).unwrap_or(u32::MAX);
        // The length is what stands last in the header of items and sequences.
        let place = header.checked_sub(4).and_then(|from| buffer.get_mut(from..header));
        if let Some(place) = place.filter(|_| self.defined) {
            place.copy_from_slice(&if self.big { length.to_be_bytes() } else { length.to_le_bytes() });
        }
    }

    /// The private creator of the block that an element is in.
    pub(super) fn creator(&self, tag: Tag) -> Option<&[u8]> {
        let block = Tag(tag.group(), tag.element() >> 8);
        let known = self.creators.iter().find(|(creator, _)| tag.is_private() && *creator == block);
        known.map(|(_, name)| name.as_slice())
    }

    /// The first number of an element.
    pub(super) fn number(&self, tag: Tag) -> Option<u32> {
        self.numbers.iter().find(|(known, _)| *known == tag).map(|(_, number)| *number)
    }

    pub(super) fn remember(&mut self, small: &Small) {
        if is_creator(small.tag) {
            if self.creators.len() < MOST {
                self.creators.push((small.tag, SmallVec::from_slice(trim(&small.bytes))));
            }
        } else if let Some(number) = small.number()
            && self.numbers.len() < MOST
        {
            self.numbers.push((small.tag, number));
        }
    }
}

/// A value that is remembered.
#[derive(Debug)]
pub(super) struct Small {
    tag: Tag,
    vr: Vr,
    encoding: Encoding,
    bytes: SmallVec<[u8; 32]>,
}

impl Small {
    /// For an element that is remembered: private creators, and in items numbers.
    pub(super) fn of(head: &Head, nested: bool) -> Option<Self> {
        let tag = head.raw.tag;
        let short = matches!(head.raw.length, Length::Defined(length) if length <= LONGEST);
        if !short || !nested && !is_creator(tag) {
            return None;
        }
        let vr = head.raw.vr.unwrap_or_else(|| vr_of(tag, false));
        let wanted = is_creator(tag) || matches!(&vr.0, b"US" | b"SS" | b"UL" | b"SL" | b"IS");
        wanted.then(|| Self { tag, vr, encoding: head.encoding, bytes: SmallVec::new() })
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The first of its numbers; none where it is negative.
    fn number(&self) -> Option<u32> {
        let big = self.encoding == Encoding::ExplicitBe;
        match (&self.vr.0, self.bytes.as_slice()) {
            (b"US" | b"SS", [a, b, ..]) => {
                Some(if big { u16::from_be_bytes([*a, *b]) } else { u16::from_le_bytes([*a, *b]) }.into())
            }
            (b"UL" | b"SL", [a, b, c, d, ..]) => {
                let number = [*a, *b, *c, *d];
                Some(if big { u32::from_be_bytes(number) } else { u32::from_le_bytes(number) })
            }
            (b"IS", text) => std::str::from_utf8(text).ok()?.split('\\').next()?.trim().parse().ok(),
            _ => None,
        }
    }
}

const fn is_creator(tag: Tag) -> bool {
    tag.is_private() && tag.element() >= 0x10 && tag.element() <= 0xff
}

/// Without padding.
pub(super) fn trim(mut value: &[u8]) -> &[u8] {
    while let [rest @ .., 0 | b' '] = value {
        value = rest;
    }
    value
}
