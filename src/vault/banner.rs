//! What a viewer shows of a sealed image: a few words, white on black, in pixels. An own font of the letters that it takes:
//! the words never change, and nothing that reads fonts belongs into a gateway.

mod glyphs;
#[cfg(test)]
mod tests;

/// Rows of the banner.
pub const ROWS: u16 = 48;

/// What it says.
const LINES: [&str; 2] = ["SEALED: open through the gateway.", "Not for diagnosis."];
/// Dots of a glyph.
const WIDTH: usize = 5;
const HEIGHT: usize = 9;
/// Pixels of a dot, either way.
const SCALE: usize = 2;
/// Where the words begin, in pixels from the left and from the top; and how far it is from line to line.
const LEFT: usize = 8;
/// Columns behind which nothing is written: those of the narrowest image.
const WORDS: usize = 512;
const TOP: usize = 4;
const PITCH: usize = 22;

/// The banner as native pixels, little endian: [`ROWS`] rows of so many columns of so many samples of 1, 8 or 16 bits. White
/// is the highest value that these bits can hold, so that it is white in every window.
pub fn rows(columns: u16, bits: u8, samples: u8) -> Vec<u8> {
    let columns = usize::from(columns);
    let mut bytes = Vec::with_capacity(columns * usize::from(bits) * usize::from(samples) / 8 * usize::from(ROWS));
    for y in 0..usize::from(ROWS) {
        let row: Vec<bool> = (0..columns).map(|x| x < WORDS && is_white(x, y)).collect();
        if bits == 1 {
            // The first pixel stands in the lowest bit (PS3.5 8.1.1, annex D).
            let pack = |eight: &[bool]| eight.iter().rev().fold(0, |packed, white| packed << 1 | u8::from(*white));
            bytes.extend(row.chunks(8).map(pack));
        } else {
            let bytes_each = usize::from(bits / 8) * usize::from(samples);
            let white = |white: bool| if white { 0xff } else { 0 };
            bytes.extend(row.into_iter().flat_map(|dot| std::iter::repeat_n(white(dot), bytes_each)));
        }
    }
    bytes
}

fn is_white(x: usize, y: usize) -> bool {
    let dot = || {
        let (x, y) = (x.checked_sub(LEFT)?, y.checked_sub(TOP)?);
        let line = LINES.get(y / PITCH)?;
        let (row, column) = (y % PITCH / SCALE, x / SCALE);
        let letter = line.chars().nth(column / (WIDTH + 1))?;
        let dots = *glyphs::rows_of(letter)?.get(row)?;
        let from_right = WIDTH.checked_sub(column % (WIDTH + 1) + 1)?;
        Some(dots >> from_right & 1 == 1)
    };
    dot().unwrap_or(false)
}
