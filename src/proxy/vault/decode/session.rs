//! One object through a worker.

use super::worker::{Decoder, WorkerFault};
use crate::dicom::Uid;
use crate::dicom::transfer_syntax::Encoding;
use crate::transform::frames::{Frames, FramesFault, FramesLimits, Image};

/// Why an object is not decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeFault {
    /// It is not what can be decoded.
    #[error(transparent)]
    Frames(#[from] FramesFault),
    /// A worker does not decode a frame.
    #[error(transparent)]
    Worker(#[from] WorkerFault),
}

impl DecodeFault {
    /// Whether it says nothing of the object: another time it may be decoded.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Worker(fault) if !matches!(fault, WorkerFault::Refused(_)))
    }
}

/// Decodes one object: compressed data set in, native data set out, at most one frame at a time in memory.
#[derive(Debug)]
pub struct Decoding {
    frames: Frames,
    decoder: Decoder,
}

impl Decoding {
    /// For an object in this transfer syntax; it comes out in that native encoding.
    ///
    /// # Errors
    /// Nothing decodes the syntax: known before anything is fetched.
    pub fn new(decoder: &Decoder, syntax: &Uid, to: Encoding, limits: FramesLimits) -> Result<Self, DecodeFault> {
        if decoder.settings().workers == 0 {
            return Err(WorkerFault::Off.into());
        }
        let limits = FramesLimits { frame: limits.frame.min(decoder.settings().memory / 3), ..limits };
        Ok(Self { frames: Frames::new(syntax, to, limits)?, decoder: decoder.clone() })
    }

    /// The same; `header` and `depth`: how much of a header is held, and how deep it may be.
    ///
    /// # Errors
    /// As of [`Self::new`].
    pub fn within(decoder: &Decoder, syntax: &Uid, to: Encoding, header: u32, depth: u16) -> Result<Self, DecodeFault> {
        Self::new(decoder, syntax, to, FramesLimits { header, depth, ..FramesLimits::default() })
    }

    /// Takes the next bytes of the data set; then [`Self::step`] until it has no more.
    ///
    /// # Errors
    /// The first fault; nothing more may be pushed, and the object that goes out must not come to its end.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), DecodeFault> {
        Ok(self.frames.push(bytes)?)
    }

    /// Has the next frame decoded and appends what may go. `false`: there was none, more is to be pushed. A worker is
    /// taken for this frame alone, so that a slow receiver keeps none from others.
    ///
    /// # Errors
    /// As with [`Self::push`].
    pub async fn step(&mut self, out: &mut Vec<u8>) -> Result<bool, DecodeFault> {
        let Some(frame) = self.frames.next_frame(out)? else { return Ok(false) };
        let pixels = self.decoder.decode(&frame).await?;
        self.frames.decoded(&pixels, out)?;
        Ok(true)
    }

    /// The image, once its compressed pixels have begun.
    pub const fn image(&self) -> Option<&Image> {
        self.frames.image()
    }

    /// Bytes of pixels that it has when all of it is decoded; known as soon as [`Self::image`] is.
    pub const fn pixels(&self) -> u64 {
        self.frames.pixels()
    }

    /// Bytes of pixels that are decoded.
    pub const fn decoded(&self) -> u64 {
        self.frames.pixels_decoded()
    }

    /// The data set is over.
    ///
    /// # Errors
    /// It may not end here.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), DecodeFault> {
        Ok(self.frames.finish(out)?)
    }
}
