//! What an object or query says about itself at the top level, as far as a decision and its record need it.

use super::{Header, Length, Sink, SinkFault, Vr, Want};
use crate::dicom::dimse::{Tolerance, Tolerances};
use crate::dicom::{Phi, Tag, Uid};

const CHARACTER_SET: Tag = Tag(0x0008, 0x0005);
const SOP_CLASS: Tag = Tag(0x0008, 0x0016);
const SOP_INSTANCE: Tag = Tag(0x0008, 0x0018);
const STUDY_DATE: Tag = Tag(0x0008, 0x0020);
const ACCESSION: Tag = Tag(0x0008, 0x0050);
const LEVEL: Tag = Tag(0x0008, 0x0052);
/// Transaction UID.
const TRANSACTION: Tag = Tag(0x0008, 0x1195);
/// Modality.
pub const MODALITY: Tag = Tag(0x0008, 0x0060);
const CODE_VALUE: Tag = Tag(0x0008, 0x0100);
const CODE_SCHEME: Tag = Tag(0x0008, 0x0102);
/// Long Code Value and URN Code Value: archives take the first of the three that is there.
const LONG_CODE_VALUE: Tag = Tag(0x0008, 0x0119);
const URN_CODE_VALUE: Tag = Tag(0x0008, 0x0120);
const PATIENT_NAME: Tag = Tag(0x0010, 0x0010);
const PATIENT_ID: Tag = Tag(0x0010, 0x0020);
const STUDY: Tag = Tag(0x0020, 0x000d);
/// Series Instance UID: the last of the identifying attributes that every composite object has.
pub const SERIES: Tag = Tag(0x0020, 0x000e);
/// Concept Name Code Sequence: the title of a Key Object.
pub const TITLE: Tag = Tag(0x0040, 0xa043);

/// Titles of Key Objects that take images away (PS3.16 CID 7011): quality, patient safety, wrong worklist entry, and
/// data retention expired.
const REJECTIONS: [&[u8]; 4] = [b"113001", b"113037", b"113038", b"113039"];

/// The longest text that is kept, in bytes.
const MAX_TEXT: u32 = 1024;

/// (0008,0052), the level of a query or retrieve (PS3.4 C.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// PATIENT
    Patient,
    /// STUDY
    Study,
    /// SERIES
    Series,
    /// IMAGE
    Image,
}

/// Collects the leading values of one data set. Bounded: at most some kilobytes, whatever comes.
#[derive(Debug, Default)]
pub struct Leading {
    query: bool,
    tolerances: Tolerances,
    reached: Option<Tag>,
    complete: bool,
    sop_class: Option<Uid>,
    sop_instance: Option<Uid>,
    study: Option<Uid>,
    series: Option<Uid>,
    transaction: Option<Uid>,
    character_set: Option<Box<[u8]>>,
    study_date: Option<Phi<Box<[u8]>>>,
    accession: Option<Phi<Box<[u8]>>>,
    patient_name: Option<Phi<Box<[u8]>>>,
    patient_id: Option<Phi<Box<[u8]>>>,
    level: Option<Box<[u8]>>,
    modality: Option<Box<str>>,
    title: Code,
    rejection: bool,
}

/// One item of the title: what the code says, and by which scheme.
#[derive(Debug, Default)]
struct Code {
    rejects: bool,
    /// A scheme was named that is DCM, and one that is not.
    dcm: bool,
    foreign: bool,
}

impl Code {
    /// In doubt it is one: an archive may read it so.
    const fn is_rejection(&self) -> bool {
        self.rejects && (self.dcm || !self.foreign)
    }
}

impl Leading {
    /// For the data set of a C-STORE: UIDs must be UIDs, one each.
    pub fn of_object(tolerances: Tolerances) -> Self {
        Self { tolerances, ..Self::default() }
    }

    /// For the identifier of a C-FIND, C-GET or C-MOVE: UIDs may be empty, lists or patterns, and are then left out;
    /// so are texts over 1,024 bytes.
    pub fn of_identifier(tolerances: Tolerances) -> Self {
        Self { query: true, tolerances, ..Self::default() }
    }

