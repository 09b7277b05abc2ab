//! One connection, plain or TLS: what arrived comes out as slices, what is to go is queued as slices.
//!
//! Poll-based, so that one task can own both connections of an association without a channel between them.

use super::buffer::Pool;
use super::tls::{Session, TlsFault};
use bytes::{Buf, Bytes, BytesMut};
use rustls::CommonState;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// How much plaintext is encrypted before it is handed to the socket, bytes.
const ENCRYPT_AT_ONCE: usize = 64 * 1024;
/// Slices that may wait to go before the other end counts as not reading.
const QUEUED: usize = 1024;
/// Encrypted bytes that may wait to go before the other end counts as not reading.
const ENCRYPTED: usize = 512 * 1024;
/// How many slices one vectored write carries at most.
const SLICES: usize = 64;

/// How much of an incomplete record is moved out of the buffer while its rest is awaited, bytes.
const KEPT_WHILE_WAITING: usize = 1024;

/// A connection.
#[derive(Debug)]
pub struct Wire {
    tcp: TcpStream,
    remote: SocketAddr,
    pool: Arc<Pool>,
    tls: Option<Box<Tls>>,
    /// Where plaintext arrives; holds memory only while there is something to read.
    plain: BytesMut,
    queue: VecDeque<Bytes>,
    read_closed: bool,
    /// TCP_QUICKACK has been set since the last read.
    quick: bool,
    /// More of what is under way is expected: see [`Wire::expect_more`].
    expects_more: bool,
}

