//! The gateway's own user information sub-item, D6H: which association of another gateway this one goes on.
//!
//! The standard leaves sub-items of unknown types to be ignored (PS3.8 9.3.1), so a gateway that knows nothing of it
//! takes no harm. Whether it is believed is for others to say: any device can send one.

use std::fmt;

/// The type of the sub-item; the standard uses 51H to 59H.
pub const CHAIN: u8 = 0xd6;

/// What its value begins with. D6H with another beginning is somebody else's.
const MAGIC: &[u8] = b"dicomgate/";
/// The form that follows, with its space.
const FORM: &[u8] = b"1 ";
/// Bytes of an incident id with its dash.
const INCIDENT: usize = 9;
/// Longest name of a gateway, in bytes.
const NAME: usize = 32;

/// The value of the sub-item: `dicomgate/1 7K3F-9QX2 edge-ct1`.
#[derive(Clone, PartialEq, Eq)]
pub struct ChainItem {
    incident: [u8; INCIDENT],
    gateway: Box<str>,
}

impl ChainItem {
    /// Takes the incident id of the record with which that gateway opened its association (two groups of four capital
    /// letters or digits with a dash) and that gateway's name (1 to 32 letters, digits, `-`, `_`, `.`). `None` if they
    /// are not of this form.
    pub fn new(incident: &str, gateway: &str) -> Option<Self> {
        let named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let incident: [u8; INCIDENT] = incident.as_bytes().try_into().ok()?;
        let spelled = incident.iter().enumerate().all(|(index, byte)| match index {
            4 => *byte == b'-',
            _ => byte.is_ascii_digit() || byte.is_ascii_uppercase(),
        });
        let known = (1..=NAME).contains(&gateway.len()) && gateway.bytes().all(named);
        (spelled && known).then(|| Self { incident, gateway: gateway.into() })
    }

    /// The incident id.
    pub fn incident(&self) -> &str {
        std::str::from_utf8(&self.incident).unwrap_or_default()
    }

    /// The name of the gateway.
    pub fn gateway(&self) -> &str {
        &self.gateway
    }

    /// Whether a sub-item is one of ours, in whatever form: it then goes no further.
    pub(super) fn is_ours(kind: u8, value: &[u8]) -> bool {
        kind == CHAIN && value.starts_with(MAGIC)
    }

    /// Reads the value. `None` if it is not exactly of the form that [`ChainItem::encode`] writes.
    pub(super) fn decode(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value.strip_prefix(MAGIC)?.strip_prefix(FORM)?).ok()?;
        let (incident, gateway) = text.split_once(' ')?;
        Self::new(incident, gateway)
    }

    /// Writes the value.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        for part in [MAGIC, FORM, &self.incident, b" ", self.gateway.as_bytes()] {
            out.extend_from_slice(part);
        }
    }
}

impl fmt::Debug for ChainItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChainItem({} of {})", self.incident(), self.gateway)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert_eq, proptest};

    fn written(item: &ChainItem) -> Vec<u8> {
        let mut out = Vec::new();
        item.encode(&mut out);
        out
    }

    #[test]
    fn it_is_written_so() {
        let item = ChainItem::new("7K3F-9QX2", "edge-ct1").unwrap();
        assert_eq!(written(&item), b"dicomgate/1 7K3F-9QX2 edge-ct1");
        assert_eq!((item.incident(), item.gateway()), ("7K3F-9QX2", "edge-ct1"));
    }

    #[test]
    fn what_has_not_the_form_is_nothing() {
        for value in [
            "dicomgate/1",
            "dicomgate/1 ",
            "dicomgate/1 7K3F-9QX2",
            "dicomgate/1 7K3F-9QX2 ",
            "dicomgate/1 7K3F-9QX2 edge ct1",
            "dicomgate/1 7K3F-9QX2 edge-ct1 ",
            "dicomgate/1 7K3F-9QX2 edge-ct1\0",
            "dicomgate/1 7K3F-9QX2 edge-\u{e4}",
            "dicomgate/1 7K3F-9QX2 123456789012345678901234567890123",
            "dicomgate/1  7K3F-9QX2 edge-ct1",
            "dicomgate/1 7k3f-9qx2 edge-ct1",
            "dicomgate/1 7K3F9QX22 edge-ct1",
            "dicomgate/1 7K3-F9QX2 edge-ct1",
            "dicomgate/1 7K3F-9QX2X edge-ct1",
            "dicomgate/1 7K\u{e4}-9QX2 edge-ct1",
            "dicomgate/2 7K3F-9QX2 edge-ct1",
            "dicomgate/11 7K3F-9QX2 edge-ct1",
            "Dicomgate/1 7K3F-9QX2 edge-ct1",
            "",
        ] {
            assert_eq!(ChainItem::decode(value.as_bytes()), None, "{value}");
        }
        assert_eq!(ChainItem::decode(b"dicomgate/1 7K3F-9QX2 \xff"), None);
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_was_written(incident in "[0-9A-Z]{4}-[0-9A-Z]{4}", gateway in "[a-zA-Z0-9._-]{1,32}") {
            let item = ChainItem::new(&incident, &gateway).unwrap();
            prop_assert_eq!(ChainItem::decode(&written(&item)), Some(item));
        }

        #[test]
        fn what_is_read_is_written_back_byte_for_byte(value in proptest::collection::vec(proptest::num::u8::ANY, 0..64)) {
            let value = [b"dicomgate/1 7K3F-9QX2 ".as_slice(), &value].concat();
            if let Some(item) = ChainItem::decode(&value) {
                prop_assert_eq!(written(&item), value);
            }
        }
    }
}
