//! What a viewer shows of a sealed image: a few words, white on black, in pixels. An own font of the letters that it takes:
//! the words never change, and nothing that reads fonts belongs into a gateway.

mod glyphs;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use std::sync::{LazyLock, OnceLock};

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

/// The narrowest banners, which nearly all sealed objects have, in each form of pixels: drawn once, together 150 KB.
static NARROW: [((u8, u8), OnceLock<Bytes>); 4] =
    [((1, 1), OnceLock::new()), ((8, 1), OnceLock::new()), ((8, 3), OnceLock::new()), ((16, 1), OnceLock::new())];

/// The banner as native pixels, little endian: [`ROWS`] rows of so many columns of so many samples of 1, 8 or 16 bits. White
/// is the highest value that these bits can hold, so that it is white in every window.
pub fn rows(columns: u16, bits: u8, samples: u8) -> Bytes {
    let known = NARROW.iter().find(|(form, _)| usize::from(columns) == WORDS && *form == (bits, samples));
    match known {
        Some((_, drawn)) => drawn.get_or_init(|| draw(columns, bits, samples).into()).clone(),
        None => draw(columns, bits, samples).into(),
    }
}

fn draw(columns: u16, bits: u8, samples: u8) -> Vec<u8> {
    let columns = usize::from(columns);
    let of_row = columns * usize::from(bits) * usize::from(samples) / 8;
    let bytes_each = usize::from(bits / 8) * usize::from(samples);
    let mut bytes = vec![0; of_row * usize::from(ROWS)];
    for (row, white) in bytes.chunks_exact_mut(of_row.max(1)).zip(WHITE.iter()) {
        for x in white.iter().copied().filter(|x| *x < columns) {
            if bits == 1 {
                // The first pixel stands in the lowest bit (PS3.5 8.1.1, annex D).
                if let Some(eight) = row.get_mut(x / 8) {
                    *eight |= 1 << (x % 8);
                }
            } else if let Some(pixel) = row.get_mut(x * bytes_each..(x + 1) * bytes_each) {
                pixel.fill(0xff);
            }
        }
    }
    bytes
}

/// The white pixels of each row, from the left. Every sealed image begins with them, so they are looked up once.
static WHITE: LazyLock<Vec<Vec<usize>>> =
    LazyLock::new(|| (0..usize::from(ROWS)).map(|y| (0..WORDS).filter(|x| is_white(*x, y)).collect()).collect());

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
