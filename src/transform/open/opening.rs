//! The seal passes: segments are authenticated, what they hold is composed with what stands in clear.

use super::compose::Compose;
use super::emit::{Emit, plain};
use super::identity::{drift, matches_object};
use super::items::{self, Items};
use super::looking::{Carried, Looking};
use super::payload::{Payload, Sealed, Whole};
use super::split::{Event, Split};
use super::{As, Inner, OpenFault, OpenOptions, OpenOrder, Opened};
use crate::dicom::dataset::WalkFault;
use crate::dicom::transfer_syntax::{Encoding, encoding_of};
use crate::transform::flow::Flow;
use crate::transform::head::PIXEL_DATA;
use crate::vault::Opener;
use crate::vault::suite::Digest;
use bytes::Bytes;
use std::collections::VecDeque;

/// Bytes of what was sealed that are read at a time.
const BIT: usize = 64 << 10;
/// Zero bytes behind the segments of a usual banner's width: less than a row of 512 pixels of 16 bits, and its header.
const ROW: usize = 2048;

/// Opens one seal.
pub(super) struct Opening {
    options: OpenOptions,
    opener: Opener,
    payload: Option<Payload>,
    /// Authenticated, and not composed: it is not decided yet.
    ready: VecDeque<Sealed>,
    /// Bytes of `ready`.
    held: usize,
    /// In clear, before the carrier; until it is decided.
    clear: VecDeque<Whole>,
    /// The carrier as far as it came; until it is decided.
    raw: Vec<u8>,
    compose: Option<Compose>,
    carrier: Carrier,
    drift: Vec<&'static str>,
    /// Of the payload so far.
    digest: Option<Digest>,
}

enum Carrier {
    /// In Pixel Data of that many bytes: so many of segments are to come, then zero bytes.
    Pixels {
        length: u64,
        segments: u64,
    },
    Attributes(Box<Items>),
    /// Behind it.
    Over,
}

impl Opening {
    pub(super) fn new(order: &OpenOrder, looking: Looking, carried: Carried) -> Result<Self, OpenFault> {
        let Looking { clear, raw, .. } = looking;
        let mut opening = Self {
            options: order.options,
            opener: Opener::new(order.unlock.clone()),
            payload: None,
            ready: VecDeque::new(),
            held: 0,
            clear,
            raw,
            compose: None,
            carrier: Carrier::Over,
            drift: Vec::new(),
            digest: order.options.digest.then(Digest::new),
        };
        match carried {
            Carried::Pixels(pixels) => {
                let (from, segments) = pixels.segments.ok_or(OpenFault::Length)?;
                // The last of what was kept stands behind the magic.
                let at = opening.raw.len().saturating_sub(pixels.behind);
                let come = opening.raw.split_off(at);
                if pixels.length.checked_sub(from).is_none_or(|room| segments > room) {
                    return Err(OpenFault::Length);
                }
                opening.carrier = Carrier::Pixels { length: pixels.length, segments };
                opening.carried(&come, None)?;
                opening.expect_raw(come.len());
                opening.raw.extend_from_slice(&come);
            }
            Carried::Attributes(attributes) => {
                opening.segments(&attributes.segments, None)?;
                opening.expect_raw(0);
                opening.carrier = Carrier::Attributes(Box::new(attributes.items));
            }
        }
        Ok(opening)
    }

    /// What is sealed, as soon as it is known.
    pub(super) fn found(&mut self, order: &OpenOrder) -> Result<Option<Inner>, OpenFault> {
        let Some(header) = self.opener.header() else { return Ok(None) };
        let Some(facts) = self.payload.as_ref().and_then(Payload::facts) else { return Ok(None) };
        matches_object(header, order, &self.clear)?;
        self.drift = drift(header, order, &self.clear);
        Ok(Some(Inner {
            seal: header.seal,
            key: self.opener.key(),
            sop_instance: header.sop_instance,
            study: header.study,
            transfer_syntax: header.transfer_syntax,
            whose: header.whose(),
            rows: facts.rows,
            columns: facts.columns,
            frames: facts.frames,
            drift: self.drift.clone(),
        }))
    }

    /// How it comes out is decided.
    pub(super) fn decide(&mut self, how: As, from: Encoding) -> Result<(), OpenFault> {
        let syntax = self.opener.header().ok_or(OpenFault::Undecided)?.transfer_syntax;
        let (carrier, known) = match &self.carrier {
            Carrier::Pixels { length, .. } => (PIXEL_DATA, Some(*length)),
            Carrier::Attributes(_) | Carrier::Over => (items::SEQUENCE, None),
        };
        let emit = Emit::new(how, from, syntax, self.options.whole, known)?;
        let clear = std::mem::take(&mut self.clear);
        self.compose = Some(Compose::new(emit, self.options, carrier, clear));
        self.raw = Vec::new();
        Ok(())
    }

    /// Everything so far, as it came.
    pub(super) fn into_held(self) -> Vec<u8> {
        let mut held = Vec::new();
        self.clear.iter().for_each(|whole| held.extend_from_slice(&whole.bytes));
        held.extend_from_slice(&self.raw);
        held
    }

