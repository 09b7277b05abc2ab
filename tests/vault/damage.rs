//! Damage: every bit flipped, every length cut, random bytes. Nothing that is not authentic comes out, and nothing panics.

use crate::ground::{Fixed, INSTANCE, context, open, payload, private, ring, seal};
use dicomgate::vault::cms::{Envelope, total_length};
use dicomgate::vault::{OpenFault, Unlock};
use proptest::prelude::*;

/// Faults that some flip must lead to: a test that only ever sees one of them looks at the wrong place.
fn kinds(fault: &OpenFault) -> &'static str {
    fault.cause()
}

#[test]
fn every_flipped_bit_of_a_small_seal_is_refused_and_nothing_comes_out() {
    let sealed = seal(&context(&["rsa", "p256", "p384"], Fixed::from(1)), INSTANCE, b"payload").concat();
    let mut seen = std::collections::BTreeMap::new();
    for bit in 0..sealed.len() * 8 {
        let mut flipped = sealed.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let (out, outcome) = open(ring(), &flipped);
        let fault = outcome.expect_err("a flipped bit opens");
        assert!(out.is_empty(), "bit {bit}: {fault}");
        *seen.entry(kinds(&fault)).or_insert(0) += 1;
    }
    let found: Vec<&str> = seen.keys().copied().collect();
    assert_eq!(found, ["escrow-stripped", "foreign", "tampered", "truncated", "unknown-key"], "{seen:?}");
}

#[test]
fn every_flipped_bit_is_refused_with_an_escrow_key_too() {
    let sealed = seal(&context(&["p256"], Fixed::from(1)), INSTANCE, b"payload").concat();
    for bit in 0..sealed.len() * 8 {
        let mut flipped = sealed.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let (out, outcome) = open(private("p256"), &flipped);
        assert!(outcome.is_err() && out.is_empty(), "bit {bit}: {outcome:?}");
    }
}

#[test]
fn a_flip_in_a_later_segment_lets_out_only_what_came_before() {
    let segments = seal(&context(&["rsa"], Fixed::from(2)), INSTANCE, &payload(140_000));
    assert_eq!(segments.len(), 3);
    let (first, _) = open(ring(), &segments[0]);
    let sealed = segments.concat();
    let (from, until) = (segments[0].len(), segments[0].len() + segments[1].len());
    // Everything around the content, the header in it, its end; and some of what lies between.
    let places = (from..from + 1400).chain((from + 1400..until - 200).step_by(997)).chain(until - 200..until);
    for at in places {
        let mut flipped = sealed.clone();
        flipped[at] ^= 0x10;
        let (out, outcome) = open(ring(), &flipped);
        assert!(outcome.is_err(), "byte {at}");
        assert!(out == first, "byte {at}: {} bytes came out", out.len());
    }
}

#[test]
fn every_truncation_is_refused() {
    let sealed = seal(&context(&["p256"], Fixed::from(3)), INSTANCE, b"payload").concat();
    for length in 0..sealed.len() {
        let (out, outcome) = open(ring(), &sealed[..length]);
        assert_eq!((out, outcome), (Vec::new(), Err(OpenFault::Truncated(0))), "{length} bytes");
    }
    let segments = seal(&context(&[], Fixed::from(3)), INSTANCE, &payload(70_000));
    let sealed = segments.concat();
    let (first, _) = open(ring(), &segments[0]);
    for length in segments[0].len()..sealed.len() {
        let (out, outcome) = open(ring(), &sealed[..length]);
        assert_eq!(outcome, Err(OpenFault::Truncated(1)), "{length} bytes");
        assert!(out == first);
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = total_length(&bytes);
        let _ = Envelope::read(&bytes);
        let _ = open(ring(), &bytes);
    }

    /// Bytes exchanged, cut out, doubled: either nothing changed, or it is refused.
    #[test]
    fn mutations_are_refused(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), 0_u8..4, any::<u8>(), 1_usize..9), 1..5),
        escrow: bool,
    ) {
        let sealed = seal(&context(&["p256"], Fixed::from(4)), INSTANCE, b"payload").concat();
        let mut mutated = sealed.clone();
        for (place, how, byte, length) in changes {
            let at = place.index(mutated.len());
            let end = (at + length).min(mutated.len());
            match how {
                0 => mutated[at] = byte,
                1 => drop(mutated.drain(at..end)),
                2 => mutated.insert(at, byte),
                _ => {
                    let copy = mutated[at..end].to_vec();
                    let _ = mutated.splice(at..at, copy);
                }
            }
            if mutated.is_empty() {
                break;
            }
        }
        let _ = Envelope::read(&mutated);
        let unlock = if escrow { Unlock::Escrow(private("p256")) } else { Unlock::Ring(ring()) };
        let (out, outcome) = open(unlock, &mutated);
        let padded = mutated.strip_suffix(&[0]).is_some_and(|rest| rest == sealed && sealed.len() % 2 == 1);
        if mutated == sealed || padded {
            prop_assert_eq!(outcome, Ok(()));
        } else {
            prop_assert!(outcome.is_err());
            // What follows a whole seal shows only then; everything else before anything comes out.
            prop_assert!(out.is_empty() || mutated.starts_with(&sealed));
        }
    }
}
