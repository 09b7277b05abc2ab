//! What a C-MOVE asks for (PS3.4 C.4.2.1.4): its level and unique keys, and which instances they cover ([`Scope`]); and
//! strictly, to be asked anew ([`Retrieve`]).

mod request;

pub use request::{Keys, Retrieve, RetrieveFault, Root};

use super::dataset::write::Flat;
use super::dataset::{Level, WalkLimits};
use super::dimse::Tolerances;
use super::transfer_syntax::Encoding;
use super::{Phi, Tag, Uid};

const INSTANCES: Tag = Tag(0x0008, 0x0018);
const LEVEL: Tag = Tag(0x0008, 0x0052);
const PATIENT: Tag = Tag(0x0010, 0x0020);
const STUDIES: Tag = Tag(0x0020, 0x000d);
const SERIES: Tag = Tag(0x0020, 0x000e);

/// The longest value of a key that is read: 16,000 UIDs.
const LONGEST: u32 = 1 << 20;

/// What a retrieve asks for. Keys below its level are no part of it: archives pass them over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    level: Level,
    /// The level that the caller asked at, where the gateway asks at another.
    asked: Level,
    patient: Option<Phi<Box<[u8]>>>,
    studies: Vec<Uid>,
    series: Vec<Uid>,
    instances: Vec<Uid>,
}

/// Why an identifier cannot be tied to deliveries: it is answered A900.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScopeFault {
    /// It is no data set.
    #[error("the identifier cannot be read")]
    Unreadable,
    /// (0008,0052) says none of the four levels.
    #[error("Query/Retrieve Level is none of PATIENT, STUDY, SERIES, IMAGE")]
    Level,
    /// The unique key of the level is empty.
    #[error("the unique key of the level has no value")]
    Key,
    /// A unique key is no list of UIDs, or a Patient ID with a wildcard.
    #[error("a unique key is no single value or list of UIDs")]
    Value,
}

/// What an instance says it belongs to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Belongs<'a> {
    /// (0010,0020), padding taken off.
    pub patient: Option<&'a [u8]>,
    /// (0020,000D)
    pub study: Option<&'a Uid>,
    /// (0020,000E)
    pub series: Option<&'a Uid>,
    /// (0008,0018)
    pub instance: Option<&'a Uid>,
}

impl Scope {
    /// The studies that it names; none where it names patients alone.
    pub fn studies(&self) -> &[Uid] {
        &self.studies
    }

    /// Reads the identifier of a C-MOVE.
    ///
    /// # Errors
    /// Why nothing delivered could be tied to it.
    pub fn read(identifier: &[u8], encoding: Encoding, limits: WalkLimits) -> Result<Self, ScopeFault> {
        let limits = WalkLimits { value: LONGEST, ..limits };
        let keys =
            Flat::read_with(identifier, encoding, limits, Tolerances::ALL).map_err(|_| ScopeFault::Unreadable)?;
        let value = |tag: Tag| keys.get(tag).map(trim).filter(|value| !value.is_empty());
        let level = match value(LEVEL) {
            Some(b"PATIENT") => Level::Patient,
            Some(b"STUDY") => Level::Study,
            Some(b"SERIES") => Level::Series,
            Some(b"IMAGE") => Level::Image,
            _ => return Err(ScopeFault::Level),
        };
        let uids = |tag: Tag, wanted: bool| -> Result<Vec<Uid>, ScopeFault> {
            let Some(value) = value(tag).filter(|_| wanted) else { return Ok(Vec::new()) };
            value.split(|byte| *byte == b'\\').map(|one| Uid::new(trim(one)).map_err(|_| ScopeFault::Value)).collect()
        };
        let patient = value(PATIENT);
        if patient.is_some_and(|id| id.iter().any(|byte| matches!(byte, b'*' | b'?' | b'\\'))) {
            return Err(ScopeFault::Value);
        }
        let scope = Self {
            level,
            asked: level,
            patient: patient.map(|id| Phi::new(id.into())),
            studies: uids(STUDIES, level >= Level::Study)?,
            series: uids(SERIES, level >= Level::Series)?,
            instances: uids(INSTANCES, level >= Level::Image)?,
        };
        let empty = match level {
            Level::Patient => scope.patient.is_none(),
            Level::Study => scope.studies.is_empty(),
            Level::Series => scope.series.is_empty(),
            Level::Image => scope.instances.is_empty(),
        };
        if empty { Err(ScopeFault::Key) } else { Ok(scope) }
    }

