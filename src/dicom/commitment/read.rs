//! The reading, element by element.

use super::{
    CLASS, FAILED, FILE_SET, FILE_SET_UID, INSTANCE, MOST_REFERENCES, PROCESSING_FAILURE, Place, REASON, REFERENCED,
    RETRIEVE_AE, Reference, Report, TRANSACTION,
};
use crate::dicom::dataset::{Header, Length, Sink, SinkFault, Vr, WalkFault, WalkLimits, Walker, Want};
use crate::dicom::dimse::{Tolerance, Tolerances};
use crate::dicom::transfer_syntax::Encoding;
use crate::dicom::{AeTitle, Tag, Uid};

/// The longest value that is kept, in bytes: sixteen titles of sixteen characters.
const MAX_TEXT: u32 = 272;
/// The longest File-Set ID (SH, PS3.5 6.2), in bytes.
const MAX_ID: usize = 16;

/// Why a data set is no report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReportFault {
    /// The data set itself is refused.
    #[error(transparent)]
    Walk(#[from] WalkFault),
    /// It has no Transaction UID.
    #[error("the Transaction UID (0008,1195) is missing")]
    NoTransaction,
    /// The event type says that failures exist, and none is listed.
    #[error("failures are said to exist, and none is listed in (0008,1198)")]
    NoFailure,
}

/// Reads the data set of an N-ACTION or N-EVENT-REPORT of storage commitment: a [`Sink`] for the walker. Bounded by
/// the references it takes.
#[derive(Debug)]
pub struct Reader {
    tolerances: Tolerances,
    most: usize,
    keep: bool,
    transaction: Option<Uid>,
    reached: Option<Tag>,
    place: Place,
    references: usize,
    committed: Vec<Reference>,
    failed: Vec<(Reference, u16)>,
    /// Sequences that have been seen.
    seen: Vec<Tag>,
    /// The item being read.
    item: Option<Item>,
    /// What was wrong with an item that has ended.
    fault: Option<SinkFault>,
}

#[derive(Debug)]
struct Item {
    failed: bool,
    class: Option<Uid>,
    instance: Option<Uid>,
    reason: Option<u16>,
    place: Place,
}

impl Reader {
    /// For the data set of an N-ACTION: references are checked and counted, not kept.
    pub fn of_request(tolerances: Tolerances) -> Self {
        Self::new(tolerances, false)
    }

    /// For the data set of an N-EVENT-REPORT.
    pub fn of_report(tolerances: Tolerances) -> Self {
        Self::new(tolerances, true)
    }

    /// With another limit on references than [`MOST_REFERENCES`].
    #[must_use]
    pub fn with_most(self, most: usize) -> Self {
        Self { most, ..self }
    }

    fn new(tolerances: Tolerances, keep: bool) -> Self {
        Self {
            tolerances,
            most: MOST_REFERENCES,
            keep,
            transaction: None,
            reached: None,
            place: Place::default(),
            references: 0,
            committed: Vec::new(),
            failed: Vec::new(),
            seen: Vec::new(),
            item: None,
            fault: None,
        }
    }

    /// (0008,1195), as soon as it has been read: before the first reference, or the walk ends with a fault.
    pub const fn transaction(&self) -> Option<&Uid> {
        self.transaction.as_ref()
    }

    /// Whether the walk is beyond an element of the top level.
    pub fn passed(&self, tag: Tag) -> bool {
        self.reached.is_some_and(|reached| reached > tag)
    }

    /// Instances referred to so far.
    pub const fn references(&self) -> usize {
        self.references
    }

    /// The data set is over: what is wrong with it that only its end shows.
    ///
    /// # Errors
    /// There is no Transaction UID, or the last item lacks something.
    pub fn end(&mut self) -> Result<Uid, ReportFault> {
        self.close();
        if let Some(fault) = self.fault {
            return Err(ReportFault::Walk(fault.into()));
        }
        self.transaction.ok_or(ReportFault::NoTransaction)
    }

