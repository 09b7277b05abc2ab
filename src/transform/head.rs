//! Headers of elements, items and delimiters, written (PS3.5 7.1, 7.5).

use crate::dicom::Tag;
use crate::dicom::dataset::Vr;
use crate::dicom::transfer_syntax::Encoding;

pub(super) const ITEM: Tag = Tag(0xfffe, 0xe000);
pub(super) const ITEM_END: Tag = Tag(0xfffe, 0xe00d);
pub(super) const SEQUENCE_END: Tag = Tag(0xfffe, 0xe0dd);
pub(super) const PIXEL_DATA: Tag = Tag(0x7fe0, 0x0010);

/// The header of an element, item or delimiter. A VR of short lengths has values of at most 65,535 bytes.
pub(super) fn put_header(out: &mut Vec<u8>, encoding: Encoding, tag: Tag, vr: Option<Vr>, length: u32) {
    let big = encoding == Encoding::ExplicitBe;
    let two = |number: u16| if big { number.to_be_bytes() } else { number.to_le_bytes() };
    let long = if big { length.to_be_bytes() } else { length.to_le_bytes() };
    out.extend_from_slice(&two(tag.0));
    out.extend_from_slice(&two(tag.1));
    match vr {
        None => out.extend_from_slice(&long),
        Some(vr) => {
            out.extend_from_slice(&vr.0);
            if vr.is_long() {
                out.extend_from_slice(&[0; 2]);
                out.extend_from_slice(&long);
            } else {
                out.extend_from_slice(&two(u16::try_from(length).unwrap_or(u16::MAX)));
            }
        }
    }
}
