//! UIDs in half the room: four bits a character, as a ledger of all objects of an archive wants them.

use crate::dicom::Uid;

/// Stands for a dot.
const DOT: u8 = 0xA;
/// Fills the last byte of an odd number of characters.
const FILL: u8 = 0xF;

/// A UID, two characters a byte. Different UIDs give different bytes, and what one UID begins another with, its bytes do
/// as well, but for the last half.
pub fn pack(uid: &Uid) -> Vec<u8> {
    let nibble = |byte: &u8| if *byte == b'.' { DOT } else { byte.wrapping_sub(b'0') & 0xF };
    let pairs = uid.as_bytes().chunks(2);
    pairs.map(|pair| pair.first().map_or(FILL, nibble) << 4 | pair.get(1).map_or(FILL, nibble)).collect()
}

/// The UID that was packed; `None`: these bytes are none.
pub fn unpack(bytes: &[u8]) -> Option<Uid> {
    let mut text = Vec::with_capacity(bytes.len().saturating_mul(2));
    for (place, nibble) in bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xF]).enumerate() {
        match nibble {
            0..=9 => text.push(b'0' + nibble),
            DOT => text.push(b'.'),
            FILL if place + 1 == bytes.len() * 2 => {}
            _ => return None,
        }
    }
    Uid::new(text).ok()
}

#[cfg(test)]
mod tests {
    use super::{pack, unpack};
    use crate::dicom::Uid;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_packed_comes_back(text in "[0-9]{1,6}(\\.[0-9]{1,5}){0,9}") {
            let uid = Uid::new(&text).unwrap();
            let packed = pack(&uid);
            prop_assert_eq!(packed.len(), text.len().div_ceil(2));
            prop_assert_eq!(unpack(&packed), Some(uid));
        }

        #[test]
        fn bytes_that_are_no_uid_are_none_and_no_two_are_the_same(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Some(uid) = unpack(&bytes) {
                prop_assert_eq!(pack(&uid), bytes);
            }
        }
    }
}