    /// The report, after the walker has finished. `event_type`: (0000,1002) of the command.
    ///
    /// # Errors
    /// Those of [`Reader::end`]; or failures are said to exist and none is listed: taking that for a success would be
    /// a promise that the archive did not give.
    pub fn into_report(mut self, event_type: u16) -> Result<Report, ReportFault> {
        let transaction = self.end()?;
        if event_type != super::ALL_COMMITTED && self.failed.is_empty() {
            return Err(ReportFault::NoFailure);
        }
        Ok(Report { transaction, place: self.place, committed: self.committed, failed: self.failed })
    }

    fn uid(&self, tag: Tag, value: &[u8]) -> Result<Uid, SinkFault> {
        if let Ok(uid) = Uid::new(value) {
            return Ok(uid);
        }
        match Uid::new(value.trim_ascii_end()) {
            Ok(uid) if self.tolerances.has(Tolerance::Padding) => Ok(uid),
            Ok(_) => Err(SinkFault { tag, reason: "is padded wrongly", tolerance: Some(Tolerance::Padding) }),
            Err(_) => Err(fault(tag, "is no UID")),
        }
    }

    /// An element of the data set itself.
    fn top(&mut self, header: &Header) -> Result<Want, SinkFault> {
        let tag = header.tag;
        self.reached = self.reached.max(Some(tag));
        match tag {
            FAILED | REFERENCED => {
                // A UN of defined length would be skipped as one value, and its references with it.
                if header.vr.is_some_and(|vr| vr != Vr::SQ) && header.length != Length::Undefined {
                    return Err(fault(tag, "is no sequence"));
                }
                if self.transaction.is_none() {
                    return Err(fault(tag, "stands before the Transaction UID"));
                }
                if self.seen.contains(&tag) {
                    return Err(fault(tag, "occurs twice, which leaves open what it says"));
                }
                self.seen.push(tag);
                Ok(Want::Skip)
            }
            TRANSACTION | RETRIEVE_AE | FILE_SET | FILE_SET_UID => wanted(header),
            _ => Ok(Want::Skip),
        }
    }

    /// An item ends.
    fn close(&mut self) {
        let Some(item) = self.item.take() else { return };
        self.references += 1;
        let sequence = if item.failed { FAILED } else { REFERENCED };
        match (item.class, item.instance) {
            _ if self.references > self.most => {
                self.fault = Some(fault(sequence, "makes more references than the limit"));
            }
            (Some(class), Some(instance)) if self.keep => {
                let place = (!item.place.is_empty()).then(|| Box::new(item.place));
                let reference = Reference { class, instance, place };
                match (item.failed, item.reason) {
                    (false, _) => self.committed.push(reference),
                    // Required (type 1); what failed has failed, whether the archive says why or not.
                    (true, reason) => self.failed.push((reference, reason.unwrap_or(PROCESSING_FAILURE))),
                }
            }
            (Some(_), Some(_)) => {}
            (None, _) => self.fault = Some(fault(CLASS, "is missing in a reference")),
            (_, None) => self.fault = Some(fault(INSTANCE, "is missing in a reference")),
        }
    }
}

