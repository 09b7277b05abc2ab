//! One association of the gateway's own: messages out, messages in, bounded and timed.

use super::message::{Message, Part, Partial};
use super::target::{Accepted, Ask, Target, host_of, proposal};
use super::upper::Upper;
use super::{LONGEST_DATA_SET, LinkFault, MAX_PDATA};
use crate::dicom::Uid;
use crate::dicom::association::{Association, Event};
use crate::dicom::dimse::Command;
use crate::dicom::negotiation::Contexts;
use crate::dicom::pdu::{self, AssociateAc, AssociateRq, Pdu, pdata};
use crate::net::buffer::Pool;
use crate::net::tls::Session;
use crate::net::{Wire, dial};
use bytes::{Bytes, BytesMut};
use rustls::pki_types::ServerName;
use std::sync::Arc;
use std::time::Duration;

/// Size of a read buffer, bytes; a link has one at most.
pub(super) const BUFFER: usize = 64 * 1024;
/// How much is queued before it is handed to the socket, bytes.
const FLUSH_AT: usize = 512 * 1024;

/// An association. Dropped without [`release`](Self::release), the connection is closed and the other side sees it
/// lost; [`abort`](Self::abort) says so in words.
#[derive(Debug)]
pub struct Link {
    upper: Upper,
    answer: AssociateAc,
    contexts: Contexts,
    /// The other side's 51H.
    max_send: u32,
    longest: usize,
    partial: Partial,
    /// The data set that came in pieces is over, and nobody was told yet.
    over: bool,
    /// What of a data set that goes out in pieces has not gone: the last fragment says that it is the last.
    held: BytesMut,
}

impl Link {
    /// Dials, does TLS where the target has it, and asks for the contexts. That none of them is accepted is no fault:
    /// see [`accepted`](Self::accepted).
    ///
    /// # Errors
    /// Why there is no association; the connection is closed then.
    pub async fn open(target: &Target<'_>, asks: &[Ask]) -> Result<Self, LinkFault> {
        Self::request(target, &proposal(target, asks)?).await
    }

    /// The same with a request of the caller's own making.
    ///
    /// # Errors
    /// Why there is no association.
    pub async fn request(target: &Target<'_>, request: &AssociateRq) -> Result<Self, LinkFault> {
        let host = host_of(target.address).ok_or_else(|| LinkFault::Address(target.address.to_owned()))?;
        let tcp = dial::tcp_within(target.address, target.bind, target.within, target.connect)
            .await
            .map_err(LinkFault::Away)?;
        let remote = tcp.peer_addr().map_err(LinkFault::Away)?;
        let mut wire = Wire::plain(tcp, remote, Arc::new(Pool::new(BUFFER, 1)));
        if let Some(tls) = &target.tls {
            let name =
                ServerName::try_from(host.to_owned()).map_err(|_| LinkFault::Address(target.address.to_owned()))?;
            let session = Session::client(Arc::clone(tls), name).map_err(|fault| LinkFault::of_wire(fault.into()))?;
            wire = wire.with_tls(session);
        }
        let asking = ask(wire, request, target.answer);
        tokio::time::timeout(target.answer, asking).await.unwrap_or(Err(LinkFault::Silent))
    }

    pub(super) fn new(upper: Upper, request: &AssociateRq, answer: AssociateAc, max_send: u32) -> Self {
        let contexts = Contexts::negotiated(request, &answer);
        Self {
            upper,
            answer,
            contexts,
            max_send,
            longest: LONGEST_DATA_SET,
            partial: Partial::default(),
            over: false,
            held: BytesMut::new(),
        }
    }

    /// How many bytes a data set may have; [`LONGEST_DATA_SET`] unless said.
    #[must_use]
    pub const fn with_longest(mut self, bytes: usize) -> Self {
        self.longest = bytes;
        self
    }

    /// How long each further answer may take; the target's `answer` unless said.
    pub const fn set_patience(&mut self, patience: Duration) {
        self.upper.patience = patience;
    }

    /// The context of a class, if one was accepted; the first, where several were.
    pub fn accepted(&self, class: &Uid) -> Option<Accepted> {
        self.all_accepted().find(|accepted| accepted.class == *class)
    }

