//! What is asked of a sealing, and what became of it.

use crate::dicom::dataset::WalkFault;
use crate::dicom::transfer_syntax::Encoding;
use crate::dicom::{Tag, Uid};
use crate::transform::recode::RecodeFault;
use crate::vault::carrier::Carrier;
use crate::vault::family::FamilyOptions;
use crate::vault::{self, KeyId, SealContext, SealId};
use std::sync::Arc;

/// What becomes of an object that is sealed already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Already {
    /// It is refused: somebody sends what only the archive should have.
    #[default]
    Refuse,
    /// It passes as it is: the peer is a vault too.
    Pass,
}

/// How objects are sealed: one for all stores of a configuration to an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealOptions {
    /// `[vault] attributes_max` in bytes of all segments together; more goes into Pixel Data. Default 4 MiB.
    pub attributes_max: u64,
    /// `[vault] hold` in bytes: objects that are shorter are kept until their length is known. Default 1 MiB.
    pub hold: u64,
    /// `[limits] seal_header` in bytes: what stands before the pixels and behind them, held in memory. Default 32 MiB.
    pub header: u32,
    /// `[limits] data_set_depth`: sequences inside each other. Default 64.
    pub depth: u16,
    /// What becomes of objects that are sealed already.
    pub already: Already,
    /// `[vault] private_max` and its exemptions.
    pub family: Arc<FamilyOptions>,
}

impl Default for SealOptions {
    fn default() -> Self {
        Self {
            attributes_max: 4 << 20,
            hold: 1 << 20,
            header: 32 << 20,
            depth: 64,
            already: Already::Refuse,
            family: Arc::new(FamilyOptions::default()),
        }
    }
}

/// One object to be sealed.
#[derive(Debug, Clone)]
pub struct SealOrder {
    /// Keys, escrow, random numbers, segment length.
    pub context: Arc<SealContext>,
    /// Affected SOP Class UID of the command; the data set must say the same.
    pub sop_class: Uid,
    /// Affected SOP Instance UID of the command; the data set must say the same.
    pub sop_instance: Uid,
    /// Transfer syntax that the object comes in.
    pub from: Uid,
    /// How the sealed object is written: implicit or explicit VR little endian.
    pub to: Encoding,
    /// Where the segments are to stand if the object has Pixel Data, and in attributes only up to
    /// [`SealOptions::attributes_max`]; without Pixel Data they always stand in attributes.
    pub carrier: Carrier,
    /// How.
    pub options: Arc<SealOptions>,
    /// Keep it whole in any case: what stands behind the pixels was once too much ([`SealFault::Trailing`]).
    pub whole: bool,
}

/// What is known as soon as sealing begins: for the ledger, before the first byte leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// Identity of the seal.
    pub seal: SealId,
    /// Number of the ring key.
    pub key: KeyId,
    /// Study Instance UID, where the object has one.
    pub study: Option<Uid>,
    /// Rows of the original; 0: it has none.
    pub rows: u16,
    /// Columns of the original; 0: it has none.
    pub columns: u16,
    /// Frames of the original; 0: it has no pixels.
    pub frames: u32,
    /// Transfer syntax of the original.
    pub transfer_syntax: Uid,
    /// Whose it is, as a digest ([`crate::vault::SegmentHeader::whose`]).
    pub whose: [u8; 16],
    /// Where the segments stand; `None`: that depends on a length that is not known yet.
    pub carrier: Option<Carrier>,
}

/// What was sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// As it began, with the carrier.
    pub begun: Begun,
    /// How many segments.
    pub segments: u32,
    /// Their length, together.
    pub bytes: u64,
}

/// What became of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was sealed.
    Sealed(Sealed),
    /// Nothing in it is to be sealed: it went on as it is, in the encoding asked for.
    Nothing,
    /// It was sealed already and went on as it is ([`Already::Pass`]).
    Already,
}

/// Why an object cannot be sealed. No value of it is quoted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealFault {
    /// Objects of this class are never sealed.
    #[error("objects of SOP class {0} cannot be sealed")]
    Unsealable(Uid),
    /// A sealed object is written in little endian, and not deflated.
    #[error("sealed objects are stored in implicit or explicit VR little endian only")]
    Target,
    /// The data set is damaged, or past a limit.
    #[error(transparent)]
    Walk(#[from] WalkFault),
    /// What stays in clear cannot be written in the other encoding.
    #[error(transparent)]
    Recode(#[from] RecodeFault),
    /// Keys or random numbers.
    #[error(transparent)]
    Vault(#[from] vault::SealFault),
    /// What stands before the pixels, or behind the seal, is longer than the limit: it would not open either.
    #[error("what stands beside the pixels or behind the seal is longer than {0} bytes, the limit `seal_header`")]
    Header(u32),
    /// What stands behind the pixels is longer than the room that was left for it: keep the next one whole.
    #[error("more stands behind the pixels than was left room for; the next try is kept whole")]
    Trailing,
    /// The command says another SOP class or instance, or the data set none.
    #[error("{0} is not what the command says")]
    Identity(Tag),
    /// An element that says what the object is or whose occurs twice, or is no UID.
    #[error("{0} leaves open what the object is")]
    Ambiguous(Tag),
    /// An element stands where it can no longer be put in order.
    #[error("{0} is out of order behind what has gone on already")]
    Order(Tag),
    /// Sealed, it would be longer than an element can be.
    #[error("sealed it would be longer than 4 GiB - 2, the longest that an archive can hold")]
    TooLong,
    /// Its pixels are a banner.
    #[error("the object is sealed already")]
    Already,
    /// So many elements at the top level that their places are no longer remembered.
    #[error("more than 65,536 elements at the top level")]
    Elements,
    /// After a fault.
    #[error("nothing more is sealed after a fault")]
    Over,
}
