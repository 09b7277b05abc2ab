//! Empties attributes of an object as it passes, at every depth: values get no length, sequences no items. This is no
//! de-identification: pixels, private values that are no data sets, and whatever nobody named stay.
//!
//! An element stays rather than goes, because an attribute of type 2 may be empty but not absent (PS3.5 7.4.3). Sequences and items
//! of defined length are held whole up to a limit and keep defined lengths; longer ones are written with undefined length.
//! What may be such a sequence without saying so, UN or private in implicit VR, is refused beyond the limit.
//! Group lengths (gggg,0000; retired) outside of what is held are left out. All else passes byte for byte: bounded memory, one
//! output for every split of the input. It checks no rules of data sets: a walker goes beside it.

mod held;
#[cfg(test)]
mod tests;

use crate::dicom::Tag;
use crate::dicom::dataset::record::RecordFault;
use crate::dicom::dataset::{Length, Raw, Vr, WalkFault, is_sequence};
use crate::dicom::transfer_syntax::Encoding;
use crate::transform::head::{ITEM, ITEM_END, SEQUENCE_END, put_header};

/// How the tag of an item is written, in either byte order.
const ITEMS: [[u8; 4]; 2] = [[0xfe, 0xff, 0x00, 0xe0], [0xff, 0xfe, 0xe0, 0x00]];

/// Why an object cannot be rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HideFault {
    /// Deflated data sets are not rewritten.
    #[error("attributes cannot be hidden in a deflated data set")]
    Deflated,
    /// The data set is damaged, or past a limit.
    #[error(transparent)]
    Walk(#[from] WalkFault),
    /// A sequence in it is damaged, or past a limit.
    #[error(transparent)]
    Record(#[from] RecordFault),
    /// A value that does not say what it is begins like a sequence, and is too long to be looked into.
    #[error("{0} may be a sequence, and is longer than the limit `hide_held`")]
    Unknown(Tag),
}

/// How much is held; `hide_held` and `data_set_depth` of `[limits]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HideLimits {
    /// Bytes of a sequence or item that keeps its defined length; default 64 KiB.
    pub held: u32,
    /// Sequences inside each other; default 64.
    pub depth: u16,
}

impl Default for HideLimits {
    fn default() -> Self {
        Self { held: 64 << 10, depth: 64 }
    }
}

/// Rewrites one data set.
pub struct Hide {
    /// Ascending.
    tags: Vec<Tag>,
    limits: HideLimits,
    /// Bytes taken so far.
    position: u64,
    /// The beginning of a header.
    partial: [u8; 12],
    partial_length: usize,
    state: State,
    stack: Vec<Frame>,
    /// Nothing goes out until so few frames are left.
    muted: Option<usize>,
}

enum State {
    /// A header comes.
    Header,
    /// So many bytes of a value go on.
    Copy(u32),
    /// So many bytes of a value are left out.
    Drop(u32),
    /// A sequence, an item or a value that may be a sequence is held: it and so many bytes to come.
    Hold { raw: Raw, bytes: Vec<u8>, rest: u32 },
    /// The first bytes of a value too long to be held, which may be a sequence; so many are still to come of all of it.
    Peek { tag: Tag, first: [u8; 4], known: u8, rest: u32 },
    /// Only zero bytes come.
    Tail,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Elements,
    Sequence,
    Fragments,
}

/// Something open.
#[derive(Debug, Clone, Copy)]
struct Frame {
    kind: Kind,
    /// Where it ends if it came with a defined length; it goes on with an undefined one.
    end: Option<u64>,
    bound: u64,
    encoding: Encoding,
}

impl Hide {
    /// Before the first byte of a data set.
    ///
    /// # Errors
    /// The encoding is deflated.
    pub fn new(encoding: Encoding, tags: &[Tag]) -> Result<Self, HideFault> {
        Self::with_limits(encoding, tags, HideLimits::default())
    }

