//! What the gateway itself asks an archive so that it can decide: counted in the association's closing record, since
//! each belongs to an operation that has a record of its own.

use super::Gate;
use super::visit::{Ledger, Visit};
use crate::audit::Unrecorded;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// For whom lookups are made. Outlives nothing: it holds the association's counters alone.
#[derive(Clone)]
pub struct LookingUp {
    ledger: Arc<Ledger>,
}

/// Leave to ask an archive one question in the gateway's own name. Only the gate makes one; it is used up by asking.
#[must_use = "a lookup is counted when it is permitted"]
#[derive(Debug)]
pub struct LookupPermit(());

impl Visit {
    /// For lookups on behalf of this association.
    pub fn looking_up(&self) -> LookingUp {
        LookingUp { ledger: Arc::clone(&self.ledger) }
    }
}

impl Gate {
    /// Permits what the gateway asks an archive on its own account, when nobody's association is there to count it.
    ///
    /// # Errors
    /// Nothing can be recorded now, so nothing is asked.
    pub fn look_up_own(&self) -> Result<LookupPermit, Unrecorded> {
        if self.log().is_writable() { Ok(LookupPermit(())) } else { Err(Unrecorded) }
    }

    /// Permits one lookup, and counts it.
    ///
    /// # Errors
    /// Nothing can be recorded now, so nothing is asked.
    pub fn look_up(&self, on_behalf: &LookingUp) -> Result<LookupPermit, Unrecorded> {
        if !self.log().is_writable() {
            return Err(Unrecorded);
        }
        on_behalf.ledger.counters.lookups.fetch_add(1, Relaxed);
        Ok(LookupPermit(()))
    }
}

impl std::fmt::Debug for LookingUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LookingUp").field("association", &self.ledger.id).finish()
    }
}
