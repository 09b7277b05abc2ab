//! Data sets made up for tests, and how sealing is driven.

use crate::dicom::dataset::Vr;
use crate::dicom::transfer_syntax::Encoding;
use crate::dicom::{Tag, Uid};
use crate::transform::flow::{Flow, Line};
use crate::transform::head::{ITEM, ITEM_END, PIXEL_DATA, SEQUENCE_END, put_header};
use crate::transform::seal::{Outcome, Seal, SealFault, SealOptions, SealOrder, Sealed};
use crate::vault::carrier::Carrier;
use crate::vault::suite::{Key256, NoRandom, Random};
use crate::vault::{KeyId, KeyRing, RingKey, SealContext};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
pub const PDF: &str = "1.2.840.10008.5.1.4.1.1.104.1";
pub const INSTANCE: &str = "1.2.3.4.5.6";

/// An element, its numbers as they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct E(pub Tag, pub [u8; 2], pub V);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum V {
    Bytes(Vec<u8>),
    Fragments(Vec<Vec<u8>>),
    /// Whether the length is defined; of each item too.
    Items(bool, Vec<(bool, Vec<E>)>),
}

pub fn e(tag: Tag, vr: &[u8; 2], value: impl AsRef<[u8]>) -> E {
    let mut value = value.as_ref().to_vec();
    if !value.len().is_multiple_of(2) {
        value.push(if matches!(vr, b"UI" | b"OB" | b"UN") { 0 } else { b' ' });
    }
    E(tag, *vr, V::Bytes(value))
}

pub fn us(tag: Tag, number: u16, encoding: Encoding) -> E {
    let big = encoding == Encoding::ExplicitBe;
    e(tag, b"US", if big { number.to_be_bytes() } else { number.to_le_bytes() })
}

pub fn sq(tag: Tag, defined: bool, items: Vec<Vec<E>>) -> E {
    E(tag, *b"SQ", V::Items(defined, items.into_iter().map(|item| (defined, item)).collect()))
}

pub fn write(elements: &[E], encoding: Encoding) -> Vec<u8> {
    let mut out = Vec::new();
    for E(tag, vr, value) in elements {
        let known = (encoding != Encoding::ImplicitLe).then_some(Vr(*vr));
        match value {
            V::Bytes(value) => {
                put_header(&mut out, encoding, *tag, known, value.len() as u32);
                out.extend(value);
            }
            V::Fragments(fragments) => {
                put_header(&mut out, encoding, *tag, known, u32::MAX);
                for fragment in fragments {
                    put_header(&mut out, encoding, ITEM, None, fragment.len() as u32);
                    out.extend(fragment);
                }
                put_header(&mut out, encoding, SEQUENCE_END, None, 0);
            }
            V::Items(defined, items) => {
                let inner = if vr == b"UN" { Encoding::ImplicitLe } else { encoding };
                let mut inside = Vec::new();
                for (defined, item) in items {
                    let item = write(item, inner);
                    put_header(&mut inside, inner, ITEM, None, if *defined { item.len() as u32 } else { u32::MAX });
                    inside.extend(item);
                    if !defined {
                        put_header(&mut inside, inner, ITEM_END, None, 0);
                    }
                }
                put_header(&mut out, encoding, *tag, known, if *defined { inside.len() as u32 } else { u32::MAX });
                out.extend(inside);
                if !defined {
                    put_header(&mut out, inner, SEQUENCE_END, None, 0);
                }
            }
        }
    }
    out
}

/// What every object has.
pub fn identity(class: &str) -> Vec<E> {
    vec![
        e(Tag(8, 5), b"CS", "ISO_IR 100"),
        e(Tag(8, 0x16), b"UI", class),
        e(Tag(8, 0x18), b"UI", INSTANCE),
        e(Tag(8, 0x50), b"SH", "A17"),
        e(Tag(0x10, 0x10), b"PN", b"M\xfcller^Anna"),
        e(Tag(0x10, 0x20), b"LO", "4711"),
        e(Tag(0x10, 0x30), b"DA", "19701231"),
        e(Tag(0x20, 0xd), b"UI", "1.2.3.4"),
        e(Tag(0x20, 0xe), b"UI", "1.2.3.4.5"),
    ]
}

