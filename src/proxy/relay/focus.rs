//! Several called systems: one is dealt with at a time, and one at a time talks to the caller.

use super::called::Called;
use super::routes::Way;
use super::{Ending, Relay};
use crate::dicom::association::StateName;

impl Relay {
    /// Turns to the system with this number.
    pub(super) fn focus(&mut self, number: u8) {
        if self.called.number != number
            && let Some(other) = self.others.iter_mut().find(|other| other.number == number)
        {
            std::mem::swap(&mut self.called, other);
        }
    }

    /// Turns to the system that the caller's message under way is for.
    pub(super) fn focus_up(&mut self) {
        self.focus(self.up_for);
    }

    /// A message of the caller begins on this context: what was released for another system goes to that one first.
    pub(super) fn begin_up(&mut self, context: u8) {
        if let Way::Leg(number) = self.routes.of(context) {
            let number = self.asked_again_on(number);
            if number != self.up_for {
                self.focus_up();
                self.hand_out_up();
                self.up_for = number;
            }
        }
        self.focus_up();
    }

    /// Does something with every called system in turn.
    ///
    /// # Errors
    /// The first ending that one of them comes to.
    pub(super) fn each(&mut self, mut act: impl FnMut(&mut Self) -> Result<(), Ending>) -> Result<(), Ending> {
        if self.others.is_empty() {
            return act(self);
        }
        for number in 0..=u8::try_from(self.others.len()).unwrap_or(u8::MAX) {
            self.focus(number);
            act(self)?;
        }
        Ok(())
    }

    /// All called systems.
    pub(super) fn all_called(&self) -> impl Iterator<Item = &Called> {
        std::iter::once(&*self.called).chain(self.others.iter().map(|other| &**other))
    }

    /// No system is in the midst of a message to the caller.
    pub(super) fn down_between(&self) -> bool {
        self.all_called().all(|called| called.down.between())
    }

    /// Another system is in the midst of a message to the caller.
    pub(super) fn another_talks(&self) -> bool {
        self.others.iter().any(|other| other.has_the_floor())
    }

    /// Nothing of the caller's is on its way to the system in focus.
    pub(super) fn up_between(&self) -> bool {
        self.up_for != self.called.number || self.up.between()
    }

    /// Nothing is under way in any direction.
    pub(super) fn is_idle(&self) -> bool {
        self.up.between()
            && self
                .all_called()
                .all(|called| called.down.between() && called.asked.is_empty() && called.asked_back.is_empty())
            && self.all_called().all(|called| called.owed.is_empty())
            && !self.is_reporting()
            && !self.is_releasing()
    }

    /// One side has asked for release; the end is near without our help.
    pub(super) fn is_releasing(&self) -> bool {
        self.caller_machine.state() != StateName::Sta6
            || self.all_called().any(|called| called.leg.machine.state() != StateName::Sta6)
    }
}
