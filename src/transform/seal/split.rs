//! Top-level elements of which something is sealed and something stays: each goes, part by part, into two data sets.
//!
//! What stays in a sequence keeps its place; what is sealed leaves a stand-in or nothing. Of a sequence that loses something
//! the seal gets every item, empty where nothing of it is sealed, so that opening merges them by their places. Defined
//! lengths stay defined and become right, undefined ones stay undefined; what loses nothing stays byte for byte.

use super::level::{Level, Small};
use super::order::SealFault;
use crate::dicom::Tag;
use crate::dicom::dataset::{Length, Vr, WalkFault, vr_of};
use crate::dicom::transfer_syntax::Encoding;
use crate::transform::head::put_header;
use crate::transform::recode::turned;
use crate::transform::scan::{Head, Holds, Part, Scanner};
use crate::vault::family::{self, Element, Family, FamilyOptions};
use std::sync::Arc;

/// Values inside each other that are items without saying so; deeper ones are sealed whole.
const MOST_GUESSES: u8 = 4;
/// Up to so many bytes a stand-in may be longer than the value.
const LEAST_STAND_IN: u32 = 64;

/// Where an element goes that is not taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum To {
    Clear,
    Seal,
    Nowhere,
}

/// An element that is not taken apart.
#[derive(Debug, Clone, Copy)]
struct Whole {
    to: To,
    /// Sequences and items that are open, itself included; 0: it is a value.
    open: usize,
}

/// Takes top-level elements apart, one after the other.
pub(super) struct Split {
    family: &'static Family,
    options: Arc<FamilyOptions>,
    depth: u16,
    /// Bytes that may be held, together.
    limit: u32,
    /// What stays of the element, and what is sealed of it.
    pub(super) clear: Vec<u8>,
    pub(super) payload: Vec<u8>,
    /// The data set itself, and what is taken apart.
    levels: Vec<Level>,
    path: Vec<Tag>,
    whole: Option<Whole>,
    /// A value that is remembered, or that may be items without saying so.
    small: Option<Small>,
    guess: Option<(Head, Vec<u8>)>,
    guesses: u8,
}

impl Split {
    pub(super) fn new(family: &'static Family, options: Arc<FamilyOptions>, depth: u16, limit: u32) -> Self {
        Self {
            family,
            options,
            depth,
            limit,
            clear: Vec::new(),
            payload: Vec::new(),
            levels: vec![Level::default()],
            path: Vec::new(),
            whole: None,
            small: None,
            guess: None,
            guesses: 0,
        }
    }

    /// What becomes of an element.
    pub(super) fn decide(&self, head: &Head) -> family::Part {
        let tag = head.raw.tag;
        let creator = self.levels.last().and_then(|level| level.creator(tag));
        let element = Element { path: &self.path, tag, vr: head.raw.vr, length: head.raw.length, creator };
        self.family.of_tag(&element, &self.options)
    }

    /// Whether the element is over.
    pub(super) const fn is_idle(&self) -> bool {
        self.whole.is_none() && self.guess.is_none() && self.levels.len() == 1
    }

    /// Bytes held.
    pub(super) fn len(&self) -> usize {
        self.clear.len() + self.payload.len() + self.guess.as_ref().map_or(0, |(_, value)| value.len())
    }

    /// An element begins, of which this becomes.
    pub(super) fn begin(&mut self, head: &Head, holds: Holds, becomes: family::Part) {
        let silent = matches!(head.raw.vr, None | Some(Vr::UN));
        let to = match (becomes, holds) {
            (family::Part::Into, Holds::Items) => {
                self.open(head, Some(head.raw.tag));
                return;
            }
            (family::Part::Into, Holds::Value) if silent && self.guesses < MOST_GUESSES => {
                self.guess = Some((*head, Vec::new()));
                return;
            }
            (family::Part::Clear, _) => To::Clear,
            (family::Part::Drop, _) => To::Nowhere,
            (family::Part::Into | family::Part::Seal, _) => To::Seal,
        };
        self.small = if holds == Holds::Value { Small::of(head, self.levels.len() > 1) } else { None };
        self.whole = Some(Whole { to, open: usize::from(holds != Holds::Value) });
        if to == To::Seal {
            self.sealed(head);
        }
        self.write(to, head.bytes());
    }

    /// Takes the next part of the element.
    ///
    /// # Errors
    /// A value that turned out to be items is damaged; it was checked before.
    pub(super) fn part(&mut self, part: Part) -> Result<(), SealFault> {
        if let Some(whole) = self.whole {
            self.pass(whole, part);
            return Ok(());
        }
        match part {
            Part::Bytes(bytes, last) => {
                if let Some((_, value)) = &mut self.guess {
                    value.extend_from_slice(bytes);
                }
                if last && let Some((head, value)) = self.guess.take() {
                    self.guessed(&head, &value)?;
                }
            }
            Part::Element(head, holds) => {
                let becomes = self.decide(&head);
                self.begin(&head, holds, becomes);
            }
            Part::Item(head) => self.open(&head, None),
            Part::End(delimiter) => self.close(delimiter.as_ref()),
            Part::Stray(head) => self.clear.extend_from_slice(head.bytes()),
            Part::Fragment(_) | Part::Zeros(_) => {}
        }
        Ok(())
    }

