//! The key that only moves forward: whoever takes the machine learns the next keys, never the used ones.
//!
//! `key_1 = HMAC(seed, "ratchet")`, `key_{n+1} = HMAC(key_n, "ratchet")`; checkpoint n is MACed with `key_n`, which is
//! gone before the checkpoint is written. Only the auditor, who holds the seed, can make an old key again.

use crate::audit::body;
use ring::hmac;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// What the auditor keeps off the machine. Shown once; never stored by the gateway.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Seed([u8; 32]);

/// Not a seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a seed has 64 hexadecimal digits")]
pub struct SeedFault;

impl Seed {
    /// A seed from 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 64 digits to write down. Whoever prints this answers for where it goes.
    pub fn reveal(&self) -> String {
        body::hex(&self.0)
    }

    /// The first key.
    pub fn ratchet(&self) -> Ratchet {
        Ratchet { number: 1, key: forward(&self.0) }
    }
}

impl std::str::FromStr for Seed {
    type Err = SeedFault;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        body::unhex(text.trim()).map(Self).ok_or(SeedFault)
    }
}

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed([redacted])")
    }
}

/// The key of one checkpoint, and its number.
#[derive(PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Ratchet {
    number: u64,
    key: [u8; 32],
}

impl Ratchet {
    /// A key read back from the state folder.
    pub fn restore(number: u64, key: [u8; 32]) -> Self {
        Self { number, key }
    }

    /// Which checkpoint it is for, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The key, for the state folder alone.
    pub fn reveal(&self) -> &[u8; 32] {
        &self.key
    }

    /// The MAC of a checkpoint's statement.
    pub fn mac(&self, statement: &[u8]) -> [u8; 32] {
        tag(&self.key, statement)
    }

    /// The next key. The caller drops this one, which wipes it.
    #[must_use]
    pub fn next(&self) -> Self {
        Self { number: self.number.saturating_add(1), key: forward(&self.key) }
    }
}

impl std::fmt::Debug for Ratchet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ratchet({}, [redacted])", self.number)
    }
}

fn forward(key: &[u8; 32]) -> [u8; 32] {
    tag(key, b"ratchet")
}

fn tag(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_makes_every_key_again_and_prints_none() {
        let seed = Seed::new([3; 32]);
        let first = seed.ratchet();
        let third = first.next().next();
        assert_eq!((first.number(), third.number()), (1, 3));
        assert_eq!(seed.reveal().parse(), Ok(seed.clone()));
        assert_ne!(first.mac(b"x"), third.mac(b"x"));
        assert_eq!(third, seed.ratchet().next().next());
        assert_eq!(format!("{seed:?} {third:?}"), "Seed([redacted]) Ratchet(3, [redacted])");
        assert_eq!("ab".parse::<Seed>(), Err(SeedFault));
    }
}
