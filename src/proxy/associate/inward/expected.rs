//! Where the moves under way let an archive send to.

use crate::config::{Archive, Correlate};
use crate::dicom::AeTitle;
use crate::proxy::shared::Shared;
use crate::proxy::snapshot::Snapshot;
use crate::proxy::way_back::Held;
use crate::state::StateFault;
use std::sync::Arc;

/// The destination of the latest grant in force for what this archive sends to a title; `None`: nobody asked.
///
/// The state is asked only if this gateway knows of none itself: a move that was asked for here needs no database. Where
/// the title stands for the requester it is asked always, since moves to several destinations take turns, perhaps at
/// another gateway.
///
/// # Errors
/// The state could not be asked, and this gateway alone knows of none.
pub(super) async fn expected(
    shared: &Shared,
    snapshot: &Snapshot,
    archive: &Archive,
    told: AeTitle,
) -> Result<Option<AeTitle>, StateFault> {
    let destination = |held: &Arc<Held>| held.grant.grant.destination;
    let known = shared.grants.known_by_told(archive.ae_title, told);
    let known = known.iter().find(|held| !held.foreign).map(destination);
    if known.is_some() && archive.correlate != Correlate::Destination {
        return Ok(known);
    }
    let most = usize::try_from(snapshot.settings.limits.move_instances).unwrap_or(usize::MAX);
    match shared.grants.expected(archive.ae_title, told, most).await {
        Ok(found) => Ok(found.first().map(destination)),
        Err(_) if known.is_some() => Ok(known),
        Err(fault) => Err(fault),
    }
}
