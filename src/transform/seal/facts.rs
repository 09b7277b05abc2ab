//! What an object says of itself at its top level: which it is, whose, and what its image is like.

use super::level::trim;
use super::order::{SealFault, SealOrder};
use crate::dicom::dataset::Length;
use crate::dicom::transfer_syntax::Encoding;
use crate::dicom::{Phi, Tag, Uid};
use crate::transform::scan::{Head, Holds};
use crate::vault::family::Original;
use crate::vault::{Identity, PatientIdentity};
use std::collections::BTreeMap;

const CHARACTER_SET: Tag = Tag(0x0008, 0x0005);
const SOP_CLASS: Tag = Tag(0x0008, 0x0016);
const SOP_INSTANCE: Tag = Tag(0x0008, 0x0018);
const ACCESSION: Tag = Tag(0x0008, 0x0050);
const NAME: Tag = Tag(0x0010, 0x0010);
const ID: Tag = Tag(0x0010, 0x0020);
const BIRTH_DATE: Tag = Tag(0x0010, 0x0030);
const STUDY: Tag = Tag(0x0020, 0x000d);
/// None of these may occur twice: nobody could say what the seal is bound to.
const IDENTITY: [Tag; 8] = [CHARACTER_SET, SOP_CLASS, SOP_INSTANCE, ACCESSION, NAME, ID, BIRTH_DATE, STUDY];
const SAMPLES: Tag = Tag(0x0028, 0x0002);
const ROWS: Tag = Tag(0x0028, 0x0010);
const COLUMNS: Tag = Tag(0x0028, 0x0011);
const BITS_ALLOCATED: Tag = Tag(0x0028, 0x0100);
const PIXEL_REPRESENTATION: Tag = Tag(0x0028, 0x0103);
const IMAGE: [Tag; 5] = [SAMPLES, ROWS, COLUMNS, BITS_ALLOCATED, PIXEL_REPRESENTATION];

/// The longest value that a seal can be bound to.
const LONGEST: u32 = 64 << 10;
/// The longest value that replacements depend on.
const LONGEST_NOTED: u32 = 64;

/// What is known so far.
#[derive(Default)]
pub(super) struct Facts {
    big: bool,
    values: BTreeMap<Tag, Vec<u8>>,
    /// What the replacements depend on.
    pub(super) original: Original,
    /// The value that passes.
    gather: Option<(Tag, Vec<u8>)>,
}

impl Facts {
    pub(super) fn new(encoding: Encoding) -> Self {
        Self { big: encoding == Encoding::ExplicitBe, ..Self::default() }
    }

    /// A top-level element begins.
    ///
    /// # Errors
    /// It says what the object is, and is there already, or is no value that could say so.
    pub(super) fn begin(&mut self, head: &Head, holds: Holds) -> Result<(), SealFault> {
        let tag = head.raw.tag;
        let identity = IDENTITY.contains(&tag);
        let short = matches!(head.raw.length, Length::Defined(length) if length <= LONGEST);
        let value = holds == Holds::Value;
        if identity && (!value || !short || self.values.contains_key(&tag)) {
            return Err(SealFault::Ambiguous(tag));
        }
        let own = identity || IMAGE.contains(&tag) && short;
        let noted = matches!(head.raw.length, Length::Defined(length) if length <= LONGEST_NOTED);
        let wanted = Original::wants(tag);
        if wanted && !(value && noted) {
            self.original.note(tag, &[], self.big);
        }
        self.gather = (value && (own || wanted && noted)).then(|| (tag, Vec::new()));
        Ok(())
    }

    /// Bytes of its value pass; says whether that was the end of one that counts.
    pub(super) fn push(&mut self, bytes: &[u8], last: bool) -> bool {
        let Some((_, value)) = &mut self.gather else { return false };
        value.extend_from_slice(bytes);
        let over = if last { self.gather.take() } else { None };
        if let Some((tag, value)) = over {
            if Original::wants(tag) && value.len() <= LONGEST_NOTED as usize {
                self.original.note(tag, &value, self.big);
            }
            if IDENTITY.contains(&tag) || IMAGE.contains(&tag) {
                self.values.entry(tag).or_insert(value);
            }
        }
        last
    }

    fn text(&self, tag: Tag) -> &[u8] {
        self.values.get(&tag).map_or(&[], |value| trim(value))
    }

    fn number(&self, tag: Tag) -> Option<u16> {
        let number = self.values.get(&tag)?.first_chunk::<2>()?;
        Some(if self.big { u16::from_be_bytes(*number) } else { u16::from_le_bytes(*number) })
    }

    /// Specific Character Set, as it stands.
    pub(super) fn character_set(&self) -> &[u8] {
        self.text(CHARACTER_SET)
    }

    /// What the seal is bound to.
    ///
    /// # Errors
    /// The command says something else, or the study is no UID.
    pub(super) fn identity(&self, order: &SealOrder) -> Result<Identity, SealFault> {
        for (tag, said) in [(SOP_CLASS, &order.sop_class), (SOP_INSTANCE, &order.sop_instance)] {
            if self.text(tag) != said.as_bytes() {
                return Err(SealFault::Identity(tag));
            }
        }
        let study = match self.text(STUDY) {
            [] => None,
            text => Some(Uid::new(text).map_err(|_| SealFault::Ambiguous(STUDY))?),
        };
        let phi = |tag| Phi::new(self.text(tag).to_vec());
        let patient =
            PatientIdentity { id: phi(ID), name: phi(NAME), birth_date: phi(BIRTH_DATE), accession: phi(ACCESSION) };
        Ok(Identity {
            sop_class: order.sop_class,
            sop_instance: order.sop_instance,
            study,
            patient,
            transfer_syntax: order.from,
        })
    }

    /// Rows and columns; 0 where there are none.
    pub(super) fn size(&self) -> (u16, u16) {
        (self.number(ROWS).unwrap_or(0), self.number(COLUMNS).unwrap_or(0))
    }

    /// Number of Frames, 1 where it is not said; 0 where there are none, because there are no pixels. `image`: there are some,
    /// of which so far nothing but their header has come.
    pub(super) fn frames(&self, image: bool) -> u32 {
        let has = image || self.original.has_pixels() || self.original.says_frames();
        if has { self.original.frames() } else { 0 }
    }

    /// Bits Allocated and Samples per Pixel.
    pub(super) fn pixel(&self) -> (u16, u16) {
        (self.number(BITS_ALLOCATED).unwrap_or(0), self.number(SAMPLES).unwrap_or(1))
    }

    /// Whether pixels are signed, once that is said.
    pub(super) fn signed(&self) -> bool {
        self.number(PIXEL_REPRESENTATION).is_some_and(|number| number != 0)
    }
}
