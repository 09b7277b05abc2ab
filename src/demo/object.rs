//! One DICOM object in memory, and as a file (PS3.10 7.1). Its data set is kept as the bytes that came.

use super::elements::{self, Set, Value};
use crate::dicom::transfer_syntax::Encoding;
use crate::dicom::{Tag, Uid};
use bytes::Bytes;
use dicom_core::VR;

/// Our implementation class UID in files that the demonstration writes (PS3.10 7.1).
pub const IMPLEMENTATION: &str = "2.25.190145366172346239431870193722403561473";
/// Our version name there.
pub const VERSION: &str = "DICOMGATE_DEMO";
/// How long a file meta group may be, bytes.
const MAX_META: usize = 64 * 1024;

/// An object.
#[derive(Clone, PartialEq, Eq)]
pub struct Object {
    /// SOP class.
    pub sop_class: Uid,
    /// SOP instance.
    pub sop_instance: Uid,
    /// How the data set is written.
    pub transfer_syntax: Uid,
    /// The data set, byte for byte.
    pub data_set: Bytes,
}

impl std::fmt::Debug for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Object({}, {} bytes)", self.sop_instance, self.data_set.len())
    }
}

/// Why a file is no object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FileFault {
    /// No `DICM` behind the preamble.
    #[error("no DICOM file")]
    Prefix,
    /// A file meta group that cannot be read or is too long.
    #[error("its file meta information cannot be read")]
    Meta,
    /// No UID where one must be.
    #[error("its file meta information lacks {0} or has something there that is no UID")]
    Uid(Tag),
    /// A DICOMDIR, which lists objects and is none.
    #[error("a DICOMDIR, which is no object")]
    Directory,
}

const GROUP_LENGTH: Tag = Tag(0x0002, 0x0000);
const VERSION_BYTES: Tag = Tag(0x0002, 0x0001);
const SOP_CLASS: Tag = Tag(0x0002, 0x0002);
const SOP_INSTANCE: Tag = Tag(0x0002, 0x0003);
const TRANSFER_SYNTAX: Tag = Tag(0x0002, 0x0010);

impl Object {
    /// Reads a file; its data set is a slice of it.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn from_file(file: &Bytes) -> Result<Self, FileFault> {
        let (meta, data_set) = split(file)?;
        let uid = |tag| Uid::new(meta.plain(tag)).map_err(|_| FileFault::Uid(tag));
        if meta.plain(SOP_CLASS) == "1.2.840.10008.1.3.10" {
            return Err(FileFault::Directory);
        }
        Ok(Self {
            sop_class: uid(SOP_CLASS)?,
            sop_instance: uid(SOP_INSTANCE)?,
            transfer_syntax: uid(TRANSFER_SYNTAX)?,
            data_set,
        })
    }

    /// What stands before the data set in a file: preamble, prefix and file meta information.
    pub fn file_head(&self) -> Vec<u8> {
        let mut meta = Set::new();
        meta.put(VERSION_BYTES, VR::OB, Value::Bytes(vec![0, 1]));
        meta.text(SOP_CLASS, VR::UI, self.sop_class.as_str());
        meta.text(SOP_INSTANCE, VR::UI, self.sop_instance.as_str());
        meta.text(TRANSFER_SYNTAX, VR::UI, self.transfer_syntax.as_str());
        meta.text(Tag(0x0002, 0x0012), VR::UI, IMPLEMENTATION);
        meta.text(Tag(0x0002, 0x0013), VR::SH, VERSION);
        let length = u32::try_from(elements::write(&meta, true).len()).unwrap_or_default();
        meta.put(GROUP_LENGTH, VR::UL, Value::Bytes(length.to_le_bytes().to_vec()));
        let mut head = vec![0; 128];
        head.extend_from_slice(b"DICM");
        head.extend_from_slice(&elements::write(&meta, true));
        head
    }
}

fn split(file: &Bytes) -> Result<(Set, Bytes), FileFault> {
    if file.get(128..132) != Some(b"DICM") {
        return Err(FileFault::Prefix);
    }
    // (0002,0000) says how long the rest of the group is.
    let head = file.get(132..144).ok_or(FileFault::Meta)?;
    let length = match head {
        [2, 0, 0, 0, b'U', b'L', 4, 0, a, b, c, d] => u32::from_le_bytes([*a, *b, *c, *d]),
        _ => return Err(FileFault::Meta),
    };
    let length = usize::try_from(length).ok().filter(|&length| length <= MAX_META).ok_or(FileFault::Meta)?;
    let meta = file.get(144..144 + length).ok_or(FileFault::Meta)?;
    let meta = elements::read(meta, Encoding::ExplicitLe).map_err(|_| FileFault::Meta)?;
    Ok((meta, file.slice(144 + length..)))
}
