//! A C-MOVE or C-GET read strictly, and written anew for what somebody may have (PS3.4 C.4.2.1.4, C.4.3, Y, Z).

use crate::dicom::dataset::Level;
use crate::dicom::dataset::record::RecordLimits;
use crate::dicom::transfer_syntax::Encoding;
use crate::dicom::{Phi, Tag, Uid};

/// The information model that is retrieved from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Root {
    /// Patient Root (PS3.4 C.6.1).
    Patient,
    /// Study Root (C.6.2).
    Study,
    /// Patient/Study Only (C.6.3, retired).
    PatientStudyOnly,
    /// Composite Instance Root (annex Y), and Composite Instance Retrieve Without Bulk Data (annex Z): instances by their
    /// UIDs alone, or frames of them.
    Composite,
}

impl Root {
    /// Of a SOP class for C-MOVE or C-GET; `None` for classes that are not of these.
    pub fn of(class: &Uid) -> Option<Self> {
        match class.as_str().strip_prefix("1.2.840.10008.5.1.4.1.2.")? {
            "1.2" | "1.3" => Some(Self::Patient),
            "2.2" | "2.3" => Some(Self::Study),
            "3.2" | "3.3" => Some(Self::PatientStudyOnly),
            "4.2" | "4.3" | "5.3" => Some(Self::Composite),
            _ => None,
        }
    }
}

/// Unique keys of a retrieve. Lists may be empty: nothing is said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Keys {
    /// (0010,0020), decoded, padding taken off.
    pub patient: Option<Phi<String>>,
    /// (0020,000D)
    pub studies: Vec<Uid>,
    /// (0020,000E)
    pub series: Vec<Uid>,
    /// (0008,0018)
    pub instances: Vec<Uid>,
}

/// What a retrieve asks for, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retrieve {
    root: Root,
    level: Level,
    keys: Keys,
}

/// Why an identifier is refused: it is answered A900. Names the attribute, never its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct RetrieveFault {
    /// The attribute, for Offending Element and Error Comment.
    pub tag: Option<Tag>,
    /// What is wrong, as the rest of a sentence.
    pub reason: &'static str,
}

impl Retrieve {
    /// Reads an identifier. Strict: a level of the root, a value for its unique key, unique keys at and above it, and
    /// besides only (0008,0005), (0008,0053) and time zone.
    ///
    /// # Errors
    /// What an archive might take in another way: A900.
    pub fn read(
        _identifier: &[u8],
        _root: Root,
        _encoding: Encoding,
        _limits: RecordLimits,
    ) -> Result<Self, RetrieveFault> {
        Err(RetrieveFault { tag: None, reason: "cannot be read" })
    }

    /// Its information model.
    pub const fn root(&self) -> Root {
        self.root
    }

    /// The level; `Image` for composite instances and frames.
    pub const fn level(&self) -> Level {
        self.level
    }

    /// Whether it asks for frames of one instance (annex Y: level FRAME).
    pub const fn frames(&self) -> bool {
        false
    }

    /// What it names.
    pub const fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Whether keys above its level are missing, as only relational retrieves may (C.4.2.2.2).
    pub const fn is_relational(&self) -> bool {
        false
    }

    /// An identifier that asks for these at this level: the level's unique key, those above it that have values, and
    /// nothing else. (0008,0053) and the frames stay as they were asked; Specific Character Set stands there only
    /// if Patient ID needs it. `None` if a list is too long for the encoding (64 KiB in explicit VR), or the unique key of
    /// the level has no value.
    pub fn write(&self, _encoding: Encoding, _level: Level, _keys: &Keys) -> Option<Vec<u8>> {
        None
    }
}
