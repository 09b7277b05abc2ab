//! Storage commitment on its way through (PS3.4 J): who asked is remembered before the archive hears of it; what the
//! archive reports is stored before it is answered, and brought to whoever asked, at once or days later.
//!
//! Of what is sealed nothing is told as kept that was not read back ([`trust`]).
//!
//! [`register`] goes before every N-ACTION, [`accept`] takes an archive's N-EVENT-REPORT, the [`Courier`] delivers:
//! into the [`Mailbox`] of an association that is open, or on an association of its own. It never decides what a
//! requester may see (the policy does), never answers an archive before the report is stored, and never delivers what
//! nobody asked for.

mod accept;
mod courier;
mod deliver;
mod mailbox;
mod narrow;
mod note;
mod reading;
mod register;
#[cfg(test)]
mod tests;
mod towards;
mod tries;
mod trust;

pub use accept::{Arrival, accept};
pub use courier::Courier;
pub use mailbox::{Delivery, Mailbox, Mailboxes, Undelivered};
pub use register::{Asked, RegisterFault, register};

use crate::state::State;
use std::sync::Arc;
use tokio::sync::Notify;
use tries::Tries;

/// What every association and the courier share. Cheap to clone.
#[derive(Clone)]
pub struct Commitments {
    state: State,
    mailboxes: Arc<Mailboxes>,
    tries: Arc<Tries>,
    wake: Arc<Notify>,
    clock: fn() -> i64,
}

impl Commitments {
    /// Over this state. `clock`: seconds since 1970, the one that the state goes by.
    pub fn new(state: State, clock: fn() -> i64) -> Self {
        let wake = Arc::new(Notify::new());
        let mailboxes = Arc::new(Mailboxes::new(Arc::clone(&wake)));
        Self { state, mailboxes, tries: Arc::default(), wake, clock }
    }

    /// Where open associations wait for reports.
    pub const fn mailboxes(&self) -> &Arc<Mailboxes> {
        &self.mailboxes
    }

    /// Has the courier look what is due, now.
    pub fn wake(&self) {
        self.wake.notify_one();
    }
}

/// It has nothing to show but how many associations wait.
impl std::fmt::Debug for Commitments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Commitments").field("mailboxes", &self.mailboxes).finish_non_exhaustive()
    }
}
