//! What an image is, as its attributes say, and what can be decoded.

use super::FramesFault;
use crate::dicom::cursor::Cursor;
use crate::dicom::dataset::Raw;
use crate::dicom::transfer_syntax::Encoding;
use crate::dicom::{Tag, Uid};

/// The Image Pixel attributes that decoding depends on (PS3.3 C.7.6.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Transfer syntax of the frames.
    pub syntax: Uid,
    /// Rows (0028,0010).
    pub rows: u16,
    /// Columns (0028,0011).
    pub columns: u16,
    /// Samples per Pixel (0028,0002).
    pub samples: u8,
    /// Bits Allocated (0028,0100).
    pub allocated: u8,
    /// Bits Stored (0028,0101).
    pub stored: u8,
    /// Whether Pixel Representation (0028,0103) says so.
    pub signed: bool,
    /// Photometric Interpretation (0028,0004), at most 16 characters.
    pub photometric: String,
}

impl Image {
    /// Bytes of one decoded frame.
    pub fn frame_bytes(&self) -> u64 {
        let pixels = u64::from(self.rows) * u64::from(self.columns);
        pixels * u64::from(self.samples) * u64::from(self.allocated / 8)
    }
}

/// One compressed frame.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// What it is.
    pub image: Image,
    /// All its fragments.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frame").field("image", &self.image).field("bytes", &self.bytes.len()).finish()
    }
}

/// One decoded frame: little endian, by pixel.
#[derive(Clone, PartialEq, Eq)]
pub struct Pixels {
    /// Photometric Interpretation as it is now.
    pub photometric: String,
    /// The pixels.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Pixels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pixels").field("photometric", &self.photometric).field("bytes", &self.bytes.len()).finish()
    }
}

/// Whether frames of a transfer syntax are decoded.
///
/// # Errors
/// Why not, in words.
pub fn decodable(syntax: &Uid) -> Result<(), &'static str> {
    let video = "video is not decoded";
    let Some(rest) = syntax.as_str().strip_prefix("1.2.840.10008.1.2.") else { return Err("it is not known") };
    match rest {
        // JPEG baseline, extended (8 bits), lossless; JPEG-LS.
        "4.50" | "4.51" | "4.57" | "4.70" | "4.80" | "4.81" => Ok(()),
        // JPEG 2000, HTJ2K.
        "4.90" | "4.91" | "4.201" | "4.202" | "4.203" => Ok(()),
        // RLE; encapsulated and not compressed.
        "5" | "1.98" => Ok(()),
        "4.110" | "4.111" | "4.112" => Err("there is no decoder for JPEG XL"),
        "4.92" | "4.93" => Err("there is no decoder for JPEG 2000 part 2"),
        "8.1" => Err("there is no decoder for deflated frames"),
        _ if rest.starts_with("4.10") => Err(video),
        _ if rest.starts_with("4.") => Err("there is no decoder for it"),
        _ => Err("its pixels are not in frames"),
    }
}

/// Attributes as they come.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    numbers: [Option<u16>; 6],
    photometric: String,
    pub(super) frames: u32,
    /// Extended Offset Table (7FE0,0001).
    pub(super) offsets: Vec<u64>,
}

const NUMBERS: [Tag; 6] = [
    Tag(0x0028, 0x0002),
    Tag(0x0028, 0x0010),
    Tag(0x0028, 0x0011),
    Tag(0x0028, 0x0100),
    Tag(0x0028, 0x0101),
    Tag(0x0028, 0x0103),
];

impl Facts {
    /// A top-level element, whole, in explicit VR little endian.
    pub(super) fn note(&mut self, tag: Tag, element: &[u8]) {
        let Ok(Some(raw)) = Raw::element(element, Encoding::ExplicitLe) else { return };
        let value = element.get(raw.size..).unwrap_or_default();
        let text = || String::from_utf8_lossy(value).trim_matches([' ', '\0']).to_owned();
        if let Some(place) = NUMBERS.iter().position(|known| *known == tag).and_then(|at| self.numbers.get_mut(at)) {
            *place = Cursor::new(value).u16_le();
            return;
        }
        match tag {
            Tag(0x0028, 0x0004) => self.photometric = text(),
            Tag(0x0028, 0x0008) => self.frames = text().parse().unwrap_or(0),
            Tag(0x7fe0, 0x0001) => {
                let numbers = value.chunks_exact(8).filter_map(|number| number.first_chunk::<8>());
                self.offsets = numbers.map(|number| u64::from_le_bytes(*number)).collect();
            }
            _ => {}
        }
    }

    pub(super) fn samples(&self) -> u16 {
        self.numbers.first().copied().flatten().unwrap_or(1)
    }

    pub(super) fn allocated(&self) -> u16 {
        self.numbers.get(3).copied().flatten().unwrap_or(0)
    }

    pub(super) fn image(&mut self, syntax: &Uid) -> Result<Image, FramesFault> {
        let [samples, rows, columns, allocated, stored, representation] = self.numbers;
        let need = |number: Option<u16>, at: usize| {
            let tag = NUMBERS.get(at).copied().unwrap_or(Tag(0x0028, 0));
            number.filter(|number| *number > 0).ok_or(FramesFault::Attribute(tag))
        };
        let small = |number: u16, at: usize, allowed: &[u8]| {
            let tag = NUMBERS.get(at).copied().unwrap_or(Tag(0x0028, 0));
            let number = u8::try_from(number).ok().filter(|number| allowed.contains(number));
            number.ok_or(FramesFault::Attribute(tag))
        };
        self.frames = self.frames.max(1);
        let photometric = self.photometric.clone();
        let printable =
            photometric.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
        if photometric.is_empty() || photometric.len() > 16 || !printable {
            return Err(FramesFault::Attribute(Tag(0x0028, 0x0004)));
        }
        // Of the codecs only run lengths, and no codec at all, have 32 bits.
        let wide = matches!(syntax.as_str(), "1.2.840.10008.1.2.5" | "1.2.840.10008.1.2.1.98");
        let allocated = small(need(allocated, 3)?, 3, if wide { &[8, 16, 32] } else { &[8, 16] })?;
        let stored = u8::try_from(need(stored.or(Some(allocated.into())), 4)?).unwrap_or(u8::MAX);
        if stored > allocated {
            return Err(FramesFault::Attribute(Tag(0x0028, 0x0101)));
        }
        Ok(Image {
            syntax: *syntax,
            rows: need(rows, 1)?,
            columns: need(columns, 2)?,
            samples: small(samples.unwrap_or(1), 0, &[1, 3])?,
            allocated,
            stored,
            signed: representation == Some(1),
            photometric,
        })
    }
}
