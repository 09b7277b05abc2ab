//! Messages whose data set goes on changed: the command is written anew, the data set's bytes go through a streaming
//! transform and are cut into fragments again.
//!
//! As with what goes on as it came: no byte leaves before it has been looked at, the last fragment only after all of the
//! data set has; what waits here is less than one PDU of the receiver. Where it goes and with which command may be decided
//! after the transform has seen some of it: until then nothing leaves. What a transform keeps goes into a spool, and is
//! played back as the receiver takes it; its sender is not read meanwhile.

mod cutter;
mod decode;
mod drive;

pub(super) use drive::Spooled;

use super::opening::{Pipe, PipeFault};
use super::sealing::SealRun;
use crate::dicom::dimse::Command;
use crate::proxy::vault::decode::DecodeFault;
use crate::spool::{Spool, SpoolFault, Spools};
use crate::transform::flow::Flow;
use crate::transform::hide::{Hide, HideFault};
use crate::transform::seal::SealFault;
use bytes::Bytes;
use cutter::Cutter;
use decode::{Before, Behind};
use std::sync::Arc;

/// What is done to the bytes of a data set.
#[derive(Debug)]
pub(super) enum Transform {
    /// Attributes are taken out.
    Hide(Box<Hide>),
    /// It is looked into for a seal, and opened.
    Open(Box<Pipe>),
    /// It is sealed.
    Seal(Box<SealRun>),
}

/// Why a data set cannot go on changed.
#[derive(Debug, thiserror::Error)]
pub(super) enum TransformFault {
    /// Its sender wrote it so that nothing can be taken out of it.
    #[error(transparent)]
    Hide(#[from] HideFault),
    /// What an archive sends does not open, or cannot be written for its receiver.
    #[error(transparent)]
    Open(#[from] PipeFault),
    /// What the caller sends cannot be sealed.
    #[error(transparent)]
    Seal(#[from] SealFault),
    /// It is over, and nobody has said where it goes.
    #[error("where it goes did not become known")]
    Nowhere,
    /// Its image is not decoded.
    #[error(transparent)]
    Decode(#[from] DecodeFault),
    /// What must be kept of it cannot be.
    #[error(transparent)]
    Spool(#[from] SpoolFault),
}

impl Transform {
    fn push(&mut self, bytes: &Bytes, flow: &mut Flow) -> Result<(), TransformFault> {
        match self {
            Self::Hide(hide) => {
                let mut out = Vec::new();
                hide.push(bytes, &mut out)?;
                flow.go(out);
                Ok(())
            }
            Self::Open(pipe) => Ok(pipe.push(bytes, flow)?),
            Self::Seal(run) => Ok(run.push(bytes, flow)?),
        }
    }

    fn finish(&mut self, flow: &mut Flow) -> Result<(), TransformFault> {
        match self {
            Self::Hide(hide) => {
                let mut out = Vec::new();
                hide.finish(&mut out)?;
                flow.go(out);
                Ok(())
            }
            Self::Open(pipe) => Ok(pipe.finish(flow)?),
            Self::Seal(run) => Ok(run.finish(flow)?),
        }
    }
}

/// A data set that goes on changed.
#[derive(Debug)]
pub(super) struct Rewrite {
    transform: Transform,
    flow: Flow,
    /// Whereto, once that is known.
    cutter: Option<Cutter>,
    spools: Arc<Spools>,
    /// What is kept; `None`: nothing, or it is being written or read.
    spool: Option<Box<Spool>>,
    /// Where it comes compressed, and may be what carries a seal.
    before: Option<Box<Before>>,
    /// It came so, and does.
    unpacked: bool,
    /// It came compressed, and no worker could tell whether it carries a seal.
    undecoded: bool,
    /// Where its image goes on decoded.
    behind: Option<Box<Behind>>,
    /// Something is being written, read or decoded.
    away: bool,
    /// What is kept goes on.
    playing: bool,
    /// All of the data set has come.
    over: bool,
    /// Where it goes becomes known only when all of it has come.
    compared: bool,
}

impl Rewrite {
    /// Of which nothing goes before [`Rewrite::begin`].
    pub(super) fn new(transform: Transform, spools: Arc<Spools>) -> Self {
        let (flow, cutter, spool) = (Flow::default(), None, None);
        let (before, behind, unpacked, undecoded) = (None, None, false, false);
        let (away, playing, over, compared) = (false, false, false, false);
        Self {
            transform,
            flow,
            cutter,
            spools,
            spool,
            before,
            unpacked,
            undecoded,
            behind,
            away,
            playing,
            over,
            compared,
        }
    }

    /// Where it goes, and whether at all, becomes known only when all of it has come.
    pub(super) const fn wait_for_end(&mut self) {
        self.compared = true;
    }

    /// Whether that is still to become known.
    pub(super) const fn waits_for_end(&self) -> bool {
        self.compared && self.cutter.is_none()
    }

    /// It goes on with this command, on this context, to a receiver that takes P-DATA-TFs of at most `longest` bytes (0:
    /// of any length). The command goes with the first byte of the data set.
    pub(super) fn begin(&mut self, context: u8, command: &Command, longest: u32) {
        self.cutter = Some(Cutter::new(context, command, longest));
    }

    /// Whether it is not known yet where it goes.
    pub(super) const fn is_headless(&self) -> bool {
        self.cutter.is_none()
    }

    /// Whether it has nothing to say yet.
    pub(super) fn is_quiet(&self) -> bool {
        !self.over && self.flow.is_empty() && self.spool.is_none()
    }

    /// Whether anything of it has gone: it can no longer be refused.
    pub(super) fn has_begun(&self) -> bool {
        self.cutter.as_ref().is_some_and(Cutter::has_begun)
    }

    /// Whether nothing more may come of its sender before something has gone.
    pub(super) fn is_busy(&self) -> bool {
        self.playing
            || self.over
            || self.away
            || self.before.as_ref().is_some_and(|before| before.has_work())
            || self.behind.as_ref().is_some_and(|behind| behind.has_work())
    }

    /// Whether all of the data set has come.
    pub(super) const fn is_over(&self) -> bool {
        self.over
    }

    /// What is done to the bytes.
    pub(super) const fn transform(&self) -> &Transform {
        &self.transform
    }

    /// The same, to tell it what has become known.
    pub(super) const fn transform_mut(&mut self) -> (&mut Transform, &mut Flow) {
        (&mut self.transform, &mut self.flow)
    }

    /// Takes the next bytes. What comes of it goes by [`Rewrite::drive`].
    pub(super) fn push(&mut self, bytes: &Bytes) -> Result<(), TransformFault> {
        match &mut self.before {
            Some(before) => {
                before.push(bytes);
                Ok(())
            }
            None => self.transform.push(bytes, &mut self.flow),
        }
    }

    /// The data set is over. What comes of it goes by [`Rewrite::drive`].
    pub(super) fn finish(&mut self) -> Result<(), TransformFault> {
        self.over = true;
        // What is still to be decoded is not through the transform yet.
        if self.before.is_some() {
            return Ok(());
        }
        self.transform.finish(&mut self.flow)
    }
}

#[cfg(test)]
mod tests;
