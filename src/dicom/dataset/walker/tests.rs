use super::*;
use crate::dicom::Uid;
use crate::dicom::dataset::part10::Part10;
use crate::dicom::dataset::write::DataSet;
use proptest::prelude::*;
use std::io::Write;

/// What a sink was told, to be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    Element(Tag, Option<Vr>, Length, u16, u64),
    Value(Tag, Vec<u8>),
    Item(Tag, u16),
    End(Tag, u16),
}

#[derive(Default)]
struct Notes(Vec<Told>);

impl Sink for Notes {
    fn element(&mut self, header: &Header) -> Result<Want, SinkFault> {
        self.0.push(Told::Element(header.tag, header.vr, header.length, header.depth, header.offset));
        Ok(if matches!(header.length, Length::Defined(length) if length < 300) { Want::Value } else { Want::Skip })
    }
    fn value(&mut self, header: &Header, value: &[u8]) -> Result<(), SinkFault> {
        self.0.push(Told::Value(header.tag, value.to_vec()));
        Ok(())
    }
    fn item(&mut self, sequence: Tag, depth: u16) {
        self.0.push(Told::Item(sequence, depth));
    }
    fn sequence_end(&mut self, sequence: Tag, depth: u16) {
        self.0.push(Told::End(sequence, depth));
    }
}

fn walk_pieces<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    encoding: Encoding,
    tolerances: Tolerances,
) -> (Vec<Told>, Result<(), WalkFault>) {
    let mut notes = Notes::default();
    let mut walker = Walker::new(encoding, WalkLimits::default(), tolerances);
    for piece in pieces {
        if let Err(fault) = walker.push(piece, &mut notes) {
            assert_eq!(walker.push(&[], &mut notes), Err(WalkFault::Over));
            return (notes.0, Err(fault));
        }
    }
    let outcome = walker.finish();
    (notes.0, outcome)
}

fn walk(bytes: &[u8], encoding: Encoding) -> Result<(), WalkFault> {
    walk_pieces([bytes], encoding, Tolerances::STRICT).1
}

/// Refused strictly, with the tolerance named; and that tolerance alone lets it pass.
#[track_caller]
fn needs(bytes: &[u8], encoding: Encoding, tolerance: Tolerance) {
    let fault = walk(bytes, encoding).unwrap_err();
    assert_eq!(fault.tolerance(), Some(tolerance), "{fault}");
    walk_pieces([bytes], encoding, Tolerances::ALL.without(tolerance)).1.unwrap_err();
    walk_pieces([bytes], encoding, Tolerances::STRICT.with(tolerance)).1.unwrap();
}

#[track_caller]
fn never(bytes: &[u8], encoding: Encoding) -> WalkFault {
    assert_eq!(walk(bytes, encoding).unwrap_err().tolerance(), None);
    walk_pieces([bytes], encoding, Tolerances::ALL).1.unwrap_err()
}

/// An element in explicit VR little endian.
fn ex(group: u16, element: u16, vr: &[u8; 2], value: &[u8]) -> Vec<u8> {
    let mut out = [group.to_le_bytes(), element.to_le_bytes()].concat();
    out.extend_from_slice(vr);
    if matches!(vr, b"OB" | b"OW" | b"SQ" | b"UN" | b"UT") {
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&u32::try_from(value.len()).unwrap().to_le_bytes());
    } else {
        out.extend_from_slice(&u16::try_from(value.len()).unwrap().to_le_bytes());
    }
    out.extend_from_slice(value);
    out
}

/// The head of an element in explicit VR of undefined length.
fn open(group: u16, element: u16, vr: &[u8; 2]) -> Vec<u8> {
    let mut out = ex(group, element, vr, &[]);
    let at = out.len() - 4;
    out[at..].fill(0xff);
    out
}

/// An element in implicit VR, an item or a delimiter.
fn im(group: u16, element: u16, value: &[u8]) -> Vec<u8> {
    let mut out = [group.to_le_bytes(), element.to_le_bytes()].concat();
    out.extend_from_slice(&u32::try_from(value.len()).unwrap().to_le_bytes());
    out.extend_from_slice(value);
    out
}

