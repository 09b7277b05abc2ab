//! One header after the other: what it opens, what it closes, whether it may stand there.

use super::header::{self, Raw};
use super::{Core, Header, Length, Sink, Want};
use crate::dicom::Tag;
use crate::dicom::dataset::stack::{Frame, ITEM, ITEM_END, Kind, PIXEL_DATA, SEQUENCE_END, is_banned, is_identifying};
use crate::dicom::dataset::{Vr, WalkFault};
use crate::dicom::dimse::Tolerance;
use crate::dicom::transfer_syntax::Encoding;
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry, VirtualVr};
use dicom_dictionary_std::StandardDataDictionary;

/// Distinct top-level tags that are remembered where they need not ascend.
const MOST_TAGS: usize = 65_536;

impl Core {
    pub(super) fn push(&mut self, mut input: &[u8], sink: &mut impl Sink) -> Result<(), WalkFault> {
        loop {
            if self.rest > 0 {
                let here = usize::try_from(self.rest).unwrap_or(usize::MAX).min(input.len());
                let (value, behind) = input.split_at(here);
                self.pass(value, sink)?;
                if self.rest > 0 {
                    return Ok(());
                }
                input = behind;
            }
            if input.is_empty() {
                return Ok(());
            }
            if self.trailing {
                return if input.iter().all(|byte| *byte == 0) { Ok(()) } else { Err(WalkFault::Trailing) };
            }
            if self.partial_length == 0 {
                input = self.run(input, sink)?;
                if input.is_empty() {
                    return Ok(());
                }
            }
            let Some((raw, used)) = self.header(input)? else {
                return Ok(());
            };
            let Some((_, behind)) = input.split_at_checked(used) else {
                return Err(WalkFault::Over);
            };
            input = behind;
            let offset = self.position;
            self.position += raw.size as u64;
            self.step(&raw, offset, sink)?;
        }
    }

    pub(super) fn finish(&self) -> Result<(), WalkFault> {
        if self.rest > 0 || self.stack.len() != 1 {
            return Err(WalkFault::Truncated);
        }
        let partial = self.partial.get(..self.partial_length).unwrap_or_default();
        match partial {
            [] => Ok(()),
            zeros if zeros.iter().all(|byte| *byte == 0) => {
                if self.tolerances.has(Tolerance::Trailing) {
                    Ok(())
                } else {
                    Err(WalkFault::Trailing)
                }
            }
            _ => Err(WalkFault::Truncated),
        }
    }

    /// The next header and how many bytes of `input` it took; what there is of it is kept if that is not all.
    fn header(&mut self, input: &[u8]) -> Result<Option<(Raw, usize)>, WalkFault> {
        let Some(frame) = self.stack.last() else {
            return Err(WalkFault::Over);
        };
        if self.partial_length == 0 {
            let raw = header::read(input, frame, self.tolerances)?;
            if let Some(raw) = raw {
                let used = raw.size;
                return Ok(Some((raw, used)));
            }
        }
        let before = self.partial_length;
        let room = self.partial.get_mut(before..).unwrap_or_default();
        let more = room.len().min(input.len());
        for (to, from) in room.iter_mut().zip(input) {
            *to = *from;
        }
        let known = self.partial.get(..before + more).unwrap_or_default();
        match header::read(known, frame, self.tolerances)? {
            Some(raw) => {
                self.partial_length = 0;
                let used = raw.size.saturating_sub(before);
                Ok(Some((raw, used)))
            }
            None => {
                self.partial_length = before + more;
                Ok(None)
            }
        }
    }

    /// Some bytes of a value go by.
    fn pass(&mut self, bytes: &[u8], sink: &mut impl Sink) -> Result<(), WalkFault> {
        self.position += bytes.len() as u64;
        self.rest -= u32::try_from(bytes.len()).unwrap_or(self.rest);
        if let Some(header) = self.wanted {
            if self.rest == 0 && self.value.is_empty() {
                self.wanted = None;
                sink.value(&header, bytes)?;
            } else {
                self.value.extend_from_slice(bytes);
                if self.rest == 0 {
                    self.wanted = None;
                    sink.value(&header, &self.value)?;
                    self.value = Vec::new();
                }
            }
        }
        if self.rest == 0 {
            self.close(sink);
        }
        Ok(())
    }

