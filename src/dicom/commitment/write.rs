//! The writing: tags ascending, lengths defined.

use super::{
    CLASS, FAILED, FILE_SET, FILE_SET_UID, INSTANCE, Place, REASON, REFERENCED, RETRIEVE_AE, Reference, Report,
    TRANSACTION,
};
use crate::dicom::Tag;
use crate::dicom::transfer_syntax::Encoding;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use std::io::Write as _;

const ITEM: Tag = Tag(0xfffe, 0xe000);

impl Report {
    /// The data set of an N-EVENT-REPORT (PS3.4 table J.3-2).
    pub fn encode(&self, encoding: Encoding) -> Vec<u8> {
        let plain = match encoding {
            Encoding::Deflated => Encoding::ExplicitLe,
            other => other,
        };
        let mut out = Writer::new(plain);
        out.retrieve_ae(&self.place);
        out.text(TRANSACTION, *b"UI", self.transaction.as_bytes());
        if !self.failed.is_empty() {
            let items = self.failed.iter().map(|(reference, reason)| (reference, Some(*reason)));
            out.sequence(FAILED, items);
        }
        // Required where all is committed, even if that is nothing.
        if !self.committed.is_empty() || self.failed.is_empty() {
            out.sequence(REFERENCED, self.committed.iter().map(|reference| (reference, None)));
        }
        out.file_set(&self.place);
        if encoding == Encoding::Deflated { deflated(&out.bytes) } else { out.bytes }
    }
}

struct Writer {
    bytes: Vec<u8>,
    encoding: Encoding,
}

impl Writer {
    const fn new(encoding: Encoding) -> Self {
        Self { bytes: Vec::new(), encoding }
    }

    fn sequence<'a>(&mut self, tag: Tag, items: impl Iterator<Item = (&'a Reference, Option<u16>)>) {
        let mut inside = Self::new(self.encoding);
        let mut item = Self::new(self.encoding);
        for (reference, reason) in items {
            item.bytes.clear();
            item.reference(reference, reason);
            inside.tag(ITEM);
            inside.long(item.bytes.len());
            inside.bytes.extend_from_slice(&item.bytes);
        }
        self.tag(tag);
        if self.encoding != Encoding::ImplicitLe {
            self.bytes.extend_from_slice(b"SQ\0\0");
        }
        self.long(inside.bytes.len());
        self.bytes.append(&mut inside.bytes);
    }

    fn reference(&mut self, reference: &Reference, reason: Option<u16>) {
        let place = reference.place.as_deref();
        if let Some(place) = place {
            self.retrieve_ae(place);
        }
        self.text(CLASS, *b"UI", reference.class.as_bytes());
        self.text(INSTANCE, *b"UI", reference.instance.as_bytes());
        if let Some(reason) = reason {
            self.header(REASON, *b"US", 2);
            self.short(reason);
        }
        if let Some(place) = place {
            self.file_set(place);
        }
    }

    fn retrieve_ae(&mut self, place: &Place) {
        if let Some(titles) = &place.retrieve_ae {
            self.text(RETRIEVE_AE, *b"AE", titles.as_bytes());
        }
    }

    fn file_set(&mut self, place: &Place) {
        if let Some(id) = &place.file_set {
            self.text(FILE_SET, *b"SH", id.as_bytes());
        }
        if let Some(uid) = &place.file_set_uid {
            self.text(FILE_SET_UID, *b"UI", uid.as_bytes());
        }
    }

    /// A value of at most 272 bytes, padded to even length.
    fn text(&mut self, tag: Tag, vr: [u8; 2], value: &[u8]) {
        self.header(tag, vr, value.len().next_multiple_of(2));
        self.bytes.extend_from_slice(value);
        if !value.len().is_multiple_of(2) {
            self.bytes.push(if vr == *b"UI" { 0 } else { b' ' });
        }
    }

    fn header(&mut self, tag: Tag, vr: [u8; 2], length: usize) {
        self.tag(tag);
        if self.encoding == Encoding::ImplicitLe {
            self.long(length);
        } else {
            self.bytes.extend_from_slice(&vr);
            self.short(u16::try_from(length).unwrap_or(u16::MAX));
        }
    }

    fn tag(&mut self, tag: Tag) {
        self.short(tag.group());
        self.short(tag.element());
    }

    fn short(&mut self, number: u16) {
        let big = self.encoding == Encoding::ExplicitBe;
        self.bytes.extend_from_slice(&if big { number.to_be_bytes() } else { number.to_le_bytes() });
    }

    fn long(&mut self, length: usize) {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        let big = self.encoding == Encoding::ExplicitBe;
        self.bytes.extend_from_slice(&if big { length.to_be_bytes() } else { length.to_le_bytes() });
    }
}

/// PS3.5 A.5: a raw deflate stream, padded to even length.
fn deflated(plain: &[u8]) -> Vec<u8> {
    let mut stream = DeflateEncoder::new(Vec::new(), Compression::default());
    // Writing to memory cannot fail.
    let _ = stream.write_all(plain);
    let mut bytes = stream.finish().unwrap_or_default();
    if !bytes.len().is_multiple_of(2) {
        bytes.push(0);
    }
    bytes
}
