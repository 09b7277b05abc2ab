//! Objects sealed by hand, as docs/sealing.md says, without the code that seals.

use crate::dicom::dataset::Vr;
use crate::dicom::transfer_syntax::{Encoding, encoding_of};
use crate::dicom::{Phi, Tag, Uid};
use crate::transform::flow::{Flow, Piece};
use crate::transform::head::put_header;
use crate::transform::open::{As, Finished, Found, Open, OpenFault, OpenOptions, OpenOrder};
use crate::vault::carrier::{Form, Geometry};
use crate::vault::suite::{Key256, NoRandom, Random};
use crate::vault::{Identity, KeyId, KeyRing, PatientIdentity, RingKey, SealContext, Sealer, Unlock};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
pub const EXPLICIT: &str = "1.2.840.10008.1.2.1";
pub const ICON: Tag = Tag(0x0088, 0x0200);
pub const PIXELS: Tag = Tag(0x7fe0, 0x0010);
pub const NESTED: Tag = Tag(0x0040, 0x0280);
pub const BLOB: Tag = Tag(0x0009, 0x1001);

/// An element; numbers little endian, turned when written big endian.
#[derive(Debug, Clone, PartialEq)]
pub struct E(pub Tag, pub [u8; 2], pub V);

#[derive(Debug, Clone, PartialEq)]
pub enum V {
    Bytes(Vec<u8>),
    /// Fragments, delimiter included.
    Fragments(Vec<u8>),
    /// Whether the length is defined, of the sequence and of each item.
    Items(bool, Vec<(bool, Vec<E>)>),
}

pub fn e(tag: Tag, vr: &[u8; 2], value: impl AsRef<[u8]>) -> E {
    let mut value = value.as_ref().to_vec();
    if !value.len().is_multiple_of(2) {
        value.push(if matches!(vr, b"UI" | b"OB" | b"UN") { 0 } else { b' ' });
    }
    E(tag, *vr, V::Bytes(value))
}

pub fn us(tag: Tag, number: u16) -> E {
    e(tag, b"US", number.to_le_bytes())
}

pub fn sq(tag: Tag, defined: bool, items: Vec<Vec<E>>) -> E {
    E(tag, *b"SQ", V::Items(defined, items.into_iter().map(|item| (defined, item)).collect()))
}

pub fn write(elements: &[E], encoding: Encoding) -> Vec<u8> {
    let mut out = Vec::new();
    for E(tag, vr, value) in elements {
        let vr = Vr(*vr);
        let put = |out: &mut Vec<u8>, length: usize| {
            let vr = (encoding != Encoding::ImplicitLe).then_some(vr);
            put_header(out, encoding, *tag, vr, length as u32);
            if vr.is_some_and(|vr| !vr.is_long()) {
                let at = out.len() - 2;
                let length = length as u16;
                let two = if encoding == Encoding::ExplicitBe { length.to_be_bytes() } else { length.to_le_bytes() };
                out[at..].copy_from_slice(&two);
            }
        };
        match value {
            V::Bytes(value) => {
                put(&mut out, value.len());
                let unit = match &vr.0 {
                    _ if encoding != Encoding::ExplicitBe => 1,
                    b"US" | b"OW" | b"SS" => 2,
                    b"UL" => 4,
                    _ => 1,
                };
                value.chunks(unit).for_each(|number| out.extend(number.iter().rev()));
            }
            V::Fragments(bytes) => {
                put(&mut out, u32::MAX as usize);
                out.extend(bytes);
            }
            V::Items(defined, items) => {
                let mut inside = Vec::new();
                for (defined, item) in items {
                    let item = write(item, encoding);
                    let length = if *defined { item.len() as u32 } else { u32::MAX };
                    put_header(&mut inside, encoding, Tag(0xfffe, 0xe000), None, length);
                    inside.extend(item);
                    if !defined {
                        put_header(&mut inside, encoding, Tag(0xfffe, 0xe00d), None, 0);
                    }
                }
                put(&mut out, if *defined { inside.len() } else { u32::MAX as usize });
                out.extend(inside);
                if !defined {
                    put_header(&mut out, encoding, Tag(0xfffe, 0xe0dd), None, 0);
                }
            }
        }
    }
    out
}

