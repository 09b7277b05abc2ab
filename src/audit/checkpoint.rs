//! Checkpoints: the gateway's word, signed and MACed, that the chain stood so at this record.

use crate::audit::body::{self, Body};
use crate::audit::chain::Head;
use crate::audit::ratchet::Ratchet;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

/// What a checkpoint states. Its record stands right behind the record that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement<'a> {
    /// Name of the gateway.
    pub gateway: &'a str,
    /// Name of the file that holds the checkpoint.
    pub file: &'a str,
    /// Number of the checkpoint, from 1 without a gap.
    pub number: u64,
    /// The record before, and its hash.
    pub head: Head,
}

impl Statement<'_> {
    /// The bytes that are signed and MACed: six lines of text, the public key among them.
    pub fn bytes(&self, public_key: &[u8]) -> Vec<u8> {
        format!(
            "dicomgate checkpoint 1\n{}\n{}\n{}\n{}\n{}\n",
            self.gateway,
            self.file,
            self.number,
            self.head,
            body::hex(public_key)
        )
        .into_bytes()
    }
}

/// Why a checkpoint was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// The log was opened.
    Start,
    /// A second with traffic.
    Second,
    /// The file was full.
    Rotation,
    /// The log was closed in good order.
    Stop,
}

impl Occasion {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Second => "second",
            Self::Rotation => "rotation",
            Self::Stop => "stop",
        }
    }
}

/// The gateway's signing key.
pub struct Signer {
    pair: Ed25519KeyPair,
}

impl Signer {
    /// From PKCS#8 (RFC 5208, RFC 8410). `None`: not an Ed25519 key.
    pub fn new(pkcs8: &[u8]) -> Option<Self> {
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).ok().map(|pair| Self { pair })
    }

    /// The public key, 32 bytes.
    pub fn public_key(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// Signs something else than a checkpoint: its purpose, which must not be "dicomgate checkpoint 1", a line feed, and what
    /// is said.
    pub fn sign(&self, purpose: &str, said: &[u8]) -> Vec<u8> {
        self.pair.sign(&[purpose.as_bytes(), b"\n", said].concat()).as_ref().to_vec()
    }

    /// Whether this key signed that.
    pub fn signed(&self, purpose: &str, said: &[u8], signature: &[u8]) -> bool {
        let bytes = [purpose.as_bytes(), b"\n", said].concat();
        UnparsedPublicKey::new(&ED25519, self.public_key()).verify(&bytes, signature).is_ok()
    }

    /// Makes the record of a checkpoint.
    pub fn checkpoint(&self, statement: &Statement<'_>, ratchet: &Ratchet, occasion: Occasion) -> Body {
        let bytes = statement.bytes(self.public_key());
        let mut body = Body::new("checkpoint", false);
        body.text("occasion", occasion.as_str())
            .text("file", statement.file)
            .number("checkpoint", statement.number)
            .number("of", statement.head.sequence)
            .hex("head", &statement.head.hash)
            .hex("signature", self.pair.sign(&bytes).as_ref())
            .hex("mac", &ratchet.mac(&bytes));
        body
    }
}

/// Whether a signature over a statement is that of this public key.
pub fn signed(statement: &Statement<'_>, public_key: &[u8; 32], signature: &[u8; 64]) -> bool {
    UnparsedPublicKey::new(&ED25519, public_key).verify(&statement.bytes(public_key), signature).is_ok()
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer([redacted])")
    }
}
