//! One object on its way into a seal: part by part, what stays and what is sealed go apart.

mod close;
mod start;

use super::already::{Encrypted, Probe};
use super::carry::{Carry, ENCRYPTED, Way};
use super::clear::Clear;
use super::facts::Facts;
use super::order::{Begun, SealFault, SealOrder};
use super::split::Split;
use crate::dicom::Tag;
use crate::dicom::dataset::{Length, WalkLimits};
use crate::dicom::transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN, Encoding, encoding_of};
use crate::transform::flow::Flow;
use crate::transform::head::PIXEL_DATA;
use crate::transform::recode::Recode;
use crate::transform::scan::{Head, Holds, Part, Scanner};
use crate::vault::Sealer;
use crate::vault::family::{self, Family};
use crate::vault::suite::Digest;
use bytes::Bytes;
use std::sync::Arc;

/// Pixel Data of any kind: Float, Double Float, and of integers.
const PIXELS: [Tag; 3] = [Tag(0x7fe0, 0x0008), Tag(0x7fe0, 0x0009), PIXEL_DATA];
const DOCUMENT: Tag = Tag(0x0042, 0x0011);
/// Values of objects without pixels that may be long: Encapsulated Document, Spectroscopy Data. They are sealed as they
/// come, not held.
const LONG: [Tag; 2] = [DOCUMENT, Tag(0x5600, 0x0020)];

/// Room for what is sealed behind a long value, so that most often its segment is not moved for a few bytes more.
const BEHIND: u64 = 4096;

/// What the element of the top level that passes becomes.
#[derive(Debug, Clone, Copy)]
enum Top {
    /// It is taken apart.
    Split(Tag),
    /// It is sealed whole; so many sequences and items are open, itself included; 0: it is a value.
    Sealed(usize),
}

/// One object.
pub(super) struct Object {
    order: SealOrder,
    family: &'static Family,
    scanner: Scanner,
    facts: Facts,
    split: Split,
    /// Where what stays is written in another encoding.
    recode: Option<Recode>,
    clear: Clear,
    /// What is sealed, until the sealer is there.
    held: Clear,
    /// Bytes sealed, those held included.
    payload: u64,
    /// Of these, what opening has to hold until its place comes: behind the pixels, and behind attributes if those carry the
    /// seal.
    behind: u64,
    behind_attributes: u64,
    sealer: Option<Sealer>,
    /// Of what is sealed, where it is asked for.
    pub(super) digest: Option<Digest>,
    carry: Carry,
    top: Option<Top>,
    /// The last element of which anything was sealed.
    last: Option<Tag>,
    /// Pixels have come.
    image: bool,
    probe: Option<Probe>,
    encrypted: Option<Encrypted>,
    begun: Option<Begun>,
    segments: Vec<Bytes>,
    /// What comes out.
    pub(super) out: Flow,
}

impl Object {
    pub(super) fn new(order: SealOrder, family: &'static Family, encoding: Encoding) -> Self {
        let options = &order.options;
        let limits = WalkLimits { depth: options.depth, ..WalkLimits::default() };
        let deflated = encoding_of(&order.from) == Encoding::Deflated;
        let plain = EXPLICIT_VR_LITTLE_ENDIAN.parse().ok().filter(|_| deflated);
        let syntax = plain.unwrap_or(order.from);
        Self {
            family,
            scanner: Scanner::new(encoding, options.depth),
            facts: Facts::new(encoding),
            split: Split::new(family, Arc::clone(&options.family), options.depth, options.header),
            recode: (encoding != order.to).then(|| Recode::with_limits(encoding, order.to, limits)),
            clear: Clear::default(),
            held: Clear::default(),
            payload: 0,
            behind: 0,
            behind_attributes: 0,
            sealer: None,
            digest: None,
            carry: Carry::new(Way::Items, order.to, syntax, options.attributes_max),
            top: None,
            last: None,
            image: false,
            probe: None,
            encrypted: None,
            begun: None,
            segments: Vec::new(),
            out: Flow::default(),
            order,
        }
    }

