//! A record back to bytes: what came is copied, between the places that an edit changes.

use super::Record;
use super::edit::Contents;
use super::node::{Fate, Kind};
use crate::dicom::Tag;
use crate::dicom::dataset::vr::{Form, Vr};
use crate::dicom::transfer_syntax::Encoding;
use dicom_core::VR;
use flate2::{Compress, Compression, FlushCompress, Status};
use std::cmp::Reverse;

/// Other bytes in place of some.
struct Patch {
    start: u32,
    end: u32,
    /// What is deeper ends first; what is added comes before what stands there.
    order: (Reverse<u32>, u8, Tag),
    new: Vec<u8>,
}

impl Record {
    /// The whole data set: byte for byte as it came where nothing was edited. Lengths of what holds a change are made right;
    /// a group length (gggg,0000) beside a change in its group is left out, as it would be wrong.
    pub fn write(&self) -> Vec<u8> {
        if !self.edited {
            return self.stream.clone().unwrap_or_else(|| self.bytes.clone());
        }
        let mut patches = self.patches();
        patches.sort_by(|a, b| (a.start, &a.order).cmp(&(b.start, &b.order)));
        let mut out = Vec::with_capacity(self.bytes.len() + 64 * patches.len());
        let mut at = 0;
        for patch in &patches {
            // Inside something that is left out.
            if patch.start < at {
                continue;
            }
            out.extend_from_slice(self.slice(at, patch.start));
            out.extend_from_slice(&patch.new);
            at = patch.end;
        }
        out.extend_from_slice(self.bytes.get(at as usize..).unwrap_or_default());
        if self.encoding == Encoding::Deflated { deflate(&out) } else { out }
    }

    /// The same, without a copy where nothing was edited.
    pub fn into_bytes(self) -> Vec<u8> {
        if self.edited { self.write() } else { self.stream.unwrap_or(self.bytes) }
    }

    fn patches(&self) -> Vec<Patch> {
        let mut patches = Vec::new();
        // By how much what is inside each node grows.
        let mut growth = vec![0_i64; self.nodes.len()];
        // Elements that change, by what they are in.
        let mut changed: Vec<(Option<u32>, Tag)> = Vec::new();
        for node in &self.nodes {
            let new = match node.fate {
                Fate::Keep => continue,
                _ if self.is_lost(node.parent) => continue,
                Fate::Remove => Vec::new(),
                Fate::Empty => {
                    let mut new = Vec::new();
                    let vr = node.header_vr.unwrap_or(Vr::UN);
                    put(&mut new, node.encoding, node.tag, vr, &[]);
                    new
                }
                Fate::Set(value) => {
                    let mut new = Vec::new();
                    if let Some(value) = self.values.get(value as usize) {
                        put(&mut new, node.encoding, node.tag, Vr(value.vr.to_bytes()), &value.bytes);
                    }
                    new
                }
            };
            let by = length(&new) - (i64::from(node.after) - i64::from(node.start));
            changed.push((node.parent, node.tag));
            self.grow(node.parent, by, &mut growth, &mut changed);
            patches.push(Patch { start: node.start, end: node.after, order: (Reverse(0), 1, Tag(0, 0)), new });
        }
        for added in self.added.iter().filter(|added| !self.is_lost(added.parent)) {
            let mut new = Vec::new();
            let encoding = added.parent.and_then(|place| self.nodes.get(place as usize));
            let encoding = encoding.map_or(self.plain(), |item| item.inner);
            put_contents(&mut new, encoding, added.tag, added.vr, &added.contents);
            changed.push((added.parent, added.tag));
            self.grow(added.parent, length(&new), &mut growth, &mut changed);
            let order = (Reverse(self.depth(added.parent)), 0, added.tag);
            patches.push(Patch { start: added.at, end: added.at, order, new });
        }
        self.drop_group_lengths(&changed, &mut growth, &mut patches);
        for (node, by) in self.nodes.iter().zip(&growth) {
            if *by == 0 || !node.defined || node.fate != Fate::Keep {
                continue;
            }
            let new = i64::from(node.after) - i64::from(node.value) + by;
            let new = u32::try_from(new).unwrap_or(u32::MAX);
            let new = match node.encoding {
                Encoding::ExplicitBe => new.to_be_bytes(),
                _ => new.to_le_bytes(),
            };
            // The length is what stands last in the header of items and sequences.
            let start = node.value.saturating_sub(4);
            patches.push(Patch { start, end: node.value, order: (Reverse(0), 1, Tag(0, 0)), new: new.to_vec() });
        }
        patches
    }