fn open_item() -> Vec<u8> {
    vec![0xfe, 0xff, 0x00, 0xe0, 0xff, 0xff, 0xff, 0xff]
}

fn item(value: &[u8]) -> Vec<u8> {
    im(0xfffe, 0xe000, value)
}

fn item_end() -> Vec<u8> {
    im(0xfffe, 0xe00d, &[])
}

fn sequence_end() -> Vec<u8> {
    im(0xfffe, 0xe0dd, &[])
}

/// One of everything that a data set may hold.
fn whole() -> Vec<u8> {
    let code = ex(0x0008, 0x0100, b"SH", b"113001");
    [
        ex(0x0008, 0x0016, b"UI", b"1.2.840.10008.5.1.4.1.1.2\0"),
        ex(0x0008, 0x0018, b"UI", b"1.2.3\0"),
        ex(0x0008, 0x1140, b"SQ", &[item(&code), item(&[]), item(&code)].concat()),
        open(0x0008, 0x1199, b"SQ"),
        [open_item(), code.clone(), open(0x0008, 0x1199, b"SQ"), item(&code), sequence_end(), item_end()].concat(),
        sequence_end(),
        ex(0x0009, 0x0010, b"LO", b"SOMEONE "),
        // CP-246: implicit VR inside, whatever is outside.
        open(0x0009, 0x1001, b"UN"),
        [open_item(), im(0x0009, 0x1002, b"abcd"), im(0x0040, 0xa043, &item(&im(8, 0x100, b"1 "))), item_end()]
            .concat(),
        sequence_end(),
        ex(0x0010, 0x0020, b"LO", b"P1"),
        ex(0x0042, 0x0011, b"OB", &[7; 1000]),
        open(0x7fe0, 0x0010, b"OB"),
        [item(&[]), item(&[0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]), sequence_end()].concat(),
        ex(0xfffc, 0xfffc, b"OB", &[0; 4]),
    ]
    .concat()
}

#[test]
fn one_of_everything_passes_and_is_told_in_order() {
    let bytes = whole();
    let (told, outcome) = walk_pieces([&bytes[..]], Encoding::ExplicitLe, Tolerances::STRICT);
    outcome.unwrap();
    let inside = Told::Value(Tag(0x0009, 0x1002), b"abcd".to_vec());
    assert!(told.contains(&inside));
    assert!(told.contains(&Told::Value(Tag(8, 0x100), b"1 ".to_vec())), "a known sequence in implicit VR is walked");
    assert!(told.iter().any(|told| matches!(told, Told::Element(Tag(8, 0x100), _, _, 2, _))));
    let ends = told.iter().filter(|told| matches!(told, Told::End(..))).count();
    assert_eq!(ends, 6);
    let tops: Vec<_> = told
        .iter()
        .filter_map(|told| if let Told::Element(tag, _, _, 0, offset) = told { Some((*tag, *offset)) } else { None })
        .collect();
    assert!(tops.windows(2).all(|pair| pair[0] < pair[1]) && tops.len() == 10);
    for (tag, offset) in tops {
        let at = usize::try_from(offset).unwrap();
        assert_eq!(bytes[at..at + 4], [tag.0.to_le_bytes(), tag.1.to_le_bytes()].concat());
    }
}

#[test]
fn every_split_tells_the_same() {
    let bytes = whole();
    let expected = walk_pieces([&bytes[..]], Encoding::ExplicitLe, Tolerances::STRICT);
    for at in 0..bytes.len() {
        let (a, b) = bytes.split_at(at);
        assert!(walk_pieces([a, b], Encoding::ExplicitLe, Tolerances::STRICT) == expected, "split at {at}");
        let (_, cut) = walk_pieces([a], Encoding::ExplicitLe, Tolerances::ALL);
        let boundary = expected.0.iter().any(|told| matches!(told, Told::Element(_, _, _, 0, x) if *x == at as u64));
        assert_eq!(cut.is_ok(), boundary, "cut at {at}");
    }
    assert!(walk_pieces(bytes.chunks(1), Encoding::ExplicitLe, Tolerances::STRICT) == expected);
}