#[derive(Debug)]
struct Tls {
    session: Session,
    /// TLS records as they came, `start..end` not used up yet; empty while idle.
    records: Vec<u8>,
    start: usize,
    end: usize,
    /// Records to send, from `sent` on.
    out: Vec<u8>,
    sent: usize,
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub enum WireFault {
    /// The connection broke.
    #[error("connection lost: {0}")]
    Lost(#[from] io::Error),
    /// TLS ended it.
    #[error("{0}")]
    Tls(#[from] TlsFault),
}

impl Wire {
    /// A plain connection. Nagle's algorithm is switched off.
    pub fn plain(tcp: TcpStream, remote: SocketAddr, pool: Arc<Pool>) -> Self {
        // A socket that refuses the option still works, only slower.
        let _ = tcp.set_nodelay(true);
        Self {
            tcp,
            remote,
            pool,
            tls: None,
            plain: BytesMut::new(),
            queue: VecDeque::new(),
            read_closed: false,
            quick: false,
            expects_more: true,
        }
    }

    /// Puts a TLS session on top; [`Wire::handshake`] must follow. What already arrived belongs to the session.
    pub fn with_tls(mut self, session: Session) -> Self {
        let mut records = Vec::new();
        let early = self.plain.split();
        let end = early.len();
        if end > 0 {
            records = self.pool.take_cipher();
            if records.len() < end {
                records.resize(end, 0);
            }
            if let Some(place) = records.get_mut(..end) {
                place.copy_from_slice(&early);
            }
        }
        self.tls = Some(Box::new(Tls { session, records, start: 0, end, out: Vec::new(), sent: 0 }));
        self
    }

    /// Our end's address: where the other side sees us, unless something between translates.
    ///
    /// # Errors
    /// What the system says of a socket that is gone.
    pub fn local(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// The other end's address, a PROXY header undone.
    pub const fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// Replaces the other end's address by what a PROXY header said.
    pub const fn set_remote(&mut self, remote: SocketAddr) {
        self.remote = remote;
    }

    /// What the TLS session knows; `None` on a plain connection.
    pub fn tls(&self) -> Option<&CommonState> {
        self.tls.as_ref().map(|tls| tls.session.common())
    }

    /// Does the TLS handshake. On a fault the alert has been sent as far as the socket took it. Set a deadline outside.
    pub async fn handshake(&mut self) -> Result<(), WireFault> {
        let outcome = poll_fn(|cx| self.poll_handshake(cx)).await;
        if outcome.is_err() {
            // The alert tells the peer why; that it may not arrive changes nothing.
            let _ = poll_fn(|cx| self.poll_flush(cx)).await;
        }
        outcome
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WireFault>> {
        loop {
            let Some(tls) = &mut self.tls else { return Poll::Ready(Ok(())) };
            // With nothing to read this lets a client begin and an accepted session say what it still owes.
            tls.decrypt(&mut self.plain)?;
            let established = tls.session.is_established();
            ready!(self.poll_flush(cx))?;
            if established {
                return Poll::Ready(Ok(()));
            }
            if ready!(self.poll_fill(cx))? == 0 {
                return Poll::Ready(Err(WireFault::Lost(io::ErrorKind::UnexpectedEof.into())));
            }
        }
    }

    /// Reads more TLS records into the record buffer; 0 at the end of the stream.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.acknowledge();
        let Some(tls) = &mut self.tls else { return Poll::Ready(Ok(0)) };
        if tls.records.len() < self.pool.size() {
            ready!(self.tcp.poll_read_ready(cx))?;
            tls.grow(&self.pool);
        }
        tls.make_room();
        let room = tls.records.get_mut(tls.end..).unwrap_or_default();
        let mut buffer = ReadBuf::new(room);
        match Pin::new(&mut self.tcp).poll_read(cx, &mut buffer) {
            Poll::Ready(outcome) => {
                outcome?;
                let read = buffer.filled().len();
                tls.end += read;
                self.quick = false;
                Poll::Ready(Ok(read))
            }
            Poll::Pending => {
                tls.release(&self.pool);
                Poll::Pending
            }
        }
    }

    /// Waits for something to read and returns it; `None` when the peer has closed its side. The slice is a piece of
    /// a pooled buffer, which is free again when all its slices are dropped.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, WireFault>> {
        if self.tls.is_some() { self.poll_recv_tls(cx) } else { self.poll_recv_plain(cx) }
    }

    fn poll_recv_plain(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, WireFault>> {
        if !self.plain.is_empty() {
            return Poll::Ready(Ok(Some(self.plain.split().freeze())));
        }
        if self.read_closed {
            return Poll::Ready(Ok(None));
        }
        self.acknowledge();
        if self.plain.capacity() == 0 {
            ready!(self.tcp.poll_read_ready(cx)).map_err(WireFault::Lost)?;
            self.plain = self.pool.take_plain();
        } else if self.plain.capacity() < self.pool.size() / 4 {
            self.renew_plain();
        }
        let outcome = {
            let read = std::pin::pin!(tokio::io::AsyncReadExt::read_buf(&mut self.tcp, &mut self.plain));
            std::future::Future::poll(read, cx)
        };
        match outcome {
            Poll::Ready(Ok(0)) => {
                self.read_closed = true;
                self.release();
                Poll::Ready(Ok(None))
            }
            Poll::Ready(Ok(_)) => {
                self.quick = false;
                Poll::Ready(Ok(Some(self.plain.split().freeze())))
            }
            Poll::Ready(Err(fault)) => Poll::Ready(Err(fault.into())),
            Poll::Pending => {
                self.release();
                Poll::Pending
            }
        }
    }

    fn poll_recv_tls(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, WireFault>> {
        loop {
            if !self.plain.is_empty() {
                return Poll::Ready(Ok(Some(self.plain.split().freeze())));
            }
            if self.read_closed {
                self.release();
                return Poll::Ready(Ok(None));
            }
            let filled = self.poll_fill(cx);
            if filled.is_pending() {
                // An idle session keeps its keys and no buffer.
                self.release();
            }
            if ready!(filled.map_err(WireFault::Lost))? == 0 {
                // The end of the stream without a closing alert: a truncation cannot be told from a careless peer, and
                // no message counts as complete before its last fragment anyway.
                self.read_closed = true;
                continue;
            }
            // Plaintext is never longer than its records.
            let most = self.tls.as_ref().map_or(0, |tls| tls.end - tls.start);
            if self.plain.capacity() < most {
                self.renew_plain();
            }
            let Some(tls) = &mut self.tls else { continue };
            match tls.decrypt(&mut self.plain) {
                Ok(closed) => self.read_closed |= closed,
                Err(fault) => return Poll::Ready(Err(fault.into())),
            }
            if tls.out.len() > 2 * ENCRYPTED {
                // TLS itself answers some records (KeyUpdate), also while nobody here has anything to send.
                let words = "the other end does not read what TLS answers it";
                return Poll::Ready(Err(WireFault::Lost(io::Error::other(words))));
            }
            if tls.start == tls.end && self.plain.is_empty() {
                self.release();
            }
        }
    }

    /// Queues bytes to go. Bounded by the caller: it reads no more from the other side while this side is full.
    pub fn send(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.queue.push_back(bytes);
        }
    }

    /// Whether something waits to go.
    pub fn has_pending(&self) -> bool {
        !self.queue.is_empty() || self.tls.as_ref().is_some_and(|tls| !tls.out.is_empty())
    }

    /// Whether so much waits to go that the other end does not seem to read. Who is answered only because of what it
    /// sends is then not read from, or what it is owed would grow without bound.
    pub fn is_congested(&self) -> bool {
        self.queue.len() >= QUEUED || self.tls.as_ref().is_some_and(|tls| tls.out.len() > ENCRYPTED)
    }

    /// Hands everything queued to the socket.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WireFault>> {
        loop {
            if let Some(tls) = &mut self.tls {
                while tls.out.len() < ENCRYPT_AT_ONCE {
                    let Some(mut next) = self.queue.pop_front() else { break };
                    let piece = next.split_to(next.len().min(ENCRYPT_AT_ONCE));
                    tls.session.write(&piece, &mut tls.out)?;
                    if !next.is_empty() {
                        self.queue.push_front(next);
                    }
                }
                while tls.sent < tls.out.len() {
                    let rest = tls.out.get(tls.sent..).unwrap_or_default();
                    let written = ready!(Pin::new(&mut self.tcp).poll_write(cx, rest))?;
                    if written == 0 {
                        return Poll::Ready(Err(WireFault::Lost(io::ErrorKind::WriteZero.into())));
                    }
                    tls.sent += written;
                }
                tls.out.clear();
                tls.sent = 0;
                if self.queue.is_empty() {
                    // An idle session holds no room for records; a busy one gets it back from the allocator's cache.
                    if tls.out.capacity() > 4096 {
                        tls.out = Vec::new();
                    }
                    return Poll::Ready(Ok(()));
                }
            } else {
                if self.queue.is_empty() {
                    return Poll::Ready(Ok(()));
                }
                let mut slices = [IoSlice::new(&[]); SLICES];
                let mut count = 0;
                for (slot, bytes) in slices.iter_mut().zip(&self.queue) {
                    *slot = IoSlice::new(bytes);
                    count += 1;
                }
                let slices = slices.get(..count).unwrap_or_default();
                let written = ready!(Pin::new(&mut self.tcp).poll_write_vectored(cx, slices))?;
                if written == 0 {
                    return Poll::Ready(Err(WireFault::Lost(io::ErrorKind::WriteZero.into())));
                }
                self.advance(written);
            }
        }
    }

    fn advance(&mut self, mut written: usize) {
        while let Some(front) = self.queue.front_mut() {
            if front.len() > written {
                front.advance(written);
                return;
            }
            written -= front.len();
            self.queue.pop_front();
        }
    }

    /// Says whether the other end has more to send of what is under way. Then each read is acknowledged at once, for
    /// an end with Nagle's algorithm on holds the rest back until it is; otherwise the acknowledgement travels with
    /// our answer, which saves a segment and its handling at both ends.
    pub const fn expect_more(&mut self, expects_more: bool) {
        self.expects_more = expects_more;
    }

    fn acknowledge(&mut self) {
        if self.expects_more && !self.quick {
            quickack(&self.tcp);
            self.quick = true;
        }
    }

    fn renew_plain(&mut self) {
        if self.plain.try_reclaim(self.pool.size()) {
            return;
        }
        let old = std::mem::take(&mut self.plain);
        self.pool.give_plain(old);
        self.plain = self.pool.take_plain();
    }

    /// Gives buffers back while nothing is to be read.
    fn release(&mut self) {
        if self.plain.is_empty() && self.plain.capacity() > 0 {
            let plain = std::mem::take(&mut self.plain);
            self.pool.give_plain(plain);
        }
        if let Some(tls) = &mut self.tls {
            tls.release(&self.pool);
        }
        if self.queue.is_empty() && self.queue.capacity() > 8 {
            self.queue = VecDeque::new();
        }
    }

    /// Waits for something to read.
    pub async fn recv(&mut self) -> Result<Option<Bytes>, WireFault> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Waits until everything queued has been handed to the socket.
    pub async fn flush(&mut self) -> Result<(), WireFault> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Puts bytes back that were read too far: they come out of the next read first.
    pub fn unread(&mut self, bytes: &[u8]) {
        // A buffer as the pool gives them, for to the pool it goes.
        let mut joined = self.pool.take_plain();
        joined.extend_from_slice(bytes);
        joined.extend_from_slice(&self.plain);
        self.plain = joined;
    }

    /// Sends what is queued and the closing alert, then closes our side. Best effort: the connection is over anyway.
    /// Set a deadline outside.
    pub async fn close(&mut self) {
        if self.flush().await.is_err() {
            return;
        }
        if let Some(tls) = &mut self.tls
            && tls.session.is_established()
            && tls.session.close(&mut tls.out).is_ok()
            && self.flush().await.is_err()
        {
            return;
        }
        let _ = poll_fn(|cx| Pin::new(&mut self.tcp).poll_shutdown(cx)).await;
    }

    /// Reads and drops what still comes until the other end closes, so that it has read our last words. Set a
    /// deadline outside.
    pub async fn linger(&mut self) {
        while let Ok(Some(_)) = self.recv().await {}
    }

    /// Drops the connection so that the other end sees a reset and not an orderly end.
    pub fn reset(self) {
        let _ = socket2::SockRef::from(&self.tcp).set_linger(Some(std::time::Duration::ZERO));
    }
}

impl Tls {
    /// Decrypts what is there; returns whether the peer has closed its side.
    fn decrypt(&mut self, plain: &mut BytesMut) -> Result<bool, TlsFault> {
        let input = self.records.get_mut(self.start..self.end).unwrap_or_default();
        let (used, outcome) = self.session.read(input, plain, &mut self.out);
        self.start += used;
        if self.start >= self.end {
            self.start = 0;
            self.end = 0;
        }
        outcome
    }

    /// Moves an incomplete record to the front when there is little room behind it.
    fn make_room(&mut self) {
        if self.start > 0 {
            self.records.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        // A handshake message may span records; rustls bounds it (64 KiB), so this does too.
        if self.end == self.records.len() {
            self.records.resize(self.end + 32 * 1024, 0);
        }
    }

    /// Takes a whole buffer, with what little a slow peer has sent so far at its front.
    fn grow(&mut self, pool: &Pool) {
        let mut records = pool.take_cipher();
        let held = self.records.get(self.start..self.end).unwrap_or_default();
        self.end = held.len();
        self.start = 0;
        if records.len() < self.end {
            records.resize(self.end, 0);
        }
        if let Some(front) = records.get_mut(..self.end) {
            front.copy_from_slice(held);
        }
        self.records = records;
    }

    /// Gives the buffer back; a small beginning of a record is kept, so that slow peers do not hold buffers.
    fn release(&mut self, pool: &Pool) {
        let held = self.records.get(self.start..self.end).unwrap_or_default();
        if self.records.len() >= pool.size() && held.len() <= KEPT_WHILE_WAITING {
            let held = held.to_vec();
            self.start = 0;
            self.end = held.len();
            pool.give_cipher(std::mem::replace(&mut self.records, held));
        }
    }
}

/// Stock DCMTK and Orthanc leave Nagle's algorithm on and then wait for a delayed ACK at every turn (44 ms); an ACK at
/// once sets them free. The option does not last, so it is set before each read.
#[cfg(target_os = "linux")]
fn quickack(tcp: &TcpStream) {
    let _ = tcp.set_quickack(true);
}

#[cfg(not(target_os = "linux"))]
fn quickack(_: &TcpStream) {}
