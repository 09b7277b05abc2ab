//! The study that a probe stores: four small grey images in two series, recognisable as what they are.

use crate::cli::fresh;
use crate::dicom::dataset::write::DataSet;
use crate::dicom::transfer_syntax::encoding_of;
use crate::dicom::{Tag, Uid};

/// Patient ID of everything that probes leave behind.
pub const PATIENT_ID: &str = "DICOMGATE-PROBE";
/// Patient's name of the same.
pub const PATIENT_NAME: &str = "DICOMGATE^PROBE";
/// Date of study, series and contents.
pub const DATE: &str = "20200102";
/// Referring physician.
pub const REFERRER: &str = "NOBODY^REFERRER";
/// Where an image says which of two contents it is: Image Comments.
pub const MARK: Tag = Tag(0x0020, 0x4000);
/// The mark of an image as it was stored first.
pub const FIRST: &str = "first";
/// The mark of an image as it was stored again, changed.
pub const LAST: &str = "last";

/// Rows and columns.
const SIDE: u16 = 16;

/// What a probe stores.
#[derive(Debug)]
pub struct Study {
    /// Study Instance UID.
    pub uid: Uid,
    /// Accession number.
    pub accession: String,
    /// Its images: the first two of one series, the others of another.
    pub images: [Image; 4],
    /// SOP class and modality of all of them.
    pub class: Uid,
    pub modality: &'static str,
}

/// One image.
#[derive(Debug, Clone, Copy)]
pub struct Image {
    pub series: Uid,
    pub series_number: u8,
    pub instance: Uid,
    pub number: u8,
}

impl Study {
    /// A study that nobody has had before; `None` if the system has no random numbers.
    pub fn fresh(class: Uid) -> Option<Self> {
        let series = [fresh::uid()?, fresh::uid()?];
        let uid = fresh::uid()?;
        let image = |series_number: u8, series: Uid, number: u8| {
            Some(Image { series, series_number, instance: fresh::uid()?, number })
        };
        let [one, two] = series;
        let images = [image(1, one, 1)?, image(1, one, 2)?, image(2, two, 1)?, image(2, two, 2)?];
        let digits: String = uid.as_str().chars().rev().take(10).collect();
        let modality = if class.as_str() == super::SECONDARY_CAPTURE { "OT" } else { "CT" };
        Some(Self { uid, accession: format!("DG{digits}"), images, class, modality })
    }

    /// The image with this instance UID.
    pub fn image(&self, instance: &Uid) -> Option<&Image> {
        self.images.iter().find(|image| image.instance == *instance)
    }

    /// An image's data set in explicit or implicit VR little endian.
    pub fn data(&self, image: &Image, mark: &str, syntax: &Uid) -> Vec<u8> {
        // What comes back is told by its mark, and by its pixels where an archive writes the rest anew.
        let grey = if mark == FIRST { 0x40 + image.number } else { 0xc0 + image.number };
        let set = DataSet::new()
            .with(Tag(0x0008, 0x0008), b"CS", "DERIVED\\SECONDARY")
            .with_uid(Tag(0x0008, 0x0016), &self.class)
            .with_uid(Tag(0x0008, 0x0018), &image.instance)
            .with(Tag(0x0008, 0x0020), b"DA", DATE)
            .with(Tag(0x0008, 0x0021), b"DA", DATE)
            .with(Tag(0x0008, 0x0030), b"TM", "120000")
            .with(Tag(0x0008, 0x0050), b"SH", &self.accession)
            .with(Tag(0x0008, 0x0060), b"CS", self.modality)
            .with(Tag(0x0008, 0x0064), b"CS", "SYN")
            .with(Tag(0x0008, 0x0070), b"LO", "dicomgate")
            .with(Tag(0x0008, 0x0090), b"PN", REFERRER)
            .with(Tag(0x0008, 0x1030), b"LO", "archive probe")
            .with(Tag(0x0008, 0x103e), b"LO", format!("series {}", image.series_number))
            .with(Tag(0x0010, 0x0010), b"PN", PATIENT_NAME)
            .with(Tag(0x0010, 0x0020), b"LO", PATIENT_ID)
            .with(Tag(0x0010, 0x0030), b"DA", "19700101")
            .with(Tag(0x0010, 0x0040), b"CS", "O")
            .with_uid(Tag(0x0020, 0x000d), &self.uid)
            .with_uid(Tag(0x0020, 0x000e), &image.series)
            .with(Tag(0x0020, 0x0010), b"SH", "PROBE")
            .with(Tag(0x0020, 0x0011), b"IS", image.series_number.to_string())
            .with(Tag(0x0020, 0x0013), b"IS", image.number.to_string())
            .with(Tag(0x0020, 0x0020), b"CS", "")
            .with(MARK, b"LT", mark)
            .with_u16(Tag(0x0028, 0x0002), 1)
            .with(Tag(0x0028, 0x0004), b"CS", "MONOCHROME2")
            .with_u16(Tag(0x0028, 0x0010), SIDE)
            .with_u16(Tag(0x0028, 0x0011), SIDE)
            .with_u16(Tag(0x0028, 0x0100), 8)
            .with_u16(Tag(0x0028, 0x0101), 8)
            .with_u16(Tag(0x0028, 0x0102), 7)
            .with_u16(Tag(0x0028, 0x0103), 0)
            .with(Tag(0x7fe0, 0x0010), b"OW", vec![grey; usize::from(SIDE) * usize::from(SIDE)]);
        set.encode(encoding_of(syntax))
    }
}
