//! Random numbers of the system, for seals.

use crate::vault::suite::{NoRandom, Random};
use ring::rand::{SecureRandom as _, SystemRandom};

/// The system's generator.
#[derive(Debug)]
pub struct System(SystemRandom);

impl Default for System {
    fn default() -> Self {
        Self(SystemRandom::new())
    }
}

impl Random for System {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoRandom> {
        self.0.fill(buffer).map_err(|_| NoRandom)
    }
}
