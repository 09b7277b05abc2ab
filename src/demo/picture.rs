//! What a viewer shows of a grey image: rescaled, through the window that the object asks for, as a PNG that anything opens.

use super::elements;
use super::object::Object;
use crate::dicom::Tag;
use crate::dicom::transfer_syntax::{encoding_of, is_encapsulated};
use flate2::{Compression, Crc, write::ZlibEncoder};
use std::io::Write;

/// The header of a PNG (ISO/IEC 15948 5.2).
const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

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
    /// None that memory does not give.
    pub fn png(&self) -> std::io::Result<Vec<u8>> {
        let mut png = SIGNATURE.to_vec();
        let mut header = Vec::new();
        header.extend_from_slice(&u32::from(self.columns).to_be_bytes());
        header.extend_from_slice(&u32::from(self.rows).to_be_bytes());
        // 8 bits, grey; deflate, filters by row, not interlaced.
        header.extend_from_slice(&[8, 0, 0, 0, 0]);
        chunk(&mut png, b"IHDR", &header);
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
        for row in self.grey.chunks(usize::from(self.columns).max(1)) {
            packed.write_all(&[0])?;
            packed.write_all(row)?;
        }
        chunk(&mut png, b"IDAT", &packed.finish()?);
        chunk(&mut png, b"IEND", &[]);
        Ok(png)
    }
}

fn chunk(png: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    let mut crc = Crc::new();
    crc.update(kind);
    crc.update(data);
    png.extend_from_slice(&u32::try_from(data.len()).unwrap_or(0).to_be_bytes());
    png.extend_from_slice(kind);
    png.extend_from_slice(data);
    png.extend_from_slice(&crc.sum().to_be_bytes());
}
