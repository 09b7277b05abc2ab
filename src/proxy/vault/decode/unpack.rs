//! What an archive sends compressed without losses may be what carries a seal: then it has to be decoded before it opens.

use super::feed::Feed;
use super::session::{DecodeFault, Decoding};
use crate::vault::carrier::{MAGIC, magic_at};
use bytes::{Bytes, BytesMut};

/// One object that came compressed. What turns out to carry no seal comes out as it came; nothing else of it is decoded than
/// it takes to know that.
#[derive(Debug)]
pub struct Unpacking {
    feed: Feed,
    /// All that came, until it is known what it is.
    came: BytesMut,
    /// What of it is decoded, until then.
    out: Vec<u8>,
    carries: bool,
}

/// What is known of it now.
#[derive(Debug)]
pub enum Came {
    /// Nothing yet.
    Nothing,
    /// It carries a seal: these bytes, in explicit VR little endian.
    Decoded(Vec<u8>),
    /// It carries none: all that came, as it came. What still comes goes the same way.
    Plain(Bytes),
    /// Whether it carries one cannot be found out now, since no worker decodes it: all that came, as it came. What still
    /// comes goes the same way.
    Unknown(Bytes, DecodeFault),
}

impl Unpacking {
    /// With what decodes to explicit VR little endian.
    pub fn new(decoding: Decoding) -> Self {
        Self { feed: Feed::new(decoding), came: BytesMut::new(), out: Vec::new(), carries: false }
    }

    /// Takes the next bytes; then [`Self::step`] while [`Self::has_work`].
    pub fn push(&mut self, bytes: &[u8]) {
        self.feed.push(bytes);
        if !self.carries {
            self.came.extend_from_slice(bytes);
        }
    }

    /// Whether there is something to decode.
    pub fn has_work(&self) -> bool {
        self.feed.has_work()
    }

    /// Decodes one frame at most. Behind [`Came::Plain`] and [`Came::Unknown`] it is of no more use.
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
            // A worker that is away, too slow or dead says nothing of what it was to decode.
            Err(fault) if fault.is_transient() => Ok(Came::Unknown(self.as_it_came(), fault)),
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
        self.feed.finish(&mut out)?;
        Ok(Came::Decoded(out))
    }

    async fn decode(&mut self, out: &mut Vec<u8>) -> Result<(), DecodeFault> {
        self.feed.give()?;
        // What cannot carry a seal is not decoded.
        if self.carries || self.feed.decoding().image().is_none() || self.magic().is_some() {
            self.feed.step(out).await?;
        }
        Ok(())
    }

    /// Whether there is a seal in what is decoded.
    fn look(&mut self) -> Came {
        if self.feed.decoding().image().is_none() {
            return Came::Nothing;
        }
        let Some(at) = self.magic() else { return self.plain() };
        let end = at.saturating_add(MAGIC.len() as u64);
        if end > self.feed.decoding().pixels() {
            return self.plain();
        }
        // The last thing that was decoded is a frame: then the pixels so far are the end of what there is.
        if !self.feed.has_more() || self.feed.decoding().decoded() < end {
            return Came::Nothing;
        }
        let behind = usize::try_from(self.feed.decoding().decoded() - at).unwrap_or(usize::MAX);
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
        let image = self.feed.decoding().image()?;
        magic_at(image.columns, image.allocated.into(), image.samples.into())
    }

    fn plain(&mut self) -> Came {
        Came::Plain(self.as_it_came())
    }

    fn as_it_came(&mut self) -> Bytes {
        self.feed.clear();
        self.out = Vec::new();
        std::mem::take(&mut self.came).freeze()
    }
}
