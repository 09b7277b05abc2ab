//! Characters to bytes: one way for every text, so that equal texts are equal bytes.

use super::decode::ESCAPE;
use super::set::Set;
use super::{CharacterSet, Designated, Ends, Repertoire};

impl CharacterSet {
    pub(super) fn encode_with(&self, text: &str, ends: Ends) -> Option<Vec<u8>> {
        if text.contains('\u{1b}') {
            return None;
        }
        let bytes = match self.0 {
            Repertoire::Utf8 => text.as_bytes().to_vec(),
            Repertoire::Sets(sets) => sets.encode(text, ends)?,
            Repertoire::Chinese(encoding) => {
                let (bytes, _, lost) = encoding.encode(text);
                if lost {
                    return None;
                }
                bytes.into_owned()
            }
        };
        // Whoever decodes it must find the same text.
        (self.decode_with(&bytes, ends).ok()? == text).then_some(bytes)
    }
}

/// What is designated while a value is written.
struct Writer {
    first: Designated,
    g0: Set,
    g1: Option<Set>,
    out: Vec<u8>,
}

impl Designated {
    fn encode(self, text: &str, ends: Ends) -> Option<Vec<u8>> {
        let mut writer = Writer { first: self, g0: self.g0, g1: self.g1, out: Vec::with_capacity(text.len()) };
        for c in text.chars() {
            let ending = u8::try_from(c).is_ok_and(|byte| ends.has(byte));
            if ending {
                writer.reset();
            }
            writer.put(c)?;
            if ending {
                (writer.g0, writer.g1) = (self.g0, self.g1);
            }
        }
        writer.reset();
        Some(writer.out)
    }
}

impl Writer {
    /// One character: by what is designated, else by the first declared set that has it.
    fn put(&mut self, c: char) -> Option<()> {
        let control = c.is_ascii_control() || c == ' ';
        let designated = [Some(self.g0).filter(|set| !control || set.is_single()), self.g1];
        let now = designated.into_iter().flatten().find_map(|set| Some((set, set.bytes_of(c)?)));
        let (set, (first, second)) = match now {
            Some(now) => now,
            None => {
                let left = Some(self.first.g0);
                let mut sets = left.into_iter().chain(self.first.g1).chain(self.first.more.iter());
                let found = sets.find_map(|set| Some((set, set.bytes_of(c)?)))?;
                self.designate(found.0);
                found
            }
        };
        if set.is_right() && !self.g0.is_single() {
            // Both halves may be in use at once, but readers do not expect that of a left half of two bytes.
            self.designate(self.first.g0);
        }
        let high = if set.is_right() { 0x80 } else { 0 };
        self.out.push(first | high);
        self.out.extend(second.map(|second| second | high));
        Some(())
    }

    fn designate(&mut self, set: Set) {
        self.out.push(ESCAPE);
        self.out.extend_from_slice(set.escape());
        if set.is_right() {
            self.g1 = Some(set);
        } else {
            self.g0 = set;
        }
    }

    /// Back to what holds at the beginning: before delimiters, control characters, and the end (PS3.5 6.1.2.5.3).
    fn reset(&mut self) {
        if self.g0 != self.first.g0 {
            self.designate(self.first.g0);
        }
        if let Some(first) = self.first.g1.filter(|_| self.g1 != self.first.g1) {
            self.designate(first);
        }
    }
}
