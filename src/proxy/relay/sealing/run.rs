//! The sealing itself, with what came of it.

use crate::transform::flow::Flow;
use crate::transform::seal::{Begun, Outcome, Seal, SealFault};

/// Seals, and remembers what was sealed.
#[derive(Debug)]
pub(in super::super) struct SealRun {
    seal: Seal,
    outcome: Option<Outcome>,
}

impl SealRun {
    /// Before the first byte.
    pub(in super::super) const fn new(seal: Seal) -> Self {
        Self { seal, outcome: None }
    }

    /// See [`Seal::push`].
    pub(in super::super) fn push(&mut self, bytes: &[u8], flow: &mut Flow) -> Result<(), SealFault> {
        self.seal.push(bytes, flow)
    }

    /// See [`Seal::finish`].
    pub(in super::super) fn finish(&mut self, flow: &mut Flow) -> Result<(), SealFault> {
        self.outcome = Some(self.seal.finish(flow)?);
        Ok(())
    }

    /// See [`Seal::begun`].
    pub(in super::super) fn begun(&self) -> Option<&Begun> {
        self.seal.begun()
    }

    /// What came of it, once it is over.
    pub(in super::super) const fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }
}
