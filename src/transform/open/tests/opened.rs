//! What comes out is the original, in every encoding and out of every carrier.

use super::hand::{
    CT, E, EXPLICIT, FORM, PIXELS, V, drive, e, in_attributes, in_pixels, order, segments, sq, tomogram, uid, us, write,
};
use crate::dicom::Tag;
use crate::dicom::transfer_syntax::Encoding;
use crate::transform::open::{As, Finished, Found, OpenFault, OpenOrder};
use crate::vault::carrier::Form;
use proptest::prelude::{any, prop, prop_assert_eq, proptest};

const INSTANCE: &str = "1.2.3.4.5.6";

fn opened(elements: &[E], archive: Encoding, how: As) -> Vec<u8> {
    let out = drive(order(archive), &write(elements, archive), &[], Some(how)).unwrap();
    assert!(matches!(out.finished, Finished::Opened(_)));
    out.bytes
}

/// Both carriers.
fn sealed(original: &[E], syntax: &str) -> [Vec<E>; 2] {
    let segments = segments(original, syntax);
    [in_pixels(original, &segments, FORM), in_attributes(original, &segments)]
}

#[test]
fn the_original_comes_out_of_both_carriers() {
    for bulk in [0, 2, 1000, 70_000, 300_000] {
        let original = tomogram(INSTANCE, bulk);
        for elements in sealed(&original, EXPLICIT) {
            let own = opened(&elements, Encoding::ExplicitLe, As::Own);
            assert!(own == write(&original, Encoding::ExplicitLe), "{bulk}");
        }
    }
}

#[test]
fn in_every_form_of_pixels() {
    let original = tomogram(INSTANCE, 90_000);
    let segments = segments(&original, EXPLICIT);
    for (bits, samples, frames) in [(1, 1, 1), (8, 1, 1), (8, 3, 1), (8, 1, 7), (16, 1, 40)] {
        let form = Form { bits, samples, frames, movable: false };
        let elements = in_pixels(&original, &segments, form);
        assert!(opened(&elements, Encoding::ExplicitLe, As::Own) == write(&original, Encoding::ExplicitLe), "{form:?}");
    }
}

#[test]
fn what_is_found_is_what_was_sealed() {
    let original = tomogram(INSTANCE, 90_000);
    for elements in sealed(&original, EXPLICIT) {
        let out = drive(order(Encoding::ExplicitLe), &write(&elements, Encoding::ExplicitLe), &[], Some(As::Own));
        let out = out.unwrap();
        let Found::Sealed(inner) = out.found else { panic!("not sealed") };
        assert_eq!((inner.rows, inner.columns, inner.frames), (200, 300, 3));
        assert_eq!((inner.transfer_syntax, inner.study), (uid(EXPLICIT), Some(uid("1.2.3.4"))));
        assert_eq!((inner.drift.len(), inner.sop_instance), (0, uid(INSTANCE)));
        let Finished::Opened(opened) = out.finished else { panic!("not opened") };
        assert_eq!(opened.bytes, out.bytes.len() as u64);
        assert_eq!(opened.segments as usize, segments(&original, EXPLICIT).len());
        assert!(opened.drift.is_empty());
    }
}

/// Without VRs nobody knows what private elements are: an archive that sends implicit VR makes UN of them.
fn as_from_implicit(elements: &[E]) -> Vec<E> {
    let known = |element: &E| element.0.0.is_multiple_of(2) || (0x10..0x100).contains(&element.0.1);
    let sealed = |element: &E| super::hand::fate(&[], element) == super::hand::Fate::Seal;
    let turned = |element: &E| {
        if known(element) || sealed(element) { element.clone() } else { E(element.0, *b"UN", element.2.clone()) }
    };
    elements.iter().map(turned).map(loosened).collect()
}

