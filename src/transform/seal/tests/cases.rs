//! What sealing does, one thing at a time.

use super::made::{
    CT, E, INSTANCE, Out, PDF, V, e, identity, image, noise, order, seal, sorted, sq, syntax, tomogram, uid, us, write,
};
use super::read::{elements, hides, open, parse, walk};
use crate::dicom::Tag;
use crate::dicom::dataset::{Vr, WalkFault};
use crate::dicom::transfer_syntax::Encoding::{self, ExplicitBe, ExplicitLe, ImplicitLe};
use crate::transform::head::{ITEM, ITEM_END, PIXEL_DATA, put_header};
use crate::transform::seal::{Already, Outcome, Seal, SealFault, SealOptions};
use crate::vault::carrier::Carrier::{self, Attributes, Pixels};
use crate::vault::family::{Exempt, FamilyOptions};
use std::sync::Arc;

const ENHANCED: &str = "1.2.840.10008.5.1.4.1.1.2.1";
const JPEG: &str = "1.2.840.10008.1.2.4.70";

/// No object is short.
fn streams() -> SealOptions {
    SealOptions { hold: 0, ..SealOptions::default() }
}

fn sealed(object: &[E], from: Encoding, to: Encoding, carrier: Carrier, options: SealOptions) -> Out {
    let out = seal(order(CT, syntax(from), to, carrier, options), &write(object, from), &[]).unwrap();
    walk(&out.bytes, to);
    parse(&out.bytes, to, CT);
    out
}

#[test]
fn native_pixels_go_as_they_come_and_come_back() {
    let object = tomogram(300_000, ExplicitLe);
    let input = write(&object, ExplicitLe);
    let cuts: Vec<usize> = (1..6).map(|at| at * 50_000).collect();
    let out = seal(order(CT, syntax(ExplicitLe), ExplicitLe, Pixels, streams()), &input, &cuts).unwrap();
    walk(&out.bytes, ExplicitLe);
    parse(&out.bytes, ExplicitLe, CT);
    assert!(out.early > 150_000, "{}", out.early);
    let sealed = out.sealed();
    assert_eq!(sealed.begun.carrier, Some(Pixels));
    assert_eq!((sealed.begun.rows, sealed.begun.columns, sealed.begun.frames), (200, 300, 1));
    assert_eq!(sealed.begun.study, Some(uid("1.2.3.4")));
    assert!(sealed.segments > 4 && sealed.bytes > 300_000);
    assert_eq!(open(&out.bytes, ExplicitLe, CT).unwrap(), input);
}

#[test]
fn what_stays_stays_byte_for_byte() {
    let nested = || vec![e(Tag(8, 0x1155), b"UI", "1.2.3")];
    let mut object = tomogram(1000, ExplicitLe);
    object.extend([
        sq(Tag(8, 0x1140), true, vec![nested(), vec![]]),
        sq(Tag(8, 0x2112), false, vec![nested()]),
        e(Tag(9, 0x10), b"LO", "MAKER"),
        e(Tag(9, 0x1001), b"OB", [1; 1000]),
        e(Tag(0x20, 0x4000), b"LT", "words"),
    ]);
    let object = sorted(object);
    let out = sealed(&object, ExplicitLe, ExplicitLe, Pixels, SealOptions::default());
    let shown = elements(&out.bytes, ExplicitLe);
    for element in object.iter().filter(|element| element.0.group() != 0x28 && element.0 != PIXEL_DATA) {
        assert_eq!(shown[&element.0], write(std::slice::from_ref(element), ExplicitLe), "{}", element.0);
    }
    // What is replaced is, and what merely described the pixels is gone.
    assert_eq!(shown[&Tag(0x28, 0x11)], write(&[us(Tag(0x28, 0x11), 512, ExplicitLe)], ExplicitLe));
    assert_eq!(open(&out.bytes, ExplicitLe, CT).unwrap(), write(&object, ExplicitLe));
}

