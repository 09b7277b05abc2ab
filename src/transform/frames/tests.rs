use super::{Frames, FramesFault, FramesLimits, Pixels};
use crate::dicom::dataset::Vr;
use crate::dicom::transfer_syntax::Encoding;
use crate::dicom::{Tag, Uid};
use crate::transform::head::put_header;
use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};

const RLE: &str = "1.2.840.10008.1.2.5";
const JPEG: &str = "1.2.840.10008.1.2.4.50";
const LE: Encoding = Encoding::ExplicitLe;

fn put(out: &mut Vec<u8>, encoding: Encoding, tag: Tag, vr: &[u8; 2], value: &[u8]) {
    let vr = (encoding != Encoding::ImplicitLe).then_some(Vr(*vr));
    put_header(out, encoding, tag, vr, value.len() as u32);
    if vr.is_some_and(|vr| !vr.is_long()) {
        let end = out.len();
        out[end - 2..].copy_from_slice(&(value.len() as u16).to_le_bytes());
    }
    out.extend(value);
}

struct Made {
    frames: u32,
    table: bool,
    fragments: Vec<Vec<u8>>,
    samples: u16,
    photometric: &'static str,
}

fn us(out: &mut Vec<u8>, element: u16, number: u16) {
    put(out, LE, Tag(0x28, element), b"US", &number.to_le_bytes());
}

/// 2 x 3 pixels of 8 bits.
fn object(made: &Made) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, LE, Tag(8, 0), b"UL", &[1, 0, 0, 0]);
    put(&mut out, LE, Tag(8, 0x60), b"CS", b"OT");
    us(&mut out, 2, made.samples);
    put(&mut out, LE, Tag(0x28, 4), b"CS", made.photometric.as_bytes());
    if made.samples > 1 {
        us(&mut out, 6, 1);
    }
    let text = format!("{:<2}", made.frames);
    put(&mut out, LE, Tag(0x28, 8), b"IS", text.as_bytes());
    for (element, number) in [(0x10, 2), (0x11, 3), (0x100, 8), (0x101, 8), (0x102, 7), (0x103, 0)] {
        us(&mut out, element, number);
    }
    put(&mut out, LE, Tag(0x28, 0x2110), b"CS", b"01");
    put_header(&mut out, LE, Tag(0x7fe0, 0x10), Some(Vr::OB), u32::MAX);
    let mut table = Vec::new();
    let mut at = 0_u32;
    let per_frame = made.fragments.len().div_ceil(made.frames.max(1) as usize).max(1);
    for (place, fragment) in made.fragments.iter().enumerate() {
        if place % per_frame == 0 {
            table.extend(at.to_le_bytes());
        }
        at += 8 + fragment.len() as u32;
    }
    if !made.table {
        table.clear();
    }
    for item in std::iter::once(&table).chain(&made.fragments) {
        put_header(&mut out, LE, Tag(0xfffe, 0xe000), None, item.len() as u32);
        out.extend(item);
    }
    put_header(&mut out, LE, Tag(0xfffe, 0xe0dd), None, 0);
    put(&mut out, LE, Tag(0xfffc, 0xfffc), b"OB", &[0, 0]);
    out
}

/// The native object: its pixels are what the test's codec makes of each frame.
fn native(made: &Made, encoding: Encoding, photometric: &str, pixels: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let number = |out: &mut Vec<u8>, element, number: u16| {
        put(out, encoding, Tag(0x28, element), b"US", &number.to_le_bytes());
    };
    put(&mut out, encoding, Tag(8, 0x60), b"CS", b"OT");
    number(&mut out, 2, made.samples);
    put(&mut out, encoding, Tag(0x28, 4), b"CS", photometric.as_bytes());
    if made.samples > 1 {
        number(&mut out, 6, 0);
    }
    put(&mut out, encoding, Tag(0x28, 8), b"IS", format!("{:<2}", made.frames).as_bytes());
    for (element, value) in [(0x10, 2), (0x11, 3), (0x100, 8), (0x101, 8), (0x102, 7), (0x103, 0)] {
        number(&mut out, element, value);
    }
    put(&mut out, encoding, Tag(0x28, 0x2110), b"CS", b"01");
    put(&mut out, encoding, Tag(0x7fe0, 0x10), b"OB", pixels);
    put(&mut out, encoding, Tag(0xfffc, 0xfffc), b"OB", &[0, 0]);
    out
}

/// A codec: the sum of the frame's bytes in every pixel.
fn driven(bytes: &[u8], syntax: &str, to: Encoding, cuts: &[usize], photometric: &str) -> Result<Vec<u8>, FramesFault> {
    let mut frames = Frames::new(&syntax.parse().unwrap(), to, FramesLimits::default())?;
    let (mut out, mut before) = (Vec::new(), 0);
    for cut in cuts.iter().copied().chain([bytes.len()]) {
        frames.push(&bytes[before..cut])?;
        before = cut;
        while let Some(frame) = frames.next_frame(&mut out)? {
            let sum = frame.bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
            let length = frame.image.frame_bytes() as usize;
            frames.decoded(&Pixels { photometric: photometric.to_owned(), bytes: vec![sum; length] }, &mut out)?;
        }
    }
    frames.finish(&mut out)?;
    Ok(out)
}

fn pixels(frames: &[&[u8]], length: usize) -> Vec<u8> {
    let sum = |bytes: &&[u8]| bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    frames.iter().flat_map(|frame| vec![sum(frame); length]).collect()
}