    /// Every accepted context, in the order asked.
    pub fn all_accepted(&self) -> impl Iterator<Item = Accepted> {
        self.contexts.iter().map(|(id, context)| Accepted {
            id,
            class: *context.abstract_syntax,
            syntax: *context.transfer_syntax,
            roles: context.roles,
        })
    }

    /// The classes of the accepted contexts, in the order asked.
    pub fn asked(&self) -> impl Iterator<Item = Uid> {
        self.all_accepted().map(|accepted| accepted.class)
    }

    /// The answer to the association request, as it went over the wire.
    pub const fn answer(&self) -> &AssociateAc {
        &self.answer
    }

    /// The wire below: addresses, TLS.
    pub const fn wire(&self) -> &Wire {
        &self.upper.wire
    }

    /// Sends a message.
    ///
    /// # Errors
    /// A context that was not accepted, or whatever ends the association.
    pub async fn send(&mut self, context: u8, command: &Command, data: Option<&[u8]>) -> Result<(), LinkFault> {
        if !self.upper.may_send() || self.contexts.get(context).is_none() {
            return Err(LinkFault::Context(context));
        }
        self.fragments(context, true, &command.encode()).await?;
        if let Some(data) = data {
            self.fragments(context, false, data).await?;
        }
        self.upper.flush().await
    }

    /// Begins a message whose data set follows in pieces: [`data`](Self::data), then [`data_end`](Self::data_end).
    ///
    /// # Errors
    /// A context that was not accepted, or whatever ends the association.
    pub async fn begin(&mut self, context: u8, command: &Command) -> Result<(), LinkFault> {
        self.held.clear();
        self.send(context, command, None).await
    }

    /// The next bytes of the data set. Waits while the other side does not take them.
    ///
    /// # Errors
    /// Whatever ends the association.
    pub async fn data(&mut self, context: u8, bytes: &[u8]) -> Result<(), LinkFault> {
        let room = self.room();
        self.held.extend_from_slice(bytes);
        let mut queued = 0;
        while self.held.len() > room {
            let piece = self.held.split_to(room).freeze();
            queued += piece.len();
            self.fragment(context, false, false, piece)?;
            if queued >= FLUSH_AT {
                self.upper.flush().await?;
                queued = 0;
            }
        }
        if queued > 0 { self.upper.flush().await } else { Ok(()) }
    }

    /// The data set is over.
    ///
    /// # Errors
    /// Whatever ends the association.
    pub async fn data_end(&mut self, context: u8) -> Result<(), LinkFault> {
        let piece = std::mem::take(&mut self.held).freeze();
        self.fragment(context, false, true, piece)?;
        self.upper.flush().await
    }

    fn fragment(&mut self, context: u8, command: bool, last: bool, piece: Bytes) -> Result<(), LinkFault> {
        let head = pdata::header(context, command, last, piece.len()).ok_or(LinkFault::TooLong(piece.len()))?;
        self.upper.wire.send(Bytes::copy_from_slice(&head));
        self.upper.wire.send(piece);
        Ok(())
    }

    /// Bytes of a data set in one fragment.
    fn room(&self) -> usize {
        let max = if self.max_send == 0 { MAX_PDATA } else { self.max_send.min(MAX_PDATA) };
        usize::try_from(max).unwrap_or(0).saturating_sub(pdata::PDV_HEAD).max(2) & !1
    }

    async fn fragments(&mut self, context: u8, command: bool, bytes: &[u8]) -> Result<(), LinkFault> {
        let room = self.room();
        let (mut rest, mut queued) = (bytes, 0);
        loop {
            let (piece, behind) = rest.split_at_checked(room).unwrap_or((rest, &[]));
            self.fragment(context, command, behind.is_empty(), Bytes::copy_from_slice(piece))?;
            queued += piece.len();
            if behind.is_empty() {
                return Ok(());
            }
            if queued >= FLUSH_AT {
                self.upper.flush().await?;
                queued = 0;
            }
            rest = behind;
        }
    }