#[test]
fn parts_of_sequences_are_sealed_and_the_rest_keeps_its_place() {
    for (defined, from) in [(true, ExplicitLe), (false, ExplicitLe), (true, ImplicitLe), (true, ExplicitBe)] {
        let private = |seed| e(Tag(0x29, 0x1001), b"UN", noise(seed, 3000));
        let item = |seed| vec![e(Tag(8, 0x104), b"LO", "clear"), e(Tag(0x29, 0x10), b"LO", "MAKER"), private(seed)];
        let inner = |seed| sq(Tag(0x40, 0xa730), defined, vec![item(seed), vec![], item(seed + 1)]);
        let mut object = tomogram(1000, from);
        object.push(sq(
            Tag(0x40, 0x275),
            defined,
            vec![vec![e(Tag(0x40, 7), b"LO", "first")], vec![e(Tag(0x40, 9), b"SH", "second"), inner(5)]],
        ));
        object.push(sq(Tag(0x88, 0x200), defined, vec![vec![us(Tag(0x28, 0x10), 2, from)]]));
        let object = sorted(object);
        let to = if from == ImplicitLe { ImplicitLe } else { ExplicitLe };
        let out = sealed(&object, from, to, Pixels, SealOptions::default());
        hides(&out.bytes, &[noise(5, 3000), noise(6, 3000)]);
        let shown = elements(&out.bytes, to);
        assert!(!shown.contains_key(&Tag(0x88, 0x200)));
        let [E(_, _, V::Items(_, items))] = &object.iter().filter(|e| e.0 == Tag(0x40, 0x275)).collect::<Vec<_>>()[..]
        else {
            panic!()
        };
        let mut items = items.clone();
        let V::Items(_, within) = &mut items[1].1[1].2 else { panic!() };
        within.iter_mut().for_each(|(_, item)| item.retain(|element| element.0 != Tag(0x29, 0x1001)));
        let pruned = E(Tag(0x40, 0x275), *b"SQ", V::Items(defined, items));
        assert_eq!(shown[&Tag(0x40, 0x275)], write(&[pruned], to), "{from:?}");
        assert_eq!(open(&out.bytes, to, CT).unwrap(), write(&object, from), "{from:?}");
    }
}

#[test]
fn values_that_are_items_without_saying_so_are_looked_into_where_they_can_be() {
    let inner = write(&[e(Tag(0x29, 0x1002), b"UN", noise(3, 4000))], ImplicitLe);
    let mut items = Vec::new();
    crate::transform::head::put_header(&mut items, ImplicitLe, Tag(0xfffe, 0xe000), None, inner.len() as u32);
    items.extend(inner);
    for value in [items.clone(), noise(4, 5000), items[..items.len() - 2].to_vec()] {
        let mut object = tomogram(1000, ExplicitLe);
        // The dictionary knows it as a sequence; some archive did not.
        object.push(e(Tag(8, 0x1140), b"UN", &value));
        let object = sorted(object);
        let out = sealed(&object, ExplicitLe, ExplicitLe, Pixels, SealOptions::default());
        hides(&out.bytes, &[value]);
        assert_eq!(open(&out.bytes, ExplicitLe, CT).unwrap(), write(&object, ExplicitLe));
    }
}

#[test]
fn encapsulated_pixels_are_kept_and_come_back_fragment_by_fragment() {
    let mut object = identity(CT);
    object.extend(image(16, ExplicitLe));
    let fragments = vec![vec![0; 8], noise(1, 70_000), vec![], noise(2, 100_001)];
    object.push(E(PIXEL_DATA, *b"OB", V::Fragments(fragments.clone())));
    for (to, carrier) in
        [(ExplicitLe, Pixels), (ImplicitLe, Pixels), (ExplicitLe, Attributes), (ImplicitLe, Attributes)]
    {
        let input = write(&object, ExplicitLe);
        let out = seal(order(CT, uid(JPEG), to, carrier, streams()), &input, &[1000, 90_000]).unwrap();
        walk(&out.bytes, to);
        parse(&out.bytes, to, CT);
        assert_eq!(out.early, 0);
        assert_eq!(out.sealed().begun.carrier, Some(carrier));
        hides(&out.bytes, &fragments);
        assert_eq!(open(&out.bytes, to, CT).unwrap(), input, "{to:?} {carrier:?}");
    }
}

#[test]
fn segments_stand_in_attributes_only_while_they_are_few() {
    let object = tomogram(200_000, ExplicitLe);
    for (most, carrier) in [(1 << 20, Attributes), (100_000, Pixels)] {
        let options = SealOptions { attributes_max: most, ..streams() };
        let out = sealed(&object, ExplicitLe, ExplicitLe, Attributes, options);
        assert_eq!(out.sealed().begun.carrier, Some(carrier), "{most}");
        assert_eq!(elements(&out.bytes, ExplicitLe).contains_key(&Tag(0x400, 0x500)), carrier == Attributes);
        assert_eq!(open(&out.bytes, ExplicitLe, CT).unwrap(), write(&object, ExplicitLe));
    }
    // Without a length nobody knows beforehand.
    let mut object = identity(CT);
    object.extend(image(8, ExplicitLe));
    object.push(E(PIXEL_DATA, *b"OB", V::Fragments(vec![vec![], noise(1, 300_000)])));
    let input = write(&object, ExplicitLe);
    let options = SealOptions { attributes_max: 100_000, ..SealOptions::default() };
    let out = seal(order(CT, uid(JPEG), ExplicitLe, Attributes, options), &input, &[]).unwrap();
    assert_eq!(out.sealed().begun.carrier, Some(Pixels));
    assert_eq!(open(&out.bytes, ExplicitLe, CT).unwrap(), input);
}

