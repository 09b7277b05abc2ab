//! An association with an archive, as the relay holds it.

use super::capacity::Place;
use crate::dicom::association::Association;
use crate::dicom::pdu::Framer;
use crate::gate::Permit;
use crate::net::Wire;
use crate::net::wire::WireFault;
use bytes::Bytes;
use std::task::{Context, Poll};

/// The association with the archive. Messages go to it under a permit; answers to its own requests and what the upper
/// layer itself says do not ask for one.
#[derive(Debug)]
pub struct Leg {
    wire: Wire,
    /// Where the association stands.
    pub machine: Association,
    framer: Option<Framer>,
    _place: Place,
}

impl Leg {
    pub(super) fn new(wire: Wire, framer: Framer, machine: Association, place: Place) -> Self {
        Self { wire, machine, framer: Some(framer), _place: place }
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
        self.wire.send(bytes);
    }

    /// Queues a piece of an answer to a request of the archive's own, or of a C-CANCEL.
    pub fn answer(&mut self, bytes: Bytes) {
        self.wire.send(bytes);
    }

    /// Queues what the upper layer itself says (A-RELEASE, A-ABORT).
    pub fn say(&mut self, pdu: &[u8]) {
        self.wire.send(Bytes::copy_from_slice(pdu));
    }

    /// See [`Wire::poll_recv`].
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, WireFault>> {
        self.wire.poll_recv(cx)
    }

    /// See [`Wire::poll_flush`].
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WireFault>> {
        self.wire.poll_flush(cx)
    }

    /// See [`Wire::expect_more`].
    pub const fn expect_more(&mut self, expects_more: bool) {
        self.wire.expect_more(expects_more);
    }

    /// See [`Wire::has_pending`].
    pub fn has_pending(&self) -> bool {
        self.wire.has_pending()
    }

    /// See [`Wire::is_congested`].
    pub fn is_congested(&self) -> bool {
        self.wire.is_congested()
    }

    /// See [`Wire::close`].
    pub async fn close(&mut self) {
        self.wire.close().await;
    }
}
