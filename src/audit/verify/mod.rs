//! Verification: links, hashes, numbers, files, checkpoints; up to where the log is proven, and what cannot be known.
//!
//! Without the seed a good signature says that the gateway's key signed it, which somebody who held the machine could
//! do too. With the seed, what was rewritten and signed anew shows. What lies behind the last checkpoint is tied to
//! nothing outside the log.

mod fault;
mod folder;
mod verifier;

pub use fault::{Fault, FaultKind};
pub use folder::{VerifyFault, advice, verify};
pub use verifier::Verifier;

use crate::audit::chain::Head;
use crate::audit::keys::RatchetState;
use crate::audit::ratchet::Seed;

/// Faults that are listed; further ones are counted.
pub const LISTED: usize = 100;

/// What is known from elsewhere.
#[derive(Debug, Default)]
pub struct Expectations {
    /// The auditor's seed.
    pub seed: Option<Seed>,
    /// A head that a witness outside the machine remembers.
    pub anchor: Option<Head>,
    /// The gateway's public key, noted at the first start.
    pub public_key: Option<[u8; 32]>,
    /// What the ratchet file says, where the state folder is at hand. To be read before the log.
    pub ratchet: Option<RatchetState>,
    /// The oldest files are kept elsewhere: that the log does not begin with record 1 is no fault.
    pub partial: bool,
}

/// What proves the log, up to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// The gateway's signature alone.
    Signature,
    /// Signature and MAC.
    Mac,
}

/// The outcome.
#[derive(Debug)]
pub struct Report {
    /// Files read.
    pub files: u64,
    /// Records read.
    pub records: u64,
    /// First record found.
    pub first: u64,
    /// Last record found.
    pub last: Head,
    /// Up to which record the log is proven, and by what. Nothing behind the first fault is ever proven.
    pub proven: Option<(u64, Proof)>,
    /// The anchor was found.
    pub anchored: Option<u64>,
    /// The gateway's public key, as the log itself states it.
    pub public_key: Option<[u8; 32]>,
    /// What is wrong, oldest first.
    pub faults: Vec<Fault>,
    /// Faults beyond those listed.
    pub more_faults: u64,
    /// What is not wrong and worth knowing.
    pub notes: Vec<String>,
}

impl Report {
    /// No fault, and a checkpoint or anchor holds.
    pub fn is_proven(&self) -> bool {
        self.faults.is_empty() && (self.proven.is_some() || self.anchored.is_some())
    }

    /// The last record that is proven or anchored.
    pub fn proven_to(&self) -> u64 {
        let anchored = if self.faults.is_empty() { self.anchored } else { None };
        self.proven.map(|(sequence, _)| sequence).max(anchored).unwrap_or(0)
    }

    /// Records behind that: whoever held the machine could have changed or cut them unseen.
    pub fn tail(&self) -> u64 {
        self.last.sequence.saturating_sub(self.proven_to())
    }
}
