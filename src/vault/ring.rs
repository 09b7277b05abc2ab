//! The ring: numbered keys that wrap content keys. New objects use one of them, old ones open with theirs.

use super::suite::Key256;
use std::collections::BTreeMap;

/// Number of a ring key, from 1; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub u32);

impl std::fmt::Display for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// One key of the ring.
#[derive(Debug, Clone)]
pub struct RingKey {
    /// Its number.
    pub id: KeyId,
    /// The key-encryption key (AES-256 key wrap, RFC 3394).
    pub key: Key256,
}

/// All keys at hand.
#[derive(Debug, Clone, Default)]
pub struct KeyRing {
    keys: BTreeMap<KeyId, RingKey>,
    seals: Option<KeyId>,
}

impl KeyRing {
    /// A ring of these keys; of two with one number the last counts. The one with the greatest number seals.
    pub fn new(keys: impl IntoIterator<Item = RingKey>) -> Self {
        let keys: BTreeMap<_, _> = keys.into_iter().map(|key| (key.id, key)).collect();
        let seals = keys.keys().next_back().copied();
        Self { keys, seals }
    }

    /// The same, where another one seals: keys that were lost and are found again have greater numbers, perhaps, and so have
    /// those that were made for later.
    #[must_use]
    pub fn sealing_with(self, seals: Option<KeyId>) -> Self {
        Self { seals, ..self }
    }

    /// The key that new objects are sealed with; `None`: the ring is empty.
    pub fn newest(&self) -> Option<&RingKey> {
        self.seals.and_then(|id| self.keys.get(&id))
    }

    /// The key with this number.
    pub fn get(&self, id: KeyId) -> Option<&RingKey> {
        self.keys.get(&id)
    }

    /// All numbers, ascending.
    pub fn ids(&self) -> impl Iterator<Item = KeyId> + '_ {
        self.keys.keys().copied()
    }
}
