//! UIDs and titles that nobody has had before.

use crate::dicom::{AeTitle, Uid};
use ring::rand::SecureRandom as _;

/// A UID of 128 random bits (PS3.5 B.2). `None` if the system has no random numbers.
pub fn uid() -> Option<Uid> {
    let mut bytes = [0; 16];
    ring::rand::SystemRandom::new().fill(&mut bytes).ok()?;
    Uid::new(format!("2.25.{}", u128::from_be_bytes(bytes))).ok()
}

/// An AE title that no installation has.
pub fn title() -> Option<AeTitle> {
    let mut bytes = [0; 4];
    ring::rand::SystemRandom::new().fill(&mut bytes).ok()?;
    AeTitle::new(format!("DGPROBE-{:08X}", u32::from_be_bytes(bytes)).get(..16)?).ok()
}
