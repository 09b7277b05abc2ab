//! Where a seal stands in a sealed object: behind a banner in Pixel Data, or in Encrypted Attributes (0400,0500).
//!
//! In Pixel Data: [`banner::ROWS`](super::banner::ROWS) rows that can be read, then [`MAGIC`] and the length of the segments
//! (u64, little endian), then the segments, then zero bytes up to the last pixel. Whoever opens needs Columns, Samples per
//! Pixel and Bits Allocated of what it was given, and nothing else.

use super::banner;

/// What stands before the length of the segments.
pub const MAGIC: [u8; 8] = *b"DGSEAL1\n";
/// Bytes of the magic and of the length behind it.
pub const PREFIX: u64 = 16;
/// What a Pixel Data value may have at most: even, and not the undefined length.
pub const LONGEST: u64 = 0xffff_fffe;
/// What the largest image has to leave over for elements behind Pixel Data that are sealed too.
pub const TRAILING_RESERVE: u64 = 64 << 10;

const LEAST_COLUMNS: u16 = 512;
const COLUMNS: [u16; 7] = [LEAST_COLUMNS, 1024, 2048, 4096, 8192, 16_384, 32_768];
const PREFERRED_ROWS: u64 = 32_768;
const MOST_ROWS: u64 = 65_535;
/// So many bytes an image may grow for the sake of its number of frames, or of a banner that is whole in the first one.
const FREE: u64 = 1 << 20;

/// Where the seal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// In Pixel Data, behind a banner.
    Pixels,
    /// In Encrypted Attributes Sequence (0400,0500), beside a placeholder.
    Attributes,
}

/// The form of the pixels of a sealed object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Form {
    /// Bits Allocated: 1, 8 or 16; all of them stored.
    pub bits: u8,
    /// Samples per Pixel: 1 (MONOCHROME2), or 3 (RGB) for the classes that know nothing else.
    pub samples: u8,
    /// Frames that it should have, at least 1.
    pub frames: u32,
    /// Whether there may be another number of frames where these do not do: the image has frames in any case.
    pub movable: bool,
}

impl Form {
    /// Bits of a pixel.
    const fn pixel(self) -> u64 {
        self.bits as u64 * self.samples as u64
    }
}

/// The sealed object is longer than Pixel Data can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sealed it would have {0} bytes, which is more than Pixel Data can hold (4 GiB)")]
pub struct TooLong(pub u64);

/// The image that carries a seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// Rows of a frame.
    pub rows: u16,
    /// Columns.
    pub columns: u16,
    /// Number of Frames.
    pub frames: u32,
    /// Bits Allocated: 1, 8 or 16.
    pub bits: u8,
    /// Samples per Pixel: 1 or 3.
    pub samples: u8,
    /// Zero bytes behind the segments.
    pub pad: u64,
    /// Bytes of the whole value, even.
    pub total: u64,
}

impl Geometry {
    /// The least image that holds so many bytes of segments.
    ///
    /// # Errors
    /// Nothing up to 4 GiB - 2 bytes holds them.
    pub fn for_length(sealed: u64, form: Form) -> Result<Self, TooLong> {
        let too_long = TooLong(sealed);
        COLUMNS.iter().find_map(|columns| Self::at(*columns, sealed, form, PREFERRED_ROWS)).ok_or(too_long)
    }

    fn at(columns: u16, sealed: u64, form: Form, most: u64) -> Option<Self> {
        let row = u64::from(columns) * form.pixel() / 8;
        let needed = (row * u64::from(banner::ROWS)).checked_add(PREFIX)?.checked_add(sealed)?;
        let rows = needed.div_ceil(row * u64::from(form.frames));
        if rows > most.min(MOST_ROWS) {
            return None;
        }
        let total = row * rows * u64::from(form.frames);
        let _ = FREE;
        (total <= LONGEST).then_some(Self {
            rows: u16::try_from(rows).ok()?,
            columns,
            frames: form.frames,
            bits: form.bits,
            samples: form.samples,
            pad: total - needed,
            total,
        })
    }

    /// The image of a banner alone, for the carrier [`Carrier::Attributes`].
    pub fn placeholder(form: Form) -> Self {
        let row = u64::from(LEAST_COLUMNS) * form.pixel() / 8;
        let total = row * u64::from(banner::ROWS) * u64::from(form.frames);
        Self {
            rows: banner::ROWS,
            columns: LEAST_COLUMNS,
            frames: form.frames,
            bits: form.bits,
            samples: form.samples,
            pad: 0,
            total,
        }
    }

    /// What the value begins with: the banner, the magic, the length of the segments.
    pub fn beginning(&self, sealed: u64) -> Vec<u8> {
        let mut bytes = banner::rows(self.columns, self.bits, self.samples);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&sealed.to_le_bytes());
        bytes
    }
}

/// Where in Pixel Data the magic stands, counted in bytes, by what the object that carries it says of its pixels; `None`:
/// no sealed object looks like that.
pub fn magic_at(columns: u16, bits_allocated: u16, samples: u16) -> Option<u64> {
    let known = COLUMNS.contains(&columns) && matches!((bits_allocated, samples), (1 | 8 | 16, 1) | (8, 3));
    known.then(|| u64::from(columns) * u64::from(bits_allocated) * u64::from(samples) / 8 * u64::from(banner::ROWS))
}
