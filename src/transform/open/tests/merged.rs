//! Sequences of which a part was sealed.

use super::hand::{E, EXPLICIT, FORM, NESTED, V, drive, e, in_pixels, order, segments, sq, tomogram, us, write};
use crate::dicom::Tag;
use crate::dicom::transfer_syntax::Encoding;
use crate::transform::open::merge::{MergeFault, sequences};
use crate::transform::open::{As, Finished, OpenFault};
use proptest::prelude::{Just, Strategy, any, prop, prop_assert_eq, prop_oneof, proptest};

const STEPS: Tag = Tag(0x40, 0x100);
const LE: Encoding = Encoding::ExplicitLe;

/// Opens a tomogram after something was done to a sequence in clear.
fn edited(change: impl Fn(&mut Vec<(bool, Vec<E>)>)) -> Result<(Vec<u8>, Vec<String>), OpenFault> {
    let original = tomogram("1.2.3.4.5.6", 300);
    let mut elements = in_pixels(&original, &segments(&original, EXPLICIT), FORM);
    let steps = elements.iter_mut().find(|element| element.0 == STEPS).unwrap();
    if let V::Items(_, items) = &mut steps.2 {
        change(items);
    }
    let out = drive(order(LE), &write(&elements, LE), &[], Some(As::Own))?;
    let Finished::Opened(opened) = out.finished else { panic!("not opened") };
    Ok((out.bytes, opened.drift))
}

#[test]
fn items_that_the_archive_added_stay() {
    let added = vec![e(Tag(0x40, 1), b"AE", "NEW")];
    let (bytes, drift) = edited(|items| items.push((false, added.clone()))).unwrap();
    let mut wanted = tomogram("1.2.3.4.5.6", 300);
    if let V::Items(_, items) = &mut wanted.iter_mut().find(|element| element.0 == STEPS).unwrap().2 {
        items.push((false, added));
    }
    assert!(bytes == write(&wanted, LE));
    assert_eq!(drift, ["(0040,0100)"]);
}

#[test]
fn items_that_are_gone_leave_no_place() {
    let outcome = edited(|items| drop(items.pop()));
    assert_eq!(outcome.unwrap_err(), OpenFault::Items(STEPS));
}

#[test]
fn a_sequence_that_was_emptied_gets_what_was_sealed_of_it() {
    let (bytes, _) = edited(Vec::clear).unwrap();
    let text = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    assert!(text(b"first") && text(b"third") && !text(b"SCANNER"));
}

#[test]
fn what_the_archive_changed_in_an_item_stays() {
    let (bytes, drift) = edited(|items| items[0].1[0] = e(Tag(0x40, 1), b"AE", "OTHER")).unwrap();
    let mut wanted = tomogram("1.2.3.4.5.6", 300);
    if let V::Items(_, items) = &mut wanted.iter_mut().find(|element| element.0 == STEPS).unwrap().2 {
        items[0].1[0] = e(Tag(0x40, 1), b"AE", "OTHER");
    }
    assert!(bytes == write(&wanted, LE));
    assert!(drift.is_empty());
}

#[test]
fn a_sequence_may_be_unknown_to_the_archive() {
    let tag = Tag(9, 0x1010);
    let clear = |items| sq(tag, true, items);
    let item = |inside: Vec<E>| vec![inside, vec![us(Tag(0x28, 0x10), 3)]];
    let (one, two) = (e(Tag(8, 0x60), b"CS", "CT"), e(NESTED, b"ST", "sealed"));
    let wanted = write(&[clear(item(vec![one.clone(), two.clone()]))], Encoding::ImplicitLe);
    let ours = write(&[clear(item(vec![one]))], Encoding::ImplicitLe);
    let theirs = sq(tag, false, vec![vec![two], vec![]]);
    let unknown = write(&[e(tag, b"UN", &ours[8..])], LE);
    let mut out = Vec::new();
    sequences(&unknown, &write(&[theirs], LE), LE, 8, &mut out).unwrap();
    assert_eq!(out, write(&[e(tag, b"UN", &wanted[8..])], LE));
}

#[test]
fn items_out_of_order_get_what_was_sealed_once() {
    let tag = Tag(0x5400, 0x100);
    let (data, private) = (Tag(0x5400, 0x1010), e(Tag(0x7001, 0x10), b"LO", "MAKER"));
    let ours = write(&[sq(tag, true, vec![vec![private.clone(), e(data, b"OB", [0, 0])]])], LE);
    let sealed = e(data, b"OB", [1, 2, 3, 4]);
    let theirs = write(&[sq(tag, false, vec![vec![sealed.clone()]])], LE);
    let mut out = Vec::new();
    sequences(&ours, &theirs, LE, 8, &mut out).unwrap();
    assert_eq!(out, write(&[sq(tag, true, vec![vec![private, sealed]])], LE));
}

