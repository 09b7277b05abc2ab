//! Whether a seal is of the object that it stands in, and what of its identity changed since.

use super::payload::Whole;
use super::{OpenFault, OpenOrder};
use crate::dicom::{Phi, Tag, Uid};
use crate::vault::{PatientIdentity, SegmentHeader};
use std::collections::VecDeque;

const CHARACTER_SET: Tag = Tag(0x0008, 0x0005);
const SOP_CLASS: Tag = Tag(0x0008, 0x0016);
const SOP_INSTANCE: Tag = Tag(0x0008, 0x0018);
const ACCESSION: Tag = Tag(0x0008, 0x0050);
const NAME: Tag = Tag(0x0010, 0x0010);
const ID: Tag = Tag(0x0010, 0x0020);
const BIRTH_DATE: Tag = Tag(0x0010, 0x0030);
const STUDY: Tag = Tag(0x0020, 0x000d);

/// SOP Class and SOP Instance of seal, data set and command are the same, but for an instance that the archive minted.
pub(super) fn matches_object(
    header: &SegmentHeader,
    order: &OpenOrder,
    clear: &VecDeque<Whole>,
) -> Result<(), OpenFault> {
    let data_set = |tag, uid: &Uid| self::uid(clear, tag).as_ref() == Some(uid);
    if header.sop_class != order.sop_class || !data_set(SOP_CLASS, &order.sop_class) {
        return Err(OpenFault::Identity { attribute: "SOPClassUID" });
    }
    let sealed = order.options.minted || header.sop_instance == order.sop_instance;
    if !sealed || !data_set(SOP_INSTANCE, &order.sop_instance) {
        return Err(OpenFault::Identity { attribute: "SOPInstanceUID" });
    }
    Ok(())
}

/// Keywords of what identifies the object and stands otherwise around the seal than when it was sealed.
pub(super) fn drift(header: &SegmentHeader, order: &OpenOrder, clear: &VecDeque<Whole>) -> Vec<&'static str> {
    let text = |tag| Phi::new(value(clear, tag).unwrap_or_default().to_vec());
    let patient =
        PatientIdentity { id: text(ID), name: text(NAME), birth_date: text(BIRTH_DATE), accession: text(ACCESSION) };
    let set = value(clear, CHARACTER_SET).unwrap_or_default();
    let minted = (header.sop_instance != order.sop_instance).then_some("SOPInstanceUID");
    minted.into_iter().chain(header.drift(uid(clear, STUDY).as_ref(), &patient, set).names()).collect()
}

fn uid(clear: &VecDeque<Whole>, tag: Tag) -> Option<Uid> {
    Uid::new(value(clear, tag)?).ok()
}

/// A value without padding.
fn value(clear: &VecDeque<Whole>, tag: Tag) -> Option<&[u8]> {
    let mut value = clear.iter().find(|whole| whole.tag() == tag)?.value();
    while let [rest @ .., b' ' | 0] = value {
        value = rest;
    }
    Some(value)
}
