//! The gateway's own CA, TLS configurations, certificate verification, revocation and pinned keys (PS3.15 B.12, RFC
//! 5280, RFC 9325). It never opens a socket: `net` drives the configurations that come from here.

pub mod ca;
pub mod client;
pub mod explain;
pub mod facts;
pub mod fault;
pub mod load;
pub mod material;
pub mod server;
pub mod sessions;
pub mod suites;
pub mod trust;
pub mod verifier;
mod wiring;

pub use client::{Expected, client_config};
pub use explain::{Refused, explain};
pub use facts::CertificateStatus;
pub use fault::{CertificateFault, PkiFault};
pub use material::{PeerTrust, TlsFiles, TlsMaterial, Warning};
pub use server::{Mode, server_config};
pub use sessions::SessionLimits;
pub use verifier::Verifier;
pub use wiring::archive_anchor;
