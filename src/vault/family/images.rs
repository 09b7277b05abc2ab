//! Families whose objects are pictures.

use super::{Depth, Family, Fate, Grey, Pixels};

const GREY: Pixels = Pixels { depth: Depth::Original, colour: false, movable: false, grey: Grey::Plain };
const GREY_8: Pixels = Pixels { depth: Depth::Eight, ..GREY };
const GREY_16: Pixels = Pixels { depth: Depth::Sixteen, ..GREY };
const SHAPED: Pixels = Pixels { grey: Grey::Shape, ..GREY };
const SCALED: Pixels = Pixels { grey: Grey::ShapeAndScale, ..GREY };
const BITS: Pixels = Pixels { depth: Depth::OneOrMore, ..GREY };
const COLOUR: Pixels = Pixels { depth: Depth::Eight, colour: true, ..GREY };

/// What is sealed of objects of any other class, and of those that come without what their class is about.
pub(super) static OTHER: Family = image(
    "Other storage classes, private ones included",
    &[],
    GREY,
    "whatever the object holds of what is listed below; it keeps its number of frames",
);

const fn image(name: &'static str, classes: &'static [&'static str], pixels: Pixels, remarks: &'static str) -> Family {
    Family { name, classes, fate: Fate::Sealed, pixels, remarks }
}

/// Families of single images and of series of frames without functional groups.
pub(super) static PLAIN: &[Family] = &[
    image(
        "Computed and digital radiography, mammography, intra-oral",
        &["4.1.1.1", "4.1.1.1.1", "4.1.1.1.1.1", "4.1.1.1.2", "4.1.1.1.2.1", "4.1.1.1.3", "4.1.1.1.3.1"],
        GREY,
        "Window, Rescale and Presentation LUT Shape stand there anew where the original has them",
    ),
    image("CT", &["4.1.1.2", "4.1.1.2.3"], GREY_16, "Rescale 0/1 stands there"),
    image("MR", &["4.1.1.4"], GREY_16, ""),
    image(
        "Positron emission tomography",
        &["4.1.1.128"],
        GREY_16,
        "Rescale 0/1 stands there; series and slice counts stay",
    ),
    image(
        "Nuclear medicine",
        &["4.1.1.20", "4.1.1.5"],
        GREY,
        "the vectors of energy windows, detectors, phases, rotations, slices (0054,xxxx) stay, and fit",
    ),
    image(
        "Ultrasound",
        &["4.1.1.3", "4.1.1.3.1", "4.1.1.6", "4.1.1.6.1"],
        GREY_8,
        "Ultrasound Regions and Frame Time (Vector) stay",
    ),
    image("Secondary capture", &["4.1.1.7"], GREY, "grey also where the original is in colour"),
    image("Secondary capture, grey bytes", &["4.1.1.7.2"], Pixels { depth: Depth::Eight, ..SCALED }, ""),
    image("Secondary capture, grey words", &["4.1.1.7.3"], Pixels { depth: Depth::Sixteen, ..SCALED }, ""),
    image("Secondary capture, single bit", &["4.1.1.7.1"], BITS, "one bit a pixel, as the class asks"),
    image("Secondary capture, true colour", &["4.1.1.7.4"], COLOUR, "RGB, as the class asks"),
    image(
        "Angiography and fluoroscopy",
        &["4.1.1.12.1", "4.1.1.12.2", "4.1.1.12.3"],
        GREY,
        "Frame Time (Vector), Mask Subtraction and positioner increments stay, and fit",
    ),
    image(
        "Endoscopy, microscopy, photography, dermoscopy",
        &["4.1.1.77.1", "4.1.1.77.1.1", "4.1.1.77.1.2", "4.1.1.77.1.3", "4.1.1.77.1.4", "4.1.1.77.1.7", "4.1.1.77.2"],
        GREY_8,
        "grey also where the original is in colour",
    ),
    image(
        "Ophthalmic photography, 8 bit",
        &["4.1.1.77.1.5.1"],
        Pixels { depth: Depth::Eight, ..SHAPED },
        "grey also where the original is in colour",
    ),
    image(
        "Video",
        &["4.1.1.77.1.1.1", "4.1.1.77.1.2.1", "4.1.1.77.1.4.1"],
        Pixels { movable: true, ..GREY_8 },
        "the whole stream is sealed as it is",
    ),
    image("RT Image", &["4.1.1.481.1"], GREY, "Exposure Sequence and geometry stay"),
    image(
        "RT Dose",
        &["4.1.1.481.2"],
        GREY_16,
        "Grid Frame Offset Vector stays, and fits; Dose Grid Scaling is 0, so that nobody takes the seal for a dose",
    ),
    image("Hardcopy, grey (retired)", &["1.29"], GREY, ""),
    image("Hardcopy, colour (retired)", &["1.30"], COLOUR, "RGB, as the class asks"),
    image(
        "Industrial and security images",
        &[
            "4.1.1.501.1",
            "4.1.1.501.2.1",
            "4.1.1.501.2.2",
            "4.1.1.501.3",
            "4.1.1.501.4",
            "4.1.1.501.5",
            "4.1.1.501.6",
            "4.1.1.601.1",
            "4.1.1.601.2",
            "4.1.1.601.3",
            "4.1.1.601.4",
        ],
        GREY,
        "no patients; sealed by what they hold",
    ),
];

/// Families with functional groups: one item for each frame, so the number of frames has to stay.
pub(super) static ENHANCED: &[Family] = &[
    image(
        "Enhanced CT, MR and PET, also converted ones",
        &["4.1.1.2.1", "4.1.1.2.2", "4.1.1.2.4", "4.1.1.2.5", "4.1.1.4.1", "4.1.1.4.4", "4.1.1.128.1", "4.1.1.130"],
        GREY,
        FUNCTIONAL,
    ),
    image("Enhanced MR, colour", &["4.1.1.4.3"], COLOUR, "RGB, as the class asks; functional groups stay"),
    image(
        "Enhanced angiography, X-ray 3D, tomosynthesis",
        &[
            "4.1.1.12.1.1",
            "4.1.1.12.2.1",
            "4.1.1.13.1.1",
            "4.1.1.13.1.2",
            "4.1.1.13.1.3",
            "4.1.1.13.1.4",
            "4.1.1.13.1.5",
        ],
        GREY,
        FUNCTIONAL,
    ),
    image("Ultrasound volumes, photoacoustic images", &["4.1.1.6.2", "4.1.1.6.3"], GREY, FUNCTIONAL),
    image("Intravascular optical coherence tomography", &["4.1.1.14.1", "4.1.1.14.2"], GREY, FUNCTIONAL),
    image(
        "Ophthalmic images and maps",
        &[
            "4.1.1.77.1.5.2",
            "4.1.1.77.1.5.4",
            "4.1.1.77.1.5.5",
            "4.1.1.77.1.5.6",
            "4.1.1.77.1.5.7",
            "4.1.1.77.1.5.8",
            "4.1.1.81.1",
            "4.1.1.82.1",
        ],
        SHAPED,
        "functional groups stay where there are any; 2D to 3D maps have a stand-in of one point",
    ),
    image(
        "Whole slides, confocal microscopy",
        &["4.1.1.77.1.6", "4.1.1.77.1.8", "4.1.1.77.1.9"],
        SCALED,
        "grey also where the original is in colour; Total Pixel Matrix and tile positions stay",
    ),
    image("Enhanced RT images", &["4.1.1.481.23", "4.1.1.481.24"], GREY, FUNCTIONAL),
    image(
        "Segmentation",
        &["4.1.1.66.4", "4.1.1.66.7", "4.1.1.66.8"],
        BITS,
        "one bit a pixel where the original has it; segments, their names and functional groups stay",
    ),
    image(
        "Parametric map",
        &["4.1.1.30"],
        GREY_16,
        "integers also where the original has floating point; functional groups stay",
    ),
];

const FUNCTIONAL: &str = "functional groups stay, with the window, scale and positions of each frame";
