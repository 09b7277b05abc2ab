//! AE title fields of association PDUs, as they came (PS3.8 9.3.2).

use crate::dicom::ae_title::{AeTitle, AeTitleFault};
use std::fmt;

/// The 16 bytes of a title field: kept raw, since the answer has to echo them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RawTitle(pub [u8; 16]);

impl RawTitle {
    /// The title in the field, if it is one.
    pub fn parse(&self) -> Result<AeTitle, AeTitleFault> {
        AeTitle::new(self.0)
    }
}

impl From<AeTitle> for RawTitle {
    fn from(title: AeTitle) -> Self {
        Self(*title.padded())
    }
}

impl fmt::Debug for RawTitle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawTitle({})", self.0.escape_ascii())
    }
}
