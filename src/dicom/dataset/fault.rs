//! Why a data set is refused.

use super::SinkFault;
use crate::dicom::Tag;
use crate::dicom::dimse::Tolerance;

/// Why a data set is refused. Nothing of the object is quoted but tags and numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WalkFault {
    /// An element stands behind one with a higher tag.
    #[error("{0} is out of order")]
    Order(Tag),
    /// An identifying element stands behind one with a higher tag.
    #[error("{0} identifies the object and is out of order")]
    IdentifyingOrder(Tag),
    /// An element occurs twice at one level.
    #[error("{0} occurs twice")]
    Duplicate(Tag),
    /// An element that identifies the object, or that another one separates from its first occurrence, occurs twice.
    #[error("{0} occurs twice, which leaves open what it says")]
    Ambiguous(Tag),
    /// A group that no data set may have: 0000 to 0007 but 0004, 0006, and FFFF (PS3.5 7.8, PS3.7, PS3.10).
    #[error("{0} may not stand in a data set")]
    Group(Tag),
    /// An item or delimiter where an element must be, or an element where an item must be.
    #[error("{0} stands where it may not")]
    Misplaced(Tag),
    /// A delimiter at the end of something whose length is known.
    #[error("delimiter {0} at the end of something of defined length")]
    Delimiter(Tag),
    /// A delimiter with a length.
    #[error("delimiter {0} has a length")]
    DelimiterLength(Tag),
    /// A value, item or sequence runs over the end of what holds it.
    #[error("{0} runs over the end of what holds it")]
    Overrun(Tag),
    /// A value of odd length.
    #[error("{0} has an odd length")]
    OddLength(Tag),
    /// A VR that PS3.5 6.2 does not have.
    #[error("{0} has a VR that is not known")]
    UnknownVr(Tag),
    /// The two bytes behind a VR that has long lengths are not zero.
    #[error("the reserved bytes of {0} are not zero")]
    Reserved(Tag),
    /// An undefined length where none is allowed.
    #[error("{0} may not have undefined length")]
    UndefinedLength(Tag),
    /// More sequences inside each other than the limit.
    #[error("{tag} is nested deeper than {limit} levels")]
    Depth {
        /// The sequence.
        tag: Tag,
        /// The limit.
        limit: u16,
    },
    /// More elements and items than the limit.
    #[error("more than {0} elements and items")]
    Elements(u64),
    /// A value that was asked for is longer than the limit.
    #[error("the value of {tag} is longer than {limit} bytes")]
    ValueTooLong {
        /// The element.
        tag: Tag,
        /// The limit, in bytes.
        limit: u32,
    },
    /// The data set ends in the middle of something.
    #[error("the data set ends in the middle of an element or sequence")]
    Truncated,
    /// Zero bytes behind the last element.
    #[error("zero bytes behind the last element")]
    Trailing,
    /// At most eight bytes behind the end of the deflate stream: the trailer of gzip.
    #[error("a gzip trailer behind the deflate stream")]
    DeflateTrailer,
    /// The deflate stream is damaged, or something stands behind its end.
    #[error("the deflate stream is damaged")]
    Deflate,
    /// The deflate stream grows past the limits.
    #[error("the deflated data set grows past the limit")]
    Inflated,
    /// The sink refuses what it was shown.
    #[error(transparent)]
    Refused(#[from] SinkFault),
    /// Pushed on after a fault, or after the end.
    #[error("the data set was refused before")]
    Over,
}

impl WalkFault {
    /// The tolerance that would let this pass, if there is one.
    pub const fn tolerance(&self) -> Option<Tolerance> {
        match self {
            Self::Order(_) => Some(Tolerance::Order),
            Self::Duplicate(_) => Some(Tolerance::Duplicate),
            Self::Delimiter(_) => Some(Tolerance::Delimiter),
            Self::OddLength(_) => Some(Tolerance::OddLength),
            Self::Reserved(_) => Some(Tolerance::Reserved),
            Self::Trailing | Self::DeflateTrailer => Some(Tolerance::Trailing),
            Self::Refused(fault) => fault.tolerance,
            _ => None,
        }
    }
}
