//! One data set out of two: what stayed in clear as the archive sends it now, and what was sealed, in the order of their tags.
//!
//! What sealing put there goes, unless it was sealed with another value; group lengths go. What was sealed wins over what
//! stands there now; sequences of which a part was sealed become one (`merge`). What is always sealed comes from the seal
//! alone: an overlay or a table of greys that somebody put into the clear part goes, and is told of.

use super::emit::Emit;
use super::merge::{MergeFault, sequences, stripped};
use super::payload::{Sealed, Whole, is_whole};
use super::{OpenFault, OpenOptions};
use crate::dicom::Tag;
use crate::dicom::dataset::Vr;
use crate::transform::flow::Flow;
use crate::transform::scan::{Head, Holds};
use crate::vault::family::Family;
use std::collections::VecDeque;

/// Values behind the seal up to so many bytes are taken whole.
const SMALL: u32 = 1 << 20;
/// So many tags of what was added are told.
const MOST_ADDED: usize = 16;
const PIXEL_REPRESENTATION: Tag = Tag(0x0028, 0x0103);

/// Composes one object.
pub(super) struct Compose {
    pub(super) emit: Emit,
    options: OpenOptions,
    /// The element that carries the seal: nothing in clear is known of what stands behind it while sealed elements come.
    carrier: Tag,
    /// In clear, before the carrier.
    clear: VecDeque<Whole>,
    /// Sealed, behind the carrier.
    later: VecDeque<Whole>,
    /// Bytes of `later`.
    held: usize,
    /// What passes: where it goes.
    passing: Passing,
    /// Sequences with other items than when they were sealed.
    moved: Vec<Tag>,
    /// What stood in clear and is always sealed; sequences in which that was so.
    added: Vec<Tag>,
}

/// Where the bytes of the element go that comes in parts.
enum Passing {
    Out,
    Nowhere,
    /// To be whole.
    Gathered(Whole),
}

impl Compose {
    pub(super) fn new(emit: Emit, options: OpenOptions, carrier: Tag, mut clear: VecDeque<Whole>) -> Self {
        // Twins are looked for at the front, and an archive may have put nothing in order (tolerance `order`).
        clear.make_contiguous().sort_by_key(Whole::tag);
        let (later, moved, added) = (VecDeque::new(), Vec::new(), Vec::new());
        Self { emit, options, carrier, clear, later, held: 0, passing: Passing::Nowhere, moved, added }
    }

    /// Sequences with other items than when they were sealed.
    pub(super) fn moved(&self) -> &[Tag] {
        &self.moved
    }

    /// What only the archive can have put there, and was left out: tags of the top level, the first 16.
    pub(super) fn added(&self) -> &[Tag] {
        &self.added
    }

    /// Something sealed comes.
    pub(super) fn sealed(&mut self, sealed: Sealed, out: &mut Flow) -> Result<(), OpenFault> {
        match sealed {
            Sealed::Whole(whole) if whole.tag() > self.carrier => self.hold(whole),
            Sealed::Whole(whole) => {
                self.clear_before(whole.tag(), out)?;
                let twin = pop_if(&mut self.clear, |twin| twin.tag() == whole.tag());
                self.both(twin.as_ref(), &whole, out)
            }
            Sealed::Begin(head) if head.raw.tag > self.carrier || has_twin_with_items(&self.clear, head.raw.tag) => {
                let whole = Whole { head, holds: Holds::Value, bytes: head.bytes().to_vec() };
                self.passing = Passing::Gathered(whole);
                Ok(())
            }
            Sealed::Begin(head) => {
                self.clear_before(head.raw.tag, out)?;
                if pop_if(&mut self.clear, |twin| twin.tag() == head.raw.tag).is_some() {
                    self.left_out(head.raw.tag);
                }
                self.passing = Passing::Out;
                self.emit.sealed(head.bytes(), out)
            }
            Sealed::More(bytes) => match &mut self.passing {
                Passing::Out => self.emit.sealed_bytes(bytes, out),
                Passing::Nowhere => Ok(()),
                Passing::Gathered(whole) => {
                    whole.bytes.extend_from_slice(&bytes);
                    within(self.held + whole.bytes.len(), self.options.header)
                }
            },
            Sealed::End => match std::mem::replace(&mut self.passing, Passing::Nowhere) {
                Passing::Gathered(whole) => self.sealed(Sealed::Whole(whole), out),
                Passing::Out | Passing::Nowhere => Ok(()),
            },
        }
    }

