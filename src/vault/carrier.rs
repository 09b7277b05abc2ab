//! Where a seal stands in a sealed object: behind a banner in Pixel Data, or in Encrypted Attributes (0400,0500).
//!
//! In Pixel Data: [`banner::ROWS`](super::banner::ROWS) rows that can be read, then [`MAGIC`] and the length of the segments
//! (u64, little endian), then the segments, then zero bytes up to the last pixel. Whoever opens needs Columns, Samples per
//! Pixel and Bits Allocated of what it was given, and nothing else.

use super::banner;
use bytes::Bytes;

/// What stands before the length of the segments.
pub const MAGIC: [u8; 8] = *b"DGSEAL1\n";
/// Bytes of the magic and of the length behind it.
pub const PREFIX: u64 = 16;
/// What a Pixel Data value may have at most: even, and not the undefined length.
pub const LONGEST: u64 = 0xffff_fffe;
/// What the largest image has to leave over for elements behind Pixel Data that are sealed too.
pub const TRAILING_RESERVE: u64 = 64 << 10;

const LEAST_COLUMNS: u16 = 512;
const COLUMNS: [u16; 7] = [LEAST_COLUMNS, 1024, 2048, 4096, 8192, 16_384, MOST_COLUMNS];
const MOST_COLUMNS: u16 = 32_768;
const PREFERRED_ROWS: u64 = 32_768;
const MOST_ROWS: u64 = 65_535;
/// So many bytes an image may grow so that the banner is whole in its first frame; also what a placeholder may have.
const BANNER_FREE: u64 = 1 << 20;
/// So many bytes, beside as many as the seal has, an image may grow to have its number of frames. A number from the wire
/// decides here: without a limit a small object that claims a billion frames would not be stored at all.
const FRAMES_FREE: u64 = 16 << 20;
/// What a placeholder of one row a frame may have.
const PLACEHOLDER_MOST: u64 = 4 << 20;

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
    /// Whether there may be more frames where one does not do.
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
    /// The least image that holds so many bytes of segments: the fewest columns of a row of powers of two for which there
    /// are at most 32,768 rows. It has the frames of the form, unless that would make a small seal many times as long.
    ///
    /// # Errors
    /// Nothing up to 4 GiB - 2 bytes holds them.
    pub fn for_length(sealed: u64, form: Form) -> Result<Self, TooLong> {
        let frames = form.frames.max(1);
        let fits = |image: &Self| frames == 1 || image.pad <= FRAMES_FREE.saturating_add(sealed);
        Self::with_frames(sealed, form, frames)
            .filter(fits)
            .or_else(|| Self::with_frames(sealed, form, 1))
            .or_else(|| (2..=8).filter(|_| form.movable).find_map(|frames| Self::with_frames(sealed, form, frames)))
            .ok_or(TooLong(sealed))
    }

    fn with_frames(sealed: u64, form: Form, frames: u32) -> Option<Self> {
        let preferred = COLUMNS.iter().find_map(|columns| Self::at(*columns, sealed, form, frames, PREFERRED_ROWS));
        preferred.or_else(|| Self::at(MOST_COLUMNS, sealed, form, frames, MOST_ROWS))
    }

    fn at(columns: u16, sealed: u64, form: Form, frames: u32, most: u64) -> Option<Self> {
        let row = u64::from(columns) * form.pixel() / 8;
        let banner = u64::from(banner::ROWS);
        let needed = (row * banner).checked_add(PREFIX)?.checked_add(sealed)?;
        let of_rows = |rows: u64| rows.checked_mul(row * u64::from(frames)).filter(|total| *total <= LONGEST);
        let mut rows = needed.div_ceil(row * u64::from(frames));
        if rows < banner && of_rows(banner).is_some_and(|total| total <= needed + BANNER_FREE) {
            rows = banner;
        }
        let total = of_rows(rows).filter(|_| rows <= most)?;
        let rows = u16::try_from(rows).ok()?;
        Some(Self { rows, columns, frames, bits: form.bits, samples: form.samples, pad: total - needed, total })
    }

    /// The image of a banner alone, for [`Carrier::Attributes`]: as many frames as the form says, of fewer rows where they
    /// are many; one frame where they would be too many.
    pub fn placeholder(form: Form) -> Self {
        let row = u64::from(LEAST_COLUMNS) * form.pixel() / 8;
        let many = row * u64::from(form.frames.max(1)) > PLACEHOLDER_MOST;
        let frames = if many { 1 } else { form.frames.max(1) };
        let of_row = row * u64::from(frames);
        let rows = (BANNER_FREE / of_row).clamp(1, u64::from(banner::ROWS));
        let total = of_row * rows;
        let rows = u16::try_from(rows).unwrap_or(banner::ROWS);
        Self { rows, columns: LEAST_COLUMNS, frames, bits: form.bits, samples: form.samples, pad: 0, total }
    }

    /// The whole value of a placeholder: in each frame the banner, or as many rows of it as a frame has.
    pub fn blank(&self) -> Vec<u8> {
        let banner = banner::rows(self.columns, self.bits, self.samples);
        let total = usize::try_from(self.total).unwrap_or_default();
        let frame = total.checked_div(usize::try_from(self.frames).unwrap_or_default()).unwrap_or_default();
        let rows = banner.get(..frame).unwrap_or(&banner);
        let mut bytes = Vec::with_capacity(total);
        for begin in (0..total).step_by(frame.max(1)) {
            bytes.resize(begin, 0);
            bytes.extend_from_slice(rows);
        }
        bytes
    }

    /// What the value begins with: the banner; then the magic and the length of the segments.
    pub fn beginning(&self, sealed: u64) -> [Bytes; 2] {
        let prefix = [MAGIC, sealed.to_le_bytes()].concat();
        [banner::rows(self.columns, self.bits, self.samples), prefix.into()]
    }
}

/// Where in Pixel Data the magic stands, counted in bytes, by what the object that carries it says of its pixels; `None`:
/// no sealed object looks like that.
pub fn magic_at(columns: u16, bits_allocated: u16, samples: u16) -> Option<u64> {
    let known = COLUMNS.contains(&columns) && matches!((bits_allocated, samples), (1 | 8 | 16, 1) | (8, 3));
    known.then(|| u64::from(columns) * u64::from(bits_allocated) * u64::from(samples) / 8 * u64::from(banner::ROWS))
}

/// The length of the segments, read from what stands at [`magic_at`]; `None`: there is no seal.
pub fn segments_behind(prefix: &[u8]) -> Option<u64> {
    let length = prefix.strip_prefix(&MAGIC)?.first_chunk()?;
    Some(u64::from_le_bytes(*length))
}

#[cfg(test)]
mod tests;
