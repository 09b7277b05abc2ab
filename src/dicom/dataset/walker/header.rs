//! Headers out of bytes (PS3.5 7.1).

use super::Length;
use crate::dicom::Tag;
use crate::dicom::cursor::Cursor;
use crate::dicom::dataset::WalkFault;
use crate::dicom::dataset::stack::{Frame, Kind};
use crate::dicom::dataset::vr::{Form, Vr};
use crate::dicom::dimse::{Tolerance, Tolerances};
use crate::dicom::transfer_syntax::Encoding;

/// A header as it stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raw {
    /// Its tag.
    pub tag: Tag,
    /// Its VR, in explicit VR.
    pub vr: Option<Vr>,
    /// Its length.
    pub length: Length,
    /// How many bytes it takes: 8 or 12.
    pub size: usize,
}

impl Raw {
    /// The header of an element at the beginning of some bytes; `None` if there are not enough of them. For those who
    /// rewrite what a walker has checked.
    ///
    /// # Errors
    /// The VR is none that PS3.5 knows.
    pub fn element(bytes: &[u8], encoding: Encoding) -> Result<Option<Self>, WalkFault> {
        read(bytes, &Frame::bottom(encoding), Tolerances::ALL)
    }

    /// The header of an item, fragment or delimiter.
    pub fn item(bytes: &[u8], encoding: Encoding) -> Option<Self> {
        let frame = Frame { kind: Kind::Sequence, ..Frame::bottom(encoding) };
        read(bytes, &frame, Tolerances::ALL).ok().flatten()
    }
}

/// The header at the beginning of some bytes; `None` if there are not enough of them.
pub(in crate::dicom::dataset) fn read(
    bytes: &[u8],
    frame: &Frame,
    tolerances: Tolerances,
) -> Result<Option<Raw>, WalkFault> {
    let mut cursor = Cursor::new(bytes);
    let Some([g0, g1, e0, e1, l0, l1, l2, l3]) = cursor.array::<8>() else {
        return Ok(None);
    };
    let big = frame.encoding == Encoding::ExplicitBe;
    let u16_of = if big { u16::from_be_bytes } else { u16::from_le_bytes };
    let u32_of = if big { u32::from_be_bytes } else { u32::from_le_bytes };
    let tag = Tag(u16_of([g0, g1]), u16_of([e0, e1]));
    let bare = frame.encoding == Encoding::ImplicitLe || frame.kind != Kind::Elements || tag.group() == 0xfffe;
    let zeros = bytes.starts_with(&[0; 8]);
    if bare || zeros {
        let length = length_of(u32_of([l0, l1, l2, l3]));
        return Ok(Some(Raw { tag, vr: None, length, size: 8 }));
    }
    let vr = Vr([l0, l1]);
    match vr.form() {
        Form::Short => {
            let length = Length::Defined(u16_of([l2, l3]).into());
            return Ok(Some(Raw { tag, vr: Some(vr), length, size: 8 }));
        }
        Form::Unknown => return Err(WalkFault::UnknownVr(tag)),
        Form::Long => {}
    }
    if [l2, l3] != [0, 0] && !tolerances.has(Tolerance::Reserved) {
        return Err(WalkFault::Reserved(tag));
    }
    let Some(length) = cursor.array::<4>() else {
        return Ok(None);
    };
    Ok(Some(Raw { tag, vr: Some(vr), length: length_of(u32_of(length)), size: 12 }))
}

const fn length_of(length: u32) -> Length {
    if length == u32::MAX { Length::Undefined } else { Length::Defined(length) }
}
