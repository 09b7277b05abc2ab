//! What an original says of itself, and what stands in its place.

use super::{Grey, documents, tags};
use crate::dicom::Tag;
use crate::dicom::dataset::Vr;
use crate::vault::carrier::Geometry;
use std::collections::BTreeMap;

const FRAMES: Tag = Tag(0x0028, 0x0008);
const BITS: Tag = Tag(0x0028, 0x0100);
const PHOTOMETRIC: Tag = Tag(0x0028, 0x0004);
const RESCALE_TYPE: Tag = Tag(0x0028, 0x1054);
const SHAPE: Tag = Tag(0x2050, 0x0020);
const DOSE_SCALING: Tag = Tag(0x3004, 0x000e);
const PALETTE: Tag = Tag(0x0028, 0x1101);
const MODALITY_LUT: Tag = Tag(0x0028, 0x3000);
const VOI_LUT: Tag = Tag(0x0028, 0x3010);
const MIME: Tag = Tag(0x0042, 0x0012);
const PIXELS: [Tag; 3] = [Tag(0x7fe0, 0x0008), Tag(0x7fe0, 0x0009), Tag(0x7fe0, 0x0010)];
/// Bytes of a value that are kept.
const SHORT: usize = 64;

/// What the replacements depend on: gathered from the top level of the original, up to its first bulk value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Original {
    /// What is there, with the value in little endian where it is short.
    present: BTreeMap<Tag, Vec<u8>>,
}

impl Original {
    /// Whether [`Self::note`] is to be called for a top-level element. That it is there counts, also without a value.
    pub fn wants(tag: Tag) -> bool {
        matches!(tag, MODALITY_LUT | VOI_LUT | MIME) || PIXELS.contains(&tag) || tags::REPLACED.contains(&tag)
    }

    /// Takes an element for which [`Self::wants`] says so, with its value as it stands where that has at most 64 bytes,
    /// and with an empty one otherwise and for sequences.
    pub fn note(&mut self, tag: Tag, value: &[u8], big_endian: bool) {
        let mut value: Vec<u8> = value.iter().copied().take(SHORT).collect();
        if big_endian && let Some(size) = word_of(tag) {
            value.chunks_mut(size).for_each(<[u8]>::reverse);
        }
        self.present.insert(tag, value);
    }

    /// Whether it has pixel data of any kind (7FE0,0008/0009/0010).
    pub fn has_pixels(&self) -> bool {
        PIXELS.iter().any(|tag| self.has(*tag))
    }

    /// Whether it says how many frames it has.
    pub fn says_frames(&self) -> bool {
        self.has(FRAMES)
    }

    /// Number of Frames as it says, at least 1.
    pub fn frames(&self) -> u32 {
        number(self.value(FRAMES)).unwrap_or(1).max(1)
    }

    /// Bits Allocated as it says; 16 where it does not.
    pub fn bits(&self) -> u16 {
        self.value(BITS).first_chunk().map_or(16, |bytes| u16::from_le_bytes(*bytes))
    }

    fn value(&self, tag: Tag) -> &[u8] {
        self.present.get(&tag).map_or(&[], Vec::as_slice)
    }

    fn has(&self, tag: Tag) -> bool {
        self.present.contains_key(&tag)
    }

    fn has_any(&self, group: u16, elements: &[u16]) -> bool {
        elements.iter().any(|element| self.has(Tag(group, *element)))
    }
}

/// Number of Frames is text (IS).
fn number(value: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(value).ok()?;
    text.trim_matches(|letter: char| letter == ' ' || letter == '\0').parse().ok()
}

/// An element that stands in the sealed object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// Its tag.
    pub tag: Tag,
    /// Its VR.
    pub vr: Vr,
    /// Its value, little endian, of even length.
    pub value: Vec<u8>,
}

