//! What a JPEG 2000 codestream says of itself (ITU-T T.800 A.5.1), before a codec sees it.

use crate::dicom::cursor::Cursor;
use crate::transform::frames::Image;

/// Checks a codestream against the attributes; how many bits a sample has.
///
/// # Errors
/// What does not fit, in words.
pub(super) fn check(image: &Image, bytes: &[u8]) -> Result<u8, String> {
    read(image, bytes).ok_or_else(|| "it is no JPEG 2000 codestream of the size that the attributes say".to_owned())
}

fn read(image: &Image, bytes: &[u8]) -> Option<u8> {
    let mut cursor = Cursor::new(bytes);
    // SOC, SIZ, its length and capabilities.
    if cursor.u32_be()? != 0xff4f_ff51 {
        return None;
    }
    cursor.take(4)?;
    let [width, height, left, top] = [cursor.u32_be()?, cursor.u32_be()?, cursor.u32_be()?, cursor.u32_be()?];
    let [tile_width, tile_height, _, _] = [cursor.u32_be()?, cursor.u32_be()?, cursor.u32_be()?, cursor.u32_be()?];
    let components = cursor.u16_be()?;
    let size = (height.checked_sub(top)?, width.checked_sub(left)?);
    if size != (image.rows.into(), image.columns.into()) || components != u16::from(image.samples) {
        return None;
    }
    // Tiles beyond count cost memory for each.
    let tiles = u64::from(width.div_ceil(tile_width.max(1))) * u64::from(height.div_ceil(tile_height.max(1)));
    if tile_width == 0 || tile_height == 0 || tiles > 65_535 {
        return None;
    }
    let mut precision = 0;
    for _ in 0..components {
        let [depth, across, down] = cursor.array()?;
        precision = (depth & 0x7f) + 1;
        if precision > image.allocated || (across, down) != (1, 1) {
            return None;
        }
    }
    Some(precision)
}
