//! Read-back: retrieves a sealed instance from its archive by C-GET and opens it, to the last segment. What it opens goes
//! nowhere.
//!
//! That every segment is authentic, that none is missing and that the seal is the expected one says that every sealed byte
//! is there: nothing has to be compared.

mod opening;
mod reader;

pub use opening::Opening;
pub use reader::{Reader, read_back, read_compressed};

use super::decode::{DecodeFault, Decoder, Decoding, Unpacking};
use crate::dicom::dimse::Status;
use crate::dicom::transfer_syntax::{Encoding, is_encapsulated};
use crate::dicom::{Phi, Uid};
use crate::scu::LinkFault;
use crate::transform::frames::FramesLimits;
use crate::transform::open::{Inner, OpenFault, OpenOptions, Opened};
use crate::vault::{SealId, Unlock};

/// Lossless transfer syntaxes that an archive may have compressed a sealed image into: JPEG lossless, JPEG-LS lossless,
/// JPEG 2000 lossless, RLE, deflate.
pub const LOSSLESS: [&str; 6] = [
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.1.99",
];

/// Which instance. Archives want to be told what is above it; what is not known is left out.
#[derive(Debug, Clone)]
pub struct Place {
    /// SOP Class UID.
    pub class: Uid,
    /// SOP Instance UID.
    pub instance: Uid,
    /// Study Instance UID.
    pub study: Option<Uid>,
    /// Series Instance UID.
    pub series: Option<Uid>,
    /// Patient ID (0010,0020), for archives that only know the patient root.
    pub patient: Option<Phi<String>>,
}

/// How it is opened.
#[derive(Debug, Clone)]
pub struct ReadBack {
    /// The ring.
    pub unlock: Unlock,
    /// Depth, whether UIDs are minted, whether the digest of what was sealed is wanted. `whole` does not count:
    /// nothing goes out.
    pub options: OpenOptions,
    /// What it says is to be compared: [`Verified::same`].
    pub compare: bool,
    /// What decodes what an archive has compressed; `None`: nothing does.
    pub decoder: Option<Decoder>,
}

impl ReadBack {
    /// What decodes an object that comes in this transfer syntax, if it is compressed without losses.
    pub fn unpacking(&self, syntax: &Uid) -> Option<Unpacking> {
        let decoder = self.decoder.as_ref().filter(|_| LOSSLESS.contains(&syntax.as_str()))?;
        if !is_encapsulated(syntax) {
            return None;
        }
        let limits = FramesLimits { header: self.options.header, depth: self.options.depth, ..FramesLimits::default() };
        Some(Unpacking::new(Decoding::new(decoder, syntax, Encoding::ExplicitLe, limits).ok()?))
    }
}

/// What was read back: whole and authentic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What is sealed.
    pub inner: Inner,
    /// How it ended.
    pub opened: Opened,
    /// What it says, as [`Same`] has it; `None`: not asked for, or it cannot be said.
    pub same: Option<[u8; 32]>,
}

/// Why an instance is not verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyFault {
    /// No association, or it ended.
    #[error(transparent)]
    Link(#[from] LinkFault),
    /// The archive offers no C-GET, or not for this class.
    #[error("the archive offers no C-GET for objects of this class")]
    NotOffered,
    /// It did not come.
    #[error("the archive did not give it back ({0})")]
    Gone(Status),
    /// What came is not sealed.
    #[error("what the archive gave back is not sealed")]
    Plain,
    /// What came carries another seal.
    #[error("what the archive gave back carries another seal ({0})")]
    Other(SealId),
    /// What came does not open.
    #[error("what the archive gave back does not open: {0}")]
    Open(#[from] OpenFault),
    /// What came is compressed, carries a seal, and is not decoded.
    #[error("what the archive gave back is compressed and is not decoded: {0}")]
    Decode(#[from] DecodeFault),
    /// What came is another instance.
    #[error("the archive gave back another instance")]
    Foreign,
}

impl VerifyFault {
    /// Nothing was learnt about the object; in words.
    pub fn unasked(words: &str) -> Self {
        Self::Link(LinkFault::Malformed(words.to_owned()))
    }

    /// Whether trying again may help: nothing was learnt about the object.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Link(_))
    }
}
