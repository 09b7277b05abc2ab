//! Tree to bytes, little endian, explicit or implicit. Sequences and items get defined lengths.

use super::read::is_long;
use super::{Element, Set, Value};
use crate::dicom::Tag;
use dicom_core::VR;

/// The bytes of a data set. Values that do not fit their length field (over 64 KiB of a short representation) are
/// written empty.
pub fn write(set: &Set, explicit: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for element in set.elements() {
        write_element(&mut out, element, explicit);
    }
    out
}

fn write_element(out: &mut Vec<u8>, element: &Element, explicit: bool) {
    // The depth is bounded by whoever built the tree: `read` by MAX_DEPTH, the demonstration's own sets by their code.
    match &element.value {
        Value::Bytes(bytes) => put(out, element.tag, element.vr, bytes, explicit),
        Value::Items(items) => {
            let mut inner = Vec::new();
            for item in items {
                let bytes = write(item, explicit);
                head(&mut inner, Tag(0xfffe, 0xe000));
                inner.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(0).to_le_bytes());
                inner.extend_from_slice(&bytes);
            }
            put(out, element.tag, VR::SQ, &inner, explicit);
        }
    }
}

fn put(out: &mut Vec<u8>, tag: Tag, vr: VR, bytes: &[u8], explicit: bool) {
    head(out, tag);
    let short = explicit && !is_long(vr);
    let fits = if short { bytes.len() <= usize::from(u16::MAX) } else { u32::try_from(bytes.len()).is_ok() };
    let bytes = if fits { bytes } else { &[] };
    if explicit {
        out.extend_from_slice(vr.to_string().as_bytes());
    }
    if short {
        out.extend_from_slice(&u16::try_from(bytes.len()).unwrap_or(0).to_le_bytes());
    } else {
        if explicit {
            out.extend_from_slice(&[0, 0]);
        }
        out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(0).to_le_bytes());
    }
    out.extend_from_slice(bytes);
}

fn head(out: &mut Vec<u8>, tag: Tag) {
    out.extend_from_slice(&tag.group().to_le_bytes());
    out.extend_from_slice(&tag.element().to_le_bytes());
}
