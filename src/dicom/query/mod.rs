//! What a C-FIND asks (PS3.4 C.4.1, K.4.1): its information model, level and keys; read, changed and written again.
//!
//! Also identifiers of the gateway's own ([`Builder`]). It never sends anything and never decides who may ask.

mod build;

pub use build::Builder;

use super::dataset::Level;
use super::dataset::record::{Record, RecordFault, RecordLimits};
use super::dimse::Tolerances;
use super::matching;
use super::transfer_syntax::Encoding;
use super::{Tag, Uid};
use dicom_core::VR;

/// Query/Retrieve Level.
pub const LEVEL: Tag = Tag(0x0008, 0x0052);
/// Patient ID, the unique key of patients.
pub const PATIENT_ID: Tag = Tag(0x0010, 0x0020);
/// Study Instance UID, the unique key of studies.
pub const STUDY: Tag = Tag(0x0020, 0x000d);
/// Series Instance UID, the unique key of series.
pub const SERIES: Tag = Tag(0x0020, 0x000e);
/// SOP Instance UID, the unique key of instances.
pub const INSTANCE: Tag = Tag(0x0008, 0x0018);

/// The information model that a query is asked in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Model {
    /// Patient Root (PS3.4 C.6.1): PATIENT, STUDY, SERIES, IMAGE.
    PatientRoot,
    /// Study Root (C.6.2): STUDY, SERIES, IMAGE.
    StudyRoot,
    /// Patient/Study Only (C.6.3, retired): PATIENT, STUDY.
    PatientStudyOnly,
    /// Modality Worklist (annex K): no levels.
    Worklist,
}

impl Model {
    /// The model of a SOP class for C-FIND; `None` for classes that are not of these.
    pub fn of(class: &Uid) -> Option<Self> {
        match class.as_str() {
            "1.2.840.10008.5.1.4.1.2.1.1" => Some(Self::PatientRoot),
            "1.2.840.10008.5.1.4.1.2.2.1" => Some(Self::StudyRoot),
            "1.2.840.10008.5.1.4.1.2.3.1" => Some(Self::PatientStudyOnly),
            "1.2.840.10008.5.1.4.31" => Some(Self::Worklist),
            _ => None,
        }
    }

    /// Whether queries may be asked at this level.
    pub const fn has(self, level: Level) -> bool {
        match self {
            Self::PatientRoot => true,
            Self::StudyRoot => !matches!(level, Level::Patient),
            Self::PatientStudyOnly => matches!(level, Level::Patient | Level::Study),
            Self::Worklist => false,
        }
    }
}

/// The unique key of a level.
pub const fn unique_key(level: Level) -> Tag {
    match level {
        Level::Patient => PATIENT_ID,
        Level::Study => STUDY,
        Level::Series => SERIES,
        Level::Image => INSTANCE,
    }
}

/// Why an identifier is refused: it is answered A900.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QueryFault {
    /// It is no data set, or past a limit.
    #[error(transparent)]
    Record(#[from] RecordFault),
    /// (0008,0052) is absent or says no level that the model has.
    #[error("(0008,0052) says no level of this information model")]
    Level,
}

impl QueryFault {
    /// The attribute that Offending Element (0000,0901) names.
    pub const fn tag(&self) -> Option<Tag> {
        match self {
            Self::Level => Some(LEVEL),
            Self::Record(_) => None,
        }
    }
}

/// The identifier of a C-FIND request.
#[derive(Debug, Clone)]
pub struct Identifier {
    record: Record,
    model: Model,
    level: Option<Level>,
    asked: Asked,
}

/// What the caller asked for and what the gateway added, kept for the answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {}

impl Identifier {
    /// Reads an identifier.
    ///
    /// # Errors
    /// It is damaged, past a limit, or at no level of its model.
    pub fn read(
        bytes: impl Into<Vec<u8>>,
        encoding: Encoding,
        model: Model,
        tolerances: Tolerances,
        limits: RecordLimits,
    ) -> Result<Self, QueryFault> {
        let record = Record::read(bytes, encoding, tolerances, limits)?;
        Ok(Self { record, model, level: None, asked: Asked::default() })
    }

    /// Its information model.
    pub const fn model(&self) -> Model {
        self.model
    }

    /// Its level; `None` for a worklist.
    pub const fn level(&self) -> Option<Level> {
        self.level
    }

    /// The data set as it stands now.
    pub const fn record(&self) -> &Record {
        &self.record
    }

    /// Top-level attributes that the caller asked a value of: not empty, not wild cards alone. A sequence counts where
    /// any key inside it does.
    pub fn asks(&self) -> Vec<Tag> {
        Vec::new()
    }

    /// Whether the caller asked a value of this top-level attribute.
    pub fn asks_value(&self, tag: Tag) -> bool {
        self.asks().contains(&tag)
    }

    /// The unique UIDs that the caller asked for at this tag: a list, or empty if none (or something that is no UID).
    pub fn uids(&self, _tag: Tag) -> Vec<Uid> {
        Vec::new()
    }

    /// Adds a return key if it is not there; answers lose it again if the caller did not ask for it.
    pub fn return_key(&mut self, _tag: Tag) {}

    /// The same along a path: sequences, then an attribute inside their first item. An empty path adds nothing.
    pub fn return_path(&mut self, _path: &[Tag]) {}

    /// Adds a matching key where the caller asks no value of the attribute. `false`, and nothing is changed: she does, or
    /// the query's repertoire cannot carry the text.
    pub fn matching_key(&mut self, _tag: Tag, _vr: VR, _text: &str) -> bool {
        false
    }

    /// Asks for these instead of what was asked at a tag of UIDs.
    pub fn set_uids(&mut self, _tag: Tag, _uids: &[Uid]) {}

    /// Asks for another value instead of what was asked: `false` if the repertoire cannot carry it.
    pub fn set_key(&mut self, _tag: Tag, _vr: VR, _text: &str) -> bool {
        false
    }

    /// Asks at another level of the model.
    pub fn set_level(&mut self, level: Level) {
        self.level = Some(level);
    }

    /// Takes a key away.
    pub fn take_away(&mut self, _tag: Tag) {}

    /// What the answers are to be cut down to.
    pub fn asked(&self) -> &Asked {
        &self.asked
    }

    /// The keys as the caller asked them, for matching answers again. Keys that cannot be matched by PS3.4 C.2.2.2 (or
    /// whose text cannot be decoded) are a fault.
    ///
    /// # Errors
    /// The tag of the first key that cannot be matched.
    pub fn keys(&self) -> Result<matching::Identifier, Tag> {
        Err(LEVEL)
    }

    /// The identifier as it stands now, in the encoding it came in.
    pub fn write(&self) -> Vec<u8> {
        self.record.write()
    }
}
