//! The seal of an object ends: what stays and what was sealed are put together.

use super::super::carry::{Carry, ENCRYPTED, Way, zeros};
use super::super::clear::Merged;
use super::super::order::{SealFault, Sealed};
use super::Object;
use crate::transform::flow::Flow;
use crate::transform::head::PIXEL_DATA;
use crate::vault::Sealer;
use crate::vault::carrier::{Carrier, Geometry};
use std::sync::Arc;

impl Object {
    /// All that stays so far, and what stands in the place of what was sealed.
    pub(super) fn merge(&mut self, image: Option<&Geometry>) -> Merged {
        let replacements = self.family.replacements(&self.facts.original, image);
        std::mem::take(&mut self.clear).merge(replacements, self.order.to)
    }

    /// The data set is over; `None`: nothing of it is to be sealed.
    pub(in crate::transform::seal) fn finish(&mut self) -> Result<Option<Sealed>, SealFault> {
        self.scanner.finish()?;
        self.probe = None;
        if self.is_untouched() {
            return Ok(None);
        }
        if self.sealer.is_none() {
            let identity = self.facts.identity(&self.order)?;
            let sealer = Sealer::new(Arc::clone(&self.order.context), &identity, self.facts.character_set())?;
            self.begin_seal(sealer, identity.study);
            self.unhold()?;
        }
        if let Some(sealer) = self.sealer.take() {
            sealer.finish(&mut self.segments)?;
            self.segments.drain(..).for_each(|segment| self.carry.segment(segment, &mut self.out));
        }
        if self.behind + self.behind_attributes > u64::from(self.order.options.header) {
            // Out of attributes it would not open.
            self.carry.keep_held(&mut self.out);
        }
        let carrier = match std::mem::replace(&mut self.carry.way, Way::Items) {
            Way::Held(segments) => {
                let items = |carry: &Carry, out: &mut Flow| {
                    segments.into_iter().for_each(|segment| carry.item(segment, |bytes| out.go(bytes)));
                };
                self.attributes(items);
                Carrier::Attributes
            }
            Way::Items => {
                self.attributes(|_, out| out.kept());
                Carrier::Attributes
            }
            Way::Kept => {
                self.kept()?;
                Carrier::Pixels
            }
            Way::Going(image, room) => {
                zeros(image.pad + room.checked_sub(self.carry.bytes).ok_or(SealFault::Trailing)?, &mut self.out);
                let tail = std::mem::take(&mut self.clear);
                tail.merge(Vec::new(), self.order.to).before(None, |bytes| self.out.go(bytes));
                Carrier::Pixels
            }
        };
        let Some(begun) = &mut self.begun else { return Err(SealFault::Over) };
        begun.carrier = Some(carrier);
        Ok(Some(Sealed { begun: begun.clone(), segments: self.carry.segments, bytes: self.carry.bytes }))
    }

    /// The object with its segments in attributes.
    fn attributes(&mut self, segments: impl FnOnce(&Carry, &mut Flow)) {
        let form = self.form();
        let image = form.map(Geometry::placeholder);
        let mut merged = self.merge(image.as_ref());
        merged.before(Some(ENCRYPTED), |bytes| self.out.go(bytes));
        self.out.go(self.carry.sequence());
        segments(&self.carry, &mut self.out);
        self.out.go(self.carry.sequence_end());
        merged.before(Some(PIXEL_DATA), |bytes| self.out.go(bytes));
        if let Some(image) = image {
            self.out.go(self.carry.pixel_data(&image));
            self.out.go(image.blank());
        }
        merged.before(None, |bytes| self.out.go(bytes));
    }

    /// The object with its segments in Pixel Data, now that their length is known.
    fn kept(&mut self) -> Result<(), SealFault> {
        let Some(form) = self.form() else { return Err(SealFault::Over) };
        let image = Geometry::for_length(self.carry.bytes, form).map_err(|_| SealFault::TooLong)?;
        let mut merged = self.merge(Some(&image));
        merged.before(Some(PIXEL_DATA), |bytes| self.out.go(bytes));
        self.out.go(self.carry.pixel_data(&image));
        image.beginning(self.carry.bytes).into_iter().for_each(|bytes| self.out.go(bytes));
        self.out.kept();
        zeros(image.pad, &mut self.out);
        merged.before(None, |bytes| self.out.go(bytes));
        Ok(())
    }
}
