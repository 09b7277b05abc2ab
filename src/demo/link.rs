//! One association of the demonstration, either side: messages in, messages out, over a wire of the `net` room.
//!
//! It takes what its own archive, scanner and workstation need and no more; the gateway has its own way.

use crate::dicom::association::{Association, Effects, Event, Outgoing};
use crate::dicom::dimse::{Command, CommandFault, Tolerances};
use crate::dicom::pdu::{
    self, Abort, AssociateAc, AssociateRj, AssociateRq, Framer, FramerLimits, Pdu, PduFault, pdata,
};
use crate::net::Wire;
use crate::net::wire::WireFault;
use bytes::Bytes;
use std::future::poll_fn;
use std::task::Poll;
use std::time::{Duration, Instant};

/// The longest P-DATA-TF that both sides of the demonstration take, bytes.
pub const MAX_PDATA: u32 = 128 * 1024;
/// The longest data set that is kept in memory, bytes.
pub const MAX_DATA_SET: usize = 1 << 30;
/// How long a silent peer is waited for.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How much is queued before it is handed to the socket, bytes.
const FLUSH_AT: usize = 512 * 1024;

/// Why an association ended against the plan.
#[derive(Debug, thiserror::Error)]
pub enum LinkFault {
    /// The connection or its TLS.
    #[error(transparent)]
    Wire(#[from] WireFault),
    /// No answer in [`PATIENCE`].
    #[error("no answer in time")]
    Silence,
    /// The other side closed the connection.
    #[error("the connection was closed")]
    Closed,
    /// Rejected, with the codes of PS3.8 table 9-21.
    #[error("rejected ({}/{}/{})", .0.result, .0.source, .0.reason)]
    Rejected(AssociateRj),
    /// Aborted, with the codes of PS3.8 9.3.8.
    #[error("aborted ({}/{})", .0.source, .0.reason)]
    Aborted(Abort),
    /// Bytes that are no PDU.
    #[error("{0}")]
    Pdu(#[from] PduFault),
    /// A command set that is none.
    #[error("{0}")]
    Command(#[from] CommandFault),
    /// Something that may not come now.
    #[error("{0}")]
    Unexpected(&'static str),
    /// A data set over [`MAX_DATA_SET`].
    #[error("a data set is longer than the demonstration keeps in memory")]
    TooLong,
}

/// A message: a command and what came with it.
#[derive(Debug)]
pub struct Message {
    /// The presentation context it came on.
    pub context: u8,
    /// The command set.
    pub command: Command,
    /// The data set, where the command says that one follows.
    pub data: Option<Bytes>,
}

/// What came.
#[derive(Debug)]
pub enum Received {
    /// A message.
    Message(Box<Message>),
    /// The peer releases the association; it has been answered.
    Released,
}

/// An association.
#[derive(Debug)]
pub struct Link {
    wire: Wire,
    framer: Framer,
    machine: Association,
    /// The other side's 51H.
    max_send: u32,
    /// An event that was looked at and not yet taken.
    ahead: Option<pdu::Event>,
}

impl Link {
    /// Asks for an association on a connected wire (its TLS handshake done).
    ///
    /// # Errors
    /// [`LinkFault::Rejected`], and whatever else ends it.
    pub async fn request(wire: Wire, request: &AssociateRq) -> Result<(Self, AssociateAc), LinkFault> {
        let mut link = Self::new(wire, Association::requestor(PATIENCE));
        link.machine.on(Event::Evt1, Instant::now());
        let effects = link.machine.on(Event::Evt2, Instant::now());
        link.follow(effects, Some(request.encode())).await?;
        match link.control().await? {
            Pdu::AssociateAc(answer) => {
                link.max_send = answer.user.max_length;
                Ok((link, *answer))
            }
            Pdu::AssociateRj(rejection) => Err(LinkFault::Rejected(rejection)),
            _ => Err(LinkFault::Unexpected("no answer to the association request")),
        }
    }

    /// Waits for an association request on an accepted connection; [`answer`](Self::answer) must follow.
    ///
    /// # Errors
    /// Whatever ends it before there is one.
    pub async fn accept(wire: Wire) -> Result<(Self, AssociateRq), LinkFault> {
        let mut link = Self::new(wire, Association::acceptor(PATIENCE));
        link.machine.on(Event::Evt5, Instant::now());
        match link.control().await? {
            Pdu::AssociateRq(request) => {
                link.max_send = request.user.max_length;
                Ok((link, *request))
            }
            _ => Err(LinkFault::Unexpected("no association request")),
        }
    }

    /// Accepts what was asked.
    ///
    /// # Errors
    /// Whatever ends it.
    pub async fn answer(&mut self, answer: &AssociateAc) -> Result<(), LinkFault> {
        let effects = self.machine.on(Event::Evt7, Instant::now());
        self.follow(effects, Some(answer.encode())).await
    }

    /// The wire below.
    pub const fn wire(&self) -> &Wire {
        &self.wire
    }

    fn new(wire: Wire, machine: Association) -> Self {
        let limits = FramerLimits { pdata: MAX_PDATA, ..FramerLimits::default() };
        Self { wire, framer: Framer::new(limits), machine, max_send: 0, ahead: None }
    }

    /// Sends a message. The data set goes out as slices of what is given.
    ///
    /// # Errors
    /// Whatever ends the association.
    pub async fn send(&mut self, context: u8, command: &Command, data: Option<&Bytes>) -> Result<(), LinkFault> {
        if !self.machine.may_send_pdata() {
            return Err(LinkFault::Unexpected("the association is over"));
        }
        self.send_fragments(context, true, &Bytes::from(command.encode())).await?;
        if let Some(data) = data {
            self.send_fragments(context, false, data).await?;
        }
        self.flush().await
    }

    async fn send_fragments(&mut self, context: u8, command: bool, bytes: &Bytes) -> Result<(), LinkFault> {
        // Even fragments, within what the other side takes and what is worth one turn.
        let limit = if self.max_send == 0 { MAX_PDATA } else { self.max_send.min(MAX_PDATA) };
        let room = usize::try_from(limit).unwrap_or(0).saturating_sub(pdata::PDV_HEAD).max(2) & !1;
        let mut at = 0;
        let mut queued = 0;
        loop {
            let piece = bytes.slice(at..bytes.len().min(at + room));
            at += piece.len();
            let last = at >= bytes.len();
            let head = pdata::header(context, command, last, piece.len()).ok_or(LinkFault::TooLong)?;
            self.wire.send(Bytes::copy_from_slice(&head));
            queued += piece.len();
            self.wire.send(piece);
            if last {
                return Ok(());
            }
            if queued >= FLUSH_AT {
                self.flush().await?;
                queued = 0;
            }
        }
    }

    /// The next message, or the end of the association.
    ///
    /// # Errors
    /// Whatever ends it against the plan.
    pub async fn receive(&mut self) -> Result<Received, LinkFault> {
        let mut partial = Partial::default();
        loop {
            match self.event().await? {
                pdu::Event::Fragment(fragment) => {
                    if let Some(message) = partial.take(&fragment)? {
                        return Ok(Received::Message(Box::new(message)));
                    }
                }
                pdu::Event::PDataEnd { .. } => {}
                pdu::Event::Control { pdu, .. } => {
                    if partial.begun() {
                        return Err(self.unexpected(pdu).await);
                    }
                    let effects = self.machine.on(Event::from(&pdu), Instant::now());
                    self.follow(effects, None).await?;
                    match pdu {
                        Pdu::ReleaseRq => {
                            let effects = self.machine.on(Event::Evt14, Instant::now());
                            self.follow(effects, None).await?;
                            self.close().await;
                            return Ok(Received::Released);
                        }
                        Pdu::Abort(abort) => return Err(LinkFault::Aborted(abort)),
                        _ => return Err(LinkFault::Unexpected("an association PDU in the middle of an association")),
                    }
                }
            }
        }
    }

    /// The next message; the end of the association is a fault.
    ///
    /// # Errors
    /// Whatever ends it.
    pub async fn message(&mut self) -> Result<Message, LinkFault> {
        match self.receive().await? {
            Received::Message(message) => Ok(*message),
            Received::Released => Err(LinkFault::Unexpected("a release in the middle of an operation")),
        }
    }

    /// Whether something has already come: between two responses an archive looks for a C-CANCEL this way.
    ///
    /// # Errors
    /// A connection that is over.
    pub async fn has_news(&mut self) -> Result<bool, LinkFault> {
        tokio::task::yield_now().await;
        while matches!(self.ahead, None | Some(pdu::Event::PDataEnd { .. })) {
            self.ahead = self.framer.next()?;
            if self.ahead.is_none() {
                break;
            }
        }
        if self.ahead.is_some() {
            return Ok(true);
        }
        let polled = poll_fn(|cx| Poll::Ready(self.wire.poll_recv(cx))).await;
        match polled {
            Poll::Pending => Ok(false),
            Poll::Ready(Ok(Some(bytes))) => {
                self.wire.unread(&bytes);
                Ok(true)
            }
            Poll::Ready(Ok(None)) => Err(LinkFault::Closed),
            Poll::Ready(Err(fault)) => Err(fault.into()),
        }
    }

    /// Releases the association and closes the connection.
    ///
    /// # Errors
    /// Anything but an A-RELEASE-RP in answer.
    pub async fn release(mut self) -> Result<(), LinkFault> {
        let effects = self.machine.on(Event::Evt11, Instant::now());
        self.follow(effects, None).await?;
        let answer = self.control().await?;
        self.close().await;
        match answer {
            Pdu::ReleaseRp => Ok(()),
            _ => Err(LinkFault::Unexpected("no answer to the release request")),
        }
    }

    async fn control(&mut self) -> Result<Pdu, LinkFault> {
        loop {
            match self.event().await? {
                pdu::Event::Control { pdu, .. } => {
                    let effects = self.machine.on(Event::from(&pdu), Instant::now());
                    self.follow(effects, None).await?;
                    return match pdu {
                        Pdu::Abort(abort) => Err(LinkFault::Aborted(abort)),
                        pdu => Ok(pdu),
                    };
                }
                pdu::Event::Fragment(_) => {
                    if let Some(effects) = self.machine.on_pdata(Instant::now()) {
                        self.follow(effects, None).await?;
                    }
                    return Err(LinkFault::Unexpected("data where an association PDU must be"));
                }
                pdu::Event::PDataEnd { .. } => {}
            }
        }
    }

    async fn event(&mut self) -> Result<pdu::Event, LinkFault> {
        if let Some(event) = self.ahead.take() {
            return Ok(event);
        }
        loop {
            match self.framer.next() {
                Ok(Some(event)) => return Ok(event),
                Ok(None) => {}
                Err(fault) => {
                    let effects = self.machine.on(Event::Evt19(fault.abort()), Instant::now());
                    self.follow(effects, None).await?;
                    return Err(fault.into());
                }
            }
            match tokio::time::timeout(PATIENCE, self.wire.recv()).await {
                Err(_) => return Err(LinkFault::Silence),
                Ok(Err(fault)) => return Err(fault.into()),
                Ok(Ok(None)) => {
                    self.machine.on(Event::Evt17, Instant::now());
                    return Err(LinkFault::Closed);
                }
                Ok(Ok(Some(bytes))) => self.framer.feed(bytes),
            }
        }
    }

    async fn unexpected(&mut self, pdu: Pdu) -> LinkFault {
        if let Pdu::Abort(abort) = pdu {
            return LinkFault::Aborted(abort);
        }
        let effects = self.machine.on(Event::Evt15(Abort::user()), Instant::now());
        if let Err(fault) = self.follow(effects, None).await {
            return fault;
        }
        LinkFault::Unexpected("an association PDU in the middle of a message")
    }

    /// Does what the state machine says.
    async fn follow(&mut self, effects: Effects, own: Option<Vec<u8>>) -> Result<(), LinkFault> {
        let bytes = match effects.send {
            None => None,
            Some(Outgoing::AssociateRq | Outgoing::AssociateAc | Outgoing::PData) => own.map(Bytes::from),
            Some(outgoing) => outgoing.bytes().map(|bytes| Bytes::copy_from_slice(&bytes)),
        };
        if let Some(bytes) = bytes {
            self.wire.send(bytes);
            self.flush().await?;
        }
        if effects.close {
            self.close().await;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), LinkFault> {
        match tokio::time::timeout(PATIENCE, self.wire.flush()).await {
            Ok(done) => Ok(done?),
            Err(_) => Err(LinkFault::Silence),
        }
    }

    async fn close(&mut self) {
        // The connection is over either way.
        let _ = tokio::time::timeout(Duration::from_secs(2), self.wire.close()).await;
    }
}

/// A message as far as it came.
#[derive(Debug, Default)]
struct Partial {
    context: u8,
    command_bytes: Vec<u8>,
    command: Option<Command>,
    data: Vec<u8>,
}

impl Partial {
    const fn begun(&self) -> bool {
        self.command.is_some() || !self.command_bytes.is_empty()
    }

    fn take(&mut self, fragment: &pdu::Fragment) -> Result<Option<Message>, LinkFault> {
        if self.begun() && fragment.context != self.context {
            return Err(LinkFault::Unexpected("two messages mixed up"));
        }
        self.context = fragment.context;
        let over = fragment.last && fragment.ends;
        if fragment.command {
            if self.command.is_some() || self.command_bytes.len() + fragment.bytes.len() > Command::MAX_LENGTH {
                return Err(LinkFault::Unexpected("a command set that does not end"));
            }
            self.command_bytes.extend_from_slice(&fragment.bytes);
            if over {
                let command = Command::decode(&self.command_bytes, &Tolerances::default())?;
                let complete = !command.data_set;
                self.command = Some(command);
                return Ok(complete.then(|| self.done()).flatten());
            }
            return Ok(None);
        }
        if self.command.is_none() {
            return Err(LinkFault::Unexpected("a data set without a command"));
        }
        if self.data.len() + fragment.bytes.len() > MAX_DATA_SET {
            return Err(LinkFault::TooLong);
        }
        self.data.extend_from_slice(&fragment.bytes);
        Ok(if over { self.done() } else { None })
    }

    fn done(&mut self) -> Option<Message> {
        let command = self.command.take()?;
        let data = command.data_set.then(|| Bytes::from(std::mem::take(&mut self.data)));
        Some(Message { context: self.context, command, data })
    }
}
