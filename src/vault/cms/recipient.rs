//! RecipientInfo (RFC 5652, 6.2): whom the content key of a segment is wrapped for, and how.

use super::fault::{CmsFault, dotted};
use super::identifiers::{AES_256_WRAP, EC_PUBLIC_KEY, ECDH, RSA_OAEP};
use crate::vault::KeyId;
use crate::vault::der::{self, BITS, INTEGER, OCTETS, OID, Reader, SEQUENCE, constructed, primitive};
use crate::vault::suite::agreement::Curve;
use crate::vault::suite::wrap::WRAPPED;

/// How long the name of a certificate may be: issuer and serial number, or a key identifier.
const LONGEST_NAME: usize = 2048;

/// Whom a content key is wrapped for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipient<'a> {
    /// The ring: KEKRecipientInfo, key identifier `dicomgate ring NNNN`.
    Ring {
        /// Which key of it.
        key: KeyId,
        /// The content key under it.
        wrapped: &'a [u8; WRAPPED],
    },
    /// An RSA certificate: KeyTransRecipientInfo.
    Transport {
        /// Which certificate.
        to: RecipientId<'a>,
        /// The content key, encrypted.
        encrypted: &'a [u8],
    },
    /// An EC certificate: KeyAgreeRecipientInfo.
    Agreement {
        /// Which certificate.
        to: RecipientId<'a>,
        /// Its curve.
        curve: Curve,
        /// The ephemeral key, an uncompressed point.
        point: &'a [u8],
        /// The content key under the key agreed on.
        wrapped: &'a [u8; WRAPPED],
    },
}

/// A certificate's name in a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecipientId<'a> {
    /// Its subject key identifier.
    SubjectKey(&'a [u8]),
    /// Its issuer and serial number: the DER of IssuerAndSerialNumber.
    IssuerAndSerial(&'a [u8]),
}

impl RecipientId<'_> {
    fn encode(&self, agreement: bool) -> Vec<u8> {
        match self {
            // RecipientKeyIdentifier
            Self::SubjectKey(key) if agreement => der::around(constructed(0), &[&der::around(OCTETS, &[key])]),
            Self::SubjectKey(key) => der::around(primitive(0), &[key]),
            Self::IssuerAndSerial(name) => name.to_vec(),
        }
    }
}

impl<'a> Recipient<'a> {
    /// DER of a RecipientInfo.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Ring { key, wrapped } => {
                let name = der::around(SEQUENCE, &[&der::around(OCTETS, &[ring_name(*key).as_bytes()])]);
                let wrapped = der::around(OCTETS, &[wrapped.as_slice()]);
                der::around(constructed(2), &[&version(4), &name, AES_256_WRAP, &wrapped])
            }
            Self::Transport { to, encrypted } => {
                let number = if matches!(to, RecipientId::SubjectKey(_)) { 2 } else { 0 };
                let encrypted = der::around(OCTETS, &[encrypted]);
                der::around(SEQUENCE, &[&version(number), &to.encode(false), RSA_OAEP, &encrypted])
            }
            Self::Agreement { to, point, wrapped, .. } => {
                let key = der::around(constructed(1), &[EC_PUBLIC_KEY, &der::around(BITS, &[&[0], point])]);
                let originator = der::around(constructed(0), &[&key]);
                let wrapped = der::around(OCTETS, &[wrapped.as_slice()]);
                let one = der::around(SEQUENCE, &[&to.encode(true), &wrapped]);
                let keys = der::around(SEQUENCE, &[&one]);
                der::around(constructed(1), &[&version(3), &originator, ECDH, &keys])
            }
        }
    }

    /// Reads a RecipientInfo out of its element.
    ///
    /// # Errors
    /// It is of another kind, or says something that is not written here.
    pub fn read(tag: u8, value: &'a [u8]) -> Result<Self, CmsFault> {
        let mut inside = Reader::new(value);
        let recipient = match tag {
            SEQUENCE => transport(&mut inside)?,
            tag if tag == constructed(1) => agreement(&mut inside)?,
            tag if tag == constructed(2) => ring(&mut inside)?,
            tag if tag == constructed(3) => return Err(CmsFault::Kind("password")),
            tag if tag == constructed(4) => return Err(CmsFault::Kind("other")),
            tag => return Err(CmsFault::Unexpected { field: "recipient", tag }),
        };
        over(&inside, "recipient")?;
        Ok(recipient)
    }

    /// Whether both name the same recipient.
    pub(super) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Ring { .. }, Self::Ring { .. }) => true,
            (
                Self::Transport { to, .. } | Self::Agreement { to, .. },
                Self::Transport { to: other, .. } | Self::Agreement { to: other, .. },
            ) => to == other,
            _ => false,
        }
    }
}