    /// The next message: an answer, or a request of the other side, which the caller answers by
    /// [`send`](Self::send). Dropped while it waits, nothing is lost: call it again.
    ///
    /// # Errors
    /// Whatever ends the association, its release included, and silence.
    pub async fn receive(&mut self) -> Result<Message, LinkFault> {
        let deadline = tokio::time::Instant::now() + self.upper.patience;
        loop {
            match self.upper.event_by(deadline).await? {
                pdu::Event::Fragment(fragment) => {
                    if self.contexts.get(fragment.context).is_none() {
                        self.upper.abort().await;
                        return Err(LinkFault::Malformed("a message on a context that was not accepted".into()));
                    }
                    match self.partial.take(&fragment, self.longest) {
                        Ok(None) => {}
                        Ok(Some(message)) => return Ok(message),
                        Err(fault) => {
                            self.upper.abort().await;
                            return Err(fault);
                        }
                    }
                }
                pdu::Event::PDataEnd { .. } => {}
                pdu::Event::Control { pdu, .. } => return Err(self.upper.ended(&pdu, self.partial.begun()).await),
            }
        }
    }

    /// The next piece of a message, of whatever length; each may take as long as an answer. Not to be mixed with
    /// [`receive`](Self::receive) inside a message. Dropped while it waits, nothing is lost.
    ///
    /// # Errors
    /// Whatever ends the association, its release included, and silence.
    pub async fn part(&mut self) -> Result<Part, LinkFault> {
        if std::mem::take(&mut self.over) {
            return Ok(Part::End);
        }
        let deadline = tokio::time::Instant::now() + self.upper.patience;
        loop {
            match self.upper.event_by(deadline).await? {
                pdu::Event::Fragment(fragment) => {
                    let taken = match self.contexts.get(fragment.context) {
                        None => Err(LinkFault::Malformed("a message on a context that was not accepted".into())),
                        Some(_) => self.partial.take_part(&fragment),
                    };
                    match taken {
                        Ok((None, _)) => {}
                        Ok((Some(part), over)) => {
                            self.over = over;
                            return Ok(part);
                        }
                        Err(fault) => {
                            self.upper.abort().await;
                            return Err(fault);
                        }
                    }
                }
                pdu::Event::PDataEnd { .. } => {}
                pdu::Event::Control { pdu, .. } => return Err(self.upper.ended(&pdu, self.partial.begun()).await),
            }
        }
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// Whatever ends the association, and anything else that comes first.
    pub async fn call(&mut self, context: u8, command: &Command, data: Option<&[u8]>) -> Result<Message, LinkFault> {
        self.send(context, command, data).await?;
        let answer = self.receive().await?;
        if answer.command.responded_to == command.message_id && answer.command.field.is_response() {
            return Ok(answer);
        }
        self.upper.abort().await;
        Err(LinkFault::Malformed(format!("a {} where an answer to a {} was due", answer.command.field, command.field)))
    }

    /// Releases the association and closes the connection. Messages that still come are dropped.
    ///
    /// # Errors
    /// Anything but an A-RELEASE-RP, or a release of the other side's own at the same time.
    pub async fn release(mut self) -> Result<(), LinkFault> {
        self.upper.on(Event::Evt11, None).await?;
        let deadline = tokio::time::Instant::now() + self.upper.patience;
        loop {
            let pdu::Event::Control { pdu, .. } = self.upper.event_by(deadline).await? else { continue };
            if pdu == Pdu::ReleaseRp {
                return self.upper.on(Event::from(&pdu), None).await;
            }
            return match self.upper.ended(&pdu, false).await {
                LinkFault::Released => Ok(()),
                fault => Err(fault),
            };
        }
    }

    /// Ends the association with an A-ABORT, and does not wait for anything but that it is sent.
    pub async fn abort(mut self) {
        self.upper.abort().await;
    }
}

async fn ask(wire: Wire, request: &AssociateRq, patience: Duration) -> Result<Link, LinkFault> {
    let mut upper = Upper::new(wire, Association::requestor(patience), request.user.max_length, patience);
    upper.wire.handshake().await.map_err(LinkFault::of_wire)?;
    upper.on(Event::Evt1, None).await?;
    upper.on(Event::Evt2, Some(request.encode())).await?;
    match upper.control().await? {
        Pdu::AssociateAc(answer) => {
            let max_send = answer.user.max_length;
            Ok(Link::new(upper, request, *answer, max_send))
        }
        Pdu::AssociateRj(rejection) => Err(LinkFault::Rejected(rejection)),
        Pdu::Abort(abort) => Err(LinkFault::Aborted(abort)),
        _ => Err(LinkFault::Malformed("no answer to the association request".into())),
    }
}
