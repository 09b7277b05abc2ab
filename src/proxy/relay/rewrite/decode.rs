//! Decoding on the way: of what was sealed compressed, behind the transform; of what an archive compressed after it was
//! sealed, before it.

use super::drive::Back;
use super::{Rewrite, TransformFault};
use crate::proxy::vault::decode::{Came, DecodeFault, Decoding, Feed, Unpacking};
use crate::spool::{Next, Spool, Spools};
use bytes::{Bytes, BytesMut};
use std::pin::Pin;
use std::sync::Arc;

/// Something under way.
pub(super) type Away = Pin<Box<dyn Future<Output = Result<Back, TransformFault>> + Send>>;

/// What a decoder made of what it was given last.
#[derive(Debug)]
pub(in super::super) struct Decoded {
    feed: Box<Feed>,
    out: Vec<u8>,
}

async fn decode(mut feed: Box<Feed>) -> Result<Decoded, DecodeFault> {
    let mut out = Vec::new();
    feed.give()?;
    feed.step(&mut out).await?;
    Ok(Decoded { feed, out })
}

/// Behind the transform: what comes out of it compressed goes on decoded.
#[derive(Debug)]
pub(super) struct Behind {
    /// `None`: it is at work.
    feed: Option<Box<Feed>>,
    /// What came meanwhile.
    input: BytesMut,
    /// What has at most so many bytes of pixels is decoded whole before its first byte goes.
    whole: u64,
    /// It is kept here; `None`: it goes as it is decoded, or is being written or read.
    kept: Option<Box<Spool>>,
    keeps: Option<bool>,
    /// All of it is decoded.
    done: bool,
}

/// What there is to do behind the transform.
pub(super) enum Todo {
    /// Nothing, before more comes.
    Nothing,
    /// To wait for the receiver.
    Full,
    /// This goes.
    Go(Bytes),
    /// To wait for this.
    Wait(Away),
    /// All of it has gone.
    Over,
}

impl Behind {
    pub(super) fn new(decoding: Decoding, whole: u64) -> Self {
        let feed = Some(Box::new(Feed::new(decoding)));
        Self { feed, input: BytesMut::new(), whole, kept: None, keeps: None, done: false }
    }

    /// More of what is compressed.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    pub(super) fn has_work(&self) -> bool {
        self.must_decode() || self.done
    }

    fn must_decode(&self) -> bool {
        !self.input.is_empty() || self.feed.as_ref().is_some_and(|feed| feed.has_work())
    }

    /// The next thing to do. `full`: the receiver has not taken what has gone already.
    pub(super) fn next(&mut self, full: bool) -> Todo {
        if self.kept.as_ref().is_some_and(|kept| kept.must_write())
            && let Some(kept) = self.kept.take()
        {
            return Todo::Wait(Box::pin(async move { Ok(Back::DecodedSpool(kept.write().await?, None)) }));
        }
        if self.must_decode() {
            if full && self.keeps == Some(false) {
                return Todo::Full;
            }
            return match self.feed.take() {
                Some(mut feed) => {
                    feed.push(&self.input.split());
                    Todo::Wait(Box::pin(async move { Ok(Back::Decoded(decode(feed).await?)) }))
                }
                None => Todo::Nothing,
            };
        }
        if !self.done {
            return Todo::Nothing;
        }
        let Some(kept) = &mut self.kept else { return Todo::Over };
        if full {
            return Todo::Full;
        }
        match kept.next_part() {
            Next::Here(bytes) => Todo::Go(bytes),
            Next::Empty => Todo::Over,
            Next::OnDisk => match self.kept.take() {
                Some(kept) => Todo::Wait(Box::pin(async move {
                    let (kept, bytes) = kept.read().await?;
                    Ok(Back::DecodedSpool(kept, Some(bytes)))
                })),
                None => Todo::Nothing,
            },
        }
    }

    /// The decoder is back: what goes on now.
    pub(super) fn back(&mut self, decoded: Decoded, spools: &Arc<Spools>) -> Bytes {
        self.feed = Some(decoded.feed);
        self.made(decoded.out, spools)
    }

    /// The spool is back.
    pub(super) fn spool_back(&mut self, kept: Box<Spool>) {
        self.kept = Some(kept);
    }

    /// All that is compressed has come, and is decoded: what goes on now.
    pub(super) fn finish(&mut self, spools: &Arc<Spools>) -> Result<Bytes, DecodeFault> {
        self.done = true;
        let mut out = Vec::new();
        if let Some(feed) = &mut self.feed {
            feed.finish(&mut out)?;
        }
        Ok(self.made(out, spools))
    }

    fn made(&mut self, out: Vec<u8>, spools: &Arc<Spools>) -> Bytes {
        if out.is_empty() {
            return Bytes::new();
        }
        let pixels = self.feed.as_ref().map_or(0, |feed| feed.decoding().pixels());
        if !*self.keeps.get_or_insert(pixels <= self.whole) {
            return out.into();
        }
        let kept = self.kept.get_or_insert_with(|| Box::new(spools.spool()));
        kept.push(out.into());
        Bytes::new()
    }
}

