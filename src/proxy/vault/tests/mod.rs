//! Archives with habits, played in this process; what proving, reading back and sealing what they hold make of them.

mod again;
pub mod archive;
mod converting;
mod proving;
mod reading;

use crate::proxy::vault::prove::Means;
use crate::transform::seal::SealOptions;
use crate::vault::suite::{Key256, NoRandom, Random};
use crate::vault::{KeyId, KeyRing, RingKey, SealContext};
use ring::rand::SecureRandom as _;
use std::sync::Arc;

#[derive(Debug)]
struct System;

impl Random for System {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoRandom> {
        ring::rand::SystemRandom::new().fill(buffer).map_err(|_| NoRandom)
    }
}

/// A ring of one key.
pub fn ring() -> Arc<KeyRing> {
    Arc::new(KeyRing::new([RingKey { id: KeyId(1), key: Key256::new(&[7; 32]) }]))
}

/// What is sealed with.
pub fn means() -> Means {
    let context = SealContext { ring: ring(), escrow: Arc::from([]), random: Arc::new(System), segment: 1 << 20 };
    Means { context: Arc::new(context), options: Arc::new(SealOptions::default()) }
}
