//! User Identity Negotiation (PS3.7 D.3.3.7): a secret, from the moment it is read.

use bytes::Bytes;
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The user identity sub-item of an A-ASSOCIATE-RQ (58H). `Debug` shows the kind alone; the fields are overwritten when
/// the value is dropped. Not `Clone`able by accident: clone means one more secret, each zeroised on its own.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct UserIdentity {
    /// 1 user name, 2 user name and passcode, 3 Kerberos ticket, 4 SAML assertion, 5 JSON Web Token; others are kept.
    pub kind: u8,
    /// Whether the peer wants a 59H when the identity was accepted.
    pub positive_response: bool,
    /// User name, ticket, assertion or token.
    pub primary: Vec<u8>,
    /// Passcode; empty but for kind 2.
    pub secondary: Vec<u8>,
}

impl fmt::Debug for UserIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserIdentity").field("kind", &self.kind).field("fields", &"[redacted]").finish()
    }
}

/// The server response of a user identity sub-item in an A-ASSOCIATE-AC (59H); empty for user names. A Kerberos or
/// SAML answer is nobody's business either: `Debug` shows its length alone.
#[derive(Clone, PartialEq, Eq)]
pub struct IdentityAnswer(pub Bytes);

impl fmt::Debug for IdentityAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdentityAnswer({} bytes)", self.0.len())
    }
}
