use super::Same;
use crate::dicom::Tag;
use crate::dicom::dataset::write::DataSet;
use crate::dicom::transfer_syntax::Encoding;
use proptest::prelude::*;

const EXPLICIT: Encoding = Encoding::ExplicitLe;

fn digest(bytes: &[u8], chunk: usize) -> [u8; 32] {
    let mut same = Same::new(EXPLICIT, 64);
    bytes.chunks(chunk.max(1)).for_each(|chunk| same.push(chunk).unwrap());
    same.finish().unwrap()
}

fn object() -> DataSet {
    DataSet::new()
        .with(Tag(0x0008, 0x0060), b"CS", "CT")
        .with(Tag(0x0008, 0x103e), b"LO", "thorax")
        .with(Tag(0x0010, 0x0010), b"PN", "Test^Eva")
        .with(Tag(0x0018, 0x9087), b"FD", 1.0_f64.to_le_bytes())
        .with(Tag(0x0020, 0x0060), b"CS", "L")
        .with(Tag(0x7fe0, 0x0010), b"OW", vec![7_u8, 0, 8, 0, 9, 0])
}

fn of(set: DataSet) -> [u8; 32] {
    digest(&set.encode(EXPLICIT), 7)
}

#[test]
fn what_archives_correct_and_add_does_not_count() {
    let plain = of(object());
    assert_eq!(of(object().with(Tag(0x0010, 0x0010), b"PN", "Test^Eve")), plain);
    assert_eq!(of(object().with(Tag(0x0010, 0x0040), b"CS", "F")), plain);
    assert_eq!(of(object().with(Tag(0x0008, 0x0050), b"SH", "77")), plain);
    assert_eq!(of(object().with(Tag(0x0020, 0x000d), b"UI", "1.2.3")), plain);
}

#[test]
fn everything_else_counts() {
    let plain = of(object());
    for other in [
        object().with(Tag(0x0020, 0x0060), b"CS", "R"),
        object().with(Tag(0x0008, 0x103e), b"LO", "thorax2"),
        object().with(Tag(0x0020, 0x0062), b"CS", "L"),
        object().with(Tag(0x0018, 0x9087), b"FD", 2.0_f64.to_le_bytes()),
        object().with(Tag(0x7fe0, 0x0010), b"OW", vec![7_u8, 0, 8, 0, 9, 32]),
        object().with(Tag(0x7fe0, 0x0010), b"OW", vec![7_u8, 0, 8, 0]),
        object().with(Tag(0x0011, 0x0010), b"LO", "SOMEBODY"),
        DataSet::new().with(Tag(0x0008, 0x0060), b"CS", "CT"),
    ] {
        assert_ne!(of(other), plain);
    }
}

#[test]
fn padding_of_text_says_nothing_and_of_numbers_it_does() {
    let named = |value: &str| of(DataSet::new().with(Tag(0x0008, 0x103e), b"LO", value));
    assert_eq!(named("thorax"), named("thorax  "));
    assert_eq!(named("thorax"), named("thorax\0\0"));
    assert_ne!(named("thorax"), named("  thorax"));
    let number = |value: &[u8]| of(DataSet::new().with(Tag(0x0028, 0x0008), b"US", value));
    assert_ne!(number(&[1, 0]), number(&[1, 32]));
}

/// A sequence with one item, delimited by lengths or by delimiters.
fn sequence(tag: [u8; 4], content: &[u8], defined: bool) -> Vec<u8> {
    let undefined = [0xff; 4];
    let length = |length: usize| u32::try_from(length).unwrap().to_le_bytes();
    let mut bytes = tag.to_vec();
    bytes.extend_from_slice(b"SQ\0\0");
    bytes.extend_from_slice(if defined { length(content.len() + 8) } else { undefined }.as_slice());
    bytes.extend_from_slice(&[0xfe, 0xff, 0x00, 0xe0]);
    bytes.extend_from_slice(if defined { length(content.len()) } else { undefined }.as_slice());
    bytes.extend_from_slice(content);
    if !defined {
        bytes.extend_from_slice(&[0xfe, 0xff, 0x0d, 0xe0, 0, 0, 0, 0, 0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
    }
    bytes
}

#[test]
fn how_a_sequence_is_delimited_says_nothing() {
    let content = |side: &str| DataSet::new().with(Tag(0x0020, 0x0060), b"CS", side).encode(EXPLICIT);
    let tag = [0x08, 0x00, 0x40, 0x11];
    let left = digest(&sequence(tag, &content("L"), true), 5);
    assert_eq!(digest(&sequence(tag, &content("L"), false), 9), left);
    assert_ne!(digest(&sequence(tag, &content("R"), false), 9), left);
    // Inside sequences everything counts, and of one that does not count nothing inside does.
    let patient = |name: &str| DataSet::new().with(Tag(0x0010, 0x0010), b"PN", name).encode(EXPLICIT);
    assert_ne!(digest(&sequence(tag, &patient("A"), true), 5), digest(&sequence(tag, &patient("B"), true), 5));
    let original = [0x00, 0x04, 0x61, 0x05];
    let behind = DataSet::new().with(Tag(0x0400, 0x0700), b"LO", "behind").encode(EXPLICIT);
    let with = [sequence(original, &content("L"), false), behind.clone()].concat();
    assert_eq!(digest(&with, 3), digest(&behind, 3));
}

#[test]
fn a_damaged_data_set_has_no_digest() {
    let bytes = object().encode(EXPLICIT);
    let mut same = Same::new(EXPLICIT, 64);
    same.push(&bytes[..bytes.len() - 2]).unwrap();
    assert!(same.finish().is_err());
}

proptest! {
    #[test]
    fn how_it_comes_says_nothing(one in 1_usize..40, other in 1_usize..40, spaces in 0_usize..100) {
        let bytes = object().with(Tag(0x0018, 0x1030), b"LO", "a".repeat(9) + &" ".repeat(spaces)).encode(EXPLICIT);
        prop_assert_eq!(digest(&bytes, one), digest(&bytes, other));
        let bare = object().with(Tag(0x0018, 0x1030), b"LO", "a".repeat(9)).encode(EXPLICIT);
        prop_assert_eq!(digest(&bytes, one), digest(&bare, other));
    }
}
