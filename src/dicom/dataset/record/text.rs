//! Values to text and text to values (PS3.5 6.2).

use super::EditFault;
use crate::dicom::Tag;
use crate::dicom::matching::CharacterSet;
use crate::dicom::transfer_syntax::Encoding;
use dicom_core::VR;
use std::borrow::Cow;

/// A value as text; `None` if it has none, or is not written in its character set.
pub(super) fn decode(
    vr: VR,
    value: &[u8],
    encoding: Encoding,
    characters: impl FnOnce() -> Option<CharacterSet>,
) -> Option<Cow<'_, str>> {
    if value.is_empty() {
        return Some(Cow::Borrowed(""));
    }
    let big = encoding == Encoding::ExplicitBe;
    match vr {
        VR::US => numbers(value, big, u16::from_le_bytes),
        VR::SS => numbers(value, big, i16::from_le_bytes),
        VR::UL => numbers(value, big, u32::from_le_bytes),
        VR::SL => numbers(value, big, i32::from_le_bytes),
        VR::UV => numbers(value, big, u64::from_le_bytes),
        VR::SV => numbers(value, big, i64::from_le_bytes),
        VR::FL => numbers(value, big, f32::from_le_bytes),
        VR::FD => numbers(value, big, f64::from_le_bytes),
        VR::AT => tags(value, big),
        VR::OB | VR::OW | VR::OD | VR::OF | VR::OL | VR::OV | VR::UN | VR::SQ => None,
        VR::PN | VR::LO | VR::SH | VR::LT | VR::ST | VR::UC | VR::UT => {
            // The same in every character set: most values are.
            if value.iter().all(|byte| matches!(byte, b' '..=b'}')) {
                return std::str::from_utf8(value).ok().map(Cow::Borrowed);
            }
            let characters = characters()?;
            characters.decode_as(vr, value).ok()
        }
        _ => CharacterSet::DEFAULT.decode(value).ok(),
    }
}

fn numbers<const N: usize, T: ToString>(bytes: &[u8], big: bool, read: impl Fn([u8; N]) -> T) -> Option<Cow<'_, str>> {
    let (chunks, []) = bytes.as_chunks::<N>() else { return None };
    let text = |chunk: &[u8; N]| {
        let mut chunk = *chunk;
        if big {
            chunk.reverse();
        }
        read(chunk).to_string()
    };
    Some(Cow::Owned(chunks.iter().map(text).collect::<Vec<_>>().join("\\")))
}

fn tags(bytes: &[u8], big: bool) -> Option<Cow<'_, str>> {
    let (chunks, []) = bytes.as_chunks::<4>() else { return None };
    let text = |[a, b, c, d]: &[u8; 4]| match big {
        true => format!("{a:02X}{b:02X}{c:02X}{d:02X}"),
        false => format!("{b:02X}{a:02X}{d:02X}{c:02X}"),
    };
    Some(Cow::Owned(chunks.iter().map(text).collect::<Vec<_>>().join("\\")))
}

/// Text as a value, padded to even length.
pub(super) fn encode(tag: Tag, vr: VR, text: &str, characters: Option<CharacterSet>) -> Result<Vec<u8>, EditFault> {
    let mut value = match vr {
        _ if text.is_empty() => Vec::new(),
        VR::PN | VR::LO | VR::SH | VR::LT | VR::ST | VR::UC | VR::UT => {
            let characters = characters.ok_or(EditFault::Repertoire(tag))?;
            let encoded = characters.encode_as(vr, text);
            encoded.ok_or(EditFault::Repertoire(tag))?
        }
        VR::AE | VR::AS | VR::CS | VR::DA | VR::DS | VR::DT | VR::IS | VR::TM | VR::UI | VR::UR => {
            CharacterSet::DEFAULT.encode(text).ok_or(EditFault::Repertoire(tag))?
        }
        _ => return Err(EditFault::Value(tag)),
    };
    if !value.len().is_multiple_of(2) {
        value.push(if vr == VR::UI { 0 } else { b' ' });
    }
    Ok(value)
}
