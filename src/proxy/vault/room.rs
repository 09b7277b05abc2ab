//! What a snapshot holds of the vault.

use crate::dicom::AeTitle;
use crate::state::Repeats;
use crate::vault::KeyRing;
use std::sync::Arc;

/// Keys and options of the vault as they are in force together with a configuration; swapped with the snapshot.
#[derive(Debug)]
pub struct VaultRoom {
    /// The key ring; it may be empty, and then nothing is sealed or opened.
    pub ring: Arc<KeyRing>,
}

impl VaultRoom {
    /// What an archive does when an instance that it holds is stored again, as far as its probe found out.
    pub fn repeats(&self, _archive: &AeTitle) -> Repeats {
        Repeats::Unknown
    }
}
