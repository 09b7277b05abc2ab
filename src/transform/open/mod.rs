//! Opens a sealed object as it passes: the seal is authenticated segment by segment, and only what was sealed is put back.
//!
//! No unauthenticated byte comes out, and a faulty object never comes to its end. A plain object comes out byte for byte.
//! Pure: keys come as an argument; whether this seal may be opened, by whom, and whether it is the one that the ledger
//! expects is decided by who asks, between [`Open::found`] and [`Open::deliver`]. It never decodes an image.
//!
//! How it is driven: [`Open::push`] until [`Open::found`] says what it is; nothing comes out before [`Open::deliver`] or
//! [`Open::pass`]. Then further pushes, and [`Open::finish`]. A small object is only known when all of it is in:
//! [`Open::finish`] then says [`Finished::Undecided`], and is called again behind the decision.

mod fault;
mod order;

pub use fault::OpenFault;
pub use order::{As, Finished, Found, Inner, OpenOptions, OpenOrder, Opened};

use crate::transform::flow::Flow;

/// Opens one object, or lets it pass.
#[derive(Debug)]
pub struct Open {
    order: OpenOrder,
    found: Option<Found>,
}

impl Open {
    /// Before the first byte of the data set.
    pub fn new(order: OpenOrder) -> Self {
        Self { order, found: None }
    }

    /// Takes the next bytes of the data set as the archive sends it; what may go is appended.
    ///
    /// # Errors
    /// The first fault. Nothing more comes out; what is kept ([`Flow::keep`]) is thrown away, and the object that goes out
    /// must not come to its end.
    pub fn push(&mut self, _bytes: &[u8], _out: &mut Flow) -> Result<(), OpenFault> {
        Err(OpenFault::Carrier { transfer: self.order.from })
    }

    /// What it is, once that is known. For a sealed one the first segment is authenticated, and the identity checked.
    pub const fn found(&self) -> Option<&Found> {
        self.found.as_ref()
    }

    /// It is to come out opened. What waits comes out with the next push, which may be an empty one, or with the end.
    ///
    /// # Errors
    /// It is not sealed, or cannot be written so.
    pub fn deliver(&mut self, _how: As) -> Result<(), OpenFault> {
        Err(OpenFault::Undecided)
    }

    /// It is to come out as the archive sends it: a plain object, or a seal for who keeps seals.
    pub fn pass(&mut self) {}

    /// The data set is over: the rest comes out.
    ///
    /// # Errors
    /// It may not end here.
    pub fn finish(&mut self, _out: &mut Flow) -> Result<Finished, OpenFault> {
        Err(OpenFault::Undecided)
    }
}
