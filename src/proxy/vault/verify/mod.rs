//! Read-back: retrieves a sealed instance from its archive by C-GET and opens it, to the last segment. What it opens goes
//! nowhere.
//!
//! That every segment is authentic, that none is missing and that the seal is the expected one says that every sealed byte
//! is there: nothing has to be compared.

mod opening;
mod reader;

pub use opening::Opening;
pub use reader::{Line, Reader, is_plain, read_back};

use super::decode::{DecodeFault, Decoder, Decoding, Unpacking, unpackable};
use crate::dicom::dimse::{Status, StatusKind};
use crate::dicom::transfer_syntax::Encoding;
use crate::dicom::{Phi, Uid};
use crate::scu::LinkFault;
use crate::transform::open::{Inner, OpenFault, OpenOptions, Opened};
use crate::vault::{SealId, Unlock};
use std::time::Duration;

/// An archive may acknowledge an object before it can find it: it is asked again after each of these, ten seconds in all.
pub const INDEXED: &[Duration] = &[
    Duration::from_millis(250),
    Duration::from_millis(750),
    Duration::from_secs(2),
    Duration::from_secs(3),
    Duration::from_secs(4),
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
        let decoder = self.decoder.as_ref().filter(|_| unpackable().any(|one| one == syntax.as_str()))?;
        let OpenOptions { header, depth, .. } = self.options;
        Some(Unpacking::new(Decoding::within(decoder, syntax, Encoding::ExplicitLe, header, depth).ok()?))
    }

    /// Whether anything compressed is decoded.
    fn unpacks(&self) -> bool {
        self.decoder.as_ref().is_some_and(|decoder| decoder.settings().workers > 0)
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
    /// The archive has nothing of it.
    #[error("the archive did not give it back ({0})")]
    Gone(Status),
    /// The archive could not give it out, whether it has it or not.
    #[error("the archive failed to give it back ({0})")]
    Failed(Status),
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
    /// Nothing was learnt, for a reason of the gateway's own.
    #[error("{0}")]
    Unasked(String),
}

impl VerifyFault {
    /// Nothing was learnt about the object; in words.
    pub fn unasked(words: &str) -> Self {
        Self::Unasked(words.to_owned())
    }

    /// Nothing came, and this was the final status.
    const fn not_given(status: Status) -> Self {
        match (status, status.kind()) {
            // The identifier fits nothing that it has: so some say it.
            (Status::DATA_SET_MISMATCH, _) | (_, StatusKind::Success) => Self::Gone(status),
            // Busy, out of order, or no presentation context fits: nobody says this of what he has not.
            _ => Self::Failed(status),
        }
    }

    /// Whether it may come in another encoding.
    fn may_come_otherwise(&self) -> bool {
        matches!(self, Self::Failed(_)) || matches!(self, Self::Gone(status) if *status != Status::DATA_SET_MISMATCH)
    }

    /// Whether trying again may help: nothing was learnt about the object.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Link(_) | Self::Failed(_) | Self::Unasked(_) => true,
            Self::Decode(fault) => fault.is_transient(),
            _ => false,
        }
    }
}