    fn step(&mut self, raw: &Raw, offset: u64, sink: &mut impl Sink) -> Result<(), WalkFault> {
        self.elements += 1;
        if self.elements > self.limits.elements {
            return Err(WalkFault::Elements(self.limits.elements));
        }
        let Some(&frame) = self.stack.last() else {
            return Err(WalkFault::Over);
        };
        if self.position > frame.bound {
            return Err(WalkFault::Overrun(raw.tag));
        }
        match frame.kind {
            Kind::Elements if raw.tag.group() == 0xfffe => self.delimiter(raw, &frame, ITEM_END, sink),
            Kind::Elements => self.element(raw, offset, &frame, sink),
            Kind::Sequence | Kind::Fragments if raw.tag != ITEM => self.delimiter(raw, &frame, SEQUENCE_END, sink),
            Kind::Sequence => {
                let end = self.end_of(raw)?;
                let bound = end.unwrap_or(frame.bound);
                self.stack.push(Frame { kind: Kind::Elements, end, bound, last: None, ..frame });
                sink.item(frame.tag, self.depth());
                self.close(sink);
                Ok(())
            }
            Kind::Fragments => {
                let Length::Defined(length) = raw.length else {
                    return Err(WalkFault::Misplaced(raw.tag));
                };
                self.end_of(raw)?;
                self.rest = length;
                Ok(())
            }
        }
    }

    /// Something of group FFFE that is no item.
    fn delimiter(&mut self, raw: &Raw, frame: &Frame, wanted: Tag, sink: &mut impl Sink) -> Result<(), WalkFault> {
        let closes = raw.tag == wanted && frame.end.is_none() && self.stack.len() > 1;
        // At the very end every reader goes on at the same byte, whether it minds the length or the delimiter.
        let stray = raw.tag == wanted && frame.end == Some(self.position);
        if !closes && !stray {
            return Err(WalkFault::Misplaced(raw.tag));
        }
        if raw.length != Length::Defined(0) {
            return Err(WalkFault::DelimiterLength(raw.tag));
        }
        if stray && !self.tolerances.has(Tolerance::Delimiter) {
            return Err(WalkFault::Delimiter(raw.tag));
        }
        if closes {
            self.pop(sink);
        }
        self.close(sink);
        Ok(())
    }

    fn element(&mut self, raw: &Raw, offset: u64, frame: &Frame, sink: &mut impl Sink) -> Result<(), WalkFault> {
        let tag = raw.tag;
        if is_banned(tag) {
            return self.zeros(raw);
        }
        self.in_order(tag, frame)?;
        let end = self.end_of(raw)?;
        let header =
            Header { tag, vr: raw.vr, length: raw.length, depth: self.depth(), offset, encoding: frame.encoding };
        let want = sink.element(&header)?;
        if let Some((kind, encoding)) = self.contents(raw, frame.encoding)? {
            let depth = self.stack.iter().filter(|frame| frame.kind != Kind::Elements).count();
            if depth >= usize::from(self.limits.depth) {
                return Err(WalkFault::Depth { tag, limit: self.limits.depth });
            }
            let bound = end.unwrap_or(frame.bound);
            self.stack.push(Frame { kind, tag, end, bound, encoding, last: None });
            self.close(sink);
            return Ok(());
        }
        let Length::Defined(length) = raw.length else {
            return Err(WalkFault::UndefinedLength(tag));
        };
        if want == Want::Value {
            if length > self.limits.value {
                return Err(WalkFault::ValueTooLong { tag, limit: self.limits.value });
            }
            if length == 0 {
                sink.value(&header, &[])?;
            } else {
                self.wanted = Some(header);
            }
        }
        self.rest = length;
        if length == 0 {
            self.close(sink);
        }
        Ok(())
    }

    /// Tags ascend, and none occurs twice.
    fn in_order(&mut self, tag: Tag, frame: &Frame) -> Result<(), WalkFault> {
        let top = self.stack.len() == 1;
        let identifying = top && is_identifying(tag);
        let disorder = self.tolerances.has(Tolerance::Order);
        let late = frame.last.is_some_and(|last| tag < last);
        if late && identifying {
            return Err(WalkFault::IdentifyingOrder(tag));
        }
        if late && !disorder {
            return Err(WalkFault::Order(tag));
        }
        let again = frame.last == Some(tag) || top && disorder && self.seen.contains(&tag);
        if again && identifying {
            return Err(WalkFault::Ambiguous(tag));
        }
        if again && !self.tolerances.has(Tolerance::Duplicate) {
            return Err(WalkFault::Duplicate(tag));
        }
        if top && disorder {
            self.seen.insert(tag);
            if self.seen.len() > MOST_TAGS {
                return Err(WalkFault::Elements(MOST_TAGS as u64));
            }
        }
        if let Some(frame) = self.stack.last_mut() {
            frame.last = frame.last.max(Some(tag));
        }
        Ok(())
    }