#[test]
fn images_of_many_frames_keep_their_length_beside_segments_in_attributes() {
    let many: &[(u16, u32)] = &[(8, 1), (8, 42), (8, 43), (16, 21), (16, 22), (8, 100), (16, 3_000), (8, 300_000)];
    for (bits, frames) in many {
        let mut object = identity(ENHANCED);
        object.extend(image(*bits, ExplicitLe));
        object.push(e(Tag(0x28, 8), b"IS", format!("{frames:<6}")));
        object.push(e(PIXEL_DATA, b"OW", noise(3, 60_000)));
        let input = write(&sorted(object), ExplicitLe);
        let order = order(ENHANCED, syntax(ExplicitLe), ExplicitLe, Attributes, SealOptions::default());
        let out = seal(order, &input, &[]).unwrap();
        assert_eq!(out.sealed().begun.carrier, Some(Attributes));
        // It ends where it says that it does.
        let kept = elements(&out.bytes, ExplicitLe);
        let number = |tag| u64::from(u16::from_le_bytes(kept[&tag][8..10].try_into().unwrap()));
        let text = std::str::from_utf8(&kept[&Tag(0x28, 8)][8..]).unwrap().trim().to_owned();
        let pixels = number(Tag(0x28, 0x10)) * number(Tag(0x28, 0x11)) * text.parse::<u64>().unwrap();
        assert_eq!(kept[&PIXEL_DATA].len() as u64 - 12, pixels * number(Tag(0x28, 0x100)) / 8, "{bits} {frames}");
        assert_eq!(open(&out.bytes, ExplicitLe, ENHANCED).unwrap(), input, "{bits} {frames}");
    }
}

#[test]
fn frames_are_counted_also_of_the_smallest_image_and_where_there_are_no_pixels() {
    let frames = |more: Vec<E>| {
        let object: Vec<E> = identity(CT).into_iter().chain(image(8, ExplicitLe)).chain(more).collect();
        let out = sealed(&sorted(object), ExplicitLe, ExplicitLe, Pixels, SealOptions::default());
        out.sealed().begun.frames
    };
    let three = || e(Tag(0x28, 8), b"IS", "3 ");
    let pixels = || e(PIXEL_DATA, b"OB", noise(1, 24));
    let spectrum = || e(Tag(0x5600, 0x20), b"OF", noise(1, 4_000));
    assert_eq!(frames(vec![pixels()]), 1);
    assert_eq!(frames(vec![three(), pixels()]), 3);
    assert_eq!(frames(vec![three(), spectrum()]), 3);
    assert_eq!(frames(vec![spectrum()]), 0);
}

#[test]
fn documents_are_sealed_as_they_come() {
    let mut object = identity(PDF);
    object.extend([
        e(Tag(0x42, 0x10), b"ST", "Letter"),
        e(Tag(0x42, 0x11), b"OB", noise(1, 500_000)),
        e(Tag(0x42, 0x12), b"LO", "application/pdf"),
    ]);
    let input = write(&object, ExplicitLe);
    // More than is held in clear.
    let options = SealOptions { header: 100_000, ..SealOptions::default() };
    for to in [ExplicitLe, ImplicitLe] {
        let order = order(PDF, syntax(ExplicitLe), to, Pixels, options.clone());
        let out = seal(order, &input, &[200_000, 400_000]).unwrap();
        walk(&out.bytes, to);
        assert!(parse(&out.bytes, to, PDF).element(dicom_dictionary_std::tags::PIXEL_DATA).is_err());
        assert_eq!(out.sealed().begun.carrier, Some(Attributes));
        assert_eq!(out.sealed().begun.frames, 0);
        hides(&out.bytes, &[noise(1, 500_000)]);
        assert_eq!(open(&out.bytes, to, PDF).unwrap(), input);
    }
}

