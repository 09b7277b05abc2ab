//! What of an object is not as sealed format 1 writes it.

use crate::vault::der::DerFault;

/// Bytes of an object identifier that are shown.
const LONGEST_IDENTIFIER: usize = 32;

/// Why an object is none that sealed format 1 writes. Object identifiers in dotted form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CmsFault {
    /// Not DER.
    #[error("{0}, at its {1}")]
    Der(DerFault, &'static str),
    /// Another element stands there.
    #[error("a tag {tag:02X}H where its {field} should be")]
    Unexpected {
        /// What should stand there.
        field: &'static str,
        /// What does.
        tag: u8,
    },
    /// Something follows where nothing may.
    #[error("something follows its {0}")]
    Trailing(&'static str),
    /// Longer than a segment can be.
    #[error("longer than a segment can be")]
    TooLong,
    /// Another type of content, of CMS or inside it.
    #[error("content of type `{0}`")]
    ContentType(String),
    /// A version that goes with other contents.
    #[error("another version of its {0}")]
    Version(&'static str),
    /// Certificates of an originator.
    #[error("originator information")]
    Originator,
    /// A recipient by password or of a kind from elsewhere.
    #[error("a recipient of kind {0}")]
    Kind(&'static str),
    /// Another way to give somebody the key.
    #[error("a key encrypted with `{0}`")]
    KeyAlgorithm(String),
    /// The right way, with other parameters.
    #[error("a key encrypted with other parameters")]
    KeyParameters,
    /// An encrypted key of another length.
    #[error("an encrypted key of {0} bytes")]
    KeyLength(usize),
    /// A recipient named in another way.
    #[error("a recipient that is named in another way")]
    Identifier,
    /// A point of another length or form.
    #[error("an ephemeral key that is no uncompressed point of P-256 or P-384")]
    Point,
    /// Keying material of the sender.
    #[error("user keying material")]
    KeyingMaterial,
    /// Two recipients of the ring.
    #[error("two recipients of the key ring")]
    TwoRings,
    /// A recipient twice.
    #[error("the same recipient twice")]
    Repeated,
    /// A SET OF that is not in order.
    #[error("recipients that are not in the order of DER")]
    Order,
    /// None, or more than there may be.
    #[error("{0} recipients")]
    Recipients(usize),
    /// Another cipher.
    #[error("the cipher `{0}`")]
    Cipher(String),
    /// A nonce of another length.
    #[error("a nonce of {0} bytes")]
    Nonce(usize),
    /// A tag of another length; 12 where it is left out.
    #[error("a tag that is announced with {0} bytes")]
    TagLength(u64),
    /// Content in pieces.
    #[error("content in pieces")]
    Pieces,
    /// No content.
    #[error("no content")]
    NoContent,
    /// Authenticated attributes.
    #[error("authenticated attributes")]
    AuthAttributes,
    /// Attributes that nothing protects.
    #[error("unauthenticated attributes")]
    UnauthAttributes,
    /// A tag of another length.
    #[error("a tag of {0} bytes")]
    Tag(usize),
}

/// An object identifier for people; one that is longer than any that there is, by its length.
pub(super) fn dotted(oid: &[u8]) -> String {
    if oid.len() > LONGEST_IDENTIFIER {
        return format!("an identifier of {} bytes", oid.len());
    }
    x509_parser::asn1_rs::Oid::new(oid.into()).to_id_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_identifier_makes_no_long_fault() {
        assert_eq!(dotted(&[0x2a, 0x86, 0x48]), "1.2.840");
        assert!(dotted(&vec![1; 8 << 20]).len() < 64);
    }
}