/// Where lengths change, sequences get undefined ones; what was sealed keeps its own.
fn loosened(element: E) -> E {
    let E(tag, vr, value) = element;
    if super::hand::fate(&[], &E(tag, vr, value.clone())) == super::hand::Fate::Seal {
        return E(tag, vr, value);
    }
    let value = match value {
        V::Items(_, items) => V::Items(
            false,
            items.into_iter().map(|(_, item)| (false, item.into_iter().map(loosened).collect())).collect(),
        ),
        value => value,
    };
    E(tag, vr, value)
}

#[test]
fn whatever_the_archive_speaks_it_comes_out_in_its_own_syntax() {
    let original = tomogram(INSTANCE, 5000);
    for (syntax, own) in [
        (EXPLICIT, Encoding::ExplicitLe),
        ("1.2.840.10008.1.2", Encoding::ImplicitLe),
        ("1.2.840.10008.1.2.2", Encoding::ExplicitBe),
    ] {
        for elements in sealed(&original, syntax) {
            for archive in [Encoding::ExplicitLe, Encoding::ImplicitLe] {
                let wanted = match (archive, own) {
                    (Encoding::ImplicitLe, Encoding::ImplicitLe) => original.clone(),
                    (Encoding::ImplicitLe, _) => as_from_implicit(&original),
                    (_, Encoding::ImplicitLe) => original.iter().cloned().map(loosened).collect(),
                    _ => original.clone(),
                };
                let bytes = opened(&elements, archive, As::Own);
                assert!(bytes == write(&wanted, own), "{syntax} {archive:?}");
            }
        }
    }
}

#[test]
fn a_native_original_comes_out_in_another_native_encoding() {
    let original = tomogram(INSTANCE, 5000);
    for syntax in [EXPLICIT, "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"] {
        for elements in sealed(&original, syntax) {
            let bytes = opened(&elements, Encoding::ExplicitLe, As::Native(Encoding::ExplicitLe));
            assert!(bytes == write(&original, Encoding::ExplicitLe), "{syntax}");
            let bytes = opened(&elements, Encoding::ImplicitLe, As::Native(Encoding::ImplicitLe));
            let loose = |element: &E| {
                if super::hand::fate(&[], element) == super::hand::Fate::Seal {
                    loosened_all(element.clone())
                } else {
                    element.clone()
                }
            };
            let wanted: Vec<E> = original.iter().map(loose).collect();
            assert!(bytes == write(&wanted, Encoding::ImplicitLe), "{syntax}");
        }
    }
}

fn loosened_all(element: E) -> E {
    let E(tag, vr, value) = element;
    let value = match value {
        V::Items(_, items) => V::Items(
            false,
            items.into_iter().map(|(_, item)| (false, item.into_iter().map(loosened_all).collect())).collect(),
        ),
        value => value,
    };
    E(tag, vr, value)
}

#[test]
fn a_deflated_original_comes_out_deflated() {
    let original = tomogram(INSTANCE, 50_000);
    for elements in sealed(&original, "1.2.840.10008.1.2.1.99") {
        let bytes = opened(&elements, Encoding::ExplicitLe, As::Own);
        let mut plain = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::DeflateDecoder::new(bytes.as_slice()), &mut plain).unwrap();
        assert!(plain == write(&original, Encoding::ExplicitLe));
        assert!(bytes.len().is_multiple_of(2));
    }
}

