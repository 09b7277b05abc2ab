//! What is asked of opening, and what it answers.

use crate::dicom::Uid;
use crate::dicom::transfer_syntax::Encoding;
use crate::vault::{KeyId, SealId, Unlock};

/// One object that comes from an archive.
#[derive(Debug, Clone)]
pub struct OpenOrder {
    /// What it is opened with.
    pub unlock: Unlock,
    /// How the archive sends it: implicit or explicit VR little endian.
    pub from: Encoding,
    /// Affected SOP Class UID of the command.
    pub sop_class: Uid,
    /// Affected SOP Instance UID of the command.
    pub sop_instance: Uid,
    /// How strict, and how much.
    pub options: OpenOptions,
}

/// How strict, and how much is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenOptions {
    /// The archive mints SOP Instance UIDs of its own (`rewrites = ["sop"]`): the seal's may differ.
    pub minted: bool,
    /// Bytes of Pixel Data, or opened bytes where the seal is in attributes, up to which nothing goes out before all of it
    /// is verified (`open_whole` of `[limits]`, default 64 MiB; `open = "whole"`: all).
    pub whole: u64,
    /// Bytes that are held before the seal begins, and of what must wait for its place behind it (`seal_header` of
    /// `[limits]`, default 32 MiB). A header of more than twice that is no sealed object's: sealing counts what it writes,
    /// and an archive may write it longer.
    pub header: u32,
    /// Sequences inside each other (`data_set_depth` of `[limits]`), default 64.
    pub depth: u16,
    /// SHA-256 of what was sealed is asked for ([`Opened::digest`]); it costs as much as opening does.
    pub digest: bool,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { minted: false, whole: 64 << 20, header: 32 << 20, depth: 64, digest: false }
    }
}

/// What an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// No seal.
    Plain,
    /// A seal of this object.
    Sealed(Box<Inner>),
}

/// What is sealed. All of it is authenticated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inner {
    /// Which sealing.
    pub seal: SealId,
    /// The ring key; `None` where an escrow key opens.
    pub key: Option<KeyId>,
    /// SOP Instance UID of the seal: another than the command's only with [`OpenOptions::minted`].
    pub sop_instance: Uid,
    /// Study Instance UID when it was sealed.
    pub study: Option<Uid>,
    /// Transfer syntax of the original.
    pub transfer_syntax: Uid,
    /// Whose it was when it was sealed, as a digest ([`crate::vault::SegmentHeader::whose`]).
    pub whose: [u8; 16],
    /// Rows (0028,0010) of the original; 0: it has none.
    pub rows: u16,
    /// Columns (0028,0011) of the original; 0: it has none.
    pub columns: u16,
    /// Number of Frames (0028,0008) of the original; 1 where it says nothing.
    pub frames: u32,
    /// Keywords of the identifying attributes that stand otherwise around the seal than when it was sealed. No values.
    pub drift: Vec<&'static str>,
}

/// How an opened object comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum As {
    /// In its own transfer syntax ([`Inner::transfer_syntax`]): bit-exact. What is to be decoded comes out so too and goes
    /// through the decoding worker (`proxy/vault/decode`) then.
    Own,
    /// In this native encoding. The original must be native.
    Native(Encoding),
}

/// How far the end has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finished {
    /// What it is is known only now: decide, and call again.
    Undecided,
    /// A plain object, or a seal as it stands, has passed.
    Passed,
    /// All of it was authentic, and is out.
    Opened(Opened),
}

/// What was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// How many segments.
    pub segments: u32,
    /// Bytes of the opened data set.
    pub bytes: u64,
    /// Keywords or tags of what stands otherwise around the seal than when it was sealed: [`Inner::drift`] and the sequences
    /// to which items were added.
    pub drift: Vec<String>,
    /// Tags of the top level that stood in clear and are always sealed, or held what is: somebody added that since, and it
    /// was left out. The first 16.
    pub added: Vec<String>,
    /// SHA-256 of what was sealed, as it stood in the original; `None`: not asked for.
    pub digest: Option<[u8; 32]>,
}
