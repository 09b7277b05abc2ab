mod properties;
pub mod tree;

use super::{Edit, EditFault, Record, RecordFault, RecordLimits};
use crate::dicom::dataset::WalkFault;
use crate::dicom::dataset::write::DataSet;
use crate::dicom::dimse::{Tolerance, Tolerances};
use crate::dicom::matching::Attributes;
use crate::dicom::transfer_syntax::Encoding;
use crate::dicom::{Tag, Uid};
use dicom_core::VR;

const CHARACTER_SET: Tag = Tag(0x0008, 0x0005);
const NAME: Tag = Tag(0x0010, 0x0010);
const ID: Tag = Tag(0x0010, 0x0020);
const STUDY: Tag = Tag(0x0020, 0x000d);
const SEQUENCE: Tag = Tag(0x0040, 0x0100);
const MODALITY: Tag = Tag(0x0008, 0x0060);

fn read(bytes: &[u8], encoding: Encoding) -> Record {
    Record::read(bytes, encoding, Tolerances::STRICT, RecordLimits::default()).unwrap()
}

fn explicit(set: &DataSet) -> Record {
    read(&set.encode(Encoding::ExplicitLe), Encoding::ExplicitLe)
}

#[test]
fn values_are_found_with_the_vr_of_the_dictionary() {
    let set = DataSet::new()
        .with(MODALITY, b"CS", "CT")
        .with(NAME, b"PN", "Doe^Jane")
        .with(STUDY, b"UI", "1.2.3")
        .with(Tag(0x0028, 0x0010), b"US", 512_u16.to_le_bytes())
        .with(Tag(0x0011, 0x0010), b"LO", "ACME")
        .with(Tag(0x0011, 0x1001), b"LO", "private");
    for encoding in [Encoding::ExplicitLe, Encoding::ImplicitLe] {
        let record = read(&set.encode(encoding), encoding);
        assert_eq!(record.text(NAME).unwrap(), "Doe^Jane");
        assert_eq!(record.text(Tag(0x0028, 0x0010)).unwrap(), "512");
        assert_eq!(record.uid(STUDY), Some(Uid::new("1.2.3").unwrap()));
        assert_eq!(record.value(STUDY).unwrap(), b"1.2.3\0");
        assert_eq!(record.text(ID), None);
        assert!(!record.has(ID) && record.has(NAME));
        assert_eq!(record.text(Tag(0x0011, 0x1001)).is_some(), encoding == Encoding::ExplicitLe, "private is UN");
        assert_eq!(record.text(Tag(0x0011, 0x0010)).unwrap(), "ACME");
    }
}

#[test]
fn binary_values_of_big_endian_are_read_so() {
    let bytes = [
        0x00, 0x28, 0x00, 0x09, b'A', b'T', 0x00, 0x04, 0x00, 0x18, 0x10, 0x63, // (0028,0009) = (0018,1063)
        0x00, 0x28, 0x00, 0x10, b'U', b'S', 0x00, 0x02, 0x02, 0x00,
    ];
    let mut record = read(&bytes, Encoding::ExplicitBe);
    assert_eq!(record.text(Tag(0x0028, 0x0009)).unwrap(), "00181063");
    assert_eq!(record.text(Tag(0x0028, 0x0010)).unwrap(), "512");
    record.set_text(ID, VR::LO, "4711").unwrap();
    assert!(record.insert_path(&[SEQUENCE, MODALITY]));
    let mut wanted = vec![0x00, 0x10, 0x00, 0x20, b'L', b'O', 0x00, 0x04, b'4', b'7', b'1', b'1'];
    wanted.extend(bytes);
    wanted.extend([0x00, 0x40, 0x01, 0x00, b'S', b'Q', 0, 0, 0, 0, 0, 16]);
    wanted.extend([0xff, 0xfe, 0xe0, 0x00, 0, 0, 0, 8, 0x00, 0x08, 0x00, 0x60, b'C', b'S', 0, 0]);
    assert_eq!(record.write(), wanted);
    assert!(read(&wanted, Encoding::ExplicitBe).items(SEQUENCE).next().unwrap().has(MODALITY));
}

impl Record {
    fn items(&self, tag: Tag) -> impl Iterator<Item = super::Item<'_>> {
        self.root().items(tag)
    }
}

