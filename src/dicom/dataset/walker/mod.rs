//! The walker: bytes are pushed as they come, split anywhere; every header is seen, values are skipped by counting.
//!
//! What holds for everything that passes: tags ascend at each level and none occurs twice, no element of a command or
//! file header is inside, no length runs over what holds it, everything opened is closed. In implicit VR a value is
//! known to be a sequence by its undefined length or by the dictionary; private and unknown elements of defined length
//! are skipped as values, and so is UN of defined length. Nothing inside those can matter to a decision: only the top
//! level and the title of Key Objects do.

pub(super) mod header;
mod run;
mod step;
#[cfg(test)]
mod tests;

pub(super) use step::{is_sequence, is_signed_or_not};

use super::deflate::Inflater;
use super::stack::Frame;
use super::{Vr, WalkFault};
use crate::dicom::Tag;
use crate::dicom::dimse::{Tolerance, Tolerances};
use crate::dicom::transfer_syntax::Encoding;
use smallvec::SmallVec;
use std::collections::BTreeSet;

/// What the walker allows, all counted in the data set as it is after inflating.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalkLimits {
    /// Sequences inside each other; default 64.
    pub depth: u16,
    /// Elements, items, fragments and delimiters, all together; default 16,000,000.
    pub elements: u64,
    /// Bytes of one value that a sink asks for; default 64 KiB.
    pub value: u32,
    /// Bytes of a deflated data set once inflated; default 4 GiB.
    pub inflated: u64,
    /// How many times as long a deflated data set may get; default 500. Deflate itself ends at about 1,030.
    pub inflate_ratio: u32,
    /// Inflated bytes up to which the ratio does not matter; default 64 MiB.
    pub inflate_free: u64,
}

impl Default for WalkLimits {
    fn default() -> Self {
        Self {
            depth: 64,
            elements: 16_000_000,
            value: 64 * 1024,
            inflated: 4 << 30,
            inflate_ratio: 500,
            inflate_free: 64 << 20,
        }
    }
}

/// The length of an element or item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// So many bytes.
    Defined(u32),
    /// Until a delimiter.
    Undefined,
}

/// The header of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Its tag.
    pub tag: Tag,
    /// Its VR, in explicit VR.
    pub vr: Option<Vr>,
    /// Its length.
    pub length: Length,
    /// How many sequences it is inside of; 0 at the top level.
    pub depth: u16,
    /// Where its header begins, in bytes from the beginning of the (inflated) data set.
    pub offset: u64,
    /// How it is written: byte order of binary values, and how to read what is inside.
    pub encoding: Encoding,
}

/// What a sink wants of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Nothing more.
    Skip,
    /// Its value, whole; at most [`WalkLimits::value`]. Sequences and undefined lengths have none.
    Value,
}

/// Why a sink refuses what it was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{tag} {reason}")]
pub struct SinkFault {
    /// The element.
    pub tag: Tag,
    /// What is wrong with it, as the rest of a sentence: "is no UID".
    pub reason: &'static str,
    /// The tolerance that would let it pass.
    pub tolerance: Option<Tolerance>,
}

/// Who is told of what the walker finds.
pub trait Sink {
    /// An element's header.
    ///
    /// # Errors
    /// Whatever the sink refuses ends the walk.
    fn element(&mut self, header: &Header) -> Result<Want, SinkFault>;

    /// The whole value that was asked for.
    ///
    /// # Errors
    /// Whatever the sink refuses ends the walk.
    fn value(&mut self, _header: &Header, _value: &[u8]) -> Result<(), SinkFault> {
        Ok(())
    }

    /// An item of a sequence begins; elements inside have that depth.
    fn item(&mut self, _sequence: Tag, _depth: u16) {}

    /// A sequence, or encapsulated pixel data, ends; it stood at that depth.
    fn sequence_end(&mut self, _sequence: Tag, _depth: u16) {}
}

/// A sink that wants nothing: for walks that only check.
impl Sink for () {
    fn element(&mut self, _header: &Header) -> Result<Want, SinkFault> {
        Ok(Want::Skip)
    }
}

/// Walks one data set.
pub struct Walker {
    core: Core,
    inflater: Option<Box<Inflater>>,
    over: bool,
}

impl Walker {
    /// Before the first byte of a data set.
    pub fn new(encoding: Encoding, limits: WalkLimits, tolerances: Tolerances) -> Self {
        let (inner, inflater) = match encoding {
            Encoding::Deflated => (Encoding::ExplicitLe, Some(Box::new(Inflater::new()))),
            plain => (plain, None),
        };
        Self { core: Core::new(inner, limits, tolerances), inflater, over: false }
    }

    /// Takes the next bytes, as many as there are. While a long value passes this costs one comparison.
    ///
    /// # Errors
    /// The first fault; after it every further push is refused too.
    pub fn push(&mut self, bytes: &[u8], sink: &mut impl Sink) -> Result<(), WalkFault> {
        if self.over {
            return Err(WalkFault::Over);
        }
        let outcome = match &mut self.inflater {
            None => self.core.push(bytes, sink),
            Some(inflater) => {
                let limits = self.core.limits;
                let trailer = self.core.tolerances.has(Tolerance::Trailing);
                inflater.push(bytes, &limits, trailer, |plain| self.core.push(plain, sink))
            }
        };
        self.over = outcome.is_err();
        outcome
    }

    /// The data set is over.
    ///
    /// # Errors
    /// It may not end here, or a fault came before.
    pub fn finish(&mut self) -> Result<(), WalkFault> {
        if std::mem::replace(&mut self.over, true) {
            return Err(WalkFault::Over);
        }
        if self.inflater.as_ref().is_some_and(|inflater| !inflater.ended()) {
            return Err(WalkFault::Truncated);
        }
        self.core.finish()
    }

    /// Bytes walked so far, of the inflated data set.
    pub const fn position(&self) -> u64 {
        self.core.position
    }
}

/// The walk over plain bytes.
struct Core {
    limits: WalkLimits,
    tolerances: Tolerances,
    position: u64,
    /// Bytes of a value still to come.
    rest: u32,
    /// The header whose value is being gathered, and what there is of it.
    wanted: Option<Header>,
    value: Vec<u8>,
    /// The beginning of a header that a push ended in.
    partial: [u8; 12],
    partial_length: usize,
    stack: SmallVec<[Frame; 4]>,
    elements: u64,
    /// Only zero bytes may follow.
    trailing: bool,
    /// Top-level tags so far; kept only where they need not ascend.
    seen: BTreeSet<Tag>,
}

impl Core {
    fn new(encoding: Encoding, limits: WalkLimits, tolerances: Tolerances) -> Self {
        Self {
            limits,
            tolerances,
            position: 0,
            rest: 0,
            wanted: None,
            value: Vec::new(),
            partial: [0; 12],
            partial_length: 0,
            stack: SmallVec::from_slice(&[Frame::bottom(encoding)]),
            elements: 0,
            trailing: false,
            seen: BTreeSet::new(),
        }
    }
}
