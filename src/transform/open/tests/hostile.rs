//! What somebody with access to the archive can do to a sealed object: nothing of it comes out, or nothing has changed.

use super::hand::{
    CT, E, EXPLICIT, FORM, PIXELS, V, drive, e, in_attributes, in_pixels, order, ring, segments, sq, tomogram, uid, us,
    write,
};
use crate::dicom::Tag;
use crate::dicom::transfer_syntax::Encoding;
use crate::transform::flow::Flow;
use crate::transform::open::{As, Finished, Found, Open, OpenFault, OpenOrder};
use crate::vault::{KeyRing, Unlock};
use proptest::prelude::{any, prop, prop_assert, prop_assert_ne, proptest};
use std::sync::Arc;

const INSTANCE: &str = "1.2.3.4.5.6";
const LE: Encoding = Encoding::ExplicitLe;

fn open(elements: &[E]) -> Result<super::hand::Out, OpenFault> {
    drive(order(LE), &write(elements, LE), &[], Some(As::Own))
}

/// Both carriers of these segments.
fn carried(original: &[E], segments: &[Vec<u8>]) -> [Vec<E>; 2] {
    [in_pixels(original, segments, FORM), in_attributes(original, segments)]
}

fn cause(elements: &[E]) -> Option<&'static str> {
    let fault = open(elements).unwrap_err();
    assert!(!fault.to_string().is_empty());
    fault.cause()
}

#[test]
fn segments_that_are_missing_repeated_or_out_of_order() {
    let original = tomogram(INSTANCE, 300_000);
    let good = segments(&original, EXPLICIT);
    assert!(good.len() > 4);
    let last = good.len() - 1;
    let without = |at: usize| [&good[..at], &good[at + 1..]].concat();
    let mut swapped = good.clone();
    swapped.swap(1, 2);
    let repeated = [&good[..2], &good[1..]].concat();
    let twice = [&good[..], &good[last..]].concat();
    for (segments, wanted) in [
        (without(0), "missing"),
        (without(2), "missing"),
        (without(last), "truncated"),
        (swapped, "missing"),
        (repeated, "reordered"),
        (twice, "trailing"),
        (vec![], "truncated"),
    ] {
        for elements in carried(&original, &segments) {
            let magic = !segments.is_empty() || elements.iter().all(|element| element.0 != Tag(0x400, 0x500));
            if magic {
                assert_eq!(cause(&elements), Some(wanted));
            }
        }
    }
}

#[test]
fn segments_of_another_object_or_of_another_seal_of_the_same() {
    let (original, other) = (tomogram(INSTANCE, 300_000), tomogram("1.2.3.4.5.7", 300_000));
    let (good, theirs) = (segments(&original, EXPLICIT), segments(&other, EXPLICIT));
    for elements in carried(&original, &theirs) {
        assert_eq!(open(&elements).unwrap_err(), OpenFault::Identity { attribute: "SOPInstanceUID" });
    }
    let mut mixed = good.clone();
    mixed[2] = theirs[2].clone();
    for elements in carried(&original, &mixed) {
        assert_eq!(cause(&elements), Some("other-seal"));
    }
    // The counter behind the seals begins anew each time; another payload makes another seal of it.
    let mut class = original.clone();
    class[1] = e(Tag(8, 0x16), b"UI", "1.2.840.10008.5.1.4.1.1.4");
    for elements in carried(&original, &segments(&class, EXPLICIT)) {
        assert_eq!(open(&elements).unwrap_err(), OpenFault::Identity { attribute: "SOPClassUID" });
    }
}

