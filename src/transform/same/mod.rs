//! Whether two objects say the same: a digest over a data set, whatever way its sequences are delimited, without what
//! archives rightly correct or add.
//!
//! Pure and of constant memory. Both must be written in the same transfer syntax; a deflated one is inflated by whoever has
//! it. It checks what it needs to find its way: a walker goes beside it.

#[cfg(test)]
mod tests;

use super::scan::{Head, Holds, Part, Scanner};
use crate::dicom::Tag;
use crate::dicom::dataset::{Vr, WalkFault};
use crate::dicom::transfer_syntax::Encoding;
use crate::vault::suite::Digest;

/// Values of these end with padding that says nothing (PS3.5 6.2).
const TEXT: [&[u8; 2]; 17] = [
    b"AE", b"AS", b"CS", b"DA", b"DS", b"DT", b"IS", b"LO", b"LT", b"PN", b"SH", b"ST", b"TM", b"UC", b"UI", b"UR",
    b"UT",
];
/// The patient's group.
const PATIENT: u16 = 0x0010;
/// What archives correct at the top level beside the patient: whose study it is, when, for whom and what it is called
/// (PS3.3 C.7.2.1); and what they write into objects for themselves.
const CORRECTED: [Tag; 25] = [
    // Of the study.
    Tag(0x0008, 0x0020),
    Tag(0x0008, 0x0030),
    Tag(0x0008, 0x0050),
    Tag(0x0008, 0x0051),
    Tag(0x0008, 0x0090),
    Tag(0x0008, 0x0096),
    Tag(0x0008, 0x009c),
    Tag(0x0008, 0x009d),
    Tag(0x0008, 0x1030),
    Tag(0x0008, 0x1032),
    Tag(0x0008, 0x1048),
    Tag(0x0008, 0x1049),
    Tag(0x0008, 0x1060),
    Tag(0x0008, 0x1062),
    Tag(0x0008, 0x1110),
    Tag(0x0020, 0x000d),
    Tag(0x0020, 0x0010),
    Tag(0x0032, 0x1034),
    // Of the archive.
    Tag(0x0008, 0x0054),
    Tag(0x0008, 0x0056),
    Tag(0x0100, 0x0410),
    Tag(0x0100, 0x0420),
    Tag(0x0100, 0x0424),
    Tag(0x0400, 0x0561),
    Tag(0x0400, 0x0600),
];

/// The digest of one data set.
pub struct Same {
    scanner: Scanner,
    digest: Digest,
    /// Of the value that passes.
    value: Option<Value>,
    /// Sequences, items and fragments that are open.
    open: usize,
    /// What passes does not count until no more than so much is open again.
    skipped: Option<usize>,
}

struct Value {
    digest: Digest,
    /// Up to where what may turn out to be padding begins.
    text: Option<Digest>,
    is_text: bool,
    counts: bool,
}

impl Same {
    /// Before the first byte of a data set that is not deflated; `depth`: of sequences inside each other.
    pub fn new(encoding: Encoding, depth: u16) -> Self {
        let scanner = Scanner::new(encoding, depth);
        Self { scanner, digest: Digest::new(), value: None, open: 0, skipped: None }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// It is damaged: there will be no digest.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), WalkFault> {
        while let Some(part) = self.scanner.next(&mut bytes)? {
            self.part(part);
        }
        Ok(())
    }

    /// The data set is over: the digest, equal for two that say the same.
    ///
    /// # Errors
    /// It may not end here.
    pub fn finish(self) -> Result<[u8; 32], WalkFault> {
        self.scanner.finish()?;
        Ok(self.digest.finish())
    }

    fn part(&mut self, part: Part<'_>) {
        match part {
            Part::Element(head, holds) => self.element(&head, holds),
            Part::Item(_) => {
                self.open += 1;
                self.say(b"item");
            }
            Part::Fragment(_) => {
                self.say(b"part");
                self.value = Some(Value::new(false, self.skipped.is_none()));
            }
            Part::Bytes(bytes, last) => {
                if let Some(value) = &mut self.value {
                    value.push(bytes);
                }
                if last && let Some(value) = self.value.take().filter(|value| value.counts) {
                    self.digest.push(&value.finish());
                }
            }
            Part::End(_) => {
                self.open = self.open.saturating_sub(1);
                self.say(b"over");
                if self.skipped.is_some_and(|until| self.open <= until) {
                    self.skipped = None;
                }
            }
            Part::Stray(_) | Part::Zeros(_) => {}
        }
    }

    fn element(&mut self, head: &Head, holds: Holds) {
        let tag = head.raw.tag;
        // Lengths of groups say nothing of the object.
        let counts = self.skipped.is_none() && tag.element() != 0 && !(self.open == 0 && is_corrected(tag));
        if counts {
            self.digest.push(if holds == Holds::Value { b"elem" } else { b"many" });
            self.digest.push(&tag.group().to_le_bytes());
            self.digest.push(&tag.element().to_le_bytes());
        }
        if holds == Holds::Value {
            let is_text = head.raw.vr.is_some_and(|Vr(vr)| TEXT.contains(&&vr));
            self.value = Some(Value::new(is_text, counts));
            return;
        }
        if !counts && self.skipped.is_none() {
            self.skipped = Some(self.open);
        }
        self.open += 1;
    }

    /// Every word is of four bytes, every value of the 32 of its digest: no two data sets give the same bytes.
    fn say(&mut self, word: &[u8; 4]) {
        if self.skipped.is_none() {
            self.digest.push(word);
        }
    }
}

impl Value {
    fn new(is_text: bool, counts: bool) -> Self {
        Self { digest: Digest::new(), text: None, is_text, counts }
    }

    fn push(&mut self, bytes: &[u8]) {
        if !self.counts {
            return;
        }
        let end = match self.is_text {
            true => bytes.iter().rposition(|byte| !matches!(byte, b' ' | 0)).map_or(0, |last| last + 1),
            false => bytes.len(),
        };
        let (text, spaces) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
        if !text.is_empty() {
            self.text = None;
            self.digest.push(text);
        }
        if !spaces.is_empty() {
            self.text.get_or_insert_with(|| self.digest.clone());
            self.digest.push(spaces);
        }
    }

    fn finish(self) -> [u8; 32] {
        self.text.unwrap_or(self.digest).finish()
    }
}

fn is_corrected(tag: Tag) -> bool {
    tag.group() == PATIENT || CORRECTED.contains(&tag)
}

/// Nothing of an object is shown.
impl std::fmt::Debug for Same {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Same").field("open", &self.open).finish_non_exhaustive()
    }
}
