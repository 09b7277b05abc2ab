//! What a record knows of each element and item: where it is.

use crate::dicom::Tag;
use crate::dicom::dataset::Vr;
use crate::dicom::transfer_syntax::Encoding;
use dicom_core::VR;
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_dictionary_std::StandardDataDictionary;

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An element with bytes for a value.
    Value,
    /// An element with items.
    Sequence,
    /// An item of a sequence.
    Item,
}

/// What becomes of a node when the record is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Keep,
    Remove,
    Empty,
    /// By its place among the new values.
    Set(u32),
}

/// An element or item. Offsets count from the beginning of the buffer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub(super) tag: Tag,
    /// As it stands in the header; none in implicit VR and for items.
    pub(super) header_vr: Option<Vr>,
    pub(super) kind: Kind,
    pub(super) fate: Fate,
    /// How its header is written.
    pub(super) encoding: Encoding,
    /// How its value is written: little endian inside UN, whatever is around it (PS3.5 6.2.2 note 2).
    pub(super) inner: Encoding,
    /// Whether its length is defined.
    pub(super) defined: bool,
    /// Where its header begins.
    pub(super) start: u32,
    /// Where its value, items or elements begin.
    pub(super) value: u32,
    /// Where they end, before a delimiter.
    pub(super) end: u32,
    /// Where what follows it begins.
    pub(super) after: u32,
    /// The item or sequence that it is in.
    pub(super) parent: Option<u32>,
    /// The node behind everything inside it.
    pub(super) next: u32,
}

impl Node {
    /// The VR that its value is read by: the header's, but the dictionary's in implicit VR and for UN.
    pub(super) fn vr(&self) -> VR {
        match (self.kind, self.header_vr) {
            (Kind::Sequence | Kind::Item, _) => VR::SQ,
            (Kind::Value, None | Some(Vr::UN)) => vr_of(self.tag),
            (Kind::Value, Some(vr)) => VR::from_binary(vr.0).unwrap_or(VR::UN),
        }
    }
}

/// The dictionary's VR; UN for private and unknown attributes.
pub(in crate::dicom) fn vr_of(tag: Tag) -> VR {
    if tag.element() == 0 {
        return VR::UL;
    }
    match tag.is_private() {
        // Private Creators.
        true if (0x10..=0xff).contains(&tag.element()) => VR::LO,
        true => VR::UN,
        false => {
            StandardDataDictionary.by_tag(dicom_core::Tag(tag.0, tag.1)).map_or(VR::UN, |entry| entry.vr().relaxed())
        }
    }
}

/// The nodes directly inside another one, with their places.
pub(super) struct Ranges<'a> {
    nodes: &'a [Node],
    at: u32,
    end: u32,
}

/// Those inside a node, or those of the top level.
pub(super) fn elements(nodes: &[Node], container: Option<u32>) -> Ranges<'_> {
    let all = u32::try_from(nodes.len()).unwrap_or(u32::MAX);
    let (at, end) = match container {
        None => (0, all),
        Some(place) => (place.saturating_add(1), nodes.get(place as usize).map_or(0, |node| node.next)),
    };
    Ranges { nodes, at, end }
}

impl<'a> Iterator for Ranges<'a> {
    type Item = (u32, &'a Node);

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        let (place, node) = (self.at, self.nodes.get(self.at as usize)?);
        // Always further, whatever a node says.
        self.at = node.next.max(place + 1);
        Some((place, node))
    }
}
