use super::{Element, ElementFault, MAX_DEPTH, Set, Value, pixels, read, write};
use crate::dicom::Tag;
use crate::dicom::matching::{Attributes, Extended};
use crate::dicom::transfer_syntax::Encoding;
use dicom_core::VR;
use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};
use std::io::Write;

fn sample() -> Set {
    let mut set = Set::new();
    set.text(Tag(0x0008, 0x0018), VR::UI, "1.2.3");
    set.text(Tag(0x0010, 0x0010), VR::PN, "Doe^J");
    set.short(Tag(0x0028, 0x0010), 512);
    let mut item = Set::new();
    item.text(Tag(0x0008, 0x0100), VR::SH, "CODE");
    set.put(Tag(0x0008, 0x1032), VR::SQ, Value::Items(vec![item.clone(), Set::new(), item]));
    set
}

#[test]
fn what_is_written_is_read_in_both_encodings() {
    let set = sample();
    assert_eq!(read(&write(&set, true), Encoding::ExplicitLe), Ok(set.clone()));
    assert_eq!(read(&write(&set, false), Encoding::ImplicitLe), Ok(set.clone()));
    let mut deflated = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    deflated.write_all(&write(&set, true)).unwrap();
    assert_eq!(read(&deflated.finish().unwrap(), Encoding::Deflated), Ok(set));
}

#[test]
fn big_endian_numbers_come_out_little_endian() {
    let bytes = [0, 0x28, 0, 0x10, b'U', b'S', 0, 4, 2, 0, 0, 1];
    let set = read(&bytes, Encoding::ExplicitBe).unwrap();
    assert_eq!(set.bytes(Tag(0x28, 0x10)).unwrap(), [0, 2, 1, 0]);
    assert_eq!(set.as_attributes().text(Tag(0x28, 0x10)).unwrap(), "512\\1");
}

#[test]
fn undefined_lengths_and_unknown_sequences_are_read() {
    let mut bytes = vec![9, 0, 0x10, 0x10, b'U', b'N', 0, 0, 255, 255, 255, 255];
    bytes.extend([0xfe, 0xff, 0, 0xe0, 255, 255, 255, 255]);
    // Inside it is implicit (PS3.5 6.2.2).
    bytes.extend([8, 0, 0, 1, 2, 0, 0, 0, b'X', b' ']);
    bytes.extend([0xfe, 0xff, 0x0d, 0xe0, 0, 0, 0, 0, 0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
    bytes.extend([0x10, 0, 0x20, 0, b'L', b'O', 2, 0, b'1', b' ']);
    bytes.extend([0xe0, 0x7f, 0x10, 0, b'O', b'W', 0, 0, 255, 255, 255, 255]);
    let set = read(&bytes, Encoding::ExplicitLe).unwrap();
    assert_eq!(set.plain(Tag(0x10, 0x20)), "1");
    let Some(Element { value: Value::Items(items), .. }) = set.get(Tag(9, 0x1010)) else { panic!("no items") };
    assert_eq!(items[0].plain(Tag(8, 0x100)), "X");
}

#[test]
fn pixel_data_is_found_behind_what_stands_before_it() {
    let (explicit, implicit) = (Encoding::ExplicitLe, Encoding::ImplicitLe);
    let mut set = sample();
    set.put(Tag(0x7fe0, 0x0001), VR::OV, Value::Bytes(vec![7; 8]));
    set.put(Tag(0x7fe0, 0x0010), VR::OW, Value::Bytes(vec![1, 2, 3, 4]));
    set.put(Tag(0xfffc, 0xfffc), VR::OB, Value::Bytes(vec![9, 9]));
    let (long, short) = (write(&set, true), write(&set, false));
    assert_eq!(pixels(&long, explicit), Some([1, 2, 3, 4].as_slice()));
    assert_eq!(pixels(&short, implicit), Some([1, 2, 3, 4].as_slice()));
    assert_eq!(pixels(&long[..long.len() - 16], explicit), None, "cut off");
    assert_eq!(pixels(&write(&sample(), true), explicit), None, "without pixels");
    assert_eq!(pixels(&long, Encoding::Deflated), None);
    let encapsulated: Vec<u8> = [&[0xe0, 0x7f, 0x10, 0], b"OB".as_slice(), &[0, 0, 255, 255, 255, 255, 5, 6]].concat();
    assert_eq!(pixels(&encapsulated, explicit), Some([5, 6].as_slice()));
}

#[test]
fn the_dictionary_names_what_somebody_made_unknown() {
    let bytes = [0x20, 0, 0x0d, 0, b'U', b'N', 0, 0, 4, 0, 0, 0, b'1', b'.', b'2', 0];
    let set = read(&bytes, Encoding::ExplicitLe).unwrap();
    assert_eq!(set.as_attributes().text(Tag(0x20, 0x0d)).unwrap(), "1.2\0");
}

#[test]
fn what_is_cut_or_too_deep_is_refused() {
    let bytes = write(&sample(), true);
    let whole: Vec<bool> = (0..bytes.len()).map(|end| read(&bytes[..end], Encoding::ExplicitLe).is_ok()).collect();
    let ends = whole.iter().filter(|ok| **ok).count();
    assert_eq!(ends, 4, "only before each of the four elements");
    let level: Vec<u8> = [8, 0, 0x32, 0x10, 255, 255, 255, 255, 0xfe, 0xff, 0, 0xe0, 255, 255, 255, 255].to_vec();
    let deep = level.repeat(100_000);
    assert_eq!(read(&deep, Encoding::ImplicitLe), Err(ElementFault::Depth(Tag(8, 0x1032))));
    assert_eq!(read(&level.repeat(MAX_DEPTH), Encoding::ImplicitLe), Err(ElementFault::Header));
    assert!(read(&[0xff; 64], Encoding::Deflated).is_err());
}

#[test]
fn a_query_with_private_bytes_asks_only_what_it_can() {
    let mut set = sample();
    set.put(Tag(9, 0x1010), VR::UN, Value::Bytes(vec![1, 2]));
    let keys = set.as_identifier(Extended::default()).unwrap();
    assert!(keys.matches(&sample().as_attributes()));
}

proptest! {
    #[test]
    fn any_bytes_are_taken_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0..4_usize) {
        let encoding = [Encoding::ImplicitLe, Encoding::ExplicitLe, Encoding::ExplicitBe, Encoding::Deflated][at];
        if let Ok(set) = read(&bytes, encoding) {
            prop_assert!(set.elements().windows(2).all(|pair| pair[0].tag < pair[1].tag));
        }
    }

    #[test]
    fn sets_survive_both_ways(texts in prop::collection::btree_map(0x10_u16..0xff, "[ -~&&[^ ]]{0,20}", 0..20)) {
        let mut set = Set::new();
        for (element, text) in &texts {
            set.text(Tag(0x0009, *element), VR::LO, text);
        }
        prop_assert_eq!(read(&write(&set, true), Encoding::ExplicitLe), Ok(set));
    }
}
