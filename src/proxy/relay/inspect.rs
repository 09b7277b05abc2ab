//! What is read of a data set before a decision, and how it must agree with its command.

use super::stage::Walk;
use crate::config::Limits;
use crate::dicom::dataset::WalkLimits;
use crate::dicom::dimse::{Command, Field};
use crate::dicom::{Tag, sop_class};

/// Behind this tag everything that identifies an object or query has come.
const IDENTIFIED: Tag = Tag(0x0020, 0x000d);
/// Behind this one the title of a Key Object has come too.
const TITLED: Tag = Tag(0x0040, 0xa043);

/// The walker's limits, from `[limits]`.
pub fn walk_limits(limits: &Limits) -> WalkLimits {
    WalkLimits {
        depth: u16::try_from(limits.data_set_depth).unwrap_or(u16::MAX),
        elements: limits.data_set_elements,
        inflate_ratio: limits.deflate_ratio,
        ..WalkLimits::default()
    }
}

/// Whether the decision can be made on what has come of the data set.
pub fn enough(command: &Command, walk: &Walk) -> bool {
    let last = match command.sop_class() {
        Some(class) if command.field == Field::StoreRq && class.as_str() == sop_class::KEY_OBJECT_SELECTION => TITLED,
        _ => IDENTIFIED,
    };
    walk.leading.passed(last)
}

/// What differs between a C-STORE's command and its data set, in words without the values.
pub fn mismatch(command: &Command, walk: &Walk) -> Option<&'static str> {
    if command.field != Field::StoreRq {
        return None;
    }
    if walk.leading.sop_class() != command.affected_sop_class.as_ref() {
        return Some("the SOP Class UID of the data set is not the command's");
    }
    if walk.leading.sop_instance() != command.affected_sop_instance.as_ref() {
        return Some("the SOP Instance UID of the data set is not the command's");
    }
    None
}
