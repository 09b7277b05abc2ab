//! One frame, decoded. What the codecs take for granted is checked first: that the stream is of the size, the depth and the
//! number of components that the attributes say.

use super::{jpeg, jpeg_ls, jpeg2000, rle};
use crate::transform::frames::{Frame, Image, Pixels};
use dicom_core::value::{PixelFragmentSequence, Value};
use dicom_core::{DataElement, Tag, VR, dicom_value};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use dicom_pixeldata::PixelDecoder;
use std::borrow::Cow;

/// Decodes one frame.
///
/// # Errors
/// Why not, in words; nothing of the image is quoted.
pub(super) fn decode(frame: &Frame) -> Result<Pixels, String> {
    let image = &frame.image;
    let syntax = image.syntax.as_str().strip_prefix("1.2.840.10008.1.2.").unwrap_or_default();
    match syntax {
        "1.98" => {
            let length = image.frame_bytes() as usize;
            let bytes = frame.bytes.get(..length).ok_or("the frame is too short")?.to_vec();
            Ok(Pixels { photometric: image.photometric.clone(), bytes })
        }
        "5" => Ok(Pixels { photometric: image.photometric.clone(), bytes: rle::decode(image, &frame.bytes)? }),
        "4.80" | "4.81" => {
            let jpeg_ls::Decoded { mut bytes, precision } =
                jpeg_ls::decode(image, &frame.bytes).map_err(|fault| fault.to_string())?;
            if image.signed {
                extend_signs(&mut bytes, image.allocated, precision);
            }
            Ok(Pixels { photometric: image.photometric.clone(), bytes })
        }
        "4.90" | "4.91" | "4.201" | "4.202" | "4.203" => {
            let stream = jpeg2000::codestream(&frame.bytes);
            let precision = jpeg2000::check(image, stream)?;
            let photometric = match image.photometric.as_str() {
                // The codec undoes these.
                "YBR_RCT" | "YBR_ICT" => "RGB".to_owned(),
                other => other.to_owned(),
            };
            let mut pixels = decoded(image, image.allocated, stream, photometric)?;
            if image.signed {
                extend_signs(&mut pixels.bytes, image.allocated, precision);
            }
            Ok(pixels)
        }
        "4.50" | "4.51" | "4.57" | "4.70" => {
            let jpeg::Stream { bytes, precision, coloured } = jpeg::check(image, &frame.bytes)?;
            let photometric = if coloured { "RGB".to_owned() } else { image.photometric.clone() };
            let narrow = precision <= 8;
            let mut pixels = decoded(image, if narrow { 8 } else { 16 }, &bytes, photometric)?;
            if narrow && image.allocated == 16 {
                pixels.bytes = pixels.bytes.iter().flat_map(|byte| [*byte, 0]).collect();
            }
            if image.signed {
                extend_signs(&mut pixels.bytes, image.allocated, precision);
            }
            Ok(pixels)
        }
        _ => Err("there is no decoder for its transfer syntax".to_owned()),
    }
}

/// What a signed number of fewer bits has in its highest one goes into all above.
fn extend_signs(bytes: &mut [u8], allocated: u8, precision: u8) {
    if precision >= allocated || precision == 0 {
        return;
    }
    let shift = u32::from(16 - precision);
    match allocated {
        16 => bytes.chunks_exact_mut(2).for_each(|pair| {
            if let Some(pair) = pair.first_chunk_mut::<2>() {
                let number = i16::from_le_bytes(*pair).wrapping_shl(shift).wrapping_shr(shift);
                *pair = number.to_le_bytes();
            }
        }),
        _ => bytes.iter_mut().for_each(|byte| {
            let shift = u32::from(8 - precision.min(8));
            *byte = byte.cast_signed().wrapping_shl(shift).wrapping_shr(shift).cast_unsigned();
        }),
    }
}

/// Through the codec of the transfer syntax, as an object of one frame.
fn decoded(image: &Image, allocated: u8, bytes: &[u8], photometric: String) -> Result<Pixels, String> {
    let fault = || "the codec does not decode it".to_owned();
    let mut object = InMemDicomObject::new_empty();
    let stored = image.stored.min(allocated);
    for (element, number) in [
        (0x0002, u16::from(image.samples)),
        (0x0006, 0),
        (0x0010, image.rows),
        (0x0011, image.columns),
        (0x0100, allocated.into()),
        (0x0101, stored.into()),
        (0x0102, u16::from(stored.saturating_sub(1))),
        (0x0103, image.signed.into()),
    ] {
        object.put(DataElement::new(Tag(0x0028, element), VR::US, dicom_value!(U16, [number])));
    }
    object.put(DataElement::new(Tag(0x0028, 0x0004), VR::CS, image.photometric.as_str()));
    let fragments: Vec<Vec<u8>> = vec![bytes.to_vec()];
    let sequence = PixelFragmentSequence::new(Vec::<u32>::new(), fragments);
    object.put(DataElement::new(Tag(0x7fe0, 0x0010), VR::OB, Value::<InMemDicomObject, _>::PixelSequence(sequence)));
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax(image.syntax.as_str())
        .media_storage_sop_class_uid("1.2.840.10008.5.1.4.1.1.7")
        .media_storage_sop_instance_uid("2.25.1");
    let object = object.with_meta(meta).map_err(|_| fault())?;
    let pixels = object.decode_pixel_data_frame(0).map_err(|_| fault())?;
    let bytes = match Cow::Borrowed(pixels.data()) {
        Cow::Borrowed(bytes) => bytes.to_vec(),
        Cow::Owned(bytes) => bytes,
    };
    let wanted = u64::from(image.rows) * u64::from(image.columns) * u64::from(image.samples) * u64::from(allocated / 8);
    if bytes.len() as u64 != wanted {
        return Err("the codec gave another number of pixels".to_owned());
    }
    Ok(Pixels { photometric, bytes })
}