#[test]
fn deflated_data_sets_are_walked_as_they_inflate() {
    let plain = whole();
    let mut deflater = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    deflater.write_all(&plain).unwrap();
    let bytes = deflater.finish().unwrap();
    let expected = walk_pieces([&plain[..]], Encoding::ExplicitLe, Tolerances::STRICT);
    for size in [1, 7, bytes.len()] {
        assert!(walk_pieces(bytes.chunks(size), Encoding::Deflated, Tolerances::STRICT) == expected);
    }
    walk(&[&bytes[..], &[0]].concat(), Encoding::Deflated).unwrap();
    // A last fragment with nothing in it.
    walk_pieces([&bytes[..], &[0], &[]], Encoding::Deflated, Tolerances::STRICT).1.unwrap();
    needs(&[&bytes[..], &[1; 8]].concat(), Encoding::Deflated, Tolerance::Trailing);
    assert_eq!(never(&[&bytes[..], &[0; 10]].concat(), Encoding::Deflated), WalkFault::Deflate);
    assert_eq!(never(&bytes[..bytes.len() - 1], Encoding::Deflated), WalkFault::Truncated);
    assert_eq!(never(&plain, Encoding::Deflated), WalkFault::Deflate);
}

#[test]
fn a_deflate_bomb_ends_at_the_limit() {
    let mut deflater = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    deflater.write_all(&ex(0x7fe0, 0x0010, b"OW", &vec![0; 4 << 20])).unwrap();
    let bytes = deflater.finish().unwrap();
    let limited = |limits| {
        let mut walker = Walker::new(Encoding::Deflated, limits, Tolerances::ALL);
        walker.push(&bytes, &mut ()).and_then(|()| walker.finish())
    };
    assert_eq!(limited(WalkLimits::default()), Ok(()));
    assert_eq!(limited(WalkLimits { inflated: 1 << 20, ..WalkLimits::default() }), Err(WalkFault::Inflated));
    let tight = WalkLimits { inflate_free: 1 << 20, inflate_ratio: 100, ..WalkLimits::default() };
    assert_eq!(limited(tight), Err(WalkFault::Inflated));
}

#[test]
fn order_and_duplicates() {
    let le = Encoding::ExplicitLe;
    let (a, b) = (ex(0x0008, 0x0070, b"LO", b"A "), ex(0x0008, 0x0080, b"LO", b"B "));
    needs(&[b.clone(), a.clone()].concat(), le, Tolerance::Order);
    needs(&[a.clone(), a.clone()].concat(), le, Tolerance::Duplicate);
    let apart = [a.clone(), b.clone(), a.clone()].concat();
    let order = Tolerances::STRICT.with(Tolerance::Order);
    assert_eq!(walk_pieces([&apart[..]], le, order).1, Err(WalkFault::Duplicate(Tag(8, 0x70))));
    // Inside items too, each item on its own.
    let item_of = |inside: Vec<u8>| ex(0x0008, 0x1140, b"SQ", &[item(&inside), item(&a)].concat());
    needs(&item_of([b.clone(), a.clone()].concat()), le, Tolerance::Order);
    walk(&item_of(b), le).unwrap();
}

#[test]
fn what_identifies_is_never_ambiguous_under_any_tolerance() {
    let le = Encoding::ExplicitLe;
    for (group, element) in [(8, 0x16), (8, 0x18), (8, 0x60), (0x10, 0x20), (0x20, 0xd), (0x20, 0xe), (0x40, 0xa043)] {
        let one = ex(group, element, b"UN", b"1 ");
        let other = ex(group, element + 1, b"UN", b"2 ");
        never(&[one.clone(), one.clone()].concat(), le);
        never(&[one.clone(), other.clone(), one.clone()].concat(), le);
        never(&[other, one].concat(), le);
    }
}

