//! What a viewer shows of a grey image: rescaled, through the window that the object asks for, as a PNG that anything opens.

use super::elements;
use super::object::Object;
use crate::dicom::Tag;
use crate::dicom::transfer_syntax::{encoding_of, is_encapsulated};
use png::{BitDepth, ColorType, Encoder, EncodingError};

/// A grey image of 8 bits a pixel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    columns: u16,
    rows: u16,
    grey: Vec<u8>,
}

impl Picture {
    /// The first frame of an object; `None`: it is no native unsigned grey image of 8 or 16 bits, little endian.
    pub fn of(object: &Object) -> Option<Self> {
        if is_encapsulated(&object.transfer_syntax) {
            return None;
        }
        let header = elements::read(&object.data_set, encoding_of(&object.transfer_syntax)).ok()?;
        let short = |element: u16| {
            let bytes = header.bytes(Tag(0x0028, element))?;
            Some(u16::from_le_bytes(*bytes.first_chunk()?))
        };
        let number = |element: u16| header.plain(Tag(0x0028, element)).split('\\').next()?.trim().parse::<f64>().ok();
        if header.plain(Tag(0x0028, 0x0004)) != "MONOCHROME2" || short(0x0103)? != 0 {
            return None;
        }
        let (rows, columns, bits) = (short(0x0010)?, short(0x0011)?, short(0x0100)?);
        let pixels = usize::from(rows) * usize::from(columns);
        let value = elements::pixels(&object.data_set, encoding_of(&object.transfer_syntax))?;
        let stored: Vec<f64> = match bits {
            8 => value.get(..pixels)?.iter().map(|sample| f64::from(*sample)).collect(),
            16 => {
                let (samples, _) = value.get(..pixels * 2)?.as_chunks();
                samples.iter().map(|sample| f64::from(u16::from_le_bytes(*sample))).collect()
            }
            _ => return None,
        };
        let (slope, intercept) = (number(0x1053).unwrap_or(1.0), number(0x1052).unwrap_or(0.0));
        let whole = (f64::from(u32::from(u16::MAX)) / 2.0, f64::from(u32::from(u16::MAX)));
        let (centre, width) = number(0x1050).zip(number(0x1051)).unwrap_or(whole);
        // PS3.3 C.11.2.1.2.1, with the ends clamped.
        let shade = |stored: f64| {
            let value = stored * slope + intercept;
            let part = (value - (centre - 0.5)) / (width - 1.0).max(1.0) + 0.5;
            (part * 255.0).clamp(0.0, 255.0) as u8
        };
        Some(Self { columns, rows, grey: stored.into_iter().map(shade).collect() })
    }

    /// As a PNG.
    ///
    /// # Errors
    /// It has no pixels.
    pub fn png(&self) -> Result<Vec<u8>, EncodingError> {
        let mut png = Vec::new();
        let mut encoder = Encoder::new(&mut png, u32::from(self.columns), u32::from(self.rows));
        encoder.set_color(ColorType::Grayscale);
        encoder.set_depth(BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.grey)?;
        writer.finish()?;
        Ok(png)
    }
}
