//! The one place that opens outbound sockets.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream, lookup_host};

/// How many addresses of a name are tried.
const ADDRESSES: usize = 8;

/// Connects to `HOST:PORT` within `timeout`, from `bind` where one is given. Tries the addresses of a name in turn.
///
/// # Errors
/// What the last address answered, or `TimedOut`.
pub async fn tcp(address: &str, bind: Option<IpAddr>, timeout: Duration) -> io::Result<TcpStream> {
    tokio::time::timeout(timeout, connect(address, bind))
        .await
        .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time")))
}

async fn connect(address: &str, bind: Option<IpAddr>) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    // An address needs no resolver and so no other thread.
    if let Ok(address) = address.parse::<SocketAddr>() {
        return connect_one(address, bind).await;
    }
    for candidate in lookup_host(address).await?.take(ADDRESSES) {
        match connect_one(candidate, bind).await {
            Ok(stream) => return Ok(stream),
            Err(fault) => last = fault,
        }
    }
    Err(last)
}

async fn connect_one(address: SocketAddr, bind: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(own) = bind {
        socket.bind(SocketAddr::new(own, 0))?;
    }
    socket.connect(address).await
}
