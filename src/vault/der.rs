//! The little DER that a seal needs (X.690): definite lengths in their shortest form, one-byte tags, nothing else.
//!
//! Reading never copies and never panics; whoever reads says what must stand there and hears where it does not.

use crate::dicom::cursor::Cursor;

/// INTEGER.
pub const INTEGER: u8 = 0x02;
/// OCTET STRING.
pub const OCTETS: u8 = 0x04;
/// BIT STRING.
pub const BITS: u8 = 0x03;
/// OBJECT IDENTIFIER.
pub const OID: u8 = 0x06;
/// SEQUENCE.
pub const SEQUENCE: u8 = 0x30;
/// SET.
pub const SET: u8 = 0x31;

/// A context-specific tag around something constructed.
pub const fn constructed(number: u8) -> u8 {
    0xa0 | number
}

/// A context-specific tag of something primitive.
pub const fn primitive(number: u8) -> u8 {
    0x80 | number
}

/// Why some bytes are not DER as it is read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DerFault {
    /// BER's indefinite length.
    #[error("an indefinite length (BER)")]
    Indefinite,
    /// A length that could be written shorter, or has more than four bytes.
    #[error("a length that is not in its shortest form")]
    Length,
    /// More is announced than there is.
    #[error("a length that runs over")]
    Short,
    /// A tag of more than one byte.
    #[error("a tag of several bytes")]
    Tag,
}

/// Tag and length of the value, and how many bytes they take; `None`: there are not enough of them.
pub fn header(bytes: &[u8]) -> Result<Option<(u8, usize, usize)>, DerFault> {
    let mut cursor = Cursor::new(bytes);
    let (Some(tag), Some(first)) = (cursor.u8(), cursor.u8()) else { return Ok(None) };
    if tag & 0x1f == 0x1f {
        return Err(DerFault::Tag);
    }
    let length = match first {
        0..0x80 => usize::from(first),
        0x80 => return Err(DerFault::Indefinite),
        0x81..=0x84 => {
            let Some(digits) = cursor.take(usize::from(first & 0x7f)) else { return Ok(None) };
            let length = digits.iter().fold(0_usize, |length, digit| length << 8 | usize::from(*digit));
            if length < 0x80 || digits.first() == Some(&0) {
                return Err(DerFault::Length);
            }
            length
        }
        _ => return Err(DerFault::Length),
    };
    Ok(Some((tag, length, cursor.position())))
}

/// Elements one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    cursor: Cursor<'a>,
}

impl<'a> Reader<'a> {
    /// Before the first.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { cursor: Cursor::new(bytes) }
    }

    /// The next element's tag, its value, and all of it.
    ///
    /// # Errors
    /// It is not DER, or there is none.
    pub fn next(&mut self) -> Result<Element<'a>, DerFault> {
        let from = self.cursor;
        let (tag, length, size) = header(self.cursor.rest())?.ok_or(DerFault::Short)?;
        self.cursor.take(size).ok_or(DerFault::Short)?;
        let Some(value) = self.cursor.take(length) else {
            self.cursor = from;
            return Err(DerFault::Short);
        };
        let whole = from.rest().get(..size + length).ok_or(DerFault::Short)?;
        Ok(Element { tag, value, whole })
    }

    /// The next element's tag, without reading it.
    pub fn peek(&self) -> Option<u8> {
        self.cursor.rest().first().copied()
    }

    /// Whether nothing is left.
    pub const fn is_empty(&self) -> bool {
        self.cursor.is_empty()
    }
}

/// One element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element<'a> {
    /// Its tag.
    pub tag: u8,
    /// What is in it.
    pub value: &'a [u8],
    /// With tag and length.
    pub whole: &'a [u8],
}

/// How many bytes tag and length take before a value of this length.
pub const fn header_length(length: usize) -> usize {
    match length {
        0..0x80 => 2,
        0x80..0x100 => 3,
        0x100..0x1_0000 => 4,
        0x1_0000..0x100_0000 => 5,
        _ => 6,
    }
}

/// Appends tag and length. Lengths of 4 GiB and more do not occur.
pub fn put_header(out: &mut Vec<u8>, tag: u8, length: usize) {
    out.push(tag);
    let bytes = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    match header_length(length) {
        2 => out.extend(bytes.last()),
        size => {
            let digits = bytes.get(bytes.len() + 2 - size..).unwrap_or_default();
            out.push(0x80 | u8::try_from(digits.len()).unwrap_or(4));
            out.extend_from_slice(digits);
        }
    }
}

/// An element around others.
pub fn around(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length = parts.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(header_length(length) + length);
    put_header(&mut out, tag, length);
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use der::{Decode as _, Encode as _};

    #[test]
    fn lengths_are_written_as_the_der_crate_writes_them_and_read_again() {
        for length in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000, 0xff_ffff, 0x100_0000] {
            let mut out = Vec::new();
            put_header(&mut out, OCTETS, length);
            let theirs = der::Header::new(der::Tag::OctetString, der::Length::try_from(length).unwrap());
            assert_eq!(out, theirs.to_der().unwrap());
            assert_eq!(out.len(), header_length(length));
            assert_eq!(header(&out), Ok(Some((OCTETS, length, out.len()))));
            assert_eq!(header(&out[..out.len() - 1]), Ok(None));
        }
    }

    #[test]
    fn what_ber_allows_is_refused_here_and_there() {
        for (bytes, fault) in [
            (&[0x30, 0x80, 0, 0][..], DerFault::Indefinite),
            (&[0x04, 0x81, 0x01, 0], DerFault::Length),
            (&[0x04, 0x82, 0x00, 0xff, 0], DerFault::Length),
            (&[0x04, 0x85, 1, 0, 0, 0, 0], DerFault::Length),
            (&[0x04, 0xff, 1, 0, 0, 0, 0], DerFault::Length),
            (&[0x1f, 0x81, 0x01, 0], DerFault::Tag),
            (&[0x04, 0x02, 0x00], DerFault::Short),
            (&[0x04], DerFault::Short),
            (&[], DerFault::Short),
        ] {
            assert_eq!(Reader::new(bytes).next(), Err(fault), "{bytes:?}");
            assert!(der::asn1::AnyRef::from_der(bytes).is_err(), "{bytes:?}");
        }
    }
}
