//! Segments on their way: into Pixel Data or into attributes, at once, kept, or held until it is known where they stand.

use crate::dicom::dataset::Vr;
use crate::dicom::transfer_syntax::Encoding;
use crate::dicom::{Tag, Uid};
use crate::transform::flow::Flow;
use crate::transform::head::{ITEM, ITEM_END, SEQUENCE_END, put_header};
use crate::vault::carrier::{Carrier, Geometry};
use bytes::Bytes;

/// Encrypted Attributes Sequence.
pub(super) const ENCRYPTED: Tag = Tag(0x0400, 0x0500);
const CONTENT_SYNTAX: Tag = Tag(0x0400, 0x0510);
const CONTENT: Tag = Tag(0x0400, 0x0520);
static ZEROS: [u8; 16 << 10] = [0; 16 << 10];

/// Where segments go.
#[derive(Debug)]
pub(super) enum Way {
    /// They are few, and held: into attributes, unless they become too many.
    Held(Vec<Bytes>),
    /// Into attributes, kept.
    Items,
    /// Into Pixel Data, kept until the length is known.
    Kept,
    /// Into Pixel Data, whose header has gone; so many bytes of segments have room.
    Going(Geometry, u64),
}

/// Counts segments and sends them on their way.
#[derive(Debug)]
pub(super) struct Carry {
    pub(super) way: Way,
    to: Encoding,
    /// What stands before the bytes of a segment in an item, but for its length.
    syntax: Uid,
    /// Bytes of segments that may stand in attributes beside an image.
    most: u64,
    pub(super) segments: u32,
    pub(super) bytes: u64,
}

impl Carry {
    /// `syntax`: how what is sealed is encoded.
    pub(super) const fn new(way: Way, to: Encoding, syntax: Uid, most: u64) -> Self {
        Self { way, to, syntax, most, segments: 0, bytes: 0 }
    }

    /// Where the segments stand, once that is known.
    pub(super) const fn carrier(&self) -> Option<Carrier> {
        match self.way {
            Way::Held(_) => None,
            Way::Items => Some(Carrier::Attributes),
            Way::Kept | Way::Going(..) => Some(Carrier::Pixels),
        }
    }

    /// Takes the next segment.
    pub(super) fn segment(&mut self, segment: Bytes, out: &mut Flow) {
        self.segments = self.segments.saturating_add(1);
        self.bytes += segment.len() as u64;
        match &mut self.way {
            Way::Held(held) => {
                held.push(segment);
                if self.bytes > self.most {
                    self.keep_held(out);
                }
            }
            Way::Items => self.item(segment, |bytes| out.keep(bytes)),
            Way::Kept => out.keep(segment),
            Way::Going(..) => out.go(segment),
        }
    }

    /// Those that are held do not stand in attributes after all.
    pub(super) fn keep_held(&mut self, out: &mut Flow) {
        if let Way::Held(held) = &mut self.way {
            std::mem::take(held).into_iter().for_each(|segment| out.keep(segment));
            self.way = Way::Kept;
        }
    }

    /// One segment as an item of Encrypted Attributes Sequence (PS3.3 C.12.1.1.4).
    pub(super) fn item(&self, segment: Bytes, mut out: impl FnMut(Bytes)) {
        let odd = !segment.len().is_multiple_of(2);
        let length = u32::try_from(segment.len()).unwrap_or(u32::MAX).saturating_add(u32::from(odd));
        let mut head = Vec::with_capacity(128);
        put_header(&mut head, self.to, ITEM, None, u32::MAX);
        let syntax = self.syntax.as_bytes();
        let even = u32::try_from(syntax.len().next_multiple_of(2)).unwrap_or_default();
        put_header(&mut head, self.to, CONTENT_SYNTAX, self.vr(*b"UI"), even);
        head.extend_from_slice(syntax);
        head.resize(head.len().next_multiple_of(2), 0);
        put_header(&mut head, self.to, CONTENT, self.vr(*b"OB"), length);
        out(Bytes::from(head));
        out(segment);
        let mut tail = if odd { vec![0] } else { Vec::new() };
        put_header(&mut tail, self.to, ITEM_END, None, 0);
        out(Bytes::from(tail));
    }

    /// The header of the sequence.
    pub(super) fn sequence(&self) -> Bytes {
        let mut bytes = Vec::with_capacity(12);
        put_header(&mut bytes, self.to, ENCRYPTED, self.vr(Vr::SQ.0), u32::MAX);
        Bytes::from(bytes)
    }

    /// Its end.
    pub(super) fn sequence_end(&self) -> Bytes {
        let mut bytes = Vec::with_capacity(8);
        put_header(&mut bytes, self.to, SEQUENCE_END, None, 0);
        Bytes::from(bytes)
    }

    /// The header of a Pixel Data element.
    pub(super) fn pixel_data(&self, image: &Geometry) -> Bytes {
        let mut bytes = Vec::with_capacity(12);
        let vr = self.vr(if image.bits > 8 { Vr::OW.0 } else { Vr::OB.0 });
        let length = u32::try_from(image.total).unwrap_or(u32::MAX);
        put_header(&mut bytes, self.to, crate::transform::head::PIXEL_DATA, vr, length);
        Bytes::from(bytes)
    }

    fn vr(&self, vr: [u8; 2]) -> Option<Vr> {
        (self.to != Encoding::ImplicitLe).then_some(Vr(vr))
    }
}

/// So many zero bytes.
pub(super) fn zeros(mut count: u64, out: &mut Flow) {
    while count > 0 {
        let piece = usize::try_from(count).unwrap_or(usize::MAX).min(ZEROS.len());
        out.go(Bytes::from_static(&ZEROS).slice(..piece));
        count -= piece as u64;
    }
}
