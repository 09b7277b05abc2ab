//! Transfer syntaxes and the encoding of data sets that each means (PS3.5 10 and annex A).

use super::Uid;

/// Implicit VR Little Endian, the default that everyone speaks.
pub const IMPLICIT_VR_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2";
/// Explicit VR Little Endian.
pub const EXPLICIT_VR_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2.1";
/// Deflated Explicit VR Little Endian.
pub const DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2.1.99";
/// Explicit VR Big Endian (retired).
pub const EXPLICIT_VR_BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";
/// A private syntax of GE: implicit VR little endian but for the words of pixel data, which are big endian. As values
/// are not looked at, it walks as implicit VR little endian.
pub const GE_IMPLICIT_BIG_ENDIAN_PIXELS: &str = "1.2.840.113619.5.2";

/// How the elements of a data set are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Implicit VR little endian (PS3.5 A.1).
    ImplicitLe,
    /// Explicit VR little endian (A.2, and all encapsulated syntaxes, A.4).
    ExplicitLe,
    /// Explicit VR big endian (A.3, retired).
    ExplicitBe,
    /// Explicit VR little endian inside a raw deflate stream (A.5).
    Deflated,
}

/// The encoding of data sets in a transfer syntax. Private and unknown ones are taken for explicit VR little endian,
/// as every syntax since 1994 has been; where that is wrong the walker's strictness refuses the object.
pub fn encoding_of(uid: &Uid) -> Encoding {
    match uid.as_str() {
        IMPLICIT_VR_LITTLE_ENDIAN | GE_IMPLICIT_BIG_ENDIAN_PIXELS | "1.2.840.10008.1.20" => Encoding::ImplicitLe,
        EXPLICIT_VR_BIG_ENDIAN => Encoding::ExplicitBe,
        DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN | "1.2.840.10008.1.2.4.95" | "1.2.840.10008.1.2.4.205" => Encoding::Deflated,
        _ => Encoding::ExplicitLe,
    }
}

/// Whether pixel data is encapsulated in fragments (A.4). Private and unknown syntaxes: no promise, hence `false`.
pub fn is_encapsulated(uid: &Uid) -> bool {
    let text = uid.as_str();
    match text {
        // Pixel data stands elsewhere, behind a URL (A.6, A.7).
        "1.2.840.10008.1.2.4.94" | "1.2.840.10008.1.2.4.95" | "1.2.840.10008.1.2.4.204" | "1.2.840.10008.1.2.4.205" => {
            false
        }
        "1.2.840.10008.1.2.1.98" | "1.2.840.10008.1.2.5" | "1.2.840.10008.1.2.8.1" => true,
        _ => text.starts_with("1.2.840.10008.1.2.4."),
    }
}

/// The name of PS3.6 table A-1.
pub fn name(uid: &Uid) -> Option<&'static str> {
    let index = NAMES.binary_search_by(|(known, _)| (*known).cmp(uid.as_str())).ok()?;
    NAMES.get(index).map(|(_, name)| *name)
}

/// All transfer syntaxes in which an object stands by itself: not those whose pixels are elsewhere (JPIP, A.6 and A.7),
/// or that are streams and documents.
pub fn all() -> impl Iterator<Item = &'static str> {
    let elsewhere = |text: &str| {
        ["1.2.840.10008.1.2.6.", "1.2.840.10008.1.2.7."].iter().any(|start| text.starts_with(start))
            || ["1.2.840.10008.1.2.4.94", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.204"].contains(&text)
            || ["1.2.840.10008.1.2.4.205", "1.2.840.10008.1.20"].contains(&text)
    };
    NAMES.iter().map(|(text, _)| *text).filter(move |text| !elsewhere(text))
}

