//! Where the moves under way let an archive send to.

use crate::dicom::AeTitle;
use crate::proxy::shared::Shared;
use crate::proxy::snapshot::Snapshot;
use crate::state::StateFault;

/// The destination of the latest grant in force for what this archive sends to a title; `None`: nobody asked. The
/// state is asked only if this gateway knows of none itself: a move that was asked for here needs no database.
///
/// # Errors
/// The state could not be asked, and this gateway alone knows of none.
pub(super) async fn expected(
    shared: &Shared,
    snapshot: &Snapshot,
    archive: AeTitle,
    told: AeTitle,
) -> Result<Option<AeTitle>, StateFault> {
    if let Some(latest) = shared.grants.known_by_told(archive, told).last() {
        return Ok(Some(latest.grant.grant.destination));
    }
    let most = usize::try_from(snapshot.settings.limits.move_instances).unwrap_or(usize::MAX);
    let found = shared.grants.expected(archive, told, most).await?;
    Ok(found.first().map(|latest| latest.grant.grant.destination))
}
