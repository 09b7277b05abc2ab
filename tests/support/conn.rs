//! One end of a connection, as a test plays it: bytes out, whole PDUs in, and all that came kept.

use super::{PATIENCE, wait_until};
use dicomgate::dicom::dimse::{Command, Tolerances};
use dicomgate::dicom::pdu::{AssociateAc, AssociateRq, Pdu, pdata};
use rustls::{ClientConnection, ServerConnection, StreamOwned};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// A message as it came: the bytes of its PDUs, and what they say.
#[derive(Debug)]
pub struct Message {
    pub context: u8,
    pub command: Command,
    pub data: Option<Vec<u8>>,
    pub bytes: Vec<u8>,
}

impl Message {
    pub fn status(&self) -> u16 {
        self.command.status.unwrap().0
    }

    pub fn comment(&self) -> String {
        let comment = self.command.comment.as_ref().map(|comment| comment.reveal().to_vec());
        String::from_utf8(comment.unwrap_or_default()).unwrap()
    }
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
    Server(Box<StreamOwned<ServerConnection, TcpStream>>),
}

/// One end of a connection.
pub struct Conn {
    stream: Stream,
    pub tcp: TcpStream,
    /// All that has come.
    pub received: Vec<u8>,
    /// How much of it was taken as PDUs.
    taken: usize,
}

impl Conn {
    pub fn new(tcp: TcpStream) -> Self {
        tcp.set_nodelay(true).unwrap();
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        tcp.set_write_timeout(Some(PATIENCE)).unwrap();
        let stream = Stream::Plain(tcp.try_clone().unwrap());
        Self { stream, tcp, received: Vec::new(), taken: 0 }
    }