/// The key identifier of a ring key, as text.
pub fn ring_name(key: KeyId) -> String {
    format!("dicomgate ring {:04}", key.0)
}

fn ring_key(name: &[u8]) -> Option<KeyId> {
    let digits = std::str::from_utf8(name.strip_prefix(b"dicomgate ring ")?).ok()?;
    let key = KeyId(digits.parse().ok()?);
    // One way to write each number.
    (key.0 > 0 && ring_name(key).as_bytes() == name).then_some(key)
}

fn ring<'a>(inside: &mut Reader<'a>) -> Result<Recipient<'a>, CmsFault> {
    numbered(inside, 4, "recipient")?;
    let mut name = Reader::new(take(inside, SEQUENCE, "key name")?);
    let key = ring_key(take(&mut name, OCTETS, "key name")?).ok_or(CmsFault::Identifier)?;
    over(&name, "key name")?;
    algorithm(inside, AES_256_WRAP)?;
    Ok(Recipient::Ring { key, wrapped: wrapped(inside)? })
}

fn transport<'a>(inside: &mut Reader<'a>) -> Result<Recipient<'a>, CmsFault> {
    let number = version_of(inside, "recipient")?;
    let (to, expected) = match inside.peek() {
        Some(tag) if tag == primitive(0) => (RecipientId::SubjectKey(take(inside, tag, "key identifier")?), 2),
        Some(SEQUENCE) => (issuer_and_serial(inside)?, 0),
        _ => return Err(CmsFault::Identifier),
    };
    if number != [expected] {
        return Err(CmsFault::Version("recipient"));
    }
    let to = bounded(to)?;
    algorithm(inside, RSA_OAEP)?;
    let encrypted = take(inside, OCTETS, "encrypted key")?;
    if !(256..=1024).contains(&encrypted.len()) {
        return Err(CmsFault::KeyLength(encrypted.len()));
    }
    Ok(Recipient::Transport { to, encrypted })
}

fn agreement<'a>(inside: &mut Reader<'a>) -> Result<Recipient<'a>, CmsFault> {
    numbered(inside, 3, "recipient")?;
    let mut originator = Reader::new(take(inside, constructed(0), "originator")?);
    let mut key = Reader::new(take(&mut originator, constructed(1), "originator's key")?);
    over(&originator, "originator")?;
    algorithm(&mut key, EC_PUBLIC_KEY)?;
    let bits = take(&mut key, BITS, "ephemeral key")?;
    over(&key, "ephemeral key")?;
    let [0, point @ ..] = bits else { return Err(CmsFault::Point) };
    let curve = Curve::of_point(point.len()).filter(|_| point.first() == Some(&4)).ok_or(CmsFault::Point)?;
    if inside.peek() == Some(constructed(1)) {
        return Err(CmsFault::KeyingMaterial);
    }
    algorithm(inside, ECDH)?;
    let mut keys = Reader::new(take(inside, SEQUENCE, "encrypted keys")?);
    let mut one = Reader::new(take(&mut keys, SEQUENCE, "encrypted key")?);
    over(&keys, "first encrypted key")?;
    let to = match one.peek() {
        Some(tag) if tag == constructed(0) => {
            let mut name = Reader::new(take(&mut one, tag, "key identifier")?);
            let key = take(&mut name, OCTETS, "key identifier")?;
            over(&name, "key identifier")?;
            RecipientId::SubjectKey(key)
        }
        Some(SEQUENCE) => issuer_and_serial(&mut one)?,
        _ => return Err(CmsFault::Identifier),
    };
    let to = bounded(to)?;
    let wrapped = wrapped(&mut one)?;
    over(&one, "encrypted key")?;
    Ok(Recipient::Agreement { to, curve, point, wrapped })
}

