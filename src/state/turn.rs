//! A turn: something that one gateway does at a time.

use std::sync::Arc;

/// A lease on something that one gateway does at a time. Whoever holds the token may keep or give it, until it expires.
#[derive(Clone, PartialEq, Eq)]
pub struct Turn {
    /// What is done one at a time, as the taker named it.
    pub what: Arc<str>,
    /// 128 random bits that say which taking of the turn this is.
    pub token: [u8; 16],
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Turn({:?})", self.what)
    }
}
