//! What gateway and decoding worker say to each other: one frame there, one answer back. Little endian; every length is
//! bounded before anything is allocated for it.

use crate::dicom::Uid;
use crate::dicom::cursor::Cursor;
use crate::transform::frames::{Frame, Image, Pixels};

/// What every message begins with.
const MAGIC: [u8; 4] = *b"DGF1";
/// Bytes of the head of a request, and of an answer.
pub const REQUEST: usize = 104;
/// Bytes of the head of an answer.
pub const ANSWER: usize = 28;
/// The longest refusal, in bytes.
pub const WORDS: usize = 300;

/// A message that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what the decoding worker was sent, or sent, is no message")]
pub struct NoMessage;

/// The head of a request; the frame's bytes follow.
pub fn request(frame: &Frame) -> Vec<u8> {
    let Image { syntax, rows, columns, samples, allocated, stored, signed, photometric } = &frame.image;
    let mut out = Vec::with_capacity(REQUEST);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(&rows.to_le_bytes());
    out.extend_from_slice(&columns.to_le_bytes());
    out.extend_from_slice(&[*samples, *allocated, *stored, u8::from(*signed)]);
    put_text(&mut out, photometric.as_bytes(), 16);
    put_text(&mut out, syntax.as_bytes(), 64);
    out.resize(REQUEST, 0);
    out
}

/// The image that the head of a request describes, and how many bytes of frame follow.
///
/// # Errors
/// It is none.
pub fn read_request(head: &[u8; REQUEST]) -> Result<(Image, u32), NoMessage> {
    let mut cursor = Cursor::new(head);
    if cursor.array() != Some(MAGIC) {
        return Err(NoMessage);
    }
    let length = cursor.u32_le().ok_or(NoMessage)?;
    let (rows, columns) = (cursor.u16_le().ok_or(NoMessage)?, cursor.u16_le().ok_or(NoMessage)?);
    let [samples, allocated, stored, signed] = cursor.array().ok_or(NoMessage)?;
    let photometric = text(cursor.take(16).ok_or(NoMessage)?).ok_or(NoMessage)?;
    let syntax = text(cursor.take(64).ok_or(NoMessage)?).ok_or(NoMessage)?;
    let syntax = Uid::new(syntax).map_err(|_| NoMessage)?;
    let signed = signed == 1;
    Ok((Image { syntax, rows, columns, samples, allocated, stored, signed, photometric }, length))
}

/// The head of an answer; pixels, or words of refusal, follow.
pub fn answer(outcome: Result<&Pixels, &str>) -> Vec<u8> {
    let (refused, length, photometric) = match outcome {
        Ok(pixels) => (0, pixels.bytes.len(), pixels.photometric.as_str()),
        Err(words) => (1, words.len().min(WORDS), ""),
    };
    let mut out = Vec::with_capacity(ANSWER);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    out.push(refused);
    put_text(&mut out, photometric.as_bytes(), 16);
    out.resize(ANSWER, 0);
    out
}

/// What the head of an answer says: how pixels are to be read, or `None` for a refusal; and how many bytes follow.
///
/// # Errors
/// It is none.
pub fn read_answer(head: &[u8; ANSWER]) -> Result<(Option<String>, u32), NoMessage> {
    let mut cursor = Cursor::new(head);
    if cursor.array() != Some(MAGIC) {
        return Err(NoMessage);
    }
    let length = cursor.u32_le().ok_or(NoMessage)?;
    let refused = cursor.u8().ok_or(NoMessage)?;
    let photometric = text(cursor.take(16).ok_or(NoMessage)?).ok_or(NoMessage)?;
    let printable = photometric.bytes().all(|byte| byte.is_ascii_graphic());
    match refused {
        0 if printable && !photometric.is_empty() => Ok((Some(photometric), length)),
        1 if length as usize <= WORDS => Ok((None, length)),
        _ => Err(NoMessage),
    }
}

fn put_text(out: &mut Vec<u8>, text: &[u8], room: usize) {
    let end = out.len() + room;
    out.extend_from_slice(text.get(..text.len().min(room)).unwrap_or_default());
    out.resize(end, 0);
}

fn text(padded: &[u8]) -> Option<String> {
    let end = padded.iter().position(|byte| *byte == 0).unwrap_or(padded.len());
    let text = padded.get(..end).filter(|text| text.is_ascii())?;
    String::from_utf8(text.to_vec()).ok()
}
