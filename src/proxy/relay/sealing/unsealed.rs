//! An object that goes in clear, by its rule, where one of its instance was sealed before: it rightly takes that one's
//! place, and is no forgery later.

use super::super::stage::DataSet;
use super::super::wait::Woken;
use super::super::{Ending, Relay};
use crate::gate::Permit;
use crate::state::Repeats;
use std::sync::Arc;

impl Relay {
    /// Whether a seal may be known of what goes in clear. If so the ledger is to forget it, before its first byte leaves:
    /// what the archive holds after that opens or passes, whichever of the two it is. `why`: in one word, if it was to be
    /// sealed.
    pub(in super::super) fn ask_whether_sealed(
        &mut self,
        data: &DataSet,
        permit: Permit,
        why: Option<&'static str>,
    ) -> Option<Permit> {
        let snapshot = Arc::clone(&self.snapshot);
        let archive = snapshot.archive(&self.called.title).map(|archive| archive.settings.ae_title);
        let room = snapshot.vault.as_ref();
        let (Some(archive), Some(room), Some(instance)) = (archive, room, data.command.affected_sop_instance) else {
            return Some(permit);
        };
        if room.repeats(&archive) == Repeats::Kept {
            // What came first stays, and so does what is known of it.
            return Some(permit);
        }
        let state = self.shared.state.clone();
        self.pending = Some(permit);
        self.up.wait = Some(Box::pin(async move {
            let forgotten = match state.seals(archive, &instance).await {
                Ok(Some(_)) => state.seal_forget(archive, &instance).await,
                other => other.map(|_| false),
            };
            match forgotten {
                Ok(true) => tracing::warn!(%archive, %instance, "an object that was sealed is stored anew, in clear"),
                Ok(false) => {}
                // Patients wait: at worst it is taken for a forgery until it is stored again.
                Err(fault) => {
                    tracing::warn!(%archive, %instance, %fault, "an object goes in clear, and the ledger of seals cannot be asked whether it was sealed")
                }
            }
            Woken::Unsealed(why)
        }));
        None
    }

    /// The ledger has been asked.
    pub(in super::super) fn go_on_unsealed(&mut self, data: &DataSet, why: Option<&'static str>) -> Result<(), Ending> {
        let Some(permit) = self.pending.take() else { return Ok(()) };
        match why {
            Some(why) => self.store_in_clear(data, permit, why),
            None => {
                self.up.lead = None;
                self.go_on(data.context, &data.command, permit);
                Ok(())
            }
        }
    }
}
