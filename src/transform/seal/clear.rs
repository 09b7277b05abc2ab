//! What stays in clear at the top level, as it is to be written, and what is put between it.

use super::order::SealFault;
use crate::dicom::Tag;
use crate::dicom::transfer_syntax::Encoding;
use crate::transform::head::put_header;
use crate::vault::family::Replacement;
use bytes::Bytes;
use std::collections::VecDeque;

/// Top-level elements that are remembered by their places; a real object has some hundreds.
const MOST: usize = 65_536;

/// Elements of the top level, written one behind the other.
#[derive(Default)]
pub(super) struct Clear {
    bytes: Vec<u8>,
    /// Where each begins.
    places: Vec<(Tag, usize)>,
}

impl Clear {
    /// Bytes held.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// An element is about to be written to what is returned.
    pub(super) fn begin(&mut self, tag: Tag) -> Result<&mut Vec<u8>, SealFault> {
        if self.places.len() >= MOST {
            return Err(SealFault::Elements);
        }
        self.places.push((tag, self.bytes.len()));
        Ok(&mut self.bytes)
    }

    /// More of the element that was begun last.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// All of them and what stands in the place of others, ascending by tag whatever order they came in.
    pub(super) fn merge(self, replacements: Vec<Replacement>, encoding: Encoding) -> Merged {
        let end = self.bytes.len();
        let ends = self.places.iter().skip(1).map(|(_, start)| *start).chain([end]);
        let mut places: VecDeque<_> = self.places.iter().zip(ends).map(|((tag, from), to)| (*tag, *from, to)).collect();
        if !self.places.is_sorted_by_key(|(tag, _)| *tag) {
            places.make_contiguous().sort_by_key(|(tag, ..)| *tag);
        }
        let mut replacements: VecDeque<_> = replacements.into();
        replacements.make_contiguous().sort_by_key(|new| new.tag);
        Merged { bytes: Bytes::from(self.bytes), places, replacements, encoding }
    }
}

/// Elements on their way out.
pub(super) struct Merged {
    bytes: Bytes,
    /// Tag, beginning and end.
    places: VecDeque<(Tag, usize, usize)>,
    replacements: VecDeque<Replacement>,
    encoding: Encoding,
}

impl Merged {
    /// Hands out all that stands before a tag, and has not been handed out; `None`: the rest.
    pub(super) fn before(&mut self, tag: Option<Tag>, mut out: impl FnMut(Bytes)) {
        let goes = |other: Tag| tag.is_none_or(|tag| other < tag);
        // What stands side by side goes out as one.
        let mut run: Option<(usize, usize)> = None;
        loop {
            let old = self.places.front().map(|(tag, ..)| *tag).filter(|tag| goes(*tag));
            let new = self.replacements.front().map(|new| new.tag).filter(|tag| goes(*tag));
            let replaced = match (old, new) {
                (None, None) => break,
                (Some(old), Some(new)) => new <= old,
                (old, _) => old.is_none(),
            };
            if replaced {
                self.run(run.take(), &mut out);
                if let Some(new) = self.replacements.pop_front() {
                    // Families seal what they replace, so this one cannot be here.
                    while self.places.front().is_some_and(|(old, ..)| *old == new.tag) {
                        self.places.pop_front();
                    }
                    out(element(&new, self.encoding));
                }
            } else if let Some((_, from, to)) = self.places.pop_front() {
                run = match run {
                    Some((start, end)) if end == from => Some((start, to)),
                    other => {
                        self.run(other, &mut out);
                        Some((from, to))
                    }
                };
            }
        }
        self.run(run, &mut out);
    }

    /// What comes next of what stayed.
    pub(super) fn next_tag(&self) -> Option<Tag> {
        self.places.front().map(|(tag, ..)| *tag)
    }

    fn run(&self, run: Option<(usize, usize)>, out: &mut impl FnMut(Bytes)) {
        if let Some((from, to)) = run
            && from <= to
            && to <= self.bytes.len()
        {
            out(self.bytes.slice(from..to));
        }
    }
}

fn element(new: &Replacement, encoding: Encoding) -> Bytes {
    let mut bytes = Vec::with_capacity(new.value.len() + 12);
    let vr = (encoding != Encoding::ImplicitLe).then_some(new.vr);
    put_header(&mut bytes, encoding, new.tag, vr, u32::try_from(new.value.len()).unwrap_or(u32::MAX));
    bytes.extend_from_slice(&new.value);
    Bytes::from(bytes)
}
