//! The recovery steps, without a gateway: the seal is found in a DICOM file, and its payload comes out. It looks where
//! docs/recovery.md looks, and knows nothing of what is sealed in which kind of object.

use super::carrier::{Carrier, MAGIC, magic_at};
use super::cms::identifiers::AUTH_ENVELOPED_DATA;
use super::cms::total_length;
use super::der;
use super::{KeyId, OpenFault, Opener, SegmentHeader, Unlock};
use crate::dicom::cursor::Cursor;
use crate::dicom::dataset::part10::{Part10, Part10Fault};
use crate::dicom::dataset::{Header, Length, Sink, SinkFault, Vr, WalkFault, WalkLimits, Walker, Want};
use crate::dicom::dimse::Tolerances;
use crate::dicom::transfer_syntax::{Encoding, encoding_of};
use crate::dicom::{Phi, Tag, Uid};
use bytes::Bytes;

const PATIENT_ID: Tag = Tag(0x0010, 0x0020);
/// A Patient ID has 64 characters (LO, PS3.5 6.2), of four bytes at most; what is longer is not looked at.
const LONGEST_ID: u32 = 256;
const SAMPLES: Tag = Tag(0x0028, 0x0002);
const COLUMNS: Tag = Tag(0x0028, 0x0011);
const BITS_ALLOCATED: Tag = Tag(0x0028, 0x0100);
const ENCRYPTED_ATTRIBUTES: Tag = Tag(0x0400, 0x0500);
const ENCRYPTED_CONTENT: Tag = Tag(0x0400, 0x0520);
const PIXEL_DATA: Tag = Tag(0x7fe0, 0x0010);

/// Why a file is not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OfflineFault {
    /// It is no DICOM file.
    #[error(transparent)]
    File(#[from] Part10Fault),
    /// Its data set is damaged.
    #[error("the data set is damaged: {0}")]
    Walk(#[from] WalkFault),
    /// The seal announces more bytes than there are.
    #[error("the seal announces more bytes than the pixel data has")]
    Length,
    /// A segment does not open.
    #[error(transparent)]
    Seal(#[from] OpenFault),
    /// The seal is of another object.
    #[error("the seal is of object {0}")]
    OtherObject(Uid),
}

/// A sealed object in a file.
#[derive(Debug, Clone)]
pub struct SealedFile<'a> {
    /// The file.
    pub file: Part10<'a>,
    /// Where the seal stands.
    pub carrier: Carrier,
    /// The segments, as they stand there: one object each.
    pub segments: Vec<&'a [u8]>,
    /// Patient ID (0010,0020) of the sealed object, without its padding; empty: it has none.
    pub patient_id: Phi<Vec<u8>>,
    /// Its archive gives objects SOP Instance UIDs of its own: that of the seal is another.
    pub minted: bool,
}

/// A seal that was opened whole.
#[derive(Debug, Clone)]
pub struct OpenedSeal {
    /// What it says about itself and its object, as the last segment has it.
    pub header: SegmentHeader,
    /// The ring key that it names.
    pub key: Option<KeyId>,
    /// How many segments.
    pub segments: u32,
    /// Bytes of the payload.
    pub payload: u64,
    /// Opened by the ring: sealed by who had it, or an escrow key of this seal. Otherwise anybody with the certificate could
    /// have.
    pub origin_proven: bool,
}

impl<'a> SealedFile<'a> {
    /// Finds the seal in a file; `None`: there is none, or the archive has compressed it.
    ///
    /// # Errors
    /// It is no DICOM file, is damaged, or the seal is cut.
    pub fn find(file: &'a [u8]) -> Result<Option<Self>, OfflineFault> {
        let file = Part10::split(file)?;
        let encoding = encoding_of(&file.transfer_syntax);
        if encoding == Encoding::Deflated {
            return Ok(None);
        }
        let mut seen = Seen::new();
        let mut walker = Walker::new(encoding, WalkLimits::default(), Tolerances::ALL);
        walker.push(file.data_set, &mut seen)?;
        walker.finish()?;
        if let Some(segments) = seen.in_pixels(file.data_set)? {
            let (segments, patient_id) = (split(segments)?, seen.patient_id);
            return Ok(Some(Self { file, carrier: Carrier::Pixels, segments, patient_id, minted: false }));
        }
        let segments: Vec<&[u8]> = seen
            .contents
            .iter()
            .filter_map(|place| place.of(file.data_set))
            .filter(|value| is_segment(value))
            .collect();
        let patient_id = seen.patient_id;
        Ok((!segments.is_empty()).then_some(Self {
            file,
            carrier: Carrier::Attributes,
            segments,
            patient_id,
            minted: false,
        }))
    }

    /// Opens the seal: parts of the payload go to `sink`, each after its segment was authenticated.
    ///
    /// # Errors
    /// The first fault; what came out before is not the whole payload then.
    pub fn open(&self, unlock: Unlock, mut sink: impl FnMut(Bytes)) -> Result<OpenedSeal, OfflineFault> {
        let origin_proven = matches!(unlock, Unlock::Ring(_));
        let (mut opener, mut out, mut payload) = (Opener::new(unlock), Vec::new(), 0_u64);
        for segment in &self.segments {
            opener.push(segment, &mut out)?;
            let other = |header: &&SegmentHeader| !self.minted && header.sop_instance != self.file.sop_instance;
            if let Some(header) = opener.header().filter(other) {
                return Err(OfflineFault::OtherObject(header.sop_instance));
            }
            for part in out.drain(..) {
                payload = payload.saturating_add(u64::try_from(part.len()).unwrap_or(u64::MAX));
                sink(part);
            }
        }
        opener.finish()?;
        let (key, segments) = (opener.key(), opener.segments());
        let header = opener.header().ok_or(OpenFault::Truncated(0))?.clone();
        Ok(OpenedSeal { header, key, segments, payload, origin_proven })
    }
}

/// Where a value is.
#[derive(Debug, Clone, Copy)]
struct Place {
    from: u64,
    length: u32,
}

impl Place {
    fn of<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let from = usize::try_from(self.from).ok()?;
        bytes.get(from..)?.get(..usize::try_from(self.length).ok()?)
    }
}

