use super::*;
use crate::dicom::dataset::{Length, Vr};
use proptest::prelude::*;

mod page;
mod replacing;

const OPTIONS: FamilyOptions = FamilyOptions { private_max: 1024, exempt: Vec::new() };

fn family() -> &'static Family {
    Family::sealing(&Uid::new("1.2.840.10008.5.1.4.1.1.2").unwrap()).unwrap()
}

fn part(path: &[Tag], tag: Tag, vr: Option<&[u8; 2]>, length: u32) -> Part {
    let length = if length == u32::MAX { Length::Undefined } else { Length::Defined(length) };
    family().of_tag(&Element { path, tag, vr: vr.map(|vr| Vr(*vr)), length, creator: None }, &OPTIONS)
}

/// Every storage class of the standard is in exactly one family, and every class of a family is one.
#[test]
fn every_storage_class_has_a_family() {
    for class in sop_class::all() {
        let families: Vec<_> = all().filter(|family| family.has(class)).map(|family| family.name).collect();
        let wanted = usize::from(class.kind == sop_class::Kind::Storage);
        assert_eq!(families.len(), wanted, "{} {}: {families:?}", class.uid, class.name);
    }
    for family in all() {
        for below in family.classes {
            assert!(sop_class::find_text(&format!("{ROOT}{below}")).is_some(), "{}: {below}", family.name);
        }
    }
}

/// What the contract says by name. Written out: a slip in a table must not slip into its test.
#[test]
fn what_is_never_sealed() {
    let fate = |uid: &str| match Family::of(&Uid::new(uid).unwrap()) {
        Treatment::Sealed(_) => Fate::Sealed,
        Treatment::Never(_) => Fate::Never,
        Treatment::Unsealable(_) => Fate::Unsealable,
    };
    for class in sop_class::all() {
        let never =
            ["Key Object", " SR ", "Presentation State", "Hanging", "RT Plan", "Ion Plan", "Record", "Structure Set"];
        if class.kind != sop_class::Kind::Storage || never.iter().any(|word| class.name.contains(word)) {
            assert_eq!(fate(class.uid), Fate::Never, "{}", class.name);
        }
        let always =
            ["Image Storage", "Dose Storage", "ECG", "Audio Wave", "Encapsulated", "Spectroscopy", "Map Storage"];
        let sealed = always.iter().any(|word| class.name.contains(word)) && class.kind == sop_class::Kind::Storage;
        if sealed || class.name.contains("Segmentation Storage") || class.name.contains("Mesh") {
            assert_eq!(fate(class.uid), Fate::Sealed, "{}", class.name);
        }
    }
    assert_eq!(fate("1.2.840.10008.5.1.4.1.1.8"), Fate::Unsealable);
    assert_eq!(fate("1.2.840.10008.5.1.4.31"), Fate::Never, "a worklist is nothing stored");
    assert_eq!(fate("1.2.840.113619.4.27"), Fate::Sealed, "private classes are no way around the seal");
    assert_eq!(fate("1.2.840.10008.5.1.4.1.1.999"), Fate::Sealed, "nor are those of a later edition");
}

#[test]
fn tables_ascend() {
    for pair in tags::RULES.windows(2) {
        assert!(pair[0].last < pair[1].first, "{} {}", pair[0].what, pair[1].what);
    }
    assert!(tags::RULES.iter().all(|rule| rule.first <= rule.last));
    assert!(tags::REPLACED.windows(2).all(|pair| pair[0] < pair[1]));
}

/// Whatever sealing may put at the top level is sealed where the original has it: else opening would throw it away.
#[test]
fn what_is_replaced_is_sealed() {
    for tag in tags::REPLACED {
        assert!(Family::is_replacement(*tag));
        for length in [0, 2, 1 << 20, u32::MAX] {
            for vr in [None, Some(b"UN"), Some(b"US"), Some(b"OW"), Some(b"SQ")] {
                assert_eq!(part(&[], *tag, vr, length), Part::Seal, "{tag} {vr:?} {length}");
            }
        }
    }
}

/// The list is part of format 1. Objects sealed by an older gateway have what it had: nothing may ever be added.
#[test]
fn the_list_of_what_is_replaced_is_frozen() {
    let list: Vec<String> =
        tags::REPLACED.iter().map(|tag| format!("{:04x}{:04x}", tag.group(), tag.element())).collect();
    assert_eq!(
        list.join(" "),
        "00280002 00280004 00280006 00280008 00280010 00280011 00280100 00280101 00280102 00280103 00281050 00281051 \
         00281052 00281053 00281054 00281101 00281102 00281103 00281201 00281202 00281203 00289001 00289002 00289108 \
         00420011 00420015 04000500 20500020 3004000e 56000020 7fe00010"
    );
}

