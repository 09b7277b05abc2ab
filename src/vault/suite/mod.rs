//! The primitives, and nothing else: segment AEAD, digests and random numbers by `ring`; key wrap, RSA-OAEP and ECDH by
//! `aws-lc-rs`. Nothing here knows what a segment is. Keys are wiped when they are dropped, but for what `ring` expands of the
//! key of one segment while it works.

pub mod agreement;
pub mod segment_key;
pub mod transport;
pub mod wrap;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// The system gives no random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers")]
pub struct NoRandom;

/// Where random numbers come from: the system's generator in the gateway, a counter in known-answer tests.
pub trait Random: Send + Sync + std::fmt::Debug {
    /// Fills the buffer.
    ///
    /// # Errors
    /// [`NoRandom`]; nothing is sealed then.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoRandom>;
}

/// 256 secret bits, boxed so that moving does not copy them, wiped when dropped. Prints nothing.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Key256(Box<[u8; 32]>);

impl Key256 {
    /// A key out of 32 bytes; the caller wipes its own copy.
    pub fn new(bytes: &[u8; 32]) -> Self {
        let mut boxed = Box::new([0; 32]);
        boxed.copy_from_slice(bytes);
        Self(boxed)
    }

    /// The bytes; whoever calls this answers for where they go.
    pub fn reveal(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for Key256 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The cryptographic library refuses: a damaged key, a tag that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cryptography refuses it")]
pub struct Refused;

/// SHA-256.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
    out
}

/// SHA-256 of what comes piece by piece.
#[derive(Clone)]
pub struct Digest(ring::digest::Context);

impl Digest {
    /// Of nothing yet.
    pub fn new() -> Self {
        Self(ring::digest::Context::new(&ring::digest::SHA256))
    }

    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Of everything.
    pub fn finish(self) -> [u8; 32] {
        let mut out = [0; 32];
        out.copy_from_slice(self.0.finish().as_ref());
        out
    }
}

impl Default for Digest {
    fn default() -> Self {
        Self::new()
    }
}

/// Shows nothing of what it has seen.
impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Digest")
    }
}

impl Key256 {
    /// A new key out of random numbers.
    ///
    /// # Errors
    /// There are none.
    pub fn generate(random: &dyn Random) -> Result<Self, NoRandom> {
        let mut key = Self(Box::new([0; 32]));
        random.fill(key.0.as_mut_slice())?;
        Ok(key)
    }
}
