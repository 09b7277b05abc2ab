//! One HTTPS request and its answer (RFC 9112): a GET on a connection of its own, HTTP/1.1 over TLS.
//!
//! Bounded in time and size. It follows no redirect, uses no proxy, keeps no cookie and undoes no compression.

use super::buffer::Pool;
use super::dial;
use super::tls::Session;
use super::wire::{Wire, WireFault};
use crate::config::users::HttpsUrl;
use bytes::{Buf as _, Bytes};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CACHE_CONTROL, CONTENT_ENCODING, HOST, USER_AGENT};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::{Request, Response, StatusCode};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// Size of a read buffer, bytes.
const BUFFER: usize = 32 * 1024;
/// Header fields of an answer, and bytes of its head.
const HEADERS: usize = 100;
const HEAD: usize = 64 * 1024;
/// Bytes that are taken from hyper at once.
const WRITTEN: usize = 16 * 1024;

/// An answer 200.
#[derive(Debug)]
pub struct Answer {
    /// Its body, whole.
    pub body: Vec<u8>,
    /// How long it may be kept, as far as it says so (RFC 9111 5.2.2: `max-age`; `no-cache` and `no-store` are none).
    pub max_age: Option<Duration>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpsFault {
    /// Nobody is there.
    #[error("no connection: {0}")]
    Dial(io::Error),
    /// The host of the URL is none that a certificate could name.
    #[error("`{0}` is not a host that a certificate could name")]
    Host(String),
    /// TLS or the connection failed.
    #[error("{0}")]
    Wire(#[from] WireFault),
    /// It took too long.
    #[error("no answer within {0:?}")]
    Slow(Duration),
    /// It answered something else.
    #[error("the answer is {0}, not 200")]
    Status(u16),
    /// It sent us elsewhere.
    #[error("the answer is {0}, a redirect: these are not followed")]
    Redirect(u16),
    /// It answered more than anybody wants to read.
    #[error("the answer is longer than {0} bytes")]
    Long(usize),
    /// It answered something compressed, though nobody asked for that.
    #[error("the answer is compressed")]
    Encoded,
    /// It does not speak HTTP/1.1, or not whole.
    #[error("the answer is not HTTP/1.1: {0}")]
    Http(#[from] hyper::Error),
}

/// Asks for a URL. The whole of it takes at most `wait`; a body longer than `most` bytes is a fault.
///
/// # Errors
/// Why there is no whole answer 200.
pub async fn get(url: &HttpsUrl, tls: &Arc<ClientConfig>, most: usize, wait: Duration) -> Result<Answer, HttpsFault> {
    // Boxed: the state of an HTTP connection would otherwise be part of every future that may ask.
    let asked = Box::pin(ask(url, tls, most, wait));
    tokio::time::timeout(wait, asked).await.unwrap_or(Err(HttpsFault::Slow(wait)))
}

async fn ask(url: &HttpsUrl, tls: &Arc<ClientConfig>, most: usize, wait: Duration) -> Result<Answer, HttpsFault> {
    let endpoint = url.endpoint();
    let name = ServerName::try_from(endpoint.host.clone()).map_err(|_| HttpsFault::Host(endpoint.host.clone()))?;
    let tcp = dial::tcp(&endpoint.to_string(), None, wait).await.map_err(HttpsFault::Dial)?;
    let remote = tcp.peer_addr().map_err(HttpsFault::Dial)?;
    let session = Session::client(Arc::clone(tls), name).map_err(WireFault::from)?;
    let mut wire = Wire::plain(tcp, remote, Arc::new(Pool::new(BUFFER, 1))).with_tls(session);
    wire.handshake().await?;
    let io = Io { wire, rest: Bytes::new() };
    let (mut sender, connection) =
        http1::Builder::new().max_headers(HEADERS).max_buf_size(HEAD).handshake::<_, Empty<Bytes>>(io).await?;
    let request = Request::get(url.target())
        .header(HOST, url.authority())
        .header(ACCEPT, "application/json")
        .header(USER_AGENT, concat!("dicomgate/", env!("CARGO_PKG_VERSION")))
        .body(Empty::new())
        .map_err(|_| HttpsFault::Host(url.authority().to_owned()))?;
    let mut exchange = pin!(async {
        let answer = sender.send_request(request).await?;
        take(answer, most).await
    });
    tokio::select! {
        biased;
        answer = &mut exchange => answer,
        _ = connection => exchange.await,
    }
}

async fn take(answer: Response<Incoming>, most: usize) -> Result<Answer, HttpsFault> {
    let status = answer.status();
    if status.is_redirection() {
        return Err(HttpsFault::Redirect(status.as_u16()));
    }
    if status != StatusCode::OK {
        return Err(HttpsFault::Status(status.as_u16()));
    }
    if answer.headers().contains_key(CONTENT_ENCODING) {
        return Err(HttpsFault::Encoded);
    }
    let words = answer.headers().get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let max_age = max_age(words);
    let mut incoming = answer.into_body();
    let mut body = Vec::new();
    while let Some(frame) = incoming.frame().await {
        if let Ok(data) = frame?.into_data() {
            if data.len() > most - body.len() {
                return Err(HttpsFault::Long(most));
            }
            body.extend_from_slice(&data);
        }
    }
    Ok(Answer { body, max_age })
}

/// The shortest time that any field says.
fn max_age<'h>(fields: impl Iterator<Item = &'h str>) -> Option<Duration> {
    let directives = fields.flat_map(|field| field.split(','));
    directives
        .filter_map(|directive| {
            let directive = directive.trim().to_ascii_lowercase();
            match directive.split_once('=') {
                Some(("max-age", seconds)) => Some(Duration::from_secs(seconds.trim_matches('"').parse().ok()?)),
                None if directive == "no-store" || directive == "no-cache" => Some(Duration::ZERO),
                _ => None,
            }
        })
        .min()
}

/// A wire as hyper wants it.
struct Io {
    wire: Wire,
    /// What was read and did not fit.
    rest: Bytes,
}

impl Read for Io {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, mut buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        while self.rest.is_empty() {
            match ready!(self.wire.poll_recv(cx)) {
                Ok(Some(bytes)) => self.rest = bytes,
                Ok(None) => return Poll::Ready(Ok(())),
                Err(fault) => return Poll::Ready(Err(io::Error::other(fault))),
            }
        }
        let count = self.rest.len().min(buf.remaining());
        buf.put_slice(self.rest.get(..count).unwrap_or_default());
        self.rest.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl Write for Io {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.wire.is_congested() {
            ready!(self.as_mut().poll_flush(cx))?;
        }
        let taken = bytes.get(..bytes.len().min(WRITTEN)).unwrap_or_default();
        self.wire.send(Bytes::copy_from_slice(taken));
        Poll::Ready(Ok(taken.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.poll_flush(cx).map_err(io::Error::other)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // One answer is all that is wanted of a connection: it is dropped whole.
        self.poll_flush(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_time_counts() {
        let age = |fields: &[&str]| max_age(fields.iter().copied());
        assert_eq!(age(&["public, max-age=600"]), Some(Duration::from_secs(600)));
        assert_eq!(age(&["Max-Age=\"60\"", "max-age=5"]), Some(Duration::from_secs(5)));
        assert_eq!(age(&["no-store, max-age=600"]), Some(Duration::ZERO));
        assert_eq!(age(&["max-age=-1", "private"]), None);
        assert_eq!(age(&[]), None);
    }
}
