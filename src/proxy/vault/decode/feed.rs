//! What goes into a decoder, in parts.

use super::session::{DecodeFault, Decoding};
use bytes::BytesMut;

/// So much is given to a decoder at once.
const PART: usize = 64 << 10;

/// A decoder, and what it has not been given yet. A frame at most is decoded at a time: what comes of a step is bounded,
/// whatever was pushed.
#[derive(Debug)]
pub struct Feed {
    decoding: Decoding,
    input: BytesMut,
    /// There may be another frame in what it was given.
    more: bool,
}

impl Feed {
    /// Into this one.
    pub fn new(decoding: Decoding) -> Self {
        Self { decoding, input: BytesMut::new(), more: false }
    }

    /// The decoder.
    pub const fn decoding(&self) -> &Decoding {
        &self.decoding
    }

    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    /// Whether there is something to decode.
    pub fn has_work(&self) -> bool {
        self.more || !self.input.is_empty()
    }

    /// Whether there may be another frame in what the decoder has.
    pub const fn has_more(&self) -> bool {
        self.more
    }

    /// Drops what has not been decoded yet.
    pub fn clear(&mut self) {
        self.input.clear();
        self.more = false;
    }

    /// Gives the decoder its next part, if it is done with the last one.
    ///
    /// # Errors
    /// As of [`Decoding::push`].
    pub fn give(&mut self) -> Result<(), DecodeFault> {
        if self.more {
            return Ok(());
        }
        let part = self.input.split_to(self.input.len().min(PART));
        self.decoding.push(&part)
    }

    /// Has the next frame decoded, if there is one.
    ///
    /// # Errors
    /// As of [`Decoding::step`].
    pub async fn step(&mut self, out: &mut Vec<u8>) -> Result<(), DecodeFault> {
        self.more = self.decoding.step(out).await?;
        Ok(())
    }

    /// All of it has come, and there is no more work.
    ///
    /// # Errors
    /// As of [`Decoding::finish`].
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), DecodeFault> {
        self.decoding.finish(out)
    }
}
