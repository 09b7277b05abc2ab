//! A connection to the directory: dialled by `net`, TLS by the house's own configuration, its bytes counted. The library
//! that speaks LDAP gets one end of a socket pair and never sees the network.

use super::login::LoginFault;
use crate::config::users::Ldap as LdapSettings;
use crate::net::buffer::Pool;
use crate::net::tls::Session;
use crate::net::{Wire, dial};
use bytes::Bytes;
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, StdStream};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::task::JoinSet;

/// Size of a read buffer, bytes.
const BUFFER: usize = 16 * 1024;
/// `ExtendedRequest` StartTLS (RFC 4511 4.14.1), message 1.
const START_TLS: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";

/// How much of a directory one login bears.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    pub(super) wait: Duration,
    /// Bytes of all its answers together.
    pub(super) bytes: usize,
    /// Values of an attribute of the person.
    pub(super) values: usize,
}

/// A connection, which ends with this value.
pub(super) struct Link {
    pub(super) ldap: Ldap,
    _tasks: JoinSet<()>,
}

fn away(what: impl std::fmt::Display) -> LoginFault {
    LoginFault::Away(format!("the directory: {what}"))
}

/// Dials the directory and begins TLS; nothing else was said before.
pub(super) async fn open(settings: &LdapSettings, tls: &Arc<ClientConfig>, limit: Limit) -> Result<Link, LoginFault> {
    let endpoint = &settings.url.endpoint;
    let name = ServerName::try_from(endpoint.host.clone())
        .map_err(|_| away(format!("`{}` is not a host that a certificate could name", endpoint.host)))?;
    let tcp = dial::tcp(&endpoint.to_string(), None, limit.wait).await.map_err(away)?;
    let remote = tcp.peer_addr().map_err(away)?;
    let mut wire = Wire::plain(tcp, remote, Arc::new(Pool::new(BUFFER, 1)));
    if settings.url.start_tls {
        start_tls(&mut wire).await?;
    }
    let session = Session::client(Arc::clone(tls), name).map_err(away)?;
    let mut wire = wire.with_tls(session);
    wire.handshake().await.map_err(away)?;
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(away)?;
    ours.set_nonblocking(true).map_err(away)?;
    let ours = UnixStream::from_std(ours).map_err(away)?;
    let mut tasks = JoinSet::new();
    tasks.spawn(carry(wire, ours, limit.bytes));
    let pair = LdapConnSettings::new().set_std_stream(StdStream::Unix(theirs));
    let (connection, ldap) = LdapConnAsync::with_settings(pair, "ldapi:///").await.map_err(away)?;
    tasks.spawn(async move {
        // Whoever asks hears that it has ended.
        let _ = connection.drive().await;
    });
    Ok(Link { ldap, _tasks: tasks })
}

/// Asks for TLS and reads the answer, and nothing beyond it: what else came in clear may be anybody's.
async fn start_tls(wire: &mut Wire) -> Result<(), LoginFault> {
    wire.send(Bytes::from_static(START_TLS));
    wire.flush().await.map_err(away)?;
    let mut seen = Vec::new();
    loop {
        let Some(bytes) = wire.recv().await.map_err(away)? else { return Err(away("it hung up")) };
        seen.extend_from_slice(&bytes);
        match started(&seen) {
            Some(true) => return Ok(()),
            Some(false) => return Err(away("it does not begin TLS")),
            None if seen.len() > 1024 => return Err(away("its answer to StartTLS is too long")),
            None => {}
        }
    }
}

/// Whether a whole `ExtendedResponse` to message 1 says success and nothing follows it; `None`: more is to come.
fn started(seen: &[u8]) -> Option<bool> {
    let (content, rest) = match element(seen, 0x30) {
        Element::Whole(content, rest) => (content, rest),
        Element::Cut => return None,
        Element::Other => return Some(false),
    };
    Some(rest.is_empty() && says_success(content) == Some(true))
}

fn says_success(content: &[u8]) -> Option<bool> {
    let (message, rest) = element(content, 0x02).whole()?;
    let (answer, _) = element(rest, 0x78).whole()?;
    let (code, _) = element(answer, 0x0a).whole()?;
    Some(message == [1] && code == [0])
}

/// What bytes begin with.
enum Element<'b> {
    /// The element that was looked for: its content, and what follows it.
    Whole(&'b [u8], &'b [u8]),
    /// Perhaps that element, and not all of it.
    Cut,
    /// Something else.
    Other,
}

impl<'b> Element<'b> {
    fn whole(self) -> Option<(&'b [u8], &'b [u8])> {
        match self {
            Self::Whole(content, rest) => Some((content, rest)),
            Self::Cut | Self::Other => None,
        }
    }
}

/// Reads a BER element with this tag.
fn element(bytes: &[u8], tag: u8) -> Element<'_> {
    let Some((first, rest)) = bytes.split_first() else { return Element::Cut };
    if *first != tag {
        return Element::Other;
    }
    let Some((short, rest)) = rest.split_first() else { return Element::Cut };
    let (length, rest) = match usize::from(*short) {
        length @ 0..=0x7f => (length, rest),
        // Some directories write every length in four bytes.
        long @ 0x81..=0x84 => {
            let Some((digits, rest)) = rest.split_at_checked(long - 0x80) else { return Element::Cut };
            (digits.iter().fold(0_usize, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return Element::Other,
    };
    match rest.split_at_checked(length) {
        Some((content, rest)) => Element::Whole(content, rest),
        None => Element::Cut,
    }
}

/// Carries bytes both ways until either side ends, or the directory has said more than anybody wants to read.
async fn carry(mut wire: Wire, mut ours: UnixStream, most: usize) {
    let mut left = most;
    let mut asked = vec![0; BUFFER];
    loop {
        tokio::select! {
            read = ours.read(&mut asked) => {
                let Some(bytes) = read.ok().and_then(|length| asked.get(..length)).filter(|bytes| !bytes.is_empty()) else {
                    break;
                };
                wire.send(Bytes::copy_from_slice(bytes));
                if wire.flush().await.is_err() {
                    break;
                }
            }
            received = wire.recv() => {
                let Ok(Some(bytes)) = received else { break };
                let Some(rest) = left.checked_sub(bytes.len()) else { break };
                left = rest;
                if ours.write_all(&bytes).await.is_err() {
                    break;
                }
            }
        }
    }
    zeroize::Zeroize::zeroize(&mut asked);
    wire.close().await;
}

#[cfg(test)]
mod tests {
    use super::started;

    #[test]
    fn tls_begins_only_after_a_whole_success_and_nothing_else() {
        let success = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00";
        let long = b"\x30\x84\x00\x00\x00\x10\x02\x01\x01\x78\x84\x00\x00\x00\x07\x0a\x01\x00\x04\x00\x04\x00";
        assert_eq!(started(success), Some(true));
        assert_eq!(started(long), Some(true));
        for end in 0..success.len() {
            assert_eq!(started(&success[..end]), None, "{end}");
        }
        let mut refused = success.to_vec();
        refused[9] = 52;
        assert_eq!(started(&refused), Some(false));
        assert_eq!(started(&[success.as_slice(), b"x"].concat()), Some(false), "something follows");
        assert_eq!(started(b"HTTP/1.1 400"), Some(false));
        assert_eq!(started(b"\x30\x85\x00"), Some(false));
    }
}
