//! Addresses, networks, hosts.

use super::Read;
use super::words::text;
use crate::config::fault::Report;
use crate::config::settings::Endpoint;
use ipnet::IpNet;
use schemars::{Schema, SchemaGenerator, json_schema};
use std::net::{IpAddr, SocketAddr};
use toml::Spanned;
use toml::de::DeValue;

impl Read for SocketAddr {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let text = text(key, "an IP address and port such as \"0.0.0.0:2762\"", value, report)?;
        match text.parse::<Self>() {
            Ok(address) => Some(address),
            Err(_) => {
                let hint = match text.rsplit_once(':') {
                    Some((host, port)) if port.parse::<u16>().is_ok() && (host.is_empty() || host == "*") => {
                        format!("write \"0.0.0.0:{port}\"")
                    }
                    Some(("localhost", port)) if port.parse::<u16>().is_ok() => format!("write \"127.0.0.1:{port}\""),
                    _ if text.parse::<IpAddr>().is_ok() => format!("add a port: \"{text}:2762\""),
                    _ => "write an IP address and a port: \"0.0.0.0:2762\"".to_owned(),
                };
                report.error(value.span(), format!("`{text}` is not an IP address and port")).hint(hint);
                None
            }
        }
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": ":[0-9]+$" })
    }
}

impl Read for IpAddr {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let text = text(key, "an IP address", value, report)?;
        let address = text.parse().ok();
        if address.is_none() {
            report.error(value.span(), format!("`{text}` is not an IP address")).hint("write one: \"10.20.0.11\"");
        }
        address
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

impl Read for IpNet {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let text = text(key, "a network such as \"10.20.0.0/16\"", value, report)?;
        match network(text) {
            Ok(network) => Some(network),
            Err((message, hint)) => {
                report.error(value.span(), message).hint(hint);
                None
            }
        }
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "/[0-9]+$" })
    }
}

/// Takes a network in CIDR notation, or says what is wrong with it and what to write. The whole internet is none.
pub(in crate::config) fn network(text: &str) -> Result<IpNet, (String, String)> {
    if let Ok(address) = text.parse::<IpAddr>() {
        let net = IpNet::from(address);
        return Err((format!("`{text}` is an address, not a network"), format!("write \"{net}\"")));
    }
    let Ok(net) = text.parse::<IpNet>() else {
        let hint = "write an address, a slash and how many leading bits count: \"10.20.0.0/16\"";
        return Err((format!("`{text}` is not a network"), hint.to_owned()));
    };
    if net.prefix_len() == 0 {
        let hint = "write the networks that it really comes from, such as \"10.20.0.0/16\", or leave `network` out";
        return Err((format!("`{text}` is everywhere: it narrows nothing"), hint.to_owned()));
    }
    if net.trunc() != net {
        let message = format!("`{text}` has bits set behind its first {}", net.prefix_len());
        let host = IpNet::from(net.addr());
        return Err((message, format!("write \"{}\" for the network, or \"{host}\" for the one address", net.trunc())));
    }
    Ok(net)
}

impl Read for Endpoint {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        let text = text(key, "a host and port such as \"10.20.0.5:11112\"", value, report)?;
        match endpoint(text) {
            Ok(endpoint) => Some(endpoint),
            Err((message, hint)) => {
                report.error(value.span(), message).hint(hint);
                None
            }
        }
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": ":[0-9]+$" })
    }
}

/// Takes `host:port` or `[v6]:port`, or says what is wrong with it and what to write.
pub(in crate::config) fn endpoint(text: &str) -> Result<Endpoint, (String, String)> {
    let fault = |hint: String| Err((format!("`{text}` is not a host and port"), hint));
    if text.contains("//") {
        return fault("write no scheme, only host and port: \"pacs.hospital.example:11112\"".to_owned());
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return fault(format!("add a port: \"{}\"", SocketAddr::new(address, 11112)));
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        return fault(format!("add a port: \"{text}:11112\""));
    };
    let port = match port.parse::<u16>() {
        Ok(port) if port > 0 => port,
        _ => return fault("a port is a number from 1 to 65535".to_owned()),
    };
    let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(v6) if v6.parse::<std::net::Ipv6Addr>().is_ok() => v6,
        None if host.parse::<std::net::Ipv4Addr>().is_ok() || dns_name(host) => host,
        _ => return fault("write an address or a DNS name, and a port: \"10.20.0.5:11112\"".to_owned()),
    };
    Ok(Endpoint { host: host.to_owned(), port })
}

/// Whether this can be a DNS name: labels of letters, digits and inner hyphens, 253 characters at most, and not an
/// address gone wrong (all digits at the end).
pub(in crate::config) fn dns_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= 253 && name.split('.').all(label) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

/// `address` of `[admin]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdminAddress(pub Option<SocketAddr>);

impl Read for AdminAddress {
    fn read(key: &str, value: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Self> {
        if value.get_ref().as_str() == Some("off") {
            return Some(Self(None));
        }
        SocketAddr::read(key, value, report).map(|address| Self(Some(address)))
    }
    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^off$|:[0-9]+$" })
    }
}
