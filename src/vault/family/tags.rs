//! Attributes about which something is decided, by tag, with the reason: the table of docs/sealing.md.

use super::part::Part::{self, Clear, Seal};
use crate::dicom::Tag;

/// At which level a rule holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// At every level.
    Any,
    /// Only at the top level.
    Top,
    /// Only inside sequences.
    Nested,
}
use Level::{Any, Nested, Top};

/// What is decided about a range of tags; of its groups only even ones are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The first tag.
    pub first: Tag,
    /// The last tag.
    pub last: Tag,
    /// Where it holds.
    pub level: Level,
    /// What becomes of them.
    pub part: Part,
    /// What they are.
    pub what: &'static str,
    /// Why.
    pub why: &'static str,
}

const fn one(group: u16, element: u16, level: Level, part: Part, what: &'static str, why: &'static str) -> Rule {
    Rule { first: Tag(group, element), last: Tag(group, element), level, part, what, why }
}

const fn range(group: u16, elements: (u16, u16), level: Level, what: &'static str, why: &'static str) -> Rule {
    Rule { first: Tag(group, elements.0), last: Tag(group, elements.1), level, part: Seal, what, why }
}

const fn groups(first: u16, last: u16, what: &'static str, why: &'static str) -> Rule {
    Rule { first: Tag(first, 0), last: Tag(last, 0xffff), level: Any, part: Seal, what, why }
}

const PIXEL: &str = "describes the pixels: the banner has its own";
const SCALE: &str = "scales the pixels: with it the banner might not be seen";
const LUT: &str = "follows the pixels; inside sequences a table of two entries, black and white, stands in its place";
const POINTS: &str = "the shape itself; one point stands in its place";
const COUNT: &str = "counts the points; 1 stands in its place";

/// The rules, ascending by first tag, not overlapping.
///
/// Of sealed format 1: what is sealed by them is thrown away where it stands in the clear part of a sealed object. A tag that
/// a later format seals must not be among these for objects that were sealed before.
#[rustfmt::skip]
pub static RULES: &[Rule] = &[
    one(0x0008, 0x0001, Any, Seal, "Length to End (retired)", "no longer true of the sealed object"),
    one(0x0022, 0x1530, Nested, Seal, "Number of Map Points", COUNT),
    one(0x0022, 0x1531, Nested, Seal, "Two Dimensional to Three Dimensional Map Data", POINTS),
    range(0x0028, (0x0002, 0x0004), Top, "Samples per Pixel, Photometric Interpretation", PIXEL),
    one(0x0028, 0x0006, Top, Seal, "Planar Configuration", PIXEL),
    one(0x0028, 0x0008, Top, Seal, "Number of Frames", "stands there again, nearly always with the same value"),
    range(0x0028, (0x0010, 0x0011), Top, "Rows, Columns", PIXEL),
    one(0x0028, 0x0030, Any, Clear, "Pixel Spacing", "geometry, like positions and orientations: measures nothing in the banner, and tells nothing of the picture"),
    range(0x0028, (0x0100, 0x0103), Top, "Bits Allocated, Bits Stored, High Bit, Pixel Representation", PIXEL),
    range(0x0028, (0x0104, 0x0111), Any, "Smallest and Largest Pixel Values", "made from the pixels, and written as signed or not as they are"),
    range(0x0028, (0x0120, 0x0125), Top, "Pixel Padding Values", "written as signed or not as the pixels are"),
    range(0x0028, (0x1050, 0x1056), Top, "Window, Rescale, VOI LUT Function", SCALE),
    range(0x0028, (0x1100, 0x1224), Any, "Palettes", "colours of the pixels; the banner has none; inside sequences one of two entries stands in their place"),
    Rule { first: Tag(0x0028, 0x2000), last: Tag(0x0028, 0x2002), level: Any, part: Clear, what: "ICC Profile, Color Space", why: "calibration of a camera or screen, of type 1 in some classes; tells nothing of the picture" },
    Rule { first: Tag(0x0028, 0x2110), last: Tag(0x0028, 0x2114), level: Any, part: Clear, what: "Lossy Image Compression, Ratio, Method", why: "history of the image, often of type 1; tells nothing of the picture" },
    one(0x0028, 0x3000, Top, Seal, "Modality LUT Sequence", SCALE),
    one(0x0028, 0x3002, Any, Seal, "LUT Descriptor", LUT),
    one(0x0028, 0x3006, Any, Seal, "LUT Data", LUT),
    one(0x0028, 0x3010, Top, Seal, "VOI LUT Sequence", SCALE),
    one(0x0028, 0x7fe0, Any, Seal, "Pixel Data Provider URL", "leads to the pixels"),
    range(0x0028, (0x9001, 0x9002), Top, "Data Point Rows and Columns", "describe spectroscopy data, which has a stand-in"),
    one(0x0028, 0x9099, Any, Seal, "Largest Monochrome Pixel Value (retired)", "made from the pixels"),
    one(0x0028, 0x9108, Top, Seal, "Data Representation", "describes spectroscopy data, which has a stand-in"),
    one(0x0028, 0x9132, Any, Clear, "Frame VOI LUT Sequence", "functional groups have to have it; a window tells nothing of the picture"),
    one(0x0028, 0x9145, Any, Clear, "Pixel Value Transformation Sequence", "functional groups have to have it; a scale tells nothing of the picture"),
    one(0x003a, 0x0010, Nested, Seal, "Number of Waveform Samples", "1 stands in its place, to fit the stand-in"),
    one(0x0040, 0x9096, Any, Clear, "Real World Value Mapping Sequence", "functional groups may have to have it; calibration tells nothing of the picture"),
    one(0x0040, 0x9212, Any, Clear, "Real World Value LUT Data", "calibration, required beside its limits; tells nothing of the picture"),
    one(0x0042, 0x0011, Any, Seal, "Encapsulated Document", "the document; a small one stands in its place"),
    one(0x0042, 0x0015, Top, Seal, "Encapsulated Document Length", "describes the document"),
    one(0x0060, 0x3000, Any, Seal, "Histogram Sequence", "made from the pixels"),
    one(0x0064, 0x0007, Nested, Seal, "Grid Dimensions", "1\\1\\1 stands in its place, to fit the stand-in"),
    one(0x0064, 0x0009, Nested, Seal, "Vector Grid Data", "how tissue moved; one vector stands in its place"),
    one(0x0066, 0x0015, Nested, Seal, "Number of Surface Points", COUNT),
    one(0x0066, 0x0016, Nested, Seal, "Point Coordinates Data", POINTS),
    one(0x0066, 0x001e, Nested, Seal, "Number of Vectors", COUNT),
    range(0x0066, (0x0021, 0x0025), Nested, "Vectors, points and point indices of surfaces", POINTS),
    one(0x0066, 0x0029, Nested, Seal, "Primitive Point Index List", POINTS),
    range(0x0066, (0x0040, 0x0043), Nested, "Long point index lists", POINTS),
    one(0x0066, 0x0103, Nested, Seal, "Recommended Display CIELab Value List", "one value for each point"),
    one(0x0066, 0x0125, Nested, Seal, "Floating Point Values", "measurements, one for each point"),
    one(0x0066, 0x0129, Nested, Seal, "Track Point Index List", POINTS),
    one(0x006a, 0x000c, Nested, Seal, "Number of Annotations", COUNT),
    one(0x006a, 0x0011, Nested, Seal, "Annotation Index List", POINTS),
    one(0x0088, 0x0200, Any, Seal, "Icon Image Sequence", "a small picture of the image"),
    one(0x0400, 0x0500, Any, Seal, "Encrypted Attributes Sequence", "somebody else's seal: goes inside ours"),
    one(0x2050, 0x0020, Top, Seal, "Presentation LUT Shape", SCALE),
    one(0x3004, 0x000e, Top, Seal, "Dose Grid Scaling", "0 stands in its place: nobody may take a sealed dose for a dose"),
    one(0x3004, 0x0050, Top, Seal, "DVH Sequence", "histograms of the dose"),
    one(0x4ffe, 0x0001, Any, Seal, "MAC Parameters Sequence", "of signatures over what is sealed"),
    groups(0x5000, 0x50ff, "Curves and audio (retired)", "traces and sound"),
    one(0x5400, 0x0110, Any, Seal, "Channel Minimum Value", "made from the waveform"),
    one(0x5400, 0x0112, Any, Seal, "Channel Maximum Value", "made from the waveform"),
    one(0x5400, 0x1010, Any, Seal, "Waveform Data", "the waveform or the sound; one sample of silence stands in its place"),
    groups(0x5600, 0x5600, "Spectroscopy Data", "the spectra; one data point of zero stands in their place"),
    groups(0x6000, 0x60ff, "Overlays", "drawings and bitmaps over the image"),
    groups(0x7f00, 0x7fe0, "Pixel Data of all kinds, with offset tables", "the picture"),
    one(0xfffa, 0xfffa, Any, Seal, "Digital Signatures Sequence", "signs what is sealed: does not verify without"),
    one(0xfffc, 0xfffc, Any, Seal, "Data Set Trailing Padding", "may hold anything"),
];

