//! The sealing itself, with what came of it.

use crate::transform::flow::Flow;
use crate::transform::same::Same;
use crate::transform::seal::{Begun, Outcome, Seal, SealFault};

/// Seals, and remembers what was sealed.
#[derive(Debug)]
pub(in super::super) struct SealRun {
    seal: Seal,
    outcome: Option<Outcome>,
    /// Looks at what comes, if it is to be compared.
    looks: Option<Same>,
    same: Option<[u8; 32]>,
}

impl SealRun {
    /// Before the first byte.
    pub(in super::super) const fn new(seal: Seal) -> Self {
        Self { seal, outcome: None, looks: None, same: None }
    }

    /// The same, and looks at what it says.
    pub(in super::super) fn comparing(seal: Seal, looks: Option<Same>) -> Self {
        Self { looks, ..Self::new(seal) }
    }

    /// See [`Seal::push`].
    pub(in super::super) fn push(&mut self, bytes: &[u8], flow: &mut Flow) -> Result<(), SealFault> {
        if self.looks.as_mut().is_some_and(|same| same.push(bytes).is_err()) {
            self.looks = None;
        }
        self.seal.push(bytes, flow)
    }

    /// See [`Seal::finish`].
    pub(in super::super) fn finish(&mut self, flow: &mut Flow) -> Result<(), SealFault> {
        self.outcome = Some(self.seal.finish(flow)?);
        self.same = self.looks.take().and_then(|same| same.finish().ok());
        Ok(())
    }

    /// What it says, once it is over, if that was looked at.
    pub(in super::super) const fn same(&self) -> Option<[u8; 32]> {
        self.same
    }

    /// See [`Seal::begun`]; known for good once it is over.
    pub(in super::super) fn begun(&self) -> Option<&Begun> {
        match &self.outcome {
            Some(Outcome::Sealed(sealed)) => Some(&sealed.begun),
            Some(Outcome::Nothing | Outcome::Already) => None,
            None => self.seal.begun(),
        }
    }

    /// See [`Seal::passes`].
    pub(in super::super) const fn passes(&self) -> bool {
        self.seal.passes()
    }

    /// What came of it, once it is over.
    pub(in super::super) const fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }
}