/// What stands beside what stayed; ascending.
pub(super) fn replacements(original: &Original, image: Option<&Geometry>, grey: Grey) -> Vec<Replacement> {
    let mut list = List(Vec::new());
    if let Some(image) = image {
        list.pixels(original, image);
        list.scale(original, image, grey);
    }
    if original.has(Tag(0x5600, 0x0020)) {
        list.spectrum(original);
    }
    if original.has(Tag(0x0042, 0x0011)) {
        let document = documents::of(original.value(MIME));
        if original.has(Tag(0x0042, 0x0015)) {
            let length = u32::try_from(document.len()).unwrap_or(u32::MAX);
            list.put(Tag(0x0042, 0x0015), b"UL", &length.to_le_bytes());
        }
        list.put(Tag(0x0042, 0x0011), b"OB", &document);
    }
    if image.is_none() {
        list.unchanged(original);
    }
    list.0.sort_by_key(|replacement| replacement.tag);
    list.0
}

struct List(Vec<Replacement>);

impl List {
    fn put(&mut self, tag: Tag, vr: &[u8; 2], value: &[u8]) {
        let mut value = value.to_vec();
        if !value.len().is_multiple_of(2) {
            value.push(if matches!(vr, b"OB" | b"US" | b"UL") { 0 } else { b' ' });
        }
        self.0.push(Replacement { tag, vr: Vr(*vr), value });
    }

    fn number(&mut self, element: u16, number: u16) {
        self.put(Tag(0x0028, element), b"US", &number.to_le_bytes());
    }

    fn pixels(&mut self, original: &Original, image: &Geometry) {
        let bits = u16::from(image.bits);
        let grey = image.samples == 1;
        self.number(0x0002, u16::from(image.samples));
        self.put(Tag(0x0028, 0x0004), b"CS", if grey { b"MONOCHROME2" } else { b"RGB" });
        if !grey {
            self.number(0x0006, 0);
        }
        if original.has(FRAMES) || image.frames != 1 {
            self.put(FRAMES, b"IS", image.frames.to_string().as_bytes());
        }
        for (element, value) in [(0x0010, image.rows), (0x0011, image.columns), (0x0100, bits), (0x0101, bits)] {
            self.number(element, value);
        }
        self.number(0x0102, bits.saturating_sub(1));
        self.number(0x0103, 0);
        if original.has(DOSE_SCALING) {
            self.put(DOSE_SCALING, b"DS", b"0");
        }
    }

    /// All that the original scaled with is gone. What its class may ask for stands there as a scale that changes nothing,
    /// and as a window from black to white.
    fn scale(&mut self, original: &Original, image: &Geometry, grey: Grey) {
        // What the scale is called has to fit the class: HU in CT, unspecified (US) in others.
        let kind = original.value(RESCALE_TYPE);
        if !kind.is_empty() {
            self.put(RESCALE_TYPE, b"LO", kind);
        }
        if image.samples != 1 {
            return;
        }
        let coloured = !original.value(PHOTOMETRIC).starts_with(b"MONOCHROME");
        let scaled = coloured && grey == Grey::ShapeAndScale;
        if scaled || original.has_any(0x0028, &[0x1052, 0x1053, 0x3000]) {
            self.put(Tag(0x0028, 0x1052), b"DS", b"0");
            self.put(Tag(0x0028, 0x1053), b"DS", b"1");
        }
        if kind.is_empty() && (scaled || original.has(MODALITY_LUT)) {
            self.put(RESCALE_TYPE, b"LO", b"US");
        }
        if original.has(SHAPE) || coloured && grey != Grey::Plain {
            self.put(SHAPE, b"CS", b"IDENTITY");
        }
        if image.bits == 1 {
            return;
        }
        let white = 1_u32 << image.bits;
        if original.has_any(0x0028, &[0x1050, 0x1051, 0x3010]) {
            self.put(Tag(0x0028, 0x1050), b"DS", (white / 2).to_string().as_bytes());
            self.put(Tag(0x0028, 0x1051), b"DS", white.to_string().as_bytes());
        }
        // Colours for a range of grey (PS3.3 C.7.6.19), which objects that promise them have to have: white for the
        // highest two values.
        if original.has(PALETTE) && !coloured {
            let first = u16::try_from(white - 2).unwrap_or(u16::MAX);
            let descriptor: Vec<u8> = [2, first, 16].iter().flat_map(|number| number.to_le_bytes()).collect();
            for element in 0x1101..=0x1103 {
                self.put(Tag(0x0028, element), b"US", &descriptor);
                self.put(Tag(0x0028, element + 0x100), b"OW", &[0xff; 4]);
            }
        }
    }