#[derive(Debug)]
struct Seen {
    columns: u16,
    bits: u16,
    samples: u16,
    /// The sequence at the top level that the walk is in.
    within: Option<Tag>,
    pixels: Option<Place>,
    contents: Vec<Place>,
    patient_id: Phi<Vec<u8>>,
}

impl Seen {
    fn new() -> Self {
        Self {
            columns: 0,
            bits: 0,
            samples: 0,
            within: None,
            pixels: None,
            contents: Vec::new(),
            patient_id: Phi::new(Vec::new()),
        }
    }

    /// The segments behind the magic.
    fn in_pixels<'a>(&self, data_set: &'a [u8]) -> Result<Option<&'a [u8]>, OfflineFault> {
        let samples = self.samples.max(1);
        let Some(value) = self.pixels.and_then(|place| place.of(data_set)) else { return Ok(None) };
        let at = magic_at(self.columns, self.bits, samples).and_then(|at| usize::try_from(at).ok());
        let mut cursor = Cursor::new(at.and_then(|at| value.get(at..)).unwrap_or_default());
        if cursor.array() != Some(MAGIC) {
            return Ok(None);
        }
        let length = cursor.array().map(u64::from_le_bytes).and_then(|length| usize::try_from(length).ok());
        length.and_then(|length| cursor.take(length)).map(Some).ok_or(OfflineFault::Length)
    }
}

impl Sink for Seen {
    fn element(&mut self, header: &Header) -> Result<Want, SinkFault> {
        if header.depth == 0 {
            self.within = Some(header.tag);
        }
        let Length::Defined(length) = header.length else { return Ok(Want::Skip) };
        let size = if header.vr.is_some_and(Vr::is_long) { 12 } else { 8 };
        let place = Place { from: header.offset + size, length };
        match (header.depth, header.tag) {
            (0, SAMPLES | COLUMNS | BITS_ALLOCATED) if length == 2 => return Ok(Want::Value),
            (0, PATIENT_ID) if length <= LONGEST_ID => return Ok(Want::Value),
            (0, PIXEL_DATA) => self.pixels = Some(place),
            (1, ENCRYPTED_CONTENT) if self.within == Some(ENCRYPTED_ATTRIBUTES) => self.contents.push(place),
            _ => {}
        }
        Ok(Want::Skip)
    }

    fn value(&mut self, header: &Header, value: &[u8]) -> Result<(), SinkFault> {
        if header.tag == PATIENT_ID {
            self.patient_id = Phi::new(value.trim_ascii().to_vec());
            return Ok(());
        }
        let number = Cursor::new(value).array().map_or(0, |bytes| match header.encoding {
            Encoding::ExplicitBe => u16::from_be_bytes(bytes),
            _ => u16::from_le_bytes(bytes),
        });
        match header.tag {
            COLUMNS => self.columns = number,
            BITS_ALLOCATED => self.bits = number,
            _ => self.samples = number,
        }
        Ok(())
    }
}

/// The segments, one after the other; zero bytes may stand behind the last.
fn split(mut bytes: &[u8]) -> Result<Vec<&[u8]>, OfflineFault> {
    let mut segments = Vec::new();
    while let Some(first) = bytes.first() {
        if *first == 0 && bytes.iter().all(|byte| *byte == 0) {
            break;
        }
        let segment = u32::try_from(segments.len()).unwrap_or(u32::MAX);
        let length = total_length(bytes).map_err(|fault| OpenFault::Foreign { segment, fault })?;
        let (now, rest) =
            length.and_then(|length| bytes.split_at_checked(length)).ok_or(OpenFault::Truncated(segment))?;
        segments.push(now);
        bytes = rest;
    }
    Ok(segments)
}

/// Whether an encrypted content is one of ours, whatever its parameters: AuthEnvelopedData. Others may have put
/// EnvelopedData there (PS3.15 E.1.1).
fn is_segment(value: &[u8]) -> bool {
    let size = der::header(value).ok().flatten().map(|(_, _, size)| size);
    size.and_then(|size| value.get(size..)).is_some_and(|inside| inside.starts_with(AUTH_ENVELOPED_DATA))
}