#[test]
fn what_stands_around_the_seal_must_be_the_object_of_the_command() {
    let original = tomogram(INSTANCE, 300);
    for elements in carried(&original, &segments(&original, EXPLICIT)) {
        for (tag, value) in [(Tag(8, 0x16), "1.2.840.10008.5.1.4.1.1.4"), (Tag(8, 0x18), "1.2.99")] {
            let mut edited = elements.clone();
            edited.iter_mut().filter(|element| element.0 == tag).for_each(|element| *element = e(tag, b"UI", value));
            assert!(matches!(open(&edited).unwrap_err(), OpenFault::Identity { .. }));
            edited.retain(|element| element.0 != tag);
            assert!(matches!(open(&edited).unwrap_err(), OpenFault::Identity { .. }));
        }
        let order = OpenOrder { sop_class: uid("1.2.840.10008.5.1.4.1.1.4"), ..order(LE) };
        let out = drive(order, &write(&elements, LE), &[], Some(As::Own));
        assert!(matches!(out.unwrap_err(), OpenFault::Identity { .. }));
    }
    let _ = CT;
}

#[test]
fn attributes_of_the_image_do_not_move_the_seal() {
    let original = tomogram(INSTANCE, 300);
    let elements = in_pixels(&original, &segments(&original, EXPLICIT), FORM);
    for (tag, number) in
        [(0x11, 1024), (0x11, 7), (0x11, 0), (0x10, 1), (0x100, 8), (0x100, 1), (0x100, 12), (2, 3), (2, 0)]
    {
        let tag = Tag(0x28, tag);
        let mut edited = elements.clone();
        edited.iter_mut().filter(|element| element.0 == tag).for_each(|element| *element = us(tag, number));
        assert!(open(&edited).unwrap().bytes == write(&original, LE));
    }
    let mut bare = elements;
    bare.retain(|element| element.0.0 != 0x28);
    assert!(open(&bare).unwrap().bytes == write(&original, LE));
}

/// Changes the value of Pixel Data.
fn with_pixels(elements: &[E], change: impl Fn(&mut Vec<u8>)) -> Vec<E> {
    let mut elements = elements.to_vec();
    for element in &mut elements {
        if let (PIXELS, V::Bytes(value)) = (element.0, &mut element.2) {
            change(value);
        }
    }
    elements
}

#[test]
fn the_length_and_what_is_behind_the_segments() {
    let original = tomogram(INSTANCE, 3000);
    let good = segments(&original, EXPLICIT);
    let elements = in_pixels(&original, &good, FORM);
    let at = 48 * 512 * 2;
    let sealed = good.concat().len() as u64;
    let with_length = |length: u64| {
        with_pixels(&elements, move |value| value[at + 8..at + 16].copy_from_slice(&length.to_le_bytes()))
    };
    assert_eq!(open(&with_length(u64::MAX)).unwrap_err(), OpenFault::Length);
    assert_eq!(open(&with_length(1 << 20)).unwrap_err(), OpenFault::Length);
    // Room for what might have stood behind the pixels: zero bytes.
    assert!(open(&with_length(sealed + 2)).unwrap().bytes == write(&original, LE));
    let filled = with_pixels(&with_length(sealed + 4), |value| value[at + 16 + sealed as usize + 3] = 1);
    assert_eq!(cause(&filled), Some("trailing"));
    assert_eq!(open(&with_length(sealed - 2)).unwrap_err(), OpenFault::Padding);
    assert_eq!(cause(&with_length(0)), Some("trailing"));
    assert_eq!(open(&with_pixels(&elements, |value| *value.last_mut().unwrap() = 1)).unwrap_err(), OpenFault::Padding);
    let behind = at + 16 + sealed as usize;
    assert_eq!(open(&with_pixels(&elements, |value| value[behind] = 1)).unwrap_err(), OpenFault::Padding);
    // Less padding than there was is as good.
    let short = with_pixels(&elements, |value| value.truncate((behind + 1) & !1));
    assert!(open(&short).unwrap().bytes == write(&original, LE));
    let cut = with_pixels(&elements, |value| value.truncate(behind & !1));
    assert!(behind.is_multiple_of(2) || open(&cut).unwrap_err() == OpenFault::Length);
    assert_eq!(open(&with_pixels(&elements, |value| value.truncate(at + 100))).unwrap_err(), OpenFault::Length);
}

