//! An association that somebody asks of us, before it is answered.

use super::link::Link;
use super::upper::Upper;
use super::{LinkFault, MAX_PDATA};
use crate::dicom::association::{Association, Event};
use crate::dicom::negotiation::reject;
use crate::dicom::pdu::{AssociateAc, AssociateRj, AssociateRq, Pdu};
use crate::net::Wire;
use std::time::Duration;

/// An association request, and the connection that the answer goes to.
#[derive(Debug)]
pub struct Asked {
    upper: Upper,
    request: AssociateRq,
}

impl Asked {
    /// Waits for the request on an accepted connection, its TLS handshake done. `patience`: how long for that, and
    /// later for each message.
    ///
    /// # Errors
    /// Whatever comes instead; a request of another protocol version has been rejected then.
    pub async fn on(wire: Wire, patience: Duration) -> Result<Self, LinkFault> {
        let mut upper = Upper::new(wire, Association::acceptor(patience), MAX_PDATA, patience);
        upper.on(Event::Evt5, None).await?;
        match upper.control().await? {
            Pdu::AssociateRq(request) => match reject::by_provider(&request) {
                Some(rj) => Err(LinkFault::Rejected(rj)),
                None => Ok(Self { upper, request: *request }),
            },
            Pdu::Abort(abort) => Err(LinkFault::Aborted(abort)),
            _ => Err(LinkFault::Malformed("no association request".into())),
        }
    }

    /// What is asked.
    pub const fn request(&self) -> &AssociateRq {
        &self.request
    }

    /// Accepts, on these terms.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn accept(mut self, answer: AssociateAc) -> Result<Link, LinkFault> {
        self.upper.on(Event::Evt7, Some(answer.encode())).await?;
        Ok(Link::new(self.upper, &self.request, answer, self.request.user.max_length))
    }

    /// Rejects, and closes once the caller has read it.
    pub async fn reject(mut self, rj: AssociateRj) {
        // It is rejected either way.
        let _ = self.upper.on(Event::Evt8(rj), None).await;
        let _ = tokio::time::timeout(self.upper.patience, self.upper.wire.linger()).await;
    }
}
