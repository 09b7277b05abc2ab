//! What a viewer shows of a sealed image: a few words, white on black, in pixels.

/// Rows of the banner.
pub const ROWS: u16 = 48;

/// The banner as native pixels, little endian: [`ROWS`] rows of so many columns of so many samples of 1, 8 or 16 bits.
pub fn rows(columns: u16, bits: u8, samples: u8) -> Vec<u8> {
    vec![0; usize::from(columns) * usize::from(bits) * usize::from(samples) / 8 * usize::from(ROWS)]
}
