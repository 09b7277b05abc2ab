//! Files (PS3.10 7.1): preamble, group 0002 in explicit VR little endian, data set. Split and joined; the data set is
//! not looked at, and nothing here touches a file.

use super::vr::{Form, Vr};
use crate::dicom::cursor::Cursor;
use crate::dicom::{Tag, Uid};

/// A file in memory, split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part10<'a> {
    /// (0002,0002)
    pub sop_class: Uid,
    /// (0002,0003)
    pub sop_instance: Uid,
    /// (0002,0010)
    pub transfer_syntax: Uid,
    /// The data set in that transfer syntax.
    pub data_set: &'a [u8],
}

/// Why some bytes are no DICOM file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Part10Fault {
    /// No `DICM` behind 128 bytes.
    #[error("not a DICOM file: `DICM` is not there")]
    NoPrefix,
    /// Group 0002 is damaged.
    #[error("the file header is damaged at {0}")]
    Header(Tag),
    /// Group 0002 lacks a UID, or what is there is none.
    #[error("the file header lacks {0}, or it is no UID")]
    Uid(Tag),
}

const SOP_CLASS: Tag = Tag(0x0002, 0x0002);
const SOP_INSTANCE: Tag = Tag(0x0002, 0x0003);
const TRANSFER_SYNTAX: Tag = Tag(0x0002, 0x0010);

impl<'a> Part10<'a> {
    /// Splits a file. Where group 0002 ends is taken from its elements, not from its group length.
    ///
    /// # Errors
    /// It is no DICOM file, or lacks one of the three UIDs.
    pub fn split(file: &'a [u8]) -> Result<Self, Part10Fault> {
        let mut cursor = Cursor::new(file);
        cursor.take(128).ok_or(Part10Fault::NoPrefix)?;
        if cursor.array() != Some(*b"DICM") {
            return Err(Part10Fault::NoPrefix);
        }
        let (mut class, mut instance, mut syntax) = (None, None, None);
        while let [2, 0, ..] = cursor.rest() {
            let (tag, value) = element(&mut cursor)?;
            let uid = || Uid::new(trim(value)).map_err(|_| Part10Fault::Uid(tag)).map(Some);
            match tag {
                SOP_CLASS => class = uid()?,
                SOP_INSTANCE => instance = uid()?,
                TRANSFER_SYNTAX => syntax = uid()?,
                _ => {}
            }
        }
        Ok(Self {
            sop_class: class.ok_or(Part10Fault::Uid(SOP_CLASS))?,
            sop_instance: instance.ok_or(Part10Fault::Uid(SOP_INSTANCE))?,
            transfer_syntax: syntax.ok_or(Part10Fault::Uid(TRANSFER_SYNTAX))?,
            data_set: cursor.rest(),
        })
    }

    /// The whole file: an empty preamble, group 0002 with the writer's implementation class, the data set.
    pub fn join(&self, implementation_class: &Uid) -> Vec<u8> {
        let mut meta = Vec::with_capacity(256);
        put(&mut meta, Tag(0x0002, 0x0001), *b"OB", &[0, 1]);
        put(&mut meta, SOP_CLASS, *b"UI", self.sop_class.as_bytes());
        put(&mut meta, SOP_INSTANCE, *b"UI", self.sop_instance.as_bytes());
        put(&mut meta, TRANSFER_SYNTAX, *b"UI", self.transfer_syntax.as_bytes());
        put(&mut meta, Tag(0x0002, 0x0012), *b"UI", implementation_class.as_bytes());
        let mut file = Vec::with_capacity(144 + meta.len() + self.data_set.len());
        file.extend_from_slice(&[0; 128]);
        file.extend_from_slice(b"DICM");
        let length = u32::try_from(meta.len()).unwrap_or(u32::MAX);
        put(&mut file, Tag(0x0002, 0x0000), *b"UL", &length.to_le_bytes());
        file.extend_from_slice(&meta);
        file.extend_from_slice(self.data_set);
        file
    }
}

fn element<'a>(cursor: &mut Cursor<'a>) -> Result<(Tag, &'a [u8]), Part10Fault> {
    let damaged = Part10Fault::Header(Tag(0x0002, 0x0000));
    let tag = Tag(cursor.u16_le().ok_or(damaged)?, cursor.u16_le().ok_or(damaged)?);
    let damaged = Part10Fault::Header(tag);
    let length = match Vr(cursor.array().ok_or(damaged)?).form() {
        Form::Short => cursor.u16_le().map(u32::from),
        Form::Long => cursor.u16_le().and_then(|_| cursor.u32_le()),
        Form::Unknown => None,
    };
    let value = length.and_then(|length| usize::try_from(length).ok()).and_then(|length| cursor.take(length));
    Ok((tag, value.ok_or(damaged)?))
}

/// Files of old writers pad UIDs with spaces.
fn trim(mut value: &[u8]) -> &[u8] {
    while let [rest @ .., 0 | b' '] = value {
        value = rest;
    }
    value
}

fn put(out: &mut Vec<u8>, tag: Tag, vr: [u8; 2], value: &[u8]) {
    let length = value.len().next_multiple_of(2);
    out.extend_from_slice(&tag.0.to_le_bytes());
    out.extend_from_slice(&tag.1.to_le_bytes());
    out.extend_from_slice(&vr);
    if Vr(vr).form() == Form::Short {
        out.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes());
    } else {
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    }
    out.extend_from_slice(value);
    if !value.len().is_multiple_of(2) {
        out.push(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_joined_is_split_again() {
        let file = Part10 {
            sop_class: Uid::new("1.2.840.10008.5.1.4.1.1.2").unwrap(),
            sop_instance: Uid::new("1.2.3.4").unwrap(),
            transfer_syntax: Uid::new("1.2.840.10008.1.2.1").unwrap(),
            data_set: &[8, 0, 0x16, 0, b'U', b'I', 0, 0],
        };
        let whole = file.join(&Uid::new("1.2.3").unwrap());
        assert_eq!(Part10::split(&whole), Ok(file));
        let by_others = dicom_object::from_reader(&whole[..]).unwrap();
        assert_eq!(by_others.meta().media_storage_sop_instance_uid(), "1.2.3.4");
        assert_eq!(by_others.meta().transfer_syntax(), "1.2.840.10008.1.2.1");
        for end in 0..whole.len() - 8 {
            let _ = Part10::split(&whole[..end]);
        }
        assert_eq!(Part10::split(&whole[1..]), Err(Part10Fault::NoPrefix));
    }
}