    /// What has begun, if what comes out may go on.
    pub(super) fn begun(&self) -> Option<&Begun> {
        self.begun.as_ref().filter(|_| self.may_go())
    }

    /// Whether nothing is to be sealed so far.
    pub(super) const fn is_untouched(&self) -> bool {
        self.last.is_none()
    }

    /// Whether it may still turn out to be sealed already.
    pub(super) const fn may_be_sealed(&self) -> bool {
        !self.image || self.probe.is_some()
    }

    /// Whether what comes out may go on: it waits while the object may turn out to be sealed already.
    pub(super) const fn may_go(&self) -> bool {
        self.probe.is_none()
    }

    /// Takes the next bytes.
    pub(super) fn push(&mut self, mut bytes: &[u8]) -> Result<(), SealFault> {
        while let Some(part) = self.scanner.next(&mut bytes)? {
            self.part(part)?;
        }
        Ok(())
    }

    fn part(&mut self, part: Part) -> Result<(), SealFault> {
        match (self.top, part) {
            (None, Part::Element(head, holds)) => self.begin(&head, holds),
            // Zeros behind the data set say nothing, and stand nowhere.
            (None, _) => Ok(()),
            (Some(Top::Sealed(open)), part) => self.sealed(open, part),
            (Some(Top::Split(tag)), part) => {
                if let Part::Bytes(bytes, last) = part {
                    self.noted(bytes, last);
                }
                self.split.part(part)?;
                self.bounded()?;
                if self.split.is_idle() { self.splitted(tag) } else { Ok(()) }
            }
        }
    }

    /// An element of the top level begins.
    fn begin(&mut self, head: &Head, holds: Holds) -> Result<(), SealFault> {
        let tag = head.raw.tag;
        let image = PIXELS.contains(&tag) && !self.facts.original.has_pixels();
        self.facts.begin(head, holds)?;
        // Whatever it is, it would stand where a seal may have to.
        let becomes = if tag == ENCRYPTED { family::Part::Seal } else { self.split.decide(head) };
        if becomes != family::Part::Seal {
            self.encrypted = None;
            self.top = Some(Top::Split(tag));
            self.split.begin(head, holds, becomes);
            return Ok(());
        }
        let looks = (tag == ENCRYPTED).then(|| Encrypted::new(head, self.order.options.depth));
        self.encrypted = looks.flatten();
        if image {
            self.image = true;
            let (bits, samples) = self.facts.pixel();
            self.probe = Probe::new(head, self.facts.size().1, bits, samples);
        }
        if self.sealer.is_none() && (image || LONG.contains(&tag)) {
            self.start(head, image)?;
        }
        if let (Some(sealer), Length::Defined(length)) = (&mut self.sealer, head.raw.length) {
            sealer.expect(u64::from(length) + head.bytes().len() as u64 + BEHIND);
        }
        self.top = Some(Top::Sealed(usize::from(holds != Holds::Value)));
        self.behind(tag)?;
        self.seal(tag, head.bytes())
    }

    /// A part of an element that is sealed whole.
    fn sealed(&mut self, open: usize, part: Part) -> Result<(), SealFault> {
        let mut now = open;
        let mut over = false;
        let bytes = match &part {
            Part::Element(head, holds) => {
                now += usize::from(*holds != Holds::Value);
                head.bytes()
            }
            Part::Item(head) => {
                now += 1;
                head.bytes()
            }
            Part::Fragment(head) | Part::Stray(head) => head.bytes(),
            Part::Bytes(bytes, last) => {
                over = *last && open == 0;
                if open == 0 {
                    self.noted(bytes, *last);
                    self.probed(bytes)?;
                }
                bytes
            }
            Part::End(delimiter) => {
                now = open.saturating_sub(1);
                over = now == 0;
                delimiter.as_ref().map_or(&[] as &[u8], Head::bytes)
            }
            Part::Zeros(_) => &[],
        };
        match self.encrypted.as_mut().and_then(|encrypted| encrypted.push(bytes)) {
            Some(true) => return Err(SealFault::Already),
            Some(false) => self.encrypted = None,
            None => {}
        }
        self.seal_more(bytes)?;
        self.top = (!over).then_some(Top::Sealed(now));
        Ok(())
    }

