//! Reaching an archive for the vault's own sake: under which title, within which limits.

use super::verify::{ReadBack, Reader, VerifyFault};
use crate::archive::capacity::{Place as Room, ReadingPlace};
use crate::dicom::{AeTitle, Uid};
use crate::proxy::shared::Shared;
use crate::proxy::snapshot::{ArchiveWiring, Snapshot};
use crate::scu::{LinkFault, Target};
use crate::transform::open::OpenOptions;
use crate::vault::Unlock;
use std::sync::Arc;
use std::time::Duration;

/// How long is waited at first for an archive that is full, and at most; twice as long each time.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

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

/// The same for what a sender waits for: in its turn, at the place that is kept for it. An archive that is full for the
/// moment is asked again, for half as long as its sender may wait.
///
/// # Errors
/// None can be had within that time, or never.
pub async fn reader_in_turn(
    shared: &Shared,
    archive: &AeTitle,
    calling: AeTitle,
    classes: &[Uid],
) -> Result<(Reader, ReadingPlace), VerifyFault> {
    let snapshot = shared.snapshot();
    let patience = snapshot.settings.limits.dimse / 2;
    let Some(wiring) = snapshot.archive(archive) else { return Err(VerifyFault::NotOffered) };
    let had = async {
        let Ok(place) = shared.capacity.take_for_reading(&wiring.settings).await else {
            return Err(VerifyFault::unasked("the archive bears no more associations"));
        };
        let address = wiring.settings.address.to_string();
        let mut pause = PAUSE.0;
        loop {
            match Reader::open(&target(wiring, &address, calling), classes).await {
                // "Rejected-transient" (PS3.8 9.3.4): it may have room in a moment.
                Err(VerifyFault::Link(LinkFault::Rejected(rejected))) if rejected.result == 2 => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE.1);
                }
                reader => return Ok((reader?, place)),
            }
        }
    };
    let too_long = || VerifyFault::unasked("the archive had no association free in time");
    tokio::time::timeout(patience, had).await.unwrap_or_else(|_| Err(too_long()))
}
