//! Run lengths (PS3.5 annex G): of each sample each byte is a segment, the most significant first.

use crate::dicom::cursor::Cursor;
use crate::transform::frames::Image;

/// Segments that a frame has at most.
const MOST: usize = 15;
/// Bytes of the header.
const HEADER: usize = 64;

/// Decodes one frame.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn decode(image: &Image, frame: &[u8]) -> Result<Vec<u8>, String> {
    let (samples, width) = (usize::from(image.samples), usize::from(image.allocated / 8));
    let pixels = usize::from(image.rows) * usize::from(image.columns);
    let fault = || "it has not the run lengths that the attributes say".to_owned();
    let mut header = Cursor::new(frame.get(..HEADER).ok_or_else(fault)?);
    let segments = header.u32_le().and_then(|number| usize::try_from(number).ok()).ok_or_else(fault)?;
    if segments != samples * width || segments > MOST {
        return Err(fault());
    }
    let offsets: Vec<usize> = (0..segments).filter_map(|_| header.u32_le()).map(|offset| offset as usize).collect();
    let mut out = vec![0; pixels * samples * width];
    for (number, from) in offsets.iter().enumerate() {
        let until = offsets.get(number + 1).copied().unwrap_or(frame.len());
        let segment = frame.get(*from..until).filter(|_| *from >= HEADER).ok_or_else(fault)?;
        // Little endian: what comes first stands last.
        let place = number / width * width + (width - 1 - number % width);
        let room = out.iter_mut().skip(place).step_by(samples * width);
        unpack(segment, room).ok_or_else(fault)?;
    }
    Ok(out)
}

/// PackBits: what is behind the last pixel is padding.
fn unpack<'a>(segment: &[u8], mut room: impl Iterator<Item = &'a mut u8>) -> Option<()> {
    let mut cursor = Cursor::new(segment);
    let mut place = room.next();
    while place.is_some() {
        let count = cursor.u8()?;
        match count {
            0..=127 => {
                for byte in cursor.take(usize::from(count) + 1)? {
                    if let Some(place) = place.take() {
                        *place = *byte;
                    }
                    place = room.next();
                }
            }
            128 => {}
            129.. => {
                let byte = cursor.u8()?;
                for _ in 0..257 - usize::from(count) {
                    if let Some(place) = place.take() {
                        *place = byte;
                    }
                    place = room.next();
                }
            }
        }
    }
    Some(())
}
