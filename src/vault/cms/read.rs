//! Reading: what is not exactly as it is written here is refused.

use super::fault::{CmsFault, dotted};
use super::identifiers::{AES_256_GCM, AUTH_ENVELOPED_DATA, DATA};
use super::recipient::{Recipient, numbered, over, take};
use super::{GREATEST_OVERHEAD, MOST_RECIPIENTS};
use crate::vault::der::{self, INTEGER, OCTETS, OID, Reader, SEQUENCE, SET, constructed, primitive};
use crate::vault::seal::GREATEST_SEGMENT;
use crate::vault::suite::segment_key::{NONCE, TAG};
use crate::vault::suite::sha256;
use std::ops::Range;

/// The longest object.
pub const LONGEST: usize = GREATEST_SEGMENT as usize + GREATEST_OVERHEAD;

/// The length of the object that begins here; `None`: there are not enough bytes to know.
///
/// # Errors
/// No object begins here, or it is longer than a segment can be.
pub fn total_length(bytes: &[u8]) -> Result<Option<usize>, CmsFault> {
    const FIELD: &str = "beginning";
    if let Some(tag) = bytes.first().filter(|tag| **tag != SEQUENCE) {
        return Err(CmsFault::Unexpected { field: FIELD, tag: *tag });
    }
    let Some((_, length, size)) = der::header(bytes).map_err(|fault| CmsFault::Der(fault, FIELD))? else {
        return Ok(None);
    };
    match size.checked_add(length) {
        Some(whole) if whole <= LONGEST => Ok(Some(whole)),
        _ => Err(CmsFault::TooLong),
    }
}

/// One object, read.
#[derive(Debug, Clone)]
pub struct Envelope<'a> {
    /// Whom it is for; one of the ring at most.
    pub recipients: Vec<Recipient<'a>>,
    /// SHA-256 of the DER of RecipientInfos.
    pub recipients_hash: [u8; 32],
    /// The nonce.
    pub nonce: [u8; NONCE],
    /// Where the ciphertext is.
    pub content: Range<usize>,
    /// The tag.
    pub tag: [u8; TAG],
}

impl<'a> Envelope<'a> {
    /// Reads one whole object.
    ///
    /// # Errors
    /// What of it is not as it is written here.
    pub fn read(bytes: &'a [u8]) -> Result<Self, CmsFault> {
        let mut outside = Reader::new(bytes);
        let mut info = Reader::new(take(&mut outside, SEQUENCE, "beginning")?);
        over(&outside, "end")?;
        content_type(&mut info, AUTH_ENVELOPED_DATA)?;
        let mut explicit = Reader::new(take(&mut info, constructed(0), "content")?);
        over(&info, "content")?;
        let mut data = Reader::new(take(&mut explicit, SEQUENCE, "content")?);
        over(&explicit, "content")?;
        numbered(&mut data, 0, "content")?;
        if data.peek() == Some(constructed(0)) {
            return Err(CmsFault::Originator);
        }
        let (recipients, recipients_hash) = recipients(&mut data)?;
        let mut information = Reader::new(take(&mut data, SEQUENCE, "encrypted content")?);
        content_type(&mut information, DATA)?;
        let nonce = cipher(&mut information)?;
        let ciphertext = content(&mut information)?;
        if data.peek() == Some(constructed(1)) {
            return Err(CmsFault::AuthAttributes);
        }
        let tag = take(&mut data, OCTETS, "tag")?;
        let tag = tag.try_into().map_err(|_| CmsFault::Tag(tag.len()))?;
        if data.peek() == Some(constructed(2)) {
            return Err(CmsFault::UnauthAttributes);
        }
        over(&data, "tag")?;
        // Nothing stands behind the ciphertext but the tag.
        let end = bytes.len().saturating_sub(super::write::SUFFIX);
        let content = end.saturating_sub(ciphertext.len())..end;
        Ok(Self { recipients, recipients_hash, nonce, content, tag })
    }

    /// The ring's recipient.
    pub fn ring(&self) -> Option<(crate::vault::KeyId, &'a [u8; crate::vault::suite::wrap::WRAPPED])> {
        self.recipients.iter().find_map(|recipient| match recipient {
            Recipient::Ring { key, wrapped } => Some((*key, *wrapped)),
            _ => None,
        })
    }
}

fn content_type(inside: &mut Reader<'_>, expected: &[u8]) -> Result<(), CmsFault> {
    let oid = take(inside, OID, "content type")?;
    if expected.get(2..) == Some(oid) { Ok(()) } else { Err(CmsFault::ContentType(dotted(oid))) }
}

fn recipients<'a>(data: &mut Reader<'a>) -> Result<(Vec<Recipient<'a>>, [u8; 32]), CmsFault> {
    let set = data.next().map_err(|fault| CmsFault::Der(fault, "recipients"))?;
    if set.tag != SET {
        return Err(CmsFault::Unexpected { field: "recipients", tag: set.tag });
    }
    let mut inside = Reader::new(set.value);
    let mut found: Vec<Recipient<'a>> = Vec::new();
    let mut before: &[u8] = &[];
    while !inside.is_empty() {
        if found.len() == MOST_RECIPIENTS {
            return Err(CmsFault::Recipients(found.len() + 1));
        }
        let element = inside.next().map_err(|fault| CmsFault::Der(fault, "recipient"))?;
        let recipient = Recipient::read(element.tag, element.value)?;
        if let Some(same) = found.iter().find(|other| other.same(&recipient)) {
            let ring = matches!(same, Recipient::Ring { .. });
            return Err(if ring { CmsFault::TwoRings } else { CmsFault::Repeated });
        }
        if element.whole < before {
            return Err(CmsFault::Order);
        }
        before = element.whole;
        found.push(recipient);
    }
    if found.is_empty() {
        return Err(CmsFault::Recipients(0));
    }
    Ok((found, sha256(set.whole)))
}

fn cipher(information: &mut Reader<'_>) -> Result<[u8; NONCE], CmsFault> {
    let mut algorithm = Reader::new(take(information, SEQUENCE, "cipher")?);
    let oid = take(&mut algorithm, OID, "cipher")?;
    if AES_256_GCM.get(2..) != Some(oid) {
        return Err(CmsFault::Cipher(dotted(oid)));
    }
    let mut parameters = Reader::new(take(&mut algorithm, SEQUENCE, "cipher's parameters")?);
    over(&algorithm, "cipher's parameters")?;
    let nonce = take(&mut parameters, OCTETS, "nonce")?;
    let nonce = nonce.try_into().map_err(|_| CmsFault::Nonce(nonce.len()))?;
    // ICVlen DEFAULT 12
    if parameters.is_empty() {
        return Err(CmsFault::TagLength(12));
    }
    let length = take(&mut parameters, INTEGER, "length of the tag")?;
    if length != [16] {
        let length = length.iter().fold(0_u64, |length, digit| length.saturating_mul(256) | u64::from(*digit));
        return Err(CmsFault::TagLength(length));
    }
    over(&parameters, "length of the tag")?;
    Ok(nonce)
}

fn content<'a>(information: &mut Reader<'a>) -> Result<&'a [u8], CmsFault> {
    match information.peek() {
        None => return Err(CmsFault::NoContent),
        Some(tag) if tag == constructed(0) => return Err(CmsFault::Pieces),
        Some(_) => {}
    }
    let content = take(information, primitive(0), "encrypted content")?;
    over(information, "encrypted content")?;
    Ok(content)
}
