//! A data set cut into headers, values and ends as it passes, split anywhere: what those transforms stand on that must
//! know what they are inside of. The parts, one after the other, are the data set byte for byte.
//!
//! It checks what it needs to find its way, not the rules of data sets: a walker goes beside it.

use super::head::{ITEM, ITEM_END, PIXEL_DATA, SEQUENCE_END};
use crate::dicom::Tag;
use crate::dicom::dataset::{Length, Raw, Vr, WalkFault, is_sequence};
use crate::dicom::transfer_syntax::Encoding;
use smallvec::SmallVec;

/// What an element holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    /// Bytes.
    Value,
    /// Items.
    Items,
    /// Fragments of encapsulated pixel data.
    Fragments,
}

/// A header as it came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) raw: Raw,
    /// How it is written.
    pub(super) encoding: Encoding,
    bytes: [u8; 12],
}

impl Head {
    /// Its bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.raw.size).unwrap_or_default()
    }
}

/// A part of a data set.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part<'a> {
    /// An element begins. A value follows as [`Part::Bytes`]; items and fragments end with [`Part::End`].
    Element(Head, Holds),
    /// An item begins: elements up to [`Part::End`].
    Item(Head),
    /// A fragment of pixel data; its bytes follow.
    Fragment(Head),
    /// Bytes of the value or fragment; exactly one part of each is the last, and it may be empty.
    Bytes(&'a [u8], Last),
    /// What began last and did not end yet ends: by a delimiter, or by its length.
    End(Option<Head>),
    /// A delimiter at the end of something of defined length, which counts it in.
    Stray(Head),
    /// Zero bytes behind the data set.
    Zeros(&'a [u8]),
}

/// Whether a value is over.
pub(super) type Last = bool;

/// Something open.
#[derive(Debug, Clone, Copy)]
struct Frame {
    /// `None`: elements.
    holds: Option<Holds>,
    /// Where it ends, where its length is defined.
    end: Option<u64>,
    /// The nearest end of all that hold it.
    bound: u64,
    /// How what is inside is written.
    encoding: Encoding,
}

/// Cuts one data set.
pub(super) struct Scanner {
    position: u64,
    /// The beginning of a header.
    partial: [u8; 12],
    partial_length: usize,
    /// Bytes of a value still to come.
    rest: Option<u32>,
    stack: SmallVec<[Frame; 8]>,
    /// Most sequences inside each other.
    depth: u16,
    zeros: bool,
}

impl Scanner {
    /// Before the first byte of a data set that is not deflated.
    pub(super) fn new(encoding: Encoding, depth: u16) -> Self {
        let bottom = Frame { holds: None, end: None, bound: u64::MAX, encoding };
        let stack = SmallVec::from_slice(&[bottom]);
        Self { position: 0, partial: [0; 12], partial_length: 0, rest: None, stack, depth, zeros: false }
    }

    /// Before the first byte of a value that is items in implicit VR little endian: the last part is the end of them.
    pub(super) fn items(length: u64, depth: u16) -> Self {
        let mut scanner = Self::new(Encoding::ImplicitLe, depth);
        let (holds, end) = (Some(Holds::Items), Some(length));
        scanner.stack.push(Frame { holds, end, bound: length, encoding: Encoding::ImplicitLe });
        scanner
    }

    /// How many sequences, items and encapsulated pixel data are open.
    pub(super) fn open(&self) -> usize {
        self.stack.len().saturating_sub(1)
    }

    /// Bytes taken.
    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    /// The next part, taken off the front of `input`; `None` when more bytes are needed.
    ///
    /// # Errors
    /// The data set is damaged: nothing more may be asked.
    pub(super) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Part<'a>>, WalkFault> {
        if let Some(rest) = self.rest {
            if rest > 0 && input.is_empty() {
                return Ok(None);
            }
            let bytes = take(input, usize::try_from(rest).unwrap_or(usize::MAX));
            self.position += bytes.len() as u64;
            let rest = rest.saturating_sub(u32::try_from(bytes.len()).unwrap_or(rest));
            self.rest = (rest > 0).then_some(rest);
            return Ok(Some(Part::Bytes(bytes, rest == 0)));
        }
        let frame = self.stack.last().copied().ok_or(WalkFault::Over)?;
        if frame.end == Some(self.position) && self.partial_length == 0 {
            self.stack.pop();
            return Ok(Some(Part::End(None)));
        }
        if self.zeros {
            let zeros = std::mem::take(input);
            return match zeros {
                [] => Ok(None),
                _ if zeros.iter().any(|byte| *byte != 0) => Err(WalkFault::Trailing),
                _ => Ok(Some(Part::Zeros(zeros))),
            };
        }
        let Some(head) = self.head(input, frame)? else { return Ok(None) };
        self.position += head.raw.size as u64;
        if self.position > frame.bound {
            return Err(WalkFault::Overrun(head.raw.tag));
        }
        self.part(head, frame).map(Some)
    }

    /// The data set is over.
    ///
    /// # Errors
    /// It may not end here.
    pub(super) fn finish(&self) -> Result<(), WalkFault> {
        let rest = self.partial.get(..self.partial_length).unwrap_or_default();
        let whole = self.rest.is_none() && self.stack.len() == 1 && rest.iter().all(|byte| *byte == 0);
        if whole { Ok(()) } else { Err(WalkFault::Truncated) }
    }

    /// The next header, or what there is of it is kept.
    fn head(&mut self, input: &mut &[u8], frame: Frame) -> Result<Option<Head>, WalkFault> {
        let before = self.partial_length;
        let mut bytes = self.partial;
        let room = bytes.get_mut(before..).unwrap_or_default();
        let more = room.len().min(input.len());
        for (to, from) in room.iter_mut().zip(*input) {
            *to = *from;
        }
        let known = bytes.get(..before + more).unwrap_or_default();
        let raw = match frame.holds {
            None => Raw::element(known, frame.encoding)?,
            Some(_) => Raw::item(known, frame.encoding),
        };
        let Some(raw) = raw else {
            (self.partial, self.partial_length) = (bytes, before + more);
            *input = &[];
            return Ok(None);
        };
        self.partial_length = 0;
        take(input, raw.size.saturating_sub(before));
        Ok(Some(Head { raw, encoding: frame.encoding, bytes }))
    }

    fn part<'a>(&mut self, head: Head, frame: Frame) -> Result<Part<'a>, WalkFault> {
        let Head { raw, .. } = head;
        let end = match raw.length {
            Length::Defined(length) => Some(self.position + u64::from(length)),
            Length::Undefined => None,
        };
        if end.is_some_and(|end| end > frame.bound) {
            return Err(WalkFault::Overrun(raw.tag));
        }
        let inside = Frame { end, bound: end.unwrap_or(frame.bound), ..frame };
        match (frame.holds, raw.tag) {
            (None, ITEM_END) | (Some(_), SEQUENCE_END) => self.delimiter(head, frame),
            (Some(Holds::Items), ITEM) => {
                self.stack.push(Frame { holds: None, ..inside });
                Ok(Part::Item(head))
            }
            (Some(Holds::Fragments), ITEM) => {
                let Length::Defined(length) = raw.length else { return Err(WalkFault::Misplaced(ITEM)) };
                self.rest = Some(length);
                Ok(Part::Fragment(head))
            }
            (None, tag) if tag.group() != ITEM.group() => self.element(head, inside),
            (_, tag) => Err(WalkFault::Misplaced(tag)),
        }
    }

    fn element<'a>(&mut self, head: Head, inside: Frame) -> Result<Part<'a>, WalkFault> {
        let Head { raw, .. } = head;
        let nothing = raw.tag == Tag(0, 0) && raw.vr.is_none() && raw.length == Length::Defined(0);
        if nothing && self.stack.len() == 1 {
            self.zeros = true;
            return Ok(Part::Zeros(&[0; 8]));
        }
        let (holds, encoding) = match (raw.vr, raw.length) {
            (Some(Vr::SQ), _) => (Holds::Items, inside.encoding),
            (Some(_), Length::Defined(_)) => (Holds::Value, inside.encoding),
            // PS3.5 6.2.2 note 2
            (Some(Vr::UN), Length::Undefined) => (Holds::Items, Encoding::ImplicitLe),
            (Some(Vr::OB | Vr::OW), Length::Undefined) if raw.tag == PIXEL_DATA => (Holds::Fragments, inside.encoding),
            (Some(_), Length::Undefined) => return Err(WalkFault::UndefinedLength(raw.tag)),
            (None, length) => match (is_sequence(raw.tag), length) {
                (Some(true), _) | (None, Length::Undefined) => (Holds::Items, inside.encoding),
                (Some(false), Length::Undefined) => return Err(WalkFault::UndefinedLength(raw.tag)),
                (_, Length::Defined(_)) => (Holds::Value, inside.encoding),
            },
        };
        match (holds, raw.length) {
            (Holds::Value, Length::Defined(length)) => self.rest = Some(length),
            _ => {
                let open = self.stack.iter().filter(|frame| frame.holds.is_some()).count();
                if open >= usize::from(self.depth) {
                    return Err(WalkFault::Depth { tag: raw.tag, limit: self.depth });
                }
                self.stack.push(Frame { holds: Some(holds), encoding, ..inside });
            }
        }
        Ok(Part::Element(head, holds))
    }

    fn delimiter<'a>(&mut self, head: Head, frame: Frame) -> Result<Part<'a>, WalkFault> {
        if head.raw.length != Length::Defined(0) {
            return Err(WalkFault::DelimiterLength(head.raw.tag));
        }
        match frame.end {
            Some(end) if end == self.position => Ok(Part::Stray(head)),
            None if self.stack.len() > 1 => {
                self.stack.pop();
                Ok(Part::End(Some(head)))
            }
            _ => Err(WalkFault::Misplaced(head.raw.tag)),
        }
    }
}

/// At most so many bytes off the front.
fn take<'a>(input: &mut &'a [u8], most: usize) -> &'a [u8] {
    let (taken, behind) = input.split_at_checked(most).unwrap_or((input, &[]));
    *input = behind;
    taken
}
