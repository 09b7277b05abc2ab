//! Synthetic originals to be sealed: one of every family, recognisable as what they are, with nothing of anybody in them.

use crate::dicom::dataset::write::DataSet;
use crate::dicom::transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, encoding_of};
use crate::dicom::{Tag, Uid};
use crate::vault::family::Family;

/// Patient ID of everything that probes leave behind.
pub const PATIENT_ID: &str = "DICOMGATE-PROBE";
/// Patient's name of the same.
pub const PATIENT_NAME: &str = "DICOMGATE^PROBE";
/// JPEG baseline: what is sealed is not looked at, so any bytes will do.
const JPEG: &str = "1.2.840.10008.1.2.4.50";
/// Rows and columns of a sample.
const SIDE: u16 = 64;
/// Bytes of a private value: more than any `private_max` that makes sense.
const PRIVATE: usize = 16 << 10;

/// What a sample is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Pixels of so many bits, native, so many frames.
    Native(u16, u32),
    /// Pixels of 8 bits, encapsulated.
    Encapsulated,
    /// No pixels.
    Plain,
}

/// One synthetic original.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Its family.
    pub family: &'static Family,
    /// SOP class.
    pub class: Uid,
    /// SOP instance.
    pub instance: Uid,
    /// Study.
    pub study: Uid,
    /// Series.
    pub series: Uid,
    /// Accession number.
    pub accession: String,
    /// What it is like.
    pub shape: Shape,
    /// Number in its series.
    pub number: u32,
}

/// The samples of a family that differ in what the sealed object looks like.
pub fn shapes(family: &Family) -> &'static [Shape] {
    const GREY: &[Shape] = &[Shape::Native(16, 1), Shape::Encapsulated];
    const ENHANCED: &[Shape] = &[Shape::Native(16, 3), Shape::Encapsulated];
    const BITS: &[Shape] = &[Shape::Native(1, 2), Shape::Native(8, 2)];
    const NONE: &[Shape] = &[Shape::Plain];
    match family.name {
        name if NO_PIXELS.contains(&name) => NONE,
        "Segmentation" | "Secondary capture, single bit" => BITS,
        name if name.starts_with("Enhanced") || name.contains("volumes") || name.contains("slides") => ENHANCED,
        _ => GREY,
    }
}

/// Families whose objects have no pixels.
const NO_PIXELS: [&str; 7] = [
    "Waveforms",
    "Audio",
    "MR spectroscopy",
    "Encapsulated PDF, CDA, STL, OBJ, MTL",
    "Surfaces, meshes, point clouds, tracts, bulk annotations",
    "Deformable registration",
    "Raw data",
];

impl Sample {
    /// Transfer syntax of the original.
    pub fn syntax(&self) -> &'static str {
        match self.shape {
            Shape::Encapsulated => JPEG,
            Shape::Native(8, _) => IMPLICIT_VR_LITTLE_ENDIAN,
            Shape::Native(..) | Shape::Plain => EXPLICIT_VR_LITTLE_ENDIAN,
        }
    }

    /// The original: what comes before the pixel values, and how many bytes of those follow.
    pub fn data(&self, pixels: Option<u64>) -> (Vec<u8>, u64) {
        let Ok(syntax) = Uid::new(self.syntax()) else { return (Vec::new(), 0) };
        let encoding = encoding_of(&syntax);
        let set = self.header();
        match self.shape {
            Shape::Plain => (bulk(set, self.family.name).encode(encoding), 0),
            Shape::Encapsulated => {
                let mut bytes = pixel_module(set, SIDE, SIDE, 8, 1).encode(encoding);
                bytes.extend_from_slice(&encapsulated(&noise(6000, 7)));
                (bytes, 0)
            }
            Shape::Native(bits, frames) => {
                let (rows, columns, frames) = size(pixels, frames);
                let length = u64::from(rows) * u64::from(columns) * u64::from(frames) * u64::from(bits) / 8;
                let length = length.next_multiple_of(2);
                let mut bytes = pixel_module(set, rows, columns, bits, frames).encode(encoding);
                let long = u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
                bytes.extend_from_slice(&[0xe0, 0x7f, 0x10, 0x00]);
                if encoding == crate::dicom::transfer_syntax::Encoding::ExplicitLe {
                    bytes.extend_from_slice(b"OW\0\0");
                }
                bytes.extend_from_slice(&long);
                (bytes, length)
            }
        }
    }

    fn header(&self) -> DataSet {
        DataSet::new()
            .with(Tag(0x0008, 0x0008), b"CS", "DERIVED\\SECONDARY")
            .with_uid(Tag(0x0008, 0x0016), &self.class)
            .with_uid(Tag(0x0008, 0x0018), &self.instance)
            .with(Tag(0x0008, 0x0020), b"DA", "20200102")
            .with(Tag(0x0008, 0x0021), b"DA", "20200102")
            .with(Tag(0x0008, 0x0023), b"DA", "20200102")
            .with(Tag(0x0008, 0x0030), b"TM", "120000")
            .with(Tag(0x0008, 0x0033), b"TM", "120000")
            .with(Tag(0x0008, 0x0050), b"SH", &self.accession)
            .with(Tag(0x0008, 0x0060), b"CS", "OT")
            .with(Tag(0x0008, 0x0064), b"CS", "SYN")
            .with(Tag(0x0008, 0x0070), b"LO", "dicomgate")
            .with(Tag(0x0008, 0x0090), b"PN", "")
            .with(Tag(0x0008, 0x1030), b"LO", "vault probe")
            .with(Tag(0x0010, 0x0010), b"PN", PATIENT_NAME)
            .with(Tag(0x0010, 0x0020), b"LO", PATIENT_ID)
            .with(Tag(0x0010, 0x0030), b"DA", "19700101")
            .with(Tag(0x0010, 0x0040), b"CS", "O")
            .with_uid(Tag(0x0020, 0x000d), &self.study)
            .with_uid(Tag(0x0020, 0x000e), &self.series)
            .with(Tag(0x0020, 0x0010), b"SH", "PROBE")
            .with(Tag(0x0020, 0x0011), b"IS", "1")
            .with(Tag(0x0020, 0x0013), b"IS", self.number.to_string())
            .with(Tag(0x0029, 0x0010), b"LO", "DICOMGATE PROBE")
            .with(Tag(0x0029, 0x1001), b"OB", noise(PRIVATE, self.number))
    }
}

