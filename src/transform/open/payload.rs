//! What was sealed, as it comes out of the segments: elements that are small enough are whole, the others pass.

use super::split::{Event, Slice, Split};
use crate::dicom::Tag;
use crate::dicom::dataset::{Length, WalkFault};
use crate::dicom::transfer_syntax::Encoding;
use crate::transform::scan::{Head, Holds};
use bytes::Bytes;
use std::collections::VecDeque;

/// Values up to so many bytes are taken whole.
const SMALL: u32 = 64 << 10;
const FRAMES: Tag = Tag(0x0028, 0x0008);
const ROWS: Tag = Tag(0x0028, 0x0010);
const COLUMNS: Tag = Tag(0x0028, 0x0011);

/// An element that is whole.
#[derive(Clone)]
pub(super) struct Whole {
    pub(super) head: Head,
    pub(super) holds: Holds,
    /// Its header, too.
    pub(super) bytes: Vec<u8>,
}

impl Whole {
    pub(super) fn tag(&self) -> Tag {
        self.head.raw.tag
    }

    /// What is behind its header.
    pub(super) fn value(&self) -> &[u8] {
        self.bytes.get(self.head.raw.size..).unwrap_or_default()
    }
}

/// Something sealed, authenticated.
pub(super) enum Sealed {
    Whole(Whole),
    /// A long value begins, or pixel data in fragments.
    Begin(Head),
    More(Bytes),
    End,
}

impl Sealed {
    /// How many bytes it holds.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Whole(whole) => whole.bytes.len(),
            Self::More(bytes) => bytes.len(),
            Self::Begin(_) | Self::End => 0,
        }
    }
}

/// What the original says of its image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) rows: u16,
    pub(super) columns: u16,
    pub(super) frames: u32,
}

/// Reads the payload.
pub(super) struct Payload {
    split: Split,
    encoding: Encoding,
    /// The element that is being gathered.
    current: Option<Whole>,
    facts: Facts,
    known: bool,
    /// Bytes that an element may have which must be whole.
    limit: u32,
}

impl Payload {
    pub(super) fn new(encoding: Encoding, depth: u16, limit: u32) -> Self {
        let facts = Facts { rows: 0, columns: 0, frames: 1 };
        Self { split: Split::new(encoding, depth), encoding, current: None, facts, known: false, limit }
    }

    /// Takes the next authenticated bytes; those of long values come out as the same bytes, not as a copy. `None`: an
    /// element is longer than what may be held.
    pub(super) fn push(&mut self, bytes: &Bytes, ready: &mut VecDeque<Sealed>) -> Result<Option<()>, WalkFault> {
        let mut input = &**bytes;
        while let Some(event) = self.split.next(&mut input)? {
            match (event, &mut self.current) {
                (Event::Begin(head, holds), _) => {
                    self.known |= head.raw.tag > COLUMNS;
                    if is_whole(&head, holds, SMALL) {
                        self.current = Some(Whole { head, holds, bytes: head.bytes().to_vec() });
                    } else {
                        ready.push_back(Sealed::Begin(head));
                    }
                }
                (Event::More(more), Some(whole)) => {
                    whole.bytes.extend_from_slice(more.bytes());
                    if whole.bytes.len() > self.limit as usize {
                        return Ok(None);
                    }
                }
                (Event::More(Slice::Input([])), None) => {}
                (Event::More(Slice::Input(more)), None) => ready.push_back(Sealed::More(bytes.slice_ref(more))),
                (Event::More(Slice::Head(head)), None) => {
                    ready.push_back(Sealed::More(Bytes::copy_from_slice(head.bytes())));
                }
                (Event::End, current) => match current.take() {
                    Some(whole) => {
                        self.note(&whole);
                        ready.push_back(Sealed::Whole(whole));
                    }
                    None => ready.push_back(Sealed::End),
                },
            }
        }
        Ok(Some(()))
    }

    /// There is no more of it.
    pub(super) fn finish(&mut self) -> Result<(), WalkFault> {
        self.known = true;
        self.split.finish()
    }

    /// What the original says of its image, once all that could say something has come.
    pub(super) fn facts(&self) -> Option<Facts> {
        self.known.then_some(self.facts)
    }

    fn note(&mut self, whole: &Whole) {
        let number = || {
            let pair = whole.value().first_chunk::<2>().copied().unwrap_or_default();
            if self.encoding == Encoding::ExplicitBe { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
        };
        match whole.tag() {
            ROWS => self.facts.rows = number(),
            COLUMNS => self.facts.columns = number(),
            FRAMES => {
                let text = std::str::from_utf8(whole.value()).unwrap_or_default();
                let text = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\0');
                self.facts.frames = text.parse().unwrap_or(1);
            }
            _ => {}
        }
    }
}

/// Whether an element is gathered before anything is done with it: sequences, and values up to a length.
pub(super) fn is_whole(head: &Head, holds: Holds, small: u32) -> bool {
    match (holds, head.raw.length) {
        (Holds::Items, _) => true,
        (Holds::Value, Length::Defined(length)) => length <= small,
        (Holds::Value, Length::Undefined) | (Holds::Fragments, _) => false,
    }
}