/// Attributes by which archives search, match and merge (PS3.4 C.6, K.6), and what they show in lists.
#[test]
fn what_archives_search_by_stays() {
    #[rustfmt::skip]
    let searched = [
        (0x0008, 0x0005), (0x0008, 0x0008), (0x0008, 0x0012), (0x0008, 0x0016), (0x0008, 0x0018), (0x0008, 0x0020),
        (0x0008, 0x0021), (0x0008, 0x0022), (0x0008, 0x0030), (0x0008, 0x0050), (0x0008, 0x0060), (0x0008, 0x0061),
        (0x0008, 0x0070), (0x0008, 0x0080), (0x0008, 0x0090), (0x0008, 0x0201), (0x0008, 0x1030), (0x0008, 0x103e),
        (0x0008, 0x1070), (0x0010, 0x0010), (0x0010, 0x0020), (0x0010, 0x0021), (0x0010, 0x0030), (0x0010, 0x0040),
        (0x0010, 0x4000), (0x0018, 0x0015), (0x0018, 0x1030), (0x0020, 0x000d), (0x0020, 0x000e), (0x0020, 0x0010),
        (0x0020, 0x0011), (0x0020, 0x0013), (0x0020, 0x0052), (0x0020, 0x4000), (0x0028, 0x0030), (0x0040, 0x0244),
        (0x0040, 0x0253), (0x0040, 0xa491), (0x0040, 0xa493), (0x0042, 0x0010), (0x0042, 0x0012), (0x0070, 0x0080),
    ];
    for (group, element) in searched {
        for vr in [None, Some(b"LO"), Some(b"UN")] {
            assert_eq!(part(&[], Tag(group, element), vr, 64), Part::Clear);
        }
    }
    for sequence in [(0x0008, 0x1032), (0x0008, 0x1110), (0x0008, 0x1140), (0x0040, 0x0275), (0x0040, 0xa043)] {
        for (vr, length) in [(None, 64), (Some(b"SQ"), u32::MAX), (Some(b"UN"), 64), (Some(b"UN"), u32::MAX)] {
            assert_eq!(part(&[], Tag(sequence.0, sequence.1), vr, length), Part::Into);
        }
    }
}

#[test]
fn pictures_are_sealed_wherever_they_are() {
    let around: [&[Tag]; 3] = [&[], &[Tag(0x0008, 0x1140)], &[Tag(0x0029, 0x1010), Tag(0x0029, 0x1020)]];
    for path in around {
        for tag in [
            Tag(0x7fe0, 0x0001),
            Tag(0x7fe0, 0x0008),
            Tag(0x7fe0, 0x0009),
            Tag(0x7fe0, 0x0010),
            Tag(0x0088, 0x0200),
            Tag(0x6000, 0x3000),
            Tag(0x60fe, 0x3000),
            Tag(0x5002, 0x3000),
            Tag(0x5400, 0x1010),
            Tag(0x5600, 0x0020),
            Tag(0x0042, 0x0011),
            Tag(0x0060, 0x3000),
            Tag(0xfffa, 0xfffa),
            Tag(0x0400, 0x0500),
            Tag(0x0028, 0x1201),
        ] {
            for vr in [None, Some(b"OB"), Some(b"UN"), Some(b"SQ")] {
                for length in [0, 8, 1 << 30, u32::MAX] {
                    assert_eq!(part(path, tag, vr, length), Part::Seal, "{tag} in {path:?}");
                }
            }
        }
    }
}

#[test]
fn private_values_are_sealed_by_length() {
    let inside = [Tag(0x0008, 0x1140)];
    for path in [&[][..], &inside] {
        for vr in [None, Some(b"OB"), Some(b"UN"), Some(b"LT")] {
            assert_eq!(part(path, Tag(0x0029, 0x1010), vr, 1024), Part::Clear);
            assert_eq!(part(path, Tag(0x0029, 0x1010), vr, 1026), Part::Seal);
            assert_eq!(part(path, Tag(0x6001, 0x3000), vr, 1026), Part::Seal);
            assert_eq!(part(path, Tag(0x0029, 0x0010), vr, 16), Part::Clear, "a private creator");
        }
        assert_eq!(part(path, Tag(0x0029, 0x1010), Some(b"SQ"), 1 << 20), Part::Into);
        assert_eq!(part(path, Tag(0x0029, 0x1010), None, u32::MAX), Part::Into);
        assert_eq!(part(path, Tag(0x0029, 0x1010), Some(b"UN"), u32::MAX), Part::Into);
    }
}

