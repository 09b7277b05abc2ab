//! Ephemeral-static ECDH with the X9.63 KDF of SHA-256, as CMS has it (RFC 5753, 7.2; scheme 1.3.132.1.11.1): a key that
//! wraps a content key, known to whoever has the private key of an EC certificate.

use super::{Key256, NoRandom, Random, Refused, sha256};
use aws_lc_rs::agreement::{self, Algorithm, ECDH_P256, ECDH_P384, PrivateKey, UnparsedPublicKey};
use zeroize::Zeroizing;

/// The curves that escrow may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    /// NIST P-256 (secp256r1).
    P256,
    /// NIST P-384 (secp384r1).
    P384,
}

impl Curve {
    /// Length of an uncompressed point in bytes.
    pub const fn point(self) -> usize {
        match self {
            Self::P256 => 65,
            Self::P384 => 97,
        }
    }

    /// The curve of an uncompressed point of this length.
    pub const fn of_point(length: usize) -> Option<Self> {
        match length {
            65 => Some(Self::P256),
            97 => Some(Self::P384),
            _ => None,
        }
    }

    pub(in crate::vault) const fn algorithm(self) -> &'static Algorithm {
        match self {
            Self::P256 => &ECDH_P256,
            Self::P384 => &ECDH_P384,
        }
    }

    const fn scalar(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
        }
    }
}

/// A draw of this many random scalars that all lie outside the curve's order does not happen.
const DRAWS: usize = 16;

/// A fresh key pair agrees with a certificate's point: the ephemeral point, and the key that wraps.
///
/// # Errors
/// No random numbers.
pub fn originate(curve: Curve, theirs: &[u8], random: &dyn Random) -> Result<(Vec<u8>, Key256), NoRandom> {
    let mut scalar = Zeroizing::new([0; 48]);
    for _ in 0..DRAWS {
        let scalar = scalar.get_mut(..curve.scalar()).unwrap_or_default();
        random.fill(scalar)?;
        let Ok(ours) = PrivateKey::from_private_key(curve.algorithm(), scalar) else { continue };
        let Ok(point) = ours.compute_public_key() else { continue };
        let Ok(key) = agree(curve, &ours, theirs) else { continue };
        return Ok((point.as_ref().to_vec(), key));
    }
    Err(NoRandom)
}

/// The key that wraps, from a private key and the other's point.
///
/// # Errors
/// The point is none of the curve.
pub fn agree(curve: Curve, ours: &PrivateKey, theirs: &[u8]) -> Result<Key256, Refused> {
    let theirs = UnparsedPublicKey::new(curve.algorithm(), theirs);
    agreement::agree(ours, theirs, Refused, |secret| Ok(derive(secret)))
}

/// The X9.63 KDF, one block: SHA-256(Z, counter, ECC-CMS-SharedInfo).
fn derive(secret: &[u8]) -> Key256 {
    let mut input = Zeroizing::new(Vec::with_capacity(secret.len() + 4 + SHARED_INFO.len()));
    input.extend_from_slice(secret);
    input.extend_from_slice(&[0, 0, 0, 1]);
    input.extend_from_slice(&SHARED_INFO);
    let block = Zeroizing::new(sha256(&input));
    Key256::new(&block)
}

/// ECC-CMS-SharedInfo (RFC 5753, 7.2): keyInfo id-aes256-wrap, suppPubInfo 256 bits.
const SHARED_INFO: [u8; 23] = [
    0x30, 0x15, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2d, 0xa2, 0x06, 0x04, 0x04,
    0, 0, 1, 0,
];
