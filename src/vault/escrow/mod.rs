//! Escrow: certificates for which every segment is sealed besides the ring, and the private keys that open them on the
//! day when the ring is gone.

mod key;

pub use key::{EscrowKey, EscrowKeyFault};

/// A certificate that every segment is sealed for: RSA of at least 2,048 bits, or EC P-256 or P-384.
#[derive(Debug, Clone)]
pub struct Escrow {
    description: String,
    fingerprint: [u8; 32],
}

/// Why a certificate cannot be used for escrow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EscrowFault {
    /// No X.509 certificate in DER.
    #[error("it is no X.509 certificate in DER")]
    NoCertificate,
    /// RSA, but too short or too long.
    #[error("its RSA key has {0} bits: escrow takes 2,048 to 8,192")]
    RsaBits(usize),
    /// Another curve or another kind of key.
    #[error("its key is of kind `{0}`: escrow takes RSA, and EC on P-256 or P-384")]
    Kind(String),
    /// The key is damaged.
    #[error("its public key is damaged")]
    Key,
}

impl Escrow {
    /// Out of a certificate in DER.
    ///
    /// # Errors
    /// It is none, or its key is none that escrow takes.
    pub fn from_der(_certificate: &[u8]) -> Result<Self, EscrowFault> {
        Err(EscrowFault::NoCertificate)
    }

    /// For people: kind of key, subject, beginning of the fingerprint.
    pub fn describe(&self) -> &str {
        &self.description
    }

    /// SHA-256 of the certificate.
    pub const fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }

    /// Whether the holder of the private key signed this message (RSA-PSS with SHA-256; ECDSA with SHA-256 or, on
    /// P-384, SHA-384).
    pub fn verifies(&self, _message: &[u8], _signature: &[u8]) -> bool {
        false
    }
}