#[test]
fn an_object_that_ends_too_early_is_never_complete() {
    let original = tomogram(INSTANCE, 300);
    for elements in carried(&original, &segments(&original, EXPLICIT)) {
        let input = write(&elements, LE);
        // Where top-level elements end it could end; but the seal must be there, and then it is whole.
        for end in (0..input.len()).step_by(211) {
            match drive(order(LE), &input[..end], &[], Some(As::Own)) {
                Err(_) => {}
                Ok(out) => match out.finished {
                    Finished::Passed => assert_eq!(out.found, Found::Plain),
                    _ => assert!(input.len() - end < 200, "only elements behind the seal may be gone"),
                },
            }
        }
    }
}

#[test]
fn other_keys() {
    let original = tomogram(INSTANCE, 300);
    for elements in carried(&original, &segments(&original, EXPLICIT)) {
        let input = write(&elements, LE);
        let none = OpenOrder { unlock: Unlock::Ring(Arc::new(KeyRing::default())), ..order(LE) };
        let fault = drive(none, &input, &[], Some(As::Own)).unwrap_err();
        assert_eq!(fault.cause(), Some("unknown-key"));
        let more = OpenOrder { unlock: Unlock::Ring(ring(3)), ..order(LE) };
        assert!(drive(more, &input, &[], Some(As::Own)).is_ok());
    }
}

#[test]
fn nothing_comes_out_without_a_decision_or_after_a_fault() {
    let original = tomogram(INSTANCE, 300_000);
    for elements in carried(&original, &segments(&original, EXPLICIT)) {
        let input = write(&elements, LE);
        let (mut open, mut flow) = (Open::new(order(LE)), Flow::default());
        assert_eq!(open.pass(), Err(OpenFault::Undecided));
        assert_eq!(open.deliver(As::Own), Err(OpenFault::Undecided));
        open.push(&input, &mut flow).unwrap();
        assert!(matches!(open.found(), Some(Found::Sealed(_))));
        assert_eq!(open.finish(&mut flow), Ok(Finished::Undecided));
        assert_eq!(open.finish(&mut flow), Ok(Finished::Undecided));
        assert!(flow.is_empty());
        open.deliver(As::Own).unwrap();
        assert_eq!(open.deliver(As::Own), Err(OpenFault::Undecided));
        assert_eq!(open.pass(), Err(OpenFault::Undecided));
        assert!(open.push(&[0xff; 16], &mut flow).is_err());
        assert_eq!(open.push(&[], &mut flow), Err(OpenFault::Over));
        assert_eq!(open.finish(&mut flow), Err(OpenFault::Over));
    }
    let (mut open, mut flow) = (Open::new(order(LE)), Flow::default());
    open.push(&write(&tomogram(INSTANCE, 4), LE), &mut flow).unwrap();
    assert_eq!(open.deliver(As::Own), Err(OpenFault::NotSealed));
}

#[test]
fn what_waits_for_a_decision_is_bounded() {
    let original = tomogram(INSTANCE, 300_000);
    for elements in carried(&original, &segments(&original, EXPLICIT)) {
        let input = write(&elements, LE);
        let mut bounded = order(LE);
        bounded.options.header = 80_000;
        let (mut open, mut flow) = (Open::new(bounded), Flow::default());
        let outcome = input.chunks(1000).try_for_each(|chunk| open.push(chunk, &mut flow));
        assert_eq!(outcome, Err(OpenFault::Held(80_000)));
        assert!(flow.is_empty());
    }
}

#[test]
fn what_must_wait_behind_encrypted_attributes_is_bounded() {
    let original = tomogram(INSTANCE, 300_000);
    let elements = in_attributes(&original, &segments(&original, EXPLICIT));
    let mut bounded = order(LE);
    bounded.options.header = 200_000;
    let input = write(&elements, LE);
    let cuts: Vec<usize> = (0..input.len()).step_by(1000).collect();
    assert_eq!(drive(bounded, &input, &cuts, Some(As::Own)).unwrap_err(), OpenFault::Held(200_000));
}

