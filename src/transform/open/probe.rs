//! Where a seal may stand: is it there?

use super::items::{Items, TELLING, is_segment};
use crate::dicom::dataset::WalkFault;
use crate::transform::scan::Head;
use crate::vault::carrier::{MAGIC, PREFIX, magic_at};

/// Up to here the magic is looked for in any Pixel Data: smallest banners of every form of pixels.
const NEAR: u64 = 3 * 512 * 48;
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

/// Looks for the magic in Pixel Data, whatever the attributes of the image say: archives edit those.
pub(in crate::transform) struct Pixels {
    /// Bytes of the whole value.
    pub(in crate::transform) length: u64,
    /// Its beginning.
    pub(in crate::transform) value: Vec<u8>,
    /// Where the magic may stand, ascending.
    places: Vec<u64>,
    /// Behind the magic: where the segments begin, and their length.
    pub(in crate::transform) segments: Option<(u64, u64)>,
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
        Self { length, value: Vec::new(), places, segments: None }
    }

    /// Takes more of the value.
    pub(in crate::transform) fn push(&mut self, bytes: &[u8]) -> Verdict {
        self.value.extend_from_slice(bytes);
        self.look()
    }

    fn look(&mut self) -> Verdict {
        while let Some(place) = self.places.first().copied() {
            let at = usize::try_from(place).unwrap_or(usize::MAX);
            let Some(prefix) = self.value.get(at..).and_then(|rest| rest.first_chunk::<{ PREFIX as usize }>()) else {
                return Verdict::Unknown;
            };
            let [m0, m1, m2, m3, m4, m5, m6, m7, length @ ..] = *prefix;
            if [m0, m1, m2, m3, m4, m5, m6, m7] == MAGIC {
                self.segments = Some((place + PREFIX, u64::from_le_bytes(length)));
                return Verdict::Seal;
            }
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
