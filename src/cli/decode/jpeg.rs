//! What a JPEG stream says of itself (ITU-T T.81 annex B), before a codec sees it.

use crate::dicom::cursor::Cursor;
use crate::transform::frames::Image;

/// A stream that the codec may have.
pub(super) struct Stream {
    /// The stream; with a marker that says how colours are written, where it says nothing itself.
    pub(super) bytes: Vec<u8>,
    /// Bits of a sample.
    pub(super) precision: u8,
    /// Colours come out of the codec as RGB.
    pub(super) coloured: bool,
}

/// Checks a stream against the attributes.
///
/// # Errors
/// What does not fit, in words.
pub(super) fn check(image: &Image, bytes: &[u8]) -> Result<Stream, String> {
    let start = bytes.windows(2).position(|pair| pair == [0xff, 0xd8]).filter(|at| *at < 16);
    let stream = bytes.get(start.ok_or("it is no JPEG stream")?..).unwrap_or_default();
    let mut cursor = Cursor::new(stream);
    cursor.take(2).ok_or("the JPEG stream is too short")?;
    let mut said = false;
    loop {
        let cut = || "the JPEG stream ends before its image".to_owned();
        while cursor.rest().first() == Some(&0xff) && cursor.rest().get(1) == Some(&0xff) {
            cursor.u8();
        }
        let [0xff, marker] = cursor.array().ok_or_else(cut)? else {
            return Err("the JPEG stream is damaged".to_owned());
        };
        let length = usize::from(cursor.u16_be().ok_or_else(cut)?).checked_sub(2).ok_or_else(cut)?;
        let segment = cursor.take(length).ok_or_else(cut)?;
        match marker {
            0xee if segment.starts_with(b"Adobe") => said = true,
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                let mut frame = Cursor::new(segment);
                let precision = frame.u8().ok_or_else(cut)?;
                let (rows, columns) = (frame.u16_be().ok_or_else(cut)?, frame.u16_be().ok_or_else(cut)?);
                let components = frame.u8().ok_or_else(cut)?;
                if (rows, columns, components) != (image.rows, image.columns, image.samples) {
                    return Err("the JPEG stream is not of the size that the attributes say".to_owned());
                }
                if precision > image.allocated {
                    return Err("the JPEG stream has more bits than the attributes say".to_owned());
                }
                let lossless = marker == 0xc3;
                if precision > 8 && !lossless {
                    return Err("JPEG with more than 8 bits is decoded only where it is lossless".to_owned());
                }
                if components == 3 && lossless && image.photometric != "RGB" {
                    // The codec leaves these as they are.
                    return Ok(Stream { bytes: stream.to_vec(), precision, coloured: false });
                }
                let bytes = if said || components != 3 { stream.to_vec() } else { marked(stream, &image.photometric) };
                return Ok(Stream { bytes, precision, coloured: components == 3 });
            }
            0xd9 | 0xda => return Err("the JPEG stream has no image".to_owned()),
            _ => {}
        }
    }
}

/// With an Adobe marker, which says whether colours are transformed: the attributes know it, the stream does not.
fn marked(stream: &[u8], photometric: &str) -> Vec<u8> {
    let transform = u8::from(photometric.starts_with("YBR"));
    let mut out = vec![0xff, 0xd8, 0xff, 0xee, 0, 14];
    out.extend_from_slice(b"Adobe");
    out.extend_from_slice(&[0, 100, 0, 0, 0, 0, transform]);
    out.extend_from_slice(stream.get(2..).unwrap_or_default());
    out
}
