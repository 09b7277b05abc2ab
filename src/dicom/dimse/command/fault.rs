//! Why some bytes are not the command that they claim to be.

use crate::dicom::Tag;
use crate::dicom::ae_title::AeTitleFault;
use crate::dicom::dimse::{Field, Tolerance};
use crate::dicom::uid::UidFault;

/// Why a command set is refused. Nothing of what a peer sent is quoted but tags and numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommandFault {
    /// Longer than [`super::Command::MAX_LENGTH`].
    #[error("the command set is longer than 65536 bytes")]
    TooLong,
    /// An element's header or value runs over the end.
    #[error("the command set ends in the middle of {0}")]
    Truncated(Tag),
    /// A header of 8 bytes does not fit any more.
    #[error("the command set ends in the middle of an element's header")]
    TruncatedHeader,
    /// Not of group 0000. Behind the elements of a response, [`Tolerance::Extra`] lets it pass.
    #[error("{0} does not belong into a command set")]
    Group(Tag),
    /// (0000,0000) is missing, not first, or wrong.
    #[error("command group length (0000,0000) is missing or wrong")]
    GroupLength,
    /// An element stands behind one with a higher tag.
    #[error("{0} is out of order")]
    Order(Tag),
    /// An element occurs twice.
    #[error("{0} occurs twice")]
    Duplicate(Tag),
    /// A value of odd length.
    #[error("{0} has an odd length")]
    OddLength(Tag),
    /// A value whose length is not that of its VR and multiplicity.
    #[error("{tag} has a length of {length} bytes, which its VR does not allow")]
    Length {
        /// The element.
        tag: Tag,
        /// The value's length in bytes.
        length: u32,
    },
    /// A UID or AE title is padded wrongly, or is empty.
    #[error("{0} is padded wrongly, or empty")]
    Padding(Tag),
    /// A value that is no UID.
    #[error("{tag}: {fault}")]
    Uid {
        /// The element.
        tag: Tag,
        /// What is wrong.
        fault: UidFault,
    },
    /// A value that is no AE title.
    #[error("{tag}: {fault}")]
    AeTitle {
        /// The element.
        tag: Tag,
        /// What is wrong.
        fault: AeTitleFault,
    },
    /// An element that PS3.7 has retired.
    #[error("{0} is retired")]
    Retired(Tag),
    /// An element that PS3.7 does not list for this command, or not at all.
    #[error("{0} does not belong into a {1}")]
    Extra(Tag, Field),
    /// A value of (0000,0100) that is no command.
    #[error("command field {0:04X}H is not known")]
    UnknownField(u16),
    /// An element that the command needs.
    #[error("a {1} needs {0}")]
    Missing(Tag, Field),
    /// No command field at all.
    #[error("command field (0000,0100) is missing")]
    NoField,
    /// Priority missing where it is needed, or no priority.
    #[error("priority (0000,0700) is missing or none of 0, 1, 2")]
    Priority,
    /// A C-STORE that brings no data set, a C-ECHO that does, and the like.
    #[error("a {0} comes with a data set or without one, against PS3.7")]
    DataSet(Field),
    /// An Error Comment that is too long or has control characters.
    #[error("error comment (0000,0902) is too long or has control characters")]
    Comment,
}

impl CommandFault {
    /// The tolerance that would let this pass, if there is one.
    pub const fn tolerance(&self) -> Option<Tolerance> {
        match self {
            Self::GroupLength => Some(Tolerance::GroupLength),
            Self::Order(_) => Some(Tolerance::Order),
            Self::OddLength(_) => Some(Tolerance::OddLength),
            Self::Padding(_) => Some(Tolerance::Padding),
            Self::Retired(_) => Some(Tolerance::Retired),
            Self::Extra(..) => Some(Tolerance::Extra),
            Self::Priority => Some(Tolerance::Priority),
            Self::Comment => Some(Tolerance::Comment),
            Self::TooLong
            | Self::Truncated(_)
            | Self::TruncatedHeader
            | Self::Group(_)
            | Self::Duplicate(_)
            | Self::Length { .. }
            | Self::Uid { .. }
            | Self::AeTitle { .. }
            | Self::UnknownField(_)
            | Self::Missing(..)
            | Self::NoField
            | Self::DataSet(_) => None,
        }
    }
}
