use super::{MAGIC, NEAR, PREFIX, Pixels, Verdict};
use proptest::prelude::*;

const LENGTH: usize = 200_000;

/// What the pieces of a value come to, and what stands behind the magic of the one that told.
fn looked(value: &[u8], piece: usize) -> (Verdict, Option<(u64, u64)>, Vec<u8>) {
    let mut pixels = Pixels::new(value.len() as u64, None);
    for bytes in value.chunks(piece) {
        let verdict = pixels.push(bytes);
        if verdict != Verdict::Unknown {
            return (verdict, pixels.segments, bytes[bytes.len() - pixels.behind..].to_vec());
        }
    }
    (Verdict::Unknown, None, Vec::new())
}

fn with_magic(places: &[usize]) -> Vec<u8> {
    let mut value: Vec<u8> = (0..LENGTH).map(|at| u8::try_from(at % 251).unwrap()).collect();
    for place in places {
        value[*place..*place + 8].copy_from_slice(&MAGIC);
        value[*place + 8..*place + 16].copy_from_slice(&77_u64.to_le_bytes());
    }
    value
}

#[test]
fn no_two_places_are_so_near_that_one_would_hide_the_other() {
    for length in [1_u64 << 12, 1 << 20, 1 << 32] {
        let pixels = Pixels::new(length, Some(512 * 48 * 2));
        assert!(pixels.places.windows(2).all(|pair| pair[1] - pair[0] > PREFIX), "{:?}", pixels.places);
    }
}

proptest! {
    #[test]
    fn it_is_found_however_the_value_comes(banner in 0_usize..4, piece in 1_usize..60_000) {
        let place = [512 * 48 / 8, 512 * 48, 512 * 48 * 2, 512 * 48 * 3][banner];
        // A magic where no banner ends is none.
        let value = with_magic(&[place - 16, place, place + 16]);
        let (verdict, segments, behind) = looked(&value, piece);
        prop_assert_eq!((verdict, segments), (Verdict::Seal, Some((place as u64 + PREFIX, 77))));
        prop_assert!(value[place + 16..].starts_with(&behind) && behind.len() < piece);
    }

    #[test]
    fn where_it_is_not_that_is_known_behind_the_last_place(piece in 1_usize..60_000) {
        let value = with_magic(&[16, 100_000]);
        let (verdict, segments, _) = looked(&value, piece);
        prop_assert_eq!((verdict, segments), (Verdict::Nothing, None));
        let short = usize::try_from(NEAR).unwrap();
        prop_assert_eq!(looked(&value[..short], piece).0, Verdict::Nothing);
    }
}
