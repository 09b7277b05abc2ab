//! A C-MOVE or C-GET read strictly, and written anew for what somebody may have (PS3.4 C.4.2.1.4, C.4.3, Y, Z).

use crate::dicom::dataset::Level;
use crate::dicom::dataset::record::{Record, RecordLimits};
use crate::dicom::dimse::Tolerances;
use crate::dicom::matching::CharacterSet;
use crate::dicom::query::{INSTANCE, LEVEL, PATIENT_ID, SERIES, STUDY, level_text, trim, unique_key};
use crate::dicom::transfer_syntax::Encoding;
use crate::dicom::{Phi, Tag, Uid};
use dicom_core::VR;

const CHARACTER_SET: Tag = Tag(0x0008, 0x0005);
/// Query/Retrieve View: whether old images come as they are or converted (PS3.4 C.3.5).
const VIEW: Tag = Tag(0x0008, 0x0053);
/// Which frames, each said in its own way (PS3.4 Y.3.3, one of them): Referenced Frame Number, Simple Frame List, Calculated
/// Frame List, Time Range; and how many bytes its numbers have.
const FRAMES: [(Tag, VR, usize); 4] = [
    (Tag(0x0008, 0x1160), VR::IS, 1),
    (Tag(0x0008, 0x1161), VR::UL, 4),
    (Tag(0x0008, 0x1162), VR::UL, 4),
    (Tag(0x0008, 0x1163), VR::FD, 8),
];

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

impl Root {
    /// Its unique keys, from the top; the last one at each level names what is retrieved.
    const fn has(self, level: Level) -> bool {
        match self {
            Self::Patient => true,
            Self::Study => !matches!(level, Level::Patient),
            Self::PatientStudyOnly => matches!(level, Level::Patient | Level::Study),
            Self::Composite => matches!(level, Level::Image),
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
    view: Option<&'static str>,
    frames: Option<Frames>,
    /// (0008,0005) as it stood.
    characters: Vec<u8>,
}

/// Which frames of the one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Frames {
    tag: Tag,
    vr: VR,
    /// Bytes of one number.
    size: usize,
    /// Little endian.
    value: Vec<u8>,
}

/// Why an identifier is refused: it is answered A900. Names the attribute, never its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}{reason}", .tag.map(|tag| format!("{tag} ")).unwrap_or_default())]
pub struct RetrieveFault {
    /// The attribute, for Offending Element and Error Comment.
    pub tag: Option<Tag>,
    /// What is wrong, as the rest of a sentence.
    pub reason: &'static str,
}

const fn fault(tag: Tag, reason: &'static str) -> RetrieveFault {
    RetrieveFault { tag: Some(tag), reason }
}

impl Retrieve {
    /// Reads an identifier. Strict: a level of the root, a value for its unique key, unique keys at and above it, and
    /// besides only (0008,0005), (0008,0053) and group lengths. Lists stand at the level alone.
    ///
    /// # Errors
    /// What an archive might take in another way: A900.
    pub fn read(
        identifier: &[u8],
        root: Root,
        encoding: Encoding,
        limits: RecordLimits,
    ) -> Result<Self, RetrieveFault> {
        // Departures that a peer is not allowed are refused where all that passes is walked.
        let record = Record::read(identifier, encoding, Tolerances::ALL, limits)
            .map_err(|_| RetrieveFault { tag: None, reason: "the identifier cannot be read" })?;
        let (level, frames) = level(&record, root)?;
        let keys = Keys {
            patient: patient(&record)?,
            studies: uids(&record, STUDY)?,
            series: uids(&record, SERIES)?,
            instances: uids(&record, INSTANCE)?,
        };
        let above = |at: Level| root.has(at) && at <= level;
        let known = |tag: Tag| match tag {
            CHARACTER_SET | LEVEL | VIEW => true,
            PATIENT_ID => above(Level::Patient),
            STUDY => above(Level::Study),
            SERIES => above(Level::Series),
            INSTANCE => above(Level::Image),
            tag => tag.element() == 0 || frames.as_ref().is_some_and(|frames| frames.tag == tag),
        };
        if let Some((extra, _)) = record.tags().find(|(tag, _)| !known(*tag)) {
            return Err(fault(extra, "may not stand in this retrieve"));
        }
        if keys.count(level) == 0 {
            return Err(fault(unique_key(level), "has no value"));
        }
        let higher = [Level::Study, Level::Series, Level::Image].into_iter().filter(|at| *at < level);
        if let Some(list) = higher.into_iter().find(|at| keys.count(*at) > 1) {
            return Err(fault(unique_key(list), "may be a list at its own level only"));
        }
        if frames.is_some() && keys.instances.len() > 1 {
            return Err(fault(INSTANCE, "may not be a list where frames are asked for"));
        }
        let view = match record.value(VIEW).map(trim) {
            None | Some(b"") => None,
            Some(b"CLASSIC") => Some("CLASSIC"),
            Some(b"ENHANCED") => Some("ENHANCED"),
            Some(_) => return Err(fault(VIEW, "is neither CLASSIC nor ENHANCED")),
        };
        let characters = record.value(CHARACTER_SET).unwrap_or_default().to_vec();
        Ok(Self { root, level, keys, view, frames, characters })
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
        self.frames.is_some()
    }

    /// What it names.
    pub const fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Whether keys above its level are missing, as only relational retrieves may (C.4.2.2.2). Composite instances have none
    /// above.
    pub fn is_relational(&self) -> bool {
        [Level::Patient, Level::Study, Level::Series]
            .into_iter()
            .any(|at| at < self.level && self.root.has(at) && self.keys.count(at) == 0)
    }

