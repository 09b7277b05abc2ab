//! What a message waits for before it goes on: the state of moves and commitments lies outside this task.

use super::narrow::{Charged, FoundTruths, Prepared};
use super::opening::More;
use super::retrieve::{Anew, Judged, Looked, Resolving};
use super::rewrite::Spooled;
use super::sealing::{Compared, Ended, NotBegun};
use crate::proxy::commitment::RegisterFault;
use crate::proxy::way_back::{Held, MoveRefusal};
use crate::state::{SealRow, StateFault};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// Something under way; its direction is not read meanwhile.
pub(super) type Wait = Pin<Box<dyn Future<Output = Woken> + Send>>;

/// What has become known.
pub(super) enum Woken {
    /// A C-MOVE has its grant, or may not have one; with another identifier than it came with, or the same.
    Move(Result<Arc<Held>, MoveRefusal>, Option<Box<Anew>>),
    /// The grants under which an instance may be delivered.
    Grants(Result<Vec<Arc<Held>>, StateFault>),
    /// A delivery for another gateway's requester is noted, or not.
    Noted(Result<(), StateFault>),
    /// A request for commitment is registered, or not.
    Registered(Result<(), RegisterFault>),
    /// What of a retrieve may be asked.
    Resolved(Box<Resolving>),
    /// What of an instance may be delivered.
    Judged(Box<Judged>),
    /// What to answer to a report.
    Reported(u16),
    /// What must be known before a query is narrowed.
    Query(Box<Prepared>),
    /// What budgets have room for.
    Charged(Box<Charged>),
    /// What the ledger knows of an instance that is to be sealed, and perhaps is already.
    Resent(Box<Result<Option<SealRow>, StateFault>>),
    /// The ledger knows of no seal of an instance that goes in clear; why it does, if it was to be sealed.
    Unsealed(Option<&'static str>),
    /// Whether the archive holds an instance already as it was sent again.
    Compared(Box<Compared>),
    /// The ledger knows of a seal that is about to be stored, or cannot be asked.
    SealBegun(Result<Option<Box<SealRow>>, NotBegun>),
    /// The ledger knows what became of a seal.
    SealEnded(Box<Ended>),
    /// What is kept of an object has been written or read.
    Spooled(Spooled),
    /// What the ledger knows of the images that a query asks about.
    Truths(Box<FoundTruths>),
    /// What the destination says to being asked for more.
    Further(Box<More>),
    /// Whether a C-GET is asked a second time.
    Again(Box<Looked>),
    /// What the ledger knows of an object.
    Ledger(Box<Result<Option<SealRow>, StateFault>>),
}
