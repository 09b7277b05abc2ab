//! Bytes to tree, in any of the encodings of PS3.5 annex A. Stops before pixel data.

use super::{Element, MAX_DEPTH, MAX_ELEMENTS, MAX_VALUE, Set, Value};
use crate::dicom::Tag;
use crate::dicom::cursor::Cursor;
use crate::dicom::transfer_syntax::Encoding;
use dicom_core::VR;
use dicom_core::dictionary::DataDictionary;
use dicom_dictionary_std::StandardDataDictionary;
use std::borrow::Cow;
use std::io::Read;

/// How much of a deflated data set is inflated, bytes.
const MAX_INFLATED: u64 = 64 << 20;
/// Undefined length.
const UNDEFINED: u32 = u32::MAX;
const ITEM: Tag = Tag(0xfffe, 0xe000);
const ITEM_END: Tag = Tag(0xfffe, 0xe00d);
const SEQUENCE_END: Tag = Tag(0xfffe, 0xe0dd);
/// From this group on there are pixels and what pads them: nothing to query by.
const PIXELS: u16 = 0x7fe0;
const PIXEL_DATA: Tag = Tag(PIXELS, 0x0010);
/// Bytes of a tag.
const TAG: usize = 4;

/// Why bytes are no data set that this reader takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ElementFault {
    /// An element runs over the end.
    #[error("the data set ends inside {0}")]
    Cut(Tag),
    /// It ends inside a header.
    #[error("the data set ends inside the header of an element")]
    Header,
    /// Something else than an item in a sequence, or a delimiter where none belongs.
    #[error("{0} stands where it may not")]
    Misplaced(Tag),
    /// More than [`MAX_DEPTH`] levels.
    #[error("sequences nest too deeply at {0}")]
    Depth(Tag),
    /// More than [`MAX_ELEMENTS`].
    #[error("the data set has too many elements")]
    Elements,
    /// Deflate.
    #[error("the deflated data set cannot be inflated")]
    Deflate,
}

/// Reads a data set up to its pixel data. Values over [`MAX_VALUE`] and all but the first of a repeated tag are left
/// out.
///
/// # Errors
/// The first thing that is wrong.
pub fn read(bytes: &[u8], encoding: Encoding) -> Result<Set, ElementFault> {
    let (bytes, explicit, big) = match encoding {
        Encoding::ImplicitLe => (Cow::Borrowed(bytes), false, false),
        Encoding::ExplicitLe => (Cow::Borrowed(bytes), true, false),
        Encoding::ExplicitBe => (Cow::Borrowed(bytes), true, true),
        Encoding::Deflated => (Cow::Owned(inflate(bytes)?), true, false),
    };
    let mut reader = Reader { cursor: Cursor::new(&bytes), explicit, big, elements: 0 };
    reader.set(0, None)
}

/// The value of Pixel Data (7FE0,0010): samples, or where they are encapsulated all that stands behind the header. `None`: there
/// is none, or it is deflated, or the data set cannot be read up to it.
pub fn pixels(bytes: &[u8], encoding: Encoding) -> Option<&[u8]> {
    let (explicit, big) = match encoding {
        Encoding::ImplicitLe => (false, false),
        Encoding::ExplicitLe => (true, false),
        Encoding::ExplicitBe => (true, true),
        Encoding::Deflated => return None,
    };
    let mut header = Reader { cursor: Cursor::new(bytes), explicit, big, elements: 0 };
    header.set(0, None).ok()?;
    // It has stopped behind the first tag that it does not want.
    let rest = bytes.get(header.cursor.position().checked_sub(TAG)?..)?;
    let mut reader = Reader { cursor: Cursor::new(rest), explicit, big, elements: 0 };
    loop {
        let tag = reader.tag().ok()?;
        let (_, length) = reader.vr_and_length(tag).ok()?;
        let length = if length == UNDEFINED { reader.cursor.remaining() } else { usize::try_from(length).ok()? };
        let value = reader.cursor.take(length)?;
        if tag == PIXEL_DATA {
            return Some(value);
        }
    }
}

fn inflate(bytes: &[u8]) -> Result<Vec<u8>, ElementFault> {
    let mut inflated = Vec::new();
    let stream = flate2::read::DeflateDecoder::new(bytes);
    stream.take(MAX_INFLATED).read_to_end(&mut inflated).map_err(|_| ElementFault::Deflate)?;
    Ok(inflated)
}

struct Reader<'a> {
    cursor: Cursor<'a>,
    explicit: bool,
    big: bool,
    elements: usize,
}

