//! Why frames cannot be decoded.

use crate::dicom::dataset::WalkFault;
use crate::dicom::{Tag, Uid};
use crate::transform::recode::RecodeFault;

/// Why an object is not decoded. No value is quoted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FramesFault {
    /// Nothing here decodes it.
    #[error("transfer syntax {0} is not decoded: {1}")]
    Syntax(Uid, &'static str),
    /// The data set is damaged.
    #[error("the data set is damaged: {0}")]
    Walk(#[from] WalkFault),
    /// It cannot be written in the encoding that is asked for.
    #[error(transparent)]
    Recode(#[from] RecodeFault),
    /// An attribute that decoding needs is not there, or makes no sense.
    #[error("{0} is missing, or is not what can be decoded")]
    Attribute(Tag),
    /// There is no compressed pixel data.
    #[error("there is no compressed pixel data")]
    NoPixels,
    /// Which fragments make which frame cannot be told.
    #[error("which fragments of the pixel data make which frame cannot be told")]
    Fragments,
    /// Not as many frames as the object says.
    #[error("the object says that it has {said} frames, and {found} were found")]
    Count {
        /// Number of Frames.
        said: u32,
        /// How many came.
        found: u32,
    },
    /// A frame is longer than the limit.
    #[error("a frame has more than {0} bytes: `decode_memory`")]
    Frame(u64),
    /// Decoded it is longer than Pixel Data can be, or has nothing.
    #[error("decoded it would have {0} bytes, which no Pixel Data has")]
    Long(u64),
    /// What was decoded is not what the object says.
    #[error("a decoded frame has {found} bytes, and must have {wanted}")]
    Length {
        /// By the attributes.
        wanted: u64,
        /// By the codec.
        found: u64,
    },
    /// Frames of one object are coloured in different ways.
    #[error("the frames are not all of one kind")]
    Changed,
    /// More must be held than the limit.
    #[error("more than {0} bytes stand beside the pixels: `seal_header`")]
    Held(u32),
    /// A frame still waits to be decoded.
    #[error("a frame is not decoded yet")]
    Waiting,
}
