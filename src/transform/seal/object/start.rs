//! The seal of an object begins: where its segments are going to stand, and what goes before them.

use super::super::carry::{ENCRYPTED, Way};
use super::super::order::{Begun, SealFault};
use super::Object;
use crate::dicom::dataset::Length;
use crate::transform::head::PIXEL_DATA;
use crate::transform::scan::Head;
use crate::vault::Sealer;
use crate::vault::carrier::{Carrier, Form, Geometry, TRAILING_RESERVE};
use std::sync::Arc;

impl Object {
    /// The sealer is made, and takes what was held: a long value comes, an image, or the end.
    pub(super) fn start(&mut self, head: &Head, image: bool) -> Result<(), SealFault> {
        let identity = self.facts.identity(&self.order)?;
        let sealer = Sealer::new(Arc::clone(&self.order.context), &identity, self.facts.character_set())?;
        if image {
            self.carry.way = self.way(head, &sealer)?;
        }
        self.begin_seal(sealer, identity.study);
        if let Way::Going(image, room) = self.carry.way {
            let mut merged = self.merge(Some(&image));
            merged.before(Some(PIXEL_DATA), |bytes| self.out.go(bytes));
            if let Some(tag) = merged.next_tag() {
                return Err(SealFault::Order(tag));
            }
            self.out.go(self.carry.pixel_data(&image));
            image.beginning(room).into_iter().for_each(|bytes| self.out.go(bytes));
        }
        self.unhold()
    }

    pub(super) fn begin_seal(&mut self, sealer: Sealer, study: Option<crate::dicom::Uid>) {
        let (rows, columns) = self.facts.size();
        self.begun = Some(Begun {
            seal: sealer.id(),
            key: sealer.key(),
            study,
            rows,
            columns,
            frames: self.facts.frames(self.image),
            transfer_syntax: self.order.from,
            whose: sealer.whose(),
            carrier: self.carry.carrier(),
        });
        self.sealer = Some(sealer);
    }

    /// The sealer takes what was held.
    pub(super) fn unhold(&mut self) -> Result<(), SealFault> {
        let mut held = std::mem::take(&mut self.held).merge(Vec::new(), self.order.to);
        let mut outcome = Ok(());
        for (to, behind) in [(Some(ENCRYPTED), false), (None, true)] {
            held.before(to, |bytes| {
                if outcome.is_ok() {
                    self.behind_attributes += if behind { bytes.len() as u64 } else { 0 };
                    outcome = self.give(&bytes);
                }
            });
        }
        outcome
    }

    /// Where the segments of an image go.
    fn way(&self, head: &Head, sealer: &Sealer) -> Result<Way, SealFault> {
        let options = &self.order.options;
        let Some(form) = self.form() else { return Ok(Way::Items) };
        let known = match head.raw.length {
            Length::Defined(length) => Some(u64::from(length)),
            Length::Undefined => None,
        };
        let sealed = known.map(|length| sealer.sealed_length(self.payload + head.bytes().len() as u64 + length));
        let few = sealed.is_none_or(|sealed| sealed <= options.attributes_max);
        let small = Geometry::placeholder(form).total <= options.attributes_max;
        if self.order.carrier == Carrier::Attributes && few && small {
            return Ok(Way::Held(Vec::new()));
        }
        let short = known.is_none_or(|length| self.scanner.position() + length < options.hold);
        match sealed {
            Some(sealed) if !short && !self.order.whole => {
                let room = sealed + TRAILING_RESERVE;
                let image = Geometry::for_length(room, form).map_err(|_| SealFault::TooLong)?;
                Ok(Way::Going(image, room))
            }
            _ => Ok(Way::Kept),
        }
    }

    pub(super) fn form(&self) -> Option<Form> {
        self.family.form(&self.facts.original)
    }
}
