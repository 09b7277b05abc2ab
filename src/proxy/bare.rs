//! An association of which policy leaves no presentation context: accepted, as the standard allows, so that the caller
//! learns which contexts were refused; the archive is not dialled.

use super::connection::{Asking, say_last};
use crate::dicom::association::{Event, Indication};
use crate::dicom::negotiation::answer;
use crate::dicom::pdu::user_identity::IdentityAnswer;
use crate::dicom::pdu::{self, AssociateAc, AssociateRq, UserItems};
use crate::gate::{How, Visit};
use bytes::Bytes;
use std::time::Instant;

/// Accepts without contexts and waits for the release.
pub(super) async fn serve(mut asking: Asking, visit: Visit, proposed: &AssociateRq) {
    asking.machine.on(Event::Evt6(None), Instant::now());
    asking.machine.on(Event::Evt7, Instant::now());
    let own = &asking.newcomer.snapshot.own;
    let silent = AssociateAc {
        protocol_version: 1,
        called: asking.rq.called,
        calling: asking.rq.calling,
        reserved: asking.rq.reserved,
        application_context: asking.rq.application_context,
        contexts: Vec::new(),
        user: UserItems { max_length: own.max_length, ..UserItems::default() },
    };
    let Ok((mut ac, _)) = answer(&asking.rq, proposed, &silent, own, false) else { return };
    ac.user.identity_answer = asking.confirm.then(|| IdentityAnswer(Bytes::new()));
    asking.newcomer.wire.send(Bytes::from(ac.encode()));
    let wait = asking.newcomer.snapshot.settings.limits.artim;
    let end = tokio::time::timeout(wait, until_over(&mut asking)).await.unwrap_or(How::Timeout("artim"));
    if visit.close(end).is_err() {
        tracing::error!("the closing record of an association could not be written");
    }
    let last = match end {
        How::Released => pdu::Pdu::ReleaseRp.encode(),
        How::AbortedByPeer | How::PeerLost => return,
        _ => pdu::Abort::provider(pdu::Abort::UNEXPECTED_PDU).encode(),
    };
    say_last(&mut asking.newcomer.wire, &last).await;
}

async fn until_over(asking: &mut Asking) -> How {
    loop {
        if asking.newcomer.wire.flush().await.is_err() {
            return How::PeerLost;
        }
        let Ok(Some(input)) = asking.newcomer.wire.recv().await else { return How::PeerLost };
        asking.framer.feed(input);
        match asking.framer.next() {
            Ok(None) => {}
            Ok(Some(pdu::Event::Control { pdu, .. })) => {
                let effects = asking.machine.on(Event::from(&pdu), Instant::now());
                return match effects.indicate {
                    Some(Indication::Release { .. }) => How::Released,
                    Some(Indication::Abort) => How::AbortedByPeer,
                    _ => How::Protocol,
                };
            }
            Ok(Some(_)) | Err(_) => return How::Protocol,
        }
    }
}