    /// A part of what is not taken apart.
    fn pass(&mut self, whole: Whole, part: Part) {
        let Whole { to, mut open } = whole;
        let mut over = false;
        match part {
            Part::Element(head, holds) => {
                open += usize::from(holds != Holds::Value);
                self.write(to, head.bytes());
            }
            Part::Item(head) => {
                open += 1;
                self.write(to, head.bytes());
            }
            Part::Fragment(head) | Part::Stray(head) => self.write(to, head.bytes()),
            Part::Bytes(bytes, last) => {
                self.write(to, bytes);
                if let Some(small) = &mut self.small {
                    small.push(bytes);
                }
                over = last && open == 0;
            }
            Part::End(delimiter) => {
                self.write(to, delimiter.as_ref().map_or(&[], Head::bytes));
                open = open.saturating_sub(1);
                over = open == 0;
            }
            Part::Zeros(_) => {}
        }
        self.whole = (!over).then_some(Whole { to, open });
        if over
            && let Some(small) = self.small.take()
            && let Some(level) = self.levels.last_mut()
        {
            level.remember(&small);
        }
    }

    fn write(&mut self, to: To, bytes: &[u8]) {
        match to {
            To::Clear => self.clear.extend_from_slice(bytes),
            To::Seal => self.payload.extend_from_slice(bytes),
            To::Nowhere => {}
        }
    }

    /// An element is sealed whole: what it is in loses it, and may get a stand-in.
    fn sealed(&mut self, head: &Head) {
        let Some(level) = self.levels.last_mut() else { return };
        level.sealed = true;
        if self.path.is_empty() {
            return;
        }
        let numbers = |tag| level.number(tag);
        let tag = head.raw.tag;
        if let Some(mut value) = self.family.stand_in(&self.path, tag, &numbers) {
            // Never longer than what it stands for: not what the numbers beside it say decides what it costs.
            let most = match head.raw.length {
                Length::Defined(length) => length.max(LEAST_STAND_IN),
                Length::Undefined => LEAST_STAND_IN,
            };
            value.truncate(usize::try_from(most).unwrap_or(usize::MAX));
            let vr = head.raw.vr.unwrap_or_else(|| vr_of(tag, false));
            if !value.len().is_multiple_of(2) {
                value.push(if vr.is_long() || vr == Vr(*b"UI") { 0 } else { b' ' });
            }
            let value = if head.encoding == Encoding::ExplicitBe { turned(vr, &value) } else { value };
            put_header(
                &mut self.clear,
                head.encoding,
                tag,
                head.raw.vr,
                u32::try_from(value.len()).unwrap_or(u32::MAX),
            );
            self.clear.extend_from_slice(&value);
        }
    }

    /// A value that did not say that it is items is whole.
    fn guessed(&mut self, head: &Head, value: &[u8]) -> Result<(), SealFault> {
        let open = u16::try_from(self.path.len()).unwrap_or(u16::MAX);
        let depth = self.depth.saturating_sub(open);
        if !is_items(value, depth) {
            self.sealed(head);
            self.write(To::Seal, head.bytes());
            self.write(To::Seal, value);
            return Ok(());
        }
        self.guesses += 1;
        self.open(head, Some(head.raw.tag));
        let mut scanner = Scanner::items(value.len() as u64, depth);
        let mut rest = value;
        while let Some(part) = scanner.next(&mut rest)? {
            self.part(part)?;
            if self.len() > self.limit as usize {
                return Err(SealFault::Header(self.limit));
            }
        }
        self.guesses -= 1;
        if rest.is_empty() { Ok(()) } else { Err(WalkFault::Truncated.into()) }
    }

    /// A sequence (with its tag) or an item begins, which is taken apart.
    fn open(&mut self, head: &Head, sequence: Option<Tag>) {
        let start = self.payload.len();
        self.clear.extend_from_slice(head.bytes());
        self.payload.extend_from_slice(head.bytes());
        self.path.extend(sequence);
        self.levels.push(Level::new(head, sequence.is_some(), self.clear.len(), start, self.payload.len()));
    }

    /// What began last ends.
    fn close(&mut self, delimiter: Option<&Head>) {
        let Some(level) = self.levels.pop() else { return };
        let delimiter = delimiter.map_or(&[] as &[u8], Head::bytes);
        level.mend(&mut self.clear, level.clear);
        self.clear.extend_from_slice(delimiter);
        if level.sequence {
            self.path.pop();
        }
        if level.sequence && !level.sealed {
            self.payload.truncate(level.start);
        } else {
            level.mend(&mut self.payload, level.payload);
            self.payload.extend_from_slice(delimiter);
        }
        if let Some(around) = self.levels.last_mut() {
            around.sealed |= level.sealed;
        }
    }
}

/// Whether a value is items, all the way down (PS3.5 6.2.2: implicit VR little endian, as UN has them).
fn is_items(value: &[u8], depth: u16) -> bool {
    let mut scanner = Scanner::items(value.len() as u64, depth);
    let mut rest = value;
    let mut parts = 0_u64;
    loop {
        match scanner.next(&mut rest) {
            Ok(Some(Part::Stray(_))) if scanner.open() == 0 => return false,
            Ok(Some(_)) => parts += 1,
            Ok(None) => return parts > 1 && scanner.open() == 0 && scanner.finish().is_ok(),
            Err(_) => return false,
        }
    }
}