#[test]
fn it_goes_no_deeper_than_the_limit() {
    let mut nested = vec![e(NESTED, b"ST", "deep")];
    for _ in 0..20 {
        nested = vec![sq(STEPS, true, vec![nested])];
    }
    let bytes = write(&nested, LE);
    let mut out = Vec::new();
    assert!(sequences(&bytes, &bytes, LE, 21, &mut out).is_ok());
    assert!(matches!(sequences(&bytes, &bytes, LE, 19, &mut out), Err(MergeFault::Walk(_))));
}

/// A tree, and of every element whether it is sealed.
#[derive(Debug, Clone)]
enum Node {
    Value(Vec<u8>, bool),
    Items(bool, Vec<(bool, Vec<(u16, Node)>)>),
}

fn nodes() -> impl Strategy<Value = Vec<(u16, Node)>> {
    let value = (prop::collection::vec(any::<u8>(), 0..3), any::<bool>())
        .prop_map(|(bytes, sealed)| Node::Value([bytes.clone(), bytes].concat(), sealed));
    let leaf = prop::collection::vec((1_u16..9, value.clone()), 0..4).prop_map(ascending);
    leaf.prop_recursive(3, 40, 4, move |inner| {
        let items = prop::collection::vec((any::<bool>(), inner), 0..4);
        let sequence = (any::<bool>(), items).prop_map(|(defined, items)| Node::Items(defined, items));
        let node = prop_oneof![value.clone(), sequence];
        prop::collection::vec((1_u16..9, node), 0..5).prop_map(ascending)
    })
}

fn ascending(mut nodes: Vec<(u16, Node)>) -> Vec<(u16, Node)> {
    nodes.sort_by_key(|(element, _)| *element);
    nodes.dedup_by_key(|(element, _)| *element);
    nodes
}

/// All of it, what stays, what is sealed.
fn three(nodes: &[(u16, Node)]) -> (Vec<E>, Vec<E>, Vec<E>) {
    let (mut all, mut clear, mut sealed) = (Vec::new(), Vec::new(), Vec::new());
    for (element, node) in nodes {
        // A private group: which of them are sequences only the VR says.
        let tag = Tag(0x11, 0x1000 + element);
        match node {
            Node::Value(bytes, secret) => {
                let element = e(tag, b"OB", bytes);
                all.push(element.clone());
                if *secret { sealed.push(element) } else { clear.push(element) }
            }
            Node::Items(defined, items) => {
                let (mut one, mut two, mut both) = (Vec::new(), Vec::new(), Vec::new());
                for (defined, item) in items {
                    let (whole, ours, theirs) = three(item);
                    both.push((*defined, whole));
                    one.push((*defined, ours));
                    two.push((*defined, theirs));
                }
                let sequence = |items| E(tag, *b"SQ", V::Items(*defined, items));
                all.push(sequence(both));
                clear.push(sequence(one));
                if two.iter().any(|(_, item)| !item.is_empty()) {
                    sealed.push(sequence(two));
                }
            }
        }
    }
    (all, clear, sealed)
}

proptest! {
    #[test]
    fn what_was_parted_becomes_one_again(
        items in prop::collection::vec((any::<bool>(), nodes()), 1..4), defined in any::<bool>(),
        encoding in prop_oneof![Just(Encoding::ExplicitLe), Just(Encoding::ExplicitBe)],
    ) {
        let node = [(1, Node::Items(defined, items))];
        let (all, clear, sealed) = three(&node);
        if !sealed.is_empty() {
            let mut out = Vec::new();
            let merged = sequences(&write(&clear, encoding), &write(&sealed, encoding), encoding, 64, &mut out);
            prop_assert_eq!(merged, Ok(super::super::merge::Merged::default()));
            prop_assert_eq!(out, write(&all, encoding));
        }
    }

    #[test]
    fn any_bytes_become_one_or_not(
        one in prop::collection::vec(any::<u8>(), 0..80), two in prop::collection::vec(any::<u8>(), 0..80), begins in any::<bool>(),
    ) {
        let begun = |bytes: &[u8]| {
            let mut all = vec![0x11, 0, 1, 0x10, b'S', b'Q', 0, 0, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xff, 0, 0xe0];
            all.extend(bytes);
            if begins { all } else { bytes.to_vec() }
        };
        let _ = sequences(&begun(&one), &begun(&two), LE, 8, &mut Vec::new());
    }
}