/// What becomes of an element.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fate {
    Clear,
    Seal,
    Into,
}

/// What the tests seal: pixels and what describes them, private bulk, icons and signatures whole, and one attribute inside a
/// sequence.
pub fn fate(path: &[Tag], element: &E) -> Fate {
    let E(tag, vr, _) = element;
    match (*tag, path) {
        (Tag(0x0028, 0x0002..=0x1fff), [])
        | (Tag(0x6000, _) | PIXELS | Tag(0x7fe0, 1 | 2) | Tag(0x7fe1, _) | BLOB, _) => Fate::Seal,
        (ICON | Tag(0x0042, 0x0011) | Tag(0x5400, _) | Tag(0xfffa, _), _) | (NESTED, [_, ..]) => Fate::Seal,
        _ if vr == b"SQ" && *tag == Tag(0x0040, 0x0100) => Fate::Into,
        _ => Fate::Clear,
    }
}

/// What stays and what is sealed.
pub fn parted(elements: &[E], path: &mut Vec<Tag>) -> (Vec<E>, Vec<E>) {
    let (mut clear, mut sealed) = (Vec::new(), Vec::new());
    for element in elements {
        match (fate(path, element), &element.2) {
            (Fate::Clear, _) => clear.push(element.clone()),
            (Fate::Seal, _) => sealed.push(element.clone()),
            (Fate::Into, V::Items(defined, items)) => {
                path.push(element.0);
                let items = items.iter().map(|(defined, item)| (*defined, parted(item, path)));
                let (ours, theirs): (Vec<_>, Vec<_>) =
                    items.map(|(defined, (ours, theirs))| ((defined, ours), (defined, theirs))).unzip();
                path.pop();
                clear.push(E(element.0, element.1, V::Items(*defined, ours)));
                if theirs.iter().any(|(_, item)| !item.is_empty()) {
                    sealed.push(E(element.0, element.1, V::Items(*defined, theirs)));
                }
            }
            (Fate::Into, _) => panic!("only sequences are looked into"),
        }
    }
    (clear, sealed)
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

pub fn ring(keys: u32) -> Arc<KeyRing> {
    Arc::new(KeyRing::new((1..=keys).map(|id| RingKey { id: KeyId(id), key: Key256::new(&[id as u8; 32]) })))
}

pub fn context() -> Arc<SealContext> {
    Arc::new(SealContext { ring: ring(1), escrow: Arc::new([]), random: Arc::new(Counter::default()), segment: 65_536 })
}

pub fn uid(text: &str) -> Uid {
    Uid::new(text).unwrap()
}

pub fn value(elements: &[E], tag: Tag) -> Vec<u8> {
    let found = elements.iter().find(|element| element.0 == tag);
    let Some(E(_, _, V::Bytes(value))) = found else { return Vec::new() };
    let end = value.iter().rposition(|byte| !matches!(byte, 0 | b' ')).map_or(0, |last| last + 1);
    value[..end].to_vec()
}

/// The segments of what is sealed of an object.
pub fn segments(original: &[E], syntax: &str) -> Vec<Vec<u8>> {
    let encoding = match encoding_of(&uid(syntax)) {
        Encoding::Deflated => Encoding::ExplicitLe,
        plain => plain,
    };
    let (_, sealed) = parted(original, &mut Vec::new());
    let of = |tag| value(original, tag);
    let identity = Identity {
        sop_class: Uid::new(of(Tag(8, 0x16))).unwrap(),
        sop_instance: Uid::new(of(Tag(8, 0x18))).unwrap(),
        study: Uid::new(of(Tag(0x20, 0xd))).ok(),
        patient: PatientIdentity {
            id: Phi::new(of(Tag(0x10, 0x20))),
            name: Phi::new(of(Tag(0x10, 0x10))),
            birth_date: Phi::new(of(Tag(0x10, 0x30))),
            accession: Phi::new(of(Tag(8, 0x50))),
        },
        transfer_syntax: uid(syntax),
    };
    let mut sealer = Sealer::new(context(), &identity, &of(Tag(8, 5))).unwrap();
    let mut segments = Vec::new();
    sealer.push(&write(&sealed, encoding), &mut segments).unwrap();
    sealer.finish(&mut segments).unwrap();
    segments.iter().map(|segment| segment.to_vec()).collect()
}

/// The form of pixels that carries the seal.
pub const FORM: Form = Form { bits: 16, samples: 1, frames: 1, movable: false };

/// The elements that stand in the archive: segments in Pixel Data.
pub fn in_pixels(original: &[E], segments: &[Vec<u8>], form: Form) -> Vec<E> {
    let sealed: Vec<u8> = segments.concat();
    let geometry = Geometry::for_length(sealed.len() as u64, form).unwrap();
    let mut pixels = geometry.beginning(sealed.len() as u64).concat();
    pixels.extend(sealed);
    pixels.resize(geometry.total as usize, 0);
    let (mut elements, _) = parted(original, &mut Vec::new());
    elements.extend([
        us(Tag(0x28, 2), geometry.samples.into()),
        us(Tag(0x28, 0x10), geometry.rows),
        us(Tag(0x28, 0x11), geometry.columns),
        us(Tag(0x28, 0x100), geometry.bits.into()),
        us(Tag(0x28, 0x103), 0),
        e(PIXELS, if geometry.bits == 16 { b"OW" } else { b"OB" }, pixels),
    ]);
    elements.sort_by_key(|element| element.0);
    elements
}

/// The elements that stand in the archive: segments in Encrypted Attributes.
pub fn in_attributes(original: &[E], segments: &[Vec<u8>]) -> Vec<E> {
    let (mut elements, sealed) = parted(original, &mut Vec::new());
    let item = |segment: &Vec<u8>| vec![e(Tag(0x400, 0x510), b"UI", EXPLICIT), e(Tag(0x400, 0x520), b"OB", segment)];
    elements.push(sq(Tag(0x400, 0x500), false, segments.iter().map(item).collect()));
    if sealed.iter().any(|element| element.0 == PIXELS) {
        elements.extend([us(Tag(0x28, 0x10), 48), us(Tag(0x28, 0x11), 512), e(PIXELS, b"OW", vec![0; 512 * 48 * 2])]);
    }
    elements.sort_by_key(|element| element.0);
    elements
}

/// A tomogram with something of everything. `bulk`: bytes of its pixels.
pub fn tomogram(instance: &str, bulk: usize) -> Vec<E> {
    let pixels: Vec<u8> = (0..bulk).map(|at| (at * 7 % 251) as u8).collect();
    let nested = |text: &str| vec![e(Tag(0x40, 1), b"AE", "SCANNER"), e(NESTED, b"ST", text)];
    vec![
        e(Tag(8, 5), b"CS", "ISO_IR 100"),
        e(Tag(8, 0x16), b"UI", CT),
        e(Tag(8, 0x18), b"UI", instance),
        e(Tag(8, 0x50), b"SH", "A17"),
        sq(Tag(8, 0x1140), true, vec![vec![e(Tag(8, 0x1155), b"UI", "1.2.3")]]),
        e(Tag(9, 0x10), b"LO", "MAKER"),
        e(BLOB, b"OB", vec![9; 2000]),
        e(Tag(9, 0x1002), b"SH", "short"),
        e(Tag(0x10, 0x10), b"PN", b"M\xfcller^Anna"),
        e(Tag(0x10, 0x20), b"LO", "4711"),
        e(Tag(0x10, 0x30), b"DA", "19701231"),
        e(Tag(0x20, 0xd), b"UI", "1.2.3.4"),
        e(Tag(0x20, 0xe), b"UI", "1.2.3.4.5"),
        us(Tag(0x28, 2), 1),
        e(Tag(0x28, 4), b"CS", "MONOCHROME2"),
        e(Tag(0x28, 8), b"IS", "3"),
        us(Tag(0x28, 0x10), 200),
        us(Tag(0x28, 0x11), 300),
        us(Tag(0x28, 0x100), 16),
        us(Tag(0x28, 0x103), 1),
        e(Tag(0x28, 0x1201), b"OW", [1, 2, 3, 4]),
        sq(Tag(0x40, 0x100), false, vec![nested("first"), vec![e(Tag(0x40, 1), b"AE", "X")], nested("third")]),
        sq(ICON, true, vec![vec![us(Tag(0x28, 0x10), 2), e(PIXELS, b"OW", [1, 2, 3, 4])]]),
        e(Tag(0x4008, 0x4000), b"ST", "behind 0400"),
        e(Tag(0x6000, 0x3000), b"OW", vec![5; 3000]),
        e(PIXELS, b"OW", pixels),
        e(Tag(0x7fe1, 0x1001), b"OB", vec![7; 4000]),
        sq(Tag(0xfffa, 0xfffa), false, vec![vec![us(Tag(0x400, 5), 1)]]),
    ]
}

pub fn order(from: Encoding) -> OpenOrder {
    OpenOrder {
        unlock: Unlock::Ring(ring(1)),
        from,
        sop_class: uid(CT),
        sop_instance: uid("1.2.3.4.5.6"),
        options: OpenOptions::default(),
    }
}

/// What came out of opening.
pub struct Out {
    pub bytes: Vec<u8>,
    pub found: Found,
    pub finished: Finished,
    /// The most that was kept, in bytes.
    pub kept: usize,
    /// Bytes that were out before the input was over.
    pub early: usize,
}

impl std::fmt::Debug for Out {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes, {:?}, {:?}", self.bytes.len(), self.found, self.finished)
    }
}

