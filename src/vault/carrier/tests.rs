use super::*;
use proptest::prelude::*;

fn forms() -> impl Strategy<Value = Form> {
    let pixel = prop_oneof![Just((1, 1)), Just((8, 1)), Just((16, 1)), Just((8, 3))];
    let frames = prop_oneof![4 => Just(1), 2 => 1_u32..50, 2 => 1_u32..5_000, 1 => any::<u32>()];
    (pixel, frames, any::<bool>()).prop_map(|((bits, samples), frames, movable)| Form {
        bits,
        samples,
        frames,
        movable,
    })
}

fn lengths() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..100_000, 0_u64..100_000_000, 0_u64..5_000_000_000]
}

fn row(image: &Geometry) -> u64 {
    u64::from(image.columns) * u64::from(image.bits) * u64::from(image.samples) / 8
}

proptest! {
    #[test]
    fn what_is_put_in_is_found_and_fits(sealed in lengths(), form in forms()) {
        let Ok(image) = Geometry::for_length(sealed, form) else {
            prop_assert!(sealed > 120 << 20, "{sealed} bytes must fit: {form:?}");
            return Ok(());
        };
        // A native value of exactly these pixels, even, of a length that can be written.
        prop_assert_eq!(image.total, row(&image) * u64::from(image.rows) * u64::from(image.frames));
        prop_assert!(image.total.is_multiple_of(2) && image.total <= LONGEST && image.rows > 0 && image.frames > 0);
        // The reader, who sees the object alone, finds the magic where it is, and the segments end before the padding.
        let place = magic_at(image.columns, image.bits.into(), image.samples.into()).unwrap();
        prop_assert_eq!(place + PREFIX + sealed + image.pad, image.total);
        prop_assert_eq!(place, row(&image) * u64::from(banner::ROWS));
        // It grows by less than a row of every frame, but for what a whole banner may take.
        prop_assert!(image.pad < row(&image) * u64::from(image.frames) || image.pad <= BANNER_FREE, "{image:?}");
        // The frames are those asked for, but for a number that would make it many times as long.
        if image.frames != form.frames {
            let least = u64::from(form.frames) * 64 * u64::from(form.bits) * u64::from(form.samples);
            let largest = u64::from(MOST_COLUMNS) * u64::from(form.bits) * u64::from(form.samples) / 8 * MOST_ROWS;
            let crowded = least > FRAMES_FREE || u64::from(form.frames) * 64 > FRAMES_FREE;
            prop_assert!(crowded || sealed > largest / 2 || sealed > FRAMES_FREE, "{image:?} of {form:?}");
        }
        // No fewer columns would have done.
        if image.columns > LEAST_COLUMNS && image.frames == form.frames {
            let half = row(&image) / 2;
            let needed = half * u64::from(banner::ROWS) + PREFIX + sealed;
            prop_assert!(needed.div_ceil(half * u64::from(image.frames)) > PREFERRED_ROWS, "{image:?}");
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_placeholder_is_small_and_whole(form in forms()) {
        let image = Geometry::placeholder(form);
        prop_assert_eq!(image.total, row(&image) * u64::from(image.rows) * u64::from(image.frames));
        prop_assert!(image.total <= PLACEHOLDER_MOST && image.total.is_multiple_of(2));
        let blank = image.blank();
        prop_assert_eq!(blank.len() as u64, image.total);
        let banner = banner::rows(image.columns, image.bits, image.samples);
        let mut frames = blank.chunks_exact(blank.len() / image.frames as usize);
        prop_assert!(frames.all(|frame| banner.starts_with(frame)));
    }
}

#[test]
fn the_prefix_is_read_as_it_is_written() {
    let form = Form { bits: 16, samples: 1, frames: 1, movable: false };
    let image = Geometry::for_length(0x0102_0304, form).unwrap();
    let bytes = image.beginning(0x0102_0304).concat();
    let place = usize::try_from(magic_at(image.columns, 16, 1).unwrap()).unwrap();
    assert_eq!(segments_behind(&bytes[place..]), Some(0x0102_0304));
    assert_eq!(bytes.len() as u64, place as u64 + PREFIX);
    assert_eq!(segments_behind(&bytes[place + 1..]), None);
    assert_eq!(segments_behind(b"DGSEAL1\n123"), None, "cut short");
}

#[test]
fn what_is_no_sealed_object_has_no_place_for_a_magic() {
    for (columns, bits, samples) in [(511, 16, 1), (512, 12, 1), (512, 16, 3), (512, 0, 1), (0, 16, 1), (512, 8, 0)] {
        assert_eq!(magic_at(columns, bits, samples), None);
    }
}

/// The ends of the range: an empty seal, the largest ones, one byte more.
#[test]
fn the_largest_images() {
    let grey = Form { bits: 16, samples: 1, frames: 1, movable: false };
    let small = Geometry::for_length(0, grey).unwrap();
    assert_eq!((small.rows, small.columns, small.total), (49, 512, 49 * 1024));
    let row = 32_768 * 2;
    let most = row * (65_535 - 48) - PREFIX;
    let largest = Geometry::for_length(most, grey).unwrap();
    assert_eq!((largest.rows, largest.columns, largest.pad), (65_535, 32_768, 0));
    assert_eq!(Geometry::for_length(most + 1, grey), Err(TooLong(most + 1)));
    assert_eq!(Geometry::for_length(u64::MAX, grey), Err(TooLong(u64::MAX)));
    // Eight bits hold half as much in one frame; a video has as many frames as it takes.
    let eight = Form { bits: 8, ..grey };
    assert!(Geometry::for_length(3 << 30, eight).is_err());
    let video = Geometry::for_length(3 << 30, Form { movable: true, ..eight }).unwrap();
    assert_eq!(video.frames, 2);
}

#[test]
fn a_claim_of_a_billion_frames_costs_nothing() {
    let form = Form { bits: 16, samples: 1, frames: 1_000_000_000, movable: false };
    assert_eq!(Geometry::for_length(1000, form).unwrap().frames, 1);
    let form = Form { frames: 1000, ..form };
    let image = Geometry::for_length(100_000, form).unwrap();
    assert_eq!((image.frames, image.rows), (1000, 1));
    let form = Form { frames: 10, ..form };
    assert_eq!(Geometry::for_length(100_000, form).unwrap().rows, 48, "the banner is whole in the first frame");
}
