//! For a seal: everything is held until it is known whether there is one.

use super::OpenOptions;
use super::items;
use super::payload::Whole;
use super::probe::{Attributes, NEAR, Pixels, Verdict};
use super::split::{Event, Split};
use crate::dicom::Tag;
use crate::dicom::dataset::{Length, WalkFault};
use crate::transform::head::PIXEL_DATA;
use crate::transform::scan::{Head, Holds};
use crate::vault::carrier::magic_at;
use std::collections::VecDeque;

const SAMPLES: Tag = Tag(0x0028, 0x0002);
const COLUMNS: Tag = Tag(0x0028, 0x0011);
const BITS: Tag = Tag(0x0028, 0x0100);

/// Elements of a sealed object before its seal: sealing stops at 65,536 and adds some; an archive may add a few.
const MOST: usize = 70_000;

/// What looking came to.
pub(super) enum Looked {
    /// More is needed.
    More,
    /// There is no seal.
    Plain,
    /// There is one.
    Seal(Carried),
}

/// Where the seal was found.
pub(super) enum Carried {
    /// In Pixel Data.
    Pixels(Pixels),
    /// In Encrypted Attributes.
    Attributes(Box<Attributes>),
}

/// Looks for a seal.
pub(super) struct Looking {
    options: OpenOptions,
    /// Elements before the place that is being looked at.
    pub(super) clear: VecDeque<Whole>,
    /// Bytes of those.
    held: usize,
    at: At,
    /// The place that is looked at, header included, as it came.
    pub(super) raw: Vec<u8>,
}

enum At {
    Between,
    /// An element that carries no seal.
    Element(Whole),
    Pixels(Pixels),
    Attributes(Head, Holds, Box<Attributes>),
}

impl Looking {
    pub(super) fn new(options: OpenOptions) -> Self {
        Self { options, clear: VecDeque::new(), held: 0, at: At::Between, raw: Vec::new() }
    }

    /// Looks at what comes.
    pub(super) fn run(&mut self, split: &mut Split, input: &mut &[u8]) -> Result<Looked, WalkFault> {
        while let Some(event) = split.next(input)? {
            let looked = match event {
                Event::Begin(head, holds) => self.begin(head, holds)?,
                Event::More(more) => self.more(more.bytes())?,
                Event::End => {
                    self.end();
                    Looked::More
                }
            };
            if !matches!(looked, Looked::More) {
                return Ok(looked);
            }
            // A sealed object's header is never longer, or has more elements.
            let here = match &self.at {
                At::Element(whole) => whole.bytes.len(),
                At::Attributes(_, _, _) => self.raw.len(),
                At::Between | At::Pixels(_) => 0,
            };
            let most = (self.options.header as usize).saturating_mul(2);
            if self.held + here > most || self.clear.len() > MOST {
                return Ok(Looked::Plain);
            }
        }
        Ok(Looked::More)
    }

    /// Everything so far, as it came.
    pub(super) fn into_held(self) -> Vec<u8> {
        let mut held = Vec::with_capacity(self.held + self.raw.len());
        self.clear.iter().for_each(|whole| held.extend_from_slice(&whole.bytes));
        if let At::Element(whole) = &self.at {
            held.extend_from_slice(&whole.bytes);
        }
        held.extend_from_slice(&self.raw);
        held
    }

    fn begin(&mut self, head: Head, holds: Holds) -> Result<Looked, WalkFault> {
        let tag = head.raw.tag;
        if tag == PIXEL_DATA {
            self.raw = head.bytes().to_vec();
            let Length::Defined(length) = head.raw.length else { return Ok(Looked::Plain) };
            let pixels = Pixels::new(length.into(), self.said());
            if !pixels.possible() {
                return Ok(Looked::Plain);
            }
            self.raw.reserve(NEAR.min(length.into()) as usize);
            self.at = At::Pixels(pixels);
        } else if tag > PIXEL_DATA {
            // What has no Pixel Data before this has none.
            self.raw = head.bytes().to_vec();
            return Ok(Looked::Plain);
        } else if tag == items::SEQUENCE {
            self.raw = head.bytes().to_vec();
            self.at = At::Attributes(head, holds, Box::new(Attributes::new(&head, self.options.depth)?));
        } else {
            self.at = At::Element(Whole { head, holds, bytes: head.bytes().to_vec() });
        }
        Ok(Looked::More)
    }

    fn more(&mut self, bytes: &[u8]) -> Result<Looked, WalkFault> {
        let verdict = match &mut self.at {
            At::Between => Verdict::Nothing,
            At::Element(whole) => {
                whole.bytes.extend_from_slice(bytes);
                return Ok(Looked::More);
            }
            At::Pixels(pixels) => {
                self.raw.extend_from_slice(bytes);
                pixels.push(bytes)
            }
            At::Attributes(_, _, attributes) => {
                self.raw.extend_from_slice(bytes);
                // What others encrypt is an element like others.
                match attributes.push(bytes)? {
                    Verdict::Nothing => Verdict::Unknown,
                    verdict => verdict,
                }
            }
        };
        match verdict {
            Verdict::Unknown => Ok(Looked::More),
            Verdict::Nothing => Ok(Looked::Plain),
            Verdict::Seal => Ok(match std::mem::replace(&mut self.at, At::Between) {
                At::Pixels(pixels) => Looked::Seal(Carried::Pixels(pixels)),
                At::Attributes(_, _, attributes) => Looked::Seal(Carried::Attributes(attributes)),
                At::Between | At::Element(_) => Looked::Plain,
            }),
        }
    }

    fn end(&mut self) {
        let whole = match std::mem::replace(&mut self.at, At::Between) {
            At::Element(whole) => whole,
            At::Attributes(head, holds, _) => Whole { head, holds, bytes: std::mem::take(&mut self.raw) },
            At::Between | At::Pixels(_) => return,
        };
        self.held += whole.bytes.len();
        self.clear.push_back(whole);
    }

    /// Where the attributes of the image point at.
    fn said(&self) -> Option<u64> {
        let number = |tag| {
            let whole = self.clear.iter().find(|whole| whole.tag() == tag)?;
            whole.value().first_chunk::<2>().map(|pair| u16::from_le_bytes(*pair))
        };
        magic_at(number(COLUMNS)?, number(BITS)?, number(SAMPLES).unwrap_or(1))
    }
}
