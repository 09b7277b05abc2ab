use super::super::{Edit, Record, RecordLimits};
use super::tree::{Contents, encodings, trees};
use crate::dicom::Tag;
use crate::dicom::dimse::Tolerances;
use crate::dicom::matching::Attributes;
use crate::dicom::transfer_syntax::Encoding;
use proptest::prelude::{any, prop, prop_assert_eq, proptest};

/// Some decision for a path, always the same one.
fn decision(seed: u64, path: &[Tag]) -> Edit {
    let mut hash = seed;
    for tag in path {
        hash = (hash ^ (u64::from(tag.0) << 16 | u64::from(tag.1))).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23);
    }
    match hash % 5 {
        0 => Edit::Remove,
        1 => Edit::Empty,
        _ => Edit::Keep,
    }
}

proptest! {
    #[test]
    fn what_is_not_edited_is_written_as_it_came(tree in trees(), encoding in encodings()) {
        let bytes = tree.write(encoding);
        let record = Record::read(bytes.clone(), encoding, Tolerances::STRICT, RecordLimits::default()).unwrap();
        prop_assert_eq!(record.write(), bytes);
        let tags: Vec<_> = record.tags().map(|(tag, _)| tag).collect();
        prop_assert_eq!(tags, tree.0.iter().map(|element| element.tag).collect::<Vec<_>>());
        for element in &tree.0 {
            if let Contents::Items(_, items) = &element.contents {
                prop_assert_eq!(record.root().items(element.tag).count(), items.len());
            }
        }
    }

    /// Against the tree without what was taken out, written from scratch: all else is where it was, lengths are right.
    #[test]
    fn edits_at_every_depth_give_what_a_rewritten_tree_gives(tree in trees(), encoding in encodings(), seed in any::<u64>()) {
        let mut record =
            Record::read(tree.write(encoding), encoding, Tolerances::STRICT, RecordLimits::default()).unwrap();
        record.edit_each(|path| decision(seed, path));
        let mut wanted = tree.edited(&mut Vec::new(), &mut |path| decision(seed, path));
        let added = Tag(0x0010, 0x0030);
        record.insert_empty(added);
        let at = wanted.0.partition_point(|element| element.tag < added);
        wanted.0.insert(at, super::tree::Element { tag: added, vr: *b"DA", contents: Contents::Value(Vec::new()) });
        prop_assert_eq!(record.write(), wanted.write(encoding));
    }

    #[test]
    fn any_bytes_are_read_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..200), encoding in encodings(), tolerant in any::<bool>(), seed in any::<u64>(),
    ) {
        let tolerances = if tolerant { Tolerances::ALL } else { Tolerances::STRICT };
        read_and_edit(&bytes, encoding, tolerances, seed);
        read_and_edit(&bytes, Encoding::Deflated, tolerances, seed);
    }

    /// Nearly right is where readers go wrong.
    #[test]
    fn damaged_data_sets_are_read_or_refused(
        tree in trees(), encoding in encodings(), tolerant in any::<bool>(), seed in any::<u64>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = tree.write(encoding);
        for (at, byte) in damage {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
        }
        let tolerances = if tolerant { Tolerances::ALL } else { Tolerances::STRICT };
        read_and_edit(&bytes, encoding, tolerances, seed);
    }
}

fn read_and_edit(bytes: &[u8], encoding: Encoding, tolerances: Tolerances, seed: u64) {
    let limits = RecordLimits { depth: 4, elements: 60, ..RecordLimits::default() };
    let Ok(mut record) = Record::read(bytes, encoding, tolerances, limits) else { return };
    assert!(record.nodes.len() <= 60);
    assert_eq!(record.write(), bytes);
    let tags: Vec<Tag> = record.tags().map(|(tag, _)| tag).collect();
    for tag in &tags {
        let _ = record.text(*tag);
        record.some_item(*tag, &mut |_| false);
    }
    record.edit_each(|path| decision(seed, path));
    record.insert_path(&[Tag(0x0040, 0x0100), Tag(0x0008, 0x0060)]);
    record.insert_empty(Tag(0x0010, 0x0020));
    let written = record.write();
    // What was added may be one level or some elements more.
    let limits = RecordLimits { depth: 6, elements: 80, ..limits };
    let again = Record::read(written, encoding, tolerances, limits);
    assert!(again.is_ok(), "{again:?}");
    assert!(again.is_ok_and(|again| again.has(Tag(0x0010, 0x0020))));
}