#[test]
fn the_object_around_the_pixels_stays() {
    let made =
        Made { frames: 2, table: false, fragments: vec![vec![1, 2], vec![3, 4]], samples: 3, photometric: "YBR_FULL" };
    for to in [LE, Encoding::ImplicitLe] {
        let out = driven(&object(&made), RLE, to, &[], "YBR_FULL").unwrap();
        assert_eq!(out, native(&made, to, "YBR_FULL", &pixels(&[&[1, 2], &[3, 4]], 18)));
        let out = driven(&object(&made), RLE, to, &[], "RGB ").unwrap();
        assert_eq!(out, native(&made, to, "RGB ", &pixels(&[&[1, 2], &[3, 4]], 18)));
    }
}

#[test]
fn fragments_are_told_apart_by_tables_markers_or_number() {
    let begin = |rest: &[u8]| [&[0xff, 0xd8], rest].concat();
    let split = vec![begin(&[1, 1]), vec![2, 2], begin(&[3, 3]), vec![4, 4]];
    let wanted = pixels(&[&[0xff, 0xd8, 1, 1, 2, 2], &[0xff, 0xd8, 3, 3, 4, 4]], 6);
    for table in [true, false] {
        let made = Made { frames: 2, table, fragments: split.clone(), samples: 1, photometric: "MONOCHROME2 " };
        let out = driven(&object(&made), JPEG, LE, &[], "MONOCHROME2").unwrap();
        assert_eq!(out, native(&made, LE, "MONOCHROME2 ", &wanted));
    }
    let single = Made { frames: 1, table: false, fragments: split, samples: 1, photometric: "MONOCHROME2 " };
    assert!(driven(&object(&single), RLE, LE, &[], "MONOCHROME2").is_ok());
}

#[test]
fn too_few_or_too_many_frames_are_a_fault() {
    for (frames, fragments) in [(3, 2_u8), (1, 0), (2, 3)] {
        let fragments = (0..fragments).map(|byte| vec![byte, 1]).collect();
        let made = Made { frames, table: false, fragments, samples: 1, photometric: "MONOCHROME2 " };
        let outcome = driven(&object(&made), RLE, LE, &[], "MONOCHROME2");
        assert!(matches!(outcome, Err(FramesFault::Count { .. })), "{outcome:?}");
    }
}

#[test]
fn what_no_memory_could_hold_is_refused_before_anything_is_decoded() {
    let made = Made { frames: 1, table: false, fragments: vec![vec![1; 8]], samples: 1, photometric: "MONOCHROME2 " };
    let mut bytes = object(&made);
    let columns = bytes.windows(6).position(|at| at == [0x28, 0, 0x10, 0, b'U', b'S']).unwrap();
    bytes[columns + 8..columns + 10].copy_from_slice(&[0xff, 0xff]);
    bytes[columns + 18..columns + 20].copy_from_slice(&[0xff, 0xff]);
    assert!(matches!(driven(&bytes, RLE, LE, &[], "MONOCHROME2"), Err(FramesFault::Frame(_))));
}

#[test]
fn a_codec_that_says_something_else_is_not_believed() {
    let made =
        Made { frames: 2, table: false, fragments: vec![vec![1; 8]; 2], samples: 1, photometric: "MONOCHROME2 " };
    let bytes = object(&made);
    let mut frames = Frames::new(&RLE.parse::<Uid>().unwrap(), LE, FramesLimits::default()).unwrap();
    let mut out = Vec::new();
    frames.push(&bytes).unwrap();
    let pixels = |photometric: &str, length| Pixels { photometric: photometric.to_owned(), bytes: vec![0; length] };
    assert!(frames.next_frame(&mut out).unwrap().is_some());
    assert!(matches!(frames.decoded(&pixels("RGB", 7), &mut out), Err(FramesFault::Length { .. })));
    frames.decoded(&pixels("RGB", 6), &mut out).unwrap();
    assert!(frames.next_frame(&mut out).unwrap().is_some());
    assert_eq!(frames.decoded(&pixels("YBR_FULL", 6), &mut out), Err(FramesFault::Changed));
}

proptest! {
    #[test]
    fn every_cut_gives_the_same(
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..6), table in any::<bool>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8), implicit in any::<bool>(),
    ) {
        let even: Vec<Vec<u8>> = frames.iter().map(|frame| [frame.clone(), frame.clone()].concat()).collect();
        let made =
            Made { frames: even.len() as u32, table, fragments: even.clone(), samples: 1, photometric: "MONOCHROME1 " };
        let bytes = object(&made);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        let to = if implicit { Encoding::ImplicitLe } else { LE };
        let refs: Vec<&[u8]> = even.iter().map(Vec::as_slice).collect();
        let out = driven(&bytes, RLE, to, &cuts, "MONOCHROME1").unwrap();
        prop_assert_eq!(out, native(&made, to, "MONOCHROME1 ", &pixels(&refs, 6)));
    }

    #[test]
    fn damaged_objects_do_not_panic(
        at in any::<prop::sample::Index>(), new in prop::collection::vec(any::<u8>(), 0..20), length in 0_usize..20,
    ) {
        let made = Made { frames: 2, table: true, fragments: vec![vec![1; 8]; 2], samples: 1, photometric: "MONOCHROME2 " };
        let mut bytes = object(&made);
        let from = at.index(bytes.len());
        let until = (from + length).min(bytes.len());
        bytes.splice(from..until, new);
        let _ = driven(&bytes, RLE, LE, &[], "MONOCHROME2");
        prop_assert!(true);
    }
}
