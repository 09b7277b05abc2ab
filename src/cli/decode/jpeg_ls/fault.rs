//! Why a stream is not decoded.

/// In words; nothing of the image is quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::cli::decode) enum Fault {
    #[error("it is no JPEG-LS stream")]
    None,
    #[error("the JPEG-LS stream is not of the size that the attributes say")]
    Size,
    #[error("the JPEG-LS stream has more bits than the attributes say")]
    Bits,
    #[error("the JPEG-LS stream ends before its image")]
    Cut,
    #[error("the JPEG-LS stream is damaged")]
    Damaged,
    /// The standard has it, and DICOM has no use for it.
    #[error("JPEG-LS with {0} is not decoded")]
    Unused(&'static str),
}