    /// For somebody who asked at this level.
    #[must_use]
    pub fn asked_at(self, level: Level) -> Self {
        Self { asked: level, ..self }
    }

    /// The level that was asked at.
    pub const fn asked(&self) -> Level {
        self.asked
    }

    /// The one study it names, for records.
    pub fn study(&self) -> Option<&Uid> {
        match self.studies.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// Whether an instance is what was asked for: it agrees with every key that has a value at the level or above.
    ///
    /// A Patient ID outside ASCII is written differently in other character sets; beside a UID that agrees it is then
    /// not compared.
    pub fn covers(&self, object: &Belongs<'_>) -> bool {
        let among = |list: &[Uid], uid: Option<&Uid>| list.is_empty() || uid.is_some_and(|uid| list.contains(uid));
        let patient = self.patient.as_ref().is_none_or(|wanted| {
            let wanted: &[u8] = wanted.reveal();
            let found = object.patient.map(trim).unwrap_or_default();
            let comparable = wanted.is_ascii() && found.is_ascii() || self.level == Level::Patient;
            !comparable || wanted == found
        });
        patient
            && among(&self.studies, object.study)
            && among(&self.series, object.series)
            && among(&self.instances, object.instance)
    }

    /// As bytes for the state.
    pub fn encode(&self) -> Vec<u8> {
        // The level that was asked at counts from 1: a gateway of an earlier version wrote none there.
        let mut out = vec![self.level as u8 | (self.asked as u8 + 1) << 4];
        put(&mut out, self.patient.as_ref().map_or(&[], |id| id.reveal()));
        for list in [&self.studies, &self.series, &self.instances] {
            let text: Vec<&str> = list.iter().map(Uid::as_str).collect();
            put(&mut out, text.join("\\").as_bytes());
        }
        out
    }

    /// From the bytes of [`Scope::encode`]; `None` for others.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (level, mut rest) = bytes.split_first()?;
        let of = |number: u8| match number {
            0 => Some(Level::Patient),
            1 => Some(Level::Study),
            2 => Some(Level::Series),
            3 => Some(Level::Image),
            _ => None,
        };
        let (asked, level) = (level >> 4, of(level & 0xf)?);
        let asked = asked.checked_sub(1).map_or(Some(level), of)?;
        let patient = take(&mut rest)?;
        let patient = (!patient.is_empty()).then(|| Phi::new(patient.into()));
        let mut list = || -> Option<Vec<Uid>> {
            let text = take(&mut rest)?;
            if text.is_empty() {
                return Some(Vec::new());
            }
            text.split(|byte| *byte == b'\\').map(|uid| Uid::new(uid).ok()).collect()
        };
        let (studies, series, instances) = (list()?, list()?, list()?);
        rest.is_empty().then_some(Self { level, asked, patient, studies, series, instances })
    }
}

fn put(out: &mut Vec<u8>, value: &[u8]) {
    // Bounded by `LONGEST`.
    out.extend_from_slice(&u32::try_from(value.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(value);
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, behind) = rest.split_first_chunk::<4>()?;
    let (value, behind) = behind.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    *rest = behind;
    Some(value)
}

fn trim(mut value: &[u8]) -> &[u8] {
    while let [rest @ .., 0 | b' '] = value {
        value = rest;
    }
    while let [b' ', rest @ ..] = value {
        value = rest;
    }
    value
}

#[cfg(test)]
mod tests;
