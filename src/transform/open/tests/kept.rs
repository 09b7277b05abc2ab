//! When what comes out comes out.

use super::hand::{E, EXPLICIT, FORM, PIXELS, V, drive, in_attributes, in_pixels, order, segments, tomogram, write};
use crate::dicom::transfer_syntax::Encoding;
use crate::transform::flow::{Flow, Piece};
use crate::transform::open::{As, Finished, Found, Open};

const INSTANCE: &str = "1.2.3.4.5.6";
const LE: Encoding = Encoding::ExplicitLe;

fn objects() -> [Vec<E>; 2] {
    let original = tomogram(INSTANCE, 600_000);
    let segments = segments(&original, EXPLICIT);
    [in_pixels(&original, &segments, FORM), in_attributes(&original, &segments)]
}

fn steps(input: &[u8]) -> Vec<usize> {
    (0..input.len()).step_by(10_000).collect()
}

#[test]
fn a_small_object_is_kept_until_all_of_it_is_verified() {
    for elements in objects() {
        let input = write(&elements, LE);
        let out = drive(order(LE), &input, &steps(&input), Some(As::Own)).unwrap();
        assert!(out.kept > 2000, "{}", out.kept);
    }
}

#[test]
fn a_large_one_streams_by_segment() {
    let [pixels, attributes] = objects();
    let mut streaming = order(LE);
    streaming.options.whole = 100_000;
    let input = write(&pixels, LE);
    let out = drive(streaming.clone(), &input, &steps(&input), Some(As::Own)).unwrap();
    assert_eq!(out.kept, 0);
    assert!(out.bytes == write(&tomogram(INSTANCE, 600_000), LE));
    // Out of attributes nobody knows beforehand how long it gets.
    streaming.options.whole = 4000;
    let input = write(&attributes, LE);
    let out = drive(streaming, &input, &steps(&input), Some(As::Own)).unwrap();
    assert!(out.kept <= 4000, "{}", out.kept);
    assert!(out.bytes == write(&tomogram(INSTANCE, 600_000), LE));
}

#[test]
fn nothing_of_a_segment_is_out_before_the_segment_is_whole() {
    let original = tomogram(INSTANCE, 150_000);
    let segments = segments(&original, EXPLICIT);
    let elements = in_pixels(&original, &segments, FORM);
    let input = write(&elements, LE);
    let mut streaming = order(LE);
    streaming.options.whole = 0;
    let begins = input.windows(8).position(|window| window == b"DGSEAL1\n").unwrap() + 16;
    let (mut open, mut flow, mut out) = (Open::new(streaming), Flow::default(), 0);
    let mut ends = Vec::new();
    let mut end = begins;
    for segment in &segments {
        end += segment.len();
        ends.push(end);
    }
    // Payload of each segment: what is in it without its header and CMS around it is at most this.
    for (at, byte) in input.iter().enumerate() {
        open.push(&[*byte], &mut flow).unwrap();
        if matches!(open.found(), Some(Found::Sealed(_))) {
            let _ = open.deliver(As::Own);
        }
        while let Some(piece) = flow.next_piece() {
            match piece {
                Piece::Go(piece) => out += piece.len(),
                Piece::Keep(_) | Piece::Kept => panic!("nothing is kept here"),
            }
        }
        let whole = ends.iter().filter(|end| **end <= at + 1).count();
        let clear = begins;
        assert!(out <= clear + whole * 65_536, "byte {at}: {out} out with {whole} segments");
    }
    assert!(matches!(open.finish(&mut flow), Ok(Finished::Opened(_))));
}

#[test]
fn a_fault_in_the_last_segment_leaves_a_small_object_kept_and_a_large_one_unfinished() {
    let original = tomogram(INSTANCE, 600_000);
    let mut segments = segments(&original, EXPLICIT);
    let last = segments.last_mut().unwrap();
    let end = last.len() - 1;
    last[end] ^= 1;
    let elements = in_pixels(&original, &segments, FORM);
    let input = write(&elements, LE);
    for (whole, some) in [(64 << 20, false), (0, true)] {
        let mut order = order(LE);
        order.options.whole = whole;
        let (mut open, mut flow, mut out) = (Open::new(order), Flow::default(), 0);
        let outcome = input.chunks(10_000).try_for_each(|chunk| {
            open.push(chunk, &mut flow)?;
            if open.found().is_some() {
                let _ = open.deliver(As::Own);
            }
            Ok(())
        });
        assert_eq!(outcome.map_err(|fault: crate::transform::open::OpenFault| fault.cause()), Err(Some("tampered")));
        while let Some(piece) = flow.next_piece() {
            match piece {
                Piece::Go(piece) => out += piece.len(),
                Piece::Keep(_) => assert!(!some),
                Piece::Kept => panic!("not verified"),
            }
        }
        assert_eq!(out > 0, some);
        assert!(out < 600_000);
        assert!(open.finish(&mut flow).is_err() && flow.is_empty());
    }
    let _ = (PIXELS, V::Bytes(Vec::new()));
}
