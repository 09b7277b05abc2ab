//! One object through a worker.

use super::worker::{Decoder, Worker, WorkerFault};
use crate::dicom::Uid;
use crate::dicom::transfer_syntax::Encoding;
use crate::transform::frames::{Frames, FramesFault, FramesLimits};

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

/// Decodes one object: compressed data set in, native data set out, at most one frame at a time in memory.
#[derive(Debug)]
pub struct Decoding {
    frames: Frames,
    decoder: Decoder,
    worker: Option<Worker>,
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
        Ok(Self { frames: Frames::new(syntax, to, limits)?, decoder: decoder.clone(), worker: None })
    }

    /// Takes the next bytes of the data set and appends what they become.
    ///
    /// # Errors
    /// The first fault; nothing more may be pushed, and the object that goes out must not come to its end.
    pub async fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeFault> {
        self.frames.push(bytes)?;
        while let Some(frame) = self.frames.next_frame(out)? {
            let worker = match &mut self.worker {
                Some(worker) => worker,
                none => none.insert(self.decoder.worker().await?),
            };
            let pixels = worker.decode(&frame).await?;
            self.frames.decoded(&pixels, out)?;
        }
        Ok(())
    }

    /// The data set is over.
    ///
    /// # Errors
    /// It may not end here.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), DecodeFault> {
        self.worker = None;
        Ok(self.frames.finish(out)?)
    }
}