/// What describes its pixels.
pub fn image(bits: u16, encoding: Encoding) -> Vec<E> {
    let number = |element, number| us(Tag(0x28, element), number, encoding);
    vec![
        number(2, 1),
        e(Tag(0x28, 4), b"CS", "MONOCHROME2"),
        number(0x10, 200),
        number(0x11, 300),
        number(0x100, bits),
        number(0x101, bits),
        number(0x102, bits - 1),
        number(0x103, 1),
        e(Tag(0x28, 0x1050), b"DS", "40"),
    ]
}

/// Bytes of which no 64 occur anywhere else.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2) | 1;
    (0..length.next_multiple_of(2))
        .map(|_| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            (state >> 56) as u8
        })
        .collect()
}

/// A tomogram; `pixels`: bytes of its image.
pub fn tomogram(pixels: usize, encoding: Encoding) -> Vec<E> {
    let mut elements = identity(CT);
    elements.extend(image(16, encoding));
    elements.push(e(PIXEL_DATA, b"OW", noise(1, pixels)));
    elements
}

pub fn sorted(mut elements: Vec<E>) -> Vec<E> {
    elements.sort_by_key(|element| element.0);
    elements.dedup_by_key(|element| element.0);
    elements
}

#[derive(Debug, Default)]
struct Counter(AtomicU64);

impl Random for Counter {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoRandom> {
        for byte in buffer {
            let count = self.0.fetch_add(1, Ordering::Relaxed);
            *byte = (count.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u8;
        }
        Ok(())
    }
}

pub fn ring() -> Arc<KeyRing> {
    Arc::new(KeyRing::new([RingKey { id: KeyId(7), key: Key256::new(&[7; 32]) }]))
}

/// The same random numbers each time.
pub fn context() -> Arc<SealContext> {
    Arc::new(SealContext { ring: ring(), escrow: Arc::new([]), random: Arc::new(Counter::default()), segment: 65_536 })
}

pub fn uid(text: &str) -> Uid {
    Uid::new(text).unwrap()
}

/// The syntax of native objects in an encoding.
pub fn syntax(encoding: Encoding) -> Uid {
    uid(match encoding {
        Encoding::ImplicitLe => "1.2.840.10008.1.2",
        Encoding::ExplicitLe => "1.2.840.10008.1.2.1",
        Encoding::ExplicitBe => "1.2.840.10008.1.2.2",
        Encoding::Deflated => "1.2.840.10008.1.2.1.99",
    })
}

pub fn order(class: &str, from: Uid, to: Encoding, carrier: Carrier, options: SealOptions) -> SealOrder {
    SealOrder {
        context: context(),
        sop_class: uid(class),
        sop_instance: uid(INSTANCE),
        from,
        to,
        carrier,
        options: Arc::new(options),
        whole: false,
    }
}

/// What came out.
#[derive(Debug)]
pub struct Out {
    pub bytes: Vec<u8>,
    pub outcome: Outcome,
    /// Bytes that went before the end.
    pub early: usize,
}

impl Out {
    pub fn sealed(&self) -> &Sealed {
        match &self.outcome {
            Outcome::Sealed(sealed) => sealed,
            other => panic!("{other:?}"),
        }
    }
}

/// What goes, what is kept, and whether anything was kept.
#[derive(Default)]
struct Taken {
    gone: Vec<u8>,
    line: Line,
}

impl Taken {
    fn take(&mut self, flow: &mut Flow) -> bool {
        let any = !flow.is_empty();
        self.gone.extend(self.line.take(flow).concat());
        any
    }
}

/// Seals what comes in these pieces.
pub fn seal(order: SealOrder, input: &[u8], cuts: &[usize]) -> Result<Out, SealFault> {
    let mut seal = Seal::new(order)?;
    let (mut taken, mut flow, mut before, mut unknown) = (Taken::default(), Flow::default(), 0, false);
    for cut in cuts.iter().copied().chain([input.len()]) {
        seal.push(&input[before..cut], &mut flow)?;
        before = cut;
        let known = seal.begun().is_some();
        unknown |= taken.take(&mut flow) && !known;
    }
    let early = taken.gone.len();
    let outcome = seal.finish(&mut flow)?;
    taken.take(&mut flow);
    assert!(!(unknown && matches!(outcome, Outcome::Sealed(_))), "the ledger knows before anything leaves");
    assert!(taken.line.is_empty(), "nothing is left behind");
    Ok(Out { bytes: taken.gone, outcome, early })
}