#[test]
fn what_may_not_stand_in_a_data_set() {
    let le = Encoding::ExplicitLe;
    for (group, element) in [(0, 0x0002), (0, 0x0100), (1, 1), (2, 0x10), (3, 1), (5, 1), (7, 1), (0xffff, 1)] {
        let tag = Tag(group, element);
        assert_eq!(never(&ex(group, element, b"UN", b"1 "), le), WalkFault::Group(tag));
        let inside = ex(0x0008, 0x1140, b"SQ", &item(&ex(group, element, b"UN", b"1 ")));
        assert_eq!(never(&inside, le), WalkFault::Group(tag));
        assert_eq!(never(&im(group, element, b"1 "), Encoding::ImplicitLe), WalkFault::Group(tag));
    }
    for stray in [item(&[]), item_end(), sequence_end()] {
        assert!(matches!(never(&stray, le), WalkFault::Misplaced(_)));
    }
    let no_item = ex(0x0008, 0x1140, b"SQ", &ex(8, 0x60, b"CS", b"CT"));
    assert!(matches!(never(&no_item, le), WalkFault::Misplaced(_)));
}

#[test]
fn lengths_stay_inside_what_holds_them() {
    let le = Encoding::ExplicitLe;
    let long = ex(0x0008, 0x0060, b"CS", b"CT");
    let mut over = ex(0x0008, 0x1140, b"SQ", &item(&long));
    let at = over.len() - 4;
    over[at] = 200; // the value's length
    assert_eq!(never(&over, le), WalkFault::Overrun(Tag(8, 0x60)));
    let mut over = ex(0x0008, 0x1140, b"SQ", &item(&long));
    over[16] = 200; // the item's length
    assert!(matches!(never(&over, le), WalkFault::Overrun(Tag(0xfffe, 0xe000))));
    // A header across the end of its item.
    let mut short = ex(0x0008, 0x1140, b"SQ", &item(&long));
    short[8] = 12;
    short[16] = 4;
    assert!(matches!(never(&short, le), WalkFault::Overrun(_)));
    needs(&ex(0x0010, 0x0010, b"PN", b"A^B"), le, Tolerance::OddLength);
}

#[test]
fn zero_bytes_behind_the_last_element() {
    for encoding in [Encoding::ImplicitLe, Encoding::ExplicitLe] {
        let last = if encoding == Encoding::ImplicitLe { im(8, 0x60, b"CT") } else { ex(8, 0x60, b"CS", b"CT") };
        for count in [1, 4, 8, 9, 64] {
            needs(&[last.clone(), vec![0; count]].concat(), encoding, Tolerance::Trailing);
            let more = [last.clone(), vec![0; count], ex(8, 0x70, b"LO", b"A ")].concat();
            walk_pieces([&more[..]], encoding, Tolerances::ALL).1.unwrap_err();
        }
    }
}

#[test]
fn delimiters_and_undefined_lengths() {
    let le = Encoding::ExplicitLe;
    let inside = ex(8, 0x60, b"CS", b"CT");
    needs(&ex(8, 0x1140, b"SQ", &item(&[inside.clone(), item_end()].concat())), le, Tolerance::Delimiter);
    needs(&ex(8, 0x1140, b"SQ", &[item(&inside), sequence_end()].concat()), le, Tolerance::Delimiter);
    let early = ex(8, 0x1140, b"SQ", &item(&[item_end(), inside.clone()].concat()));
    assert!(matches!(never(&early, le), WalkFault::Misplaced(_)));
    assert_eq!(never(&open(0x0010, 0x0010, b"UT"), le), WalkFault::UndefinedLength(Tag(0x10, 0x10)));
    assert_eq!(never(&open(0x0042, 0x0011, b"OB"), le), WalkFault::UndefinedLength(Tag(0x42, 0x11)));
    let implicit = [vec![0x10, 0, 0x10, 0], vec![0xff; 4]].concat();
    assert_eq!(never(&implicit, Encoding::ImplicitLe), WalkFault::UndefinedLength(Tag(0x10, 0x10)));
    assert_eq!(never(&open(0x0008, 0x1140, b"SQ"), le), WalkFault::Truncated);
    let mut reserved = ex(0x0042, 0x0011, b"OB", b"ab");
    reserved[6] = 1;
    needs(&reserved, le, Tolerance::Reserved);
    assert_eq!(never(&ex(8, 0x60, b"??", b"CT"), le), WalkFault::UnknownVr(Tag(8, 0x60)));
}

