//! The one place that opens outbound sockets.

use ipnet::IpNet;
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
    tcp_within(address, bind, &[], timeout).await
}

/// The same, but only to addresses within these networks; empty: to any. A name that leads elsewhere is not followed.
///
/// # Errors
/// What the last address answered, `TimedOut`, or `AddrNotAvailable` where none lies within the networks.
pub async fn tcp_within(
    address: &str,
    bind: Option<IpAddr>,
    within: &[IpNet],
    timeout: Duration,
) -> io::Result<TcpStream> {
    tokio::time::timeout(timeout, connect(address, bind, within))
        .await
        .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time")))
}

async fn connect(address: &str, bind: Option<IpAddr>, within: &[IpNet]) -> io::Result<TcpStream> {
    let lies_within = |candidate: &SocketAddr| {
        let ip = candidate.ip().to_canonical();
        within.is_empty() || within.iter().any(|network| network.contains(&ip))
    };
    let outside = || io::Error::new(io::ErrorKind::AddrNotAvailable, "its address lies outside its `network`");
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    // An address needs no resolver and so no other thread.
    if let Ok(address) = address.parse::<SocketAddr>() {
        return if lies_within(&address) { connect_one(address, bind).await } else { Err(outside()) };
    }
    for candidate in lookup_host(address).await?.take(ADDRESSES) {
        if !lies_within(&candidate) {
            last = outside();
            continue;
        }
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
