//! The private side of escrow.

/// A private key of escrow. Prints nothing; wiped when dropped.
pub struct EscrowKey {}

/// Why a private key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EscrowKeyFault {
    /// Not PKCS#8, or of a kind that escrow does not take.
    #[error("it is no private key in PKCS#8 of RSA (2,048 to 8,192 bits) or EC (P-256, P-384)")]
    Kind,
}

impl EscrowKey {
    /// Out of PKCS#8 in DER, not encrypted.
    ///
    /// # Errors
    /// It is none, or of another kind.
    pub fn from_pkcs8(_der: &[u8]) -> Result<Self, EscrowKeyFault> {
        Err(EscrowKeyFault::Kind)
    }
}

impl std::fmt::Debug for EscrowKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}
