//! Bytes to characters.

use super::set::Set;
use super::{CharacterFault, CharacterSet, Designated, Ends, Repertoire};
use std::borrow::Cow;

pub(super) const ESCAPE: u8 = 0x1b;

impl CharacterSet {
    pub(super) fn decode_with<'a>(&self, bytes: &'a [u8], ends: Ends) -> Result<Cow<'a, str>, CharacterFault> {
        let plain = bytes.iter().all(|byte| byte.is_ascii() && *byte != ESCAPE);
        match self.0 {
            Repertoire::Sets(Designated { g0: Set::Ascii, .. }) | Repertoire::Utf8 | Repertoire::Chinese(_)
                if plain =>
            {
                std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| CharacterFault::Undefined)
            }
            Repertoire::Sets(sets) => sets.decode(bytes, ends).map(Cow::Owned),
            _ if bytes.contains(&ESCAPE) => Err(CharacterFault::Escape),
            Repertoire::Utf8 => std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| CharacterFault::Undefined),
            Repertoire::Chinese(encoding) => {
                encoding.decode_without_bom_handling_and_without_replacement(bytes).ok_or(CharacterFault::Undefined)
            }
        }
    }
}

impl Designated {
    fn decode(self, bytes: &[u8], ends: Ends) -> Result<String, CharacterFault> {
        let (mut g0, mut g1) = (self.g0, self.g1);
        let mut text = String::with_capacity(bytes.len());
        let mut rest = bytes;
        while let Some((&byte, behind)) = rest.split_first() {
            rest = behind;
            let (set, high) = match byte {
                ESCAPE => {
                    let (set, behind) = Set::designated(rest).ok_or(CharacterFault::Escape)?;
                    if !self.more.has(set) {
                        return Err(CharacterFault::Escape);
                    }
                    rest = behind;
                    if set.is_right() {
                        g1 = Some(set);
                    } else {
                        g0 = set;
                    }
                    continue;
                }
                // Space and control characters are the same in every left half.
                0..=b' ' | 0x7f => {
                    text.push(char::from(byte));
                    if ends.has(byte) {
                        (g0, g1) = (self.g0, self.g1);
                    }
                    continue;
                }
                0x80..=0x9f => return Err(CharacterFault::Undefined),
                0x21..=0x7e => (g0, 0),
                0xa0..=0xff => (g1.ok_or(CharacterFault::Undefined)?, 0x80),
            };
            let c = if set.is_single() {
                set.single(byte - high)
            } else {
                // The second half stands in the same half of the code table as the first.
                let (second, behind) = rest.split_first().ok_or(CharacterFault::Undefined)?;
                rest = behind;
                second.checked_sub(high).filter(u8::is_ascii).and_then(|second| set.double(byte - high, second))
            };
            text.push(c.ok_or(CharacterFault::Undefined)?);
            if set.is_single() && ends.has(byte) {
                (g0, g1) = (self.g0, self.g1);
            }
        }
        Ok(text)
    }
}