/// A nested character set holds in its item and nowhere else.
#[test]
fn an_item_reads_by_its_own_character_set_and_its_neighbours_do_not() {
    let item = |characters: Option<&str>, name: &[u8]| {
        let item = DataSet::new().with(NAME, b"PN", name);
        match characters {
            Some(characters) => item.with(CHARACTER_SET, b"CS", characters),
            None => item,
        }
    };
    let set = DataSet::new()
        .with(CHARACTER_SET, b"CS", "ISO_IR 100")
        .with(NAME, b"PN", b"M\xfcller")
        .with_items(
            SEQUENCE,
            vec![item(Some("ISO_IR 192"), "Gül".as_bytes()), item(None, b"G\xfcl"), item(Some(""), b"G\xfcl")],
        )
        .with(Tag(0x0040, 0x0254), b"LO", b"sp\xe4t");
    let record = explicit(&set);
    let names: Vec<_> =
        record.items(SEQUENCE).map(|item| item.text(NAME).map(|text| text.trim_end().to_owned())).collect();
    assert_eq!(names, [Some("Gül".to_owned()), Some("Gül".to_owned()), None], "empty is the default repertoire");
    assert_eq!(record.text(NAME).unwrap(), "Müller");
    assert_eq!(record.text(Tag(0x0040, 0x0254)).unwrap(), "spät");
    assert!(record.some_item(SEQUENCE, &mut |item| item.text(NAME).as_deref() == Some("Gül")));
    assert!(!record.some_item(NAME, &mut |_| true));
}

#[test]
fn what_cannot_be_decoded_is_absent() {
    let record = explicit(&DataSet::new().with(NAME, b"PN", b"M\xfcller").with(ID, b"LO", "4711"));
    assert_eq!(record.text(NAME), None);
    assert!(record.has(NAME));
    let unknown = explicit(
        &DataSet::new().with(CHARACTER_SET, b"CS", "ISO_IR 999").with(NAME, b"PN", b"M\xfcller").with(ID, b"LO", "7"),
    );
    assert_eq!(
        (unknown.text(NAME), unknown.text(ID).as_deref()),
        (None, Some("7 ")),
        "plain text reads the same everywhere"
    );
}

#[test]
fn edits_change_nothing_else() {
    let set = |id: &str| {
        DataSet::new()
            .with(CHARACTER_SET, b"CS", "ISO_IR 100")
            .with(NAME, b"PN", b"M\xfcller")
            .with(ID, b"LO", id)
            .with(STUDY, b"UI", "1.2.3")
    };
    for encoding in [Encoding::ExplicitLe, Encoding::ImplicitLe] {
        let bytes = set("old id").encode(encoding);
        let mut record = read(&bytes, encoding);
        assert_eq!(record.write(), bytes);
        record.set_text(ID, VR::LO, "n\u{fc}").unwrap();
        assert_eq!(record.text(ID).unwrap(), "nü");
        assert_eq!(record.set_text(ID, VR::LO, "山"), Err(EditFault::Repertoire(ID)));
        assert_eq!(record.set_text(ID, VR::OW, "1"), Err(EditFault::Value(ID)));
        let wanted = set("").with(ID, b"LO", b"n\xfc").encode(encoding);
        assert_eq!(record.write(), wanted);
        assert!(record.empty(ID) && !record.empty(SEQUENCE));
        assert_eq!(record.write(), set("").encode(encoding));
        assert_eq!(record.text(ID).unwrap(), "");
        assert!(record.remove(ID) && !record.remove(ID) && !record.has(ID));
        assert!(record.insert_empty(ID) && !record.insert_empty(ID) && record.has(ID));
        assert!(record.insert_empty(Tag(0x0010, 0x0030)));
        let wanted = set("").with(Tag(0x0010, 0x0030), b"DA", "").encode(encoding);
        assert_eq!(record.write(), wanted, "in its place");
        assert!(record.remove(Tag(0x0010, 0x0030)));
        assert_eq!(record.write(), set("").encode(encoding));
    }
}

#[test]
fn a_long_list_of_uids_fits_only_where_lengths_are_long() {
    let uids = vec![Uid::new(format!("2.25.{}", "9".repeat(58))).unwrap(); 2000];
    assert_eq!(Record::new(Encoding::ExplicitLe).set_uids(STUDY, &uids), Err(EditFault::Value(STUDY)));
    let mut record = Record::new(Encoding::ImplicitLe);
    record.set_uids(STUDY, &uids).unwrap();
    assert_eq!(record.write().len(), 8 + 2000 * 64);
    record.set_uids(STUDY, &[]).unwrap();
    assert_eq!(record.write(), DataSet::new().with(STUDY, b"UI", "").encode(Encoding::ImplicitLe));
}

