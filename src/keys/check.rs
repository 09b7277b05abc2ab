//! Check values: which key it is, without saying anything of it.

use crate::vault::suite::Key256;
use ring::hmac;
use std::fmt;
use std::str::FromStr;

/// What is authenticated with the key.
const WORDS: &[u8] = b"dicomgate ring check";

/// The first 64 bits of HMAC-SHA-256 with the key over fixed words: tells keys apart, and gives none away.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CheckValue([u8; 8]);

impl CheckValue {
    /// Of a key.
    pub fn of(key: &Key256) -> Self {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.reveal()), WORDS);
        let mut bytes = [0; 8];
        bytes.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
        Self(bytes)
    }
}

impl fmt::Display for CheckValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for CheckValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Text that is no check value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a check value has 16 hexadecimal digits")]
pub struct NoCheckValue;

impl FromStr for CheckValue {
    type Err = NoCheckValue;

    fn from_str(text: &str) -> Result<Self, NoCheckValue> {
        let bytes = super::file::unhex(text).ok_or(NoCheckValue)?;
        bytes.as_slice().try_into().map(Self).map_err(|_| NoCheckValue)
    }
}
