//! What a query or retrieve asks, as far as rules speak of it.

use super::{Errand, Relay, inspect};
use crate::dicom::dataset::record::RecordLimits;
use crate::dicom::dataset::write::Flat;
use crate::dicom::dataset::{Level, WalkLimits};
use crate::dicom::dimse::{Field, Tolerances};
use crate::dicom::query::{Identifier, Model};
use crate::dicom::transfer_syntax::Encoding;
use crate::dicom::{Tag, Uid};
use crate::policy::{Known, Query};

/// (0008,0005), which says how a query is read.
const CHARACTER_SET: Tag = Tag(0x0008, 0x0005);
/// (0008,0052)
const LEVEL: Tag = Tag(0x0008, 0x0052);

/// Level and keys of an identifier.
#[derive(Debug, Default)]
pub(super) struct Asked {
    level: Option<Level>,
    keys: Vec<Tag>,
}

impl Asked {
    /// Reads an identifier. What cannot be read asks nothing, so that no rule that hangs on it holds.
    pub(super) fn read(identifier: &[u8], class: &Uid, encoding: Encoding, limits: WalkLimits) -> Self {
        if let Some(model) = Model::of(class) {
            let read = Identifier::read(identifier, encoding, model, Tolerances::ALL, RecordLimits::default());
            return read.map(|query| Self { level: query.level(), keys: query.asks() }).unwrap_or_default();
        }
        let limits = WalkLimits { value: 1 << 20, ..limits };
        let Ok(flat) = Flat::read_with(identifier, encoding, limits, Tolerances::ALL) else { return Self::default() };
        let level = match flat.get(LEVEL).map(<[u8]>::trim_ascii_end) {
            Some(b"PATIENT") => Some(Level::Patient),
            Some(b"STUDY") => Some(Level::Study),
            Some(b"SERIES") => Some(Level::Series),
            Some(b"IMAGE") => Some(Level::Image),
            _ => None,
        };
        let says = |one: &[u8]| one.iter().any(|byte| !matches!(byte, b'*' | b'?' | b'\t' | b' ' | 0));
        let asks = |value: &[u8]| value.split(|byte| *byte == b'\\').all(says);
        let keys = flat
            .iter()
            .filter(|(tag, value)| !matches!(*tag, CHARACTER_SET | LEVEL) && asks(value))
            .map(|(tag, _)| tag)
            .collect();
        Self { level, keys }
    }

    /// As the policy is asked.
    pub(super) fn query(&self) -> Known<Query<'_>> {
        Known::Is(Query { level: self.level, keys: &self.keys })
    }
}

impl Relay {
    /// Whether the identifier of this request is needed whole before the decision: rules may hang on it, or show only
    /// part of what it finds; or a list in it may name a canary; or it may have to be asked a second time.
    pub(super) fn is_read_whole(&self, field: Field) -> bool {
        let policy = &self.snapshot.policy;
        let reads = policy.narrows() || !policy.canaries().is_empty();
        let reads = reads || field == Field::FindRq && self.snapshot.vault.is_some();
        let reads = reads || self.may_be_asked_again(field);
        inspect::is_retrieval(field) && matches!(self.errand, Errand::Outward) && reads
    }
}