    #[expect(clippy::disallowed_methods, reason = "here the test is the device")]
    pub fn dial(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).unwrap())
    }

    pub fn with_tls(mut self, tls: ClientConnection) -> Self {
        self.stream = Stream::Tls(Box::new(StreamOwned::new(tls, self.tcp.try_clone().unwrap())));
        self
    }

    /// This end as a server's.
    pub fn with_server_tls(mut self, tls: ServerConnection) -> Self {
        self.stream = Stream::Server(Box::new(StreamOwned::new(tls, self.tcp.try_clone().unwrap())));
        self
    }

    pub fn tls(&mut self) -> &mut ClientConnection {
        match &mut self.stream {
            Stream::Tls(tls) => &mut tls.conn,
            _ => panic!("no TLS client"),
        }
    }

    /// Whether the other end, a TLS client, breaks off before it says anything.
    pub fn is_broken_off(&mut self) -> bool {
        let Stream::Server(tls) = &mut self.stream else { panic!("no TLS server") };
        tls.read(&mut [0]).is_err()
    }

    pub fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match &mut self.stream {
            Stream::Plain(tcp) => tcp.write_all(bytes),
            Stream::Tls(tls) => tls.write_all(bytes).and_then(|()| tls.flush()),
            Stream::Server(tls) => tls.write_all(bytes).and_then(|()| tls.flush()),
        }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes.as_ref()).unwrap();
    }

    pub fn say(&mut self, context: u8, command: &Command, data: Option<&[u8]>) -> Vec<u8> {
        let bytes = pdata::write_message(context, &command.encode(), data, 16_384);
        self.send(&bytes);
        bytes
    }

    /// Reads some more; false at the end. A connection that was reset has ended too.
    fn more(&mut self) -> bool {
        let mut buffer = vec![0; 256 * 1024];
        let read = match &mut self.stream {
            Stream::Plain(tcp) => tcp.read(&mut buffer),
            Stream::Tls(tls) => tls.read(&mut buffer),
            Stream::Server(tls) => tls.read(&mut buffer),
        };
        let ended = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe, ErrorKind::UnexpectedEof];
        match read {
            Ok(0) => false,
            Ok(read) => {
                self.received.extend_from_slice(&buffer[..read]);
                true
            }
            Err(fault) if ended.contains(&fault.kind()) => false,
            Err(fault) => panic!("nothing came within {PATIENCE:?}: {fault}; before: {:02x?}", self.tail()),
        }
    }

    fn tail(&self) -> &[u8] {
        &self.received[self.received.len().saturating_sub(64)..]
    }

    /// The next PDU, head included; `None` at the end of the connection.
    pub fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let rest = &self.received[self.taken..];
            if let Some(head) = rest.first_chunk::<6>() {
                let length = 6 + u32::from_be_bytes([head[2], head[3], head[4], head[5]]) as usize;
                if rest.len() >= length {
                    let pdu = rest[..length].to_vec();
                    self.taken += length;
                    return Some(pdu);
                }
            }
            if !self.more() {
                return None;
            }
        }
    }

    pub fn pdu(&mut self) -> Vec<u8> {
        self.next().expect("a PDU, and not the end of the connection")
    }

    /// Whether a P-DATA-TF comes next; no at the end of the connection.
    pub fn peeks_data(&mut self) -> bool {
        while self.taken == self.received.len() {
            if !self.more() {
                return false;
            }
        }
        self.received[self.taken] == 4
    }

    /// The next PDU, which is no P-DATA.
    pub fn control(&mut self) -> Pdu {
        Pdu::decode(&self.pdu()).unwrap()
    }

    /// The next message, in however many PDUs.
    pub fn message(&mut self) -> Message {
        let start = self.taken;
        let (mut commands, mut data) = (Vec::new(), Vec::new());
        let mut command: Option<Command> = None;
        loop {
            let pdu = self.pdu();
            assert_eq!(pdu[0], 4, "a message and not {pdu:02x?}");
            let mut rest = &pdu[6..];
            while !rest.is_empty() {
                let length = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
                let (value, behind) = rest[4..].split_at(length);
                rest = behind;
                let part = if value[1] & 1 == 1 { &mut commands } else { &mut data };
                part.extend_from_slice(&value[2..]);
                if value[1] & 2 == 2 {
                    if value[1] & 1 == 1 {
                        command = Some(Command::decode(&commands, &Tolerances::default()).unwrap());
                    }
                    if value[1] & 1 == 0 || command.as_ref().is_some_and(|command| !command.data_set) {
                        let command = command.expect("the command comes before the data set");
                        let data = command.data_set.then_some(data);
                        return Message {
                            context: value[0],
                            command,
                            data,
                            bytes: self.received[start..self.taken].to_vec(),
                        };
                    }
                }
            }
        }
    }

    /// All that still comes until the end of the connection.
    pub fn rest(&mut self) -> Vec<u8> {
        while self.more() {}
        let rest = self.received[self.taken..].to_vec();
        self.taken = self.received.len();
        rest
    }

    /// Reads until so many bytes have come in all, or to the end.
    pub fn read_up_to(&mut self, bytes: usize) {
        while self.received.len() < bytes && self.more() {}
    }

    /// Waits until so many bytes have come in all.
    pub fn wait_for(&mut self, bytes: usize) {
        while self.received.len() < bytes {
            assert!(self.more(), "the connection ended after {} bytes", self.received.len());
        }
    }

    /// What comes next is an A-ABORT, and then the end; says its source and reason.
    pub fn aborted(&mut self) -> (u8, u8) {
        match self.control() {
            Pdu::Abort(abort) => {
                assert_eq!(self.rest(), b"", "nothing comes behind an A-ABORT");
                (abort.source, abort.reason)
            }
            other => panic!("an A-ABORT and not {other:?}"),
        }
    }

    /// Nothing more comes but the end.
    pub fn ended(&mut self) {
        assert_eq!(self.rest(), b"");
    }

    /// Nothing has come that was not taken yet. Says nothing about what is on its way.
    pub fn nothing_yet(&mut self) {
        self.tcp.set_nonblocking(true).unwrap();
        let mut buffer = [0; 64];
        let read = self.tcp.peek(&mut buffer);
        self.tcp.set_nonblocking(false).unwrap();
        assert!(read.is_err() && self.taken == self.received.len(), "{read:?}: {:02x?}", self.tail());
    }

    /// Nothing comes for a moment. Too short a moment can only hide a fault, never make one.
    pub fn stays_silent(&mut self) {
        self.tcp.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let read = self.tcp.peek(&mut [0]);
        self.tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        assert!(read.is_err(), "something came, or the end");
    }

    pub fn close_writing(&self) {
        self.tcp.shutdown(Shutdown::Write).unwrap();
    }

    /// Drops the connection with a reset.
    pub fn reset(self) {
        socket2::SockRef::from(&self.tcp).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    }

    pub fn request(&mut self, rq: &AssociateRq) {
        self.send(rq.encode());
    }

    /// Asks in the same segment as what comes before.
    pub fn request_behind(&mut self, before: &[u8], rq: &AssociateRq) {
        self.send([before, &rq.encode()].concat());
    }

    pub fn accepted(&mut self) -> AssociateAc {
        match self.control() {
            Pdu::AssociateAc(ac) => *ac,
            other => panic!("accepted and not {other:?}"),
        }
    }

    pub fn release(&mut self) {
        self.send(Pdu::ReleaseRq.encode());
    }

    pub fn confirm_release(&mut self) {
        assert_eq!(self.control(), Pdu::ReleaseRq);
        self.send(Pdu::ReleaseRp.encode());
    }

    pub fn released(&mut self) {
        assert_eq!(self.control(), Pdu::ReleaseRp);
    }
}

/// Where the archive listens. The test accepts, reads and answers itself.
pub struct Archive {
    pub listener: TcpListener,
}

impl Archive {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self { listener }
    }

    pub fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    pub fn accept(&self) -> Conn {
        let mut accepted = None;
        wait_until("the archive is dialled", || {
            accepted = self.listener.accept().ok();
            accepted.is_some()
        });
        let (tcp, _) = accepted.unwrap();
        tcp.set_nonblocking(false).unwrap();
        Conn::new(tcp)
    }

    /// Whoever dials connects before anything else, so that nothing in the queue means nobody has.
    pub fn was_not_dialled(&self) {
        assert!(self.listener.accept().is_err(), "the archive was dialled");
    }
}
