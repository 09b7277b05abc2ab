//! How many associations an archive bears at once, and what is kept free for storing.

use crate::config::Archive;
use crate::dicom::AeTitle;
use crate::net::slots::{Full, Slot, Slots};
use std::sync::Arc;

/// The places at every archive. Survives reloads: what is open stays counted.
#[derive(Debug, Default)]
pub struct Capacity {
    slots: Arc<Slots<AeTitle>>,
}

/// A place at an archive; free again when dropped.
pub type Place = Slot<AeTitle>;

impl Capacity {
    /// Takes a place. An association that cannot store leaves `reserved_for_store` places free, so that a ward full
    /// of viewers never keeps a scanner from storing.
    ///
    /// # Errors
    /// The archive bears no more.
    pub fn take(&self, archive: &Archive, may_store: bool) -> Result<Place, Full> {
        let most = archive.max_associations.map_or(usize::MAX, to_usize);
        let most = if may_store { most } else { most.saturating_sub(to_usize(archive.reserved_for_store)) };
        self.slots.take(archive.ae_title, most, usize::MAX)
    }
}

fn to_usize(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
