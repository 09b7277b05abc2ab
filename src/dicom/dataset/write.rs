//! Small data sets: gathered in any order, written in the order of their tags; and the flat reading of one.

use super::vr::{Form, Vr};
use super::{Header, Sink, SinkFault, WalkFault, WalkLimits, Walker, Want};
use crate::dicom::dimse::Tolerances;
use crate::dicom::transfer_syntax::Encoding;
use crate::dicom::{Tag, Uid};
use std::collections::BTreeMap;

/// A small data set to be written: queries, answers, tests. Not for objects with pixels.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct DataSet(BTreeMap<Tag, (Vr, Contents)>);

#[derive(Clone, PartialEq, Eq)]
enum Contents {
    Value(Vec<u8>),
    Items(Vec<DataSet>),
}

impl DataSet {
    /// With nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// With a value, as it goes over the wire but for padding.
    #[must_use]
    pub fn with(mut self, tag: Tag, vr: &[u8; 2], value: impl AsRef<[u8]>) -> Self {
        self.0.insert(tag, (Vr(*vr), Contents::Value(value.as_ref().to_vec())));
        self
    }

    /// With a UID.
    #[must_use]
    pub fn with_uid(self, tag: Tag, uid: &Uid) -> Self {
        self.with(tag, b"UI", uid.as_bytes())
    }

    /// With a number of 16 bits, little endian.
    #[must_use]
    pub fn with_u16(self, tag: Tag, number: u16) -> Self {
        self.with(tag, b"US", number.to_le_bytes())
    }

    /// With a sequence.
    #[must_use]
    pub fn with_items(mut self, tag: Tag, items: Vec<Self>) -> Self {
        self.0.insert(tag, (Vr::SQ, Contents::Items(items)));
        self
    }

    /// Explicit or implicit VR little endian, lengths defined; other encodings are written as explicit little endian.
    pub fn encode(&self, encoding: Encoding) -> Vec<u8> {
        let mut out = Vec::new();
        for (tag, (vr, contents)) in &self.0 {
            match contents {
                Contents::Value(value) => put(&mut out, encoding, *tag, *vr, value),
                Contents::Items(items) => {
                    let mut inside = Vec::new();
                    for item in items {
                        let item = item.encode(encoding);
                        inside.extend_from_slice(&[0xfe, 0xff, 0x00, 0xe0]);
                        inside.extend_from_slice(&u32::try_from(item.len()).unwrap_or(u32::MAX).to_le_bytes());
                        inside.extend_from_slice(&item);
                    }
                    put(&mut out, encoding, *tag, *vr, &inside);
                }
            }
        }
        out
    }
}

/// May hold what a patient is called.
impl std::fmt::Debug for DataSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

fn put(out: &mut Vec<u8>, encoding: Encoding, tag: Tag, vr: Vr, value: &[u8]) {
    let length = value.len().next_multiple_of(2);
    out.extend_from_slice(&tag.0.to_le_bytes());
    out.extend_from_slice(&tag.1.to_le_bytes());
    let long = u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    if encoding == Encoding::ImplicitLe {
        out.extend_from_slice(&long);
    } else {
        out.extend_from_slice(&vr.0);
        if vr.form() == Form::Short {
            out.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes());
        } else {
            out.extend_from_slice(&[0; 2]);
            out.extend_from_slice(&long);
        }
    }
    out.extend_from_slice(value);
    if !value.len().is_multiple_of(2) {
        out.push(if matches!(&vr.0, b"UI" | b"OB" | b"UN") { 0 } else { b' ' });
    }
}

/// The top-level values of a small data set, as they stand; sequences are left out. Up to 64 KiB each, 1 MiB together.
#[derive(Clone, Default)]
pub struct Flat(BTreeMap<Tag, Vec<u8>>, usize);

const MOST_BYTES: usize = 1 << 20;

impl Flat {
    /// Walks a whole data set, strictly, and keeps its top-level values.
    ///
    /// # Errors
    /// The data set is damaged, or too large to be kept.
    pub fn read(bytes: &[u8], encoding: Encoding) -> Result<Self, WalkFault> {
        Self::read_with(bytes, encoding, WalkLimits::default(), Tolerances::STRICT)
    }

    /// The same within these limits, of which `value` bounds each value, and with these tolerances.
    ///
    /// # Errors
    /// The data set is damaged, or too large to be kept.
    pub fn read_with(
        bytes: &[u8],
        encoding: Encoding,
        limits: WalkLimits,
        tolerances: Tolerances,
    ) -> Result<Self, WalkFault> {
        let mut flat = Self::default();
        let mut walker = Walker::new(encoding, limits, tolerances);
        walker.push(bytes, &mut flat)?;
        walker.finish()?;
        Ok(flat)
    }

    /// A value, padding included; `None` if the element is not there.
    pub fn get(&self, tag: Tag) -> Option<&[u8]> {
        self.0.get(&tag).map(Vec::as_slice)
    }

    /// Every value, tags ascending.
    pub fn iter(&self) -> impl Iterator<Item = (Tag, &[u8])> {
        self.0.iter().map(|(tag, value)| (*tag, value.as_slice()))
    }
}

/// May hold what a patient is called.
impl std::fmt::Debug for Flat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Sink for Flat {
    fn element(&mut self, header: &Header) -> Result<Want, SinkFault> {
        Ok(if header.depth == 0 { Want::Value } else { Want::Skip })
    }

    fn value(&mut self, header: &Header, value: &[u8]) -> Result<(), SinkFault> {
        self.1 += value.len();
        if self.1 > MOST_BYTES {
            let reason = "makes the data set longer than 1 MiB, which is more than is kept";
            return Err(SinkFault { tag: header.tag, reason, tolerance: None });
        }
        self.0.insert(header.tag, value.to_vec());
        Ok(())
    }
}
