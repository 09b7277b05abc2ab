//! What an archive sends compressed without losses may be what carries a seal: then it has to be decoded before it opens.

use super::session::{DecodeFault, Decoding};
use crate::vault::carrier::{MAGIC, magic_at};
use bytes::{Bytes, BytesMut};

/// So much is given to the decoder at once.
const PART: usize = 64 << 10;

/// One object that came compressed. What turns out to carry no seal comes out as it came; nothing else of it is decoded than
/// it takes to know that.
#[derive(Debug)]
pub struct Unpacking {
    decoding: Decoding,
    input: BytesMut,
    more: bool,
    /// All that came, until it is known what it is.
    came: BytesMut,
    /// What of it is decoded, until then.
    out: Vec<u8>,
    carries: bool,
}

/// What came of it.
#[derive(Debug)]
pub enum Came {
    /// Nothing yet.
    Nothing,
    /// It carries a seal: these bytes, in explicit VR little endian.
    Decoded(Vec<u8>),
    /// It carries none: all that came, as it came. What still comes goes the same way.
    Plain(Bytes),
}

impl Unpacking {
    /// With what decodes to explicit VR little endian.
    pub fn new(decoding: Decoding) -> Self {
        let (input, came, out) = (BytesMut::new(), BytesMut::new(), Vec::new());
        Self { decoding, input, more: false, came, out, carries: false }
    }

    /// Takes the next bytes; then [`Self::step`] while [`Self::has_work`].
    pub fn push(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        if !self.carries {
            self.came.extend_from_slice(bytes);
        }
    }

    /// Whether there is something to decode.
    pub fn has_work(&self) -> bool {
        self.more || !self.input.is_empty()
    }

    /// Decodes one frame at most. Behind [`Came::Plain`] it is of no more use.
    ///
    /// # Errors
    /// It carries a seal, and is not decoded.
    pub async fn step(&mut self) -> Result<Came, DecodeFault> {
        let mut out = Vec::new();
        match self.decode(&mut out).await {
            Ok(()) if self.carries => Ok(Came::Decoded(out)),
            Ok(()) => {
                self.out.append(&mut out);
                Ok(self.look())
            }
            Err(fault) if self.carries => Err(fault),
            Err(fault) => {
                tracing::debug!(%fault, "what came compressed is not decoded, and is taken as it is");
                Ok(self.plain())
            }
        }
    }

    /// All of it has come, and there is no more work.
    ///
    /// # Errors
    /// It carries a seal, and may not end here.
    pub fn finish(&mut self) -> Result<Came, DecodeFault> {
        if !self.carries {
            return Ok(self.plain());
        }
        let mut out = Vec::new();
        self.decoding.finish(&mut out)?;
        Ok(Came::Decoded(out))
    }

    async fn decode(&mut self, out: &mut Vec<u8>) -> Result<(), DecodeFault> {
        if !self.more {
            let part = self.input.split_to(self.input.len().min(PART));
            self.decoding.push(&part)?;
        }
        // What cannot carry a seal is not decoded.
        if self.carries || self.decoding.image().is_none() || self.magic().is_some() {
            self.more = self.decoding.step(out).await?;
        }
        Ok(())
    }

    /// Whether there is a seal in what is decoded.
    fn look(&mut self) -> Came {
        if self.decoding.image().is_none() {
            return Came::Nothing;
        }
        let Some(at) = self.magic() else { return self.plain() };
        let end = at.saturating_add(MAGIC.len() as u64);
        if end > self.decoding.pixels() {
            return self.plain();
        }
        // The last thing that was decoded is a frame: then the pixels so far are the end of what there is.
        if !self.more || self.decoding.decoded() < end {
            return Came::Nothing;
        }
        let behind = usize::try_from(self.decoding.decoded() - at).unwrap_or(usize::MAX);
        let found = self.out.len().checked_sub(behind).and_then(|place| self.out.get(place..));
        if !found.is_some_and(|found| found.starts_with(&MAGIC)) {
            return self.plain();
        }
        self.carries = true;
        self.came = BytesMut::new();
        Came::Decoded(std::mem::take(&mut self.out))
    }

    /// Where in the decoded pixels a seal would begin; `None`: no sealed object looks like this.
    fn magic(&self) -> Option<u64> {
        let image = self.decoding.image()?;
        magic_at(image.columns, image.allocated.into(), image.samples.into())
    }

    fn plain(&mut self) -> Came {
        self.input.clear();
        self.more = false;
        self.out = Vec::new();
        Came::Plain(std::mem::take(&mut self.came).freeze())
    }
}
