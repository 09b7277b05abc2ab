//! The segments in Encrypted Attributes Sequence (0400,0500): one Encrypted Content (0400,0520) of each item.

use crate::dicom::Tag;
use crate::dicom::dataset::{Length, Vr, WalkFault};
use crate::dicom::transfer_syntax::Encoding;
use crate::transform::head::put_header;
use crate::transform::scan::{Head, Holds, Part, Scanner};

/// Encrypted Attributes Sequence.
pub(super) const SEQUENCE: Tag = Tag(0x0400, 0x0500);
const CONTENT: Tag = Tag(0x0400, 0x0520);
/// How CMS of content type AuthEnvelopedData begins behind its length: an object identifier (RFC 5083).
const AUTH_ENVELOPED: &[u8] = &[0x06, 0x0b, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x17];
/// So many bytes are enough to tell.
pub(in crate::transform) const TELLING: usize = 2 + 8 + AUTH_ENVELOPED.len();

/// Reads one sequence as it passes.
pub(in crate::transform) struct Items {
    scanner: Scanner,
    /// Bytes that pass are of Encrypted Content.
    content: bool,
}

impl Items {
    /// Behind the sequence's header.
    pub(super) fn new(head: &Head, depth: u16) -> Result<Self, WalkFault> {
        let mut implicit = Vec::new();
        // An archive that does not know the sequence may send it as UN (PS3.5 6.2.2).
        let (encoding, bytes) = match (head.raw.vr, head.raw.length) {
            (Some(Vr::UN), Length::Defined(length)) => {
                put_header(&mut implicit, Encoding::ImplicitLe, SEQUENCE, None, length);
                (Encoding::ImplicitLe, implicit.as_slice())
            }
            _ => (head.encoding, head.bytes()),
        };
        let mut items = Self { scanner: Scanner::new(encoding, depth), content: false };
        items.push(bytes, |_| ())?;
        Ok(items)
    }

    /// Takes the next bytes of the sequence; those of segments are shown.
    pub(super) fn push(&mut self, mut bytes: &[u8], mut segments: impl FnMut(&[u8])) -> Result<(), WalkFault> {
        while let Some(part) = self.scanner.next(&mut bytes)? {
            match part {
                Part::Element(head, Holds::Value) if head.raw.tag == CONTENT => self.content = self.scanner.open() == 2,
                Part::Bytes(bytes, last) if self.content => {
                    segments(bytes);
                    self.content = !last;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Whether what begins so is a segment of ours, damaged or not, and not what others encrypt (EnvelopedData, PS3.15 E.1).
pub(in crate::transform) fn is_segment(beginning: &[u8]) -> bool {
    let length = match beginning {
        [0x30, first, ..] if *first < 0x80 => 0,
        [0x30, first, ..] => usize::from(first & 0x7f),
        _ => return false,
    };
    beginning.get(2..).and_then(|rest| rest.get(length..)).is_some_and(|rest| rest.starts_with(AUTH_ENVELOPED))
}
