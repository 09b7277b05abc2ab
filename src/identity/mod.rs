//! Certificate, address and title to a principal, and the certificate pattern of a peer to what TLS must check.
//!
//! Glue between `pki`, which knows what was proven, and `policy`, which knows who that is. It never decides what a
//! principal may do, never checks a signature, and never sees a password twice.

pub mod ldap;
pub mod local;
pub mod oidc;
pub mod people;
pub mod user;

pub use user::{UserRefused, user};

use crate::dicom::AeTitle;
use crate::policy::compiled::Policy;
use crate::policy::{Caller, CertificateFacts, Credential, IdentityFault, Principal};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// What the transport of a connection has shown, before anybody said a word of DICOM.
#[derive(Debug, Clone)]
pub struct Presented {
    /// Where the caller is, the PROXY header undone; IPv4 in IPv6 unwrapped.
    pub from: IpAddr,
    /// Whether and how TLS was spoken.
    pub proof: Proof,
}

/// Whether and how TLS was spoken.
#[derive(Debug, Clone)]
pub enum Proof {
    /// No TLS.
    Plain,
    /// TLS without a client certificate.
    Tls,
    /// TLS with a verified client certificate.
    Mutual(Arc<CertificateFacts>),
}

/// What a connection has shown: its address (of the socket, or of the PROXY header where one was demanded) and proof.
pub fn present(from: SocketAddr, proof: Proof) -> Presented {
    Presented { from: from.ip().to_canonical(), proof }
}

/// The same as the policy wants it.
pub fn credential(proof: &Proof) -> Credential<'_> {
    match proof {
        Proof::Plain => Credential::Plain,
        Proof::Tls => Credential::Tls,
        Proof::Mutual(facts) => Credential::Mutual(facts),
    }
}

/// Ties what was presented and the calling title to one peer; `None` for a title that is none.
pub fn identify(policy: &Policy, presented: &Presented, calling: Option<AeTitle>) -> Result<Principal, IdentityFault> {
    policy.identify(&Caller { calling, from: presented.from, credential: credential(&presented.proof) })
}

/// Ties what was presented at an inside listener and the calling title to one archive.
///
/// # Errors
/// What does not fit.
pub fn identify_archive(
    policy: &Policy,
    presented: &Presented,
    calling: Option<AeTitle>,
) -> Result<Principal, IdentityFault> {
    policy.identify_archive(&Caller { calling, from: presented.from, credential: credential(&presented.proof) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_as_policies_write_them() {
        let presented = present("[::ffff:10.20.0.11]:1234".parse().unwrap(), Proof::Plain);
        assert_eq!(presented.from, "10.20.0.11".parse::<IpAddr>().unwrap());
        assert!(matches!(credential(&presented.proof), Credential::Plain));
    }
}