    /// Group lengths at a level where something of their group changed.
    fn drop_group_lengths(&self, changed: &[(Option<u32>, Tag)], growth: &mut [i64], patches: &mut Vec<Patch>) {
        for node in self.nodes.iter().filter(|node| node.tag.element() == 0 && node.kind == Kind::Value) {
            let beside = |(parent, tag): &(Option<u32>, Tag)| *parent == node.parent && tag.group() == node.tag.group();
            if node.fate != Fate::Keep || self.is_lost(node.parent) || !changed.iter().any(beside) {
                continue;
            }
            self.grow(node.parent, i64::from(node.start) - i64::from(node.after), growth, &mut Vec::new());
            let order = (Reverse(0), 1, Tag(0, 0));
            patches.push(Patch { start: node.start, end: node.after, order, new: Vec::new() });
        }
    }

    /// All that hold a change grow by it.
    fn grow(&self, parent: Option<u32>, by: i64, growth: &mut [i64], changed: &mut Vec<(Option<u32>, Tag)>) {
        let mut place = parent;
        while let Some(at) = place {
            let Some(node) = self.nodes.get(at as usize) else { return };
            if let Some(growth) = growth.get_mut(at as usize) {
                *growth += by;
            }
            if node.kind == Kind::Sequence {
                changed.push((node.parent, node.tag));
            }
            place = node.parent;
        }
    }

    /// Whether a node is left out, or something that it is in.
    fn is_lost(&self, node: Option<u32>) -> bool {
        let mut place = node;
        while let Some(node) = place.and_then(|at| self.nodes.get(at as usize)) {
            if node.fate != Fate::Keep {
                return true;
            }
            place = node.parent;
        }
        false
    }

    fn depth(&self, node: Option<u32>) -> u32 {
        let (mut place, mut depth) = (node, 0);
        while let Some(node) = place.and_then(|at| self.nodes.get(at as usize)) {
            (place, depth) = (node.parent, depth + 1);
        }
        depth
    }
}

fn length(bytes: &[u8]) -> i64 {
    i64::try_from(bytes.len()).unwrap_or(i64::MAX)
}

fn put_contents(out: &mut Vec<u8>, encoding: Encoding, tag: Tag, vr: VR, contents: &Contents) {
    match contents {
        Contents::Value(value) => put(out, encoding, tag, Vr(vr.to_bytes()), value),
        Contents::Item(elements) => {
            let mut inside = Vec::new();
            for (tag, vr, contents) in elements {
                put_contents(&mut inside, encoding, *tag, *vr, contents);
            }
            let mut item = Vec::new();
            put_item(&mut item, encoding, &inside);
            put(out, encoding, tag, Vr::SQ, &item);
        }
    }
}

fn put_item(out: &mut Vec<u8>, encoding: Encoding, inside: &[u8]) {
    let length = u32::try_from(inside.len()).unwrap_or(u32::MAX);
    if encoding == Encoding::ExplicitBe {
        out.extend_from_slice(&[0xff, 0xfe, 0xe0, 0x00]);
        out.extend_from_slice(&length.to_be_bytes());
    } else {
        out.extend_from_slice(&[0xfe, 0xff, 0x00, 0xe0]);
        out.extend_from_slice(&length.to_le_bytes());
    }
    out.extend_from_slice(inside);
}

/// An element of defined length; the value has an even length that fits.
fn put(out: &mut Vec<u8>, encoding: Encoding, tag: Tag, vr: Vr, value: &[u8]) {
    let big = encoding == Encoding::ExplicitBe;
    let two = |number: u16| if big { number.to_be_bytes() } else { number.to_le_bytes() };
    let four = |number: u32| if big { number.to_be_bytes() } else { number.to_le_bytes() };
    let long = four(u32::try_from(value.len()).unwrap_or(u32::MAX));
    out.extend_from_slice(&two(tag.0));
    out.extend_from_slice(&two(tag.1));
    if encoding == Encoding::ImplicitLe {
        out.extend_from_slice(&long);
    } else {
        out.extend_from_slice(&vr.0);
        if vr.form() == Form::Short {
            out.extend_from_slice(&two(u16::try_from(value.len()).unwrap_or(u16::MAX)));
        } else {
            out.extend_from_slice(&[0; 2]);
            out.extend_from_slice(&long);
        }
    }
    out.extend_from_slice(value);
}

/// A raw deflate stream of even length (PS3.5 A.5).
fn deflate(plain: &[u8]) -> Vec<u8> {
    let mut stream = Compress::new(Compression::default(), false);
    let mut out = Vec::with_capacity(plain.len() / 2 + 64);
    loop {
        let taken = usize::try_from(stream.total_in()).unwrap_or(usize::MAX);
        let rest = plain.get(taken..).unwrap_or_default();
        out.reserve(4096);
        match stream.compress_vec(rest, &mut out, FlushCompress::Finish) {
            Ok(Status::Ok | Status::BufError) => {}
            // With input and room it cannot fail.
            Ok(Status::StreamEnd) | Err(_) => break,
        }
    }
    if !out.len().is_multiple_of(2) {
        out.push(0);
    }
    out
}
