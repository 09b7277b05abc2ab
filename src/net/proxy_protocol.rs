//! PROXY protocol headers, versions 1 and 2: who really called a load balancer.
//!
//! The grammar is read by the crate `ppp`; what it leaves open is closed here: a version 1 line is judged only once it
//! is whole, a version 2 header has a limit that is checked before its body arrives, and ports have only digits.

use std::net::{IpAddr, SocketAddr};

/// The longest version 1 header, `\r\n` included.
pub const MAX_V1: usize = 107;
/// The longest body of a version 2 header: addresses and some TLVs, of which none is used here.
pub const MAX_V2_BODY: usize = 536;
/// Bytes of a version 2 header before its body.
const V2_HEAD: usize = 16;
/// No header is longer than this, so a buffer of this size suffices.
pub const MAX_HEADER: usize = V2_HEAD + MAX_V2_BODY;

/// What the bytes at the start of a connection are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed {
    /// A header may still become of them: read on.
    Incomplete,
    /// A whole header.
    Header {
        /// Who called. `None` if the header says that the balancer itself did (`LOCAL`, `UNKNOWN`: its health check)
        /// or names no IP address; the address of the connection then stands.
        source: Option<SocketAddr>,
        /// Bytes of the header; what follows is the caller's.
        consumed: usize,
    },
    /// No header will become of them: close. The words are for the log.
    Invalid(&'static str),
}

/// Looks at all the bytes that came so far.
pub fn parse(bytes: &[u8]) -> Parsed {
    let begins = |prefix: &[u8]| bytes.iter().zip(prefix).all(|(got, wanted)| got == wanted);
    if bytes.is_empty() {
        Parsed::Incomplete
    } else if begins(ppp::v2::PROTOCOL_PREFIX) {
        version_2(bytes)
    } else if begins(b"PROXY ") {
        version_1(bytes)
    } else {
        Parsed::Invalid("no PROXY protocol header, and this listener demands one")
    }
}

fn version_1(bytes: &[u8]) -> Parsed {
    const WRONG: Parsed = Parsed::Invalid("malformed PROXY protocol header, version 1");
    let Some(end) = bytes.iter().take(MAX_V1).position(|&byte| byte == b'\n') else {
        return if bytes.len() >= MAX_V1 {
            Parsed::Invalid("PROXY protocol header over 107 bytes")
        } else {
            Parsed::Incomplete
        };
    };
    let consumed = end + 1;
    // `+80` is a number to Rust and to ppp, not to the protocol.
    let Some(line) = bytes.get(..consumed).filter(|line| line.ends_with(b"\r\n") && !line.contains(&b'+')) else {
        return WRONG;
    };
    let Ok(header) = ppp::v1::Header::try_from(line) else { return WRONG };
    let source = match header.addresses {
        ppp::v1::Addresses::Tcp4(pair) => Some(SocketAddr::new(IpAddr::V4(pair.source_address), pair.source_port)),
        ppp::v1::Addresses::Tcp6(pair) => Some(plain(IpAddr::V6(pair.source_address), pair.source_port)),
        ppp::v1::Addresses::Unknown => None,
    };
    if header.header.len() == consumed { Parsed::Header { source, consumed } } else { WRONG }
}

fn version_2(bytes: &[u8]) -> Parsed {
    const WRONG: Parsed = Parsed::Invalid("malformed PROXY protocol header, version 2");
    let Some((head, _)) = bytes.split_first_chunk::<V2_HEAD>() else { return Parsed::Incomplete };
    let [.., version, family, high, low] = *head;
    let body = usize::from(u16::from_be_bytes([high, low]));
    if body > MAX_V2_BODY {
        return Parsed::Invalid("PROXY protocol header over 552 bytes");
    }
    // 2x: version 2, LOCAL or PROXY; over TCP: a stream, or nothing said with LOCAL
    if !matches!(version, 0x20 | 0x21) || !matches!(family, 0x00 | 0x11 | 0x21 | 0x31) {
        return WRONG;
    }
    let consumed = V2_HEAD + body;
    let Some(whole) = bytes.get(..consumed) else { return Parsed::Incomplete };
    let Ok(header) = ppp::v2::Header::try_from(whole) else { return WRONG };
    let source = match (header.command, header.addresses) {
        (ppp::v2::Command::Local, _) => None,
        (_, ppp::v2::Addresses::IPv4(pair)) => Some(SocketAddr::new(IpAddr::V4(pair.source_address), pair.source_port)),
        (_, ppp::v2::Addresses::IPv6(pair)) => Some(plain(IpAddr::V6(pair.source_address), pair.source_port)),
        _ => None,
    };
    Parsed::Header { source, consumed }
}

/// Balancers on dual-stack sockets write IPv4 callers as `::ffff:10.0.0.1`; policies write them as IPv4.
fn plain(address: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(address.to_canonical(), port)
}

#[cfg(test)]
mod tests;