/// What is decided about a public tag, inside sequences or not; `None`: nothing.
pub fn decided(tag: Tag, nested: bool) -> Option<Part> {
    let behind = RULES.partition_point(|rule| rule.first <= tag);
    let rule = RULES.get(behind.checked_sub(1)?)?;
    let here = match rule.level {
        Any => true,
        Top => !nested,
        Nested => nested,
    };
    (tag <= rule.last && here).then_some(rule.part)
}

/// What sealing may put at the top level, ascending; see [`Family::is_replacement`](super::Family::is_replacement).
pub static REPLACED: &[Tag] = &[
    Tag(0x0028, 0x0002),
    Tag(0x0028, 0x0004),
    Tag(0x0028, 0x0006),
    Tag(0x0028, 0x0008),
    Tag(0x0028, 0x0010),
    Tag(0x0028, 0x0011),
    Tag(0x0028, 0x0100),
    Tag(0x0028, 0x0101),
    Tag(0x0028, 0x0102),
    Tag(0x0028, 0x0103),
    Tag(0x0028, 0x1050),
    Tag(0x0028, 0x1051),
    Tag(0x0028, 0x1052),
    Tag(0x0028, 0x1053),
    Tag(0x0028, 0x1054),
    Tag(0x0028, 0x1101),
    Tag(0x0028, 0x1102),
    Tag(0x0028, 0x1103),
    Tag(0x0028, 0x1201),
    Tag(0x0028, 0x1202),
    Tag(0x0028, 0x1203),
    Tag(0x0028, 0x9001),
    Tag(0x0028, 0x9002),
    Tag(0x0028, 0x9108),
    Tag(0x0042, 0x0011),
    Tag(0x0042, 0x0015),
    Tag(0x0400, 0x0500),
    Tag(0x2050, 0x0020),
    Tag(0x3004, 0x000e),
    Tag(0x5600, 0x0020),
    Tag(0x7fe0, 0x0010),
];
