//! Who is calling: title, certificate, address and listener tied to one peer. An AE title alone is nobody.

use super::compiled::Policy;
use super::credential::Caller;
use super::request::Principal;
use crate::dicom::AeTitle;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// Why a caller is nobody. For records and `why`; never for the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityFault {
    /// The title that it called with, if it was one.
    pub calling: Option<AeTitle>,
    /// Where it called from.
    pub from: IpAddr,
    /// The reason.
    pub reason: IdentityReason,
    /// The peers, by name, that the certificate it showed does belong to.
    pub holders: Vec<Arc<str>>,
}

/// The reasons why a caller is nobody. The peer named is the one that the title belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentityReason {
    /// The calling field holds no AE title.
    NoTitle,
    /// No peer has this title.
    UnknownTitle,
    /// The certificate is not this peer's.
    OtherCertificate(Arc<str>),
    /// The certificate's names fit this peer, but the wrong CA vouches for it.
    WrongAnchor(Arc<str>),
    /// Certificate and title fit, the address does not.
    WrongNetwork(Arc<str>),
    /// This peer must show a certificate and showed none.
    CertificateMissing(Arc<str>),
    /// This peer must use TLS and came to a plain listener.
    PlainNotAllowed(Arc<str>),
    /// This peer is marked `tls = "off"` and came with TLS.
    PlainOnly(Arc<str>),
    /// This peer has no `certificate` and came to a listener that asks for one.
    NotBound(Arc<str>),
    /// Title and certificate fit several peers.
    Ambiguous(Vec<Arc<str>>),
}

impl fmt::Display for IdentityFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.calling {
            Some(title) => write!(f, "`{title}` is not known"),
            None => f.write_str("no calling AE title"),
        }
    }
}

impl std::error::Error for IdentityFault {}

impl Policy {
    /// Ties title, certificate, address and listener to one peer.
    pub fn identify(&self, caller: &Caller<'_>) -> Result<Principal, IdentityFault> {
        let reason = IdentityReason::UnknownTitle;
        Err(IdentityFault { calling: caller.calling, from: caller.from, reason, holders: Vec::new() })
    }
}
