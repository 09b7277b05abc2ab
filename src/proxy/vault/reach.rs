//! Reaching an archive for the vault's own sake: under which title, within which limits.

use super::verify::{ReadBack, Reader, VerifyFault};
use crate::archive::capacity::Place as Room;
use crate::dicom::{AeTitle, Uid};
use crate::proxy::shared::Shared;
use crate::proxy::snapshot::{ArchiveWiring, Snapshot};
use crate::scu::Target;
use crate::transform::open::OpenOptions;
use crate::vault::Unlock;
use std::sync::Arc;

/// An archive, called by this title.
pub fn target<'a>(wiring: &'a ArchiveWiring, address: &'a str, calling: AeTitle) -> Target<'a> {
    let archive = &wiring.settings;
    Target {
        address,
        bind: archive.bind_address,
        within: &[],
        tls: wiring.tls.clone(),
        calling,
        called: archive.ae_title,
        connect: archive.connect_timeout,
        answer: archive.response_timeout,
    }
}

/// How objects of an archive are opened that nobody gets; `None`: there is no vault, or no such archive.
pub fn reading(snapshot: &Snapshot, archive: &AeTitle) -> Option<ReadBack> {
    let minted = snapshot.archive(archive)?.settings.vault.rewrites_sop;
    let room = snapshot.vault.as_ref()?;
    let limits = &snapshot.settings.limits;
    let options = OpenOptions {
        minted,
        header: u32::try_from(limits.seal_header).unwrap_or(u32::MAX),
        depth: u16::try_from(limits.data_set_depth).unwrap_or(u16::MAX),
        ..OpenOptions::default()
    };
    Some(ReadBack {
        unlock: Unlock::Ring(Arc::clone(&room.ring)),
        options,
        compare: false,
        decoder: Some(room.decoder.clone()),
    })
}

/// An association for reading back, and its place among those that the archive bears.
///
/// # Errors
/// None can be had now, or never.
pub async fn reader(
    shared: &Shared,
    archive: &AeTitle,
    calling: AeTitle,
    classes: &[Uid],
) -> Result<(Reader, Room), VerifyFault> {
    let snapshot = shared.snapshot();
    let Some(wiring) = snapshot.archive(archive) else { return Err(VerifyFault::NotOffered) };
    let Ok(place) = shared.capacity.take(&wiring.settings, false) else {
        return Err(VerifyFault::unasked("the archive bears no more associations"));
    };
    let address = wiring.settings.address.to_string();
    let reader = Reader::open(&target(wiring, &address, calling), classes).await?;
    Ok((reader, place))
}
