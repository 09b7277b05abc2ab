//! What a caller shows before it is identified: title, address and certificate facts. Plain values, filled by `pki`
//! and `identity`; nothing here checks a signature.

use crate::dicom::AeTitle;
use std::net::IpAddr;
use std::sync::Arc;

/// Somebody who opens an association, before anybody has decided who it is.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// The calling title; `None` if the 16 bytes in the request are no title.
    pub calling: Option<AeTitle>,
    /// Its address, the PROXY header already undone. IPv4-mapped IPv6 addresses count as IPv4.
    pub from: IpAddr,
    /// What its connection proves.
    pub credential: Credential<'a>,
}

/// What a connection proves about who is at its other end.
#[derive(Debug, Clone, Copy)]
pub enum Credential<'a> {
    /// A plain listener.
    Plain,
    /// TLS, but no client certificate.
    Tls,
    /// TLS with a client certificate whose private key the caller has shown to hold.
    Mutual(&'a CertificateFacts),
}

/// What a verified client certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// DNS names among the subject alternative names, lower case.
    pub dns: Vec<Arc<str>>,
    /// The subject's common name.
    pub common_name: Option<Arc<str>>,
    /// SHA-256 of the SubjectPublicKeyInfo.
    pub spki: [u8; 32],
    /// Who vouches for it.
    pub anchor: Anchor,
    /// The subject for records, printable characters only.
    pub subject: String,
    /// The serial number in hexadecimal, for records.
    pub serial: String,
    /// End of validity, seconds since 1970-01-01 UTC.
    pub not_after: i64,
}

/// Who vouches for a client certificate.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Anchor {
    /// The gateway's `client_ca`.
    ClientCa,
    /// A peer's own CA: the path that its `trust` names.
    Peer(Arc<str>),
    /// Nobody: some peer pins the key, and the chain was not checked.
    Pinned,
}
