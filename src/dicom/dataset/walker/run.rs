//! The walk over elements that are as most are: explicit VR little endian, ascending, of defined length, whole in the
//! bytes at hand. Whatever is otherwise is left to the step, which knows all cases and says what is wrong.

use super::{Core, Header, Length, Sink, Want};
use crate::dicom::Tag;
use crate::dicom::dataset::WalkFault;
use crate::dicom::dataset::stack::{Kind, is_banned};
use crate::dicom::dataset::vr::{Form, Vr};
use crate::dicom::dimse::Tolerance;
use crate::dicom::transfer_syntax::Encoding;

impl Core {
    /// Runs over ordinary elements at the beginning of `input`; what is left begins with something else.
    pub(super) fn run<'a>(&mut self, input: &'a [u8], sink: &mut impl Sink) -> Result<&'a [u8], WalkFault> {
        let Some(&frame) = self.stack.last() else { return Ok(input) };
        let remembers = self.stack.len() == 1 && self.tolerances.has(Tolerance::Order);
        if frame.kind != Kind::Elements || frame.encoding != Encoding::ExplicitLe || remembers {
            return Ok(input);
        }
        let depth = self.depth();
        let end = frame.end.unwrap_or(u64::MAX);
        let (mut rest, mut position, mut last, mut elements) = (input, self.position, frame.last, self.elements);
        while position != end && elements < self.limits.elements {
            let Some((tag, vr, length, value)) = ordinary(rest) else { break };
            let Some((value, behind)) = value.split_at_checked(length as usize) else { break };
            let header_bytes = rest.len() - value.len() - behind.len();
            let next = position + header_bytes as u64 + u64::from(length);
            if Some(tag) <= last || next > frame.bound {
                break;
            }
            let length = Length::Defined(length);
            let header = Header { tag, vr: Some(vr), length, depth, offset: position, encoding: frame.encoding };
            if sink.element(&header)? == Want::Value {
                if value.len() > self.limits.value as usize {
                    return Err(WalkFault::ValueTooLong { tag, limit: self.limits.value });
                }
                sink.value(&header, value)?;
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
            self.close(sink);
        }
        Ok(rest)
    }
}

/// The header of an ordinary element, and the bytes behind it.
#[inline]
fn ordinary(bytes: &[u8]) -> Option<(Tag, Vr, u32, &[u8])> {
    let (&[g0, g1, e0, e1, v0, v1, l0, l1], behind) = bytes.split_first_chunk::<8>()?;
    let tag = Tag(u16::from_le_bytes([g0, g1]), u16::from_le_bytes([e0, e1]));
    if tag.group() == 0xfffe || is_banned(tag) {
        return None;
    }
    let vr = Vr([v0, v1]);
    let (length, behind) = match vr.form() {
        Form::Short => (u32::from(u16::from_le_bytes([l0, l1])), behind),
        Form::Long if vr != Vr::SQ && [l0, l1] == [0, 0] => {
            let (length, behind) = behind.split_first_chunk::<4>()?;
            (u32::from_le_bytes(*length), behind)
        }
        _ => return None,
    };
    // Undefined lengths are odd numbers too.
    length.is_multiple_of(2).then_some((tag, vr, length, behind))
}
