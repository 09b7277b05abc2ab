//! Whole pieces: segments dropped, moved, repeated, mixed; recipients taken away or exchanged; and any payload in any pieces.

use crate::ground::{Fixed, INSTANCE, certificate, context, identity, open, payload, private, ring, seal};
use crate::tree::{Node, RECIPIENTS};
use bytes::Bytes;
use dicomgate::vault::suite::Key256;
use dicomgate::vault::{KeyId, KeyRing, OpenFault, Opener, RingKey, SealContext, Sealer, Unlock};
use proptest::prelude::*;
use std::sync::Arc;

/// Four segments and their payloads.
fn four(instance: &str, beginning: u64) -> (Vec<Bytes>, Vec<Vec<u8>>) {
    let sealed = seal(&context(&["p256"], Fixed::from(beginning)), instance, &payload(250_000));
    assert_eq!(sealed.len(), 4);
    let mut opener = Opener::new(ring());
    let parts = sealed.iter().map(|segment| {
        let mut out = Vec::new();
        opener.push(segment, &mut out).unwrap();
        out.concat()
    });
    let parts = parts.collect();
    (sealed, parts)
}

fn order(segments: &[Bytes], places: &[usize]) -> Vec<u8> {
    places.iter().flat_map(|place| segments[*place].to_vec()).collect()
}

#[test]
fn segments_in_another_order_are_refused_where_the_order_ends() {
    let (sealed, parts) = four(INSTANCE, 1);
    let before = |count: usize| parts[..count].concat();
    for (places, out, fault) in [
        (&[1, 2, 3][..], 0, OpenFault::Missing { expected: 0, found: 1 }),
        (&[0, 2, 3], 1, OpenFault::Missing { expected: 1, found: 2 }),
        (&[0, 1, 3], 2, OpenFault::Missing { expected: 2, found: 3 }),
        (&[0, 1, 2], 3, OpenFault::Truncated(3)),
        (&[], 0, OpenFault::Truncated(0)),
        (&[1, 0, 2, 3], 0, OpenFault::Missing { expected: 0, found: 1 }),
        (&[0, 2, 1, 3], 1, OpenFault::Missing { expected: 1, found: 2 }),
        (&[0, 0, 1, 2, 3], 1, OpenFault::Reordered { expected: 1, found: 0 }),
        (&[0, 1, 0, 2, 3], 2, OpenFault::Reordered { expected: 2, found: 0 }),
        (&[0, 1, 2, 3, 3], 4, OpenFault::AfterLast),
        (&[0, 1, 2, 3, 0], 4, OpenFault::AfterLast),
        (&[3], 0, OpenFault::Missing { expected: 0, found: 3 }),
    ] {
        assert_eq!(open(ring(), &order(&sealed, places)), (before(out), Err(fault)), "{places:?}");
    }
    assert_eq!(open(ring(), &order(&sealed, &[0, 1, 2, 3])), (before(4), Ok(())));
}

#[test]
fn segments_of_another_seal_are_refused() {
    let (sealed, parts) = four(INSTANCE, 1);
    // Of the same object, sealed again; of another object; of the same object with another key.
    let again = four(INSTANCE, 2).0;
    let other = four("1.2.3.4", 3).0;
    for strange in [again, other] {
        for place in 1..4 {
            let mut mixed = sealed.clone();
            mixed[place] = strange[place].clone();
            let (out, outcome) = open(ring(), &mixed.concat());
            assert_eq!(outcome, Err(OpenFault::OtherSeal(u32::try_from(place).unwrap())));
            assert_eq!(out, parts[..place].concat());
        }
        let mut mixed = sealed.clone();
        mixed[0] = strange[0].clone();
        assert_eq!(open(ring(), &mixed.concat()).1, Err(OpenFault::OtherSeal(1)));
    }
}

#[test]
fn a_stripped_added_or_exchanged_recipient_shows() {
    let whole = &seal(&context(&["rsa", "p256"], Fixed::from(5)), INSTANCE, b"payload")[0];
    let other = &seal(&context(&["rsa", "p384"], Fixed::from(6)), INSTANCE, b"payload")[0];
    let foreign = Node::of(other).at(RECIPIENTS).clone();
    let (mut stripped, mut none, mut exchanged, mut added) =
        (Node::of(whole), Node::of(whole), Node::of(whole), Node::of(whole));
    stripped.at(RECIPIENTS).inside_mut().remove(1);
    none.at(RECIPIENTS).inside_mut().drain(..2);
    let [mut rsa, ec] = [0, 1].map(|place| foreign.clone().at(&[place]).clone());
    assert_eq!((rsa.tag, ec.tag), (0x30, 0xa1));
    exchanged.at(RECIPIENTS).inside_mut()[0] = rsa.clone();
    added.at(RECIPIENTS).inside_mut().insert(1, ec.clone());
    added.at(RECIPIENTS).inside_mut().sort_by_key(Node::encode);
    // The right certificate, and a key that opens nothing.
    let mut useless = Node::of(whole);
    *rsa.at(&[3]).value_mut() = vec![0x5a; 256];
    useless.at(RECIPIENTS).inside_mut()[0] = rsa;
    for forged in [stripped, none, exchanged, added, useless] {
        assert_eq!(open(ring(), &forged.encode()), (Vec::new(), Err(OpenFault::Recipients(0))));
    }
    assert_eq!(open(ring(), whole), (b"payload".to_vec(), Ok(())));
}

