//! The session: which side we are, and what both sides do alike.

use super::step::{Found, TlsFault, take, write};
use bytes::BytesMut;
use rustls::CommonState;
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::server::UnbufferedServerConnection;
use std::sync::Arc;

/// A TLS session without a socket: bytes in, bytes out.
pub struct Session {
    side: Side,
    established: bool,
    /// A fault ended it; nothing is read or written any more.
    over: bool,
}

/// Which side of the session we are.
pub enum Side {
    /// We listened.
    Server(Box<UnbufferedServerConnection>),
    /// We dialled.
    Client(Box<UnbufferedClientConnection>),
}

impl Session {
    /// A session that we accept.
    pub fn server(config: Arc<rustls::ServerConfig>) -> Result<Self, TlsFault> {
        let connection = UnbufferedServerConnection::new(config)?;
        Ok(Self { side: Side::Server(Box::new(connection)), established: false, over: false })
    }

    /// A session that we open. The name goes out as SNI where it is a DNS name; what the certificate must show is the
    /// configuration's verifier's business.
    pub fn client(config: Arc<rustls::ClientConfig>, name: ServerName<'static>) -> Result<Self, TlsFault> {
        let connection = UnbufferedClientConnection::new(config, name)?;
        Ok(Self { side: Side::Client(Box::new(connection)), established: false, over: false })
    }

    /// Whether the handshake is done.
    pub const fn is_established(&self) -> bool {
        self.established
    }

    /// Which side we are.
    pub const fn side(&self) -> &Side {
        &self.side
    }

    /// What both sides know of the session: certificates, version, suite, group, ALPN.
    pub fn common(&self) -> &CommonState {
        match &self.side {
            Side::Server(connection) => connection,
            Side::Client(connection) => connection,
        }
    }

    /// Takes records off the front of `input` as far as they are whole: plaintext is appended to `plain`, what must be
    /// sent to `out`. Returns how many bytes are used up, and whether the peer has closed its side.
    ///
    /// On a fault `out` ends with the alert to send.
    pub fn read(
        &mut self,
        input: &mut [u8],
        plain: &mut BytesMut,
        out: &mut Vec<u8>,
    ) -> (usize, Result<bool, TlsFault>) {
        // rustls panics when it is asked again after a fault: what still comes is thrown away.
        if self.over {
            return (input.len(), Ok(true));
        }
        let mut used = 0;
        let mut closed = false;
        loop {
            let rest = input.get_mut(used..).unwrap_or_default();
            let (discard, found) = match &mut self.side {
                Side::Server(connection) => take(connection.process_tls_records(rest), plain, out),
                Side::Client(connection) => take(connection.process_tls_records(rest), plain, out),
            };
            used += discard;
            match found {
                Ok(Found::More) => {}
                Ok(Found::Blocked) => return (used, Ok(closed)),
                Ok(Found::Traffic) => {
                    self.established = !self.common().is_handshaking();
                    return (used, Ok(closed));
                }
                Ok(Found::Closed) if closed => return (used, Ok(true)),
                Ok(Found::Closed) => closed = true,
                Err(fault) => {
                    self.over = true;
                    self.collect_alert(out);
                    return (used, Err(fault));
                }
            }
        }
    }

    /// Encrypts application data behind what `out` holds.
    pub fn write(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), TlsFault> {
        self.encode(Some(plain), out)
    }

    /// Says that we send no more.
    pub fn close(&mut self, out: &mut Vec<u8>) -> Result<(), TlsFault> {
        self.encode(None, out)
    }

    fn encode(&mut self, plain: Option<&[u8]>, out: &mut Vec<u8>) -> Result<(), TlsFault> {
        if self.over {
            return Ok(());
        }
        match &mut self.side {
            Side::Server(connection) => write(connection.process_tls_records(&mut []), plain, out),
            Side::Client(connection) => write(connection.process_tls_records(&mut []), plain, out),
        }
    }

    /// After a fault rustls still holds the alert that tells the peer why, behind what else the failed step had to say
    /// (a ServerHello, a ChangeCipherSpec). It hands out one at a call, before it looks at any bytes; a call after the
    /// last would make it go on where it failed, and panic.
    fn collect_alert(&mut self, out: &mut Vec<u8>) {
        const CHANGE_CIPHER_SPEC: u8 = 20;
        const HANDSHAKE: u8 = 22;
        let mut none = BytesMut::new();
        for _ in 0..4 {
            let before = out.len();
            let _ = match &mut self.side {
                Side::Server(connection) => take(connection.process_tls_records(&mut []), &mut none, out),
                Side::Client(connection) => take(connection.process_tls_records(&mut []), &mut none, out),
            };
            if !matches!(out.get(before), Some(&(CHANGE_CIPHER_SPEC | HANDSHAKE))) {
                return;
            }
        }
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("established", &self.established).finish_non_exhaustive()
    }
}
