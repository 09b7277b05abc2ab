//! UIDs that nobody has had before.

use crate::dicom::Uid;
use ring::rand::SecureRandom as _;

/// A UID of 128 random bits (PS3.5 B.2). `None` if the system has no random numbers.
pub fn uid() -> Option<Uid> {
    let mut bytes = [0; 16];
    ring::rand::SystemRandom::new().fill(&mut bytes).ok()?;
    Uid::new(format!("2.25.{}", u128::from_be_bytes(bytes))).ok()
}
