//! The upper layer of a link: PDUs off the wire, and what the state machine says to do about them.

use super::LinkFault;
use crate::dicom::association::{Association, Effects, Event, Outgoing};
use crate::dicom::pdu::{self, Abort, Framer, FramerLimits, Pdu};
use crate::net::Wire;
use bytes::Bytes;
use std::time::{Duration, Instant};

/// How long the last words may take.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// One end of an association, either side.
#[derive(Debug)]
pub(super) struct Upper {
    pub wire: Wire,
    framer: Framer,
    machine: Association,
    /// How long anything may take.
    pub patience: Duration,
}

impl Upper {
    /// An end that takes P-DATA-TFs of at most `pdata` bytes.
    pub(super) fn new(wire: Wire, machine: Association, pdata: u32, patience: Duration) -> Self {
        let limits = FramerLimits { pdata, odd_fragments: true, ..FramerLimits::default() };
        Self { wire, framer: Framer::new(limits), machine, patience }
    }

    /// Tells the state machine what happens here, and does what it says; `own` is what it only names.
    pub(super) async fn on(&mut self, event: Event, own: Option<Vec<u8>>) -> Result<(), LinkFault> {
        let effects = self.machine.on(event, Instant::now());
        if let Some(bytes) = own {
            self.wire.send(Bytes::from(bytes));
        }
        self.follow(effects).await
    }

    /// Whether data may be sent.
    pub(super) fn may_send(&self) -> bool {
        self.machine.may_send_pdata()
    }

    /// The next event of the stream. Set a deadline outside; dropped while it waits, nothing is lost.
    pub(super) async fn event(&mut self) -> Result<pdu::Event, LinkFault> {
        loop {
            match self.framer.next() {
                Ok(Some(event)) => return Ok(event),
                Ok(None) => {}
                Err(fault) => {
                    self.on(Event::from(fault), None).await?;
                    self.close().await;
                    return Err(fault.into());
                }
            }
            match self.wire.recv().await.map_err(LinkFault::of_wire)? {
                Some(bytes) => self.framer.feed(bytes),
                None => {
                    self.machine.on(Event::Evt17, Instant::now());
                    return Err(LinkFault::HungUp);
                }
            }
        }
    }

    /// The next event, within so much time.
    pub(super) async fn event_by(&mut self, deadline: tokio::time::Instant) -> Result<pdu::Event, LinkFault> {
        tokio::time::timeout_at(deadline, self.event()).await.unwrap_or(Err(LinkFault::Silent))
    }

    /// The next PDU, which may be no data.
    pub(super) async fn control(&mut self) -> Result<Pdu, LinkFault> {
        let deadline = tokio::time::Instant::now() + self.patience;
        loop {
            match self.event_by(deadline).await? {
                pdu::Event::Control { pdu, .. } => {
                    self.on(Event::from(&pdu), None).await?;
                    return Ok(pdu);
                }
                pdu::Event::Fragment(_) => {
                    if let Some(effects) = self.machine.on_pdata(Instant::now()) {
                        self.follow(effects).await?;
                    }
                    return Err(LinkFault::Malformed("data before an answer".into()));
                }
                pdu::Event::PDataEnd { .. } => {}
            }
        }
    }

    /// Takes a PDU that ends the association, answers it as the upper layer wants it, and closes.
    pub(super) async fn ended(&mut self, pdu: &Pdu, inside_message: bool) -> LinkFault {
        let mut done = self.on(Event::from(pdu), None).await;
        if matches!(pdu, Pdu::ReleaseRq) && done.is_ok() {
            done = self.on(Event::Evt14, None).await;
        }
        self.close().await;
        match (done, pdu) {
            (Err(fault), _) => fault,
            (Ok(()), Pdu::Abort(abort)) => LinkFault::Aborted(*abort),
            (Ok(()), Pdu::ReleaseRq) if inside_message => LinkFault::Malformed("a release inside a message".into()),
            (Ok(()), Pdu::ReleaseRq) => LinkFault::Released,
            _ => LinkFault::Malformed("an association PDU where none may be".into()),
        }
    }

    /// Aborts, and does not wait for anything but that it is sent.
    pub(super) async fn abort(&mut self) {
        // It is over whether or not the other side hears why.
        let _ = self.on(Event::Evt15(Abort::user()), None).await;
        self.close().await;
    }

    pub(super) async fn flush(&mut self) -> Result<(), LinkFault> {
        let flushed = tokio::time::timeout(self.patience, self.wire.flush()).await.map_err(|_| LinkFault::Silent)?;
        flushed.map_err(LinkFault::of_wire)
    }

    pub(super) async fn close(&mut self) {
        // The connection is over either way.
        let _ = tokio::time::timeout(LAST_WORDS, self.wire.close()).await;
    }

    async fn follow(&mut self, effects: Effects) -> Result<(), LinkFault> {
        if let Some(bytes) = effects.send.and_then(Outgoing::bytes) {
            self.wire.send(Bytes::copy_from_slice(&bytes));
        }
        self.flush().await?;
        if effects.close {
            self.close().await;
        }
        Ok(())
    }
}
