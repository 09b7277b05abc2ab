use super::{Hide, HideFault, HideLimits};
use crate::dicom::Tag;
use crate::dicom::dataset::record::Edit;
use crate::dicom::dataset::record::tests::tree::{Contents, Element, Tree, encodings, trees};
use crate::dicom::dataset::write::DataSet;
use crate::dicom::dataset::{WalkFault, WalkLimits, Walker};
use crate::dicom::dimse::Tolerances;
use crate::dicom::transfer_syntax::Encoding;
use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};

const NAME: Tag = Tag(0x0010, 0x0010);
const ID: Tag = Tag(0x0010, 0x0020);
const SEQUENCE: Tag = Tag(0x0008, 0x1110);

fn hidden(bytes: &[u8], encoding: Encoding, tags: &[Tag]) -> Result<Vec<u8>, HideFault> {
    let (mut hide, mut out) = (Hide::new(encoding, tags)?, Vec::new());
    hide.push(bytes, &mut out)?;
    hide.finish(&mut out)?;
    Ok(out)
}

/// What is longer than the limit goes on with undefined length; what is held keeps its own.
fn loosened(tree: &Tree, encoding: Encoding, most: usize, tags: &[Tag]) -> Tree {
    let mut out = Vec::new();
    for element in &tree.0 {
        let mut element = element.clone();
        if let Contents::Items(defined, items) = &element.contents
            && !tags.contains(&element.tag)
        {
            let long = |bytes: usize| bytes > most;
            let inside = Element { contents: Contents::Items(true, items.clone()), ..element.clone() };
            let mut bytes = Vec::new();
            inside.write(encoding, &mut bytes);
            let header = if encoding == Encoding::ImplicitLe { 8 } else { 12 };
            if !defined || long(bytes.len() - header) {
                let items = items.iter().map(|(defined, item)| {
                    let held = *defined && !long(item.write(encoding).len());
                    if held { (true, item.clone()) } else { (false, loosened(item, encoding, most, tags)) }
                });
                element.contents = Contents::Items(false, items.collect());
            }
        }
        out.push(element);
    }
    Tree(out)
}

proptest! {
    #[test]
    fn what_goes_on_is_the_object_without_the_values(
        tree in trees(), encoding in encodings(), held in 0_u32..80, every in any::<bool>(),
        splits in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let tags: &[Tag] = if every { &[NAME, SEQUENCE, Tag(0x0009, 0x1001)] } else { &[NAME, ID] };
        let limits = HideLimits { held, ..HideLimits::default() };
        let bytes = tree.write(encoding);
        let empty = |path: &[Tag]| if tags.contains(path.last().unwrap()) { Edit::Empty } else { Edit::Keep };
        let wanted = loosened(&tree, encoding, held as usize, tags).edited(&mut Vec::new(), &mut { empty });
        let mut at: Vec<usize> = splits.iter().map(|split| split.index(bytes.len() + 1)).collect();
        at.sort_unstable();
        let (mut hide, mut out, mut before) = (Hide::with_limits(encoding, tags, limits).unwrap(), Vec::new(), 0);
        for at in at.into_iter().chain([bytes.len()]) {
            hide.push(&bytes[before..at], &mut out).unwrap();
            before = at;
        }
        hide.finish(&mut out).unwrap();
        prop_assert_eq!(out, wanted.write(encoding));
    }

    #[test]
    fn any_bytes_are_rewritten_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), encoding in encodings()) {
        let _ = hidden(&bytes, encoding, &[NAME]);
    }

    /// Whatever a walker takes is rewritten, to something that it takes, too; nothing grows but by delimiters.
    #[test]
    fn damaged_objects_are_rewritten_as_far_as_a_walker_takes_them(
        tree in trees(), encoding in encodings(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = tree.write(encoding);
        for (at, byte) in damage {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
        }
        let walk = |bytes: &[u8]| {
            let mut walker = Walker::new(encoding, WalkLimits::default(), Tolerances::STRICT);
            walker.push(bytes, &mut ()).and_then(|()| walker.finish())
        };
        if walk(&bytes).is_ok() {
            let out = hidden(&bytes, encoding, &[NAME, SEQUENCE]);
            prop_assert!(out.as_ref().is_ok_and(|out| walk(out).is_ok()), "{:?}", out);
        }
    }
}

