//! The private side of escrow: it lies in a safe, and comes out for recovery and for drills.

use crate::vault::cms::Recipient;
use crate::vault::suite::agreement::{Curve, agree};
use crate::vault::suite::wrap::unwrap;
use crate::vault::suite::{Key256, Refused, transport};
use aws_lc_rs::agreement::PrivateKey;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{OaepPrivateDecryptingKey, PrivateDecryptingKey};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    RSA_PSS_SHA256, RsaKeyPair,
};

/// A private key of escrow. Prints nothing; the library wipes it when it is dropped.
pub struct EscrowKey(Kind);

enum Kind {
    Rsa { decrypt: OaepPrivateDecryptingKey, sign: RsaKeyPair },
    Ec { curve: Curve, agree: PrivateKey, sign: EcdsaKeyPair },
}

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
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, EscrowKeyFault> {
        if let Ok(key) = PrivateDecryptingKey::from_pkcs8(der) {
            let decrypt = OaepPrivateDecryptingKey::new(key).map_err(|_| EscrowKeyFault::Kind)?;
            let sign = RsaKeyPair::from_pkcs8(der).map_err(|_| EscrowKeyFault::Kind)?;
            return Ok(Self(Kind::Rsa { decrypt, sign }));
        }
        for curve in [Curve::P256, Curve::P384] {
            let agree = PrivateKey::from_private_key_der(curve.algorithm(), der);
            let sign = EcdsaKeyPair::from_private_key_der(signing(curve), der);
            if let (Ok(agree), Ok(sign)) = (agree, sign) {
                return Ok(Self(Kind::Ec { curve, agree, sign }));
            }
        }
        Err(EscrowKeyFault::Kind)
    }

    /// For people: the kind of key.
    pub fn describe(&self) -> String {
        match &self.0 {
            Kind::Rsa { decrypt, .. } => format!("RSA {}", decrypt.key_size_bits()),
            Kind::Ec { curve: Curve::P256, .. } => "EC P-256".to_owned(),
            Kind::Ec { curve: Curve::P384, .. } => "EC P-384".to_owned(),
        }
    }

    /// Signs a message, so that whoever has the certificate knows who said it ([`super::Escrow::verifies`]).
    ///
    /// # Errors
    /// The library refuses.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Refused> {
        let random = SystemRandom::new();
        match &self.0 {
            Kind::Rsa { sign, .. } => {
                let mut signature = vec![0; sign.public_modulus_len()];
                sign.sign(&RSA_PSS_SHA256, &random, message, &mut signature).map_err(|_| Refused)?;
                Ok(signature)
            }
            Kind::Ec { sign, .. } => {
                sign.sign(&random, message).map(|signature| signature.as_ref().to_vec()).map_err(|_| Refused)
            }
        }
    }

    /// The content key, if this recipient is the one with this key. Names are not compared: a certificate may have been
    /// renewed since, and what the key opens it opens.
    pub(in crate::vault) fn unlock(&self, recipient: &Recipient<'_>) -> Option<Key256> {
        match (&self.0, recipient) {
            (Kind::Rsa { decrypt, .. }, Recipient::Transport { encrypted, .. }) => {
                (encrypted.len() == decrypt.key_size_bytes()).then(|| transport::decrypt(decrypt, encrypted).ok())?
            }
            (Kind::Ec { curve, agree: ours, .. }, Recipient::Agreement { curve: theirs, point, wrapped, .. }) => {
                let with = (curve == theirs).then(|| agree(*curve, ours, point).ok())??;
                unwrap(&with, wrapped).ok()
            }
            _ => None,
        }
    }
}

const fn signing(curve: Curve) -> &'static EcdsaSigningAlgorithm {
    match curve {
        Curve::P256 => &ECDSA_P256_SHA256_ASN1_SIGNING,
        Curve::P384 => &ECDSA_P384_SHA384_ASN1_SIGNING,
    }
}

impl std::fmt::Debug for EscrowKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}
