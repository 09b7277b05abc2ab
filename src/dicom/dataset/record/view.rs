//! Looking into a record: by tag, item by item, values as text.

use super::node::{Fate, Kind, Node};
use super::{Record, text};
use crate::dicom::matching::{Attributes, CharacterSet};
use crate::dicom::{Tag, Uid};
use dicom_core::VR;
use std::borrow::Cow;

const CHARACTER_SET: Tag = Tag(0x0008, 0x0005);

/// The data set itself, or an item in it.
#[derive(Clone, Copy)]
pub struct Item<'a> {
    record: &'a Record,
    /// The item; none for the data set itself.
    node: Option<u32>,
}

/// A value as it will be written.
enum Found<'a> {
    Node(&'a Node),
    New { vr: VR, value: &'a [u8] },
}

impl Record {
    /// The data set itself, as an item.
    pub const fn root(&self) -> Item<'_> {
        Item { record: self, node: None }
    }

    /// Whether an attribute is there at the top level, with a value or without.
    pub fn has(&self, tag: Tag) -> bool {
        self.root().has(tag)
    }

    /// The top-level attributes as they came or were added, with their VR (in implicit VR and for UN the dictionary's;
    /// private ones UN). Those added come last.
    pub fn tags(&self) -> impl Iterator<Item = (Tag, VR)> {
        self.root().tags()
    }

    /// A value as it will be written, padding included; `None` for what is absent, occurs twice, and for sequences.
    pub fn value(&self, tag: Tag) -> Option<&[u8]> {
        self.root().value(tag)
    }

    /// A value that is one UID.
    pub fn uid(&self, tag: Tag) -> Option<Uid> {
        let value = self.value(tag)?;
        Uid::new(value.strip_suffix(b" ").unwrap_or(value)).ok()
    }

    /// The character set that holds at the top level; `None` if it is not known.
    pub fn character_set(&self) -> Option<CharacterSet> {
        self.root().character_set()
    }
}

impl<'a> Item<'a> {
    /// Whether an attribute is there, with a value or without.
    pub fn has(&self, tag: Tag) -> bool {
        self.nodes().any(|(_, node)| node.tag == tag) || self.added(tag).is_some()
    }

    /// The attributes with their VR.
    pub fn tags(self) -> impl Iterator<Item = (Tag, VR)> + 'a {
        let added = self.record.added.iter().filter(move |added| added.parent == self.node);
        self.nodes().map(move |(_, node)| (node.tag, self.vr(node))).chain(added.map(|added| (added.tag, added.vr)))
    }

    /// A value as it will be written, padding included; `None` for what is absent, occurs twice, and for sequences.
    pub fn value(&self, tag: Tag) -> Option<&'a [u8]> {
        match self.find(tag)? {
            Found::New { vr: VR::SQ, .. } => None,
            Found::New { value, .. } => Some(value),
            Found::Node(Node { fate: Fate::Empty, .. }) => Some(&[]),
            Found::Node(node) if node.kind == Kind::Value => Some(self.record.slice(node.value, node.end)),
            Found::Node(_) => None,
        }
    }

    /// The items of a sequence, in order; none where it is absent, empty or no sequence.
    pub fn items(&self, tag: Tag) -> impl Iterator<Item = Item<'a>> + use<'a> {
        let record = self.record;
        let mut found = self.nodes().filter(|(_, node)| node.tag == tag);
        let sequence = match (found.next(), found.next()) {
            (Some((place, node)), None) if node.kind == Kind::Sequence && node.fate == Fate::Keep => Some(place),
            _ => None,
        };
        let items = sequence.into_iter().flat_map(move |place| record.range(Some(place)));
        items.map(move |(place, _)| Item { record, node: Some(place) })
    }

    /// The character set that holds here: the nearest (0008,0005), of the item itself or of what it is in. What an item
    /// declares holds inside it alone. `None` if it is not known.
    pub fn character_set(&self) -> Option<CharacterSet> {
        let mut container = self.node;
        loop {
            let here = Self { record: self.record, node: container };
            if here.has(CHARACTER_SET) {
                return CharacterSet::of(here.value(CHARACTER_SET)?).ok();
            }
            let Some(place) = container else { return Some(CharacterSet::DEFAULT) };
            // An item is in a sequence, and that in an item or at the top level.
            let parent = |place: u32| self.record.nodes.get(place as usize).and_then(|node| node.parent);
            container = parent(place).and_then(parent);
        }
    }

    /// The node of an item.
    pub(super) const fn node(&self) -> Option<u32> {
        self.node
    }

    fn nodes(&self) -> impl Iterator<Item = (u32, &'a Node)> + use<'a> {
        self.record.range(self.node).filter(|(_, node)| node.fate != Fate::Remove)
    }

    fn vr(&self, node: &Node) -> VR {
        match node.fate {
            Fate::Set(place) => self.record.values.get(place as usize).map_or(VR::UN, |value| value.vr),
            _ => node.vr(),
        }
    }

    fn added(&self, tag: Tag) -> Option<&'a super::Added> {
        self.record.added.iter().find(|added| added.parent == self.node && added.tag == tag)
    }

    /// What is twice is not found: who reads it might take the one or the other.
    fn find(&self, tag: Tag) -> Option<Found<'a>> {
        let mut found = self.nodes().filter(|(_, node)| node.tag == tag);
        let Some((_, node)) = found.next() else {
            let added = self.added(tag)?;
            return Some(Found::New { vr: added.vr, value: added.value() });
        };
        if found.next().is_some() {
            return None;
        }
        match node.fate {
            Fate::Set(place) => {
                let value = self.record.values.get(place as usize)?;
                Some(Found::New { vr: value.vr, value: &value.bytes })
            }
            _ => Some(Found::Node(node)),
        }
    }
}

impl<'a> Item<'a> {
    /// The decoded value of an attribute, its backslashes included; numbers in decimal, tags as `GGGGEEEE`. `None` where it is
    /// absent, occurs twice, has no text, or is not written in the character set that holds.
    pub fn text(&self, tag: Tag) -> Option<Cow<'a, str>> {
        let (vr, value, encoding) = match self.find(tag)? {
            Found::New { vr, value } => (vr, value, self.record.plain()),
            Found::Node(Node { fate: Fate::Empty, .. }) => return Some(Cow::Borrowed("")),
            Found::Node(node) if node.kind == Kind::Value => {
                (node.vr(), self.record.slice(node.value, node.end), node.inner)
            }
            Found::Node(_) => return None,
        };
        text::decode(vr, value, encoding, || self.character_set())
    }
}

impl Attributes for Item<'_> {
    fn text(&self, tag: Tag) -> Option<Cow<'_, str>> {
        Item::text(self, tag)
    }

    fn some_item(&self, tag: Tag, fits: &mut dyn FnMut(&dyn Attributes) -> bool) -> bool {
        self.items(tag).any(|item| fits(&item))
    }
}

/// A value that cannot be decoded is absent, so that no key fits it.
impl Attributes for Record {
    fn text(&self, tag: Tag) -> Option<Cow<'_, str>> {
        self.root().text(tag)
    }

    fn some_item(&self, tag: Tag, fits: &mut dyn FnMut(&dyn Attributes) -> bool) -> bool {
        self.root().items(tag).any(|item| fits(&item))
    }
}
