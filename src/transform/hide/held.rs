//! What is held whole: rewritten by its lengths, or passed on as it came.

use super::{Hide, HideFault, HideLimits, ITEM, put_header};
use crate::dicom::Tag;
use crate::dicom::dataset::record::{Edit, Record, RecordLimits};
use crate::dicom::dataset::{Raw, Vr};
use crate::dicom::dimse::Tolerances;
use crate::dicom::transfer_syntax::Encoding;

/// A sequence that the dictionary knows, to put an item into.
const AROUND: Tag = Tag(0x0008, 0x1140);

impl Hide {
    /// An element or item is whole, its header included.
    pub(super) fn release(&self, raw: &Raw, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), HideFault> {
        let encoding = self.top()?.encoding;
        if raw.tag != ITEM {
            return match self.emptied(bytes, encoding, 0) {
                Ok(new) => {
                    out.extend_from_slice(&new);
                    Ok(())
                }
                // It only looked like items.
                Err(_) if raw.vr != Some(Vr::SQ) && crate::dicom::dataset::is_sequence(raw.tag) != Some(true) => {
                    out.extend_from_slice(bytes);
                    Ok(())
                }
                Err(fault) => Err(fault),
            };
        }
        let vr = (encoding != Encoding::ImplicitLe).then_some(Vr::SQ);
        let mut around = Vec::with_capacity(bytes.len() + 12);
        put_header(&mut around, encoding, AROUND, vr, u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        let header = around.len();
        around.extend_from_slice(bytes);
        let new = self.emptied(&around, encoding, 1)?;
        out.extend_from_slice(new.get(header..).unwrap_or_default());
        Ok(())
    }

    /// A data set with the attributes emptied, but for those at the first levels.
    fn emptied(&self, bytes: &[u8], encoding: Encoding, levels: usize) -> Result<Vec<u8>, HideFault> {
        let HideLimits { held, depth } = self.limits;
        let open = self.stack.iter().filter(|frame| frame.kind == super::Kind::Sequence).count();
        let depth = depth.saturating_sub(u16::try_from(open).unwrap_or(u16::MAX)).saturating_add(u16::from(levels > 0));
        let limits = RecordLimits { bytes: held.saturating_add(64), elements: u32::MAX, depth };
        let mut record = Record::read(bytes, encoding, Tolerances::ALL, limits)?;
        record.edit_each(|path| match path.last() {
            Some(tag) if path.len() > levels && self.tags.binary_search(tag).is_ok() => Edit::Empty,
            _ => Edit::Keep,
        });
        Ok(record.into_bytes())
    }
}
