use super::{Recode, RecodeFault};
use crate::dicom::Tag;
use crate::dicom::dataset::part10::Part10;
use crate::dicom::dataset::record::tests::tree::{Contents, Element, Tree, encodings, trees};
use crate::dicom::dataset::{WalkFault, WalkLimits, Walker};
use crate::dicom::dimse::Tolerances;
use crate::dicom::transfer_syntax::Encoding::{self, Deflated, ExplicitBe, ExplicitLe, ImplicitLe};
use dicom_object::InMemDicomObject;
use proptest::prelude::{any, prop, prop_assert_eq, proptest};

fn recode(bytes: &[u8], from: Encoding, to: Encoding, cuts: &[usize]) -> Result<Vec<u8>, RecodeFault> {
    let (mut recode, mut out, mut before) = (Recode::new(from, to), Vec::new(), 0);
    for cut in cuts.iter().copied().chain([bytes.len()]) {
        recode.push(&bytes[before..cut], &mut out)?;
        before = cut;
    }
    recode.finish(&mut out)?;
    Ok(out)
}

fn whole(bytes: &[u8], from: Encoding, to: Encoding) -> Vec<u8> {
    recode(bytes, from, to, &[]).unwrap()
}

/// Explicit VR little endian, from text: groups of hexadecimal digits, and words in quotes.
fn made(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for word in text.split_whitespace() {
        match word.strip_prefix('"') {
            Some(letters) => out.extend(letters.trim_end_matches('"').bytes()),
            None => out.extend(word.as_bytes().chunks(2).map(|pair| {
                let digits = std::str::from_utf8(pair).unwrap();
                u8::from_str_radix(digits, 16).unwrap()
            })),
        }
    }
    out
}

fn walk(bytes: &[u8], encoding: Encoding) {
    let mut walker = Walker::new(encoding, WalkLimits::default(), Tolerances::STRICT);
    walker.push(bytes, &mut ()).unwrap();
    walker.finish().unwrap();
}

fn by_others(bytes: &[u8], encoding: Encoding) -> InMemDicomObject {
    let syntax = match encoding {
        ImplicitLe => "1.2.840.10008.1.2",
        ExplicitLe => "1.2.840.10008.1.2.1",
        ExplicitBe => "1.2.840.10008.1.2.2",
        Deflated => "1.2.840.10008.1.2.1.99",
    };
    let one = "1.2.3".parse().unwrap();
    let transfer_syntax = syntax.parse().unwrap();
    let file = Part10 { sop_class: one, sop_instance: one, transfer_syntax, data_set: bytes };
    dicom_object::from_reader(&file.join(&one)[..]).unwrap().into_inner()
}

/// The same elements as another encoding has them: in implicit VR what is private is UN, numbers stay as they are.
fn loosened(tree: &Tree, changes: bool, unknown: bool) -> Tree {
    let elements = tree.0.iter().map(|element| {
        let mut element = element.clone();
        match &mut element.contents {
            Contents::Items(defined, items) => {
                let empty = items.is_empty();
                *defined = *defined && (!changes || empty);
                for (defined, item) in items {
                    *item = loosened(item, changes, unknown);
                    *defined = *defined && (!changes || item.0.is_empty());
                }
            }
            Contents::Value(_) if unknown && element.tag.is_private() => element.vr = *b"UN",
            Contents::Value(_) => {}
        }
        element
    });
    Tree(elements.collect())
}

proptest! {
    #[test]
    fn every_cut_gives_the_same_and_every_way_back_the_same_elements(
        tree in trees(), from in encodings(), to in encodings(),
        splits in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let bytes = tree.write(from);
        let mut cuts: Vec<usize> = splits.iter().map(|split| split.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        let out = recode(&bytes, from, to, &cuts).unwrap();
        prop_assert_eq!(&out, &whole(&bytes, from, to));
        let changes = from != to && (from == ImplicitLe || to == ImplicitLe);
        let unknown = from == ImplicitLe && to != ImplicitLe;
        prop_assert_eq!(&out, &loosened(&tree, changes, unknown).write(to));
        prop_assert_eq!(whole(&out, to, from), loosened(&tree, changes, false).write(from));
    }

    #[test]
    fn others_read_the_same_values(tree in trees(), from in encodings(), to in encodings()) {
        let bytes = tree.write(from);
        let out = whole(&bytes, from, to);
        walk(&out, to);
        let (before, after) = (by_others(&bytes, from), by_others(&out, to));
        for element in &tree.0 {
            let tag = dicom_core::Tag(element.tag.0, element.tag.1);
            let (before, after) = (before.element(tag).unwrap(), after.element(tag).unwrap());
            match &element.contents {
                Contents::Value(_) => {
                    prop_assert_eq!(before.to_bytes().unwrap(), after.to_bytes().unwrap(), "{}", element.tag);
                }
                Contents::Items(_, items) => prop_assert_eq!(after.items().unwrap_or_default().len(), items.len()),
            }
        }
    }

    #[test]
    fn whatever_comes_does_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200), from in encodings(), to in encodings()) {
        let _ = recode(&bytes, from, to, &[]);
    }
}