#[test]
fn without_tags_or_matches_everything_passes() {
    let set = DataSet::new().with(ID, b"LO", "4711").with_items(SEQUENCE, vec![DataSet::new().with(ID, b"LO", "1")]);
    let bytes = set.encode(Encoding::ExplicitLe);
    assert_eq!(hidden(&bytes, Encoding::ExplicitLe, &[]).unwrap(), bytes);
    assert_eq!(hidden(&bytes, Encoding::ExplicitLe, &[NAME]).unwrap(), bytes);
}

#[test]
fn pixels_pass_whatever_they_look_like() {
    let mut fragments = DataSet::new().with(NAME, b"PN", "Doe").encode(Encoding::ExplicitLe);
    let mut wanted = DataSet::new().with(NAME, b"PN", "").encode(Encoding::ExplicitLe);
    // A fragment that looks like the attribute itself, and like a delimiter.
    let mut pixels = vec![0xe0, 0x7f, 0x10, 0x00, b'O', b'B', 0, 0, 0xff, 0xff, 0xff, 0xff];
    pixels.extend([0xfe, 0xff, 0x00, 0xe0, 0, 0, 0, 0, 0xfe, 0xff, 0x00, 0xe0, 16, 0, 0, 0]);
    pixels.extend(b"\x10\x00\x10\x00PN\x04\x00");
    pixels.extend([0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0, 0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
    fragments.extend(&pixels);
    wanted.extend(&pixels);
    assert_eq!(hidden(&fragments, Encoding::ExplicitLe, &[NAME]).unwrap(), wanted);
    let without = hidden(&fragments, Encoding::ExplicitLe, &[Tag(0x7fe0, 0x0010)]).unwrap();
    assert!(without.ends_with(&[0xe0, 0x7f, 0x10, 0x00, b'O', b'B', 0, 0, 0, 0, 0, 0]), "{without:?}");
}

/// A sequence that the archive did not know, and a private one without a mark.
#[test]
fn what_only_looks_like_a_value_is_looked_into() {
    let inside = DataSet::new().with(NAME, b"PN", "Doe^Jane").encode(Encoding::ImplicitLe);
    let mut items = vec![0xfe, 0xff, 0x00, 0xe0, inside.len() as u8, 0, 0, 0];
    items.extend(&inside);
    let emptied = DataSet::new().with(NAME, b"PN", "").encode(Encoding::ImplicitLe);
    let mut wanted = vec![0xfe, 0xff, 0x00, 0xe0, emptied.len() as u8, 0, 0, 0];
    wanted.extend(&emptied);
    for encoding in [Encoding::ExplicitLe, Encoding::ImplicitLe] {
        let set = |value: &[u8]| DataSet::new().with(Tag(0x0009, 0x1001), b"UN", value).encode(encoding);
        assert_eq!(hidden(&set(&items), encoding, &[NAME]).unwrap(), set(&wanted));
        let blob = [&items[..], &[1, 2, 3, 4]].concat();
        assert_eq!(hidden(&set(&blob), encoding, &[NAME]).unwrap(), set(&blob), "no items after all");
    }
}

#[test]
fn group_lengths_are_left_out() {
    let set = |with: bool| {
        let set = DataSet::new().with(NAME, b"PN", "").with(ID, b"LO", "4711");
        if with { set.with(Tag(0x0010, 0), b"UL", 20_u32.to_le_bytes()).with(NAME, b"PN", "Doe^Jane") } else { set }
    };
    let out = hidden(&set(true).encode(Encoding::ExplicitLe), Encoding::ExplicitLe, &[NAME]).unwrap();
    assert_eq!(out, set(false).encode(Encoding::ExplicitLe));
}

#[test]
fn zero_bytes_may_end_an_object_and_nothing_else() {
    let bytes = DataSet::new().with(ID, b"LO", "4711").encode(Encoding::ExplicitLe);
    for zeros in [1, 7, 8, 30] {
        let padded = [&bytes[..], &vec![0; zeros]].concat();
        assert_eq!(hidden(&padded, Encoding::ExplicitLe, &[NAME]).unwrap(), padded);
    }
    let trailing = [&bytes[..], &[0; 8], &[1]].concat();
    assert_eq!(hidden(&trailing, Encoding::ExplicitLe, &[NAME]), Err(WalkFault::Trailing.into()));
}

#[test]
fn deflated_and_damaged_objects_are_refused() {
    assert_eq!(Hide::new(Encoding::Deflated, &[NAME]).err(), Some(HideFault::Deflated));
    let bytes = DataSet::new().with(ID, b"LO", "4711").encode(Encoding::ExplicitLe);
    assert_eq!(hidden(&bytes[..9], Encoding::ExplicitLe, &[NAME]), Err(WalkFault::Truncated.into()));
    let deep = (0..40).fold(Tree(Vec::new()), |inside, _| {
        let contents = Contents::Items(false, vec![(false, inside)]);
        Tree(vec![Element { tag: SEQUENCE, vr: *b"SQ", contents }])
    });
    let bytes = deep.write(Encoding::ExplicitLe);
    assert!(hidden(&bytes, Encoding::ExplicitLe, &[NAME]).is_ok());
    let limits = HideLimits { depth: 39, ..HideLimits::default() };
    let mut hide = Hide::with_limits(Encoding::ExplicitLe, &[NAME], limits).unwrap();
    let refused = hide.push(&bytes, &mut Vec::new());
    assert_eq!(refused, Err(WalkFault::Depth { tag: SEQUENCE, limit: 39 }.into()));
}

/// The same whether a sequence is held or not.
#[test]
fn depth_is_counted_through_what_is_held() {
    let deep = (0..6).fold(DataSet::new(), |inside, _| DataSet::new().with_items(SEQUENCE, vec![inside]));
    let bytes = deep.encode(Encoding::ExplicitLe);
    for held in [0, 60, 1000] {
        for (depth, fits) in [(5, false), (6, true)] {
            let limits = HideLimits { held, depth };
            let mut hide = Hide::with_limits(Encoding::ExplicitLe, &[NAME], limits).unwrap();
            assert_eq!(hide.push(&bytes, &mut Vec::new()).is_ok(), fits, "{held} {depth}");
        }
    }
}

#[test]
fn what_may_be_a_sequence_is_looked_into_or_refused() {
    let item = DataSet::new().with(NAME, b"PN", "Doe^Jane").with(Tag(0x0010, 0x4000), b"LT", vec![b'x'; 60_000]);
    let mut items = item.encode(Encoding::ImplicitLe);
    let length = u32::try_from(items.len()).unwrap().to_le_bytes();
    items.splice(0..0, [[0xfe, 0xff, 0x00, 0xe0], length].concat());
    let private = Tag(0x0009, 0x1001);
    for encoding in [Encoding::ExplicitLe, Encoding::ImplicitLe] {
        for (times, refused) in [(1, false), (2, true)] {
            let bytes = DataSet::new().with(private, b"UN", items.repeat(times)).encode(encoding);
            match hidden(&bytes, encoding, &[NAME]) {
                Ok(out) => assert!(!refused && !out.windows(8).any(|window| window == b"Doe^Jane")),
                Err(fault) => assert!(refused && fault == HideFault::Unknown(private), "{fault}"),
            }
        }
        // Byte for byte, split anywhere.
        let bytes = DataSet::new().with(private, b"UN", vec![0xfe; 70_000]).encode(encoding);
        let (mut hide, mut out) = (Hide::new(encoding, &[NAME]).unwrap(), Vec::new());
        bytes.chunks(3).for_each(|chunk| hide.push(chunk, &mut out).unwrap());
        hide.finish(&mut out).unwrap();
        assert!(out == bytes);
    }
}
