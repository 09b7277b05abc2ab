//! Identifiers that the gateway asks on its own account.

use super::Model;
use crate::dicom::dataset::Level;
use crate::dicom::transfer_syntax::Encoding;
use crate::dicom::{Tag, Uid};
use dicom_core::VR;

/// Builds an identifier of C-FIND. Specific Character Set is absent as long as every text is in the default repertoire,
/// else `ISO_IR 192`.
#[derive(Debug, Clone)]
pub struct Builder {
    model: Model,
    level: Level,
}

impl Builder {
    /// An identifier at a level, without keys.
    pub fn new(model: Model, level: Level) -> Self {
        Self { model, level }
    }

    /// With a list of UIDs; an empty list is a return key.
    #[must_use]
    pub fn uids(self, _tag: Tag, _uids: &[Uid]) -> Self {
        self
    }

    /// With a key of text, taken as it is: wild cards in it are wild cards.
    #[must_use]
    pub fn text(self, _tag: Tag, _vr: VR, _text: &str) -> Self {
        self
    }

    /// With return keys; those that have a value keep it.
    #[must_use]
    pub fn returns(self, _tags: &[Tag]) -> Self {
        self
    }

    /// The data set. Deflated is written as one stream.
    pub fn write(&self, _encoding: Encoding) -> Vec<u8> {
        let _ = (self.model, self.level);
        Vec::new()
    }
}