/// The least picture that has so many bytes: 16 bits, one frame more for every 32 MiB.
fn size(pixels: Option<u64>, frames: u32) -> (u16, u16, u32) {
    let Some(bytes) = pixels else { return (SIDE, SIDE, frames) };
    let columns = 4096_u64;
    let rows = bytes.div_ceil(columns * 2).max(1);
    let frames = rows.div_ceil(4096).max(1);
    let rows = rows.div_ceil(frames);
    (u16::try_from(rows).unwrap_or(u16::MAX), 4096, u32::try_from(frames).unwrap_or(1))
}

fn pixel_module(set: DataSet, rows: u16, columns: u16, bits: u16, frames: u32) -> DataSet {
    let set = if frames > 1 { set.with(Tag(0x0028, 0x0008), b"IS", frames.to_string()) } else { set };
    set.with_u16(Tag(0x0028, 0x0002), 1)
        .with(Tag(0x0028, 0x0004), b"CS", "MONOCHROME2")
        .with_u16(Tag(0x0028, 0x0010), rows)
        .with_u16(Tag(0x0028, 0x0011), columns)
        .with_u16(Tag(0x0028, 0x0100), bits)
        .with_u16(Tag(0x0028, 0x0101), bits)
        .with_u16(Tag(0x0028, 0x0102), bits.saturating_sub(1))
        .with_u16(Tag(0x0028, 0x0103), 0)
}

/// What objects without pixels are about.
fn bulk(set: DataSet, family: &str) -> DataSet {
    match family {
        "Waveforms" | "Audio" => {
            let channel = DataSet::new().with(Tag(0x003a, 0x0203), b"SH", "I").with_u16(Tag(0x003a, 0x021a), 16);
            let item = DataSet::new()
                .with(Tag(0x003a, 0x0004), b"CS", "ORIGINAL")
                .with_u16(Tag(0x003a, 0x0005), 1)
                .with(Tag(0x003a, 0x0010), b"UL", 4000_u32.to_le_bytes())
                .with(Tag(0x003a, 0x001a), b"DS", "500")
                .with_items(Tag(0x003a, 0x0200), vec![channel])
                .with_u16(Tag(0x5400, 0x1004), 16)
                .with(Tag(0x5400, 0x1006), b"CS", "SS")
                .with(Tag(0x5400, 0x1010), b"OW", noise(8000, 3));
            set.with_items(Tag(0x5400, 0x0100), vec![item])
        }
        "MR spectroscopy" => set
            .with(Tag(0x0028, 0x0008), b"IS", "1")
            .with_u16(Tag(0x0028, 0x0010), 1)
            .with_u16(Tag(0x0028, 0x0011), 1)
            .with(Tag(0x0028, 0x9001), b"UL", 1_u32.to_le_bytes())
            .with(Tag(0x0028, 0x9002), b"UL", 512_u32.to_le_bytes())
            .with(Tag(0x0028, 0x9108), b"CS", "COMPLEX")
            .with(Tag(0x5600, 0x0020), b"OF", noise(4096, 4)),
        name if name.starts_with("Encapsulated") => set
            .with(Tag(0x0042, 0x0010), b"ST", "vault probe")
            .with(Tag(0x0042, 0x0012), b"LO", "application/pdf")
            .with(Tag(0x0042, 0x0011), b"OB", noise(9000, 5)),
        // What is sealed of the others is their private value.
        _ => set,
    }
}

/// Encapsulated pixel data (PS3.5 A.4): an empty offset table and one fragment.
fn encapsulated(fragment: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xe0, 0x7f, 0x10, 0x00, b'O', b'B', 0, 0, 0xff, 0xff, 0xff, 0xff];
    bytes.extend_from_slice(&[0xfe, 0xff, 0x00, 0xe0, 0, 0, 0, 0, 0xfe, 0xff, 0x00, 0xe0]);
    bytes.extend_from_slice(&u32::try_from(fragment.len()).unwrap_or_default().to_le_bytes());
    bytes.extend_from_slice(fragment);
    bytes.extend_from_slice(&[0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
    bytes
}

/// Bytes that do not compress to nothing: xorshift.
pub fn noise(length: usize, seed: u32) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ (u64::from(seed) << 17);
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
