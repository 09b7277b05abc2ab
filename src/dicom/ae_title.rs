//! Application Entity titles (PS3.5 6.2 VR AE, PS3.8 9.3.2).

use std::fmt;

/// An Application Entity title: 1 to 16 characters of the basic G0 set, without backslash, control characters or
/// surrounding spaces. Validated once; compared byte for byte (titles are case-sensitive).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AeTitle {
    bytes: [u8; 16],
    len: u8,
}

/// Why some bytes are not an AE title.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AeTitleFault {
    /// Nothing but spaces.
    #[error("an AE title may not be empty")]
    Empty,
    /// More than 16 characters.
    #[error("an AE title has at most 16 characters")]
    TooLong,
    /// A control character, a backslash or a byte over 7EH.
    #[error("an AE title has only printable ASCII characters, and no backslash")]
    Character,
}

impl AeTitle {
    /// Takes a title as configured or as it stands in a PDU field: surrounding spaces are not significant.
    pub fn new(raw: impl AsRef<[u8]>) -> Result<Self, AeTitleFault> {
        let trimmed = trim(raw.as_ref());
        if trimmed.is_empty() {
            return Err(AeTitleFault::Empty);
        }
        if trimmed.iter().any(|&byte| !(0x20..=0x7e).contains(&byte) || byte == b'\\') {
            return Err(AeTitleFault::Character);
        }
        let mut bytes = [b' '; 16];
        bytes.get_mut(..trimmed.len()).ok_or(AeTitleFault::TooLong)?.copy_from_slice(trimmed);
        let len = u8::try_from(trimmed.len()).map_err(|_| AeTitleFault::TooLong)?;
        Ok(Self { bytes, len })
    }

    /// The title without padding.
    pub fn as_str(&self) -> &str {
        let used = self.bytes.get(..usize::from(self.len)).unwrap_or_default();
        std::str::from_utf8(used).unwrap_or_default()
    }

    /// The title as PDUs carry it: 16 bytes, padded with spaces.
    pub fn padded(&self) -> &[u8; 16] {
        &self.bytes
    }
}

fn trim(mut raw: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] = raw {
        raw = rest;
    }
    while let [rest @ .., b' '] = raw {
        raw = rest;
    }
    raw
}

impl fmt::Display for AeTitle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for AeTitle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AeTitle({})", self.as_str())
    }
}

impl std::str::FromStr for AeTitle {
    type Err = AeTitleFault;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl serde::Serialize for AeTitle {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_not_significant_and_the_rest_is() {
        let title = AeTitle::new("  CT 1 ").unwrap();
        assert_eq!(title.as_str(), "CT 1");
        assert_eq!(title.padded(), b"CT 1            ");
        assert_ne!(title, AeTitle::new("ct 1").unwrap());
    }

    #[test]
    fn what_is_no_title_is_refused() {
        assert_eq!(AeTitle::new("   "), Err(AeTitleFault::Empty));
        assert_eq!(AeTitle::new(b"A\0"), Err(AeTitleFault::Character));
        assert_eq!(AeTitle::new("A\\B"), Err(AeTitleFault::Character));
        assert_eq!(AeTitle::new("Ä"), Err(AeTitleFault::Character));
        assert_eq!(AeTitle::new("12345678901234567"), Err(AeTitleFault::TooLong));
    }
}
