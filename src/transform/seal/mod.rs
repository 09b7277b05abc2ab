//! Seals an object as it passes: what the family says is taken out of the data set and put into a seal; what stays is a
//! valid object with a banner for an image (docs/sealing.md).
//!
//! Pure and bounded: what is held back is the header; what has no known length is kept sealed, never in clear.

mod order;

pub use order::{Already, Begun, Carrier, Outcome, SealFault, SealOptions, SealOrder, Sealed};

use super::flow::Flow;

/// Seals one object.
#[derive(Debug)]
pub struct Seal {
    order: SealOrder,
    begun: Option<Begun>,
}

impl Seal {
    /// Before the first byte of the data set.
    ///
    /// # Errors
    /// Its SOP class is never sealed, or it cannot be written in the encoding asked for.
    pub fn new(order: SealOrder) -> Result<Self, SealFault> {
        Ok(Self { order, begun: None })
    }

    /// Takes the next bytes of the data set, as they came. What comes out may lag behind by a segment, and by the header.
    ///
    /// # Errors
    /// The first fault. Nothing more may be pushed, what was kept is to be thrown away, and what has gone must not be
    /// completed: the association to the archive ends with A-ABORT if anything went.
    pub fn push(&mut self, _bytes: &[u8], _flow: &mut Flow) -> Result<(), SealFault> {
        Err(SealFault::Unsealable(self.order.sop_class))
    }

    /// The data set is over. Once this is `Ok` and all pieces have gone, the object is complete.
    ///
    /// # Errors
    /// As of [`Self::push`].
    pub fn finish(&mut self, _flow: &mut Flow) -> Result<Outcome, SealFault> {
        Err(SealFault::Unsealable(self.order.sop_class))
    }

    /// What the ledger needs: set in the call that puts out the first piece, at the latest. `None` until then, and for
    /// good where nothing is sealed.
    pub const fn begun(&self) -> Option<&Begun> {
        self.begun.as_ref()
    }
}
