//! An association with an archive or the destination of a delivery, as the relay holds it.

use super::capacity::Place;
use crate::dicom::association::{Association, Event};
use crate::dicom::pdu::{Framer, FramerLimits};
use crate::gate::Permit;
use crate::net::Wire;
use crate::net::wire::WireFault;
use bytes::Bytes;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// The first byte of an A-RELEASE-RQ (PS3.8 9.3.6).
const RELEASE_RQ: u8 = 5;
/// A whole A-RELEASE-RP (PS3.8 9.3.7).
const RELEASE_RP: [u8; 10] = [6, 0, 0, 0, 0, 4, 0, 0, 0, 0];

/// The association with the other side. Messages go to it under a permit; answers to its own requests and what the upper
/// layer itself says do not ask for one.
#[derive(Debug)]
pub struct Leg {
    /// `None`: nobody was dialled.
    wire: Option<Wire>,
    /// What nobody says: that the release is confirmed.
    owed: Option<Bytes>,
    /// Where the association stands.
    pub machine: Association,
    framer: Option<Framer>,
    /// Only archives have places: what a peer bears is not known.
    _place: Option<Place>,
}

impl Leg {
    pub(super) fn new(wire: Wire, framer: Framer, machine: Association, place: Option<Place>) -> Self {
        Self { wire: Some(wire), owed: None, machine, framer: Some(framer), _place: place }
    }

    /// An association with nobody, where everything proposed concerns the gateway alone, or in the place of one that has
    /// ended and can be spared. Nothing comes from it but the confirmation of a release.
    pub fn nobody(limits: FramerLimits, artim: Duration, now: Instant) -> Self {
        let mut machine = Association::requestor(artim);
        for event in [Event::Evt1, Event::Evt2, Event::Evt3] {
            machine.on(event, now);
        }
        Self { wire: None, owed: None, machine, framer: Some(Framer::new(limits)), _place: None }
    }

    /// The framer of what the archive sends; once.
    pub fn take_framer(&mut self) -> Option<Framer> {
        self.framer.take()
    }

    /// The longest P-DATA-TF that the archive was told it may send, bytes.
    pub fn set_max_pdata(&mut self, longest: u32) {
        if let Some(framer) = &mut self.framer {
            framer.set_max_pdata(longest);
        }
    }

    /// Queues a piece of a permitted message.
    pub fn forward(&mut self, _permit: &Permit, bytes: Bytes) {
        if let Some(wire) = &mut self.wire {
            wire.send(bytes);
        }
    }

    /// Queues a piece of an answer to a request of the archive's own, or of a C-CANCEL.
    pub fn answer(&mut self, bytes: Bytes) {
        if let Some(wire) = &mut self.wire {
            wire.send(bytes);
        }
    }

    /// Queues what the upper layer itself says (A-RELEASE, A-ABORT).
    pub fn say(&mut self, pdu: &[u8]) {
        match &mut self.wire {
            Some(wire) => wire.send(Bytes::copy_from_slice(pdu)),
            None if pdu.first() == Some(&RELEASE_RQ) => self.owed = Some(Bytes::from_static(&RELEASE_RP)),
            None => {}
        }
    }

    /// See [`Wire::poll_recv`].
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, WireFault>> {
        match &mut self.wire {
            Some(wire) => wire.poll_recv(cx),
            // Whatever makes something owed happens in the task that polls.
            None => self.owed.take().map_or(Poll::Pending, |owed| Poll::Ready(Ok(Some(owed)))),
        }
    }

    /// See [`Wire::poll_flush`].
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WireFault>> {
        self.wire.as_mut().map_or(Poll::Ready(Ok(())), |wire| wire.poll_flush(cx))
    }

    /// See [`Wire::expect_more`].
    pub const fn expect_more(&mut self, expects_more: bool) {
        if let Some(wire) = &mut self.wire {
            wire.expect_more(expects_more);
        }
    }

    /// See [`Wire::has_pending`].
    pub fn has_pending(&self) -> bool {
        self.wire.as_ref().is_some_and(Wire::has_pending)
    }

    /// See [`Wire::is_congested`].
    pub fn is_congested(&self) -> bool {
        self.wire.as_ref().is_some_and(Wire::is_congested)
    }

    /// See [`Wire::close`].
    pub async fn close(&mut self) {
        if let Some(wire) = &mut self.wire {
            wire.close().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::association::{Indication, Outgoing, StateName};
    use crate::dicom::pdu;
    use std::task::Waker;

    #[test]
    fn nobody_confirms_a_release_and_says_nothing_else() {
        let mut leg = Leg::nobody(FramerLimits::default(), Duration::from_secs(1), Instant::now());
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(leg.machine.state(), StateName::Sta6);
        leg.answer(Bytes::from_static(b"anything"));
        assert!(leg.poll_recv(&mut cx).is_pending() && !leg.has_pending());
        let asked = leg.machine.on(Event::Evt11, Instant::now());
        leg.say(&asked.send.and_then(Outgoing::bytes).unwrap());
        let Poll::Ready(Ok(Some(said))) = leg.poll_recv(&mut cx) else { panic!("an answer") };
        let mut framer = leg.take_framer().unwrap();
        framer.feed(said);
        let Ok(Some(pdu::Event::Control { pdu, .. })) = framer.next() else { panic!("a PDU") };
        let released = leg.machine.on(Event::from(&pdu), Instant::now());
        assert!(matches!(released.indicate, Some(Indication::Released)));
        assert!(leg.poll_recv(&mut cx).is_pending());
    }
}