impl Sink for Reader {
    fn element(&mut self, header: &Header) -> Result<Want, SinkFault> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        match (header.depth, &self.item) {
            (0, _) => self.top(header),
            (1, Some(_)) => match header.tag {
                CLASS | INSTANCE | REASON | RETRIEVE_AE | FILE_SET | FILE_SET_UID => wanted(header),
                _ => Ok(Want::Skip),
            },
            _ => Ok(Want::Skip),
        }
    }

    fn value(&mut self, header: &Header, value: &[u8]) -> Result<(), SinkFault> {
        let tag = header.tag;
        match tag {
            TRANSACTION => {
                let uid = self.uid(tag, value)?;
                return once(&mut self.transaction, tag, uid);
            }
            CLASS | INSTANCE => {
                let uid = self.uid(tag, value)?;
                return match &mut self.item {
                    Some(item) if tag == CLASS => once(&mut item.class, tag, uid),
                    Some(item) => once(&mut item.instance, tag, uid),
                    None => Ok(()),
                };
            }
            REASON => {
                let Some(item) = &mut self.item else { return Ok(()) };
                let Ok(bytes) = <[u8; 2]>::try_from(value) else {
                    return Err(fault(tag, "is no number of 16 bits"));
                };
                let big = header.encoding == Encoding::ExplicitBe;
                let reason = if big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) };
                return once(&mut item.reason, tag, reason);
            }
            _ => {}
        }
        let place = match &mut self.item {
            Some(item) => &mut item.place,
            None => &mut self.place,
        };
        match tag {
            RETRIEVE_AE => place.retrieve_ae = titles(value),
            FILE_SET => place.file_set = id(value),
            FILE_SET_UID => place.file_set_uid = Uid::new(value).ok(),
            _ => {}
        }
        Ok(())
    }

    fn item(&mut self, sequence: Tag, depth: u16) {
        if depth == 1 {
            self.close();
            let failed = sequence == FAILED;
            if failed || sequence == REFERENCED {
                self.item = Some(Item { failed, class: None, instance: None, reason: None, place: Place::default() });
            }
        }
    }

    fn sequence_end(&mut self, _sequence: Tag, depth: u16) {
        if depth == 0 {
            self.close();
        }
    }
}

/// Reads a whole report, strictly. `event_type`: (0000,1002) of its command; `most`: references.
///
/// # Errors
/// The data set is damaged, or no report.
pub fn read(bytes: &[u8], encoding: Encoding, event_type: u16, most: usize) -> Result<Report, ReportFault> {
    let mut reader = Reader::of_report(Tolerances::STRICT).with_most(most);
    let mut walker = Walker::new(encoding, WalkLimits::default(), Tolerances::STRICT);
    walker.push(bytes, &mut reader)?;
    walker.finish()?;
    reader.into_report(event_type)
}

fn once<T>(slot: &mut Option<T>, tag: Tag, value: T) -> Result<(), SinkFault> {
    if slot.is_some() {
        return Err(fault(tag, "occurs twice, which leaves open what it says"));
    }
    *slot = Some(value);
    Ok(())
}

/// What is too long for its VR is refused where something hangs on it, and left out where nothing does.
fn wanted(header: &Header) -> Result<Want, SinkFault> {
    let needed = matches!(header.tag, TRANSACTION | CLASS | INSTANCE | REASON);
    match header.length {
        _ if header.vr == Some(Vr::SQ) => Err(fault(header.tag, "is a sequence, which it may not be")),
        Length::Undefined => Err(fault(header.tag, "has undefined length, which it may not have")),
        Length::Defined(length) if length <= MAX_TEXT => Ok(Want::Value),
        Length::Defined(_) if needed => Err(fault(header.tag, "is too long")),
        Length::Defined(_) => Ok(Want::Skip),
    }
}

const fn fault(tag: Tag, reason: &'static str) -> SinkFault {
    SinkFault { tag, reason, tolerance: None }
}

fn titles(value: &[u8]) -> Option<Box<str>> {
    let titles: Vec<AeTitle> = value.split(|byte| *byte == b'\\').map(AeTitle::new).collect::<Result<_, _>>().ok()?;
    let words: Vec<&str> = titles.iter().map(AeTitle::as_str).collect();
    Some(words.join("\\").into_boxed_str())
}

fn id(value: &[u8]) -> Option<Box<str>> {
    let text = std::str::from_utf8(value).ok()?.trim_matches(' ');
    let fits = |byte: u8| byte == b' ' || byte.is_ascii_graphic() && byte != b'\\';
    (!text.is_empty() && text.len() <= MAX_ID && text.bytes().all(fits)).then(|| text.into())
}
