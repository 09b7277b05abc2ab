//! Any object, any cut, any carrier, any encoding.

use super::made::{CT, E, V, e, identity, image, noise, order, seal, sorted, sq, syntax, uid, us, write};
use super::read::{elements, hides, open, parse, values, walk};
use crate::dicom::Tag;
use crate::dicom::dataset::{Length, Vr};
use crate::dicom::transfer_syntax::Encoding::{self, ExplicitBe, ExplicitLe, ImplicitLe};
use crate::transform::head::PIXEL_DATA;
use crate::transform::seal::{Outcome, SealOptions};
use crate::vault::carrier::Carrier;
use crate::vault::family::{Element, Family, FamilyOptions, Part};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};

const VALUES: [(Tag, &[u8; 2]); 12] = [
    (Tag(0x0008, 0x0060), b"CS"),
    (Tag(0x0008, 0x103e), b"LO"),
    (Tag(0x0009, 0x1001), b"UN"),
    (Tag(0x0009, 0x1002), b"OB"),
    (Tag(0x0018, 0x0050), b"DS"),
    (Tag(0x0020, 0x4000), b"LT"),
    (Tag(0x0028, 0x2000), b"OB"),
    (Tag(0x0029, 0x1010), b"OB"),
    (Tag(0x0040, 0x0254), b"LO"),
    (Tag(0x0042, 0x0011), b"OB"),
    (Tag(0x5400, 0x1010), b"OW"),
    (Tag(0x6000, 0x3000), b"OW"),
];
const SEQUENCES: [Tag; 7] = [
    Tag(0x0008, 0x1140),
    Tag(0x0028, 0x3010),
    Tag(0x0040, 0x0275),
    Tag(0x0040, 0xa730),
    Tag(0x0088, 0x0200),
    Tag(0x5200, 0x9230),
    Tag(0x5400, 0x0100),
];
const BEHIND: [(Tag, &[u8; 2]); 3] =
    [(Tag(0x7fe1, 0x1001), b"OB"), (Tag(0x7fe1, 0x1002), b"UN"), (Tag(0xfffc, 0xfffc), b"OB")];

fn long(vr: &[u8; 2]) -> bool {
    matches!(vr, b"OB" | b"OW" | b"UN" | b"UT" | b"LT")
}

fn value(from: &'static [(Tag, &'static [u8; 2])]) -> impl Strategy<Value = E> {
    let length = prop_oneof![4 => 0_usize..40, 2 => 1000_usize..1100, 1 => 3000_usize..9000];
    (prop::sample::select(from), any::<u64>(), length).prop_map(|((tag, vr), seed, length)| {
        let value = match vr {
            _ if long(vr) => noise(seed, length),
            b"DS" => b"1.5 ".to_vec(),
            _ => b"TEXT ".repeat(length % 7),
        };
        e(tag, vr, value)
    })
}

fn pixels() -> impl Strategy<Value = Option<V>> {
    let native = (any::<u64>(), 0_usize..150_000).prop_map(|(seed, length)| Some(V::Bytes(noise(seed, length))));
    let fragments = prop::collection::vec((any::<u64>(), 0_usize..60_000), 0..4)
        .prop_map(|list| Some(V::Fragments(list.into_iter().map(|(seed, length)| noise(seed, length)).collect())));
    prop_oneof![3 => native, 2 => fragments, 1 => Just(None)]
}

fn nested() -> impl Strategy<Value = Vec<E>> {
    prop::collection::vec(value(&VALUES), 0..3).prop_map(sorted).prop_recursive(3, 30, 3, |inner| {
        let items = prop::collection::vec((any::<bool>(), inner), 0..3);
        let private = Tag(0x0029, 0x1020);
        let tags = prop::sample::select([SEQUENCES.as_slice(), &[private, private]].concat());
        let sequence = (tags, any::<bool>(), items, any::<bool>()).prop_map(move |(tag, defined, items, unknown)| {
            // One that nobody knows shows its items by its undefined length, and has them in implicit VR if it is UN.
            let vr = if unknown && tag == private { *b"UN" } else { *b"SQ" };
            E(tag, vr, V::Items(defined && tag != private, items))
        });
        prop::collection::vec(prop_oneof![2 => value(&VALUES), 1 => sequence], 0..4).prop_map(sorted)
    })
}

#[derive(Debug, Clone)]
struct Made {
    from: Encoding,
    jpeg: bool,
    object: Vec<E>,
}

fn objects() -> impl Strategy<Value = Made> {
    let encodings = prop_oneof![Just(ImplicitLe), Just(ExplicitLe), Just(ExplicitBe)];
    let tail = prop::collection::vec(value(&BEHIND), 0..3);
    (encodings, nested(), pixels(), tail, any::<bool>(), any::<bool>()).prop_map(
        |(from, inside, pixels, tail, eight, signature)| {
            let jpeg = matches!(pixels, Some(V::Fragments(_)));
            let from = if jpeg { ExplicitLe } else { from };
            let mut object = identity(CT);
            object.extend(inside);
            object.push(e(Tag(9, 0x10), b"LO", "MAKER"));
            object.push(e(Tag(0x29, 0x10), b"LO", "OTHER"));
            if let Some(pixels) = pixels {
                object.extend(image(if eight { 8 } else { 16 }, from));
                let vr = if jpeg || eight && from != ImplicitLe { b"OB" } else { b"OW" };
                object.push(E(PIXEL_DATA, *vr, pixels));
                object.extend(tail);
            }
            if signature {
                object.push(sq(Tag(0xfffa, 0xfffa), true, vec![vec![us(Tag(0x400, 5), 1, from)]]));
            }
            if from == ExplicitBe {
                object.iter_mut().for_each(known);
            }
            Made { from, jpeg, object: sorted(object) }
        },
    )
}