    /// Whether the walk is beyond an element of the top level: what it had to say has been read.
    pub fn passed(&self, tag: Tag) -> bool {
        self.complete || self.reached.is_some_and(|reached| reached > tag)
    }

    /// The data set is over: everything has been passed.
    pub fn end(&mut self) {
        self.complete = true;
    }

    /// (0008,0016)
    pub fn sop_class(&self) -> Option<&Uid> {
        self.sop_class.as_ref()
    }

    /// (0008,0018)
    pub fn sop_instance(&self) -> Option<&Uid> {
        self.sop_instance.as_ref()
    }

    /// (0020,000D)
    pub fn study(&self) -> Option<&Uid> {
        self.study.as_ref()
    }

    /// (0020,000E)
    pub fn series(&self) -> Option<&Uid> {
        self.series.as_ref()
    }

    /// (0008,1195)
    pub fn transaction(&self) -> Option<&Uid> {
        self.transaction.as_ref()
    }

    /// (0008,0005), raw: `\` between values.
    pub fn character_set(&self) -> Option<&[u8]> {
        self.character_set.as_deref()
    }

    /// (0008,0020), padding taken off.
    pub fn study_date(&self) -> Option<&Phi<Box<[u8]>>> {
        self.study_date.as_ref()
    }

    /// (0008,0050), in the object's character set, padding taken off.
    pub fn accession(&self) -> Option<&Phi<Box<[u8]>>> {
        self.accession.as_ref()
    }

    /// (0010,0010), in the object's character set, padding taken off.
    pub fn patient_name(&self) -> Option<&Phi<Box<[u8]>>> {
        self.patient_name.as_ref()
    }

    /// (0010,0020), in the object's character set, padding taken off.
    pub fn patient_id(&self) -> Option<&Phi<Box<[u8]>>> {
        self.patient_id.as_ref()
    }

    /// (0008,0060), padding taken off; printable ASCII. In a query it may be a list or pattern.
    pub fn modality(&self) -> Option<&str> {
        self.modality.as_deref()
    }

    /// (0008,0052); `None` also if it is none of the four levels.
    pub fn level(&self) -> Option<Level> {
        match self.level.as_deref()? {
            b"PATIENT" => Some(Level::Patient),
            b"STUDY" => Some(Level::Study),
            b"SERIES" => Some(Level::Series),
            b"IMAGE" => Some(Level::Image),
            _ => None,
        }
    }

    /// Whether the title of a Key Object is a rejection. Only to be asked once [`TITLE`] has been passed. A title
    /// code without a scheme counts: an archive may take it for one.
    pub fn is_rejection(&self) -> bool {
        self.rejection || self.title.is_rejection()
    }

    fn take_text(&mut self, tag: Tag, value: &[u8]) -> Result<(), SinkFault> {
        let text = trim(value);
        if text.is_empty() {
            return Ok(());
        }
        let kept: Box<[u8]> = text.into();
        match tag {
            CHARACTER_SET => self.character_set = Some(kept),
            STUDY_DATE => self.study_date = Some(Phi::new(kept)),
            ACCESSION => self.accession = Some(Phi::new(kept)),
            LEVEL => self.level = Some(kept),
            PATIENT_NAME => self.patient_name = Some(Phi::new(kept)),
            PATIENT_ID => self.patient_id = Some(Phi::new(kept)),
            MODALITY => match std::str::from_utf8(text) {
                Ok(text) if text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) => {
                    self.modality = Some(text.into());
                }
                _ => return Err(fault(tag, "has characters that a code string may not have")),
            },
            _ => {}
        }
        Ok(())
    }

    fn uid(&self, tag: Tag, value: &[u8]) -> Result<Option<Uid>, SinkFault> {
        if value.is_empty() {
            return Ok(None);
        }
        if let Ok(uid) = Uid::new(value) {
            return Ok(Some(uid));
        }
        match Uid::new(trim(value)) {
            Ok(uid) if self.query || self.tolerances.has(Tolerance::Padding) => Ok(Some(uid)),
            Ok(_) => Err(SinkFault { tag, reason: "is padded wrongly", tolerance: Some(Tolerance::Padding) }),
            Err(_) if self.query => Ok(None),
            Err(_) => Err(fault(tag, "is no UID")),
        }
    }

    fn take_title(&mut self, tag: Tag, value: &[u8]) {
        // Some readers stop at a NUL, others take the first of several values: each part counts.
        for part in value.split(|byte| matches!(byte, 0 | b'\\')).map(trim).filter(|part| !part.is_empty()) {
            match tag {
                CODE_VALUE | LONG_CODE_VALUE | URN_CODE_VALUE => self.title.rejects |= REJECTIONS.contains(&part),
                CODE_SCHEME if part.eq_ignore_ascii_case(b"DCM") => self.title.dcm = true,
                CODE_SCHEME => self.title.foreign = true,
                _ => {}
            }
        }
    }
}