    /// Nothing stands in place of pixels, so what describes them stands there as it was.
    fn unchanged(&mut self, original: &Original) {
        for (tag, value) in &original.present {
            let known = VRS.iter().find(|(known, _)| known == tag);
            let there = self.0.iter().any(|replacement| replacement.tag == *tag);
            if let Some((_, vr)) = known.filter(|_| !there && !value.is_empty()) {
                self.put(*tag, vr, value);
            }
        }
    }

    /// One data point for each frame, real and zero (PS3.3 C.8.14.4).
    fn spectrum(&mut self, original: &Original) {
        let frames = original.frames();
        if original.has(FRAMES) {
            self.put(FRAMES, b"IS", frames.to_string().as_bytes());
        }
        self.number(0x0010, 1);
        self.number(0x0011, 1);
        self.put(Tag(0x0028, 0x9001), b"UL", &1_u32.to_le_bytes());
        self.put(Tag(0x0028, 0x9002), b"UL", &1_u32.to_le_bytes());
        self.put(Tag(0x0028, 0x9108), b"CS", b"REAL");
        let points = usize::try_from(frames.min(MOST_SPECTRA)).unwrap_or(1);
        self.put(Tag(0x5600, 0x0020), b"OF", &vec![0; points.saturating_mul(4)]);
    }
}

/// What of the replaced describes the pixels or scales them, with its VR; tags ascending.
const VRS: [(Tag, &[u8; 2]); 21] = [
    (Tag(0x0028, 0x0002), b"US"),
    (Tag(0x0028, 0x0004), b"CS"),
    (Tag(0x0028, 0x0006), b"US"),
    (Tag(0x0028, 0x0008), b"IS"),
    (Tag(0x0028, 0x0010), b"US"),
    (Tag(0x0028, 0x0011), b"US"),
    (Tag(0x0028, 0x0100), b"US"),
    (Tag(0x0028, 0x0101), b"US"),
    (Tag(0x0028, 0x0102), b"US"),
    (Tag(0x0028, 0x0103), b"US"),
    (Tag(0x0028, 0x1050), b"DS"),
    (Tag(0x0028, 0x1051), b"DS"),
    (Tag(0x0028, 0x1052), b"DS"),
    (Tag(0x0028, 0x1053), b"DS"),
    (Tag(0x0028, 0x1054), b"LO"),
    (Tag(0x0028, 0x9001), b"UL"),
    (Tag(0x0028, 0x9002), b"UL"),
    (Tag(0x0028, 0x9108), b"CS"),
    (Tag(0x0042, 0x0015), b"UL"),
    (Tag(0x2050, 0x0020), b"CS"),
    (Tag(0x3004, 0x000e), b"DS"),
];

/// Bytes of a binary word in its value; `None`: it is text, or not looked at.
fn word_of(tag: Tag) -> Option<usize> {
    let (_, vr) = VRS.iter().find(|(known, _)| *known == tag)?;
    match *vr {
        b"US" => Some(2),
        b"UL" => Some(4),
        _ => None,
    }
}

/// More frames than any spectroscopy object has; a number from the wire decides on memory here.
const MOST_SPECTRA: u32 = 1 << 20;
