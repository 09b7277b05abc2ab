//! Data sets as trees, written in every way that the standard has, to compare records with.

use crate::dicom::Tag;
use crate::dicom::transfer_syntax::Encoding;
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree(pub Vec<Element>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    pub tag: Tag,
    pub vr: [u8; 2],
    pub contents: Contents,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contents {
    Value(Vec<u8>),
    /// Whether the sequence has a defined length; its items, each with the same.
    Items(bool, Vec<(bool, Tree)>),
}

pub const ENCODINGS: [Encoding; 3] = [Encoding::ImplicitLe, Encoding::ExplicitLe, Encoding::ExplicitBe];

impl Tree {
    pub fn write(&self, encoding: Encoding) -> Vec<u8> {
        let mut out = Vec::new();
        for element in &self.0 {
            element.write(encoding, &mut out);
        }
        out
    }

    /// What stays where `decide` says so by path.
    pub fn edited(&self, path: &mut Vec<Tag>, decide: &mut impl FnMut(&[Tag]) -> super::Edit) -> Self {
        let mut kept = Vec::new();
        for element in &self.0 {
            path.push(element.tag);
            let mut element = element.clone();
            match (decide(path), &mut element.contents) {
                (super::Edit::Remove, _) => {}
                (super::Edit::Empty, Contents::Items(..)) => {
                    element.contents = Contents::Items(true, Vec::new());
                    kept.push(element);
                }
                (super::Edit::Empty, Contents::Value(_)) => {
                    element.contents = Contents::Value(Vec::new());
                    kept.push(element);
                }
                (super::Edit::Keep, Contents::Value(_)) => kept.push(element),
                (super::Edit::Keep, Contents::Items(_, items)) => {
                    for (_, item) in items {
                        *item = item.edited(path, decide);
                    }
                    kept.push(element);
                }
            }
            path.pop();
        }
        Self(kept)
    }
}

impl Element {
    pub fn write(&self, encoding: Encoding, out: &mut Vec<u8>) {
        let big = encoding == Encoding::ExplicitBe;
        let two = |number: u16| if big { number.to_be_bytes() } else { number.to_le_bytes() };
        let four = |number: u32| if big { number.to_be_bytes() } else { number.to_le_bytes() };
        let marker = |out: &mut Vec<u8>, element: u16, length: u32| {
            out.extend(two(0xfffe));
            out.extend(two(element));
            out.extend(four(length));
        };
        let (length, value) = match &self.contents {
            Contents::Value(value) => (value.len() as u32, value.clone()),
            Contents::Items(defined, items) => {
                // UN of undefined length holds implicit VR little endian; none of those here.
                let mut inside = Vec::new();
                for (defined, item) in items {
                    let bytes = item.write(encoding);
                    marker(&mut inside, 0xe000, if *defined { bytes.len() as u32 } else { u32::MAX });
                    inside.extend(bytes);
                    if !defined {
                        marker(&mut inside, 0xe00d, 0);
                    }
                }
                if !defined {
                    marker(&mut inside, 0xe0dd, 0);
                }
                (if *defined { inside.len() as u32 } else { u32::MAX }, inside)
            }
        };
        out.extend(two(self.tag.0));
        out.extend(two(self.tag.1));
        if encoding == Encoding::ImplicitLe {
            out.extend(four(length));
        } else {
            out.extend(self.vr);
            if matches!(&self.vr, b"SQ" | b"UN" | b"OB" | b"UT") {
                out.extend([0; 2]);
                out.extend(four(length));
            } else {
                out.extend(two(length as u16));
            }
        }
        out.extend(value);
    }
}

/// Attributes of the dictionary (and a private one), ascending.
const VALUES: [(Tag, &[u8; 2]); 9] = [
    (Tag(0x0008, 0x0020), b"DA"),
    (Tag(0x0008, 0x0050), b"SH"),
    (Tag(0x0008, 0x0060), b"CS"),
    (Tag(0x0009, 0x1001), b"UN"),
    (Tag(0x0010, 0x0010), b"PN"),
    (Tag(0x0010, 0x0020), b"LO"),
    (Tag(0x0020, 0x000d), b"UI"),
    (Tag(0x0020, 0x1208), b"IS"),
    (Tag(0x0040, 0x0254), b"LO"),
];
const SEQUENCES: [Tag; 4] = [Tag(0x0008, 0x1110), Tag(0x0008, 0x1140), Tag(0x0032, 0x1064), Tag(0x0040, 0x0100)];

fn value() -> impl Strategy<Value = Element> {
    let bytes = prop::collection::vec(prop::sample::select(b"AB1.^ ".as_slice()), 0..9).prop_map(|mut bytes| {
        bytes.extend(vec![b' '; bytes.len() % 2]);
        bytes
    });
    (prop::sample::select(VALUES.as_slice()), bytes).prop_map(|((tag, vr), bytes)| Element {
        tag,
        vr: *vr,
        contents: Contents::Value(bytes),
    })
}

fn sorted(mut elements: Vec<Element>) -> Tree {
    elements.sort_by_key(|element| element.tag);
    elements.dedup_by_key(|element| element.tag);
    Tree(elements)
}

/// Any small data set.
pub fn trees() -> impl Strategy<Value = Tree> {
    let leaf = prop::collection::vec(value(), 0..6).prop_map(sorted);
    leaf.prop_recursive(3, 40, 4, |inner| {
        let items = prop::collection::vec((any::<bool>(), inner), 0..4);
        let sequence = (prop::sample::select(SEQUENCES.as_slice()), any::<bool>(), items)
            .prop_map(|(tag, defined, items)| Element { tag, vr: *b"SQ", contents: Contents::Items(defined, items) });
        let element = prop_oneof![3 => value(), 2 => sequence];
        prop::collection::vec(element, 0..7).prop_map(sorted)
    })
}

pub fn encodings() -> impl Strategy<Value = Encoding> {
    prop_oneof![Just(ENCODINGS[0]), Just(ENCODINGS[1]), Just(ENCODINGS[2])]
}
