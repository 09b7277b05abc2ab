//! What a destination is asked for beside the archive's contexts, so that sealed objects can be opened for it, or sealed on
//! the way to another archive.

use super::super::plan;
use super::share::{Sender, Share};
use crate::dicom::negotiation::extras::{add_extras, ask_for_extras};
use crate::dicom::pdu::AssociateRq;
use crate::dicom::{AeTitle, Uid};
use crate::proxy::associate::destination::Destination;
use crate::proxy::shared::Shared;
use crate::proxy::vault::contexts::{ask_destination, sealed_in};

/// Adds to what the destination is asked. `told`: the title that the archive called.
pub(super) async fn ask_beside(
    shared: &Shared,
    sender: Sender<'_>,
    to: &Destination<'_>,
    told: AeTitle,
    rq: &AssociateRq,
    share: &mut Share,
) {
    if sender.snapshot.vault.is_none() || share.proposed.contexts.is_empty() {
        return;
    }
    let proposed = &mut share.proposed;
    // What is changed on its way takes its time, and what goes on which of several associations is not known before: one at
    // a time, and both sides are told.
    proposed.user.async_window = None;
    if let Destination::Archive(wiring) = to {
        let name = wiring.settings.ae_title.as_str();
        share.further = plan::beside(sender.snapshot, sender.principal, name, rq, proposed);
        return;
    }
    let archive = sender.archive.ae_title;
    let studies: Vec<Uid> = {
        let grants = shared.grants.known_by_told(archive, told);
        grants.iter().flat_map(|held| held.scope.studies().iter().copied()).collect()
    };
    let wanted = match sealed_in(&shared.state, archive, &studies).await {
        Ok(sealed) => ask_destination(proposed, &sealed),
        Err(fault) => {
            tracing::warn!(%archive, %fault, "what is sealed in the studies to be delivered is not known");
            return;
        }
    };
    if wanted.is_empty() {
        return;
    }
    let rest = add_extras(proposed, rq, wanted);
    share.further = (!rest.is_empty()).then(|| ask_for_extras(proposed, rest));
}