#[test]
fn paths_are_added_inside_the_first_item() {
    let bytes =
        DataSet::new().with_items(SEQUENCE, vec![DataSet::new().with(NAME, b"PN", "A")]).encode(Encoding::ExplicitLe);
    let mut record = read(&bytes, Encoding::ExplicitLe);
    assert!(record.insert_path(&[SEQUENCE, MODALITY]) && !record.insert_path(&[SEQUENCE, NAME]));
    assert!(record.insert_path(&[SEQUENCE, STUDY]));
    let item = DataSet::new().with(NAME, b"PN", "A").with(MODALITY, b"CS", "").with(STUDY, b"UI", "");
    assert_eq!(record.write(), DataSet::new().with_items(SEQUENCE, vec![item]).encode(Encoding::ExplicitLe));

    let mut empty = Record::new(Encoding::ExplicitLe);
    assert!(empty.insert_path(&[SEQUENCE, MODALITY]) && empty.insert_path(&[SEQUENCE, CHARACTER_SET]));
    assert!(!empty.insert_path(&[SEQUENCE, MODALITY]) && !empty.insert_path(&[]));
    let item = DataSet::new().with(MODALITY, b"CS", "").with(CHARACTER_SET, b"CS", "");
    assert_eq!(empty.write(), DataSet::new().with_items(SEQUENCE, vec![item]).encode(Encoding::ExplicitLe));

    let whole = DataSet::new().with_items(SEQUENCE, Vec::new()).encode(Encoding::ExplicitLe);
    let mut record = read(&whole, Encoding::ExplicitLe);
    assert!(!record.insert_path(&[SEQUENCE, MODALITY]), "it asks for everything");
    assert_eq!(record.write(), whole);
}