/// Drives it: the input cut at these places.
pub fn drive(order: OpenOrder, input: &[u8], cuts: &[usize], how: Option<As>) -> Result<Out, OpenFault> {
    let mut open = Open::new(order);
    let (mut bytes, mut kept, mut most) = (Vec::new(), Vec::new(), 0);
    let mut take = |flow: &mut Flow, bytes: &mut Vec<u8>| {
        while let Some(piece) = flow.next_piece() {
            match piece {
                Piece::Go(piece) => {
                    assert!(kept.is_empty(), "what is kept stands before what goes");
                    bytes.extend_from_slice(&piece);
                }
                Piece::Keep(piece) => {
                    kept.extend_from_slice(&piece);
                    most = most.max(kept.len());
                }
                Piece::Kept => bytes.append(&mut kept),
            }
        }
        kept.len()
    };
    let decide = |open: &mut Open| match (open.found().cloned(), how) {
        (Some(Found::Sealed(_)), Some(how)) => open.deliver(how),
        (Some(_), _) => open.pass(),
        (None, _) => Err(OpenFault::Undecided),
    };
    let (mut flow, mut before, mut decided) = (Flow::default(), 0, false);
    for cut in cuts.iter().copied().chain([input.len()]) {
        open.push(&input[before..cut], &mut flow)?;
        before = cut;
        assert!(decided || flow.is_empty(), "nothing comes out before it is decided");
        if !decided && open.found().is_some() {
            decide(&mut open)?;
            decided = true;
        }
        take(&mut flow, &mut bytes);
    }
    let early = bytes.len();
    let mut finished = open.finish(&mut flow)?;
    if finished == Finished::Undecided {
        assert!(!decided && flow.is_empty());
        decide(&mut open)?;
        finished = open.finish(&mut flow)?;
    }
    assert_eq!(take(&mut flow, &mut bytes), 0, "nothing stays kept");
    Ok(Out { bytes, found: open.found().cloned().unwrap(), finished, kept: most, early })
}
