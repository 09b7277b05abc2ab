//! Accounts of people that the gateway keeps itself, as `users.toml` has them.

use std::collections::BTreeMap;
use std::fmt;
use zeroize::Zeroizing;

/// One local account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The name as it comes over the wire, byte for byte: 1 to 64 characters, no control characters, no outer spaces.
    pub name: String,
    /// What its passcode is checked against.
    pub password: PasswordHash,
    /// Roles that rules name, sorted, each once.
    pub roles: Vec<String>,
    /// What `{user.NAME}` stands for; each has at least one value.
    pub attributes: BTreeMap<String, Vec<String>>,
    /// It cannot be used for now.
    pub disabled: bool,
}

/// Argon2id (RFC 9106) of a passcode. `Debug` shows neither salt nor hash.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    /// Memory, KiB.
    pub memory: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
    /// 8 to 48 bytes.
    pub salt: Vec<u8>,
    /// 16 to 64 bytes.
    pub hash: Zeroizing<Vec<u8>>,
}

impl PasswordHash {
    /// The least memory that is accepted, KiB, and what new hashes use.
    pub const MEMORY: u32 = 19 * 1024;
    /// The most memory that is accepted, KiB: a file must not be able to take the machine down.
    pub const MOST_MEMORY: u32 = 256 * 1024;
    /// The fewest passes that are accepted, and what new hashes use.
    pub const PASSES: u32 = 2;
    /// The most passes that are accepted.
    pub const MOST_PASSES: u32 = 10;
    /// The most lanes that are accepted; new hashes use one.
    pub const MOST_LANES: u32 = 8;

    /// Reads a PHC string: `$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH`.
    ///
    /// # Errors
    /// What is wrong with it, in words that do not quote it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        use argon2::password_hash::phc;
        let read = phc::PasswordHash::new(text).map_err(|_| "it is no PHC string")?;
        if read.algorithm.as_str() != "argon2id" {
            return Err("it is not Argon2id");
        }
        if read.version != Some(19) {
            return Err("it is not version 19 of Argon2");
        }
        if read.params.iter().count() != 3 {
            return Err("it needs the parameters m, t and p, and no others");
        }
        let number = |name: &str| read.params.get_decimal(name).ok_or("it needs the parameters m, t and p");
        let (memory, passes, lanes) = (number("m")?, number("t")?, number("p")?);
        if memory < Self::MEMORY || passes < Self::PASSES || lanes < 1 {
            return Err("it is too cheap to guess: m must be at least 19456, t at least 2");
        }
        if memory > Self::MOST_MEMORY || passes > Self::MOST_PASSES || lanes > Self::MOST_LANES {
            return Err("it is too costly: m may be at most 262144, t 10, p 8");
        }
        let salt = read.salt.ok_or("it has no salt")?;
        let hash = read.hash.ok_or("it has no hash")?;
        if salt.len() < 8 || hash.len() < 16 {
            return Err("its salt or hash is too short");
        }
        Ok(Self { memory, passes, lanes, salt: salt.as_ref().to_vec(), hash: Zeroizing::new(hash.as_bytes().to_vec()) })
    }

    /// Its cost, to find the costliest: blocks that are filled.
    pub const fn cost(&self) -> u64 {
        self.memory as u64 * self.passes as u64
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHash")
            .field("memory", &self.memory)
            .field("passes", &self.passes)
            .field("lanes", &self.lanes)
            .finish_non_exhaustive()
    }
}

/// Whether a name can be one of an account: what a device sends, a person reads in records, and rules can name.
pub fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.chars().count()) && name.trim() == name && !name.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$KdGbmuKw8q4lqDRTHXNwjZTxJXE6jnVnLFqG4tVjPGk";

    #[test]
    fn a_phc_string_is_read_and_never_shown() {
        let hash = PasswordHash::parse(GOOD).unwrap();
        assert_eq!((hash.memory, hash.passes, hash.lanes), (19_456, 2, 1));
        assert_eq!(hash.salt, b"saltsaltsalt");
        assert_eq!(hash.hash.len(), 32);
        assert_eq!(format!("{hash:?}"), "PasswordHash { memory: 19456, passes: 2, lanes: 1, .. }");
    }

    #[test]
    fn what_is_cheap_costly_or_no_argon2id_is_refused() {
        for (from, to) in [
            ("argon2id", "argon2i"),
            ("argon2id", "argon2d"),
            ("v=19", "v=16"),
            ("m=19456", "m=19455"),
            ("m=19456", "m=4194304"),
            ("m=19456", "m=99999999999"),
            ("t=2", "t=1"),
            ("t=2", "t=11"),
            ("p=1", "p=0"),
            ("p=1", "p=9"),
            (",p=1", ""),
            ("p=1", "p=1,x=1"),
            ("$c2FsdHNhbHRzYWx0", "$"),
            ("$KdGbmuKw8q4lqDRTHXNwjZTxJXE6jnVnLFqG4tVjPGk", ""),
            ("$KdGbmuKw8q4lqDRTHXNwjZTxJXE6jnVnLFqG4tVjPGk", "$KdGbmuKw8q4lqDRTHX"),
        ] {
            let text = GOOD.replacen(from, to, 1);
            assert!(PasswordHash::parse(&text).is_err(), "{text}");
        }
        assert!(PasswordHash::parse("").is_err());
        assert!(PasswordHash::parse("secret").is_err());
    }

    #[test]
    fn names_are_what_can_come_over_the_wire_and_be_read() {
        for good in ["mueller", "Müller, Hans", "a", &"x".repeat(64), "müller@klinik.example"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", " a", "a ", "a\nb", "a\u{0}", &"x".repeat(65), "\u{7f}"] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }
}
