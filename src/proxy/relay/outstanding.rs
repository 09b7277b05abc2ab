//! Requests that have gone and are not answered yet.

use crate::dicom::dimse::Field;
use crate::gate::Permit;

/// A request that was forwarded and is not answered yet.
#[derive(Debug)]
pub struct Outstanding {
    /// Its message id.
    pub message: u16,
    /// Its presentation context.
    pub context: u8,
    /// What it was.
    pub field: Field,
    /// The permit under which it went.
    pub permit: Permit,
    /// Bytes of data sets forwarded for it.
    pub bytes: u64,
    /// Answers with a pending status so far.
    pub answers: u32,
}
