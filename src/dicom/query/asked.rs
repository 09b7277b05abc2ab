//! What a caller asked for, and what the gateway added: what her answers may hold.

use super::{LEVEL, trim};
use crate::dicom::Tag;
use crate::dicom::dataset::record::{Item, Record, vr_of};
use crate::dicom::matching::{Extended, Key};
use dicom_core::VR;
use smallvec::{SmallVec, smallvec};

const CHARACTER_SET: Tag = Tag(0x0008, 0x0005);

/// Sequences, and last the attribute.
type Path = SmallVec<[Tag; 4]>;

/// What the caller asked for and what the gateway added, kept for the answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// Every key, sequences and what is inside them; ascending.
    keys: Vec<Path>,
    /// Sequences asked for as a whole: without items, or with empty ones.
    whole: Vec<Path>,
    /// Keys that leave something out: anything but empty ones and stars.
    narrowing: Vec<Path>,
    /// Top-level attributes of which a value is asked: more than wild cards, and readable. Of a list each value has to be
    /// more: archives that take a list for alternatives find everything by the one that is not.
    values: Vec<Tag>,
    /// Not asked for by the caller.
    added: Vec<Path>,
}

impl Asked {
    /// What an identifier asks for.
    pub(super) fn of(record: &Record) -> Self {
        let mut asked = Self::default();
        asked.read(record.root(), &mut smallvec![]);
        asked.keys.sort_unstable();
        asked.values.dedup();
        asked
    }

    fn read(&mut self, item: Item<'_>, path: &mut Path) {
        for (tag, vr) in item.tags() {
            if path.is_empty() && matches!(tag, CHARACTER_SET | LEVEL) {
                continue;
            }
            path.push(tag);
            self.keys.push(path.clone());
            let mut items = item.items(tag).peekable();
            if items.peek().is_some() {
                let before = self.keys.len();
                items.for_each(|item| self.read(item, path));
                if self.keys.len() == before {
                    self.whole.push(path.clone());
                }
            } else if vr == VR::SQ {
                self.whole.push(path.clone());
            } else {
                let text = item.text(tag);
                let bytes = item.value(tag).map(trim);
                let universal = bytes.is_some_and(|bytes| bytes.iter().all(|byte| *byte == b'*'));
                if !universal {
                    self.narrowing.push(path.clone());
                }
                if let (Some(top), Some(text)) = (path.first(), text)
                    && says(path, vr, &text)
                {
                    self.values.push(*top);
                }
            }
            path.pop();
        }
    }

    /// Something is asked that the caller may not have asked for.
    pub(super) fn add(&mut self, path: &[Tag]) {
        // The shortest beginning that she did not ask for: with a sequence goes what is inside.
        let shortest = (1..=path.len()).filter_map(|length| path.get(..length)).find(|path| !self.has(path));
        if let Some(path) = shortest.filter(|path| !matches!(path, [LEVEL | CHARACTER_SET]))
            && !self.added.iter().any(|added| added.as_slice() == path)
        {
            self.added.push(path.into());
        }
    }

    /// Top-level attributes of which the caller asks a value.
    pub(super) fn values(&self) -> &[Tag] {
        &self.values
    }

    /// Whether the caller asked for what stands at this path: by a key, or for a whole sequence around it.
    pub fn has(&self, path: &[Tag]) -> bool {
        self.keys.binary_search_by(|key| key.as_slice().cmp(path)).is_ok()
            || self.whole.iter().any(|whole| path.starts_with(whole))
    }

    /// Whether a key of the caller at this path leaves answers out.
    pub fn narrows(&self, path: &[Tag]) -> bool {
        self.narrowing.iter().any(|key| key.as_slice() == path)
    }

    /// The keys of the caller that leave answers out, each with the sequences that it is in.
    pub fn narrowing(&self) -> impl Iterator<Item = &[Tag]> {
        self.narrowing.iter().map(SmallVec::as_slice)
    }

    /// Whether only the gateway asked for this.
    pub fn is_added(&self, path: &[Tag]) -> bool {
        self.added.iter().any(|added| added.as_slice() == path)
    }
}

/// Whether a key asks a value that archives will match: as its attribute is written, of a list each. What they cannot read
/// as such they may pass over.
fn says(path: &[Tag], vr: VR, text: &str) -> bool {
    let (Some((tag, around)), Some(top)) = (path.split_last(), path.first()) else { return false };
    let (known, outer) = (vr_of(*tag), vr_of(*top));
    let sequences = outer == VR::UN || (outer == VR::SQ) != around.is_empty();
    let vr = if known == VR::UN { vr } else { known };
    let key = || Key::new(vr, text, Extended::default()).is_ok_and(|key| !key.is_universal());
    sequences && text.split('\\').all(|one| one.chars().any(|c| !is_wild(c, vr))) && key()
}

/// What says nothing about a value: wild cards, what archives may take for padding, a range without ends, a name without
/// components.
fn is_wild(c: char, vr: VR) -> bool {
    let of_its_kind = match vr {
        VR::PN => matches!(c, '^' | '='),
        VR::DA | VR::TM | VR::DT => c == '-',
        _ => false,
    };
    matches!(c, '*' | '?') || c.is_whitespace() || c.is_control() || of_its_kind
}