    /// An identifier that asks for these at this level: the level's unique key, those above it that have values, and
    /// nothing else. (0008,0053) and the frames stay as they were asked; Specific Character Set stands there only
    /// if Patient ID needs it: the caller's own if that can carry it, else `ISO_IR 192`. `None` if a list is too long for
    /// the encoding (64 KiB in explicit VR), the root has no such level, or the unique key of the level has no value.
    pub fn write(&self, encoding: Encoding, level: Level, keys: &Keys) -> Option<Vec<u8>> {
        if !self.root.has(level) || keys.count(level) == 0 {
            return None;
        }
        let mut record = Record::new(encoding);
        let patient = keys.patient.as_ref().map(|patient| patient.reveal().as_str());
        if let Some(patient) = patient.filter(|_| self.root.has(Level::Patient)) {
            if !patient.is_ascii() {
                let own = CharacterSet::of(&self.characters).is_ok_and(|own| own.encode(patient).is_some());
                let characters = if own { self.characters.clone() } else { b"ISO_IR 192".to_vec() };
                record.set(CHARACTER_SET, VR::CS, characters).ok()?;
            }
            record.set_text(PATIENT_ID, VR::LO, patient).ok()?;
        }
        let frames = self.frames.as_ref().filter(|_| level == Level::Image);
        let word = if frames.is_some() { "FRAME" } else { level_text(level) };
        record.set_text(LEVEL, VR::CS, word).ok()?;
        if let Some(view) = self.view {
            record.set_text(VIEW, VR::CS, view).ok()?;
        }
        for (at, tag, uids) in [
            (Level::Study, STUDY, &keys.studies),
            (Level::Series, SERIES, &keys.series),
            (Level::Image, INSTANCE, &keys.instances),
        ] {
            if at <= level && self.root.has(at) && !uids.is_empty() {
                record.set_uids(tag, uids).ok()?;
            }
        }
        if let Some(frames) = frames {
            let value = swapped(&frames.value, frames.size, encoding == Encoding::ExplicitBe);
            record.set(frames.tag, frames.vr, value).ok()?;
        }
        Some(record.write())
    }
}

impl Keys {
    /// How many values there are at a level.
    fn count(&self, level: Level) -> usize {
        match level {
            Level::Patient => usize::from(self.patient.is_some()),
            Level::Study => self.studies.len(),
            Level::Series => self.series.len(),
            Level::Image => self.instances.len(),
        }
    }
}

fn level(record: &Record, root: Root) -> Result<(Level, Option<Frames>), RetrieveFault> {
    let level = match record.value(LEVEL).map(trim) {
        Some(b"PATIENT") => Level::Patient,
        Some(b"STUDY") => Level::Study,
        Some(b"SERIES") => Level::Series,
        Some(b"IMAGE") => Level::Image,
        Some(b"FRAME") if root == Root::Composite => return Ok((Level::Image, Some(frames(record)?))),
        _ => return Err(fault(LEVEL, "says no level of this information model")),
    };
    if root.has(level) { Ok((level, None)) } else { Err(fault(LEVEL, "says no level of this information model")) }
}

fn frames(record: &Record) -> Result<Frames, RetrieveFault> {
    let mut asked = FRAMES.into_iter().filter(|(tag, _, _)| record.has(*tag));
    let Some((tag, vr, size)) = asked.next() else {
        return Err(fault(LEVEL, "says FRAME, but no frames are named"));
    };
    if let Some((second, _, _)) = asked.next() {
        return Err(fault(second, "may not stand beside another way to name frames"));
    }
    let value = record.value(tag).filter(|value| !value.is_empty() && value.len().is_multiple_of(size));
    let value = value.ok_or(fault(tag, "has no value, or none that names frames"))?;
    Ok(Frames { tag, vr, size, value: swapped(value, size, record.encoding() == Encoding::ExplicitBe) })
}

/// Numbers of so many bytes in the other byte order.
fn swapped(value: &[u8], size: usize, swap: bool) -> Vec<u8> {
    if swap { value.chunks(size).flat_map(|number| number.iter().rev().copied()).collect() } else { value.to_vec() }
}

/// A unique key of UIDs: values if it is there, and nothing that could mean more.
fn uids(record: &Record, tag: Tag) -> Result<Vec<Uid>, RetrieveFault> {
    if !record.has(tag) {
        return Ok(Vec::new());
    }
    let value = record.value(tag).ok_or(fault(tag, "is no list of UIDs"))?;
    match trim(value) {
        [] => Err(fault(tag, "is empty")),
        value => {
            let one = |one: &[u8]| Uid::new(trim(one)).map_err(|_| fault(tag, "is no list of UIDs"));
            value.split(|byte| *byte == b'\\').map(one).collect()
        }
    }
}

fn patient(record: &Record) -> Result<Option<Phi<String>>, RetrieveFault> {
    if !record.has(PATIENT_ID) {
        return Ok(None);
    }
    let text = record.root().text(PATIENT_ID).ok_or(fault(PATIENT_ID, "cannot be read in its character set"))?;
    let text = text.trim_matches([' ', '\0']);
    if text.is_empty() {
        return Err(fault(PATIENT_ID, "is empty"));
    }
    if text.chars().any(|c| matches!(c, '*' | '?' | '\\') || c.is_control()) {
        return Err(fault(PATIENT_ID, "is no single value"));
    }
    Ok(Some(Phi::new(text.to_owned())))
}

#[cfg(test)]
mod tests;
