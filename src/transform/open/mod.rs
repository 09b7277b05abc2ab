//! Opens a sealed object as it passes: the seal is authenticated segment by segment, and only what was sealed is put back.
//!
//! No unauthenticated byte comes out, and a faulty object never comes to its end. A plain object comes out byte for byte.
//! Pure: keys come as an argument; whether this seal may be opened, by whom, and whether it is the one that the ledger
//! expects is decided by who asks, between [`Open::found`] and [`Open::deliver`]. It never decodes an image.
//!
//! How it is driven: [`Open::push`] until [`Open::found`] says what it is; nothing comes out before [`Open::deliver`] or
//! [`Open::pass`]. Then further pushes, and [`Open::finish`]. A small object is only known when all of it is in:
//! [`Open::finish`] then says [`Finished::Undecided`], and is called again behind the decision.

mod compose;
mod emit;
mod fault;
mod identity;
pub(super) mod items;
mod looking;
mod merge;
mod opening;
mod order;
mod payload;
pub(super) mod probe;
pub(super) mod split;
#[cfg(test)]
mod tests;

pub use fault::OpenFault;
pub use order::{As, Finished, Found, Inner, OpenOptions, OpenOrder, Opened};

use crate::dicom::dataset::{Inflater, WalkFault, WalkLimits};
use crate::dicom::transfer_syntax::Encoding;
use crate::transform::flow::Flow;
use crate::vault::family::{Family, Treatment};
use looking::{Looked, Looking};
use opening::Opening;
use split::Split;

/// Opens one object, or lets it pass.
pub struct Open {
    order: OpenOrder,
    found: Option<Found>,
    decision: Option<Decision>,
    split: Split,
    /// Of a deflated data set.
    inflater: Option<Inflater>,
    phase: Phase,
    /// Taken and not looked at: what it is must be decided first.
    pending: Vec<u8>,
    /// A deflated data set as it came, until it is decided.
    stream: Vec<u8>,
}

/// How the object goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    Pass,
    Deliver(As),
}

enum Phase {
    /// For a seal.
    Looking(Box<Looking>),
    /// What is found waits for a decision; these bytes of a plain object are to pass first.
    Plain(Vec<u8>),
    Opening(Box<Opening>),
    /// Everything passes.
    Passing,
    /// There was a fault, or it is at its end.
    Over,
}

impl Open {
    /// Before the first byte of the data set.
    pub fn new(order: OpenOrder) -> Self {
        let depth = order.options.depth;
        let split = Split::new(emit::plain(order.from), depth);
        let inflater = (order.from == Encoding::Deflated).then(Inflater::new);
        // Of these no gateway ever sealed one.
        let never = matches!(Family::of(&order.sop_class), Treatment::Never(_));
        let (found, phase) = match never {
            true => (Some(Found::Plain), Phase::Plain(Vec::new())),
            false => (None, Phase::Looking(Box::new(Looking::new(order.options)))),
        };
        let (pending, stream) = (Vec::new(), Vec::new());
        Self { order, found, decision: None, split, inflater, phase, pending, stream }
    }

    /// What it is, once that is known. For a sealed one the first segment is authenticated, and the identity checked.
    pub const fn found(&self) -> Option<&Found> {
        self.found.as_ref()
    }

    /// It is to come out opened. What waits comes out with the next push, which may be an empty one, or with the end.
    ///
    /// # Errors
    /// It is not sealed, or cannot be written so; nothing is decided then.
    pub fn deliver(&mut self, how: As) -> Result<(), OpenFault> {
        match (&mut self.phase, self.decision) {
            (Phase::Opening(opening), None) if self.found.is_some() => {
                opening.decide(how, emit::plain(self.order.from))?;
                (self.decision, self.stream) = (Some(Decision::Deliver(how)), Vec::new());
                Ok(())
            }
            (Phase::Plain(_), None) => Err(OpenFault::NotSealed),
            _ => Err(OpenFault::Undecided),
        }
    }

    /// It is to come out as the archive sends it: a plain object, or a seal for who keeps seals.
    ///
    /// # Errors
    /// It is not known yet what it is, or something else was decided.
    pub fn pass(&mut self) -> Result<(), OpenFault> {
        if self.found.is_none() || self.decision.is_some() {
            return Err(OpenFault::Undecided);
        }
        self.decision = Some(Decision::Pass);
        Ok(())
    }

    /// Whether a seal has begun in it: also before anything of that is authenticated.
    pub const fn looks_sealed(&self) -> bool {
        matches!(self.phase, Phase::Opening(_))
    }

    /// Whether all that it held has gone, and everything else would come out as it goes in.
    pub const fn is_passing(&self) -> bool {
        matches!(self.phase, Phase::Passing)
    }

    /// Takes the next bytes of the data set as the archive sends it; what may go is appended.
    ///
    /// # Errors
    /// The first fault. Nothing more comes out; what is kept ([`Flow::keep`]) is thrown away, and the object that goes out
    /// must not come to its end.
    pub fn push(&mut self, bytes: &[u8], out: &mut Flow) -> Result<(), OpenFault> {
        let outcome = self.take(bytes, out);
        if outcome.is_err() {
            self.phase = Phase::Over;
        }
        outcome
    }

    /// The data set is over: the rest comes out.
    ///
    /// # Errors
    /// It may not end here.
    pub fn finish(&mut self, out: &mut Flow) -> Result<Finished, OpenFault> {
        let outcome = self.end(out);
        if !matches!(outcome, Ok(Finished::Undecided)) {
            self.phase = Phase::Over;
        }
        outcome
    }

