//! Names of things that are nowhere.

use super::LookupFault;
use crate::dicom::Uid;
use ring::rand::SecureRandom as _;

/// A UID of 128 random bits (PS3.5 B.2): an archive has nothing under it.
///
/// # Errors
/// The system gives no random numbers.
pub fn fresh_uid() -> Result<Uid, LookupFault> {
    let mut bytes = [0; 16];
    ring::rand::SystemRandom::new().fill(&mut bytes).map_err(|_| LookupFault::Random)?;
    Uid::new(format!("2.25.{}", u128::from_be_bytes(bytes))).map_err(|_| LookupFault::Random)
}

/// A Patient ID that nobody has.
pub(super) fn fresh_patient() -> Result<String, LookupFault> {
    fresh_uid().map(|uid| uid.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_alike_and_all_fit_a_patient_id() {
        let all: std::collections::HashSet<Uid> = (0..64).map(|_| fresh_uid().unwrap()).collect();
        assert_eq!(all.len(), 64);
        assert!(all.iter().all(|uid| uid.as_str().starts_with("2.25.") && uid.as_str().len() <= 64));
    }
}