/// PS3.5 6.2.2 note 2 (CP-246): UN of undefined length holds implicit VR little endian, also in big endian.
#[test]
fn un_is_read_as_what_it_holds() {
    let item = DataSet::new().with(NAME, b"PN", "Doe^Jane").with(Tag(0x0028, 0x0010), b"US", 512_u16.to_le_bytes());
    let inside = item.encode(Encoding::ImplicitLe);
    let mut undefined = vec![0x00, 0x40, 0x01, 0x00, b'U', b'N', 0, 0, 0xff, 0xff, 0xff, 0xff];
    undefined.extend([0xfe, 0xff, 0x00, 0xe0, 0xff, 0xff, 0xff, 0xff]);
    undefined.extend(&inside);
    undefined.extend([0xfe, 0xff, 0x0d, 0xe0, 0, 0, 0, 0, 0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
    let mut defined = vec![0x00, 0x40, 0x01, 0x00, b'U', b'N', 0, 0, 0, 0, 0];
    defined.push(8 + inside.len() as u8);
    defined.extend([0xfe, 0xff, 0x00, 0xe0, inside.len() as u8, 0, 0, 0]);
    defined.extend(&inside);
    for bytes in [undefined, defined] {
        let mut record = read(&bytes, Encoding::ExplicitBe);
        let first = record.items(SEQUENCE).next().unwrap();
        assert_eq!(first.text(NAME).unwrap(), "Doe^Jane");
        assert_eq!(first.text(Tag(0x0028, 0x0010)).unwrap(), "512");
        assert_eq!(record.write(), bytes);
        record.edit_each(|path| if path.last() == Some(&NAME) { Edit::Empty } else { Edit::Keep });
        let written = record.write();
        let again = read(&written, Encoding::ExplicitBe);
        assert_eq!(written.len(), bytes.len() - 8);
        assert_eq!(again.items(SEQUENCE).next().unwrap().text(NAME).unwrap(), "");
        assert_eq!(again.items(SEQUENCE).next().unwrap().text(Tag(0x0028, 0x0010)).unwrap(), "512");
    }
    // A private value of bytes that only begins like items.
    let mut blob = vec![0x09, 0x00, 0x01, 0x10, b'U', b'N', 0, 0, 12, 0, 0, 0];
    blob.extend([0xfe, 0xff, 0x00, 0xe0, 9, 0, 0, 0, 1, 2, 3, 4]);
    let record = read(&blob, Encoding::ExplicitLe);
    assert_eq!(record.value(Tag(0x0009, 0x1001)).unwrap().len(), 12);
}

#[test]
fn a_private_sequence_of_implicit_vr_is_looked_into() {
    let item = DataSet::new().with(NAME, b"PN", "Doe^Jane");
    let set = DataSet::new().with_items(Tag(0x0009, 0x1001), vec![item.clone(), item]);
    let mut record = read(&set.encode(Encoding::ImplicitLe), Encoding::ImplicitLe);
    record.edit_each(|path| if path.last() == Some(&NAME) { Edit::Remove } else { Edit::Keep });
    let wanted = DataSet::new().with_items(Tag(0x0009, 0x1001), vec![DataSet::new(), DataSet::new()]);
    assert_eq!(record.write(), wanted.encode(Encoding::ImplicitLe));
}

#[test]
fn what_was_added_is_asked_about_too() {
    let came = DataSet::new().with_items(SEQUENCE, vec![DataSet::new().with(MODALITY, b"CS", "CT")]);
    let other = Tag(0x0040, 0x0275);
    let edited = |edit: Edit| {
        let mut record = explicit(&came);
        record.set_text(NAME, VR::PN, "Doe^Jane").unwrap();
        assert!(record.insert_path(&[SEQUENCE, NAME]) && record.insert_path(&[other, NAME]));
        let mut asked = Vec::new();
        record.edit_each(|path| {
            asked.push(path.to_vec());
            if path.last() == Some(&NAME) { edit } else { Edit::Keep }
        });
        for path in [vec![NAME], vec![SEQUENCE, NAME], vec![other, NAME], vec![other]] {
            assert_eq!(asked.iter().filter(|asked| **asked == path).count(), 1, "{path:?}");
        }
        record.write()
    };
    let without = came.clone().with_items(other, vec![DataSet::new()]);
    assert_eq!(edited(Edit::Remove), without.encode(Encoding::ExplicitLe));
    let inside = DataSet::new().with(MODALITY, b"CS", "CT").with(NAME, b"PN", "");
    let empty = DataSet::new()
        .with(NAME, b"PN", "")
        .with_items(SEQUENCE, vec![inside])
        .with_items(other, vec![DataSet::new().with(NAME, b"PN", "")]);
    assert_eq!(edited(Edit::Empty), empty.encode(Encoding::ExplicitLe));
}

#[test]
fn group_lengths_beside_a_change_are_left_out() {
    let length = |group, bytes: u32| (Tag(group, 0), bytes.to_le_bytes());
    let (first, second) = (length(0x0010, 22), length(0x0020, 14));
    let set = DataSet::new()
        .with(first.0, b"UL", first.1)
        .with(NAME, b"PN", "Doe^Jane")
        .with(second.0, b"UL", second.1)
        .with(STUDY, b"UI", "1.2.3");
    let mut record = explicit(&set);
    record.empty(NAME);
    let wanted = DataSet::new().with(NAME, b"PN", "").with(second.0, b"UL", second.1).with(STUDY, b"UI", "1.2.3");
    assert_eq!(record.write(), wanted.encode(Encoding::ExplicitLe));
}

#[test]
fn deflated_records_are_deflated_again() {
    let plain = DataSet::new().with(NAME, b"PN", "Doe^Jane").with(STUDY, b"UI", "1.2.3").encode(Encoding::ExplicitLe);
    let mut record = Record::new(Encoding::Deflated);
    record.set_text(NAME, VR::PN, "Doe^Jane").unwrap();
    record.set_text(STUDY, VR::UI, "1.2.3").unwrap();
    let stream = record.write();
    let mut again = read(&stream, Encoding::Deflated);
    assert_eq!((&again.bytes, again.write()), (&plain, stream));
    again.empty(NAME);
    let narrowed = read(&again.write(), Encoding::Deflated);
    assert_eq!(narrowed.text(NAME).unwrap(), "");
    assert_eq!(narrowed.uid(STUDY), Some(Uid::new("1.2.3").unwrap()));
    assert_eq!(again.write().len() % 2, 0);
}

#[test]
fn a_deflate_bomb_ends_at_the_limit() {
    let mut record = Record::new(Encoding::Deflated);
    record.set(Tag(0x0009, 0x1001), VR::UN, vec![0; 2 << 20]).unwrap();
    let refused = Record::read(record.write(), Encoding::Deflated, Tolerances::STRICT, RecordLimits::default());
    assert_eq!(refused.err(), Some(RecordFault::TooLong(1 << 20)));
}

#[test]
fn limits_and_rules_hold() {
    let read = |bytes: &[u8], limits, tolerances| Record::read(bytes, Encoding::ExplicitLe, tolerances, limits).err();
    let limits = RecordLimits::default();
    let deep = (0..4).fold(DataSet::new(), |inside, _| DataSet::new().with_items(SEQUENCE, vec![inside]));
    let deep = deep.encode(Encoding::ExplicitLe);
    assert_eq!(read(&deep, RecordLimits { depth: 4, ..limits }, Tolerances::STRICT), None);
    let fault = read(&deep, RecordLimits { depth: 3, ..limits }, Tolerances::STRICT);
    assert_eq!(fault, Some(WalkFault::Depth { tag: SEQUENCE, limit: 3 }.into()));
    let fault = read(&deep, RecordLimits { elements: 6, ..limits }, Tolerances::STRICT);
    assert_eq!(fault, Some(WalkFault::Elements(6).into()));
    let fault = read(&deep, RecordLimits { bytes: 20, ..limits }, Tolerances::STRICT);
    assert_eq!(fault, Some(RecordFault::TooLong(20)));
    let ascending =
        DataSet::new().with(ID, b"LO", "1 ").with(Tag(0x0010, 0x0030), b"DA", "").encode(Encoding::ExplicitLe);
    let (first, second) = ascending.split_at(10);
    let disorder = [second, first].concat();
    assert_eq!(read(&disorder, limits, Tolerances::STRICT), Some(WalkFault::IdentifyingOrder(ID).into()));
}

/// Twice there is nothing that could be matched, and both are hidden.
#[test]
fn what_is_twice_is_absent_and_goes_together() {
    let tag = Tag(0x0010, 0x0030);
    let once = |date: &str| DataSet::new().with(tag, b"DA", date).encode(Encoding::ExplicitLe);
    let bytes = [once("20260101"), once("20260102")].concat();
    let tolerances = Tolerances::STRICT.with(Tolerance::Duplicate);
    let mut record = Record::read(bytes.clone(), Encoding::ExplicitLe, tolerances, RecordLimits::default()).unwrap();
    assert!(record.has(tag) && record.text(tag).is_none() && record.value(tag).is_none());
    assert_eq!(record.write(), bytes);
    record.empty(tag);
    assert_eq!(record.write(), once(""));
}

#[test]
fn what_is_tolerated_stays_as_it_was() {
    let mut bytes = DataSet::new().with(NAME, b"PN", "Doe^Jane").encode(Encoding::ExplicitLe);
    // An item with a delimiter inside its defined length, and zero bytes at the end.
    bytes.extend([0x40, 0, 0, 1, b'S', b'Q', 0, 0, 26, 0, 0, 0, 0xfe, 0xff, 0, 0xe0, 18, 0, 0, 0]);
    bytes.extend([0x10, 0, 0x20, 0, b'L', b'O', 2, 0, b'7', b' ', 0xfe, 0xff, 0x0d, 0xe0, 0, 0, 0, 0]);
    bytes.extend([0; 6]);
    let mut record =
        Record::read(bytes.clone(), Encoding::ExplicitLe, Tolerances::ALL, RecordLimits::default()).unwrap();
    assert_eq!(record.write(), bytes);
    assert_eq!(record.items(SEQUENCE).next().unwrap().text(ID).unwrap(), "7 ");
    record.insert_path(&[SEQUENCE, STUDY]);
    record.insert_empty(Tag(0x0040, 0x0254));
    let written = record.write();
    let again = Record::read(written.clone(), Encoding::ExplicitLe, Tolerances::ALL, RecordLimits::default()).unwrap();
    assert!(again.items(SEQUENCE).next().unwrap().has(STUDY) && again.has(Tag(0x0040, 0x0254)));
    assert!(written.ends_with(&[0; 6]) && written.len() == bytes.len() + 16);
}

#[test]
fn nothing_prints_what_a_patient_is_called() {
    let record = explicit(&DataSet::new().with(NAME, b"PN", "Doe^Jane"));
    assert_eq!(format!("{record:?}"), "{(0010,0010)}");
}