/// Who has the public certificate can seal, but not for the ring.
#[test]
fn a_seal_by_somebody_else_proves_no_origin() {
    let theirs = KeyRing::new([RingKey { id: KeyId(3), key: Key256::new(&[0x66; 32]) }]);
    let escrow = vec![certificate("p256")].into();
    let theirs = Arc::new(SealContext { ring: Arc::new(theirs), escrow, random: Fixed::from(9), segment: 65_536 });
    let forged = &seal(&theirs, INSTANCE, b"forged")[0];
    assert_eq!(open(ring(), forged), (Vec::new(), Err(OpenFault::Tampered(0))));
    assert_eq!(open(private("p256"), forged), (b"forged".to_vec(), Ok(())));
    let mut without = Node::of(forged);
    without.at(RECIPIENTS).inside_mut().pop();
    assert_eq!(open(ring(), &without.encode()), (Vec::new(), Err(OpenFault::NoRing(0))));
}

#[test]
fn keys_that_are_not_at_hand_are_named() {
    let sealed = seal(&context(&["p256"], Fixed::from(5)), INSTANCE, b"payload").concat();
    let empty = Arc::new(KeyRing::new([RingKey { id: KeyId(1), key: Key256::new(&[1; 32]) }]));
    assert_eq!(open(empty, &sealed), (Vec::new(), Err(OpenFault::UnknownKey(KeyId(3)))));
    for kind in ["rsa", "p384"] {
        assert_eq!(open(private(kind), &sealed), (Vec::new(), Err(OpenFault::NotForKey(0))));
    }
    // Another key of the same kind.
    let mut strange = context(&["p256"], Fixed::from(5));
    strange = Arc::new(SealContext { ring: ring(), escrow: Arc::new([]), ..Arc::into_inner(strange).unwrap() });
    assert_eq!(open(private("p256"), &seal(&strange, INSTANCE, b"payload").concat()).1, Err(OpenFault::NotForKey(0)));
}

#[test]
fn one_zero_byte_behind_a_segment_of_odd_length_is_padding_and_any_behind_the_last() {
    let mut lengths = [0, 0];
    for payload in [&b"even"[..], b"odd"] {
        let sealed = seal(&context(&[], Fixed::from(5)), INSTANCE, payload).concat();
        lengths[sealed.len() % 2] += 1;
        let (padded, twice) = ([&sealed[..], &[0]].concat(), [&sealed[..], &[0, 0]].concat());
        // Room that was left for what might have stood behind the pixels.
        assert_eq!(open(ring(), &padded).1, Ok(()));
        assert_eq!(open(ring(), &twice).1, Ok(()));
        assert_eq!(open(ring(), &[&twice[..], &[1]].concat()).1, Err(OpenFault::AfterLast));
        assert_eq!(open(ring(), &[&sealed[..], &[1]].concat()).1, Err(OpenFault::AfterLast));
        assert!(matches!(open(ring(), &[&[0], &sealed[..]].concat()).1, Err(OpenFault::Foreign { .. })));
    }
    assert_eq!(lengths, [1, 1]);
    // Between segments too, as items have it.
    let segments = seal(&context(&[], Fixed::from(5)), INSTANCE, &payload(100_000));
    let padded: Vec<u8> = segments
        .iter()
        .flat_map(|segment| segment.iter().copied().chain((segment.len() % 2 == 1).then_some(0)).collect::<Vec<_>>())
        .collect();
    assert_eq!(open(ring(), &padded), (payload(100_000), Ok(())));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_payload_in_any_pieces_comes_back_and_its_length_was_known(
        length in prop_oneof![0_usize..300, 60_000_usize..70_000, 120_000_usize..140_000],
        piece in 1_usize..100_000, other in 1_usize..100_000, escrow in 0_usize..4, seed in 0_u64..1000, name in "[ -~]{0,90}",
    ) {
        let context = context(&["rsa", "p256", "p384"][..escrow], Fixed::from(seed));
        let mut identity = identity(INSTANCE);
        identity.patient.name = dicomgate::dicom::Phi::new(name.into_bytes());
        let mut sealer = Sealer::new(context, &identity, b"").unwrap();
        let whole = payload(length);
        let (expected, count) = (sealer.sealed_length(length as u64), sealer.segments(length as u64));
        let mut out = Vec::new();
        for part in whole.chunks(piece) {
            sealer.push(part, &mut out).unwrap();
        }
        sealer.finish(&mut out).unwrap();
        prop_assert_eq!(out.len() as u64, count);
        let sealed = out.concat();
        prop_assert_eq!(sealed.len() as u64, expected);
        let mut opener = Opener::new(Unlock::Ring(ring()));
        let mut opened = Vec::new();
        for part in sealed.chunks(other) {
            opener.push(part, &mut opened).unwrap();
        }
        prop_assert!(opener.is_whole());
        prop_assert_eq!(opener.finish(), Ok(()));
        prop_assert_eq!(opened.concat(), whole);
    }
}

/// As many bytes as fill segments exactly make no empty one behind them.
#[test]
fn a_payload_that_fills_its_segments_makes_no_more() {
    let context = context(&[], Fixed::from(8));
    let sealer = Sealer::new(context.clone(), &identity(INSTANCE), b"ISO_IR 192").unwrap();
    let capacity = (1..70_000).find(|length| sealer.segments(*length) == 2).unwrap() - 1;
    for times in 1..4 {
        let whole = payload(usize::try_from(capacity * times).unwrap());
        let sealed = seal(&context, INSTANCE, &whole);
        assert_eq!(sealed.len() as u64, times);
        assert_eq!(sealed.concat().len() as u64, sealer.sealed_length(capacity * times));
        assert_eq!(open(ring(), &sealed.concat()), (whole, Ok(())));
    }
}
