//! One DICOM object in memory. Its data set is kept as the bytes that came.

use crate::dicom::Uid;
use crate::dicom::dataset::part10::{Part10, Part10Fault};
use bytes::Bytes;

/// The implementation class UID of the demonstration's own devices (PS3.7 D.3.3.2), derived from a UUID.
pub const IMPLEMENTATION: &str = "2.25.190145366172346239431870193722403561473";
/// Their version name.
pub const VERSION: &str = "DICOMGATE_DEMO";
/// Media Storage Directory: lists objects and is none.
const DIRECTORY: &str = "1.2.840.10008.1.3.10";

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

/// Why a file is no object to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileFault {
    /// No DICOM file, or a damaged one.
    #[error(transparent)]
    File(#[from] Part10Fault),
    /// A DICOMDIR.
    #[error("a DICOMDIR lists objects and is none")]
    Directory,
}

impl Object {
    /// Reads a file; the data set is a slice of it.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn from_file(file: &Bytes) -> Result<Self, FileFault> {
        let parts = Part10::split(file)?;
        if parts.sop_class.as_str() == DIRECTORY {
            return Err(FileFault::Directory);
        }
        Ok(Self {
            sop_class: parts.sop_class,
            sop_instance: parts.sop_instance,
            transfer_syntax: parts.transfer_syntax,
            data_set: file.slice_ref(parts.data_set),
        })
    }

    /// The object as a file (PS3.10 7.1); it ends with the data set.
    pub fn to_file(&self) -> Vec<u8> {
        let parts = Part10 {
            sop_class: self.sop_class,
            sop_instance: self.sop_instance,
            transfer_syntax: self.transfer_syntax,
            data_set: &self.data_set,
        };
        // The constant is a UID; were it none, the object's own class would stand there.
        parts.join(&Uid::new(IMPLEMENTATION).unwrap_or(self.sop_class))
    }
}