impl Sink for Leading {
    fn element(&mut self, header: &Header) -> Result<Want, SinkFault> {
        let tag = header.tag;
        if header.depth > 0 {
            let title = header.depth == 1 && self.reached == Some(TITLE) && is_code(tag);
            return match header.length {
                Length::Defined(length) if title && length <= MAX_TEXT => Ok(Want::Value),
                _ if title && !self.query => Err(fault(tag, "is longer than 1024 bytes")),
                _ => Ok(Want::Skip),
            };
        }
        self.reached = self.reached.max(Some(tag));
        if tag == TITLE {
            let value = header.length != Length::Undefined && header.vr.is_some_and(|vr| vr != Vr::SQ);
            return if value && !self.query { Err(fault(tag, "is no sequence")) } else { Ok(Want::Skip) };
        }
        let known = matches!(
            tag,
            CHARACTER_SET
                | SOP_CLASS
                | SOP_INSTANCE
                | STUDY_DATE
                | ACCESSION
                | LEVEL
                | MODALITY
                | PATIENT_NAME
                | PATIENT_ID
                | STUDY
                | SERIES
                | TRANSACTION
        );
        if !known {
            return Ok(Want::Skip);
        }
        match header.length {
            _ if header.vr == Some(Vr::SQ) => Err(fault(tag, "is a sequence, which it may not be")),
            Length::Undefined => Err(fault(tag, "has undefined length, which it may not have")),
            Length::Defined(length) if length <= MAX_TEXT => Ok(Want::Value),
            Length::Defined(_) if self.query => Ok(Want::Skip),
            Length::Defined(_) => Err(fault(tag, "is longer than 1024 bytes")),
        }
    }

    fn value(&mut self, header: &Header, value: &[u8]) -> Result<(), SinkFault> {
        let tag = header.tag;
        if header.depth > 0 {
            self.take_title(tag, value);
            return Ok(());
        }
        match tag {
            SOP_CLASS => self.sop_class = self.uid(tag, value)?,
            SOP_INSTANCE => self.sop_instance = self.uid(tag, value)?,
            STUDY => self.study = self.uid(tag, value)?,
            TRANSACTION => self.transaction = self.uid(tag, value)?,
            SERIES => self.series = self.uid(tag, value)?,
            _ => self.take_text(tag, value)?,
        }
        Ok(())
    }

    fn item(&mut self, sequence: Tag, depth: u16) {
        if sequence == TITLE && depth == 1 {
            self.rejection = self.is_rejection();
            self.title = Code::default();
        }
    }
}

const fn fault(tag: Tag, reason: &'static str) -> SinkFault {
    SinkFault { tag, reason, tolerance: None }
}

const fn is_code(tag: Tag) -> bool {
    matches!(tag, CODE_VALUE | CODE_SCHEME | LONG_CODE_VALUE | URN_CODE_VALUE)
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