    /// Where an element or item ends; it may not run over what holds it.
    fn end_of(&self, raw: &Raw) -> Result<Option<u64>, WalkFault> {
        let Length::Defined(length) = raw.length else {
            return Ok(None);
        };
        if length % 2 != 0 && !self.tolerances.has(Tolerance::OddLength) {
            return Err(WalkFault::OddLength(raw.tag));
        }
        let end = self.position + u64::from(length);
        let bound = self.stack.last().map_or(u64::MAX, |frame| frame.bound);
        if end > bound { Err(WalkFault::Overrun(raw.tag)) } else { Ok(Some(end)) }
    }

    /// What an element holds if not a value, and how that is written.
    fn contents(&self, raw: &Raw, encoding: Encoding) -> Result<Option<(Kind, Encoding)>, WalkFault> {
        let undefined = raw.length == Length::Undefined;
        match raw.vr {
            Some(Vr::SQ) => Ok(Some((Kind::Sequence, encoding))),
            _ if !undefined && raw.vr.is_some() => Ok(None),
            Some(Vr::UN) => Ok(Some((Kind::Sequence, Encoding::ImplicitLe))),
            Some(Vr::OB | Vr::OW) if raw.tag == PIXEL_DATA => Ok(Some((Kind::Fragments, encoding))),
            Some(_) => Err(WalkFault::UndefinedLength(raw.tag)),
            None => match (is_sequence(raw.tag), undefined) {
                (Some(true), _) | (None, true) => Ok(Some((Kind::Sequence, encoding))),
                (Some(false), true) => Err(WalkFault::UndefinedLength(raw.tag)),
                (_, false) => Ok(None),
            },
        }
    }

    /// An element of a banned group is one, unless it is zero bytes behind the data set.
    fn zeros(&mut self, raw: &Raw) -> Result<(), WalkFault> {
        let nothing = raw.tag == Tag(0, 0) && raw.length == Length::Defined(0) && raw.vr.is_none();
        if !nothing || self.stack.len() != 1 {
            return Err(WalkFault::Group(raw.tag));
        }
        if !self.tolerances.has(Tolerance::Trailing) {
            return Err(WalkFault::Trailing);
        }
        self.trailing = true;
        Ok(())
    }

    /// Pops what ends here by its length.
    pub(super) fn close(&mut self, sink: &mut impl Sink) {
        while self.stack.last().is_some_and(|frame| frame.end == Some(self.position)) {
            self.pop(sink);
        }
    }

    fn pop(&mut self, sink: &mut impl Sink) {
        if let Some(frame) = self.stack.pop()
            && frame.kind != Kind::Elements
        {
            sink.sequence_end(frame.tag, self.depth());
        }
    }

    /// How many items are open.
    pub(super) fn depth(&self) -> u16 {
        // Frames alternate: the data set, a sequence, its item, ...
        u16::try_from(self.stack.len().saturating_sub(1) / 2).unwrap_or(u16::MAX)
    }
}

/// Whether the dictionary knows an element as a sequence; `None` if it does not know it.
pub(in crate::dicom::dataset) fn is_sequence(tag: Tag) -> Option<bool> {
    if tag.is_private() {
        return None;
    }
    let entry = StandardDataDictionary.by_tag(dicom_core::Tag(tag.0, tag.1))?;
    Some(entry.vr() == VirtualVr::Exact(dicom_core::VR::SQ))
}

/// Whether the dictionary has words here that are signed where pixels are.
pub(in crate::dicom::dataset) fn is_signed_or_not(tag: Tag) -> bool {
    let entry = StandardDataDictionary.by_tag(dicom_core::Tag(tag.0, tag.1));
    entry.is_some_and(|entry| entry.vr() == VirtualVr::Xs)
}