#[test]
fn big_endian_is_read_as_such() {
    let bytes = [0, 8, 0, 0x60, b'C', b'S', 0, 2, b'C', b'T', 0x7f, 0xe0, 0, 0x10, b'O', b'W', 0, 0, 0, 0, 0, 2, 1, 2];
    let (told, outcome) = walk_pieces([&bytes[..]], Encoding::ExplicitBe, Tolerances::STRICT);
    outcome.unwrap();
    assert_eq!(told[1], Told::Value(Tag(8, 0x60), b"CT".to_vec()));
    assert_eq!(told[2], Told::Element(Tag(0x7fe0, 0x10), Some(Vr::OW), Length::Defined(2), 0, 10));
}

#[test]
fn a_hundred_thousand_nested_sequences_end_at_the_limit() {
    let one = [open(0x0008, 0x1140, b"SQ"), open_item()].concat();
    let bytes = one.repeat(100_000);
    let mut walker = Walker::new(Encoding::ExplicitLe, WalkLimits::default(), Tolerances::ALL);
    let fault = walker.push(&bytes, &mut ()).unwrap_err();
    assert_eq!(fault, WalkFault::Depth { tag: Tag(8, 0x1140), limit: 64 });
    assert!(walker.core.stack.len() <= 129 && walker.core.stack.capacity() <= 256);
    let depth_64 = [one.repeat(64), [item_end(), sequence_end()].concat().repeat(64)].concat();
    walk(&depth_64, Encoding::ExplicitLe).unwrap();
}

#[test]
fn twenty_bytes_that_announce_four_gigabytes_hold_no_memory() {
    let mut head = ex(0x7fe0, 0x0010, b"OW", &[]);
    head[8..12].copy_from_slice(&[0xfe, 0xff, 0xff, 0xff]);
    let mut walker = Walker::new(Encoding::ExplicitLe, WalkLimits::default(), Tolerances::STRICT);
    walker.push(&head, &mut Notes::default()).unwrap();
    walker.push(&[0; 8], &mut Notes::default()).unwrap();
    assert_eq!(walker.core.value.capacity(), 0);
    assert_eq!(walker.finish(), Err(WalkFault::Truncated));
    struct All;
    impl Sink for All {
        fn element(&mut self, _: &Header) -> Result<Want, SinkFault> {
            Ok(Want::Value)
        }
    }
    let mut walker = Walker::new(Encoding::ExplicitLe, WalkLimits::default(), Tolerances::STRICT);
    assert!(matches!(walker.push(&head, &mut All), Err(WalkFault::ValueTooLong { limit: 65_536, .. })));
}

#[test]
fn elements_are_counted() {
    let limits = WalkLimits { elements: 3, ..WalkLimits::default() };
    let mut walker = Walker::new(Encoding::ExplicitLe, limits, Tolerances::STRICT);
    let bytes = ex(8, 0x1140, b"SQ", &item(&[]).repeat(3));
    assert_eq!(walker.push(&bytes, &mut ()), Err(WalkFault::Elements(3)));
}

