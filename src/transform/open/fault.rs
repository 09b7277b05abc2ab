//! Why an object is not opened.

use crate::dicom::Tag;
use crate::dicom::Uid;
use crate::dicom::dataset::WalkFault;

/// Why an object is not opened. No value of a patient is quoted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenFault {
    /// What the archive sends is no data set.
    #[error("the data set is damaged: {0}")]
    Walk(#[from] WalkFault),
    /// A segment does not open.
    #[error(transparent)]
    Seal(#[from] crate::vault::OpenFault),
    /// Authentic, but what was sealed is no data set.
    #[error("what was sealed is damaged: {0}")]
    Payload(WalkFault),
    /// The seal is of another object.
    #[error("{attribute} of the seal is not that of the object")]
    Identity {
        /// Keyword of the attribute.
        attribute: &'static str,
    },
    /// The length that stands before the segments is more than there is.
    #[error("the length of the seal is more than the pixel data has")]
    Length,
    /// Something else than zero bytes behind the last segment.
    #[error("something stands behind the last segment")]
    Padding,
    /// More must be held than the limit.
    #[error("more than {0} bytes must be held to open this: `seal_header`")]
    Held(u32),
    /// The archive took away items whose sealed parts have no place any more.
    #[error("items of {0} are gone, and what was sealed of them has no place")]
    Items(Tag),
    /// The transfer syntax of the original cannot be written so.
    #[error("an object of transfer syntax {0} cannot be written in this encoding without decoding")]
    Encoding(Uid),
    /// Nobody said yet whether it may be opened.
    #[error("it is not decided yet how this object goes on")]
    Undecided,
    /// It is to be opened, and there is no seal.
    #[error("the object is not sealed")]
    NotSealed,
    /// After a fault, or after the end.
    #[error("nothing more is opened after a fault")]
    Over,
}

impl OpenFault {
    /// One word for alerts and metrics; `None`: nothing points at the archive having changed a seal.
    pub const fn cause(&self) -> Option<&'static str> {
        match self {
            Self::Seal(fault) => Some(fault.cause()),
            Self::Identity { .. } => Some("other-object"),
            Self::Length => Some("truncated"),
            Self::Padding => Some("trailing"),
            Self::Payload(_) => Some("foreign"),
            Self::Items(_) => Some("items-gone"),
            _ => None,
        }
    }
}