#[test]
fn numbers_are_turned_by_their_vr_whatever_pieces_they_come_in() {
    let little = made(
        r#"28001000 "US" 0200 0102  28000900 "AT" 0800 01020304 05060708  30000100 "UL" 0400 01020304
           30000200 "FD" 0800 0102030405060708  30000300 "SV" 0000 08000000 0102030405060708
           30000400 "OB" 0000 04000000 01020304  30000500 "UN" 0000 04000000 01020304
           e07f1000 "OW" 0000 06000000 010203040506"#,
    );
    let big = made(
        r#"00280010 "US" 0002 0201  00280009 "AT" 0008 02010403 06050807  00300001 "UL" 0004 04030201
           00300002 "FD" 0008 0807060504030201  00300003 "SV" 0000 00000008 0807060504030201
           00300004 "OB" 0000 00000004 01020304  00300005 "UN" 0000 00000004 01020304
           7fe00010 "OW" 0000 00000006 020104030605"#,
    );
    let every: Vec<usize> = (1..little.len()).collect();
    assert_eq!(recode(&little, ExplicitLe, ExplicitBe, &every).unwrap(), big);
    assert_eq!(recode(&big, ExplicitBe, ExplicitLe, &every).unwrap(), little);
}

#[test]
fn explicit_vr_has_what_the_dictionary_says() {
    let implicit = made(
        r#"09001000 04000000 "MAKE"  09000110 02000000 0102  18001098 02000000 0000  28000301 02000000 0100
           28000601 02000000 ffff  28000230 06000000 000100001000  28000630 02000000 0102  00600030 02000000 0102
           99990100 02000000 0102  e07f1000 02000000 0102"#,
    );
    let explicit = |signed: &str| {
        made(&format!(
            r#"09001000 "LO" 0400 "MAKE"  09000110 "UN" 0000 02000000 0102  18001098 "US" 0200 0000
               28000301 "US" 0200 0100  28000601 "{signed}" 0200 ffff  28000230 "{signed}" 0600 000100001000
               28000630 "OW" 0000 02000000 0102  00600030 "OW" 0000 02000000 0102
               99990100 "UN" 0000 02000000 0102  e07f1000 "OW" 0000 02000000 0102"#
        ))
    };
    assert_eq!(whole(&implicit, ImplicitLe, ExplicitLe), explicit("SS"));
    let mut unsigned = implicit.clone();
    let place = unsigned.windows(4).position(|tag| tag == [0x28, 0, 3, 1]).unwrap();
    unsigned[place + 8] = 0;
    let mut expected = explicit("US");
    let place = expected.windows(4).position(|tag| tag == [0x28, 0, 3, 1]).unwrap();
    expected[place + 8] = 0;
    assert_eq!(whole(&unsigned, ImplicitLe, ExplicitLe), expected);
    // Said beforehand, for an element that stands before it.
    let (mut recode, mut out) = (Recode::new(ImplicitLe, ExplicitLe), Vec::new());
    recode.set_signed(true);
    recode.push(&made("28000601 02000000 ffff"), &mut out).unwrap();
    assert_eq!(out, made(r#"28000601 "SS" 0200 ffff"#));
}

#[test]
fn a_value_too_long_for_its_vr_is_unknown() {
    let mut implicit = made("20000040 02000100");
    implicit.extend(vec![b'x'; 65_538]);
    let out = whole(&implicit, ImplicitLe, ExplicitLe);
    assert_eq!(out[..12], made(r#"20000040 "UN" 0000 02000100"#));
    assert_eq!(whole(&out, ExplicitLe, ImplicitLe), implicit);
    assert_eq!(whole(&implicit, ImplicitLe, ExplicitBe)[..12], made(r#"00204000 "UN" 0000 00010002"#));
}

#[test]
fn what_is_unknown_with_items_stays_in_implicit_vr() {
    // (0009,1001) UN of undefined length, around an item with (0008,0060) in implicit VR.
    let item = "feff00e0 ffffffff 08006000 02000000 4354 feff0de0 00000000 feffdde0 00000000";
    let little = made(&format!(r#"09000110 "UN" 0000 ffffffff {item} 10001000 "PN" 0200 "AB""#));
    let big = made(&format!(r#"00091001 "UN" 0000 ffffffff {item} 00100010 "PN" 0002 "AB""#));
    let implicit = made(&format!(r#"09000110 ffffffff {item} 10001000 02000000 "AB""#));
    assert_eq!(whole(&little, ExplicitLe, ExplicitBe), big);
    assert_eq!(whole(&big, ExplicitBe, ExplicitLe), little);
    assert_eq!(whole(&little, ExplicitLe, ImplicitLe), implicit);
    // Nobody knows that it was UN: it has items, so it is a sequence.
    let explicit = r#"feff00e0 ffffffff 08006000 "CS" 0200 4354 feff0de0 00000000 feffdde0 00000000"#;
    let explicit = made(&format!(r#"09000110 "SQ" 0000 ffffffff {explicit} 10001000 "PN" 0200 "AB""#));
    assert_eq!(whole(&implicit, ImplicitLe, ExplicitLe), explicit);
}

#[test]
fn group_lengths_go_where_they_would_be_wrong() {
    let explicit = made(r#"10000000 "UL" 0400 0a000000 10001000 "PN" 0200 "AB""#);
    assert_eq!(whole(&explicit, ExplicitLe, ImplicitLe), made(r#"10001000 02000000 "AB""#));
    let big = made(r#"00100000 "UL" 0004 0000000a 00100010 "PN" 0002 "AB""#);
    assert_eq!(whole(&explicit, ExplicitLe, ExplicitBe), big);
    assert_eq!(whole(&explicit, ExplicitLe, ExplicitLe), explicit);
}

#[test]
fn encapsulated_pixels_are_written_in_one_way_only() {
    let bytes = made(r#"e07f1000 "OB" 0000 ffffffff feff00e0 00000000 feffdde0 00000000"#);
    assert_eq!(whole(&bytes, ExplicitLe, ExplicitLe), bytes);
    for to in [ImplicitLe, ExplicitBe] {
        assert_eq!(recode(&bytes, ExplicitLe, to, &[]), Err(RecodeFault::Encapsulated(Tag(0x7fe0, 0x10))));
    }
}

#[test]
fn deflate_streams_come_and_go() {
    let tree = Tree(vec![Element { tag: Tag(8, 0x60), vr: *b"CS", contents: Contents::Value(b"CT".repeat(3000)) }]);
    let plain = tree.write(ImplicitLe);
    let every: Vec<usize> = (1..plain.len()).step_by(7).collect();
    let stream = recode(&plain, ImplicitLe, Deflated, &every).unwrap();
    assert!(stream.len() < 200 && stream.len().is_multiple_of(2));
    walk(&stream, Deflated);
    let every: Vec<usize> = (1..stream.len()).collect();
    assert_eq!(recode(&stream, Deflated, ImplicitLe, &every).unwrap(), plain);
    assert_eq!(whole(&stream, Deflated, ExplicitLe), tree.write(ExplicitLe));
    assert_eq!(whole(&stream, Deflated, Deflated), stream);
    let cut = &stream[..stream.len() - 4];
    assert_eq!(recode(cut, Deflated, ImplicitLe, &[]), Err(WalkFault::Truncated.into()));
}

#[test]
fn what_ends_in_the_middle_is_refused() {
    let bytes = made(r#"10001000 "PN" 0200 "AB""#);
    for end in [3, 8, 9] {
        assert_eq!(recode(&bytes[..end], ExplicitLe, ImplicitLe, &[]), Err(WalkFault::Truncated.into()), "{end}");
    }
}
