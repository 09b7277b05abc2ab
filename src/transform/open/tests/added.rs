//! What somebody put into the clear part of a sealed object, of a kind that is always sealed.

use super::hand::{
    E, EXPLICIT, FORM, ICON, V, drive, e, in_attributes, in_pixels, order, segments, sq, tomogram, us, write,
};
use crate::dicom::Tag;
use crate::dicom::transfer_syntax::Encoding;
use crate::transform::open::{As, Finished, Opened};

const STEPS: Tag = Tag(0x40, 0x100);
const REFERENCED: Tag = Tag(8, 0x1140);
const LE: Encoding = Encoding::ExplicitLe;

fn overlay(group: u16) -> Vec<E> {
    vec![us(Tag(group, 0x10), 200), us(Tag(group, 0x11), 300), e(Tag(group, 0x3000), b"OW", vec![0xff; 7500])]
}

fn table() -> Vec<E> {
    vec![e(Tag(0x28, 0x3002), b"US", [2, 0, 0, 0, 16, 0]), e(Tag(0x28, 0x3006), b"OW", [0, 0, 255, 255])]
}

/// Kinds that stand at the top level, with what must be told of them.
fn kinds() -> Vec<(Vec<E>, &'static str)> {
    let icon = || sq(ICON, true, vec![vec![us(Tag(0x28, 0x10), 1)]]);
    vec![
        (overlay(0x6002), "(6002,0010)"),
        // Beside what was sealed.
        (overlay(0x6000), "(6000,0010)"),
        (vec![sq(Tag(0x28, 0x3010), false, vec![table()])], "(0028,3010)"),
        (vec![sq(Tag(0x28, 0x3000), true, vec![table()])], "(0028,3000)"),
        (vec![us(Tag(0x28, 0x106), 7)], "(0028,0106)"),
        (vec![us(Tag(0x28, 0x120), 7)], "(0028,0120)"),
        (vec![e(Tag(0x28, 0x7fe0), b"UR", "http://elsewhere.example")], "(0028,7FE0)"),
        (vec![icon()], "(0088,0200)"),
        (vec![e(Tag(0x5000, 0x3000), b"OW", [1; 64])], "(5000,3000)"),
        (vec![e(Tag(0x7fe0, 1), b"OV", [0; 16])], "(7FE0,0001)"),
        (vec![e(Tag(0x7fe0, 8), b"OF", vec![1; 2_000_000])], "(7FE0,0008)"),
        (vec![sq(Tag(0xfffa, 0xfffa), false, vec![vec![us(Tag(0x400, 5), 9)]])], "(FFFA,FFFA)"),
        (vec![e(Tag(0xfffc, 0xfffc), b"OB", [0; 8])], "(FFFC,FFFC)"),
    ]
}

/// Both carriers, with this put in.
fn with(original: &[E], added: &[E]) -> Vec<Vec<E>> {
    let segments = segments(original, EXPLICIT);
    [in_pixels(original, &segments, FORM), in_attributes(original, &segments)]
        .into_iter()
        .map(|mut elements| {
            elements.retain(|element| added.iter().all(|added| added.0 != element.0));
            elements.extend_from_slice(added);
            elements.sort_by_key(|element| element.0);
            elements
        })
        .collect()
}

fn opened(elements: &[E], encoding: Encoding, step: usize) -> (Vec<u8>, Opened) {
    let input = write(elements, encoding);
    let cuts: Vec<usize> = (0..input.len()).step_by(step).collect();
    let out = drive(order(encoding), &input, &cuts, Some(As::Own)).unwrap();
    let Finished::Opened(opened) = out.finished else { panic!("not opened") };
    (out.bytes, opened)
}

#[test]
fn it_goes_and_is_told_of() {
    let original = tomogram("1.2.3.4.5.6", 3000);
    let nothing = with(&original, &[]);
    for (added, told) in kinds() {
        for (elements, without) in with(&original, &added).iter().zip(&nothing) {
            for encoding in [LE, Encoding::ImplicitLe] {
                let (bytes, opened) = opened(elements, encoding, 7001);
                assert!(bytes == self::opened(without, encoding, 7001).0, "{told} {encoding:?}");
                assert_eq!(opened.added.first().map(String::as_str), Some(told), "{encoding:?}");
                assert_eq!(opened.drift, [""; 0], "{told}: nobody else's");
            }
        }
    }
}

#[test]
fn whatever_the_cuts_and_however_many() {
    let original = tomogram("1.2.3.4.5.6", 300);
    let wanted = write(&original, LE);
    let many: Vec<E> = (0..40).map(|at| us(Tag(0x6010, 2 * at + 0x1500), at)).collect();
    for elements in with(&original, &many) {
        for step in [1, 13] {
            let (bytes, opened) = opened(&elements, LE, step);
            assert!(bytes == wanted);
            assert_eq!(opened.added.len(), 16, "not all of them are told");
        }
    }
    let (bytes, opened) = opened(&with(&original, &[])[0], LE, 999);
    assert!(bytes == wanted && opened.added.is_empty());
}

#[test]
fn it_goes_from_items_too() {
    let original = tomogram("1.2.3.4.5.6", 300);
    for place in [STEPS, REFERENCED] {
        for at in 0..2 {
            for elements in with(&original, &[]) {
                let (mut elements, mut wanted) = (elements, original.clone());
                let put = |elements: &mut Vec<E>, what: &[E]| {
                    let found = elements.iter_mut().find(|element| element.0 == place).unwrap();
                    let V::Items(defined, items) = &mut found.2 else { panic!("no items") };
                    // An item that was there, or one more.
                    while items.len() <= at {
                        items.push((*defined, vec![e(Tag(8, 0x1155), b"UI", "1.2.9")]));
                    }
                    items[at].1.extend_from_slice(what);
                    items[at].1.sort_by_key(|element| element.0);
                };
                let deeper = sq(Tag(8, 0x1115), false, vec![vec![sq(ICON, false, vec![vec![us(Tag(0x28, 0x10), 1)]])]]);
                let emptied = sq(Tag(8, 0x1115), false, vec![vec![]]);
                put(&mut elements, &[table(), vec![deeper, e(Tag(0x40, 2), b"DA", "20200101")]].concat());
                put(&mut wanted, &[emptied, e(Tag(0x40, 2), b"DA", "20200101")]);
                let (bytes, opened) = opened(&elements, LE, 777);
                assert!(bytes == write(&wanted, LE), "{place} {at}");
                assert_eq!(opened.added, [place.to_string()]);
            }
        }
    }
}

#[test]
fn what_sealing_does_not_look_into_stays() {
    let original = tomogram("1.2.3.4.5.6", 300);
    let private = sq(Tag(9, 0x1003), false, vec![vec![us(Tag(0x28, 0x106), 7)]]);
    let mut wanted = [original.clone(), vec![private.clone()]].concat();
    wanted.sort_by_key(|element| element.0);
    for elements in with(&original, &[private]) {
        let (bytes, opened) = opened(&elements, LE, 777);
        assert!(bytes == write(&wanted, LE) && opened.added.is_empty());
    }
}
