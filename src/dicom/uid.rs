//! Unique identifiers (PS3.5 9.1).

use std::fmt;

/// A UID: 1 to 64 characters, digits and dots, no empty component. Cheap to clone, no allocation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uid {
    bytes: [u8; 64],
    len: u8,
}

/// Why some bytes are not a UID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UidFault {
    /// Nothing left after padding is taken off.
    #[error("a UID may not be empty")]
    Empty,
    /// More than 64 characters.
    #[error("a UID has at most 64 characters")]
    TooLong,
    /// Something else than digits and dots.
    #[error("a UID has only digits and dots")]
    Character,
    /// Two dots in a row, or a dot at an end.
    #[error("a UID has no empty component")]
    EmptyComponent,
}

impl Uid {
    /// Takes a UID as it stands in an element or PDU item: one trailing NUL (PS3.5 9.1) is taken off. Components with
    /// a leading zero pass: real devices send them, and nothing here depends on it.
    pub fn new(raw: impl AsRef<[u8]>) -> Result<Self, UidFault> {
        let raw = raw.as_ref();
        let text = raw.strip_suffix(b"\0").unwrap_or(raw);
        if text.is_empty() {
            return Err(UidFault::Empty);
        }
        let mut bytes = [0; 64];
        bytes.get_mut(..text.len()).ok_or(UidFault::TooLong)?.copy_from_slice(text);
        let mut before = b'.';
        for &byte in text {
            match byte {
                b'0'..=b'9' => {}
                b'.' if before == b'.' => return Err(UidFault::EmptyComponent),
                b'.' => {}
                _ => return Err(UidFault::Character),
            }
            before = byte;
        }
        if before == b'.' {
            return Err(UidFault::EmptyComponent);
        }
        let len = u8::try_from(text.len()).map_err(|_| UidFault::TooLong)?;
        Ok(Self { bytes, len })
    }

    /// The UID without padding.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The UID's characters without padding.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uid({})", self.as_str())
    }
}

impl std::str::FromStr for Uid {
    type Err = UidFault;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl serde::Serialize for Uid {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_trailing_nul_is_padding() {
        assert_eq!(Uid::new(b"1.2.840\0").unwrap().as_str(), "1.2.840");
        assert_eq!(Uid::new(b"1.2\0\0"), Err(UidFault::Character));
    }

    #[test]
    fn what_could_be_a_path_or_a_pattern_is_no_uid() {
        assert_eq!(Uid::new("../etc"), Err(UidFault::EmptyComponent));
        assert_eq!(Uid::new("1/2"), Err(UidFault::Character));
        assert_eq!(Uid::new("1.*"), Err(UidFault::Character));
        assert_eq!(Uid::new("1..2"), Err(UidFault::EmptyComponent));
        assert_eq!(Uid::new("1.2."), Err(UidFault::EmptyComponent));
        assert_eq!(Uid::new(""), Err(UidFault::Empty));
        assert_eq!(Uid::new("1".repeat(65)), Err(UidFault::TooLong));
    }
}