#[test]
fn encrypted_attributes_hold_nothing_but_segments() {
    let original = tomogram(INSTANCE, 300);
    let good = segments(&original, EXPLICIT);
    let mut elements = in_attributes(&original, &good);
    let sequence = elements.iter_mut().find(|element| element.0 == Tag(0x400, 0x500)).unwrap();
    let V::Items(_, items) = &mut sequence.2 else { panic!("no items") };
    items.push((false, vec![e(Tag(0x400, 0x520), b"OB", [0x30, 3, 6, 1, 42])]));
    assert!(open(&elements).is_err());
    let sequence = elements.iter_mut().find(|element| element.0 == Tag(0x400, 0x500)).unwrap();
    // Not where segments stand: not looked at.
    let V::Items(_, items) = &mut sequence.2 else { panic!("no items") };
    items[1].1 = vec![sq(Tag(0x400, 0x550), false, vec![vec![e(Tag(0x400, 0x520), b"OB", [1, 2])]])];
    assert!(open(&elements).unwrap().bytes == write(&original, LE));
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(32))]

    /// A flipped bit is noticed, or is in what is no part of the seal: the banner, what stands in clear, its framing.
    #[test]
    fn no_flipped_bit_changes_what_was_sealed(
        attributes in any::<bool>(), bulk in prop::sample::select(vec![200_usize, 150_000]),
        at in any::<prop::sample::Index>(), bit in 0_u8..8,
    ) {
        let original = tomogram(INSTANCE, bulk);
        let [pixels, other] = carried(&original, &segments(&original, EXPLICIT));
        let mut input = write(if attributes { &other } else { &pixels }, LE);
        let at = at.index(input.len());
        input[at] ^= 1 << bit;
        if let Ok(out) = drive(order(LE), &input, &[], Some(As::Own))
            && let Finished::Opened(_) = out.finished
        {
            let wanted: Vec<u8> = (0..bulk).map(|at| (at * 7 % 251) as u8).collect();
            let there = out.bytes.windows(wanted.len()).any(|window| window == wanted);
            prop_assert!(there, "byte {}", at);
        }
    }

    #[test]
    fn damaged_segments_never_open(at in any::<prop::sample::Index>(), change in 1_u8..=255, attributes in any::<bool>()) {
        let original = tomogram(INSTANCE, 150_000);
        let mut segments = segments(&original, EXPLICIT);
        let number = at.index(segments.len());
        let byte = at.index(segments[number].len());
        segments[number][byte] ^= change;
        let [pixels, other] = carried(&original, &segments);
        match open(if attributes { &other } else { &pixels }) {
            Err(fault) => prop_assert_ne!(fault.cause(), None),
            // The beginning of the first one is what tells encrypted attributes of ours from those of others.
            Ok(out) => prop_assert!(attributes && number == 0 && byte < 25 && out.found == Found::Plain),
        }
    }

    #[test]
    fn any_bytes_open_or_not(
        bytes in prop::collection::vec(any::<u8>(), 0..600), implicit in any::<bool>(), cut in any::<prop::sample::Index>(),
    ) {
        let encoding = if implicit { Encoding::ImplicitLe } else { LE };
        let cut = cut.index(bytes.len() + 1);
        let _ = drive(order(encoding), &bytes, &[cut], Some(As::Own));
    }

    /// Bytes put in, taken out, exchanged, anywhere.
    #[test]
    fn damaged_objects_do_not_panic(
        attributes in any::<bool>(), from in any::<prop::sample::Index>(), length in 0_usize..40,
        new in prop::collection::vec(any::<u8>(), 0..40), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let original = tomogram(INSTANCE, 200);
        let [pixels, other] = carried(&original, &segments(&original, EXPLICIT));
        let mut input = write(if attributes { &other } else { &pixels }, LE);
        let from = from.index(input.len());
        let until = (from + length).min(input.len());
        input.splice(from..until, new);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        cuts.sort_unstable();
        let _ = drive(order(LE), &input, &cuts, Some(As::Own));
    }
}