#[test]
fn what_stands_behind_the_pixels_has_room_or_is_refused_or_kept() {
    let behind = |length| {
        let mut object = tomogram(200_000, ExplicitLe);
        object.push(e(Tag(0x7fe1, 0x10), b"LO", "MAKER"));
        object.push(e(Tag(0x7fe1, 0x1001), b"OB", noise(9, length)));
        object.push(sq(Tag(0xfffa, 0xfffa), false, vec![vec![us(Tag(0x400, 5), 1, ExplicitLe)]]));
        object
    };
    for (length, whole, fault) in [(50_000, false, false), (70_000, false, true), (70_000, true, false)] {
        let object = behind(length);
        let input = write(&object, ExplicitLe);
        let mut order = order(CT, syntax(ExplicitLe), ExplicitLe, Pixels, streams());
        order.whole = whole;
        match seal(order, &input, &[]) {
            Err(SealFault::Trailing) => assert!(fault, "{length}"),
            out => {
                let out = out.unwrap();
                assert!(!fault);
                walk(&out.bytes, ExplicitLe);
                assert!(elements(&out.bytes, ExplicitLe).contains_key(&Tag(0x7fe1, 0x10)));
                hides(&out.bytes, &[noise(9, length)]);
                assert_eq!(open(&out.bytes, ExplicitLe, CT).unwrap(), input);
            }
        }
    }
}

#[test]
fn where_nothing_is_to_be_sealed_it_goes_on_as_it_is() {
    let mut object = identity("1.2.3.9999");
    object.push(e(Tag(0x20, 0), b"UL", [9, 9, 9, 9]));
    object.push(e(Tag(0x40, 0xa160), b"UT", "words ".repeat(1000)));
    let object = sorted(object);
    let input = write(&object, ExplicitLe);
    let order = |to| order("1.2.3.9999", syntax(ExplicitLe), to, Pixels, SealOptions::default());
    let out = seal(order(ExplicitLe), &input, &[10, 500]).unwrap();
    assert_eq!((&out.bytes, out.outcome), (&input, Outcome::Nothing));
    let out = seal(order(ImplicitLe), &input, &[10, 500]).unwrap();
    let without: Vec<E> = object.iter().filter(|element| element.0.element() != 0).cloned().collect();
    assert_eq!((out.bytes, out.outcome), (write(&without, ImplicitLe), Outcome::Nothing));
}

#[test]
fn what_is_sealed_already_is_refused_or_passes_as_it_is() {
    for carrier in [Pixels, Attributes] {
        let object = tomogram(150_000, ExplicitLe);
        let once = sealed(&object, ExplicitLe, ExplicitLe, carrier, streams()).bytes;
        let order = |already, to| order(CT, syntax(ExplicitLe), to, carrier, SealOptions { already, ..streams() });
        let cuts: Vec<usize> = (1..once.len() / 7000).map(|at| at * 7000).collect();
        assert_eq!(seal(order(Already::Refuse, ExplicitLe), &once, &cuts).unwrap_err(), SealFault::Already);
        let out = seal(order(Already::Pass, ExplicitLe), &once, &cuts).unwrap();
        assert_eq!((&out.bytes, out.outcome), (&once, Outcome::Already));
        let out = seal(order(Already::Pass, ImplicitLe), &once, &cuts).unwrap();
        walk(&out.bytes, ImplicitLe);
        assert_eq!(open(&out.bytes, ImplicitLe, CT).unwrap(), write(&object, ExplicitLe));
    }
}

#[test]
fn pixels_that_only_might_be_a_banner_are_sealed() {
    let mut object = tomogram(200_000, ExplicitLe);
    for element in &mut object {
        if element.0 == Tag(0x28, 0x11) {
            *element = us(Tag(0x28, 0x11), 512, ExplicitLe);
        }
    }
    let input = write(&object, ExplicitLe);
    let cuts: Vec<usize> = (1..20).map(|at| at * 10_000).collect();
    let out = seal(order(CT, syntax(ExplicitLe), ExplicitLe, Pixels, streams()), &input, &cuts).unwrap();
    assert!(out.early > 0);
    assert_eq!(open(&out.bytes, ExplicitLe, CT).unwrap(), input);
}