/// Small data sets of all shapes that our writer knows.
fn any_set(depth: u32) -> BoxedStrategy<DataSet> {
    let value = (0x0010u16..0x0060, 0x2000u16..0x2010, "[ -Z^-~]{0,20}")
        .prop_map(|(group, element, text)| (Tag(group * 2, element), *b"LO", text.into_bytes()));
    let bytes = (0x0010u16..0x0060, 0x3000u16..0x3010, proptest::collection::vec(any::<u8>(), 0..400))
        .prop_map(|(group, element, bytes)| (Tag(group * 2 + 1, element), *b"OB", bytes));
    let leaves = proptest::collection::vec(prop_oneof![value, bytes], 0..8).prop_map(|elements| {
        elements.into_iter().fold(DataSet::new(), |set, (tag, vr, value)| set.with(tag, &vr, value))
    });
    if depth == 0 {
        return leaves.boxed();
    }
    let nested = proptest::collection::vec(any_set(depth - 1), 0..3);
    let sequences = [Tag(0x0008, 0x1115), Tag(0x0008, 0x1140), Tag(0x0040, 0x0275)];
    (leaves, proptest::sample::select(sequences.to_vec()), nested)
        .prop_map(|(set, tag, items)| set.with_items(tag, items))
        .boxed()
}

/// What `dicom-object` finds in the same bytes: depth-first, tags, depths and lengths of values.
fn by_others(object: &dicom_object::InMemDicomObject, depth: u16, out: &mut Vec<(Tag, u16)>) {
    for element in object {
        out.push((Tag(element.header().tag.0, element.header().tag.1), depth));
        for item in element.items().unwrap_or_default() {
            by_others(item, depth + 1, out);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn others_find_the_same_elements(set in any_set(2), implicit in any::<bool>()) {
        let (encoding, syntax) =
            if implicit { (Encoding::ImplicitLe, "1.2.840.10008.1.2") } else { (Encoding::ExplicitLe, "1.2.840.10008.1.2.1") };
        let bytes = set.encode(encoding);
        let (told, outcome) = walk_pieces([&bytes[..]], encoding, Tolerances::STRICT);
        prop_assert_eq!(outcome, Ok(()));
        let found: Vec<_> = told.iter().filter_map(|told| match told {
            Told::Element(tag, _, _, depth, _) => Some((*tag, *depth)),
            _ => None,
        }).collect();
        let one = Uid::new("1.2.3").unwrap();
        let file = Part10 { sop_class: one, sop_instance: one, transfer_syntax: syntax.parse().unwrap(), data_set: &bytes };
        let object = dicom_object::from_reader(&file.join(&one)[..]).unwrap();
        let mut expected = Vec::new();
        by_others(&object, 0, &mut expected);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn pieces_of_any_size_tell_the_same(set in any_set(2), size in 1usize..60, implicit in any::<bool>()) {
        let encoding = if implicit { Encoding::ImplicitLe } else { Encoding::ExplicitLe };
        let bytes = set.encode(encoding);
        let whole = walk_pieces([&bytes[..]], encoding, Tolerances::STRICT);
        prop_assert!(walk_pieces(bytes.chunks(size), encoding, Tolerances::STRICT) == whole);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), size in 1usize..30) {
        for encoding in [Encoding::ImplicitLe, Encoding::ExplicitLe, Encoding::ExplicitBe, Encoding::Deflated] {
            for tolerances in [Tolerances::STRICT, Tolerances::ALL] {
                let whole = walk_pieces([&bytes[..]], encoding, tolerances);
                let pieces = walk_pieces(bytes.chunks(size), encoding, tolerances);
                // A damaged deflate stream may be found out before what it would have given.
                let damaged = encoding == Encoding::Deflated && whole.1.is_err() && pieces.1.is_err();
                prop_assert!(damaged || whole == pieces);
            }
        }
    }

    #[test]
    fn damaged_data_sets_fare_the_same_in_pieces(
        at in any::<prop::sample::Index>(), byte in any::<u8>(), size in 1usize..30,
    ) {
        let mut bytes = whole();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        for tolerances in [Tolerances::STRICT, Tolerances::ALL] {
            let whole = walk_pieces([&bytes[..]], Encoding::ExplicitLe, tolerances);
            prop_assert!(walk_pieces(bytes.chunks(size), Encoding::ExplicitLe, tolerances) == whole);
        }
    }
}
