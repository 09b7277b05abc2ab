//! Which fragments make which frame (PS3.5 A.4): by the offset tables; else a frame of JPEG, JPEG-LS or JPEG 2000 begins with
//! its marker, and one of RLE is one fragment.

use super::FramesFault;
use crate::dicom::Uid;
use crate::dicom::cursor::Cursor;

/// Cuts encapsulated pixel data into frames. Items and delimiters come as they stand.
pub(super) struct Fragments {
    /// Where frames begin, counted from the header of the first fragment; empty: nobody says.
    offsets: Vec<u64>,
    /// What a frame begins with; empty: each fragment is one.
    marker: &'static [u8],
    frames: u32,
    limit: u64,
    /// Bytes of the item that is passing, and how many are missing.
    item: Vec<u8>,
    header: Vec<u8>,
    rest: Option<u32>,
    /// The first item is the basic offset table.
    table: bool,
    position: u64,
    frame: Vec<u8>,
    begun: u32,
}

impl Fragments {
    pub(super) fn new(syntax: &Uid, frames: u32, offsets: Vec<u64>, limit: u64) -> Self {
        let marker: &[u8] = match syntax.as_str().strip_prefix("1.2.840.10008.1.2.4.") {
            Some("90" | "91" | "201" | "202" | "203") => &[0xff, 0x4f, 0xff, 0x51],
            Some(_) => &[0xff, 0xd8],
            None => &[],
        };
        Self {
            offsets,
            marker,
            frames,
            limit,
            item: Vec::new(),
            header: Vec::new(),
            rest: None,
            table: true,
            position: 0,
            frame: Vec::new(),
            begun: 0,
        }
    }

    /// Takes the next bytes; frames that are whole are given on.
    pub(super) fn push(&mut self, mut bytes: &[u8], mut whole: impl FnMut(Vec<u8>)) -> Result<(), FramesFault> {
        loop {
            let Some(rest) = self.rest else {
                let missing = 8_usize.saturating_sub(self.header.len()).min(bytes.len());
                let (head, behind) = bytes.split_at_checked(missing).unwrap_or((bytes, &[]));
                self.header.extend_from_slice(head);
                bytes = behind;
                if self.header.len() < 8 {
                    return Ok(());
                }
                let mut cursor = Cursor::new(&self.header);
                let item = cursor.array() == Some([0xfe, 0xff, 0x00, 0xe0]);
                let length = cursor.u32_le().unwrap_or(0);
                self.header.clear();
                if item {
                    if u64::from(length) > self.limit {
                        return Err(FramesFault::Frame(self.limit));
                    }
                    self.rest = Some(length);
                }
                if !item || bytes.is_empty() && length > 0 {
                    return Ok(());
                }
                continue;
            };
            let here = usize::try_from(rest).unwrap_or(usize::MAX).min(bytes.len());
            let (value, behind) = bytes.split_at_checked(here).unwrap_or((bytes, &[]));
            self.item.extend_from_slice(value);
            bytes = behind;
            let rest = rest.saturating_sub(u32::try_from(value.len()).unwrap_or(rest));
            self.rest = Some(rest);
            if rest > 0 {
                return Ok(());
            }
            self.rest = None;
            let item = std::mem::take(&mut self.item);
            if let Some(frame) = self.item(item)? {
                whole(frame);
            }
            if bytes.is_empty() {
                return Ok(());
            }
        }
    }

    /// An item is whole. If it begins a frame, the one before is.
    fn item(&mut self, item: Vec<u8>) -> Result<Option<Vec<u8>>, FramesFault> {
        if std::mem::take(&mut self.table) {
            if self.offsets.is_empty() {
                let offsets = item.chunks_exact(4).filter_map(|number| number.first_chunk::<4>());
                self.offsets = offsets.map(|number| u32::from_le_bytes(*number).into()).collect();
            }
            if self.offsets.len() != self.frames as usize {
                // A table of other frames is none.
                self.offsets.clear();
            }
            return Ok(None);
        }
        let begins = match self.offsets.get(self.begun as usize) {
            _ if self.frames == 1 => self.begun == 0,
            Some(offset) => *offset == self.position,
            None if !self.offsets.is_empty() => false,
            None => self.marker.is_empty() || item.starts_with(self.marker),
        };
        if !begins && self.begun == 0 {
            return Err(FramesFault::Fragments);
        }
        self.position += 8 + item.len() as u64;
        if begins {
            self.begun = self.begun.saturating_add(1);
            if self.begun > self.frames {
                return Err(FramesFault::Count { said: self.frames, found: self.begun });
            }
            let before = std::mem::replace(&mut self.frame, item);
            return Ok((self.begun > 1).then_some(before));
        }
        self.frame.extend_from_slice(&item);
        if self.frame.len() as u64 > self.limit {
            return Err(FramesFault::Frame(self.limit));
        }
        Ok(None)
    }

    /// The last frame.
    pub(super) fn finish(&mut self) -> Result<Option<Vec<u8>>, FramesFault> {
        if self.begun != self.frames {
            return Err(FramesFault::Count { said: self.frames, found: self.begun });
        }
        Ok(Some(std::mem::take(&mut self.frame)))
    }
}
