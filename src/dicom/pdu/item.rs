//! Items and sub-items: type, reserved, two bytes of length, value (PS3.8 9.3.1).

use super::fault::{FaultKind, PduFault};
use crate::dicom::cursor::Cursor;
use crate::dicom::uid::Uid;

/// Bytes of an item's head.
pub(super) const HEAD: u32 = 4;

/// One item of a variable field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item<'a> {
    /// The item type.
    pub kind: u8,
    /// The value.
    pub value: &'a [u8],
    /// Where the value begins, from the PDU's first byte.
    pub at: u32,
}

impl<'a> Item<'a> {
    /// A fault at this item's value.
    pub fn fault(&self, kind: FaultKind, what: &'static str) -> PduFault {
        PduFault::new(kind, what, self.at)
    }

    /// The value as a UID. Devices pad: one trailing NUL or space is taken off.
    pub fn uid(&self, what: &'static str) -> Result<Uid, PduFault> {
        uid(self.value).ok_or_else(|| self.fault(FaultKind::Value, what))
    }

    /// The value behind a UID that has its own length before it (54H, 56H).
    pub fn counted_uid(&self, what: &'static str) -> Result<(Uid, &'a [u8]), PduFault> {
        let mut cursor = Cursor::new(self.value);
        let length = cursor.u16_be().ok_or_else(|| self.fault(FaultKind::Length, what))?;
        let bytes = cursor.take(usize::from(length)).ok_or_else(|| self.fault(FaultKind::Length, what))?;
        let uid = uid(bytes).ok_or_else(|| self.fault(FaultKind::Value, what))?;
        Ok((uid, cursor.rest()))
    }
}

/// A UID as PDUs carry it, padded or not.
pub(super) fn uid(bytes: &[u8]) -> Option<Uid> {
    Uid::new(bytes.strip_suffix(b" ").unwrap_or(bytes)).ok()
}

/// The items of a variable field, one after the other.
#[derive(Debug)]
pub(super) struct Items<'a> {
    cursor: Cursor<'a>,
    base: u32,
}

impl<'a> Items<'a> {
    /// Items in some bytes that begin `base` bytes behind the PDU's first.
    pub fn new(bytes: &'a [u8], base: u32) -> Self {
        Self { cursor: Cursor::new(bytes), base }
    }

    /// The next item; a fault if it runs over what it stands in.
    pub fn next(&mut self) -> Result<Option<Item<'a>>, PduFault> {
        if self.cursor.is_empty() {
            return Ok(None);
        }
        let here = self.base.saturating_add(u32::try_from(self.cursor.position()).unwrap_or(u32::MAX));
        let cut = PduFault::new(FaultKind::Length, "an item that runs over what it stands in", here);
        let kind = self.cursor.u8().ok_or(cut)?;
        self.cursor.u8().ok_or(cut)?;
        let length = self.cursor.u16_be().ok_or(cut)?;
        let value = self.cursor.take(usize::from(length)).ok_or(cut)?;
        Ok(Some(Item { kind, value, at: here.saturating_add(HEAD) }))
    }
}

/// Writes an item around what `fill` writes. An item too long for its two bytes of length is left out whole: a
/// corrupt length is never written.
pub(super) fn put(out: &mut Vec<u8>, kind: u8, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[kind, 0, 0, 0]);
    let value = out.len();
    fill(out);
    match u16::try_from(out.len() - value) {
        Ok(length) => {
            if let Some(field) = out.get_mut(start + 2..value) {
                field.copy_from_slice(&length.to_be_bytes());
            }
        }
        Err(_) => out.truncate(start),
    }
}

/// Writes an item that holds a UID.
pub(super) fn put_uid(out: &mut Vec<u8>, kind: u8, uid: &Uid) {
    put(out, kind, |out| out.extend_from_slice(uid.as_bytes()));
}

/// Writes a UID with its own two bytes of length before it.
pub(super) fn put_counted_uid(out: &mut Vec<u8>, uid: &Uid) {
    let length = u16::try_from(uid.as_bytes().len()).unwrap_or(0);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(uid.as_bytes());
}