    /// The carrier is over, and all of the seal verified.
    pub(super) fn carried(&mut self, out: &mut Flow) -> Result<(), OpenFault> {
        while let Some(whole) = self.clear.pop_front() {
            self.alone(&whole, out)?;
        }
        self.emit.verified(out);
        Ok(())
    }

    /// An element in clear begins behind the carrier.
    pub(super) fn begin(&mut self, head: Head, holds: Holds, out: &mut Flow) -> Result<(), OpenFault> {
        let tag = head.raw.tag;
        self.passing = if goes(tag) {
            self.left_out(tag);
            Passing::Nowhere
        } else if is_whole(&head, holds, SMALL) || has_twin_with_items(&self.later, tag) {
            Passing::Gathered(Whole { head, holds, bytes: head.bytes().to_vec() })
        } else {
            self.later_before(tag, out)?;
            match pop_if(&mut self.later, |twin| twin.tag() == tag) {
                Some(twin) => {
                    self.both(None, &twin, out)?;
                    Passing::Nowhere
                }
                None => {
                    self.emit.clear(head.bytes(), out)?;
                    Passing::Out
                }
            }
        };
        Ok(())
    }

    /// More of it.
    pub(super) fn more(&mut self, bytes: &[u8], out: &mut Flow) -> Result<(), OpenFault> {
        match &mut self.passing {
            Passing::Out => self.emit.clear(bytes, out),
            Passing::Nowhere => Ok(()),
            Passing::Gathered(whole) => {
                whole.bytes.extend_from_slice(bytes);
                // As the archive writes it, which may be longer than sealing did.
                within(whole.bytes.len() / 2, self.options.header)
            }
        }
    }

    /// It is over.
    pub(super) fn end(&mut self, out: &mut Flow) -> Result<(), OpenFault> {
        let Passing::Gathered(whole) = std::mem::replace(&mut self.passing, Passing::Nowhere) else { return Ok(()) };
        self.later_before(whole.tag(), out)?;
        match pop_if(&mut self.later, |twin| twin.tag() == whole.tag()) {
            Some(twin) => self.both(Some(&whole), &twin, out),
            None => self.alone(&whole, out),
        }
    }

    /// All of it has come; how many bytes it has.
    pub(super) fn finish(&mut self, out: &mut Flow) -> Result<u64, OpenFault> {
        while let Some(whole) = self.later.pop_front() {
            self.both(None, &whole, out)?;
        }
        Ok(self.emit.finish(out))
    }

    fn hold(&mut self, whole: Whole) -> Result<(), OpenFault> {
        self.held += whole.bytes.len();
        self.later.push_back(whole);
        within(self.held, self.options.header)
    }

    fn clear_before(&mut self, tag: Tag, out: &mut Flow) -> Result<(), OpenFault> {
        while let Some(whole) = pop_if(&mut self.clear, |whole| whole.tag() < tag) {
            self.alone(&whole, out)?;
        }
        Ok(())
    }

    fn later_before(&mut self, tag: Tag, out: &mut Flow) -> Result<(), OpenFault> {
        while let Some(whole) = pop_if(&mut self.later, |whole| whole.tag() < tag) {
            self.both(None, &whole, out)?;
        }
        Ok(())
    }