    /// The same within these limits.
    ///
    /// # Errors
    /// The encoding is deflated.
    pub fn with_limits(encoding: Encoding, tags: &[Tag], limits: HideLimits) -> Result<Self, HideFault> {
        if encoding == Encoding::Deflated {
            return Err(HideFault::Deflated);
        }
        let mut tags = tags.to_vec();
        tags.sort_unstable();
        Ok(Self {
            tags,
            limits,
            position: 0,
            partial: [0; 12],
            partial_length: 0,
            state: State::Header,
            stack: vec![Frame { kind: Kind::Elements, end: None, bound: u64::MAX, encoding }],
            muted: None,
        })
    }

    /// Takes the next bytes, as many as there are, and appends what is to go on.
    ///
    /// # Errors
    /// The data set is damaged: nothing more may be pushed.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> Result<(), HideFault> {
        while !bytes.is_empty() {
            bytes = match std::mem::replace(&mut self.state, State::Header) {
                State::Header => self.header(bytes, out)?,
                State::Copy(rest) => {
                    let (value, behind, rest) = self.take(bytes, rest);
                    if self.muted.is_none() {
                        out.extend_from_slice(value);
                    }
                    self.go_on(if rest == 0 { State::Header } else { State::Copy(rest) }, out);
                    behind
                }
                State::Drop(rest) => {
                    let (_, behind, rest) = self.take(bytes, rest);
                    self.go_on(if rest == 0 { State::Header } else { State::Drop(rest) }, out);
                    behind
                }
                State::Hold { raw, bytes: mut held, rest } => {
                    let (value, behind, rest) = self.take(bytes, rest);
                    held.extend_from_slice(value);
                    if rest == 0 {
                        self.release(&raw, &held, out)?;
                        self.go_on(State::Header, out);
                    } else {
                        self.state = State::Hold { raw, bytes: held, rest };
                    }
                    behind
                }
                State::Peek { tag, mut first, mut known, rest } => {
                    let (value, behind, _) = self.take(bytes, 4_u32.saturating_sub(known.into()));
                    for byte in value {
                        first.rotate_left(1);
                        first[3] = *byte;
                        known += 1;
                    }
                    let rest = rest.saturating_sub(u32::try_from(value.len()).unwrap_or(rest));
                    if known < 4 {
                        self.state = State::Peek { tag, first, known, rest };
                    } else if ITEMS.contains(&first) {
                        return Err(HideFault::Unknown(tag));
                    } else {
                        out.extend_from_slice(&first);
                        self.go_on(if rest == 0 { State::Header } else { State::Copy(rest) }, out);
                    }
                    behind
                }
                State::Tail => {
                    if bytes.iter().any(|byte| *byte != 0) {
                        return Err(WalkFault::Trailing.into());
                    }
                    out.extend_from_slice(bytes);
                    self.state = State::Tail;
                    &[]
                }
            };
        }
        Ok(())
    }

    /// The data set is over; appends what was held.
    ///
    /// # Errors
    /// It may not end here.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), HideFault> {
        let rest = self.partial.get(..self.partial_length).unwrap_or_default();
        let complete = matches!(self.state, State::Header | State::Tail) && self.stack.len() == 1;
        if !complete || rest.iter().any(|byte| *byte != 0) {
            return Err(WalkFault::Truncated.into());
        }
        out.extend_from_slice(rest);
        self.partial_length = 0;
        Ok(())
    }

    fn take<'a>(&mut self, bytes: &'a [u8], rest: u32) -> (&'a [u8], &'a [u8], u32) {
        let here = usize::try_from(rest).unwrap_or(usize::MAX).min(bytes.len());
        let (value, behind) = bytes.split_at(here);
        self.position += value.len() as u64;
        (value, behind, rest - u32::try_from(value.len()).unwrap_or(rest))
    }

    fn go_on(&mut self, state: State, out: &mut Vec<u8>) {
        let header = matches!(state, State::Header);
        self.state = state;
        if header {
            self.close(out);
        }
    }

    fn top(&self) -> Result<Frame, WalkFault> {
        self.stack.last().copied().ok_or(WalkFault::Over)
    }

    /// Takes a header, or the beginning of one.
    fn header<'a>(&mut self, bytes: &'a [u8], out: &mut Vec<u8>) -> Result<&'a [u8], HideFault> {
        let frame = self.top()?;
        let before = self.partial_length;
        let mut gathered = self.partial;
        let room = gathered.get_mut(before..).unwrap_or_default();
        let more = room.len().min(bytes.len());
        for (to, from) in room.iter_mut().zip(bytes) {
            *to = *from;
        }
        let known = gathered.get(..before + more).unwrap_or_default();
        let raw = match frame.kind {
            Kind::Elements => Raw::element(known, frame.encoding)?,
            Kind::Sequence | Kind::Fragments => Raw::item(known, frame.encoding),
        };
        let Some(raw) = raw else {
            (self.partial, self.partial_length) = (gathered, before + more);
            return Ok(&[]);
        };
        self.partial_length = 0;
        self.position += raw.size as u64;
        if self.position > frame.bound {
            return Err(WalkFault::Overrun(raw.tag).into());
        }
        let header = gathered.get(..raw.size).unwrap_or_default();
        self.step(&raw, header, frame, out)?;
        if matches!(self.state, State::Header | State::Copy(0) | State::Drop(0)) {
            self.go_on(State::Header, out);
        } else if let State::Hold { rest: 0, .. } = self.state {
            // Nothing is inside.
            out.extend_from_slice(header);
            self.go_on(State::Header, out);
        }
        let used = raw.size.saturating_sub(before);
        Ok(bytes.get(used..).unwrap_or_default())
    }

    fn step(&mut self, raw: &Raw, header: &[u8], frame: Frame, out: &mut Vec<u8>) -> Result<(), HideFault> {
        let end = match raw.length {
            Length::Defined(length) => Some(self.position + u64::from(length)),
            Length::Undefined => None,
        };
        if end.is_some_and(|end| end > frame.bound) {
            return Err(WalkFault::Overrun(raw.tag).into());
        }
        let bound = end.unwrap_or(frame.bound);
        match frame.kind {
            Kind::Elements if raw.tag == ITEM_END => self.delimiter(raw, header, frame, out),
            Kind::Sequence | Kind::Fragments if raw.tag == SEQUENCE_END => self.delimiter(raw, header, frame, out),
            Kind::Sequence if raw.tag == ITEM => {
                let inside = Frame { kind: Kind::Elements, end, bound, ..frame };
                self.open(raw, header, inside, out)
            }
            Kind::Fragments if raw.tag == ITEM => {
                let Length::Defined(length) = raw.length else { return Err(WalkFault::Misplaced(ITEM).into()) };
                self.pass(header, State::Copy(length), out);
                Ok(())
            }
            Kind::Elements if raw.tag.group() != ITEM.group() => self.element(raw, header, (end, bound), frame, out),
            _ => Err(WalkFault::Misplaced(raw.tag).into()),
        }
    }

    fn element(
        &mut self,
        raw: &Raw,
        header: &[u8],
        (end, bound): (Option<u64>, u64),
        frame: Frame,
        out: &mut Vec<u8>,
    ) -> Result<(), HideFault> {
        let nothing = raw.tag == Tag(0, 0) && raw.vr.is_none() && raw.length == Length::Defined(0);
        if nothing && self.stack.len() == 1 {
            self.pass(header, State::Tail, out);
            return Ok(());
        }
        let inside = match (raw.vr, end) {
            (Some(Vr::SQ), _) => Some((Kind::Sequence, frame.encoding)),
            (Some(Vr::UN), None) => Some((Kind::Sequence, Encoding::ImplicitLe)),
            (Some(Vr::OB | Vr::OW), None) => Some((Kind::Fragments, frame.encoding)),
            (None, None) => Some((Kind::Sequence, frame.encoding)),
            (None, Some(_)) if is_sequence(raw.tag) == Some(true) => Some((Kind::Sequence, frame.encoding)),
            _ => None,
        };
        let inside = inside.map(|(kind, encoding)| Frame { kind, end, bound, encoding });
        if self.tags.binary_search(&raw.tag).is_ok() {
            if self.muted.is_none() {
                put_header(out, frame.encoding, raw.tag, raw.vr, 0);
            }
            match (raw.length, inside) {
                (Length::Defined(length), _) => self.state = State::Drop(length),
                (Length::Undefined, Some(inside)) => {
                    self.muted = self.muted.or(Some(self.stack.len()));
                    self.push_frame(inside, raw.tag)?;
                }
                (Length::Undefined, None) => return Err(WalkFault::UndefinedLength(raw.tag).into()),
            }
            return Ok(());
        }
        match (raw.length, inside) {
            (Length::Defined(length), _) if raw.tag.element() == 0 => self.state = State::Drop(length),
            (_, Some(inside)) => return self.open(raw, header, inside, out),
            (Length::Undefined, None) => return Err(WalkFault::UndefinedLength(raw.tag).into()),
            (Length::Defined(length), None) => {
                // An archive passes a sequence that it does not know on as UN; in implicit VR a private one has no mark.
                let unknown = raw.vr == Some(Vr::UN) || raw.vr.is_none() && is_sequence(raw.tag).is_none();
                if unknown && (8..=self.limits.held).contains(&length) && self.muted.is_none() {
                    self.state = State::Hold { raw: *raw, bytes: header.to_vec(), rest: length };
                } else if unknown && length >= 8 && self.muted.is_none() {
                    let (first, known) = ([0; 4], 0);
                    self.pass(header, State::Peek { tag: raw.tag, first, known, rest: length }, out);
                } else {
                    self.pass(header, State::Copy(length), out);
                }
            }
        }
        Ok(())
    }

    /// A sequence, item or encapsulated pixel data begins.
    fn open(&mut self, raw: &Raw, header: &[u8], inside: Frame, out: &mut Vec<u8>) -> Result<(), HideFault> {
        match raw.length {
            _ if self.muted.is_some() => {}
            Length::Defined(length) if length <= self.limits.held => {
                self.state = State::Hold { raw: *raw, bytes: header.to_vec(), rest: length };
                return Ok(());
            }
            Length::Defined(_) => put_header(out, self.top()?.encoding, raw.tag, raw.vr, u32::MAX),
            Length::Undefined => out.extend_from_slice(header),
        }
        self.push_frame(inside, raw.tag)
    }

    fn push_frame(&mut self, frame: Frame, tag: Tag) -> Result<(), HideFault> {
        let open = self.stack.iter().filter(|frame| frame.kind != Kind::Elements).count();
        if frame.kind != Kind::Elements && open >= usize::from(self.limits.depth) {
            return Err(WalkFault::Depth { tag, limit: self.limits.depth }.into());
        }
        self.stack.push(frame);
        Ok(())
    }

    fn pass(&mut self, header: &[u8], state: State, out: &mut Vec<u8>) {
        if self.muted.is_none() {
            out.extend_from_slice(header);
        }
        self.state = state;
    }

    fn delimiter(&mut self, raw: &Raw, header: &[u8], frame: Frame, out: &mut Vec<u8>) -> Result<(), HideFault> {
        if raw.length != Length::Defined(0) {
            return Err(WalkFault::DelimiterLength(raw.tag).into());
        }
        match frame.end {
            // One at the end of a defined length: the one that is added there takes its place.
            Some(end) if end == self.position => Ok(()),
            None if self.stack.len() > 1 => {
                if self.muted.is_none() {
                    out.extend_from_slice(header);
                }
                self.pop();
                Ok(())
            }
            _ => Err(WalkFault::Misplaced(raw.tag).into()),
        }
    }

    /// What ends here by its length, which went on without one, gets its delimiter.
    fn close(&mut self, out: &mut Vec<u8>) {
        while let Some(frame) = self.stack.last().copied().filter(|frame| frame.end == Some(self.position)) {
            if self.muted.is_none() {
                let tag = if frame.kind == Kind::Elements { ITEM_END } else { SEQUENCE_END };
                put_header(out, frame.encoding, tag, None, 0);
            }
            self.pop();
        }
    }

    fn pop(&mut self) {
        self.stack.pop();
        if self.muted.is_some_and(|height| self.stack.len() <= height) {
            self.muted = None;
        }
    }
}

/// May hold what a patient is called.
impl std::fmt::Debug for Hide {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hide").field("tags", &self.tags).field("position", &self.position).finish_non_exhaustive()
    }
}