#[test]
fn a_compressed_original_comes_out_as_it_was_and_not_otherwise() {
    let mut original = tomogram(INSTANCE, 0);
    let mut fragments = vec![0xfe, 0xff, 0x00, 0xe0, 0, 0, 0, 0, 0xfe, 0xff, 0x00, 0xe0];
    fragments.extend(100_000_u32.to_le_bytes());
    fragments.extend((0..100_000_u32).map(|at| (at % 253) as u8));
    fragments.extend([0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
    original.retain(|element| element.0 != PIXELS);
    original.push(E(PIXELS, *b"OB", V::Fragments(fragments)));
    original.sort_by_key(|element| element.0);
    for elements in sealed(&original, "1.2.840.10008.1.2.4.70") {
        assert!(opened(&elements, Encoding::ExplicitLe, As::Own) == write(&original, Encoding::ExplicitLe));
        let input = write(&elements, Encoding::ExplicitLe);
        for native in [Encoding::ExplicitLe, Encoding::ImplicitLe] {
            let out = drive(order(Encoding::ExplicitLe), &input, &[], Some(As::Native(native)));
            assert_eq!(out.unwrap_err(), OpenFault::Encoding(uid("1.2.840.10008.1.2.4.70")));
        }
    }
}

#[test]
fn a_document_without_pixels_comes_out() {
    let mut original = tomogram(INSTANCE, 0);
    original.retain(|element| element.0.0 < 0x28 || element.0 == Tag(0x4008, 0x4000));
    original.push(e(Tag(0x42, 0x11), b"OB", vec![3; 300_000]));
    original.push(sq(Tag(0x5400, 0x100), false, vec![vec![e(Tag(0x5400, 0x1010), b"OW", vec![4; 90_000])]]));
    original.sort_by_key(|element| element.0);
    let elements = in_attributes(&original, &segments(&original, EXPLICIT));
    assert!(opened(&elements, Encoding::ExplicitLe, As::Own) == write(&original, Encoding::ExplicitLe));
}

#[test]
fn what_the_archive_corrected_stays_and_is_named() {
    let original = tomogram(INSTANCE, 5000);
    for mut elements in sealed(&original, EXPLICIT) {
        let mut wanted = original.clone();
        for list in [&mut elements, &mut wanted] {
            for (tag, value) in [
                (Tag(8, 0x50), "A18"),
                (Tag(0x10, 0x20), "4712"),
                (Tag(0x10, 0x10), "MUELLER^ANNA"),
                (Tag(0x10, 0x30), "19701230"),
                (Tag(0x20, 0xd), "1.2.3.9"),
            ] {
                let element = list.iter_mut().find(|element| element.0 == tag).unwrap();
                *element = e(tag, &element.1, value);
            }
            list.retain(|element| element.0 != Tag(9, 0x1002));
        }
        let out = drive(order(Encoding::ExplicitLe), &write(&elements, Encoding::ExplicitLe), &[], Some(As::Own));
        let out = out.unwrap();
        assert!(out.bytes == write(&wanted, Encoding::ExplicitLe));
        let Finished::Opened(opened) = out.finished else { panic!("not opened") };
        let names = ["StudyInstanceUID", "PatientID", "PatientName", "PatientBirthDate", "AccessionNumber"];
        assert_eq!(opened.drift, names);
    }
}

#[test]
fn group_lengths_are_left_out() {
    let original = tomogram(INSTANCE, 500);
    for mut elements in sealed(&original, EXPLICIT) {
        for group in [0x8, 0x28, 0x7fe0, 0xfffa] {
            elements.push(e(Tag(group, 0), b"UL", [1, 0, 0, 0]));
        }
        elements.sort_by_key(|element| element.0);
        assert!(opened(&elements, Encoding::ExplicitLe, As::Own) == write(&original, Encoding::ExplicitLe));
    }
}

#[test]
fn an_archive_may_mint_its_own_instance_uid_if_that_is_known() {
    let original = tomogram(INSTANCE, 500);
    for mut elements in sealed(&original, EXPLICIT) {
        elements[2] = e(Tag(8, 0x18), b"UI", "1.2.99");
        let input = write(&elements, Encoding::ExplicitLe);
        let mut order = OpenOrder { sop_instance: uid("1.2.99"), ..order(Encoding::ExplicitLe) };
        let out = drive(order.clone(), &input, &[], Some(As::Own));
        assert_eq!(out.unwrap_err(), OpenFault::Identity { attribute: "SOPInstanceUID" });
        order.options.minted = true;
        let out = drive(order, &input, &[], Some(As::Own)).unwrap();
        let Finished::Opened(opened) = out.finished else { panic!("not opened") };
        assert_eq!(opened.drift, ["SOPInstanceUID"]);
    }
}

#[test]
fn an_archive_that_knows_no_encrypted_attributes_may_send_them_as_unknown() {
    let original = tomogram(INSTANCE, 5000);
    let elements = in_attributes(&original, &segments(&original, EXPLICIT));
    let turned = elements.into_iter().map(|element| match element {
        E(Tag(0x400, 0x500), _, V::Items(_, items)) => {
            let whole = write(&[E(Tag(0x400, 0x500), *b"SQ", V::Items(true, items))], Encoding::ImplicitLe);
            e(Tag(0x400, 0x500), b"UN", &whole[8..])
        }
        element => element,
    });
    let elements: Vec<E> = turned.collect();
    assert!(opened(&elements, Encoding::ExplicitLe, As::Own) == write(&original, Encoding::ExplicitLe));
}

#[test]
fn plain_objects_pass_as_they_are() {
    let with = |bulk| tomogram(INSTANCE, bulk);
    let mut encrypted = with(500);
    let foreign = vec![e(Tag(0x400, 0x510), b"UI", EXPLICIT), e(Tag(0x400, 0x520), b"OB", [0x30, 3, 6, 1, 42])];
    encrypted.push(sq(Tag(0x400, 0x500), true, vec![foreign]));
    encrypted.sort_by_key(|element| element.0);
    let mut document = with(0);
    document.retain(|element| element.0 < Tag(0x28, 0) || element.0.0 == 0x4008);
    for elements in [with(0), with(4), with(60_000), with(200_000), encrypted, document, Vec::new()] {
        for encoding in [Encoding::ExplicitLe, Encoding::ImplicitLe, Encoding::ExplicitBe] {
            let input = write(&elements, encoding);
            let cuts: Vec<usize> = (0..input.len()).step_by(4099).collect();
            let out = drive(order(encoding), &input, &cuts, Some(As::Own)).unwrap();
            assert!(out.bytes == input && out.finished == Finished::Passed && out.found == Found::Plain);
        }
    }
}

#[test]
fn a_plain_object_with_a_header_longer_than_any_sealed_one_passes() {
    let mut elements = tomogram(INSTANCE, 500);
    elements.insert(9, e(Tag(9, 0x1003), b"OB", vec![1; 3000]));
    let input = write(&elements, Encoding::ExplicitLe);
    let mut order = order(Encoding::ExplicitLe);
    order.options.header = 2000;
    let out = drive(order, &input, &[500, 5000, 5001], None).unwrap();
    assert!(out.bytes == input && out.early > 5000);
}

#[test]
fn a_deflated_object_passes_as_it_is_and_a_seal_in_one_opens() {
    let deflate = |elements: &[E]| {
        let mut deflater = crate::dicom::dataset::Deflater::new();
        let mut out = Vec::new();
        deflater.push(&write(elements, Encoding::ExplicitLe), &mut out);
        deflater.finish(&mut out);
        out
    };
    let original = tomogram(INSTANCE, 300_000);
    let input = deflate(&original);
    let cuts: Vec<usize> = (0..input.len()).step_by(999).collect();
    assert!(drive(order(Encoding::Deflated), &input, &cuts, None).unwrap().bytes == input);
    for elements in sealed(&original, EXPLICIT) {
        let input = deflate(&elements);
        let cuts: Vec<usize> = (0..input.len()).step_by(50_000).collect();
        let out = drive(order(Encoding::Deflated), &input, &cuts, Some(As::Own)).unwrap();
        assert!(out.bytes == write(&original, Encoding::ExplicitLe));
        assert!(drive(order(Encoding::Deflated), &input, &cuts, None).unwrap().bytes == input);
    }
}

#[test]
fn a_seal_passes_as_it_is_for_who_keeps_seals() {
    let original = tomogram(INSTANCE, 300_000);
    for elements in sealed(&original, EXPLICIT) {
        for encoding in [Encoding::ExplicitLe, Encoding::ImplicitLe] {
            let input = write(&elements, encoding);
            let cuts: Vec<usize> = (0..input.len()).step_by(70_001).collect();
            let out = drive(order(encoding), &input, &cuts, None).unwrap();
            assert!(out.bytes == input && out.finished == Finished::Passed);
            assert!(matches!(out.found, Found::Sealed(_)));
        }
    }
}

#[test]
fn words_in_clear_are_read_as_the_original_says() {
    // Real World Value First Value Mapped: US or SS, by Pixel Representation of the original.
    let mut original = tomogram(INSTANCE, 500);
    original.push(sq(Tag(0x40, 0x9096), false, vec![vec![e(Tag(0x40, 0x9216), b"SS", [0xff, 0xff])]]));
    original.sort_by_key(|element| element.0);
    for elements in sealed(&original, EXPLICIT) {
        let bytes = opened(&elements, Encoding::ImplicitLe, As::Own);
        assert!(bytes == write(&as_from_implicit(&original), Encoding::ExplicitLe));
    }
}

#[test]
fn never_sealed_classes_pass_at_once() {
    let structured_report = "1.2.840.10008.5.1.4.1.1.88.11";
    let order = OpenOrder { sop_class: uid(structured_report), ..order(Encoding::ExplicitLe) };
    let elements = [e(Tag(8, 0x16), b"UI", structured_report), us(Tag(0x28, 0x10), 7)];
    let input = write(&elements, Encoding::ExplicitLe);
    let out = drive(order, &input, &[1], None).unwrap();
    assert!(out.bytes == input);
    let _ = CT;
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(32))]

    #[test]
    fn every_split_gives_the_same(
        bulk in prop::sample::select(vec![0_usize, 10, 66_000, 140_000]), attributes in any::<bool>(),
        implicit in any::<bool>(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let original = tomogram(INSTANCE, bulk);
        let [pixels, other] = sealed(&original, EXPLICIT);
        let archive = if implicit { Encoding::ImplicitLe } else { Encoding::ExplicitLe };
        let input = write(if attributes { &other } else { &pixels }, archive);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        cuts.sort_unstable();
        let whole = drive(order(archive), &input, &[], Some(As::Own)).unwrap();
        let cut = drive(order(archive), &input, &cuts, Some(As::Own)).unwrap();
        prop_assert_eq!(whole.bytes == cut.bytes, true);
        prop_assert_eq!(whole.finished, cut.finished);
    }
}

#[test]
fn an_object_that_ends_with_its_pixels() {
    for bulk in [0, 100, 140_000] {
        let mut original = tomogram(INSTANCE, bulk);
        original.retain(|element| element.0 <= PIXELS);
        for elements in sealed(&original, EXPLICIT) {
            let input = write(&elements, Encoding::ExplicitLe);
            for cuts in [vec![], (0..input.len()).step_by(5003).collect()] {
                let out = drive(order(Encoding::ExplicitLe), &input, &cuts, Some(As::Own)).unwrap();
                assert!(out.bytes == write(&original, Encoding::ExplicitLe));
            }
        }
    }
}

#[test]
fn one_byte_at_a_time() {
    let original = tomogram(INSTANCE, 100);
    for elements in sealed(&original, EXPLICIT) {
        let input = write(&elements, Encoding::ExplicitLe);
        let cuts: Vec<usize> = (0..input.len()).collect();
        let out = drive(order(Encoding::ExplicitLe), &input, &cuts, Some(As::Own)).unwrap();
        assert!(out.bytes == write(&original, Encoding::ExplicitLe));
    }
}