    fn take(&mut self, bytes: &[u8], out: &mut Flow) -> Result<(), OpenFault> {
        if matches!(self.phase, Phase::Over) {
            return Err(OpenFault::Over);
        }
        self.passed(out);
        if matches!(self.phase, Phase::Passing) {
            out.go(bytes.to_vec());
            return Ok(());
        }
        let waits = self.waits();
        match &mut self.inflater {
            None if self.pending.is_empty() && !waits => {
                let mut input = bytes;
                self.run(&mut input, out)?;
                self.pending.extend_from_slice(input);
            }
            None => self.pending.extend_from_slice(bytes),
            Some(inflater) => {
                if self.decision.is_none() {
                    self.stream.extend_from_slice(bytes);
                }
                let pending = &mut self.pending;
                let inflated = inflater.push(bytes, &WalkLimits::default(), true, |plain| {
                    pending.extend_from_slice(plain);
                    Ok(())
                });
                inflated.map_err(|fault: WalkFault| OpenFault::Walk(fault))?;
            }
        }
        self.catch_up(out)?;
        let most = self.order.options.header as usize;
        if self.waits() && self.pending.len().max(self.stream.len()) > most.saturating_mul(2) {
            return Err(OpenFault::Held(self.order.options.header));
        }
        if let Phase::Opening(opening) = &mut self.phase {
            opening.flush(out);
        }
        Ok(())
    }

    /// What has to wait for the decision: nothing is looked at any more.
    const fn waits(&self) -> bool {
        self.found.is_some() && self.decision.is_none()
    }

    /// What was taken before the decision is looked at behind it.
    fn catch_up(&mut self, out: &mut Flow) -> Result<(), OpenFault> {
        // Also where no byte waits, the end of what carries the seal may.
        if !self.waits() {
            let pending = std::mem::take(&mut self.pending);
            let mut input = pending.as_slice();
            self.run(&mut input, out)?;
            self.pending = input.to_vec();
        }
        Ok(())
    }

    /// If it was decided that everything passes: what was held goes.
    fn passed(&mut self, out: &mut Flow) {
        if self.decision != Some(Decision::Pass) || matches!(self.phase, Phase::Passing) {
            return;
        }
        let (stream, pending) = (std::mem::take(&mut self.stream), std::mem::take(&mut self.pending));
        let held = match std::mem::replace(&mut self.phase, Phase::Passing) {
            Phase::Plain(held) => held,
            Phase::Opening(opening) => opening.into_held(),
            Phase::Looking(_) | Phase::Passing | Phase::Over => Vec::new(),
        };
        if self.inflater.take().is_some() {
            out.go(stream);
        } else {
            out.go(held);
            out.go(pending);
        }
    }

    fn run(&mut self, input: &mut &[u8], out: &mut Flow) -> Result<(), OpenFault> {
        while !self.waits() {
            match &mut self.phase {
                Phase::Looking(looking) => match looking.run(&mut self.split, input)? {
                    Looked::More => return Ok(()),
                    Looked::Plain => self.plain(),
                    Looked::Seal(carried) => {
                        let Phase::Looking(looking) = std::mem::replace(&mut self.phase, Phase::Over) else {
                            return Err(OpenFault::Over);
                        };
                        self.phase = Phase::Opening(Box::new(Opening::new(&self.order, *looking, carried)?));
                    }
                },
                Phase::Opening(opening) => {
                    if self.found.is_none()
                        && let Some(inner) = opening.found(&self.order)?
                    {
                        self.found = Some(Found::Sealed(Box::new(inner)));
                        continue;
                    }
                    if !opening.run(&mut self.split, input, out)? {
                        return Ok(());
                    }
                }
                Phase::Plain(_) | Phase::Passing => return Ok(()),
                Phase::Over => return Err(OpenFault::Over),
            }
        }
        Ok(())
    }

    /// There is no seal.
    fn plain(&mut self) {
        self.found = Some(Found::Plain);
        let held = match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Looking(looking) => looking.into_held(),
            _ => Vec::new(),
        };
        self.phase = Phase::Plain(held);
    }

    fn end(&mut self, out: &mut Flow) -> Result<Finished, OpenFault> {
        if matches!(self.phase, Phase::Over) {
            return Err(OpenFault::Over);
        }
        self.catch_up(out)?;
        if matches!(self.phase, Phase::Looking(_)) {
            self.whole()?;
            self.plain();
        }
        self.passed(out);
        match &self.phase {
            Phase::Passing => return Ok(Finished::Passed),
            _ if self.waits() => return Ok(Finished::Undecided),
            Phase::Opening(_) => {}
            Phase::Looking(_) | Phase::Plain(_) | Phase::Over => return Err(OpenFault::Undecided),
        }
        self.whole()?;
        match &mut self.phase {
            Phase::Opening(opening) => Ok(Finished::Opened(opening.finish(out)?)),
            _ => Err(OpenFault::Over),
        }
    }

    /// Whether the archive's data set may end here.
    fn whole(&self) -> Result<(), OpenFault> {
        if self.inflater.as_ref().is_some_and(|inflater| !inflater.ended()) {
            return Err(WalkFault::Truncated.into());
        }
        Ok(self.split.finish()?)
    }
}

/// Holds what a patient is called, and images.
impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open").field("found", &self.found).field("decision", &self.decision).finish_non_exhaustive()
    }
}