// Ascending by UID as text.
#[rustfmt::skip]
static NAMES: &[(&str, &str)] = &[
    ("1.2.840.10008.1.2", "Implicit VR Little Endian"),
    ("1.2.840.10008.1.2.1", "Explicit VR Little Endian"),
    ("1.2.840.10008.1.2.1.98", "Encapsulated Uncompressed Explicit VR Little Endian"),
    ("1.2.840.10008.1.2.1.99", "Deflated Explicit VR Little Endian"),
    ("1.2.840.10008.1.2.2", "Explicit VR Big Endian"),
    ("1.2.840.10008.1.2.4.100", "MPEG2 Main Profile / Main Level"),
    ("1.2.840.10008.1.2.4.100.1", "Fragmentable MPEG2 Main Profile / Main Level"),
    ("1.2.840.10008.1.2.4.101", "MPEG2 Main Profile / High Level"),
    ("1.2.840.10008.1.2.4.101.1", "Fragmentable MPEG2 Main Profile / High Level"),
    ("1.2.840.10008.1.2.4.102", "MPEG-4 AVC/H.264 High Profile / Level 4.1"),
    ("1.2.840.10008.1.2.4.102.1", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.1"),
    ("1.2.840.10008.1.2.4.103", "MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1"),
    ("1.2.840.10008.1.2.4.103.1", "Fragmentable MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1"),
    ("1.2.840.10008.1.2.4.104", "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video"),
    ("1.2.840.10008.1.2.4.104.1", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video"),
    ("1.2.840.10008.1.2.4.105", "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video"),
    ("1.2.840.10008.1.2.4.105.1", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video"),
    ("1.2.840.10008.1.2.4.106", "MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2"),
    ("1.2.840.10008.1.2.4.106.1", "Fragmentable MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2"),
    ("1.2.840.10008.1.2.4.107", "HEVC/H.265 Main Profile / Level 5.1"),
    ("1.2.840.10008.1.2.4.108", "HEVC/H.265 Main 10 Profile / Level 5.1"),
    ("1.2.840.10008.1.2.4.110", "JPEG XL Lossless"),
    ("1.2.840.10008.1.2.4.111", "JPEG XL JPEG Recompression"),
    ("1.2.840.10008.1.2.4.112", "JPEG XL"),
    ("1.2.840.10008.1.2.4.201", "High-Throughput JPEG 2000 Image Compression (Lossless Only)"),
    ("1.2.840.10008.1.2.4.202", "High-Throughput JPEG 2000 with RPCL Options Image Compression (Lossless Only)"),
    ("1.2.840.10008.1.2.4.203", "High-Throughput JPEG 2000 Image Compression"),
    ("1.2.840.10008.1.2.4.204", "JPIP HTJ2K Referenced"),
    ("1.2.840.10008.1.2.4.205", "JPIP HTJ2K Referenced Deflate"),
    ("1.2.840.10008.1.2.4.50", "JPEG Baseline (Process 1)"),
    ("1.2.840.10008.1.2.4.51", "JPEG Extended (Process 2 & 4)"),
    ("1.2.840.10008.1.2.4.52", "JPEG Extended (Process 3 & 5)"),
    ("1.2.840.10008.1.2.4.53", "JPEG Spectral Selection, Non-Hierarchical (Process 6 & 8)"),
    ("1.2.840.10008.1.2.4.54", "JPEG Spectral Selection, Non-Hierarchical (Process 7 & 9)"),
    ("1.2.840.10008.1.2.4.55", "JPEG Full Progression, Non-Hierarchical (Process 10 & 12)"),
    ("1.2.840.10008.1.2.4.56", "JPEG Full Progression, Non-Hierarchical (Process 11 & 13)"),
    ("1.2.840.10008.1.2.4.57", "JPEG Lossless, Non-Hierarchical (Process 14)"),
    ("1.2.840.10008.1.2.4.58", "JPEG Lossless, Non-Hierarchical (Process 15)"),
    ("1.2.840.10008.1.2.4.59", "JPEG Extended, Hierarchical (Process 16 & 18)"),
    ("1.2.840.10008.1.2.4.60", "JPEG Extended, Hierarchical (Process 17 & 19)"),
    ("1.2.840.10008.1.2.4.61", "JPEG Spectral Selection, Hierarchical (Process 20 & 22)"),
    ("1.2.840.10008.1.2.4.62", "JPEG Spectral Selection, Hierarchical (Process 21 & 23)"),
    ("1.2.840.10008.1.2.4.63", "JPEG Full Progression, Hierarchical (Process 24 & 26)"),
    ("1.2.840.10008.1.2.4.64", "JPEG Full Progression, Hierarchical (Process 25 & 27)"),
    ("1.2.840.10008.1.2.4.65", "JPEG Lossless, Hierarchical (Process 28)"),
    ("1.2.840.10008.1.2.4.66", "JPEG Lossless, Hierarchical (Process 29)"),
    ("1.2.840.10008.1.2.4.70", "JPEG Lossless, Non-Hierarchical, First-Order Prediction (Process 14 [Selection Value 1])"),
    ("1.2.840.10008.1.2.4.80", "JPEG-LS Lossless Image Compression"),
    ("1.2.840.10008.1.2.4.81", "JPEG-LS Lossy (Near-Lossless) Image Compression"),
    ("1.2.840.10008.1.2.4.90", "JPEG 2000 Image Compression (Lossless Only)"),
    ("1.2.840.10008.1.2.4.91", "JPEG 2000 Image Compression"),
    ("1.2.840.10008.1.2.4.92", "JPEG 2000 Part 2 Multi-component Image Compression (Lossless Only)"),
    ("1.2.840.10008.1.2.4.93", "JPEG 2000 Part 2 Multi-component Image Compression"),
    ("1.2.840.10008.1.2.4.94", "JPIP Referenced"),
    ("1.2.840.10008.1.2.4.95", "JPIP Referenced Deflate"),
    ("1.2.840.10008.1.2.5", "RLE Lossless"),
    ("1.2.840.10008.1.2.6.1", "RFC 2557 MIME encapsulation"),
    ("1.2.840.10008.1.2.6.2", "XML Encoding"),
    ("1.2.840.10008.1.2.7.1", "SMPTE ST 2110-20 Uncompressed Progressive Active Video"),
    ("1.2.840.10008.1.2.7.2", "SMPTE ST 2110-20 Uncompressed Interlaced Active Video"),
    ("1.2.840.10008.1.2.7.3", "SMPTE ST 2110-30 PCM Digital Audio"),
    ("1.2.840.10008.1.2.8.1", "Deflated Image Frame Compression"),
    ("1.2.840.10008.1.20", "Papyrus 3 Implicit VR Little Endian"),
    ("1.2.840.113619.5.2", "GE Private Implicit VR, Big Endian Pixels"),
];

/// Encapsulated syntaxes whose images come back bit for bit.
pub const LOSSLESS: [&str; 14] = [
    "1.2.840.10008.1.2.1.98",
    "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.58",
    "1.2.840.10008.1.2.4.65",
    "1.2.840.10008.1.2.4.66",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.92",
    "1.2.840.10008.1.2.4.110",
    "1.2.840.10008.1.2.4.201",
    "1.2.840.10008.1.2.4.202",
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.8.1",
];

/// Whether images in an encapsulated syntax may have lost something: all but those that promise not to.
pub fn is_lossy(syntax: &Uid) -> bool {
    !LOSSLESS.contains(&syntax.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use dicom_dictionary_std::uids;

    fn uid(text: &str) -> Uid {
        text.parse().unwrap()
    }

    #[test]
    fn every_known_syntax_has_a_name_and_only_native_ones_are_not_explicit_little_endian() {
        assert!(NAMES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (text, known) in NAMES {
            assert_eq!(name(&uid(text)), Some(*known));
            if is_encapsulated(&uid(text)) {
                assert_eq!(encoding_of(&uid(text)), Encoding::ExplicitLe, "{known}");
            }
        }
        assert_eq!(name(&uid("1.2.3")), None);
    }

    #[test]
    fn encodings_are_those_of_annex_a() {
        for (text, encoding, encapsulated) in [
            (uids::IMPLICIT_VR_LITTLE_ENDIAN, Encoding::ImplicitLe, false),
            (uids::EXPLICIT_VR_LITTLE_ENDIAN, Encoding::ExplicitLe, false),
            (uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, Encoding::Deflated, false),
            (EXPLICIT_VR_BIG_ENDIAN, Encoding::ExplicitBe, false),
            (GE_IMPLICIT_BIG_ENDIAN_PIXELS, Encoding::ImplicitLe, false),
            (uids::JPEG_BASELINE8_BIT, Encoding::ExplicitLe, true),
            (uids::JPEG2000_LOSSLESS, Encoding::ExplicitLe, true),
            (uids::RLE_LOSSLESS, Encoding::ExplicitLe, true),
            (uids::JPIP_REFERENCED_DEFLATE, Encoding::Deflated, false),
            (uids::JPIP_REFERENCED, Encoding::ExplicitLe, false),
            (uids::ENCAPSULATED_UNCOMPRESSED_EXPLICIT_VR_LITTLE_ENDIAN, Encoding::ExplicitLe, true),
            ("1.2.3.4", Encoding::ExplicitLe, false),
        ] {
            assert_eq!((encoding_of(&uid(text)), is_encapsulated(&uid(text))), (encoding, encapsulated), "{text}");
        }
    }
}