#[test]
fn the_command_and_the_data_set_say_the_same() {
    let input = write(&tomogram(1000, ExplicitLe), ExplicitLe);
    let order = || order(CT, syntax(ExplicitLe), ExplicitLe, Pixels, SealOptions::default());
    let mut other = order();
    other.sop_instance = uid("1.2.3");
    assert_eq!(seal(other, &input, &[]).unwrap_err(), SealFault::Identity(Tag(8, 0x18)));
    let mut other = order();
    other.sop_class = uid("1.2.840.10008.5.1.4.1.1.4");
    assert_eq!(seal(other, &input, &[]).unwrap_err(), SealFault::Identity(Tag(8, 0x16)));
    let twice = [write(&[e(Tag(8, 0x18), b"UI", INSTANCE)], ExplicitLe), input].concat();
    assert_eq!(seal(order(), &twice, &[]).unwrap_err(), SealFault::Ambiguous(Tag(8, 0x18)));
}

#[test]
fn what_cannot_be_sealed_is_refused() {
    let structured = order("1.2.840.10008.5.1.4.1.1.88.11", syntax(ExplicitLe), ExplicitLe, Pixels, streams());
    assert!(matches!(Seal::new(structured).unwrap_err(), SealFault::Unsealable(_)));
    for to in [ExplicitBe, Encoding::Deflated] {
        let order = order(CT, syntax(ExplicitLe), to, Pixels, streams());
        assert_eq!(Seal::new(order).unwrap_err(), SealFault::Target);
    }
    let input = write(&tomogram(1000, ExplicitLe), ExplicitLe);
    let order = |options| order(CT, syntax(ExplicitLe), ExplicitLe, Pixels, options);
    let cut = &input[..input.len() - 10];
    assert_eq!(seal(order(streams()), cut, &[]).unwrap_err(), WalkFault::Truncated.into());
    let few = SealOptions { header: 100, ..streams() };
    assert_eq!(seal(order(few), &input, &[]).unwrap_err(), SealFault::Header(100));
    let mut seal = Seal::new(order(streams())).unwrap();
    let mut flow = crate::transform::flow::Flow::default();
    assert!(seal.push(&[0xff; 30], &mut flow).is_err());
    assert_eq!(seal.push(&input, &mut flow), Err(SealFault::Over));
    assert_eq!(seal.finish(&mut flow), Err(SealFault::Over));
}

#[test]
fn the_length_of_what_is_held_has_a_limit() {
    // It says 4 GiB, and only what came is held.
    let mut input = write(&identity(CT), ExplicitLe);
    input.extend([0x40, 0, 0x75, 2, b'S', b'Q', 0, 0, 0xff, 0xff, 0xff, 0xff]);
    let item = [0xfe, 0xff, 0, 0xe0, 0xff, 0xff, 0xff, 0xff, 0x40, 0, 7, 0, b'U', b'T', 0, 0, 0xf0, 0xff, 0xff, 0xff];
    input.extend(item);
    input.extend(vec![b' '; 100_000]);
    let options = SealOptions { header: 50_000, ..streams() };
    let order = order(CT, syntax(ExplicitLe), ExplicitLe, Pixels, options);
    assert_eq!(seal(order, &input, &[]).unwrap_err(), SealFault::Header(50_000));
}

#[test]
fn deflated_objects_are_sealed_inflated() {
    let object = tomogram(100_000, ExplicitLe);
    let plain = write(&object, ExplicitLe);
    let mut stream = Vec::new();
    let mut deflater = crate::dicom::dataset::Deflater::new();
    deflater.push(&plain, &mut stream);
    deflater.finish(&mut stream);
    let deflated = syntax(Encoding::Deflated);
    let out = seal(order(CT, deflated, ExplicitLe, Pixels, streams()), &stream, &[100, 5000]).unwrap();
    walk(&out.bytes, ExplicitLe);
    assert_eq!(out.sealed().begun.transfer_syntax, deflated);
    let cut = &stream[..stream.len() - 100];
    let fault = seal(order(CT, deflated, ExplicitLe, Pixels, streams()), cut, &[]).unwrap_err();
    assert_eq!(fault, WalkFault::Truncated.into());
}

#[test]
fn elements_out_of_order_are_put_in_order_while_that_can_be() {
    let mut object = tomogram(1000, ExplicitLe);
    object.insert(0, e(Tag(0x20, 0x4000), b"LT", "words"));
    object.insert(3, us(Tag(0x28, 0x120), 7, ExplicitLe));
    let input = write(&object, ExplicitLe);
    let out = seal(order(CT, syntax(ExplicitLe), ExplicitLe, Pixels, streams()), &input, &[]).unwrap();
    walk(&out.bytes, ExplicitLe);
    assert_eq!(open(&out.bytes, ExplicitLe, CT).unwrap(), write(&sorted(object.clone()), ExplicitLe));
    object.push(e(Tag(0x20, 0x4001), b"LT", "late"));
    let input = write(&object, ExplicitLe);
    let fault = seal(order(CT, syntax(ExplicitLe), ExplicitLe, Pixels, streams()), &input, &[]).unwrap_err();
    assert_eq!(fault, SealFault::Order(Tag(0x20, 0x4001)));
}

