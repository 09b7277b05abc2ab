//! The walk over what is as most is: explicit VR little endian, ascending, headers and values whole in the bytes at
//! hand. Whatever is otherwise is left to the step, which knows all cases and says what is wrong; so this changes
//! nothing but the time that it takes, and a property test holds the two together.

use super::{Core, Header, Length, Sink, Want};
use crate::dicom::Tag;
use crate::dicom::dataset::WalkFault;
use crate::dicom::dataset::stack::{Frame, ITEM, Kind, is_banned};
use crate::dicom::dataset::vr::{Form, Vr};
use crate::dicom::dimse::Tolerance;
use crate::dicom::transfer_syntax::Encoding;

/// A header of eight or twelve bytes, and what is behind it.
struct Ordinary<'a> {
    tag: Tag,
    vr: Vr,
    length: u32,
    size: u64,
    behind: &'a [u8],
}

impl Core {
    /// Runs over what is ordinary at the beginning of `input`; what is left begins with something else.
    pub(super) fn run<'a>(&mut self, mut input: &'a [u8], sink: &mut impl Sink) -> Result<&'a [u8], WalkFault> {
        loop {
            let Some(&frame) = self.stack.last() else { return Ok(input) };
            if frame.encoding != Encoding::ExplicitLe {
                return Ok(input);
            }
            let before = input.len();
            input = match frame.kind {
                Kind::Elements => self.run_elements(input, frame, sink)?,
                Kind::Sequence => self.run_items(input, frame, sink),
                Kind::Fragments => return Ok(input),
            };
            if input.len() == before {
                return Ok(input);
            }
        }
    }

    /// Elements of one item or of the top level, up to its end or to a sequence that opens.
    fn run_elements<'a>(&mut self, input: &'a [u8], frame: Frame, sink: &mut impl Sink) -> Result<&'a [u8], WalkFault> {
        if self.stack.len() == 1 && self.tolerances.has(Tolerance::Order) {
            return Ok(input);
        }
        let depth = self.depth();
        let end = frame.end.unwrap_or(u64::MAX);
        let (mut rest, mut position, mut last, mut elements) = (input, self.position, frame.last, self.elements);
        let mut opens = None;
        while position != end && elements < self.limits.elements {
            let Some(header) = ordinary(rest) else { break };
            let Ordinary { tag, vr, length, size, behind } = header;
            let next = position + size + u64::from(length);
            if Some(tag) <= last || next > frame.bound {
                break;
            }
            let shown = Header {
                tag,
                vr: Some(vr),
                length: Length::Defined(length),
                depth,
                offset: position,
                encoding: frame.encoding,
            };
            if vr == Vr::SQ {
                if depth >= self.limits.depth {
                    break;
                }
                sink.element(&shown)?;
                (rest, position, last) = (behind, position + size, Some(tag));
                elements += 1;
                opens = Some(Frame { kind: Kind::Sequence, tag, end: Some(next), bound: next, last: None, ..frame });
                break;
            }
            let Some((value, behind)) = behind.split_at_checked(length as usize) else { break };
            if sink.element(&shown)? == Want::Value {
                if value.len() > self.limits.value as usize {
                    return Err(WalkFault::ValueTooLong { tag, limit: self.limits.value });
                }
                sink.value(&shown, value)?;
            }
            (rest, position, last) = (behind, next, Some(tag));
            elements += 1;
        }
        if position != self.position {
            self.position = position;
            self.elements = elements;
            if let Some(frame) = self.stack.last_mut() {
                frame.last = last;
            }
            if let Some(opened) = opens {
                self.stack.push(opened);
            }
            self.close(sink);
        }
        Ok(rest)
    }

    /// One item of a sequence opens.
    fn run_items<'a>(&mut self, input: &'a [u8], frame: Frame, sink: &mut impl Sink) -> &'a [u8] {
        let Some((&[g0, g1, e0, e1, l0, l1, l2, l3], behind)) = input.split_first_chunk::<8>() else { return input };
        let tag = Tag(u16::from_le_bytes([g0, g1]), u16::from_le_bytes([e0, e1]));
        let length = u32::from_le_bytes([l0, l1, l2, l3]);
        let position = self.position + 8;
        let end = position + u64::from(length);
        // An undefined length is an odd number too.
        let ordinary = tag == ITEM && length.is_multiple_of(2) && end <= frame.bound;
        if !ordinary || self.elements >= self.limits.elements {
            return input;
        }
        self.position = position;
        self.elements += 1;
        self.stack.push(Frame { kind: Kind::Elements, end: Some(end), bound: end, last: None, ..frame });
        sink.item(frame.tag, self.depth());
        self.close(sink);
        behind
    }
}

/// The header of an ordinary element.
#[inline]
fn ordinary(bytes: &[u8]) -> Option<Ordinary<'_>> {
    let (&[g0, g1, e0, e1, v0, v1, l0, l1], behind) = bytes.split_first_chunk::<8>()?;
    let tag = Tag(u16::from_le_bytes([g0, g1]), u16::from_le_bytes([e0, e1]));
    if tag.group() == 0xfffe || is_banned(tag) {
        return None;
    }
    let vr = Vr([v0, v1]);
    let (length, size, behind) = match vr.form() {
        Form::Short => (u32::from(u16::from_le_bytes([l0, l1])), 8, behind),
        Form::Long if [l0, l1] == [0, 0] => {
            let (length, behind) = behind.split_first_chunk::<4>()?;
            (u32::from_le_bytes(*length), 12, behind)
        }
        _ => return None,
    };
    // Undefined lengths are odd numbers too.
    length.is_multiple_of(2).then_some(Ordinary { tag, vr, length, size, behind })
}