    /// An element in clear of which nothing was sealed.
    fn alone(&mut self, whole: &Whole, out: &mut Flow) -> Result<(), OpenFault> {
        if goes(whole.tag()) {
            self.left_out(whole.tag());
            return Ok(());
        }
        if has_items(whole) && Family::is_looked_into(whole.tag()) {
            let mut ours = Vec::new();
            self.emit.turn_clear(&whole.bytes, &mut ours)?;
            if let Some(rest) = stripped(&ours, self.emit.encoding(), self.options.depth)? {
                self.add(whole.tag());
                self.emit.put(&rest, out);
                return Ok(());
            }
        }
        self.emit.clear(&whole.bytes, out)
    }

    /// An element in clear goes. What sealing puts there itself tells nothing.
    fn left_out(&mut self, tag: Tag) {
        if tag.element() != 0 && !Family::is_replacement(tag) && Family::is_always_sealed(tag, false) {
            self.add(tag);
        }
    }

    fn add(&mut self, tag: Tag) {
        if self.added.len() < MOST_ADDED && !self.added.contains(&tag) {
            self.added.push(tag);
        }
    }

    /// A sealed element, and what stands there in clear.
    fn both(&mut self, clear: Option<&Whole>, sealed: &Whole, out: &mut Flow) -> Result<(), OpenFault> {
        let tag = sealed.tag();
        if tag.element() == 0 {
            return Ok(());
        }
        if tag == PIXEL_REPRESENTATION {
            self.emit.set_signed(sealed.value().iter().any(|byte| *byte != 0));
        }
        let parts = |clear: &&Whole| !goes(tag) && has_items(clear) && has_items(sealed);
        let Some(clear) = clear.filter(parts) else {
            if clear.is_some() {
                self.left_out(tag);
            }
            return self.emit.sealed(&sealed.bytes, out);
        };
        let (mut ours, mut theirs, mut merged) = (Vec::new(), Vec::new(), Vec::new());
        self.emit.turn_clear(&clear.bytes, &mut ours)?;
        self.emit.turn_sealed(&sealed.bytes, &mut theirs)?;
        let found = sequences(&ours, &theirs, self.emit.encoding(), self.options.depth, &mut merged);
        let found = found.map_err(|fault| match fault {
            MergeFault::Walk(fault) => OpenFault::Walk(fault),
            MergeFault::Items(tag) => OpenFault::Items(tag),
        })?;
        if found.moved {
            self.moved.push(tag);
        }
        if found.added > 0 {
            self.add(tag);
        }
        self.emit.put(&merged, out);
        Ok(())
    }
}

/// The first, if it is the one that is looked for.
fn pop_if(from: &mut VecDeque<Whole>, fits: impl FnOnce(&Whole) -> bool) -> Option<Whole> {
    if from.front().is_some_and(fits) { from.pop_front() } else { None }
}

/// Whether a sequence of this tag waits, which becomes one with the other half of it: also where that looks like a value.
fn has_twin_with_items(among: &VecDeque<Whole>, tag: Tag) -> bool {
    among.iter().any(|twin| twin.tag() == tag && has_items(twin))
}

/// Whether something is a sequence with items. One that nobody knows may look like a value: UN, or implicit VR.
fn has_items(whole: &Whole) -> bool {
    let value = whole.value();
    let little = value.starts_with(&[0xfe, 0xff, 0x00, 0xe0]);
    match (whole.holds, whole.head.raw.vr) {
        (Holds::Items, _) => little || value.starts_with(&[0xff, 0xfe, 0xe0, 0x00]),
        (Holds::Value, None | Some(Vr::UN)) => little,
        (Holds::Value | Holds::Fragments, _) => false,
    }
}

/// What sealing put there, what no longer is true, and what only the archive can have put there.
fn goes(tag: Tag) -> bool {
    tag.element() == 0 || Family::is_replacement(tag) || Family::is_always_sealed(tag, false)
}

fn within(held: usize, limit: u32) -> Result<(), OpenFault> {
    if held > limit as usize { Err(OpenFault::Held(limit)) } else { Ok(()) }
}
