//! Changing a record. Nothing is moved: nodes are marked, new values are kept beside, writing puts it together.

use super::node::{Fate, Kind, Node, vr_of};
use super::{EditFault, Record, text};
use crate::dicom::dataset::vr::{Form, Vr};
use crate::dicom::transfer_syntax::Encoding;
use crate::dicom::{Tag, Uid};
use dicom_core::VR;
use smallvec::SmallVec;

/// What becomes of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    /// It stays, byte for byte.
    Keep,
    /// It is left out.
    Remove,
    /// Its value, or its items, are left out.
    Empty,
}

/// A new value of an element that was there.
#[derive(Clone)]
pub(super) struct Value {
    pub(super) vr: VR,
    pub(super) bytes: Vec<u8>,
}

/// An element that was not there.
#[derive(Clone)]
pub(super) struct Added {
    /// The item that it stands in; none for the top level.
    pub(super) parent: Option<u32>,
    /// Where in the buffer.
    pub(super) at: u32,
    pub(super) tag: Tag,
    pub(super) vr: VR,
    pub(super) contents: Contents,
}

#[derive(Clone)]
pub(super) enum Contents {
    Value(Vec<u8>),
    /// One item, its elements ascending.
    Item(Vec<(Tag, VR, Contents)>),
}

impl Added {
    pub(super) fn value(&self) -> &[u8] {
        match &self.contents {
            Contents::Value(value) => value,
            Contents::Item(_) => &[],
        }
    }
}

impl Record {
    /// Takes a top-level attribute away; whether it was there.
    pub fn remove(&mut self, tag: Tag) -> bool {
        let added = self.added.len();
        self.added.retain(|added| added.parent.is_some() || added.tag != tag);
        self.mark(tag, Fate::Remove) || added != self.added.len()
    }

    /// Makes a top-level value or sequence empty; whether it was there.
    pub fn empty(&mut self, tag: Tag) -> bool {
        for added in self.added.iter_mut().filter(|added| added.parent.is_none() && added.tag == tag) {
            added.contents = Contents::Value(Vec::new());
        }
        self.mark(tag, Fate::Empty) || self.has(tag)
    }

    /// Gives a top-level attribute a value as text, in the record's repertoire; in its place if it was not there.
    ///
    /// # Errors
    /// The repertoire cannot carry the text, the VR has no text, or the value is too long for the length field.
    pub fn set_text(&mut self, tag: Tag, vr: VR, text: &str) -> Result<(), EditFault> {
        let bytes = text::encode(tag, vr, text, self.character_set())?;
        self.set(tag, vr, bytes)
    }

    /// Gives a top-level attribute a list of UIDs.
    ///
    /// # Errors
    /// The list is too long for the length field: over 64 KiB in explicit VR.
    pub fn set_uids(&mut self, tag: Tag, uids: &[Uid]) -> Result<(), EditFault> {
        let mut bytes = Vec::with_capacity(uids.len().saturating_mul(65));
        for uid in uids {
            if !bytes.is_empty() {
                bytes.push(b'\\');
            }
            bytes.extend_from_slice(uid.as_bytes());
        }
        if !bytes.len().is_multiple_of(2) {
            bytes.push(0);
        }
        self.set(tag, VR::UI, bytes)
    }

    /// Gives a top-level attribute a value as it goes over the wire, of even length.
    ///
    /// # Errors
    /// It is too long for the length field, or of odd length.
    pub fn set(&mut self, tag: Tag, vr: VR, bytes: Vec<u8>) -> Result<(), EditFault> {
        let short = Vr(vr.to_bytes()).form() == Form::Short && self.plain() != Encoding::ImplicitLe;
        let most = if short { u16::MAX as usize } else { (u32::MAX - 1) as usize };
        if bytes.len() > most || !bytes.len().is_multiple_of(2) || vr == VR::SQ {
            return Err(EditFault::Value(tag));
        }
        if let Some(added) = self.added.iter_mut().find(|added| added.parent.is_none() && added.tag == tag) {
            (added.vr, added.contents) = (vr, Contents::Value(bytes));
            return Ok(());
        }
        let place = u32::try_from(self.values.len()).map_err(|_| EditFault::Value(tag))?;
        if self.mark(tag, Fate::Set(place)) {
            self.values.push(Value { vr, bytes });
        } else {
            self.add(None, tag, vr, Contents::Value(bytes));
        }
        Ok(())
    }

    /// Adds a top-level attribute without value, with the dictionary's VR: a return key. `false` if it was there.
    pub fn insert_empty(&mut self, tag: Tag) -> bool {
        if self.has(tag) {
            return false;
        }
        self.add(None, tag, vr_of(tag), Contents::Value(Vec::new()));
        true
    }

    /// Adds an attribute without value along a path: sequences, then the attribute in the first item of the last one.
    /// Sequences that are not there get one item; empty ones stay, because they ask for everything. `false` if nothing was
    /// added.
    pub fn insert_path(&mut self, path: &[Tag]) -> bool {
        let (Some((tag, sequences)), mut item) = (path.split_last(), self.root()) else { return false };
        for (depth, sequence) in sequences.iter().enumerate() {
            let (parent, inside) = (item.node(), path.get(depth + 1..).unwrap_or_default());
            if !item.has(*sequence) {
                self.add(parent, *sequence, VR::SQ, nest(inside));
                return true;
            }
            if let Some(place) = self.place_of_added(parent, *sequence) {
                return self.added.get_mut(place).is_some_and(|added| insert(&mut added.contents, inside));
            }
            let Some(first) = item.items(*sequence).next() else { return false };
            item = first;
        }
        let (parent, there) = (item.node(), item.has(*tag));
        if !there {
            self.add(parent, *tag, vr_of(*tag), Contents::Value(Vec::new()));
        }
        !there
    }

