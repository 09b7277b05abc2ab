//! Where a seal may stand: is it there?

use super::items::{Items, TELLING, is_segment};
use crate::dicom::dataset::WalkFault;
use crate::transform::scan::Head;
use crate::vault::carrier::{MAGIC, PREFIX, magic_at};

/// Up to here the magic is looked for in any Pixel Data: smallest banners of every form of pixels.
pub(super) const NEAR: u64 = 3 * 512 * 48;
/// Beyond, a banner is a small part of what follows it: wider ones are for what would have too many rows otherwise.
const PART: u64 = 64;

/// What was found of a seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::transform) enum Verdict {
    /// More bytes are needed.
    Unknown,
    /// None is here.
    Nothing,
    /// Here it is.
    Seal,
}

/// Looks for the magic in Pixel Data, whatever the attributes of the image say: archives edit those. It keeps nothing of the
/// value but what stands at one place.
pub(in crate::transform) struct Pixels {
    /// Bytes of the whole value.
    pub(in crate::transform) length: u64,
    /// So many of them have passed.
    seen: u64,
    /// Where the magic may stand, ascending, each further than [`PREFIX`] from the next: multiples of the smallest banner.
    places: Vec<u64>,
    /// What stands at the first of them, as far as it came.
    prefix: Vec<u8>,
    /// Behind the magic: where the segments begin, and their length.
    pub(in crate::transform) segments: Option<(u64, u64)>,
    /// Bytes of the push that found it that stand behind it.
    pub(in crate::transform) behind: usize,
}

impl Pixels {
    /// For a value of that many bytes, and the place that the object's attributes point at.
    pub(in crate::transform) fn new(length: u64, said: Option<u64>) -> Self {
        let forms = [(1, 1), (8, 1), (16, 1), (8, 3)];
        let columns = (0..7).map(|doubled| 512_u16 << doubled);
        let mut places: Vec<u64> = columns
            .flat_map(|columns| forms.iter().filter_map(move |(bits, samples)| magic_at(columns, *bits, *samples)))
            .filter(|place| *place <= NEAR.max(length / PART))
            .chain(said)
            .filter(|place| place.saturating_add(PREFIX) <= length)
            .collect();
        places.sort_unstable();
        places.dedup();
        Self { length, seen: 0, places, prefix: Vec::with_capacity(PREFIX as usize), segments: None, behind: 0 }
    }

    /// Takes more of the value.
    pub(in crate::transform) fn push(&mut self, bytes: &[u8]) -> Verdict {
        let begin = self.seen;
        self.seen += bytes.len() as u64;
        while let Some(place) = self.places.first().copied() {
            let from = (place + self.prefix.len() as u64).saturating_sub(begin);
            let here = bytes.get(usize::try_from(from).unwrap_or(usize::MAX)..).unwrap_or_default();
            let (now, behind) = here.split_at(here.len().min(PREFIX as usize - self.prefix.len()));
            self.prefix.extend_from_slice(now);
            let Some(prefix) = self.prefix.first_chunk::<{ PREFIX as usize }>() else { return Verdict::Unknown };
            let [m0, m1, m2, m3, m4, m5, m6, m7, length @ ..] = *prefix;
            if [m0, m1, m2, m3, m4, m5, m6, m7] == MAGIC {
                self.segments = Some((place + PREFIX, u64::from_le_bytes(length)));
                self.behind = behind.len();
                return Verdict::Seal;
            }
            self.prefix.clear();
            self.places.remove(0);
        }
        Verdict::Nothing
    }

    /// Before the first byte: whether there is room for a seal at all.
    pub(in crate::transform) fn possible(&self) -> bool {
        !self.places.is_empty()
    }
}

/// Looks into Encrypted Attributes.
pub(in crate::transform) struct Attributes {
    pub(in crate::transform) items: Items,
    /// What of segments came so far.
    pub(in crate::transform) segments: Vec<u8>,
}

impl Attributes {
    pub(in crate::transform) fn new(head: &Head, depth: u16) -> Result<Self, WalkFault> {
        Ok(Self { items: Items::new(head, depth)?, segments: Vec::new() })
    }

    /// Takes more of the sequence.
    pub(in crate::transform) fn push(&mut self, bytes: &[u8]) -> Result<Verdict, WalkFault> {
        let Self { items, segments } = self;
        items.push(bytes, |bytes| segments.extend_from_slice(bytes))?;
        Ok(match segments.len() {
            few if few < TELLING => Verdict::Unknown,
            _ if is_segment(segments) => Verdict::Seal,
            _ => Verdict::Nothing,
        })
    }
}

#[cfg(test)]
mod tests;
