//! What a snapshot holds of the vault.

use crate::vault::KeyRing;
use std::sync::Arc;

/// Keys and options of the vault as they are in force together with a configuration; swapped with the snapshot.
#[derive(Debug)]
pub struct VaultRoom {
    /// The key ring; it may be empty, and then nothing is sealed or opened.
    pub ring: Arc<KeyRing>,
}
