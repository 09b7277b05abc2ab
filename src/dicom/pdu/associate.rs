//! What A-ASSOCIATE-RQ and -AC have in common: the fixed fields, the ids, the frame of the whole PDU.

use super::fault::{FaultKind, PduFault};
use super::head::{ASSOCIATE_FIXED, Head, Kind, LENGTH};
use super::item::{Item, Items};
use super::limits;
use super::title::RawTitle;

/// Item types of PS3.8 9.3.2 and 9.3.3.
pub(super) const APPLICATION_CONTEXT: u8 = 0x10;
pub(super) const PROPOSED_CONTEXT: u8 = 0x20;
pub(super) const ANSWERED_CONTEXT: u8 = 0x21;
pub(super) const ABSTRACT_SYNTAX: u8 = 0x30;
pub(super) const TRANSFER_SYNTAX: u8 = 0x40;
pub(super) const USER_INFORMATION: u8 = 0x50;

/// The only application context there is (PS3.7 A.2.1).
pub(in crate::dicom) const DICOM_APPLICATION_CONTEXT: &str = "1.2.840.10008.3.1.1.1";

/// The 68 bytes behind the head.
pub(super) struct Fixed {
    pub protocol_version: u16,
    pub called: RawTitle,
    pub calling: RawTitle,
    pub reserved: [u8; 32],
}

/// Reads the fixed fields and gives the items behind them.
pub(super) fn open(bytes: &[u8], kind: Kind) -> Result<(Fixed, Items<'_>), PduFault> {
    let mut cursor = Head::open(bytes, kind)?;
    let short = PduFault::new(FaultKind::Length, "an association PDU shorter than its fixed fields", 2);
    let protocol_version = cursor.u16_be().ok_or(short)?;
    cursor.u16_be().ok_or(short)?;
    let called = RawTitle(cursor.array().ok_or(short)?);
    let calling = RawTitle(cursor.array().ok_or(short)?);
    let reserved = cursor.array().ok_or(short)?;
    let base = ASSOCIATE_FIXED.saturating_add(u32::try_from(LENGTH).unwrap_or(0));
    Ok((Fixed { protocol_version, called, calling, reserved }, Items::new(cursor.rest(), base)))
}

/// Writes a whole association PDU around what `items` writes.
pub(super) fn close(kind: Kind, fixed: &Fixed, items: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    out.extend_from_slice(&[kind.byte(), 0, 0, 0, 0, 0]);
    out.extend_from_slice(&fixed.protocol_version.to_be_bytes());
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(&fixed.called.0);
    out.extend_from_slice(&fixed.calling.0);
    out.extend_from_slice(&fixed.reserved);
    items(&mut out);
    // At most 128 contexts and one user information item, each under 64 KiB: far below 4 GiB.
    let length = u32::try_from(out.len().saturating_sub(LENGTH)).unwrap_or(u32::MAX);
    if let Some(field) = out.get_mut(2..LENGTH) {
        field.copy_from_slice(&length.to_be_bytes());
    }
    out
}

/// Ids seen so far in one PDU.
#[derive(Default)]
pub(super) struct Ids(u128);

impl Ids {
    /// Takes an id that has to be odd and new.
    pub fn take(&mut self, id: u8, item: &Item<'_>) -> Result<(), PduFault> {
        if id.is_multiple_of(2) {
            return Err(item.fault(FaultKind::Value, "a presentation context id that is not odd"));
        }
        let bit = 1 << (id / 2);
        if self.0 & bit != 0 {
            return Err(item.fault(FaultKind::UnexpectedParameter, "a presentation context id that stands twice"));
        }
        self.0 |= bit;
        Ok(())
    }
}

/// Counts the items of unknown types: they are ignored (9.3.1), but not without end.
#[derive(Default)]
pub(super) struct Skipped(usize);

impl Skipped {
    /// One more.
    pub fn one(&mut self, item: &Item<'_>) -> Result<(), PduFault> {
        self.0 += 1;
        if self.0 > limits::SKIPPED_ITEMS {
            return Err(item.fault(FaultKind::Limit, "more items of unknown types than the gateway takes"));
        }
        Ok(())
    }
}

/// Puts a value where there may be one.
pub(super) fn once<T>(slot: &mut Option<T>, value: T, item: &Item<'_>, what: &'static str) -> Result<(), PduFault> {
    if slot.is_some() {
        return Err(item.fault(FaultKind::UnexpectedParameter, what));
    }
    *slot = Some(value);
    Ok(())
}
