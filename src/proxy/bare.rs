//! An association of which policy leaves no presentation context: accepted, as the standard allows, so that the caller
//! learns which contexts were refused; the archive is not dialled.

use super::connection::{Asking, say_last};
use crate::dicom::association::{Event, Indication};
use crate::dicom::negotiation::answer_none;
use crate::dicom::pdu::{self, AssociateRq};
use crate::gate::{Closing, Visit};
use bytes::Bytes;
use std::time::Instant;

/// Accepts without contexts and waits for the release.
pub(super) async fn serve(mut asking: Asking, visit: Visit, _proposed: &AssociateRq) {
    asking.machine.on(Event::Evt6(None), Instant::now());
    asking.machine.on(Event::Evt7, Instant::now());
    let ac = answer_none(&asking.rq, &asking.newcomer.snapshot.own);
    asking.newcomer.wire.send(Bytes::from(ac.encode()));
    let wait = asking.newcomer.snapshot.settings.limits.artim;
    let end = tokio::time::timeout(wait, until_over(&mut asking)).await.unwrap_or("timeout");
    if visit.close(&Closing { end, words: "no presentation context was left" }).is_err() {
        tracing::error!("the closing record of an association could not be written");
    }
    let last = match end {
        "released" => pdu::Pdu::ReleaseRp.encode(),
        "aborted-by-peer" | "lost-peer" => return,
        _ => pdu::Abort::provider(pdu::Abort::UNEXPECTED_PDU).encode(),
    };
    say_last(&mut asking.newcomer.wire, &last).await;
}

async fn until_over(asking: &mut Asking) -> &'static str {
    loop {
        if asking.newcomer.wire.flush().await.is_err() {
            return "lost-peer";
        }
        let Ok(Some(input)) = asking.newcomer.wire.recv().await else { return "lost-peer" };
        asking.framer.feed(input);
        match asking.framer.next() {
            Ok(None) => {}
            Ok(Some(pdu::Event::Control { pdu, .. })) => {
                let effects = asking.machine.on(Event::from(&pdu), Instant::now());
                return match effects.indicate {
                    Some(Indication::Release { .. }) => "released",
                    Some(Indication::Abort) => "aborted-by-peer",
                    _ => "malformed-by-peer",
                };
            }
            Ok(Some(_)) | Err(_) => return "malformed-by-peer",
        }
    }
}

