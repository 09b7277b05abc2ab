//! Identifiers that the gateway asks on its own account.

use super::{LEVEL, Model, level_text};
use crate::dicom::dataset::Level;
use crate::dicom::dataset::record::Record;
use crate::dicom::transfer_syntax::Encoding;
use crate::dicom::{Phi, Tag, Uid};
use dicom_core::VR;
use std::collections::BTreeMap;

const CHARACTER_SET: Tag = Tag(0x0008, 0x0005);

/// Builds an identifier of C-FIND. Specific Character Set is absent as long as every text is in the default repertoire,
/// else `ISO_IR 192`.
#[derive(Debug, Clone)]
pub struct Builder {
    level: Option<Level>,
    keys: BTreeMap<Tag, Key>,
}

#[derive(Debug, Clone)]
enum Key {
    Return,
    Uids(Vec<Uid>),
    Text(VR, Phi<String>),
}

impl Builder {
    /// An identifier at a level, without keys. A worklist has no level.
    pub fn new(model: Model, level: Level) -> Self {
        Self { level: model.has(level).then_some(level), keys: BTreeMap::new() }
    }

    /// With a list of UIDs; an empty list is a return key.
    #[must_use]
    pub fn uids(mut self, tag: Tag, uids: &[Uid]) -> Self {
        self.keys.insert(tag, Key::Uids(uids.to_vec()));
        self
    }

    /// With a key of text, taken as it is: wild cards in it are wild cards.
    #[must_use]
    pub fn text(mut self, tag: Tag, vr: VR, text: &str) -> Self {
        self.keys.insert(tag, Key::Text(vr, Phi::new(text.to_owned())));
        self
    }

    /// With return keys; those that have a value keep it.
    #[must_use]
    pub fn returns(mut self, tags: &[Tag]) -> Self {
        for tag in tags {
            self.keys.entry(*tag).or_insert(Key::Return);
        }
        self
    }

    /// The data set. `None` if a value is too long for its length field (over 64 KiB in explicit VR), or its VR has no
    /// text.
    pub fn write(&self, encoding: Encoding) -> Option<Vec<u8>> {
        let mut record = Record::new(encoding);
        let ascii = self.keys.values().all(|key| match key {
            Key::Text(_, text) => text.reveal().is_ascii(),
            _ => true,
        });
        if !ascii {
            record.set_text(CHARACTER_SET, VR::CS, "ISO_IR 192").ok()?;
        }
        if let Some(level) = self.level {
            record.set_text(LEVEL, VR::CS, level_text(level)).ok()?;
        }
        for (tag, key) in &self.keys {
            match key {
                Key::Return => {
                    record.insert_empty(*tag);
                }
                Key::Uids(uids) => record.set_uids(*tag, uids).ok()?,
                Key::Text(vr, text) => record.set_text(*tag, *vr, text.reveal()).ok()?,
            }
        }
        Some(record.write())
    }
}