    /// Pixels pass that may be those of a sealed object.
    fn probed(&mut self, pixels: &[u8]) -> Result<(), SealFault> {
        match self.probe.as_mut().and_then(|probe| probe.push(pixels)) {
            Some(true) => Err(SealFault::Already),
            Some(false) => {
                self.probe = None;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Bytes of a value pass, which may say something of the object.
    fn noted(&mut self, bytes: &[u8], last: bool) {
        if self.facts.push(bytes, last)
            && let Some(recode) = &mut self.recode
        {
            // What depends on it is written by what the original says.
            recode.set_signed(self.facts.signed());
        }
    }

    /// An element that was taken apart is over.
    fn splitted(&mut self, tag: Tag) -> Result<(), SealFault> {
        self.top = None;
        let clear = std::mem::take(&mut self.split.clear);
        if !clear.is_empty() {
            if matches!(self.carry.way, Way::Going(..)) && tag < PIXEL_DATA {
                return Err(SealFault::Order(tag));
            }
            let to = self.clear.begin(tag)?;
            match &mut self.recode {
                None => to.extend_from_slice(&clear),
                Some(recode) => recode.push(&clear, to)?,
            }
        }
        let payload = std::mem::take(&mut self.split.payload);
        if !payload.is_empty() {
            self.behind(tag)?;
            self.seal(tag, &payload)?;
        }
        // The buffers serve the next one.
        (self.split.clear, self.split.payload) = (emptied(clear), emptied(payload));
        Ok(())
    }

    /// Nothing of what has been sealed stands behind this.
    fn behind(&mut self, tag: Tag) -> Result<(), SealFault> {
        if self.sealer.is_some() && self.last.is_some_and(|last| last > tag) {
            return Err(SealFault::Order(tag));
        }
        self.last = self.last.max(Some(tag));
        Ok(())
    }

    /// Bytes are sealed with which an element begins.
    fn seal(&mut self, tag: Tag, bytes: &[u8]) -> Result<(), SealFault> {
        if self.sealer.is_none() {
            self.held.begin(tag)?;
        }
        self.seal_more(bytes)
    }

    fn seal_more(&mut self, bytes: &[u8]) -> Result<(), SealFault> {
        self.payload += bytes.len() as u64;
        if self.sealer.is_none() {
            self.held.extend(bytes);
            return self.bounded();
        }
        if let Some(tag) = self.last {
            let length = bytes.len() as u64;
            match tag {
                // It goes before what carries the seal, as it comes.
                DOCUMENT => {}
                tag if tag > PIXEL_DATA => self.behind += length,
                _ => self.behind_attributes += length,
            }
            let items = if matches!(self.carry.way, Way::Items) { self.behind_attributes } else { 0 };
            let limit = self.order.options.header;
            if self.behind + items > u64::from(limit) {
                return Err(SealFault::Header(limit));
            }
        }
        self.give(bytes)
    }

    /// The sealer takes bytes.
    fn give(&mut self, bytes: &[u8]) -> Result<(), SealFault> {
        let Some(sealer) = &mut self.sealer else { return Err(SealFault::Over) };
        if let Way::Going(_, room) = self.carry.way
            && sealer.sealed_length(self.payload) > room
        {
            return Err(SealFault::Trailing);
        }
        sealer.push(bytes, &mut self.segments)?;
        if let Some(digest) = &mut self.digest {
            digest.push(bytes);
        }
        self.segments.drain(..).for_each(|segment| self.carry.segment(segment, &mut self.out));
        Ok(())
    }

    /// What is held stays below the limit.
    fn bounded(&self) -> Result<(), SealFault> {
        let held = self.clear.len() + self.held.len() + self.split.len();
        let limit = self.order.options.header;
        if held > limit as usize { Err(SealFault::Header(limit)) } else { Ok(()) }
    }
}

fn emptied(mut buffer: Vec<u8>) -> Vec<u8> {
    buffer.clear();
    buffer
}