impl Reader<'_> {
    /// A data set (`until` is `None` and the end is the end), or an item that ends at a position or a delimiter.
    fn set(&mut self, depth: usize, until: Option<Until>) -> Result<Set, ElementFault> {
        let mut set = Set::new();
        loop {
            match until {
                None if self.cursor.is_empty() => return Ok(set),
                Some(Until::Position(end)) if self.cursor.position() >= end => return Ok(set),
                _ => {}
            }
            let tag = self.tag()?;
            if tag == ITEM_END && matches!(until, Some(Until::Delimiter)) {
                self.u32()?;
                return Ok(set);
            }
            if tag.group() == 0xfffe {
                return Err(ElementFault::Misplaced(tag));
            }
            if depth == 0 && tag.group() >= PIXELS {
                return Ok(set);
            }
            self.elements += 1;
            if self.elements > MAX_ELEMENTS {
                return Err(ElementFault::Elements);
            }
            if let Some(element) = self.element(tag, depth)?
                && set.get(tag).is_none()
            {
                set.put(element.tag, element.vr, element.value);
            }
        }
    }

    fn element(&mut self, tag: Tag, depth: usize) -> Result<Option<Element>, ElementFault> {
        let (vr, length) = self.vr_and_length(tag)?;
        // A gateway or archive that did not know an element made it UN (PS3.5 6.2.2 note 1); the dictionary may know.
        let vr = match vr_of(tag) {
            known if vr == VR::UN && known != VR::SQ && length != UNDEFINED => known,
            _ => vr,
        };
        let sequence = vr == VR::SQ || length == UNDEFINED;
        if !sequence {
            let length = usize::try_from(length).map_err(|_| ElementFault::Cut(tag))?;
            let bytes = self.cursor.take(length).ok_or(ElementFault::Cut(tag))?;
            let kept = bytes.len() <= MAX_VALUE;
            return Ok(kept.then(|| Element { tag, vr, value: Value::Bytes(little_endian(bytes, vr, self.big)) }));
        }
        if depth >= MAX_DEPTH {
            return Err(ElementFault::Depth(tag));
        }
        // Unknown with undefined length is a sequence in implicit little endian (PS3.5 6.2.2 note 2).
        let outer = (self.explicit, self.big);
        if vr == VR::UN {
            (self.explicit, self.big) = (false, false);
        }
        let items = self.items(tag, length, depth)?;
        (self.explicit, self.big) = outer;
        Ok(Some(Element { tag, vr: VR::SQ, value: Value::Items(items) }))
    }

    fn items(&mut self, sequence: Tag, length: u32, depth: usize) -> Result<Vec<Set>, ElementFault> {
        let end = self.end(sequence, length)?;
        let mut items = Vec::new();
        while end.is_none_or(|end| self.cursor.position() < end) {
            let tag = self.tag()?;
            let length = self.u32()?;
            match tag {
                SEQUENCE_END if end.is_none() => break,
                ITEM => {
                    let until = self.end(tag, length)?.map_or(Until::Delimiter, Until::Position);
                    items.push(self.set(depth + 1, Some(until))?);
                    self.elements += 1;
                    if self.elements > MAX_ELEMENTS {
                        return Err(ElementFault::Elements);
                    }
                }
                _ => return Err(ElementFault::Misplaced(tag)),
            }
        }
        Ok(items)
    }

    /// Where something of this length ends; `None` if a delimiter says.
    fn end(&self, tag: Tag, length: u32) -> Result<Option<usize>, ElementFault> {
        if length == UNDEFINED {
            return Ok(None);
        }
        let length = usize::try_from(length).map_err(|_| ElementFault::Cut(tag))?;
        if length > self.cursor.remaining() {
            return Err(ElementFault::Cut(tag));
        }
        Ok(Some(self.cursor.position() + length))
    }

    fn vr_and_length(&mut self, tag: Tag) -> Result<(VR, u32), ElementFault> {
        if !self.explicit {
            return Ok((vr_of(tag), self.u32()?));
        }
        let vr = VR::from_binary(self.cursor.array::<2>().ok_or(ElementFault::Header)?).unwrap_or(VR::UN);
        if is_long(vr) {
            self.u16()?;
            return Ok((vr, self.u32()?));
        }
        Ok((vr, u32::from(self.u16()?)))
    }

    fn tag(&mut self) -> Result<Tag, ElementFault> {
        Ok(Tag(self.u16()?, self.u16()?))
    }

    fn u16(&mut self) -> Result<u16, ElementFault> {
        let read = if self.big { self.cursor.u16_be() } else { self.cursor.u16_le() };
        read.ok_or(ElementFault::Header)
    }

    fn u32(&mut self) -> Result<u32, ElementFault> {
        let read = if self.big { self.cursor.u32_be() } else { self.cursor.u32_le() };
        read.ok_or(ElementFault::Header)
    }
}

#[derive(Clone, Copy)]
enum Until {
    Position(usize),
    Delimiter,
}

/// Whether explicit VR has four bytes of length (PS3.5 7.1.2).
pub(super) const fn is_long(vr: VR) -> bool {
    matches!(
        vr,
        VR::OB
            | VR::OD
            | VR::OF
            | VR::OL
            | VR::OV
            | VR::OW
            | VR::SQ
            | VR::SV
            | VR::UC
            | VR::UN
            | VR::UR
            | VR::UT
            | VR::UV
    )
}

/// The dictionary's value representation; private and unknown tags are UN.
pub fn vr_of(tag: Tag) -> VR {
    StandardDataDictionary
        .by_tag(dicom_core::Tag(tag.group(), tag.element()))
        .map_or(VR::UN, |entry| entry.vr.relaxed())
}

fn little_endian(bytes: &[u8], vr: VR, big: bool) -> Vec<u8> {
    let width = match vr {
        VR::US | VR::SS | VR::OW | VR::AT => 2,
        VR::UL | VR::SL | VR::FL | VR::OF | VR::OL => 4,
        VR::FD | VR::UV | VR::SV | VR::OD | VR::OV => 8,
        _ => 1,
    };
    if !big || width == 1 {
        return bytes.to_vec();
    }
    bytes.chunks(width).flat_map(|number| number.iter().rev().copied()).collect()
}
