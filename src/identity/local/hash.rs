//! Argon2id: how a passcode is checked, and how a new hash is made.
//!
//! A check costs memory and time by intent, so it runs on a thread for blocking work, few at once, and few may wait.

use crate::config::PasswordHash;
use argon2::{Algorithm, Argon2, Params, Version};
use ring::rand::{SecureRandom as _, SystemRandom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::sync::Semaphore;
use zeroize::{Zeroize as _, Zeroizing};

/// Bytes of a new hash.
const HASH: usize = 32;
/// Bytes of a new salt.
const SALT: usize = 16;

/// Why a passcode could not be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HashFault {
    /// As many checks wait as may.
    #[error("more passcodes wait to be checked than `password_checks_waiting` allows")]
    Busy,
    /// There is no memory for it, or the system gives no random numbers.
    #[error("a passcode could not be checked: is there too little memory?")]
    Failed,
}

/// Where passcodes are checked, a few at a time. One for the process: a reload keeps it.
#[derive(Debug)]
pub struct Hasher {
    at_once: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    computed: Arc<AtomicU64>,
}

impl Hasher {
    /// `at_once` checks run at the same time; `waiting` more may wait for their turn.
    pub fn new(at_once: u32, waiting: u32) -> Self {
        let permits = |count: u32| usize::try_from(count).unwrap_or(Semaphore::MAX_PERMITS).min(Semaphore::MAX_PERMITS);
        Self {
            at_once: Arc::new(Semaphore::new(permits(at_once.max(1)))),
            waiting: Arc::new(Semaphore::new(permits(at_once.saturating_add(waiting).max(1)))),
            computed: Arc::default(),
        }
    }

    /// How many hashes have been computed so far.
    pub fn computed(&self) -> u64 {
        self.computed.load(Relaxed)
    }

    /// Whether the passcode fits, by exactly one computation with the cost of `against`. It goes on to its end even if
    /// nobody waits for it any more: what it takes is given back only then.
    ///
    /// # Errors
    /// Too many wait, or there is no memory.
    pub async fn fits(&self, against: &PasswordHash, passcode: &[u8]) -> Result<bool, HashFault> {
        let queued = Arc::clone(&self.waiting).try_acquire_owned().map_err(|_| HashFault::Busy)?;
        let turn = Arc::clone(&self.at_once).acquire_owned().await.map_err(|_| HashFault::Failed)?;
        let (against, passcode) = (against.clone(), Zeroizing::new(passcode.to_vec()));
        let computed = Arc::clone(&self.computed);
        let checked = tokio::task::spawn_blocking(move || {
            let outcome = compute(&against, &passcode);
            computed.fetch_add(1, Relaxed);
            drop((turn, queued));
            let hash = outcome?;
            Ok(aws_lc_rs::constant_time::verify_slices_are_equal(&hash, &against.hash).is_ok())
        });
        checked.await.map_err(|_| HashFault::Failed)?
    }
}

fn compute(like: &PasswordHash, passcode: &[u8]) -> Result<Zeroizing<Vec<u8>>, HashFault> {
    let params =
        Params::new(like.memory, like.passes, like.lanes, Some(like.hash.len())).map_err(|_| HashFault::Failed)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut hash = Zeroizing::new(vec![0; like.hash.len()]);
    if argon2.hash_password_into(passcode, &like.salt, &mut hash).is_err() {
        hash.zeroize();
        return Err(HashFault::Failed);
    }
    Ok(hash)
}

/// A hash that no passcode is known for, as costly as the costliest of these: names that do not exist are checked
/// against it.
pub fn nobody<'a>(all: impl Iterator<Item = &'a PasswordHash>) -> PasswordHash {
    let like = all.max_by_key(|hash| hash.cost());
    let random = |length: usize| {
        let mut bytes = vec![0; length];
        // All zeros would serve as well: what it is compared with is dropped.
        let _ = SystemRandom::new().fill(&mut bytes);
        bytes
    };
    PasswordHash {
        memory: like.map_or(PasswordHash::MEMORY, |like| like.memory),
        passes: like.map_or(PasswordHash::PASSES, |like| like.passes),
        lanes: like.map_or(1, |like| like.lanes),
        salt: random(like.map_or(SALT, |like| like.salt.len())),
        hash: Zeroizing::new(random(like.map_or(HASH, |like| like.hash.len()))),
    }
}

