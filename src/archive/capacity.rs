//! How many associations an archive bears at once, and what is kept free for storing and for reading back.

use crate::config::Archive;
use crate::dicom::AeTitle;
use crate::net::slots::{Full, Slot, Slots};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

/// The places at every archive. Survives reloads: what is open stays counted.
#[derive(Debug, Default)]
pub struct Capacity {
    slots: Arc<Slots<AeTitle>>,
    /// Whose turn it is to read back, by archive: those that wait get it in the order in which they came.
    turns: Mutex<HashMap<AeTitle, Arc<Turn<()>>>>,
}

/// A place at an archive; free again when dropped.
pub type Place = Slot<AeTitle>;

/// A place for reading back what somebody waits for; free again when dropped.
#[derive(Debug)]
pub struct ReadingPlace {
    _place: Place,
    /// `None`: the archive bears any number.
    _turn: Option<OwnedMutexGuard<()>>,
}

impl Capacity {
    /// Takes a place. An association that cannot store leaves `reserved_for_store` places free, so that a ward full
    /// of viewers never keeps a scanner from storing; and every one leaves one for reading back, where what is stored is.
    ///
    /// # Errors
    /// The archive bears no more.
    pub fn take(&self, archive: &Archive, may_store: bool) -> Result<Place, Full> {
        let kept = u32::from(archive.vault.reads_back());
        let reserved = if may_store { kept } else { archive.reserved_for_store.saturating_add(kept) };
        let most = archive.max_associations.map_or(usize::MAX, |most| to_usize(most.saturating_sub(reserved)));
        self.slots.take(archive.ae_title, most, usize::MAX)
    }

    /// Takes the place that is kept for reading back, when it is its turn: whoever stores waits for it, and holds a place
    /// meanwhile.
    ///
    /// # Errors
    /// More are open than the archive bears, as after a reload.
    pub async fn take_for_reading(&self, archive: &Archive) -> Result<ReadingPlace, Full> {
        let title = archive.ae_title;
        let Some(most) = archive.max_associations else {
            return Ok(ReadingPlace { _place: self.slots.take(title, usize::MAX, usize::MAX)?, _turn: None });
        };
        let turn = Arc::clone(self.turns.lock().unwrap_or_else(PoisonError::into_inner).entry(title).or_default());
        let turn = turn.lock_owned().await;
        Ok(ReadingPlace { _place: self.slots.take(title, to_usize(most), usize::MAX)?, _turn: Some(turn) })
    }
}

fn to_usize(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