/// Before the transform: what came compressed without losses, and may be what carries a seal.
#[derive(Debug)]
pub(super) struct Before {
    /// `None`: it is at work.
    unpacking: Option<Box<Unpacking>>,
    /// What came meanwhile.
    input: BytesMut,
}

impl Before {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    pub(super) fn has_work(&self) -> bool {
        !self.input.is_empty() || self.unpacking.as_ref().is_some_and(|unpacking| unpacking.has_work())
    }

    /// More is decoded; `None`: there is nothing to decode.
    fn next(&mut self) -> Option<Away> {
        if !self.has_work() {
            return None;
        }
        let mut unpacking = self.unpacking.take()?;
        unpacking.push(&self.input.split());
        Some(Box::pin(async move {
            let came = unpacking.step().await?;
            Ok(Back::Unpacked(unpacking, came))
        }))
    }

    /// It is back.
    pub(super) fn back(&mut self, unpacking: Box<Unpacking>) {
        self.unpacking = Some(unpacking);
    }
}

impl Rewrite {
    /// Its image goes on decoded; `whole`: if it has at most so many bytes, not before all of it is.
    pub(in super::super) fn decode(&mut self, decoding: Decoding, whole: u64) {
        self.behind = Some(Box::new(Behind::new(decoding, whole)));
    }

    /// Before its first byte: it comes compressed, and may be what carries a seal.
    pub(in super::super) fn unpack(&mut self, decoding: Decoding) {
        let unpacking = Some(Box::new(Unpacking::new(decoding)));
        self.before = Some(Box::new(Before { unpacking, input: BytesMut::new() }));
    }

    /// Whether it came compressed, carries a seal and is decoded before it is looked into.
    pub(in super::super) const fn is_unpacked(&self) -> bool {
        self.unpacked
    }

    /// Whether it came compressed, and no worker could decode enough of it to see whether it carries a seal.
    pub(in super::super) const fn is_undecoded(&self) -> bool {
        self.undecoded
    }

    /// What was before the transform goes through it.
    pub(super) fn unpacked(&mut self, came: Came) -> Result<(), TransformFault> {
        if let Came::Unknown(_, fault) = &came {
            tracing::warn!(%fault, "whether an object that came compressed is sealed cannot be found out now");
            self.undecoded = true;
        }
        match came {
            Came::Nothing => Ok(()),
            Came::Decoded(bytes) => {
                self.unpacked = true;
                self.transform.push(&bytes.into(), &mut self.flow)
            }
            Came::Plain(bytes) | Came::Unknown(bytes, _) => {
                let rest = self.before.take().map(|mut before| before.input.split()).unwrap_or_default();
                self.transform.push(&bytes, &mut self.flow)?;
                self.transform.push(&rest.freeze(), &mut self.flow)?;
                if self.over { self.transform.finish(&mut self.flow) } else { Ok(()) }
            }
        }
    }

    /// What came compressed is decoded before anything else is done with it. `None`: there is nothing to do.
    pub(super) fn unpack_on(&mut self, full: bool) -> Result<Option<super::drive::Step>, TransformFault> {
        use super::drive::Step;
        let Some(before) = &mut self.before else { return Ok(None) };
        if before.has_work() {
            if full && self.cutter.is_some() {
                return Ok(Some(Step::Full));
            }
            let Some(away) = before.next() else { return Ok(None) };
            self.away = true;
            return Ok(Some(Step::Wait(away)));
        }
        if !self.over {
            return Ok(None);
        }
        let Some(unpacking) = &mut before.unpacking else { return Ok(None) };
        let came = unpacking.finish()?;
        let carried = matches!(came, Came::Decoded(_));
        self.unpacked(came)?;
        if carried {
            self.before = None;
            self.transform.finish(&mut self.flow)?;
        }
        Ok(Some(Step::Went))
    }
}
