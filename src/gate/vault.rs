//! What is refused and told because of the vault.

use super::door::{Basis, Gate, Object, asked};
use super::refusal::Refusal;
use super::visit::Visit;
use crate::audit::event::Cause;
use crate::audit::round::RoundNote;
use crate::audit::vault::{NotOpenedNote, VaultNote};
use crate::audit::{Event, Receipt, Unrecorded};
use crate::policy::Request;
use std::sync::atomic::Ordering::Relaxed;

impl Gate {
    /// Records that a sealed object is not opened for whoever asked, and why: the answer is 0124H, or what the caller
    /// makes of it.
    pub fn refuse_opening(
        &self,
        basis: Basis<'_>,
        visit: &Visit,
        request: &Request<'_>,
        object: &Object<'_>,
        words: &str,
    ) -> Refusal {
        self.refuse_by_vault(basis, visit, request, object, words, false)
    }

    /// Records that the store of an object that must be sealed is refused, and why: it cannot be sealed, or was stored and
    /// nobody can be told so yet.
    pub fn refuse_sealing(
        &self,
        basis: Basis<'_>,
        visit: &Visit,
        request: &Request<'_>,
        object: &Object<'_>,
        words: &str,
    ) -> Refusal {
        self.refuse_by_vault(basis, visit, request, object, words, true)
    }

    fn refuse_by_vault(
        &self,
        basis: Basis<'_>,
        visit: &Visit,
        request: &Request<'_>,
        object: &Object<'_>,
        words: &str,
        sealing: bool,
    ) -> Refusal {
        visit.ledger.counters.denied.fetch_add(1, Relaxed);
        let asked = asked(request, object);
        let note = NotOpenedNote { who: &visit.ledger.who, asked: &asked, words };
        let event = if sealing { Event::NotSealed(note) } else { Event::NotOpened(note) };
        self.refuse(&event, basis.generation, Cause::Vault)
    }

    /// Records that something is wrong with an object of the vault. `visit`: whose association it came up on; what the
    /// note says of it does not count.
    pub fn vault_alert(&self, generation: u64, visit: Option<&Visit>, note: VaultNote<'_>) -> Refusal {
        let who = visit.map(|visit| &visit.ledger.who);
        self.refuse(&Event::VaultAlert(VaultNote { who, ..note }), generation, Cause::Vault)
    }

    /// Records what a command beside the gateway did to an archive's objects.
    pub fn round(&self, generation: u64, note: &RoundNote) -> Result<Receipt, Unrecorded> {
        self.log.append(&Event::Round(note), generation)
    }
}