    /// Asks about every element at every depth what becomes of it, by its path: the sequences that it is in, and last
    /// its own tag. What is inside something removed or emptied is not asked about. What was added is asked about last.
    pub fn edit_each(&mut self, mut decide: impl FnMut(&[Tag]) -> Edit) {
        self.edit_nodes(&mut decide);
        self.edit_added(&mut decide);
    }

    fn edit_added(&mut self, decide: &mut impl FnMut(&[Tag]) -> Edit) {
        let Self { nodes, added, edited, .. } = self;
        added.retain_mut(|added| {
            let mut path: SmallVec<[Tag; 16]> = SmallVec::new();
            let mut around = added.parent;
            while let Some(node) = around.and_then(|place| nodes.get(place as usize)) {
                if node.kind == Kind::Sequence {
                    path.insert(0, node.tag);
                }
                around = node.parent;
            }
            let stays = edit_contents(&mut path, added.tag, &mut added.contents, decide);
            *edited |= !stays;
            stays
        });
    }

    fn edit_nodes(&mut self, decide: &mut impl FnMut(&[Tag]) -> Edit) {
        let mut path: SmallVec<[Tag; 16]> = SmallVec::new();
        // Where what holds the current element ends, for each sequence of the path.
        let mut ends: SmallVec<[u32; 16]> = SmallVec::new();
        let mut at = 0_u32;
        while let Some(node) = self.nodes.get_mut(at as usize) {
            while ends.last().is_some_and(|end| *end <= at) {
                ends.pop();
                path.pop();
            }
            let next = node.next.max(at + 1);
            if node.kind == Kind::Item {
                at += 1;
                continue;
            }
            if !matches!(node.fate, Fate::Keep | Fate::Set(_)) {
                at = next;
                continue;
            }
            path.push(node.tag);
            let edit = decide(&path);
            match edit {
                Edit::Keep if node.kind == Kind::Sequence => {
                    ends.push(next);
                    at += 1;
                    continue;
                }
                Edit::Keep => {}
                Edit::Remove => (node.fate, self.edited) = (Fate::Remove, true),
                Edit::Empty if node.is_empty() => {}
                Edit::Empty => (node.fate, self.edited) = (Fate::Empty, true),
            }
            path.pop();
            at = next;
        }
    }

    fn place_of_added(&self, parent: Option<u32>, tag: Tag) -> Option<usize> {
        self.added.iter().position(|added| added.parent == parent && added.tag == tag)
    }

    /// Marks every top-level element of this tag.
    fn mark(&mut self, tag: Tag, fate: Fate) -> bool {
        let (mut at, mut found) = (0_u32, false);
        while let Some(node) = self.nodes.get_mut(at as usize) {
            if node.tag == tag && node.fate != Fate::Remove {
                // One value for what was there twice.
                node.fate = if found { Fate::Remove } else { fate };
                found = true;
            }
            at = node.next.max(at + 1);
        }
        self.edited |= found;
        found
    }

    fn add(&mut self, parent: Option<u32>, tag: Tag, vr: VR, contents: Contents) {
        let mut later = self.range(parent).filter(|(_, node)| node.tag > tag);
        let end = match parent {
            None => self.end,
            Some(place) => self.nodes.get(place as usize).map_or(0, |node| node.end),
        };
        let at = later.next().map_or(end, |(_, node)| node.start);
        drop(later);
        self.added.push(Added { parent, at, tag, vr, contents });
        self.edited = true;
    }
}

impl Node {
    /// Whether there is nothing to leave out: the header would stay as it is.
    fn is_empty(&self) -> bool {
        self.defined && self.value == self.after && self.fate == Fate::Keep
    }
}

/// What stands inside a new sequence.
fn nest(path: &[Tag]) -> Contents {
    match path {
        [] => Contents::Value(Vec::new()),
        [tag] => Contents::Item(vec![(*tag, vr_of(*tag), Contents::Value(Vec::new()))]),
        [sequence, inside @ ..] => Contents::Item(vec![(*sequence, VR::SQ, nest(inside))]),
    }
}

/// Asks about something added; whether it stays. As deep as the paths that were added.
fn edit_contents(
    path: &mut SmallVec<[Tag; 16]>,
    tag: Tag,
    contents: &mut Contents,
    decide: &mut impl FnMut(&[Tag]) -> Edit,
) -> bool {
    path.push(tag);
    let edit = decide(path);
    match (edit, &mut *contents) {
        (Edit::Keep, Contents::Item(elements)) => {
            elements.retain_mut(|(tag, _, contents)| edit_contents(path, *tag, contents, decide));
        }
        (Edit::Empty, _) => *contents = Contents::Value(Vec::new()),
        (Edit::Keep | Edit::Remove, _) => {}
    }
    path.pop();
    edit != Edit::Remove
}

/// One more attribute inside a new sequence.
fn insert(contents: &mut Contents, path: &[Tag]) -> bool {
    let (Contents::Item(elements), Some((tag, inside))) = (contents, path.split_first()) else { return false };
    match elements.iter_mut().find(|(known, _, _)| known == tag) {
        Some((_, _, contents)) => insert(contents, inside),
        None => {
            let (vr, new) = match inside {
                [] => (vr_of(*tag), Contents::Value(Vec::new())),
                inside => (VR::SQ, nest(inside)),
            };
            let at = elements.partition_point(|(known, _, _)| known < tag);
            elements.insert(at, (*tag, vr, new));
            true
        }
    }
}
