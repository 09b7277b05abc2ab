//! From one encoding of elements to another.

use super::RecodeFault;
use super::swap::{Swap, unit};
use crate::dicom::Tag;
use crate::dicom::dataset::{Length, Vr, WalkFault, vr_of};
use crate::dicom::transfer_syntax::Encoding;
use crate::transform::head::{ITEM, ITEM_END, SEQUENCE_END, put_header};
use crate::transform::scan::{Head, Holds, Part, Scanner};
use smallvec::SmallVec;

const PIXEL_REPRESENTATION: Tag = Tag(0x0028, 0x0103);

/// Something open, or the data set itself.
#[derive(Debug, Clone, Copy)]
struct Frame {
    /// How what is inside comes, and how it goes on.
    from: Encoding,
    to: Encoding,
    /// Its end is written as a delimiter.
    delimited: bool,
    /// Whether it is an item or the data set, not a sequence.
    elements: bool,
    /// Whether pixels are signed here.
    signed: bool,
}

/// What is done to the value that passes.
#[derive(Debug)]
enum Value {
    Copy,
    Drop,
    Swap(Swap),
}

/// Between two encodings that are not the same.
pub(super) struct Core {
    scanner: Scanner,
    frames: SmallVec<[Frame; 8]>,
    value: Value,
    /// Pixel Representation, while it passes.
    signed: Option<SmallVec<[u8; 2]>>,
}

impl Core {
    pub(super) fn new(from: Encoding, to: Encoding, depth: u16) -> Self {
        let bottom = Frame { from, to, delimited: false, elements: true, signed: false };
        let frames = SmallVec::from_slice(&[bottom]);
        Self { scanner: Scanner::new(from, depth), frames, value: Value::Copy, signed: None }
    }

    pub(super) fn set_signed(&mut self, signed: bool) {
        self.frames.iter_mut().for_each(|frame| frame.signed = signed);
    }

    pub(super) fn push(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> Result<(), RecodeFault> {
        while let Some(part) = self.scanner.next(&mut bytes)? {
            self.part(part, out)?;
        }
        Ok(())
    }

    pub(super) fn finish(&self) -> Result<(), RecodeFault> {
        Ok(self.scanner.finish()?)
    }

    fn part(&mut self, part: Part, out: &mut Vec<u8>) -> Result<(), RecodeFault> {
        let frame = self.frames.last().copied().ok_or(WalkFault::Over)?;
        match part {
            Part::Element(head, Holds::Value) => self.element(&head, frame, out),
            Part::Element(head, Holds::Fragments) => return Err(RecodeFault::Encapsulated(head.raw.tag)),
            Part::Element(head, Holds::Items) => self.sequence(&head, frame, out),
            Part::Item(head) => {
                let (length, delimited) = length(&head, frame);
                put_header(out, frame.to, ITEM, None, length);
                self.frames.push(Frame { delimited, elements: true, ..frame });
            }
            Part::Fragment(head) => out.extend_from_slice(head.bytes()),
            Part::Bytes(bytes, last) => self.bytes(bytes, last, out),
            Part::End(_) => {
                if frame.delimited {
                    put_header(out, frame.to, if frame.elements { ITEM_END } else { SEQUENCE_END }, None, 0);
                }
                self.frames.pop();
            }
            // Where lengths change, what it was in gets a delimiter of its own.
            Part::Stray(head) if !frame.delimited => put_header(out, frame.to, head.raw.tag, None, 0),
            Part::Stray(_) => {}
            Part::Zeros(zeros) => out.extend_from_slice(zeros),
        }
        Ok(())
    }

    fn element(&mut self, head: &Head, frame: Frame, out: &mut Vec<u8>) {
        let Length::Defined(length) = head.raw.length else { return };
        let tag = head.raw.tag;
        let vr = head.raw.vr.unwrap_or_else(|| vr_of(tag, frame.signed));
        let vr = if vr.is_long() || length <= u32::from(u16::MAX) { vr } else { Vr::UN };
        self.signed = (tag == PIXEL_REPRESENTATION).then(SmallVec::new);
        self.value = Value::Copy;
        if frame.from == frame.to {
            out.extend_from_slice(head.bytes());
            return;
        }
        if tag.element() == 0 && changes_lengths(frame) {
            self.value = Value::Drop;
            return;
        }
        put_header(out, frame.to, tag, (frame.to != Encoding::ImplicitLe).then_some(vr), length);
        let turned = is_big(frame.from) != is_big(frame.to);
        if turned && unit(vr) > 1 {
            self.value = Value::Swap(Swap::new(unit(vr)));
        }
    }

    fn sequence(&mut self, head: &Head, frame: Frame, out: &mut Vec<u8>) {
        // What is inside UN stays as it is: implicit VR little endian, whatever is around it (PS3.5 6.2.2 note 2).
        let unknown = head.raw.vr == Some(Vr::UN);
        let inside =
            if unknown { Frame { from: Encoding::ImplicitLe, to: Encoding::ImplicitLe, ..frame } } else { frame };
        let (length, delimited) = length(head, frame);
        let vr = head.raw.vr.unwrap_or(Vr::SQ);
        put_header(out, frame.to, head.raw.tag, (frame.to != Encoding::ImplicitLe).then_some(vr), length);
        self.frames.push(Frame { delimited, elements: false, ..inside });
    }

    fn bytes(&mut self, bytes: &[u8], last: bool, out: &mut Vec<u8>) {
        if let Some(known) = &mut self.signed {
            known.extend(bytes.iter().copied().take(2_usize.saturating_sub(known.len())));
            if last {
                let signed = known.iter().any(|byte| *byte != 0);
                self.signed = None;
                if let Some(frame) = self.frames.last_mut() {
                    frame.signed = signed;
                }
            }
        }
        match &mut self.value {
            Value::Copy => out.extend_from_slice(bytes),
            Value::Drop => {}
            Value::Swap(swap) => swap.push(bytes, last, out),
        }
    }
}

const fn is_big(encoding: Encoding) -> bool {
    matches!(encoding, Encoding::ExplicitBe)
}

/// Whether headers get other lengths.
fn changes_lengths(frame: Frame) -> bool {
    frame.from != frame.to && (frame.from == Encoding::ImplicitLe || frame.to == Encoding::ImplicitLe)
}

/// The length of a sequence or item as it goes on, and whether a delimiter ends it.
fn length(head: &Head, frame: Frame) -> (u32, bool) {
    match head.raw.length {
        Length::Undefined => (u32::MAX, true),
        // Nothing inside can change.
        Length::Defined(0) => (0, false),
        Length::Defined(length) if !changes_lengths(frame) => (length, false),
        Length::Defined(_) => (u32::MAX, true),
    }
}
