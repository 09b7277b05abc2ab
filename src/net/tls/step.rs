//! One step of a session, the same for both sides.

use bytes::BytesMut;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, InsufficientSizeError, UnbufferedStatus};

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    /// The peer broke the protocol, or its certificate does not serve.
    #[error("{0}")]
    Protocol(#[from] rustls::Error),
    /// Nothing that a peer could cause.
    #[error("the TLS session could not encode what it had to send")]
    Encode,
}

/// What a step found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Plaintext or something to send was produced; more may follow at once.
    More,
    /// More bytes of the peer are needed; the handshake goes on.
    Blocked,
    /// The handshake is done and nothing is waiting.
    Traffic,
    /// The peer said that it sends no more.
    Closed,
}

/// Handles one status of rustls: decrypted bytes are appended to `plain`, records to send to `out`. Returns how many
/// bytes of the input are used up.
pub(super) fn take<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    plain: &mut BytesMut,
    out: &mut Vec<u8>,
) -> (usize, Result<Found, TlsFault>) {
    let UnbufferedStatus { mut discard, state } = status;
    let found = match state {
        Err(fault) => Err(TlsFault::Protocol(fault)),
        Ok(ConnectionState::ReadTraffic(mut traffic)) => {
            let mut outcome = Ok(Found::More);
            while let Some(record) = traffic.next_record() {
                match record {
                    Ok(record) => {
                        discard += record.discard;
                        plain.extend_from_slice(record.payload);
                    }
                    Err(fault) => {
                        outcome = Err(TlsFault::Protocol(fault));
                        break;
                    }
                }
            }
            outcome
        }
        Ok(ConnectionState::EncodeTlsData(mut data)) => append(out, 1024, |room| match data.encode(room) {
            Ok(written) => Ok(Some(written)),
            Err(EncodeError::InsufficientSize(InsufficientSizeError { required_size })) => Err(required_size),
            Err(EncodeError::AlreadyEncoded) => Ok(None),
        })
        .map(|()| Found::More),
        // What was encoded lies in `out` and is sent before anything else, so it counts as transmitted here.
        Ok(ConnectionState::TransmitTlsData(data)) => {
            data.done();
            Ok(Found::More)
        }
        Ok(ConnectionState::BlockedHandshake) => Ok(Found::Blocked),
        Ok(ConnectionState::WriteTraffic(_)) => Ok(Found::Traffic),
        Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => Ok(Found::Closed),
        // 0-RTT is off, and rustls may add states that it promises to announce.
        Ok(_) => Err(TlsFault::Protocol(rustls::Error::General("unexpected TLS state".into()))),
    };
    (discard, found)
}

/// Encrypts as application data, or a closing alert.
pub(super) fn write<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    plain: Option<&[u8]>,
    out: &mut Vec<u8>,
) -> Result<(), TlsFault> {
    let Ok(ConnectionState::WriteTraffic(mut traffic)) = status.state else {
        return Err(TlsFault::Encode);
    };
    // 5 bytes of header, 1 of type, up to 8 of explicit nonce and 16 of tag for each record of 16 KiB.
    let hint = plain.map_or(64, |plain| plain.len() + (plain.len() / 16384 + 1) * 30);
    append(out, hint, |room| {
        let written = match plain {
            Some(plain) => traffic.encrypt(plain, room),
            None => traffic.queue_close_notify(room),
        };
        match written {
            Ok(written) => Ok(Some(written)),
            Err(EncryptError::InsufficientSize(InsufficientSizeError { required_size })) => Err(required_size),
            Err(EncryptError::EncryptExhausted) => Ok(None),
        }
    })
}

/// Lets `encode` write behind what `out` holds, growing it to what is asked for once.
fn append(
    out: &mut Vec<u8>,
    hint: usize,
    mut encode: impl FnMut(&mut [u8]) -> Result<Option<usize>, usize>,
) -> Result<(), TlsFault> {
    let before = out.len();
    let mut room = hint;
    for _ in 0..2 {
        out.resize(before + room, 0);
        let Some(space) = out.get_mut(before..) else { break };
        match encode(space) {
            Ok(Some(written)) => {
                out.truncate(before + written);
                return Ok(());
            }
            Ok(None) => break,
            Err(required) => room = required,
        }
    }
    out.truncate(before);
    Err(TlsFault::Encode)
}