    /// Takes one event; whether there was one.
    pub(super) fn run(&mut self, split: &mut Split, input: &mut &[u8], out: &mut Flow) -> Result<bool, OpenFault> {
        self.compose(out)?;
        let Some(event) = split.next(input)? else { return Ok(false) };
        let behind = matches!(self.carrier, Carrier::Over);
        match (event, &mut self.compose) {
            (Event::Begin(head, holds), Some(compose)) if behind => compose.begin(head, holds, out)?,
            (Event::More(more), Some(compose)) if behind => compose.more(more.bytes(), out)?,
            (Event::End, Some(compose)) if behind => compose.end(out)?,
            // Nothing is taken from behind the carrier before it is decided.
            (Event::Begin(..), _) => return Err(OpenFault::Undecided),
            (Event::More(more), compose) => {
                if compose.is_none() {
                    self.raw.extend_from_slice(more.bytes());
                }
                self.carried(more.bytes(), Some(&mut *out))?;
                self.expect_raw(0);
                self.compose(out)?;
            }
            (Event::End, _) => self.over(out)?,
        }
        Ok(true)
    }

    /// Nothing is decided before the first segment is whole: room is made for the rest of it at once, behind what has come
    /// of it, and for what a pixel row may add, rather than by moving what is there again and again.
    fn expect_raw(&mut self, come: usize) {
        let missing = self.opener.missing();
        if self.compose.is_none() && self.opener.segments() == 0 && missing > 0 {
            self.raw.reserve(come.saturating_add(missing).saturating_add(ROW));
        }
    }

    /// What is gathered goes.
    pub(super) fn flush(&mut self, out: &mut Flow) {
        if let Some(compose) = &mut self.compose {
            compose.emit.flush(out);
        }
    }

    /// The data set is over.
    pub(super) fn finish(&mut self, out: &mut Flow) -> Result<Opened, OpenFault> {
        self.compose(out)?;
        let compose = self.compose.as_mut().ok_or(OpenFault::Undecided)?;
        if !matches!(self.carrier, Carrier::Over) {
            return Err(WalkFault::Truncated.into());
        }
        let bytes = compose.finish(out)?;
        let segments = self.opener.header().map_or(0, |header| header.segment.saturating_add(1));
        let names = self.drift.iter().map(|name| (*name).to_owned());
        let drift = names.chain(compose.moved().iter().map(ToString::to_string)).collect();
        let digest = self.digest.take().map(Digest::finish);
        let added = compose.added().iter().map(ToString::to_string).collect();
        Ok(Opened { segments, bytes, drift, added, digest })
    }

    /// More of what carries the seal; what it held goes to `out` as soon as it is decided.
    fn carried(&mut self, bytes: &[u8], out: Option<&mut Flow>) -> Result<(), OpenFault> {
        match &mut self.carrier {
            Carrier::Pixels { segments, .. } => {
                let here = usize::try_from(*segments).unwrap_or(usize::MAX).min(bytes.len());
                let (sealed, padding) = bytes.split_at_checked(here).unwrap_or((bytes, &[]));
                *segments -= sealed.len() as u64;
                if padding.iter().any(|byte| *byte != 0) {
                    return Err(OpenFault::Padding);
                }
                self.segments(sealed, out)
            }
            Carrier::Attributes(items) => {
                let mut sealed = Vec::new();
                items.push(bytes, |bytes| sealed.extend_from_slice(bytes))?;
                self.segments(&sealed, out)
            }
            Carrier::Over => Ok(()),
        }
    }

    /// More of the segments.
    fn segments(&mut self, bytes: &[u8], out: Option<&mut Flow>) -> Result<(), OpenFault> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut parts: Vec<Bytes> = Vec::new();
        self.opener.push(bytes, &mut parts)?;
        if let Some(digest) = &mut self.digest {
            parts.iter().for_each(|part| digest.push(part));
        }
        self.read(&parts, out)
    }

    /// Authenticated parts of what was sealed. A segment is read bit by bit: it is not there twice.
    fn read(&mut self, parts: &[Bytes], mut out: Option<&mut Flow>) -> Result<(), OpenFault> {
        let OpenOptions { depth, header: limit, .. } = self.options;
        let Some(header) = self.opener.header() else { return Ok(()) };
        let encoding = plain(encoding_of(&header.transfer_syntax));
        let bits = |part: &Bytes| {
            let part = part.clone();
            (0..part.len()).step_by(BIT).map(move |from| part.slice(from..part.len().min(from.saturating_add(BIT))))
        };
        for bit in parts.iter().flat_map(bits) {
            let payload = self.payload.get_or_insert_with(|| Payload::new(encoding, depth, limit));
            let before = self.ready.len();
            payload.push(&bit, &mut self.ready).map_err(OpenFault::Payload)?.ok_or(OpenFault::Held(limit))?;
            self.held += self.ready.iter().skip(before).map(Sealed::len).sum::<usize>();
            if self.compose.is_none() && self.held > limit as usize * 2 {
                return Err(OpenFault::Held(limit));
            }
            if let Some(out) = &mut out {
                self.compose(out)?;
            }
        }
        if self.opener.is_whole() {
            let payload = self.payload.get_or_insert_with(|| Payload::new(encoding, depth, limit));
            payload.finish().map_err(OpenFault::Payload)?;
        }
        Ok(())
    }

    /// What is ready is composed, if it is decided.
    fn compose(&mut self, out: &mut Flow) -> Result<(), OpenFault> {
        if let Some(compose) = &mut self.compose {
            while let Some(sealed) = self.ready.pop_front() {
                compose.sealed(sealed, out)?;
            }
            self.held = 0;
        }
        Ok(())
    }

    /// The carrier is over.
    fn over(&mut self, out: &mut Flow) -> Result<(), OpenFault> {
        self.opener.finish()?;
        self.compose(out)?;
        self.carrier = Carrier::Over;
        match &mut self.compose {
            Some(compose) => compose.carried(out),
            None => Err(OpenFault::Undecided),
        }
    }
}
