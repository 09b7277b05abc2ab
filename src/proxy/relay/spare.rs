//! One of several associations with a destination ends while nothing is under way on it.
//!
//! Systems close what is idle, and where a delivery has several associations with its destination all but one are idle most
//! of the time. So the end of one that is not needed is not the end of the delivery: nobody takes its place, its contexts
//! are gone, and what fits nothing that is left is asked for once more.

use super::direction::Direction;
use super::{End, Ending, Relay};
use crate::archive::Leg;
use crate::dicom::association::Event;
use crate::dicom::pdu::Pdu;
use crate::proxy::connection::{LAST_WORDS, framer_limits};
use std::time::Instant;

impl Relay {
    /// The association in focus releases, aborts (`said`) or has hung up: where it can be spared, it is let go. Whether it
    /// is.
    pub(super) fn spares(&mut self, said: Option<&Pdu>, now: Instant) -> bool {
        if !self.is_spare() {
            return false;
        }
        if let Some(said) = said {
            self.called.leg.machine.on(Event::from(said), now);
        }
        if said == Some(&Pdu::ReleaseRq) {
            let confirmed = self.called.leg.machine.on(Event::Evt14, now);
            self.say_to_called(confirmed);
        }
        self.let_go(now)
    }

    /// Whether it is an association with the destination of deliveries on which nothing is under way, and not the last.
    fn is_spare(&self) -> bool {
        let called = &self.called;
        let idle = called.asked.is_empty() && called.asked_back.is_empty() && called.down.between();
        // Other archives are sent more than deliveries.
        let finds_others = self.further.is_some() && !self.is_archive(&called.title);
        finds_others && idle && self.up_between() && !self.is_releasing() && self.others.iter().any(|other| !other.gone)
    }

    fn let_go(&mut self, now: Instant) -> bool {
        let artim = self.snapshot.settings.limits.artim;
        let mut nobody = Leg::nobody(framer_limits(&self.snapshot), artim, now);
        let Some(framer) = nobody.take_framer() else { return false };
        tracing::info!(destination = %self.called.to, association = %self.visit.id(), "one of several associations with the destination has ended");
        self.contexts.forget(self.called.number);
        let called = &mut self.called;
        let mut leg = std::mem::replace(&mut called.leg, nobody);
        called.down = Direction::new(framer);
        (called.began, called.gone) = (None, true);
        called.own_answers.clear();
        self.shared.metrics.archive_associations.with_label_values(&[&*called.to]).dec();
        tokio::spawn(async move {
            let _ = tokio::time::timeout(LAST_WORDS, leg.close()).await;
        });
        true
    }

    /// What goes to the system in focus as it comes needs one that is still there.
    ///
    /// # Errors
    /// It has been let go.
    pub(super) const fn is_there(&self) -> Result<(), Ending> {
        if self.called.gone { Err(Ending::Lost(End::Called)) } else { Ok(()) }
    }
}