/// The PHC string of a new passcode.
///
/// # Errors
/// No memory, or no random numbers.
pub fn new_phc(passcode: &[u8]) -> Result<String, HashFault> {
    use argon2::password_hash::phc::{Output, ParamsString, PasswordHash as Phc, Salt};
    let mut salt = [0; SALT];
    SystemRandom::new().fill(&mut salt).map_err(|_| HashFault::Failed)?;
    let (memory, passes, lanes) = (PasswordHash::MEMORY, PasswordHash::PASSES, 1);
    let like = PasswordHash { memory, passes, lanes, salt: salt.to_vec(), hash: Zeroizing::new(vec![0; HASH]) };
    let hash = compute(&like, passcode)?;
    let params = Params::new(memory, passes, lanes, None).map_err(|_| HashFault::Failed)?;
    let phc = Phc {
        algorithm: argon2::ARGON2ID_IDENT,
        version: Some(19),
        params: ParamsString::try_from(&params).map_err(|_| HashFault::Failed)?,
        salt: Some(Salt::new(&salt).map_err(|_| HashFault::Failed)?),
        hash: Some(Output::new(&hash).map_err(|_| HashFault::Failed)?),
    };
    Ok(phc.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_passcode_fits_its_own_hash_alone() {
        let hash = PasswordHash::parse(&new_phc(b"correct horse").unwrap()).unwrap();
        let hasher = Hasher::new(1, 1);
        assert_eq!(hasher.fits(&hash, b"correct horse").await, Ok(true));
        assert_eq!(hasher.fits(&hash, b"correct horse ").await, Ok(false));
        assert_eq!(hasher.fits(&hash, b"").await, Ok(false));
        assert_eq!(hasher.computed(), 3);
        assert_ne!(new_phc(b"correct horse").unwrap(), new_phc(b"correct horse").unwrap(), "salted");
    }

    #[tokio::test]
    async fn a_hash_made_elsewhere_is_understood() {
        // argon2 -id -t 3 -m 16 (KiB as power of two, here 65536) -p 2 of the reference implementation's format.
        let reference = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(32_768, 3, 2, Some(24)).unwrap());
        let mut out = [0; 24];
        reference.hash_password_into("pässwort".as_bytes(), b"somesalt", &mut out).unwrap();
        let hash = PasswordHash {
            memory: 32_768,
            passes: 3,
            lanes: 2,
            salt: b"somesalt".to_vec(),
            hash: Zeroizing::new(out.to_vec()),
        };
        assert_eq!(Hasher::new(1, 0).fits(&hash, "pässwort".as_bytes()).await, Ok(true));
    }

    #[tokio::test]
    async fn further_checks_than_may_wait_are_turned_away() {
        let hasher = Hasher::new(1, 1);
        let hash = nobody(std::iter::empty());
        let (first, second, third) =
            tokio::join!(hasher.fits(&hash, b"a"), hasher.fits(&hash, b"b"), hasher.fits(&hash, b"c"));
        assert_eq!((first, second, third), (Ok(false), Ok(false), Err(HashFault::Busy)));
        assert_eq!(hasher.fits(&hash, b"d").await, Ok(false), "places are given back");
    }

    #[test]
    fn nobody_costs_what_the_costliest_costs() {
        let cheap = nobody(std::iter::empty());
        let costly = PasswordHash { memory: 65_536, passes: 3, lanes: 2, ..cheap.clone() };
        let like = nobody([&cheap, &costly, &cheap].into_iter());
        assert_eq!((like.memory, like.passes, like.lanes), (65_536, 3, 2));
        assert_ne!(like.hash, costly.hash);
    }
}