fn issuer_and_serial<'a>(inside: &mut Reader<'a>) -> Result<RecipientId<'a>, CmsFault> {
    let element = inside.next().map_err(|fault| CmsFault::Der(fault, "issuer"))?;
    let mut parts = Reader::new(element.value);
    take(&mut parts, SEQUENCE, "issuer")?;
    take(&mut parts, INTEGER, "serial number")?;
    over(&parts, "serial number")?;
    Ok(RecipientId::IssuerAndSerial(element.whole))
}

fn bounded(to: RecipientId<'_>) -> Result<RecipientId<'_>, CmsFault> {
    let (RecipientId::SubjectKey(name) | RecipientId::IssuerAndSerial(name)) = to;
    if name.is_empty() || name.len() > LONGEST_NAME {
        return Err(CmsFault::Identifier);
    }
    Ok(to)
}

fn wrapped<'a>(inside: &mut Reader<'a>) -> Result<&'a [u8; WRAPPED], CmsFault> {
    let wrapped = take(inside, OCTETS, "encrypted key")?;
    wrapped.try_into().map_err(|_| CmsFault::KeyLength(wrapped.len()))
}

/// An AlgorithmIdentifier that must be this one.
fn algorithm(inside: &mut Reader<'_>, expected: &[u8]) -> Result<(), CmsFault> {
    let field = "key encryption algorithm";
    let found = inside.next().map_err(|fault| CmsFault::Der(fault, field))?;
    if found.whole == expected {
        return Ok(());
    }
    if found.tag != SEQUENCE {
        return Err(CmsFault::Unexpected { field, tag: found.tag });
    }
    let oid = take(&mut Reader::new(found.value), OID, field)?;
    let theirs = Reader::new(expected).next().and_then(|expected| Reader::new(expected.value).next());
    if theirs.is_ok_and(|theirs| theirs.value == oid) {
        return Err(CmsFault::KeyParameters);
    }
    Err(CmsFault::KeyAlgorithm(dotted(oid)))
}

pub(super) fn version(number: u8) -> [u8; 3] {
    [INTEGER, 1, number]
}

fn version_of<'a>(inside: &mut Reader<'a>, of: &'static str) -> Result<&'a [u8], CmsFault> {
    take(inside, INTEGER, of)
}

pub(super) fn numbered(inside: &mut Reader<'_>, number: u8, of: &'static str) -> Result<(), CmsFault> {
    if version_of(inside, of)? != [number] { Err(CmsFault::Version(of)) } else { Ok(()) }
}

/// The value of an element that must have this tag.
pub(super) fn take<'a>(inside: &mut Reader<'a>, tag: u8, field: &'static str) -> Result<&'a [u8], CmsFault> {
    let element = inside.next().map_err(|fault| CmsFault::Der(fault, field))?;
    if element.tag != tag {
        return Err(CmsFault::Unexpected { field, tag: element.tag });
    }
    Ok(element.value)
}

pub(super) fn over(inside: &Reader<'_>, field: &'static str) -> Result<(), CmsFault> {
    if inside.is_empty() { Ok(()) } else { Err(CmsFault::Trailing(field)) }
}