#[test]
fn what_devices_do_wrong_and_is_tolerated_comes_back() {
    // A value and a fragment of odd length, a delimiter behind an item of defined length, zeros behind the end.
    let mut object = tomogram(1000, ExplicitLe);
    object.insert(1, E(Tag(8, 8), *b"CS", V::Bytes(b"ODD".to_vec())));
    object.push(E(Tag(0x7fe1, 0x1001), *b"OB", V::Bytes(noise(3, 3000)[..2999].to_vec())));
    let odd = write(&object, ExplicitLe);
    let stray = {
        let item = write(&[e(Tag(0x29, 0x1001), b"OB", noise(4, 2000)), e(Tag(0x40, 7), b"LO", "X")], ExplicitLe);
        let mut inside = Vec::new();
        put_header(&mut inside, ExplicitLe, ITEM, None, item.len() as u32 + 8);
        inside.extend(item);
        put_header(&mut inside, ExplicitLe, ITEM_END, None, 0);
        let mut sequence = Vec::new();
        put_header(&mut sequence, ExplicitLe, Tag(0x40, 0x275), Some(Vr::SQ), inside.len() as u32);
        sequence.extend(inside);
        let at = elements(&write(&object, ExplicitLe), ExplicitLe).range(..Tag(0x40, 0)).map(|(_, e)| e.len()).sum();
        let (before, behind) = odd.split_at(at);
        [before, &sequence, behind].concat()
    };
    for (input, zeros) in [(&odd, 0), (&odd, 100), (&stray, 4), (&stray, 0)] {
        let with = [&input[..], &vec![0; zeros]].concat();
        for options in [streams(), SealOptions::default()] {
            let order = order(CT, syntax(ExplicitLe), ExplicitLe, Pixels, options);
            let out = seal(order, &with, &[100, 700]).unwrap();
            hides(&out.bytes, &[noise(3, 2990), noise(4, 2000)]);
            let opened = open(&out.bytes, ExplicitLe, CT).unwrap();
            // The stray delimiter may be left out, as it says nothing.
            assert_eq!(elements(&opened, ExplicitLe).len(), elements(input, ExplicitLe).len());
            assert!(opened == *input || input == &stray, "{zeros}");
        }
    }
}

#[test]
fn private_elements_of_a_named_creator_stay() {
    let exempt = |creator: &str| Exempt { creator: creator.into(), element: Some((0x29, 0x10)) };
    let family = Arc::new(FamilyOptions { exempt: vec![exempt("MAKER")], ..FamilyOptions::default() });
    let options = SealOptions { family, ..SealOptions::default() };
    let block = |creator: &str| {
        vec![
            e(Tag(0x29, 0x10), b"LO", creator),
            e(Tag(0x29, 0x1010), b"OB", noise(1, 2000)),
            e(Tag(0x29, 0x1011), b"OB", noise(2, 2000)),
        ]
    };
    let mut object = tomogram(1000, ExplicitLe);
    object.extend(block("MAKER"));
    object.push(sq(
        Tag(0x40, 0x275),
        true,
        vec![block("OTHER"), block("MAKER "), vec![e(Tag(0x29, 0x1010), b"OB", noise(3, 2000))]],
    ));
    let object = sorted(object);
    let out = sealed(&object, ExplicitLe, ExplicitLe, Pixels, options);
    let shown = elements(&out.bytes, ExplicitLe);
    assert!(shown.contains_key(&Tag(0x29, 0x1010)) && !shown.contains_key(&Tag(0x29, 0x1011)));
    let nested = [
        vec![e(Tag(0x29, 0x10), b"LO", "OTHER")],
        vec![e(Tag(0x29, 0x10), b"LO", "MAKER "), e(Tag(0x29, 0x1010), b"OB", noise(1, 2000))],
        vec![],
    ];
    assert_eq!(shown[&Tag(0x40, 0x275)], write(&[sq(Tag(0x40, 0x275), true, nested.to_vec())], ExplicitLe));
    assert_eq!(open(&out.bytes, ExplicitLe, CT).unwrap(), write(&object, ExplicitLe));
}