#[test]
fn binary_values_that_nobody_thought_of_are_sealed_by_length() {
    // Nonconforming Data Element Value, in explicit and implicit VR; an attribute of a later edition; text of one.
    assert_eq!(part(&[], Tag(0x0400, 0x0552), Some(b"OB"), 1026), Part::Seal);
    assert_eq!(part(&[], Tag(0x0400, 0x0552), None, 1026), Part::Seal);
    assert_eq!(part(&[], Tag(0x0400, 0x0552), None, 1024), Part::Clear);
    assert_eq!(part(&[], Tag(0x0028, 0xfff0), Some(b"UN"), 1026), Part::Seal);
    assert_eq!(part(&[], Tag(0x0028, 0xfff0), None, 1026), Part::Seal);
    assert_eq!(part(&[], Tag(0x0028, 0xfff0), Some(b"UT"), 1026), Part::Clear);
    assert_eq!(part(&[], Tag(0x0040, 0xa160), None, 1 << 20), Part::Clear, "text of a report");
    // Calibration, long or not.
    assert_eq!(part(&[], Tag(0x0028, 0x2000), Some(b"OB"), 1 << 20), Part::Clear);
}

#[test]
fn what_functional_groups_have_to_have_stays() {
    let path = [Tag(0x5200, 0x9230), Tag(0x0028, 0x9145)];
    for element in [0x1050, 0x1051, 0x1052, 0x1053, 0x1054, 0x0010, 0x0030] {
        assert_eq!(part(&path, Tag(0x0028, element), Some(b"DS"), 8), Part::Clear);
    }
    for sequence in [Tag(0x5200, 0x9229), Tag(0x0028, 0x9132), Tag(0x0040, 0x9096), Tag(0x0020, 0x9113)] {
        assert_eq!(part(&[Tag(0x5200, 0x9230)], sequence, Some(b"SQ"), u32::MAX), Part::Into);
    }
}

#[test]
fn what_is_exempt_stays() {
    let options = FamilyOptions {
        private_max: 1024,
        exempt: vec![
            Exempt { creator: "ACME 1".into(), element: Some((0x0029, 0x10)) },
            Exempt { creator: "ACME 2".into(), element: None },
        ],
    };
    let part = |tag, creator: Option<&str>| {
        let creator = creator.map(str::as_bytes);
        family().of_tag(&Element { path: &[], tag, vr: None, length: Length::Defined(1 << 20), creator }, &options)
    };
    assert_eq!(part(Tag(0x0029, 0x1110), Some("ACME 1")), Part::Clear);
    assert_eq!(part(Tag(0x0029, 0x1111), Some("ACME 1")), Part::Seal);
    assert_eq!(part(Tag(0x0029, 0x1111), Some("ACME 2")), Part::Clear);
    assert_eq!(part(Tag(0x002b, 0x1111), Some("ACME 2")), Part::Clear);
    assert_eq!(part(Tag(0x002b, 0x1110), Some("ACME 1")), Part::Seal, "another group");
    assert_eq!(part(Tag(0x0029, 0x1110), None), Part::Seal);
    assert_eq!(part(Tag(0x7fe0, 0x0010), Some("ACME 2")), Part::Seal, "only private elements are exempt");
}

proptest! {
    /// Whatever stands in a header: group lengths go nowhere, and nothing long and binary stays in clear by accident.
    #[test]
    fn every_header_has_a_part(group: u16, element: u16, length: u32, vr in proptest::option::of("[A-Z]{2}"), nested: bool) {
        let vr = vr.map(|vr| [vr.as_bytes()[0], vr.as_bytes()[1]]);
        let path = [Tag(0x0008, 0x1140)];
        let part = part(if nested { &path } else { &[] }, Tag(group, element), vr.as_ref(), length);
        prop_assert_eq!(part == Part::Drop, element == 0);
        if element != 0 && !group.is_multiple_of(2) && length > 1024 && vr.is_some_and(|vr| !matches!(&vr, b"SQ" | b"UN")) {
            prop_assert_eq!(part, Part::Seal);
        }
        if vr.is_some_and(|vr| &vr == b"SQ") {
            prop_assert!(part != Part::Clear);
        }
    }
}

/// What was sealed of a class that is never sealed from some day on would come out as a banner: a class may leave this table,
/// and none may enter it that was ever sealed.
#[test]
fn classes_that_are_never_sealed_stay_what_they_are() {
    let never = all().filter(|family| family.fate != Fate::Sealed);
    let mut classes: Vec<&str> = never.flat_map(|family| family.classes.iter().copied()).collect();
    classes.sort_unstable();
    assert_eq!(classes, include_str!("tests/never.txt").lines().collect::<Vec<_>>());
}
