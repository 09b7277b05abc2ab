//! What a C-FIND asks (PS3.4 C.4.1, K.4.1): its information model, level and keys; read, changed and written again.
//!
//! Also identifiers of the gateway's own ([`Builder`]). It never sends anything and never decides who may ask.

mod asked;
mod build;
#[cfg(test)]
mod tests;

pub use asked::Asked;
pub use build::Builder;

use super::dataset::Level;
use super::dataset::record::{Record, RecordFault, RecordLimits};
use super::dimse::Tolerances;
use super::matching::{self, Extended};
use super::transfer_syntax::Encoding;
use super::{Tag, Uid};
use crate::dicom::dataset::record::Item;
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

/// A level as (0008,0052) says it.
pub const fn level_text(level: Level) -> &'static str {
    match level {
        Level::Patient => "PATIENT",
        Level::Study => "STUDY",
        Level::Series => "SERIES",
        Level::Image => "IMAGE",
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
    /// As it came.
    caller: Record,
    /// As it is to be asked.
    record: Record,
    model: Model,
    level: Option<Level>,
    asked: Asked,
}

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
        let level = match (model, record.value(LEVEL).map(trim)) {
            (Model::Worklist, _) => None,
            (_, Some(b"PATIENT")) => Some(Level::Patient),
            (_, Some(b"STUDY")) => Some(Level::Study),
            (_, Some(b"SERIES")) => Some(Level::Series),
            (_, Some(b"IMAGE")) => Some(Level::Image),
            _ => return Err(QueryFault::Level),
        };
        if level.is_some_and(|level| !model.has(level)) {
            return Err(QueryFault::Level);
        }
        let asked = Asked::of(&record);
        Ok(Self { caller: record.clone(), record, model, level, asked })
    }

    /// Its information model.
    pub const fn model(&self) -> Model {
        self.model
    }

    /// The level that the caller asked at; `None` for a worklist.
    pub const fn level(&self) -> Option<Level> {
        self.level
    }

    /// The data set as it came.
    pub const fn caller(&self) -> &Record {
        &self.caller
    }

    /// The data set as it is to be asked now.
    pub const fn record(&self) -> &Record {
        &self.record
    }

    /// Top-level attributes that the caller asked a value of: not empty, more than wild cards, readable. A sequence
    /// counts where any key inside it does. Specific Character Set and the level are no keys.
    pub fn asks(&self) -> Vec<Tag> {
        self.asked.values().to_vec()
    }

    /// Whether the caller asked a value of this top-level attribute.
    pub fn asks_value(&self, tag: Tag) -> bool {
        self.asked.values().contains(&tag)
    }

    /// The UIDs that the caller asked for at this tag: none if the key is absent, empty or a star. `None` if it is anything
    /// else than a list of UIDs.
    pub fn uids(&self, tag: Tag) -> Option<Vec<Uid>> {
        uids(&self.caller, tag)
    }

    /// Adds a return key if it is not there; answers lose it again if the caller did not ask for it.
    pub fn return_key(&mut self, tag: Tag) {
        if self.record.insert_empty(tag) {
            self.asked.add(&[tag]);
        }
    }

    /// The same along a path: sequences, then an attribute inside their first item. Nothing is added to a sequence that
    /// the caller asked for as a whole.
    pub fn return_path(&mut self, path: &[Tag]) {
        if self.record.insert_path(path) {
            self.asked.add(path);
        }
    }

    /// Adds a matching key where the caller says nothing of the attribute. `false`, and nothing is changed: she does, or the
    /// query's repertoire cannot carry the text.
    pub fn matching_key(&mut self, tag: Tag, vr: VR, text: &str) -> bool {
        if self.asked.narrows(&[tag]) {
            return false;
        }
        self.set_key(tag, vr, text)
    }

    /// Asks for another value instead of what was asked. `false`, and nothing is changed, if the repertoire cannot carry
    /// it or it is too long.
    pub fn set_key(&mut self, tag: Tag, vr: VR, text: &str) -> bool {
        let set = self.record.set_text(tag, vr, text).is_ok();
        if set {
            self.asked.add(&[tag]);
        }
        set
    }

    /// Asks for these UIDs instead of what was asked. `false`, and nothing is changed, if they are too many for the
    /// encoding: over 64 KiB in explicit VR.
    pub fn set_uids(&mut self, tag: Tag, uids: &[Uid]) -> bool {
        let set = self.record.set_uids(tag, uids).is_ok();
        if set {
            self.asked.add(&[tag]);
        }
        set
    }

    /// Asks for any value instead of what was asked; answers are matched by whoever does this.
    pub fn empty_key(&mut self, tag: Tag) {
        self.record.empty(tag);
    }

    /// Asks at another level of the model.
    pub fn set_level(&mut self, level: Level) {
        // A word of the default repertoire always fits.
        let _ = self.record.set_text(LEVEL, VR::CS, level_text(level));
    }

    /// Takes a key away; answers lose what archives send all the same if the caller did not ask for it.
    pub fn take_away(&mut self, tag: Tag) {
        self.record.remove(tag);
    }

    /// What the answers are to be cut down to.
    pub const fn asked(&self) -> &Asked {
        &self.asked
    }

    /// The keys as the caller asked them, for matching answers again.
    ///
    /// # Errors
    /// The tag of the first key that PS3.4 C.2.2.2 cannot match, or whose text cannot be decoded.
    pub fn keys(&self, extended: Extended) -> Result<matching::Identifier, Tag> {
        keys(self.caller.root(), extended)
    }

    /// The identifier as it is to be asked now, in the encoding it came in.
    pub fn write(&self) -> Vec<u8> {
        self.record.write()
    }
}

fn keys(item: Item<'_>, extended: Extended) -> Result<matching::Identifier, Tag> {
    let mut keys = matching::Identifier::new(extended);
    for (tag, vr) in item.tags() {
        if vr == VR::SQ {
            if let Some(inside) = item.items(tag).next() {
                keys.item(tag, self::keys(inside, extended)?).map_err(|_| tag)?;
            }
        } else if item.value(tag).is_none_or(|value| !trim(value).is_empty()) {
            let text = item.text(tag).ok_or(tag)?;
            keys.key(tag, vr, &text).map_err(|_| tag)?;
        }
    }
    Ok(keys)
}

/// The UIDs of a list; none where there is nothing or a star, `None` for what is no list of UIDs.
fn uids(record: &Record, tag: Tag) -> Option<Vec<Uid>> {
    if !record.has(tag) {
        return Some(Vec::new());
    }
    let value = trim(record.value(tag)?);
    if value.iter().all(|byte| *byte == b'*') {
        return Some(Vec::new());
    }
    value.split(|byte| *byte == b'\\').map(|one| Uid::new(trim(one)).ok()).collect()
}

/// Without padding.
pub(in crate::dicom) fn trim(mut value: &[u8]) -> &[u8] {
    while let [rest @ .., 0 | b' '] = value {
        value = rest;
    }
    while let [b' ', rest @ ..] = value {
        value = rest;
    }
    value
}