/// Numbers in UN are little endian, and would no longer be where somebody wrote it as a sequence.
fn known(element: &mut E) {
    if let V::Items(_, items) = &mut element.2 {
        element.1 = *b"SQ";
        items.iter_mut().flat_map(|(_, item)| item).for_each(known);
    }
}

fn has_unknown(element: &E) -> bool {
    let V::Items(_, items) = &element.2 else { return false };
    element.1 == *b"UN" || items.iter().any(|(_, item)| item.iter().any(has_unknown))
}

/// What stays, what is sealed; as a family says, told by hand.
fn parted(elements: &[E], path: &mut Vec<Tag>, from: Encoding, sealed: &mut Vec<E>) -> Vec<E> {
    let Some(family) = Family::sealing(&uid(CT)) else { panic!() };
    let mut clear = Vec::new();
    for element in elements {
        let E(tag, vr, value) = element;
        let length = match value {
            V::Bytes(bytes) => Length::Defined(bytes.len() as u32),
            V::Items(true, _) => Length::Defined(0),
            _ => Length::Undefined,
        };
        let vr = (from != ImplicitLe).then_some(Vr(*vr));
        let header = Element { path, tag: *tag, vr, length, creator: None };
        match (family.of_tag(&header, &FamilyOptions::default()), value) {
            (Part::Clear, _) => clear.push(element.clone()),
            (Part::Into, V::Items(defined, items)) => {
                path.push(*tag);
                let inner = if element.1 == *b"UN" { ImplicitLe } else { from };
                let items = items.iter().map(|(defined, item)| (*defined, parted(item, path, inner, sealed))).collect();
                path.pop();
                clear.push(E(*tag, element.1, V::Items(*defined, items)));
            }
            _ => {
                if let Some(value) = family.stand_in(path, *tag, &|_| None) {
                    clear.push(e(*tag, &element.1, value));
                }
                sealed.push(element.clone());
            }
        }
    }
    clear
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, max_shrink_iters: 12, ..ProptestConfig::default() })]

    #[test]
    fn what_is_sealed_comes_back_and_shows_nowhere(
        made in objects(), explicit in any::<bool>(), attributes in any::<bool>(), hold in any::<bool>(),
        few in any::<bool>(), splits in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let Made { from, jpeg, object } = made;
        let input = write(&object, from);
        let to = if explicit { ExplicitLe } else { ImplicitLe };
        let carrier = if attributes { Carrier::Attributes } else { Carrier::Pixels };
        let options = SealOptions {
            hold: if hold { 1 << 20 } else { 0 },
            attributes_max: if few { 100_000 } else { 4 << 20 },
            ..SealOptions::default()
        };
        let syntax = if jpeg { uid("1.2.840.10008.1.2.4.70") } else { syntax(from) };
        let order = || order(CT, syntax, to, carrier, options.clone());
        let out = seal(order(), &input, &[]).unwrap();
        let mut cuts: Vec<usize> = splits.iter().map(|split| split.index(input.len() + 1)).collect();
        cuts.sort_unstable();
        let again = seal(order(), &input, &cuts).unwrap();
        prop_assert_eq!(&again.bytes, &out.bytes, "however it is cut");
        prop_assert_eq!(&again.outcome, &out.outcome);
        let same = from == to;
        let mut sealed = Vec::new();
        let clear = parted(&object, &mut Vec::new(), from, &mut sealed);
        prop_assert_eq!(sealed.is_empty(), out.outcome == Outcome::Nothing);
        if out.outcome == Outcome::Nothing {
            if same {
                prop_assert_eq!(&out.bytes, &input);
            }
            return Ok(());
        }
        walk(&out.bytes, to);
        // Their reader does not know that UN of undefined length is in implicit VR (PS3.5 6.2.2 note 2).
        if to == ImplicitLe || !object.iter().any(has_unknown) {
            parse(&out.bytes, to, CT);
        }
        let mut secrets = Vec::new();
        values(&sealed, &mut secrets);
        hides(&out.bytes, &secrets.into_iter().map(|(_, value)| value).collect::<Vec<_>>());
        if same {
            let shown = elements(&out.bytes, to);
            for element in &clear {
                prop_assert_eq!(shown.get(&element.0), Some(&write(std::slice::from_ref(element), to)), "{}", element.0);
            }
        }
        let opened = open(&out.bytes, to, CT).unwrap();
        if same || from == ExplicitBe && to == ExplicitLe {
            prop_assert_eq!(opened.len(), input.len());
            prop_assert!(opened == input, "byte for byte");
        } else {
            walk(&opened, from);
            let (mut before, mut after) = (Vec::new(), Vec::new());
            flat(&input, from, &mut before);
            flat(&opened, from, &mut after);
            prop_assert!(before == after, "value for value");
        }
    }
}

/// Every element's tag and value, without lengths and VRs.
fn flat(bytes: &[u8], encoding: Encoding, into: &mut Vec<(usize, Tag, Vec<u8>)>) {
    use crate::transform::scan::{Part, Scanner};
    let mut scanner = Scanner::new(encoding, 64);
    let mut rest = bytes;
    while let Some(part) = scanner.next(&mut rest).unwrap() {
        match part {
            Part::Element(head, _) | Part::Item(head) | Part::Fragment(head) => {
                into.push((scanner.open(), head.raw.tag, Vec::new()));
            }
            Part::Bytes(bytes, _) => into.last_mut().unwrap().2.extend_from_slice(bytes),
            Part::End(_) | Part::Stray(_) | Part::Zeros(_) => {}
        }
    }
}
